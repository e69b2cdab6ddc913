//! A guard against decoders that hang.

use std::io::Write;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// Time after which a call is hanging: a thousand times that of a whole file on a slow machine.
const HANGING: Duration = Duration::from_mins(1);

/// Calls a function that must not hang. If it does, the process ends, because a thread cannot be stopped.
pub fn guarded<T>(what: &str, call: impl FnOnce() -> T) -> T {
    thread::scope(|scope| {
        let (ended, watched) = mpsc::channel::<()>();
        scope.spawn(move || {
            if watched.recv_timeout(HANGING) == Err(mpsc::RecvTimeoutError::Timeout) {
                // Not with `eprintln!`, whose output would be lost.
                let _ = writeln!(std::io::stderr(), "{what} hangs");
                std::process::exit(101);
            }
        });
        let result = call();
        drop(ended);
        result
    })
}
