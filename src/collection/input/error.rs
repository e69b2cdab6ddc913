//! Input errors.

use crate::collection::naming::NameError;
use crate::collection::table::{RowError, TableError};
use crate::destination::Identifier;
use crate::location::LocationError;
use crate::store::KeyError;
use std::error::Error;
use std::io;

/// An error in the input.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InputError {
    /// A file or folder couldn't be read.
    #[error("could not read `{input}`")]
    Read {
        /// The path.
        input: String,
        /// The underlying I/O error.
        #[source]
        cause: io::Error,
    },
    /// A file or folder doesn't exist. Missing image files also fail later, but the path may have been a folder full of
    /// images.
    #[error("`{input}` does not exist")]
    Missing {
        /// The path.
        input: String,
    },
    /// A folder, list or table doesn't contain any images.
    #[error("there are no images in `{input}`")]
    Nothing {
        /// The folder, list or table.
        input: String,
    },
    /// A URL has no bucket or an invalid host.
    #[error("invalid source")]
    Location(#[from] LocationError),
    /// A list or table refers to a folder in a bucket.
    #[error("`{0}` is a folder; lists and tables must name images")]
    Folder(String),
    /// The input folder is also the publish target, so its tiles would be treated as images.
    #[error("`{input}` is the publish target")]
    Target {
        /// Path to the folder.
        input: String,
    },
    /// A glob pattern is invalid.
    #[error("invalid pattern")]
    Pattern(#[source] Box<dyn Error + Send + Sync>),
    /// A file name can't be turned into a valid identifier.
    #[error("could not derive an identifier from `{input}`")]
    Identifier {
        /// Path to the file.
        input: String,
        /// The underlying error, if any.
        #[source]
        cause: Option<KeyError>,
    },
    /// Two images have the same identifier.
    #[error("`{first}` and `{second}` have the same identifier `{identifier}`")]
    Overlap {
        /// The first image.
        first: String,
        /// The second image.
        second: String,
        /// Their identifier.
        identifier: Identifier,
    },
    /// The input contains the same image twice.
    #[error("the input contains `{input}` twice")]
    Twice {
        /// The image.
        input: String,
    },
    /// A file couldn't be read as a table.
    #[error("`{input}` {reason}")]
    Table {
        /// Path to the file.
        input: String,
        /// Error message, phrased as a predicate.
        reason: String,
        /// Suggested fix, phrased as an imperative.
        hint: &'static str,
    },
    /// A table has invalid rows.
    #[error("`{input}` has {}", invalid_rows(errors.len()))]
    Rows {
        /// Path to the table.
        input: String,
        /// Errors for all invalid rows.
        errors: Vec<RowError>,
    },
}

impl From<NameError> for InputError {
    fn from(error: NameError) -> Self {
        match error {
            NameError::NoIdentifier { name, cause } => Self::Identifier { input: name, cause },
            NameError::Folder(folder) => Self::Folder(folder),
        }
    }
}

pub(super) fn input_error(error: TableError, input: &str) -> InputError {
    let input = input.to_owned();
    match error {
        TableError::Read(cause) => InputError::Read { input, cause },
        TableError::Refused(reason, hint) => InputError::Table { input, reason, hint },
        TableError::Rows(errors) => InputError::Rows { input, errors },
    }
}

fn invalid_rows(count: usize) -> String {
    if count == 1 { "1 invalid row".to_owned() } else { format!("{count} invalid rows") }
}
