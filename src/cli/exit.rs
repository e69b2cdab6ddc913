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

/// Waits for Ctrl-C, SIGTERM, or SIGHUP, which a terminal sends when it is closed.
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
        () = hung_up() => Exit::Terminated,
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

/// Waits for SIGHUP, unless it is ignored: `nohup` says so, and a handler would undo that.
#[cfg(target_os = "linux")]
async fn hung_up() {
    use tokio::signal::unix::{SignalKind, signal};
    // Signals from 1, a bit each (proc(5)).
    let is_ignored = |status: String| {
        let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:")?.trim().get(..16).map(str::to_owned));
        mask.and_then(|mask| u64::from_str_radix(&mask, 16).ok()).is_some_and(|mask| mask & 1 == 1)
    };
    if std::fs::read_to_string("/proc/self/status").is_ok_and(is_ignored) {
        return std::future::pending().await;
    }
    match signal(SignalKind::hangup()) {
        Ok(mut signal) => {
            signal.recv().await;
        }
        Err(_) => std::future::pending().await,
    }
}

/// Elsewhere nobody knows whether it is ignored: its default is to end the process at once.
#[cfg(not(target_os = "linux"))]
async fn hung_up() {
    std::future::pending().await
}
