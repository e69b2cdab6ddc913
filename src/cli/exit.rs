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

/// Waits for Ctrl-C, SIGTERM, or SIGHUP, which a terminal sends when it closes.
pub(crate) async fn interrupted() -> Exit {
    let ctrl_c = async {
        if tokio::signal::ctrl_c().await.is_err() {
            // Without a handler, the signal ends the process.
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

/// Waits for SIGHUP, unless it is ignored: a handler would undo the effect of `nohup`.
#[cfg(target_os = "linux")]
async fn hung_up() {
    use tokio::signal::unix::{SignalKind, signal};
    // One bit per signal, starting with signal 1 (proc(5)).
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

/// Waits forever: on other systems, it is unknown if SIGHUP is ignored, and its default is to end the process.
#[cfg(not(target_os = "linux"))]
async fn hung_up() {
    std::future::pending().await
}
