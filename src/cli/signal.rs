//! Signals that stop a run.

use super::exit::Exit;

/// Waits for Ctrl-C, SIGTERM, or SIGHUP, which a terminal sends when it closes.
pub(super) async fn interrupted() -> Exit {
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
