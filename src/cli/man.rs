//! The `iiif-publish man` command.

use super::context::Context;
use super::error::Fatal;
use super::exit::Exit;
use super::output::print_raw;
use super::{Verb, program};
use clap::Args;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Command to describe [default: all, in short]
    command: Option<String>,
}

impl Verb for Arguments {
    async fn run(self, _: &Context) -> Result<Exit, Fatal> {
        let mut program = program();
        program.build();
        let command = match &self.command {
            None => program,
            Some(name) => program.find_subcommand(name).cloned().ok_or_else(|| {
                let error = format!("no command is named `{name}`");
                Fatal::new(Exit::Usage, error, "`iiif-publish --help` lists the commands")
            })?,
        };
        let mut page = Vec::new();
        clap_mangen::Man::new(command).render(&mut page).expect("writing to memory does not fail");
        Ok(print_raw(&String::from_utf8_lossy(&page)))
    }
}
