//! The `iiif-publish man` command.

use super::context::Context;
use super::error::Fatal;
use super::exit::Exit;
use super::output::print_raw;
use super::{Verb, program};
use clap::Args;

#[derive(Debug, Args)]
pub(super) struct Arguments {}

impl Verb for Arguments {
    async fn run(self, _: &Context) -> Result<Exit, Fatal> {
        let mut page = Vec::new();
        clap_mangen::Man::new(program()).render(&mut page).expect("writing to memory does not fail");
        Ok(print_raw(&String::from_utf8_lossy(&page)))
    }
}
