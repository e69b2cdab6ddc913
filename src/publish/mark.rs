//! Metadata stored with each `info.json`, recording what was published and how far later runs can trust it.
//!
//! A mark is a single line of ASCII because it is stored in a header (`x-amz-meta-iiif-publish-mark`):
//! ```text
//! 1;state=settling;pixels=…;headers=…;document=…;made=plan:1,jpeg:1,rgb:1,jpg:1;objects=57;etags=…;sizes=…
//! ```
//! `1` is the format version. New fields may be added at any time, and readers ignore unknown fields.

use super::content::ContentDigest;
use super::revision::Revisions;
use crate::iiif::PhysicalScale;
use crate::source::{Warning, WarningCode};
use std::fmt;
use std::str::FromStr;

/// Format version at the start of each mark.
const VERSION: &str = "1";

/// Level of trust in an image's objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MarkState {
    /// The image is being replaced or deleted, so its objects are in an unknown state.
    Replacing,
    /// All objects were stored, but a concurrent run may have overwritten or deleted some of them.
    Settling,
    /// All objects were verified against the digest after the grace period.
    Current,
}

impl MarkState {
    fn name(self) -> &'static str {
        match self {
            Self::Replacing => "replacing",
            Self::Settling => "settling",
            Self::Current => "current",
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        [Self::Replacing, Self::Settling, Self::Current].into_iter().find(|state| state.name() == name)
    }
}

/// A mark stored with an `info.json`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(super) state: MarkState,
    /// Hash of the source and all options that affect pixels. Empty while the image is being replaced.
    pub(super) pixels: String,
    /// Hash of the pictures' headers, or an empty string if they differ between pictures.
    pub(super) headers: String,
    /// Hash of the contents and headers of `info.json`.
    pub(super) document: String,
    /// Code revisions that produced the objects.
    pub(super) revisions: Revisions,
    /// Digest of the pictures.
    pub(super) content: ContentDigest,
    /// `true` until pictures left over from an earlier version have been deleted.
    pub(super) has_orphans: bool,
    /// `true` if another run may have been confirming the image when this mark was written, and its upload may still
    /// arrive.
    pub(super) is_contested: bool,
    /// Number of old versions that were kept the last time old versions were deleted.
    pub(super) old_versions: Option<usize>,
    /// Physical pixel size, if the source specifies it.
    pub(super) scale: Option<PhysicalScale>,
    /// Kinds of warnings reported when the source was read.
    pub(super) warnings: Vec<WarningCode>,
}

/// The mark can't be parsed, most likely because a newer version of the program wrote it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the mark has another format")]
pub(crate) struct MarkError;

impl Mark {
    /// Creates a mark for an image that is being replaced. Leave `headers` empty if the pictures' headers may differ.
    pub(super) fn replacing(headers: &str) -> Self {
        Self {
            state: MarkState::Replacing,
            pixels: String::new(),
            headers: headers.to_owned(),
            document: String::new(),
            revisions: Revisions::default(),
            content: ContentDigest::default(),
            has_orphans: false,
            is_contested: false,
            old_versions: None,
            scale: None,
            warnings: Vec::new(),
        }
    }

    /// Returns a copy that records the kinds of the given warnings.
    pub(super) fn with_warnings(self, warnings: &[Warning]) -> Self {
        let mut codes: Vec<_> = warnings.iter().map(|warning| warning.code).collect();
        codes.sort_unstable();
        codes.dedup();
        Self { warnings: codes, ..self }
    }

    /// Returns a copy noting that a confirmation may be in flight.
    pub(super) fn contested(&self) -> Self {
        Self { is_contested: true, ..self.clone() }
    }

    /// Returns a copy in a different state.
    pub(super) fn in_state(&self, state: MarkState) -> Self {
        Self { state, is_contested: false, ..self.clone() }
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{VERSION};state={};headers={}", self.state.name(), self.headers)?;
        if self.is_contested {
            write!(formatter, ";contested=1")?;
        }
        // Leave out the pixels, so an invalid mark can't be mistaken for a valid one. Keep the headers: if the next run
        // uses the same ones, it can keep pictures whose bytes match.
        if self.state == MarkState::Replacing {
            return Ok(());
        }
        let Self { pixels, document, revisions, content, .. } = self;
        write!(formatter, ";pixels={pixels};document={document};made={revisions};{content}")?;
        if self.has_orphans {
            write!(formatter, ";orphans=1")?;
        }
        if let Some(count) = self.old_versions {
            write!(formatter, ";old={count}")?;
        }
        if let Some(scale) = self.scale {
            write!(formatter, ";scale={scale}")?;
        }
        if self.warnings.is_empty() {
            return Ok(());
        }
        let codes: Vec<_> = self.warnings.iter().map(|kind| kind.code()).collect();
        write!(formatter, ";warnings={}", codes.join(","))
    }
}

impl FromStr for Mark {
    type Err = MarkError;

    fn from_str(text: &str) -> Result<Self, MarkError> {
        // Ignore unknown fields and use defaults for missing ones, so adjacent releases can read each other's marks. A
        // different version is an error, and the caller then keeps the image because it can't know what a newer
        // program's fields mean.
        let (version, fields) = text.split_once(';').ok_or(MarkError)?;
        let field = |name: &str| fields.split(';').find_map(|field| field.strip_prefix(name)?.strip_prefix('='));
        let state = field("state").and_then(MarkState::from_name).filter(|_| version == VERSION).ok_or(MarkError)?;
        let text = |name: &str| field(name).unwrap_or_default().to_owned();
        let content = || ContentDigest::from_fields(field("objects")?, field("etags")?, field("sizes")?);
        Ok(Self {
            state,
            pixels: text("pixels"),
            headers: text("headers"),
            document: text("document"),
            revisions: text("made").parse().map_err(|_| MarkError)?,
            // Without a digest, no listing can match.
            content: content().unwrap_or_default(),
            has_orphans: field("orphans") == Some("1"),
            is_contested: field("contested") == Some("1"),
            old_versions: field("old").and_then(|count| count.parse().ok()),
            scale: field("scale").and_then(PhysicalScale::parse),
            // Ignore warnings that only newer versions know about.
            warnings: field("warnings").unwrap_or_default().split(',').filter_map(WarningCode::from_code).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::iiif::LengthUnit;

    fn mark() -> Mark {
        Mark {
            state: MarkState::Settling,
            pixels: "0011".to_owned(),
            headers: "2233".to_owned(),
            document: "4455".to_owned(),
            revisions: "plan:1,jpeg:2".parse().expect("revisions"),
            content: ContentDigest::default(),
            has_orphans: false,
            is_contested: false,
            old_versions: Some(2),
            scale: None,
            warnings: Vec::new(),
        }
    }

    #[test]
    fn a_mark_is_read_as_it_was_written() {
        for mark in [
            mark(),
            mark().in_state(MarkState::Current),
            Mark { has_orphans: true, ..mark() },
            Mark { warnings: WarningCode::ALL.to_vec(), ..mark() },
            Mark { scale: PhysicalScale::new(0.0025, LengthUnit::Inch), ..mark() },
            Mark::replacing("2233"),
            Mark::replacing("").contested(),
        ] {
            assert_eq!(mark.to_string().parse(), Ok(mark));
        }
    }

    #[test]
    fn the_format_is_what_earlier_runs_wrote() {
        let zeros = "0".repeat(64);
        let written = format!(
            "1;state=settling;headers=2233;pixels=0011;document=4455;made=jpeg:2,plan:1;objects=0;etags={zeros};sizes={zeros};old=2"
        );
        assert_eq!(mark().to_string(), written);
        let with_more = format!("{written};warnings=invented;invented=1");
        assert_eq!(with_more.parse(), Ok(mark()), "fields and warnings of newer versions are skipped");
    }

    #[test]
    fn other_formats_are_refused() {
        for text in ["", "2;state=current", "1;state=resting", "1", "0f3a-77aa", "replacing-mixed"] {
            assert_eq!(text.parse::<Mark>(), Err(MarkError), "{text}");
        }
    }
}
