//! Problems found during verification, and how they are displayed.

use crate::iiif::Format;
use std::fmt;

/// Maximum number of characters to quote from a server.
const QUOTED_LETTERS: usize = 120;

/// A single problem with an image.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// Path below the base URI, or `None` if the problem affects the whole image.
    pub path: Option<String>,
    /// The problem that was found.
    pub problem: Problem,
}

/// A problem with an object or an image.
///
/// The `Display` implementation produces a human-readable clause. It escapes control characters sent by servers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Problem {
    /// Pages on other sites can't read `objects` out of `checked` image files.
    Cors {
        /// Number of image files without CORS headers.
        objects: u64,
        /// Number of image files that were checked.
        checked: u64,
    },
    /// `info.json` contains the error described by this message.
    Information(String),
    /// Pages on other sites can't read `info.json`.
    InformationCors,
    /// The object doesn't exist or isn't public.
    Missing {
        /// Response status code.
        status: u16,
    },
    /// The status code doesn't indicate whether the object exists.
    Status {
        /// Response status code.
        status: u16,
    },
    /// The request still failed after several attempts.
    Unanswered {
        /// The innermost cause.
        reason: String,
    },
    /// The object is larger than an object of its kind can be.
    TooLarge {
        /// Size limit in bytes.
        limit_bytes: u64,
    },
    /// The body isn't a complete file in the requested format.
    Damaged {
        /// The requested format.
        format: Format,
        /// The decoder's error message.
        reason: String,
    },
    /// The image has the wrong dimensions.
    Size {
        /// Actual width and height in pixels.
        found: String,
        /// Expected dimensions in pixels.
        expected: String,
    },
    /// The `Content-Type` is missing or incorrect.
    MediaType {
        /// The header's value, or `None` if it's missing.
        found: Option<String>,
        /// Expected media type.
        expected: &'static str,
    },
    /// The object doesn't have a `Cache-Control` header.
    CacheControl,
    /// None of the checked image files have a `Cache-Control` header.
    NoCacheControl {
        /// Number of image files that were checked.
        checked: u64,
    },
}

impl Problem {
    /// Returns a stable, machine-readable name for this kind of problem.
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

    /// Returns the sort position of this kind of problem in a report.
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

/// Shortens text received from a server and escapes it for display in a terminal.
pub(super) fn shortened(text: &str) -> String {
    let mut shown: String = text.chars().take(QUOTED_LETTERS).flat_map(char::escape_debug).collect();
    if text.chars().nth(QUOTED_LETTERS).is_some() {
        shown.push('…');
    }
    shown
}
