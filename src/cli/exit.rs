//! Exit codes. They are part of the interface because schedulers rely on them.

use std::process::ExitCode;

/// Outcome of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Success.
    Done,
    /// Some or all images failed. Retrying might help.
    Failed,
    /// Only images failed that had failed in the last report, with the same files.
    KnownFailures,
    /// Invalid usage.
    Usage,
    /// Retrying won't help until the credentials, bucket, region or endpoint are fixed.
    Environment,
    /// Stopped by a limit set on the command line. Run again to continue.
    Limit,
    /// Interrupted by Ctrl-C.
    Interrupted,
    /// Terminated by SIGTERM or SIGHUP.
    Terminated,
}

impl Exit {
    /// Returns the process exit code.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Environment => 3,
            Self::Limit => 4,
            Self::KnownFailures => 5,
            Self::Interrupted => 130,
            Self::Terminated => 143,
        }
    }

    /// Returns the more severe of two outcomes. Outcomes that a retry can't fix rank highest.
    pub(crate) fn worse(self, other: Self) -> Self {
        let rank = |exit| match exit {
            Self::Done => 0,
            Self::KnownFailures => 1,
            Self::Failed => 2,
            Self::Limit => 3,
            Self::Environment => 4,
            Self::Usage | Self::Interrupted | Self::Terminated => 5,
        };
        if rank(other) > rank(self) { other } else { self }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        exit.code().into()
    }
}
