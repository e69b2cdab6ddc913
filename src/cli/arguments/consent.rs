//! Confirmation prompts in the terminal.

use crate::cli::error::Fatal;
use crate::cli::escape;
use crate::cli::exit::Exit;
use clap::Args;
use std::io::{self, BufRead, IsTerminal, Write};

#[derive(Debug, Args)]
pub(crate) struct ConsentArguments {
    /// Skip the confirmation prompt
    #[arg(long, short)]
    yes: bool,
    /// Show what would happen without changing anything
    #[arg(long, conflicts_with = "yes")]
    pub(crate) dry_run: bool,
}

impl ConsentArguments {
    /// Checks up front that the user can be prompted, if necessary.
    pub(crate) fn check_can_prompt(&self) -> Result<(), Fatal> {
        if self.yes || self.dry_run || io::stdin().is_terminal() {
            return Ok(());
        }
        let error = "cannot prompt: stdin is not a terminal".to_owned();
        Err(Fatal::new(Exit::Usage, error, "pass `--yes` to continue without a prompt"))
    }

    /// Returns `true` if the user passed `--yes`.
    pub(crate) fn skips_prompt(&self) -> bool {
        self.yes
    }

    /// Prompts the user and returns `true` on confirmation. This blocks, so call it before starting concurrent work.
    pub(crate) fn confirm(&self, question: &str) -> bool {
        self.yes || ask(question, &mut io::stdin().lock(), &mut io::stderr().lock())
    }
}

/// Returns `true` only for `y` or `yes`. Any other answer counts as no, and so does an I/O error.
fn ask(question: &str, input: &mut impl BufRead, output: &mut impl Write) -> bool {
    let mut answer = String::new();
    let asked = write!(output, "{} [y/N] ", escape::line(question)).and_then(|()| output.flush());
    let is_answered = asked.is_ok() && input.read_line(&mut answer).is_ok();
    is_answered && matches!(answer.trim().to_lowercase().as_str(), "y" | "yes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_y_and_yes_confirm() {
        for (answer, is_yes) in [
            ("y\n", true),
            ("Yes\n", true),
            (" y \r\n", true),
            ("\n", false),
            ("", false),
            ("no\n", false),
            ("yy", false),
        ] {
            let mut asked = Vec::new();
            assert_eq!(ask("delete it?", &mut answer.as_bytes(), &mut asked), is_yes, "{answer:?}");
            assert_eq!(String::from_utf8_lossy(&asked), "delete it? [y/N] ");
        }
    }
}
