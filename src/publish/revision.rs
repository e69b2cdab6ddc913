//! Revisions of the code that produces objects, incremented manually when previous output was wrong or incomplete.

use super::Options;
use crate::source::{self, Dpi, SourceKind};
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

/// Current revision of each part of the code involved in producing objects, keyed by its name in marks. Decoder
/// revisions are listed in the table of source formats (`src/source/format.rs`).
///
/// Only increment a revision if previous output was wrong or incomplete, because all affected images will be
/// republished. An encoder that produces different bytes with the same quality doesn't count. If output changes,
/// `tests/it/golden.rs` fails until you decide which case applies.
const REVISIONS: [(&str, u32); 14] = [
    // Contents of `info.json`. If outdated, only this file is rewritten.
    (DOCUMENT, 1),
    // Set of objects.
    ("plan", 1),
    // Resampling.
    ("pyramid", 1),
    // Color conversions.
    ("gray", 1),
    ("gray-icc", 1),
    ("rgb", 1),
    ("rgb-icc", 1),
    ("cmyk", 1),
    ("cmyk-icc", 2),
    ("lab", 1),
    // Encoders, by output file extension.
    ("to-jpg", 1),
    ("to-png", 1),
    ("to-webp", 1),
    // Tiles cut from JPEG blocks.
    ("blocks", 1),
];

const DOCUMENT: &str = "info";

/// Key for the resolution of rendered pages, stored alongside the revisions. Other images don't depend on it.
const PDF_DPI: &str = "pdf-dpi";

/// Returns the revision of `info.json`.
pub(super) fn of_document() -> u32 {
    current(DOCUMENT).expect("it is in the table")
}

/// Returns the current revisions of all code as text.
pub(super) fn all() -> String {
    let all = REVISIONS.into_iter().chain(source::all_revisions());
    Revisions(all.map(|(name, revision)| (name.to_owned(), revision)).collect()).to_string()
}

fn current(name: &str) -> Option<u32> {
    let fixed = REVISIONS.iter().find(|(known, _)| *known == name).map(|(_, revision)| *revision);
    fixed.or_else(|| source::revision(name))
}

/// Code revisions used to produce an image, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Revisions(BTreeMap<String, u32>);

/// Error returned when a list of revisions can't be parsed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RevisionsError;

impl Revisions {
    /// Returns the current revisions for publishing a source.
    pub(super) fn current(kind: SourceKind, options: &Options, has_block_tiles: bool) -> Self {
        let encoders = options.shape.formats().all().map(|format| format!("to-{}", format.extension()));
        let fixed = [DOCUMENT, "plan", "pyramid", kind.format, kind.color].map(str::to_owned);
        let blocks = has_block_tiles.then(|| "blocks".to_owned());
        let codec = kind.codec.map(str::to_owned);
        let names = fixed.into_iter().chain(codec).chain(encoders).chain(blocks);
        let revisions = names.map(|name| (current(&name).unwrap_or(1), name)).map(|(revision, name)| (name, revision));
        let dpi = kind.rendered_dpi.map(|dpi| (PDF_DPI.to_owned(), dpi.value().into()));
        Self(revisions.chain(dpi).collect())
    }

    /// Returns `false` if the image is a page that was rendered at a different resolution.
    pub(super) fn is_rendered_at(&self, dpi: Dpi) -> bool {
        self.0.get(PDF_DPI).is_none_or(|rendered| *rendered == u32::from(dpi.value()))
    }

    /// Returns a copy with the current document revision.
    pub(super) fn with_document_of_now(&self) -> Self {
        let mut revisions = self.clone();
        revisions.0.insert(DOCUMENT.to_owned(), of_document());
        revisions
    }

    /// Returns the revisions that affect pixels as text.
    pub(super) fn of_pixels(&self) -> String {
        let mut pixels = self.clone();
        pixels.0.remove(DOCUMENT);
        pixels.to_string()
    }

    /// Compares these revisions with the current ones. Returns `Less` if any are outdated, or `Greater` if a newer
    /// program produced the image, which takes precedence. An outdated document doesn't count, because it can be
    /// rewritten without republishing the image.
    pub(super) fn age(&self) -> Ordering {
        // Only compare revisions that were used for this image. If the TIFF decoder is revised, images made from JPEGs
        // aren't outdated. Unknown names were written by a newer program.
        let (mut is_older, mut is_newer) = (false, false);
        for (name, revision) in self.0.iter().filter(|(name, _)| *name != PDF_DPI) {
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
            ("plan:1,exr:1", Ordering::Greater),
            ("info:0,plan:1", Ordering::Equal),
            ("info:2,plan:1", Ordering::Greater),
            ("pdf:1,pdf-dpi:300,plan:1", Ordering::Equal),
        ] {
            let revisions: Revisions = made.parse().expect("revisions");
            assert_eq!(revisions.age(), age, "{made}");
        }
        assert_eq!("plan".parse::<Revisions>(), Err(RevisionsError));
        let rendered: Revisions = "pdf:1,pdf-dpi:400,plan:1".parse().expect("revisions");
        let dpi = |dpi| Dpi::new(dpi).expect("a resolution");
        assert!(rendered.is_rendered_at(dpi(400)) && !rendered.is_rendered_at(dpi(300)));
        let scan: Revisions = "jpeg:1,pdf:1,plan:1".parse().expect("revisions");
        assert!(scan.is_rendered_at(dpi(400)), "scans don't depend on it");
    }
}
