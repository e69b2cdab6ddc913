//! Signals that stop the program.

use super::exit::Exit;

/// Waits for Ctrl-C, SIGTERM or SIGHUP, and returns the exit code. A terminal sends SIGHUP when it closes.
pub(super) async fn interrupted() -> Exit {
    let ctrl_c = async {
        if tokio::signal::ctrl_c().await.is_err() {
            // Without a handler, Ctrl-C terminates the process.
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

/// Waits for SIGHUP unless the process ignores it, because a handler would defeat `nohup`.
#[cfg(target_os = "linux")]
async fn hung_up() {
    use tokio::signal::unix::{SignalKind, signal};
    // The mask has one bit per signal, starting with signal 1 (see proc(5)).
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

/// Waits forever. Other systems don't reveal if SIGHUP is ignored, and by default it terminates the process.
#[cfg(not(target_os = "linux"))]
async fn hung_up() {
    std::future::pending().await
}
