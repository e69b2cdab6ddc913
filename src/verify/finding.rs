//! Problems that verification finds, and their texts.

use crate::iiif::Format;
use std::fmt;

/// The maximum number of characters quoted from a server.
const QUOTED_LETTERS: usize = 120;

/// One problem of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// The path below the base URI, or `None` if the problem concerns the whole image.
    pub path: Option<String>,
    /// The problem.
    pub problem: Problem,
}

/// A problem with an object or an image.
///
/// `Display` writes a clause for people. It escapes control characters from servers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Problem {
    /// Pages of other sites cannot read `objects` of `checked` image files.
    Cors {
        /// The number of image files without CORS headers.
        objects: u64,
        /// The number of image files that were checked.
        checked: u64,
    },
    /// `info.json` contains an error, described by this message.
    Information(String),
    /// Pages of other sites cannot read `info.json`.
    InformationCors,
    /// The object does not exist or is not public.
    Missing {
        /// The status of the response.
        status: u16,
    },
    /// The status shows neither that the object exists nor that it is missing.
    Status {
        /// The status of the response.
        status: u16,
    },
    /// The request failed after several attempts.
    Unanswered {
        /// The innermost cause.
        reason: String,
    },
    /// The object is larger than is possible for its kind.
    TooLarge {
        /// The maximum number of bytes read.
        limit_bytes: u64,
    },
    /// The body is not a complete file of its format.
    Damaged {
        /// The requested format.
        format: Format,
        /// The message of the decoder.
        reason: String,
    },
    /// The image has wrong dimensions.
    Size {
        /// The actual width and height, in pixels.
        found: String,
        /// The expected dimensions, in pixels.
        expected: String,
    },
    /// The `Content-Type` is missing or wrong.
    MediaType {
        /// The header, or `None` if it is missing.
        found: Option<String>,
        /// The expected media type.
        expected: &'static str,
    },
    /// The object has no `Cache-Control`.
    CacheControl,
    /// None of the checked image files has a `Cache-Control`.
    NoCacheControl {
        /// The number of image files that were checked.
        checked: u64,
    },
}

impl Problem {
    /// Returns a stable word for programs.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Cors { .. } | Self::InformationCors => "cors",
            Self::Information(_) => "information",
            Self::Missing { .. } => "missing",
            Self::Status { .. } | Self::Unanswered { .. } => "unanswered",
            Self::TooLarge { .. } => "too-large",
            Self::Damaged { .. } => "damaged",
            Self::Size { .. } => "size",
            Self::MediaType { .. } => "media-type",
            Self::CacheControl | Self::NoCacheControl { .. } => "cache-control",
        }
    }

    /// Returns the position of the problem's kind in a report.
    pub(super) fn rank(&self) -> u8 {
        match self {
            Self::Information(_) | Self::InformationCors => 0,
            Self::Cors { .. } | Self::NoCacheControl { .. } => 1,
            Self::Missing { .. } => 2,
            Self::Status { .. } | Self::Unanswered { .. } => 3,
            Self::TooLarge { .. } | Self::Damaged { .. } => 4,
            Self::Size { .. } => 5,
            Self::MediaType { .. } => 6,
            Self::CacheControl => 7,
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cors { objects, checked } => write!(
                formatter,
                "{objects} of {checked} image files have no `Access-Control-Allow-Origin` for other sites"
            ),
            Self::Information(words) => formatter.write_str(words),
            Self::InformationCors => formatter.write_str("no `Access-Control-Allow-Origin` for other sites"),
            Self::Missing { status: 403 } => formatter.write_str("missing or not public (403; S3 uses it for both)"),
            Self::Missing { status } => write!(formatter, "missing ({status})"),
            Self::Status { status } => write!(formatter, "unexpected status {status}"),
            Self::Unanswered { reason } => write!(formatter, "incomplete response: {}", shortened(reason)),
            Self::TooLarge { limit_bytes } => {
                write!(formatter, "larger than the possible maximum of {limit_bytes} bytes")
            }
            Self::Damaged { format, reason } => write!(formatter, "not a complete {format}: {}", shortened(reason)),
            Self::Size { found, expected } => write!(formatter, "{found} pixels instead of {expected}"),
            Self::MediaType { found: None, expected } => {
                write!(formatter, "no `Content-Type`; expected {expected}")
            }
            Self::MediaType { found: Some(found), expected } => {
                write!(formatter, "`Content-Type: {}` instead of {expected}", shortened(found))
            }
            Self::CacheControl => formatter.write_str("no `Cache-Control`"),
            Self::NoCacheControl { checked } => {
                write!(formatter, "none of {checked} image files has a `Cache-Control`")
            }
        }
    }
}

/// Shortens text from a server and escapes it for a terminal.
pub(super) fn shortened(text: &str) -> String {
    let mut shown: String = text.chars().take(QUOTED_LETTERS).flat_map(char::escape_debug).collect();
    if text.chars().nth(QUOTED_LETTERS).is_some() {
        shown.push('…');
    }
    shown
}
