//! Completion scripts and the manual page.

use super::exit::Exit;
use clap::{Args, Command};
use clap_complete::Shell;
use std::io::{self, Write};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The shell
    shell: Shell,
}

pub(super) fn completions(arguments: &Arguments, command: &mut Command) -> Exit {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, command, "iiif-publish", &mut script);
    print(&script)
}

pub(super) fn man(command: Command) -> Exit {
    let mut page = Vec::new();
    match clap_mangen::Man::new(command).render(&mut page) {
        Ok(()) => print(&page),
        Err(error) => {
            eprintln!("error: could not write the manual page: {error}");
            Exit::Failed
        }
    }
}

/// Prints to stdout. A reader that has seen enough (`| head`) is no failure.
pub(super) fn print(bytes: &[u8]) -> Exit {
    match io::stdout().lock().write_all(bytes) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            eprintln!("error: could not write to standard output: {error}");
            Exit::Failed
        }
        _ => Exit::Done,
    }
}
