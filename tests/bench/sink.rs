//! An S3 server that costs next to nothing: it keeps the MD5 and the size of what is put, and nothing else unless it gets the argument
//! `keep`. With it, the figures of a bench on one machine are those of the clients. `server.py` starts it; it ends with its standard
//! input.

#[path = "../it/support/faults/mod.rs"]
#[expect(dead_code, reason = "what the tests need beside this")]
mod faults;

use faults::{Fault, FaultServer, Scope};
use std::io::{Read, stdin};
use std::time::Duration;

fn main() {
    // Cargo adds `--bench`.
    let milliseconds = std::env::args().skip(1).find_map(|argument| argument.parse().ok());
    let keeps = std::env::args().any(|argument| argument == "keep");
    let server = if keeps { FaultServer::start() } else { FaultServer::sink() };
    if let Some(milliseconds) = milliseconds {
        // As if it were so far away.
        server.fail(Fault::Slow(Duration::from_millis(milliseconds)), Scope::always());
    }
    println!("{}", server.endpoint());
    let _ = stdin().read_to_end(&mut Vec::new());
}
