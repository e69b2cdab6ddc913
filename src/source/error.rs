//! Errors of reading an image.

use crate::iiif::GeometryError;
use std::io;
use std::sync::Arc;

/// An error of reading an image.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// The file does not exist or is not readable.
    #[error("could not open `{input}`")]
    Open {
        /// The file.
        input: String,
        /// The error of the operating system.
        #[source]
        cause: io::Error,
    },
    /// The remote object does not exist, is not readable, or could not be fetched.
    #[error("could not read `{input}`")]
    Remote {
        /// The location.
        input: String,
        /// The cause.
        #[source]
        cause: RemoteError,
    },
    /// The file is empty.
    #[error("`{input}` is empty")]
    Empty {
        /// The file.
        input: String,
    },
    /// The content is not a known image format, regardless of the file name.
    #[error("`{input}` is not an image in a known format ({formats})")]
    UnknownFormat {
        /// The file.
        input: String,
        /// The names of the known formats.
        formats: String,
    },
    /// Not a regular file, but a folder, a pipe or a device.
    #[error("`{input}` is not a file")]
    NotAFile {
        /// The path.
        input: String,
    },
    /// The format, or this variant of it, is known but not supported.
    #[error("`{input}` is {variety}, which is not supported")]
    Unsupported {
        /// The file.
        input: String,
        /// The format with its article, for example `a HEIC image`.
        variety: String,
        /// An imperative clause that says how to convert it.
        hint: &'static str,
    },
    /// The source is of a kind that this build cannot read, because a feature of the crate is disabled.
    #[error("cannot read `{input}`: {what} require the feature `{feature}`, which this build lacks")]
    FeatureDisabled {
        /// The location.
        input: String,
        /// The kind of source in the plural, for example `JPEG 2000 files`.
        what: &'static str,
        /// The feature of the crate that reads it.
        feature: &'static str,
    },
    /// The file has no such page.
    #[error("`{input}` has no page {page}: {}", number_of_pages(*.pages))]
    NoSuchPage {
        /// The file.
        input: String,
        /// The page, counted from 1.
        page: u32,
        /// The number of pages of the file.
        pages: u32,
    },
    /// The image is empty or too large to be tiled.
    #[error("`{input}` cannot be tiled")]
    Size {
        /// The file.
        input: String,
        /// The limit that it exceeds.
        #[source]
        cause: GeometryError,
    },
    /// The image has more pixels than allowed.
    #[error("`{input}` has {pixels} pixels, more than the limit of {max_pixels}")]
    TooLarge {
        /// The file.
        input: String,
        /// The number of pixels.
        pixels: u64,
        /// The limit.
        max_pixels: u64,
    },
    /// The file is truncated or inconsistent.
    #[error("could not decode `{input}`")]
    Decode {
        /// The file.
        input: String,
        /// The error of the decoder.
        #[source]
        cause: DecodeError,
    },
}

/// Kind of a failure to read a remote object. It decides the hint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RemoteErrorKind {
    /// Credentials, permission, bucket, region or endpoint are wrong. Retrying is useless until they change.
    Environment,
    /// Access to this object is denied.
    Denied,
    /// The object does not exist.
    Missing,
    /// The object changed since reading started.
    Replaced,
    /// Any other failure. Retrying may help.
    Other,
}

/// A failure to fetch a remote object.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub struct RemoteError {
    kind: RemoteErrorKind,
    message: Arc<str>,
}

impl RemoteError {
    /// Creates a failure from a message without secrets.
    pub(crate) fn new(kind: RemoteErrorKind, message: impl Into<Arc<str>>) -> Self {
        Self { kind, message: message.into() }
    }

    /// Creates a failure that may be transient.
    pub(crate) fn other(message: impl Into<Arc<str>>) -> Self {
        Self::new(RemoteErrorKind::Other, message)
    }

    /// Creates the failure for an object that changed while it was read.
    #[must_use]
    #[cfg(any(test, feature = "s3", feature = "web"))]
    pub(crate) fn replaced() -> Self {
        Self::new(RemoteErrorKind::Replaced, "it was replaced while it was read")
    }

    /// Returns the kind of the failure.
    #[must_use]
    pub fn kind(&self) -> RemoteErrorKind {
        self.kind
    }
}

impl SourceError {
    /// Returns `true` if retrying is useless before credentials, permission, bucket, region or endpoint change.
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

/// An error of a decoder.
pub type DecodeError = Box<dyn std::error::Error + Send + Sync>;

/// Reason for which a decoder rejects a file at its header.
pub(super) enum Refusal {
    /// Unknown format.
    Unknown,
    /// Unsupported variant of a supported format.
    Unsupported(String),
    /// The requested page does not exist.
    Page {
        pages: u32,
    },
    /// Disabled in this build: the kind of file, and the feature that reads it.
    #[cfg(not(all(feature = "jp2", feature = "webp")))]
    Disabled {
        what: &'static str,
        feature: &'static str,
    },
    /// Unsupported, with a specific hint.
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
    /// Creates the refusal of a format or variant, with a hint that converts it.
    pub(super) fn unsupported(what: impl Into<String>, hint: &'static str) -> Self {
        Self::Convert(what.into(), hint)
    }
}

/// Errors that always mean that a file cannot be decoded.
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
