//! Exit codes: part of the interface, because schedulers decide by them.

use std::process::ExitCode;

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Everything is done.
    Done,
    /// Some or all images failed; another run may help.
    Failed,
    /// The command line is wrong.
    Usage,
    /// Credentials, bucket, region or endpoint: another run cannot help.
    Environment,
    /// A limit of the command line: another run goes on.
    Limit,
    /// Ctrl-C.
    Interrupted,
    /// SIGTERM.
    Terminated,
}

impl Exit {
    /// As the operating system is told.
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

    /// The one of two that matters more: what another run cannot help before what it can.
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

/// Waits for Ctrl-C or SIGTERM.
pub(crate) async fn interrupted() -> Exit {
    let ctrl_c = async {
        if tokio::signal::ctrl_c().await.is_err() {
            // Without a handler, the signal ends the process as it would any other.
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        () = ctrl_c => Exit::Interrupted,
        () = terminated() => Exit::Terminated,
    }
}

#[cfg(unix)]
async fn terminated() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut signal) => {
            signal.recv().await;
        }
        Err(_) => std::future::pending().await,
    }
}

#[cfg(not(unix))]
async fn terminated() {
    std::future::pending().await
}
