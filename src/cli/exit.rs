//! Exit codes. They are part of the interface, because schedulers act on them.

use std::process::ExitCode;

/// The outcome of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Success.
    Done,
    /// Some or all images failed; another run may help.
    Failed,
    /// Invalid usage.
    Usage,
    /// Credentials, bucket, region or endpoint: another run cannot help.
    Environment,
    /// Stopped by a limit of the command line: another run continues.
    Limit,
    /// Ctrl-C.
    Interrupted,
    /// SIGTERM.
    Terminated,
}

impl Exit {
    /// Returns the exit code for the operating system.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Environment => 3,
            Self::Limit => 4,
            Self::Interrupted => 130,
            Self::Terminated => 143,
        }
    }

    /// Returns the more severe of two outcomes: those that another run cannot fix rank highest.
    pub(crate) fn worse(self, other: Self) -> Self {
        let rank = |exit| match exit {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Limit => 2,
            Self::Environment => 3,
            Self::Usage | Self::Interrupted | Self::Terminated => 4,
        };
        if rank(other) > rank(self) { other } else { self }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        exit.code().into()
    }
}
