//! Completion scripts and the manual page.

use super::exit::Exit;
use super::output::{print_raw, tell};
use clap::{Args, Command};
use clap_complete::Shell;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Shell that will load the script
    shell: Shell,
}

pub(super) fn completions(arguments: &Arguments, command: &mut Command) -> Exit {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, command, "iiif-publish", &mut script);
    print_raw(&String::from_utf8_lossy(&script))
}

pub(super) fn man(command: Command) -> Exit {
    let mut page = Vec::new();
    match clap_mangen::Man::new(command).render(&mut page) {
        Ok(()) => print_raw(&String::from_utf8_lossy(&page)),
        Err(error) => {
            tell(&format!("error: could not write the manual page: {error}"));
            Exit::Failed
        }
    }
}
