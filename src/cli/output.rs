//! Where words go: results to stdout, everything else to stderr.

use super::exit::Exit;
use std::io::{self, Write};

/// Prints a result. A reader that has seen enough (`| head`) is no failure.
pub(super) fn print(text: &str) -> Exit {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            tell(&format!("error: could not write to standard output: {error}"));
            Exit::Failed
        }
        _ => Exit::Done,
    }
}

/// Tells people something. That nobody listens any more is no reason to stop.
pub(super) fn tell(line: &str) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}
