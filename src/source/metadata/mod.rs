//! A file's orientation and ICC profile, following the same rules for every container.
//!
//! Containers add metadata blocks in file order. The first block that has a value wins, and a block that can't be used
//! results in a [`Warning`]. Block sizes are limited to keep small files from using a lot of memory.

mod density;
mod exif;
mod profile;
mod xmp;

pub(super) use density::scale_of_density;
pub(super) use exif::orientation_from_tag;
pub(super) use profile::ProfilePieces;

use super::{Dpi, Orientation, Warning, WarningCode};
use crate::iiif::PhysicalScale;
use exif::Exif;

/// Maximum size of an EXIF block, or of a text chunk containing one, in bytes. Previews embedded in EXIF are typically
/// a few hundred kilobytes.
pub(super) const MAX_EXIF_BYTES: u64 = 4 << 20;

/// Maximum size of an XMP packet, in bytes. Packets that include an edit history are typically a few hundred kilobytes.
pub(super) const MAX_XMP_BYTES: u64 = MAX_EXIF_BYTES;

/// Maximum size of an ICC profile, in bytes. Printer profiles can be a few megabytes.
pub(super) const MAX_PROFILE_BYTES: u64 = 8 << 20;

/// Collects a file's metadata.
#[derive(Default)]
pub(super) struct Metadata {
    orientation: Option<Orientation>,
    /// Orientation from XMP, only used if no other orientation is found.
    xmp_orientation: Option<Orientation>,
    profile: Option<Vec<u8>>,
    /// `true` if any EXIF block was valid, even without an orientation.
    has_readable_exif: bool,
    exif_problem: Option<String>,
    profile_problem: Option<String>,
    scale: Option<PhysicalScale>,
    warnings: Vec<Warning>,
}

impl Metadata {
    /// Adds an EXIF block. The `Exif\0\0` prefix is optional.
    pub(super) fn add_exif(&mut self, block: &[u8]) {
        match exif::read(block) {
            Exif::Empty => {}
            Exif::Orientation(orientation) => {
                self.has_readable_exif = true;
                self.orientation = self.orientation.or(orientation);
            }
            Exif::Unreadable(problem) => {
                self.exif_problem.get_or_insert(problem);
            }
        }
    }

    /// Adds an orientation found outside of EXIF. `None` means its value was invalid.
    pub(super) fn add_orientation(&mut self, orientation: Option<Orientation>) {
        self.orientation = self.orientation.or(orientation);
    }

    /// Adds an XMP packet. Only the orientation is used.
    pub(super) fn add_xmp(&mut self, packet: &[u8]) {
        self.xmp_orientation = self.xmp_orientation.or_else(|| xmp::orientation(packet));
    }

    /// Records that EXIF data is present but can't be read.
    pub(super) fn add_unreadable_exif(&mut self, problem: impl Into<String>) {
        self.exif_problem.get_or_insert(problem.into());
    }

    /// Adds a complete ICC profile. An empty profile is treated as unusable.
    pub(super) fn add_profile(&mut self, mut profile: Vec<u8>) {
        if profile.is_empty() {
            return self.add_unusable_profile("it has no content");
        }
        profile::repair(&mut profile);
        self.profile.get_or_insert(profile);
    }

    /// Records that an ICC profile is present but can't be used.
    pub(super) fn add_unusable_profile(&mut self, problem: impl Into<String>) {
        self.profile_problem.get_or_insert(problem.into());
    }

    /// Records that a block is too large to read.
    pub(super) fn add_too_large(&mut self, what: &str, bytes: u64) {
        let text = format!("its {what} has {bytes} bytes, which is above the limit, and is ignored");
        self.warn(WarningCode::MetadataTooLarge, text);
    }

    /// Adds the physical pixel size, unless it's already known.
    pub(super) fn add_scale(&mut self, scale: Option<PhysicalScale>) {
        self.scale = self.scale.or(scale);
    }

    /// Adds any other warning.
    pub(super) fn warn(&mut self, code: WarningCode, text: impl Into<String>) {
        self.warnings.push(Warning::new(code, text));
    }

    /// Adds an existing warning.
    #[cfg(any(feature = "avif", feature = "heic", feature = "jxl"))]
    pub(super) fn add_warning(&mut self, warning: Warning) {
        self.warnings.push(warning);
    }

    /// Returns `true` if an orientation was found anywhere other than XMP.
    pub(super) fn has_orientation(&self) -> bool {
        self.orientation.is_some()
    }

    /// Returns `true` if a profile was found, even if it can't be used.
    pub(super) fn has_profile(&self) -> bool {
        self.profile.is_some() || self.profile_problem.is_some()
    }

    /// Returns the collected metadata.
    pub(super) fn finish(mut self) -> FileMetadata {
        let orientation = self.orientation.or(self.xmp_orientation);
        // Some cameras continue a long EXIF block in a second segment that isn't valid EXIF on its own. Don't warn
        // about unreadable blocks if at least one was readable.
        if let (None, false, Some(problem)) = (orientation, self.has_readable_exif, self.exif_problem.take()) {
            let text = format!("its EXIF data cannot be read ({problem}), so its orientation is unknown");
            self.warn(WarningCode::OrientationUnreadable, text);
        }
        if let (None, Some(problem)) = (&self.profile, self.profile_problem.take()) {
            self.warn(WarningCode::ProfileUnusable, format!("its ICC profile cannot be used ({problem})"));
        }
        FileMetadata {
            orientation: orientation.unwrap_or_default(),
            profile: self.profile,
            scale: self.scale,
            rendered_dpi: None,
            codec: None,
            warnings: self.warnings,
        }
    }
}

/// Metadata that affects how a file's pixels are interpreted.
pub(super) struct FileMetadata {
    pub(super) orientation: Orientation,
    pub(super) profile: Option<Vec<u8>>,
    /// Physical pixel size.
    pub(super) scale: Option<PhysicalScale>,
    /// Resolution, if the image is a rendered page.
    pub(super) rendered_dpi: Option<Dpi>,
    /// Format of the embedded image if it's different from the file's format.
    pub(super) codec: Option<&'static str>,
    pub(super) warnings: Vec<Warning>,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Creates a big-endian EXIF block containing only an orientation.
    fn exif(value: u8) -> Vec<u8> {
        [&b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0"[..], &[value, 0, 0, 0, 0, 0, 0]].concat()
    }

    fn found(blocks: &[&[u8]]) -> (Orientation, Vec<WarningCode>) {
        let mut metadata = Metadata::default();
        for block in blocks {
            metadata.add_exif(block);
        }
        let found = metadata.finish();
        (found.orientation, found.warnings.into_iter().map(|warning| warning.code).collect())
    }

    #[test]
    fn the_first_block_with_a_value_counts() {
        let (six, three) = (exif(6), exif(3));
        assert_eq!(found(&[&six, b""]), (Orientation::QuarterRight, vec![]));
        assert_eq!(found(&[b"", &six, &three]), (Orientation::QuarterRight, vec![]));
        assert_eq!(found(&[&exif(0), &six]), (Orientation::QuarterRight, vec![]), "0 says nothing");
        assert_eq!(found(&[b"garbage", &six]), (Orientation::QuarterRight, vec![]));
        assert_eq!(found(&[&[&b"Exif\0\0"[..], &six].concat()]), (Orientation::QuarterRight, vec![]));
    }

    #[test]
    fn only_entirely_unreadable_exif_causes_a_warning() {
        let unreadable = vec![WarningCode::OrientationUnreadable];
        assert_eq!(found(&[b"garbage"]), (Orientation::Upright, unreadable.clone()));
        assert_eq!(found(&[b"II*\0\xff\xff\xff\xff"]), (Orientation::Upright, unreadable.clone()));
        assert_eq!(found(&[&exif(12)]), (Orientation::Upright, unreadable), "12 means nothing");
        let without_orientation = b"MM\0*\0\0\0\x08\0\0\0\0\0\0";
        assert_eq!(found(&[without_orientation, b"the rest of a long block"]), (Orientation::Upright, vec![]));
        assert_eq!(found(&[]), (Orientation::Upright, vec![]));
    }

    #[test]
    fn the_orientation_of_xmp_counts_if_there_is_no_other_one() {
        let six = b"<a tiff:Orientation='6'/>";
        for (block, expected) in [
            (None, Orientation::QuarterRight),
            (Some(exif(0)), Orientation::QuarterRight),
            (Some(b"garbage".to_vec()), Orientation::QuarterRight),
            (Some(exif(1)), Orientation::Upright),
            (Some(exif(3)), Orientation::HalfTurn),
        ] {
            let mut metadata = Metadata::default();
            metadata.add_xmp(b"<a/>");
            metadata.add_xmp(six);
            if let Some(block) = &block {
                metadata.add_exif(block);
            }
            let found = metadata.finish();
            assert_eq!((found.orientation, found.warnings.len()), (expected, 0), "{block:?}");
        }
    }

    #[test]
    fn an_empty_profile_causes_a_warning_unless_there_is_another_one() {
        let mut metadata = Metadata::default();
        metadata.add_profile(Vec::new());
        let found = metadata.finish();
        assert_eq!((found.profile, found.warnings[0].code), (None, WarningCode::ProfileUnusable));
        let mut metadata = Metadata::default();
        metadata.add_profile(Vec::new());
        metadata.add_profile(b"one".to_vec());
        let found = metadata.finish();
        assert_eq!((found.profile.as_deref(), found.warnings.len()), (Some(&b"one"[..]), 0));
    }
}
