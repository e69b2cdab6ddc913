//! What can be wrong, and how it is said.

use crate::iiif::Format;
use std::fmt;

/// Letters of a server's own text that are repeated.
const QUOTED_LETTERS: usize = 120;

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The path below the base URI; `None` where it concerns the image as a whole.
    pub path: Option<String>,
    /// What is wrong.
    pub problem: Problem,
}

/// What can be wrong. Displayed it is a clause for people, in which nothing from a server is a control character.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Problem {
    /// Pages of other sites may not read `objects` of the `checked` pictures.
    Cors {
        /// How many.
        objects: u64,
        /// Of how many.
        checked: u64,
    },
    /// `info.json` says something wrong, in words.
    Information(String),
    /// `info.json` may not be read by pages of other sites.
    InformationCors,
    /// No such object, or none that the public may read.
    Missing {
        /// The status of the answer.
        status: u16,
    },
    /// An answer that says neither that it is there nor that it is missing.
    Status {
        /// The status of the answer.
        status: u16,
    },
    /// The request failed, after several tries.
    Unanswered {
        /// The innermost cause.
        reason: String,
    },
    /// More bytes than an object of this kind can have.
    TooLarge {
        /// What was read at most.
        limit_bytes: u64,
    },
    /// The body is no whole file of its format.
    Damaged {
        /// The format that was asked for.
        format: Format,
        /// What the decoder says.
        reason: String,
    },
    /// The picture has other dimensions.
    Size {
        /// Its width and height.
        found: String,
        /// What they should be.
        expected: String,
    },
    /// A `Content-Type` that browsers do not take for what it is.
    MediaType {
        /// The header; `None` where it is missing.
        found: Option<String>,
        /// What it should be.
        expected: &'static str,
    },
    /// No `Cache-Control`.
    CacheControl,
    /// None of the `checked` pictures has a `Cache-Control`.
    NoCacheControl {
        /// How many there are.
        checked: u64,
    },
}

impl Problem {
    /// One word for programs.
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

    /// The place of its kind in a report.
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
                "{objects} of {checked} pictures have no `Access-Control-Allow-Origin` for pages of other sites"
            ),
            Self::Information(words) => formatter.write_str(words),
            Self::InformationCors => formatter.write_str("no `Access-Control-Allow-Origin` for pages of other sites"),
            Self::Missing { status: 403 } => {
                formatter.write_str("missing, or not public (403, which S3 also answers of what is not there)")
            }
            Self::Missing { status } => write!(formatter, "missing ({status})"),
            Self::Status { status } => write!(formatter, "answered with {status}"),
            Self::Unanswered { reason } => write!(formatter, "no whole answer: {}", shortened(reason)),
            Self::TooLarge { limit_bytes } => write!(formatter, "larger than {limit_bytes} bytes, which it cannot be"),
            Self::Damaged { format, reason } => write!(formatter, "not a whole {format}: {}", shortened(reason)),
            Self::Size { found, expected } => write!(formatter, "{found} pixels instead of {expected}"),
            Self::MediaType { found: None, expected } => {
                write!(formatter, "no `Content-Type`; it should be {expected}")
            }
            Self::MediaType { found: Some(found), expected } => {
                write!(formatter, "`Content-Type: {}` instead of {expected}", shortened(found))
            }
            Self::CacheControl => formatter.write_str("no `Cache-Control`"),
            Self::NoCacheControl { checked } => write!(formatter, "none of {checked} pictures has a `Cache-Control`"),
        }
    }
}

/// Text of a server as it can be shown on a terminal.
pub(super) fn shortened(text: &str) -> String {
    let mut shown: String = text.chars().take(QUOTED_LETTERS).flat_map(char::escape_debug).collect();
    if text.chars().nth(QUOTED_LETTERS).is_some() {
        shown.push('…');
    }
    shown
}
