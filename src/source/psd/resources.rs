//! Reads image resources. Each is a block with an identifier, and only a few affect the pixels.

use super::reader::SectionReader;
use crate::source::DecodeError;
use crate::source::metadata::{MAX_EXIF_BYTES, MAX_PROFILE_BYTES, MAX_XMP_BYTES, Metadata};

/// Maximum number of resources to read. Files have a few dozen.
const MAX_RESOURCES: usize = 10_000;

const PROFILE: u16 = 1039;
const TRANSPARENT_INDEX: u16 = 1047;
const VERSION: u16 = 1057;
const EXIF: u16 = 1058;
const XMP: u16 = 1060;

/// Resources that are used, except for those stored in [`Metadata`].
pub(super) struct Resources {
    /// `false` if the file was saved without a composite, in which case the composite is white.
    pub(super) has_composite: bool,
    /// Palette index of the transparent color.
    pub(super) transparent_index: Option<u16>,
}

impl Resources {
    /// Reads all resources up to `end`.
    pub(super) fn read(reader: &mut SectionReader, end: u64, metadata: &mut Metadata) -> Result<Self, DecodeError> {
        let mut resources = Self { has_composite: true, transparent_index: None };
        for _ in 0..MAX_RESOURCES {
            if !resources.read_one(reader, end, metadata)? {
                break;
            }
        }
        Ok(resources)
    }

    /// Reads a resource. Returns `false` after the last resource.
    fn read_one(&mut self, reader: &mut SectionReader, end: u64, metadata: &mut Metadata) -> Result<bool, DecodeError> {
        if reader.at + 12 > end {
            return Ok(false);
        }
        let mut head = [0; 7];
        reader.fill(&mut head)?;
        let [signature @ .., i0, i1, name_bytes] = head;
        if !matches!(&signature, b"8BIM" | b"MeSa" | b"AgHg" | b"PHUT" | b"DCSR") {
            let problem = "the resources of the file are damaged";
            metadata.add_unusable_profile(problem);
            metadata.add_unreadable_exif(problem);
            return Ok(false);
        }
        // The name, including its length byte, is padded to an even number of bytes.
        reader.move_to(reader.at + u64::from(name_bytes | 1))?;
        let length = u64::from(reader.long()?);
        let content = reader.at;
        self.add(u16::from_be_bytes([i0, i1]), length.min(end.saturating_sub(content)), reader, metadata)?;
        reader.move_to((content + length.next_multiple_of(2)).min(end))?;
        Ok(true)
    }

    fn add(
        &mut self,
        identifier: u16,
        length: u64,
        reader: &mut SectionReader,
        metadata: &mut Metadata,
    ) -> Result<(), DecodeError> {
        let mut content = |name: &str, limit: u64| {
            if length > limit {
                metadata.add_too_large(name, length);
                return Ok(None);
            }
            let mut bytes = vec![0; usize::try_from(length)?];
            reader.fill(&mut bytes).map(|()| Some(bytes))
        };
        match identifier {
            PROFILE => {
                if let Some(profile) = content("ICC profile", MAX_PROFILE_BYTES)? {
                    metadata.add_profile(profile);
                }
            }
            EXIF => {
                if let Some(block) = content("EXIF data", MAX_EXIF_BYTES)? {
                    metadata.add_exif(&block);
                }
            }
            XMP => {
                if let Some(packet) = content("XMP data", MAX_XMP_BYTES)? {
                    metadata.add_xmp(&packet);
                }
            }
            TRANSPARENT_INDEX if length >= 2 => self.transparent_index = Some(reader.short()?),
            VERSION if length >= 5 => {
                reader.long()?;
                let mut has_composite = [0];
                reader.fill(&mut has_composite)?;
                self.has_composite = has_composite != [0];
            }
            _ => {}
        }
        Ok(())
    }
}
