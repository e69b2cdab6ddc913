//! Revisions of the code that makes objects, raised by hand when its old output is wrong or incomplete.

use super::Options;
use crate::source::{self, SourceKind};
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

/// The current revision of each kind of code that takes part in making objects, by its name in marks. Those of the decoders are in
/// the table of source formats (`src/source/format.rs`).
///
/// Raise one only if what it made before is wrong or incomplete, because that republishes all images of the kind. A new encoder
/// that writes other bytes of the same quality is not a reason. `tests/it/golden.rs` fails if output changes, and asks for the decision.
const REVISIONS: [(&str, u32); 14] = [
    // The contents of `info.json`: an old one is only written again.
    (DOCUMENT, 1),
    // The set of objects.
    ("plan", 1),
    // Resampling.
    ("pyramid", 1),
    // Color paths.
    ("gray", 1),
    ("gray-icc", 1),
    ("rgb", 1),
    ("rgb-icc", 1),
    ("cmyk", 1),
    ("cmyk-icc", 2),
    ("lab", 1),
    // Encoders, by the extension of what they write.
    ("to-jpg", 1),
    ("to-png", 1),
    ("to-webp", 1),
    // Tiles cut from the blocks of a JPEG.
    ("blocks", 1),
];

const DOCUMENT: &str = "info";

/// Returns the revision of the contents of `info.json`.
pub(super) fn of_document() -> u32 {
    current(DOCUMENT).expect("it is in the table")
}

fn current(name: &str) -> Option<u32> {
    let fixed = REVISIONS.iter().find(|(known, _)| *known == name).map(|(_, revision)| *revision);
    fixed.or_else(|| source::revision(name))
}

/// The revisions that made an image, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Revisions(BTreeMap<String, u32>);

/// A text that does not list revisions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RevisionsError;

impl Revisions {
    /// Returns the revisions that would make an image of a source now.
    pub(super) fn current(kind: SourceKind, options: &Options, has_block_tiles: bool) -> Self {
        let encoders = options.shape.formats().all().map(|format| format!("to-{}", format.extension()));
        let fixed = [DOCUMENT, "plan", "pyramid", kind.format, kind.color].map(str::to_owned);
        let blocks = has_block_tiles.then(|| "blocks".to_owned());
        let names = fixed.into_iter().chain(encoders).chain(blocks);
        Self(names.map(|name| (current(&name).unwrap_or(1), name)).map(|(revision, name)| (name, revision)).collect())
    }

    /// Returns the same revisions with the current one of documents.
    pub(super) fn with_document_of_now(&self) -> Self {
        let mut revisions = self.clone();
        revisions.0.insert(DOCUMENT.to_owned(), of_document());
        revisions
    }

    /// Returns the revisions that decide about pixels, as a text.
    pub(super) fn of_pixels(&self) -> String {
        let mut pixels = self.clone();
        pixels.0.remove(DOCUMENT);
        pixels.to_string()
    }

    /// Compares these revisions with those of this version of the program: `Less` if some are outdated, `Greater` if a newer
    /// program made the image, which weighs more than an outdated one. An outdated document is none: it is written again without the
    /// image.
    pub(super) fn age(&self) -> Ordering {
        // Only what made this image counts: if the decoder of TIFF is revised, images from JPEG are not outdated. A
        // name that this program does not know was written by a later one.
        let (mut is_older, mut is_newer) = (false, false);
        for (name, revision) in &self.0 {
            let age = current(name).map_or(Ordering::Greater, |now| revision.cmp(&now));
            is_older |= age == Ordering::Less && name != DOCUMENT;
            is_newer |= age == Ordering::Greater;
        }
        match (is_newer, is_older) {
            (true, _) => Ordering::Greater,
            (false, true) => Ordering::Less,
            (false, false) => Ordering::Equal,
        }
    }
}

impl fmt::Display for Revisions {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (name, revision)) in self.0.iter().enumerate() {
            write!(formatter, "{}{name}:{revision}", if index == 0 { "" } else { "," })?;
        }
        Ok(())
    }
}

impl FromStr for Revisions {
    type Err = RevisionsError;

    fn from_str(text: &str) -> Result<Self, RevisionsError> {
        let revision = |part: &str| {
            let (name, revision) = part.split_once(':')?;
            Some((name.to_owned(), revision.parse().ok()?))
        };
        let parts = text.split(',').filter(|part| !part.is_empty());
        parts.map(|part| revision(part).ok_or(RevisionsError)).collect::<Result<_, _>>().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn revisions_tell_old_output_from_that_of_newer_programs() {
        for (made, age) in [
            ("", Ordering::Equal),
            ("plan:1,jpeg:1,rgb:1,to-jpg:1", Ordering::Equal),
            ("plan:1,jpeg:0", Ordering::Less),
            ("plan:2,jpeg:1", Ordering::Greater),
            ("plan:2,jpeg:0", Ordering::Greater),
            ("plan:1,avif:1", Ordering::Greater),
            ("info:0,plan:1", Ordering::Equal),
            ("info:2,plan:1", Ordering::Greater),
        ] {
            let revisions: Revisions = made.parse().expect("revisions");
            assert_eq!(revisions.age(), age, "{made}");
        }
        assert_eq!("plan".parse::<Revisions>(), Err(RevisionsError));
    }
}
