//! Errors in the input.

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
    /// A file or folder cannot be read.
    #[error("could not read `{input}`")]
    Read {
        /// The path.
        input: String,
        /// The error of the system.
        #[source]
        cause: io::Error,
    },
    /// A file or folder does not exist, and may have been a folder. A missing image file fails later, by itself.
    #[error("`{input}` does not exist")]
    Missing {
        /// The path.
        input: String,
    },
    /// A folder, list or table contains no images.
    #[error("there are no images in `{input}`")]
    Nothing {
        /// The path.
        input: String,
    },
    /// A URL has no bucket or no valid host.
    #[error("invalid source")]
    Location(#[from] LocationError),
    /// A list or table names a folder in a bucket.
    #[error("`{0}` is a folder; lists and tables must name images")]
    Folder(String),
    /// The folder is the publish target, whose tiles are images too.
    #[error("`{input}` is the publish target")]
    Target {
        /// The folder.
        input: String,
    },
    /// A pattern is not valid.
    #[error("invalid pattern")]
    Pattern(#[source] Box<dyn Error + Send + Sync>),
    /// The name of a file is not a valid identifier.
    #[error("could not derive an identifier from `{input}`")]
    Identifier {
        /// The file.
        input: String,
        /// The error in the identifier.
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
        /// The identifier.
        identifier: Identifier,
    },
    /// The input contains an image twice.
    #[error("the input contains `{input}` twice")]
    Twice {
        /// The image.
        input: String,
    },
    /// A file is not a readable table.
    #[error("`{input}` {reason}")]
    Table {
        /// The file.
        input: String,
        /// The reason, as a predicate.
        reason: String,
        /// The hint, as an imperative clause.
        hint: &'static str,
    },
    /// A table has invalid rows.
    #[error("`{input}` has {}", invalid_rows(errors.len()))]
    Rows {
        /// The table.
        input: String,
        /// All errors in the rows.
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
