//! Why a file cannot be read.

use crate::iiif::GeometryError;
use std::io;
use std::sync::Arc;

/// Why an image cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// The file is not there, or may not be read.
    #[error("could not open `{input}`")]
    Open {
        /// The file.
        input: String,
        /// What the system says.
        #[source]
        cause: io::Error,
    },
    /// What is elsewhere is not there, may not be read, or does not come.
    #[error("could not read `{input}`")]
    Remote {
        /// Where it is.
        input: String,
        /// Why.
        #[source]
        cause: RemoteError,
    },
    /// The file has no content.
    #[error("`{input}` is empty")]
    Empty {
        /// The file.
        input: String,
    },
    /// The content is no image of a known format, whatever the name says.
    #[error("`{input}` is not an image in a known format (JPEG, JPEG 2000, PNG, TIFF, WebP, GIF, BMP, PNM)")]
    UnknownFormat {
        /// The file.
        input: String,
    },
    /// Not a file that can be read from its beginning as often as needed: a folder, a pipe, a device.
    #[error("`{input}` is not a file")]
    NotAFile {
        /// What was named.
        input: String,
    },
    /// The format, or this variety of it, is known but not supported.
    #[error("`{input}` is {variety}, which is not supported")]
    Unsupported {
        /// The file.
        input: String,
        /// The format with its article, for example `a HEIC image`.
        variety: String,
        /// An imperative clause that says how to convert it.
        hint: &'static str,
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
    /// The image is empty, or too large to be tiled.
    #[error("`{input}` cannot be tiled")]
    Size {
        /// The file.
        input: String,
        /// Why.
        #[source]
        cause: GeometryError,
    },
    /// The image has more pixels than are allowed.
    #[error("`{input}` has {pixels} pixels, and no more than {max_pixels} are allowed")]
    TooLarge {
        /// The file.
        input: String,
        /// What it has.
        pixels: u64,
        /// What it may have.
        max_pixels: u64,
    },
    /// The file ends too early, or its content contradicts itself.
    #[error("could not decode `{input}`")]
    Decode {
        /// The file.
        input: String,
        /// What the decoder says.
        #[source]
        cause: DecodeError,
    },
}

/// What kind of failure it was to read what is elsewhere: decides what to advise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RemoteErrorKind {
    /// Credentials, permission, bucket, region or endpoint: another try cannot help before they change.
    Environment,
    /// This one may not be read.
    Denied,
    /// There is no such thing.
    Missing,
    /// It is not any more what it was when reading it began.
    Replaced,
    /// Anything else: another try may help.
    Other,
}

/// Why bytes of something elsewhere did not come.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{words}")]
pub struct RemoteError {
    kind: RemoteErrorKind,
    words: Arc<str>,
}

impl RemoteError {
    /// A failure, in words that have no secrets.
    pub fn new(kind: RemoteErrorKind, words: impl Into<Arc<str>>) -> Self {
        Self { kind, words: words.into() }
    }

    /// One that may pass.
    pub fn other(words: impl Into<Arc<str>>) -> Self {
        Self::new(RemoteErrorKind::Other, words)
    }

    /// What was begun is something else now.
    #[must_use]
    pub fn replaced() -> Self {
        Self::new(RemoteErrorKind::Replaced, "it was replaced while it was read")
    }

    /// What kind of failure it was.
    #[must_use]
    pub fn kind(&self) -> RemoteErrorKind {
        self.kind
    }
}

impl SourceError {
    /// Whether credentials, permission, bucket, region or endpoint must change before another try can help.
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

/// What a decoder says of a file that it cannot read.
pub type DecodeError = Box<dyn std::error::Error + Send + Sync>;

/// Why a decoder refuses a file at its header.
pub(super) enum Refusal {
    /// Of no format that is known.
    Unknown,
    /// Of a format that is read, but not in this variety.
    Unsupported(String),
    /// Of a file that has only so many pages.
    Page {
        pages: u32,
    },
    /// With a hint of its own.
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
    /// Creates the refusal of a format or variety, with the command that converts it.
    pub(super) fn unsupported(what: impl Into<String>, hint: &'static str) -> Self {
        Self::Convert(what.into(), hint)
    }
}

/// The errors that only ever mean that a file cannot be decoded.
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
