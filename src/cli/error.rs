//! Errors that end a run.

use super::exit::Exit;
use super::progress::Progress;
use iiif_publish::error::chain;
use std::error::Error;

/// An error that ends a run.
#[derive(Debug)]
pub(super) struct Fatal {
    exit: Exit,
    error: String,
    /// Lines printed below the error, such as table rows.
    details: Vec<String>,
    hint: &'static str,
}

impl Fatal {
    pub(super) fn new(exit: Exit, error: String, hint: &'static str) -> Self {
        Self { exit, error, details: Vec::new(), hint }
    }

    /// Creates an error whose message includes the causes.
    pub(super) fn of(exit: Exit, error: &(dyn Error + 'static), hint: &'static str) -> Self {
        Self::new(exit, chain(error), hint)
    }

    pub(super) fn with_details(self, details: Vec<String>) -> Self {
        Self { details, ..self }
    }

    /// Prints the error and returns the exit code.
    pub(super) fn print(&self, progress: &Progress) -> Exit {
        progress.print_error(None, &self.error, &self.details, self.hint);
        self.exit
    }
}
