//! Errors returned when reading an image.

use super::{CONVERT, ReadOptions};
use crate::iiif::GeometryError;
use std::io;
use std::sync::Arc;

/// Error returned when reading an image fails.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// The file doesn't exist or can't be opened.
    #[error("could not open `{input}`")]
    Open {
        /// File path.
        input: String,
        /// Underlying I/O error.
        #[source]
        cause: io::Error,
    },
    /// The remote object doesn't exist, can't be read, or failed to download.
    #[error("could not read `{input}`")]
    Remote {
        /// Object location.
        input: String,
        /// Underlying error.
        #[source]
        cause: RemoteError,
    },
    /// The file is empty.
    #[error("`{input}` is empty")]
    Empty {
        /// File path or URL.
        input: String,
    },
    /// The content isn't in a format we recognize. The file name doesn't matter.
    #[error("`{input}` is not an image in a known format ({formats})")]
    UnknownFormat {
        /// File path or URL.
        input: String,
        /// Comma-separated list of supported formats.
        formats: String,
    },
    /// The path refers to a folder, pipe or device instead of a regular file.
    #[error("`{input}` is not a file")]
    NotAFile {
        /// Path that was given.
        input: String,
    },
    /// The format was recognized, but this format or variant isn't supported.
    #[error("`{input}` is {variety}, which is not supported")]
    Unsupported {
        /// File path or URL.
        input: String,
        /// Format name with an article, for example `a HEIC image`.
        variety: String,
        /// Instructions for converting the file, in the imperative.
        hint: &'static str,
    },
    /// Support for this kind of source was disabled when the crate was built.
    #[error("cannot read `{input}`: {what} require the feature `{feature}`, which this build lacks")]
    FeatureDisabled {
        /// Source location.
        input: String,
        /// Plural name for this kind of source, for example `JPEG 2000 files`.
        what: &'static str,
        /// Cargo feature that enables support.
        feature: &'static str,
    },
    /// The requested page doesn't exist.
    #[error("`{input}` has no page {page}: {}", number_of_pages(*.pages))]
    NoSuchPage {
        /// File path or URL.
        input: String,
        /// Requested page, counting from 1.
        page: u32,
        /// Number of pages in the file.
        pages: u32,
    },
    /// The image is empty or too large to tile.
    #[error("`{input}` cannot be tiled")]
    Size {
        /// File path or URL.
        input: String,
        /// The limit that was exceeded.
        #[source]
        cause: GeometryError,
    },
    /// The image has more pixels than the configured limit.
    #[error("`{input}` has {pixels} pixels, more than the limit of {max_pixels}")]
    TooLarge {
        /// File path or URL.
        input: String,
        /// Number of pixels in the image.
        pixels: u64,
        /// Maximum number of pixels allowed.
        max_pixels: u64,
    },
    /// The file is truncated or corrupt.
    #[error("could not decode `{input}`")]
    Decode {
        /// File path or URL.
        input: String,
        /// Underlying decoder error.
        #[source]
        cause: DecodeError,
    },
}

/// Kind of failure when reading a remote object. Determines the hint shown to the user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RemoteErrorKind {
    /// Retrying won't help until the credentials, permissions, bucket, region or endpoint are fixed.
    Environment,
    /// Access to the object was denied.
    Denied,
    /// The object doesn't exist.
    Missing,
    /// The object changed while we were reading it.
    Replaced,
    /// Any other failure. Retrying might help.
    Other,
}

/// Error returned when a remote object can't be fetched.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub struct RemoteError {
    kind: RemoteErrorKind,
    message: Arc<str>,
}

impl RemoteError {
    /// Creates an error. `message` must not contain any secrets.
    pub(crate) fn new(kind: RemoteErrorKind, message: impl Into<Arc<str>>) -> Self {
        Self { kind, message: message.into() }
    }

    /// Creates an error that may be transient.
    pub(crate) fn other(message: impl Into<Arc<str>>) -> Self {
        Self::new(RemoteErrorKind::Other, message)
    }

    /// Creates an error for an object that changed while we were reading it.
    #[must_use]
    #[cfg(any(feature = "s3", feature = "web"))]
    pub(crate) fn replaced() -> Self {
        Self::new(RemoteErrorKind::Replaced, "it was replaced while it was read")
    }

    /// Returns the kind of error.
    #[must_use]
    pub fn kind(&self) -> RemoteErrorKind {
        self.kind
    }
}

impl SourceError {
    /// Creates the error for a file that a decoder rejected.
    pub(super) fn refused(name: &str, refusal: Refusal, options: ReadOptions) -> Self {
        let input = name.to_owned();
        match refusal {
            Refusal::Page { pages } => Self::NoSuchPage { input, page: options.page, pages },
            Refusal::Unsupported(variety) => Self::Unsupported { input, variety, hint: CONVERT },
            Refusal::Convert(variety, hint) => Self::Unsupported { input, variety, hint },
            Refusal::Disabled { what, feature } => Self::FeatureDisabled { input, what, feature },
            Refusal::Size(cause) => Self::Size { input, cause },
            Refusal::Decode(cause) => Self::Decode { input, cause },
        }
    }

    /// Returns `true` if retrying is pointless until the credentials, permissions, bucket, region or endpoint are
    /// fixed.
    #[must_use]
    pub fn is_environment(&self) -> bool {
        matches!(self, Self::Remote { cause, .. } if cause.kind() == RemoteErrorKind::Environment)
    }
}

fn number_of_pages(pages: u32) -> String {
    match pages {
        1 => "it has 1 page".to_owned(),
        pages => format!("it has {pages} pages"),
    }
}

/// Error returned by a decoder.
pub type DecodeError = Box<dyn std::error::Error + Send + Sync>;

/// Reason a decoder rejected a file after looking at its header.
pub(super) enum Refusal {
    /// Unsupported variant of an otherwise supported format.
    Unsupported(String),
    /// The requested page doesn't exist.
    Page {
        pages: u32,
    },
    /// Support was disabled at build time. Holds the kind of file and the feature that enables it.
    #[allow(dead_code, reason = "with all features, nothing is disabled")]
    Disabled {
        what: &'static str,
        feature: &'static str,
    },
    /// Unsupported, with a hint specific to the format.
    Convert(String, &'static str),
    Size(GeometryError),
    Decode(DecodeError),
}

impl From<GeometryError> for Refusal {
    fn from(error: GeometryError) -> Self {
        Self::Size(error)
    }
}

impl Refusal {
    /// Creates a refusal for an unsupported format or variant. `hint` explains how to convert it.
    pub(super) fn unsupported(what: impl Into<String>, hint: &'static str) -> Self {
        Self::Convert(what.into(), hint)
    }
}

/// Marker for errors that always mean the file can't be decoded.
pub(super) trait IsDecodeError {}
impl IsDecodeError for crate::libjpeg::LibjpegError {}
impl IsDecodeError for ::png::DecodingError {}
impl IsDecodeError for io::Error {}
impl IsDecodeError for DecodeError {}

impl<E: Into<DecodeError> + IsDecodeError> From<E> for Refusal {
    fn from(error: E) -> Self {
        Self::Decode(error.into())
    }
}
