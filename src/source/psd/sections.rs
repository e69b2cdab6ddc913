//! Reads the sections before the pixels: header, color table, image resources and layers.

use super::reader::SectionReader;
use super::resources::Resources;
use crate::source::metadata::Metadata;
use crate::source::{DecodeError, Input, Refusal};

/// Maximum number of channels (from "File Header Section" in the specification).
const MAX_CHANNELS: u16 = 56;

/// Size of a palette's color table in bytes. It holds 256 red values, followed by green and blue.
pub(super) const COLOR_TABLE_BYTES: usize = 768;

/// Maximum number of additional layer information blocks to check. Files have a few dozen.
const MAX_LAYER_BLOCKS: usize = 10_000;

/// Keys of blocks with an 8-byte length in PSB files.
const LONG_KEYS: [&[u8; 4]; 13] = [
    b"LMsk", b"Lr16", b"Lr32", b"Layr", b"Mt16", b"Mt32", b"Mtrn", b"Alph", b"FMsk", b"lnk2", b"FEid", b"FXid", b"PxSD",
];

/// Color mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    Bitmap,
    Gray,
    Indexed,
    Rgb,
    Cmyk,
    Multichannel,
    Duotone,
    Lab,
}

impl Mode {
    fn from_number(number: u16) -> Option<Self> {
        Some(match number {
            0 => Self::Bitmap,
            1 => Self::Gray,
            2 => Self::Indexed,
            3 => Self::Rgb,
            4 => Self::Cmyk,
            7 => Self::Multichannel,
            8 => Self::Duotone,
            9 => Self::Lab,
            _ => return None,
        })
    }
}

/// The file header.
#[derive(Clone, Copy, Debug)]
pub(super) struct Head {
    /// `true` for PSB files, which have longer length fields.
    pub(super) is_large: bool,
    pub(super) channels: u16,
    pub(super) width: u32,
    pub(super) height: u32,
    /// Bits per channel, either 1, 8, 16 or 32.
    pub(super) depth: u16,
    pub(super) mode: Mode,
}

impl Head {
    /// Returns the size of a single channel's row, in bytes.
    pub(super) fn row_bytes(&self) -> usize {
        (self.width as usize * usize::from(self.depth)).div_ceil(8)
    }
}

/// Everything that precedes the pixels.
pub(super) struct Sections {
    pub(super) head: Head,
    pub(super) color_table: Vec<u8>,
    pub(super) resources: Resources,
    /// `true` if the channel after the colors is the composite's alpha channel.
    pub(super) has_merged_alpha: bool,
    /// File offset of the composite, which starts with its compression method.
    pub(super) planes_at: u64,
}

impl Sections {
    pub(super) fn read(file: &Input, metadata: &mut Metadata) -> Result<Self, Refusal> {
        let mut reader = SectionReader::new(file);
        let head = read_head(&mut reader)?;
        let color_bytes = u64::from(reader.long()?);
        let after_colors = reader.section_end(color_bytes)?;
        let mut color_table = vec![0; if color_bytes >= COLOR_TABLE_BYTES as u64 { COLOR_TABLE_BYTES } else { 0 }];
        reader.fill(&mut color_table)?;
        reader.move_to(after_colors)?;
        let resource_bytes = u64::from(reader.long()?);
        let after_resources = reader.section_end(resource_bytes)?;
        let resources = Resources::read(&mut reader, after_resources, metadata)?;
        reader.move_to(after_resources)?;
        let layer_bytes = reader.length(head.is_large)?;
        let planes_at = reader.section_end(layer_bytes)?;
        let has_merged_alpha = has_merged_alpha(&mut reader, head.is_large, planes_at)?;
        Ok(Self { head, color_table, resources, has_merged_alpha, planes_at })
    }
}

fn read_head(reader: &mut SectionReader) -> Result<Head, Refusal> {
    let mut bytes = [0; 26];
    reader.fill(&mut bytes)?;
    let short = |at: usize| u16::from_be_bytes([bytes[at], bytes[at + 1]]);
    let long = |at: usize| u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
    let is_large = match short(4) {
        1 => false,
        2 => true,
        version => return Err(Refusal::Unsupported(format!("a Photoshop file of version {version}"))),
    };
    let (channels, depth) = (short(12), short(22));
    let mode =
        Mode::from_number(short(24)).ok_or_else(|| Refusal::Decode("its color mode is not one of Photoshop".into()))?;
    let head = Head { is_large, channels, height: long(14), width: long(18), depth, mode };
    if !(1..=MAX_CHANNELS).contains(&channels) || channels < super::planes_of_colors(&head) {
        return Err(Refusal::Decode("its number of channels does not fit its color mode".into()));
    }
    Ok(head)
}

/// Returns `true` if the first channel after the colors is the composite's alpha channel instead of a saved selection.
/// If so, the layer count is negative. At 16 and 32 bits, layers are stored in a separate block.
fn has_merged_alpha(reader: &mut SectionReader, is_large: bool, end: u64) -> Result<bool, DecodeError> {
    if reader.at + 2 > end {
        return Ok(false);
    }
    let layer_bytes = reader.length(is_large)?;
    if layer_bytes >= 2 {
        return Ok(reader.short()?.cast_signed() < 0);
    }
    if reader.at + 4 > end {
        return Ok(false);
    }
    let mask_bytes = u64::from(reader.long()?);
    reader.move_to(reader.at.saturating_add(mask_bytes).min(end))?;
    for _ in 0..MAX_LAYER_BLOCKS {
        if reader.at + 12 > end {
            break;
        }
        let mut signature_and_key = [0; 8];
        reader.fill(&mut signature_and_key)?;
        let [signature @ .., k0, k1, k2, k3] = signature_and_key;
        let key = [k0, k1, k2, k3];
        // The file is damaged here, but that doesn't affect the composite.
        if !matches!(&signature, b"8BIM" | b"8B64") {
            break;
        }
        let length = reader.length(is_large && LONG_KEYS.contains(&&key))?;
        match &key {
            b"Lr16" | b"Lr32" | b"Layr" if length >= 2 => return Ok(reader.short()?.cast_signed() < 0),
            b"Mt16" | b"Mt32" | b"Mtrn" => return Ok(true),
            _ => {}
        }
        let length = length.checked_next_multiple_of(4).unwrap_or(u64::MAX);
        reader.move_to(reader.at.saturating_add(length).min(end))?;
    }
    Ok(false)
}
