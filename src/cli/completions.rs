//! The `iiif-publish completions` command.

use super::context::Context;
use super::error::Fatal;
use super::exit::Exit;
use super::output::print_raw;
use super::{Verb, program};
use clap::Args;
use clap_complete::Shell;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Shell to generate the script for
    shell: Shell,
}

impl Verb for Arguments {
    const EXAMPLES: &'static str = "\
Examples:
  iiif-publish completions bash >~/.iiif-publish.bash";

    async fn run(self, _: &Context) -> Result<Exit, Fatal> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut program(), "iiif-publish", &mut script);
        Ok(print_raw(&String::from_utf8_lossy(&script)))
    }
}
