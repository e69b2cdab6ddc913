//! The sections before the pixels: header, color table, image resources, and layers.

use super::resources::Resources;
use crate::source::metadata::Metadata;
use crate::source::{DecodeError, Input, Refusal};
use std::io::{BufReader, ErrorKind, Read, Seek, SeekFrom};

/// Buffer size for headers, which are small and far apart.
const BUFFER_BYTES: usize = 512;

/// Maximum number of channels (specification, "File Header Section").
const MAX_CHANNELS: u16 = 56;

/// Size of the color table of a palette: 256 times red, then green, then blue.
pub(super) const COLOR_TABLE_BYTES: usize = 768;

/// Maximum number of blocks with additional layer information to look at. Files have a few dozen.
const MAX_LAYER_BLOCKS: usize = 10_000;

/// Keys of blocks whose length has 8 bytes in a PSB.
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
    /// `true` for PSB, whose lengths have more bytes.
    pub(super) is_large: bool,
    pub(super) channels: u16,
    pub(super) width: u32,
    pub(super) height: u32,
    /// Bits per channel: 1, 8, 16 or 32.
    pub(super) depth: u16,
    pub(super) mode: Mode,
}

impl Head {
    /// Returns the size of a row of one channel in bytes.
    pub(super) fn row_bytes(&self) -> usize {
        (self.width as usize * usize::from(self.depth)).div_ceil(8)
    }
}

/// Everything before the pixels.
pub(super) struct Sections {
    pub(super) head: Head,
    pub(super) color_table: Vec<u8>,
    pub(super) resources: Resources,
    /// `true` if the channel behind the colors is the transparency of the composite.
    pub(super) has_merged_alpha: bool,
    /// Position of the composite in the file, which begins with its compression.
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

/// Returns `true` if the first channel behind the colors is the transparency of the composite, not a saved selection.
/// The number of layers says so by being negative. At 16 and 32 bits, the layers are in a block of their own.
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
        // Anything else is damage, which does not concern the composite.
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

/// Reads big-endian numbers, and moves between sections.
pub(super) struct SectionReader {
    file: BufReader<Input>,
    pub(super) at: u64,
    file_bytes: u64,
}

impl SectionReader {
    fn new(file: &Input) -> Self {
        let file_bytes = file.length();
        Self { file: BufReader::with_capacity(BUFFER_BYTES, file.clone()), at: 0, file_bytes }
    }

    pub(super) fn fill(&mut self, bytes: &mut [u8]) -> Result<(), DecodeError> {
        self.file.read_exact(bytes).map_err(|error| match error.kind() {
            ErrorKind::UnexpectedEof => DecodeError::from("the file ends within its header"),
            _ => error.into(),
        })?;
        self.at += bytes.len() as u64;
        Ok(())
    }

    pub(super) fn short(&mut self) -> Result<u16, DecodeError> {
        let mut bytes = [0; 2];
        self.fill(&mut bytes)?;
        Ok(u16::from_be_bytes(bytes))
    }

    pub(super) fn long(&mut self) -> Result<u32, DecodeError> {
        let mut bytes = [0; 4];
        self.fill(&mut bytes)?;
        Ok(u32::from_be_bytes(bytes))
    }

    /// Reads a length of 8 bytes or 4.
    fn length(&mut self, is_long: bool) -> Result<u64, DecodeError> {
        if !is_long {
            return Ok(self.long()?.into());
        }
        let mut bytes = [0; 8];
        self.fill(&mut bytes)?;
        Ok(u64::from_be_bytes(bytes))
    }

    /// Returns the end of a section that begins here. Fails if that is beyond the end of the file.
    fn section_end(&self, bytes: u64) -> Result<u64, DecodeError> {
        let end = self.at.checked_add(bytes).filter(|end| *end <= self.file_bytes);
        end.ok_or_else(|| "one of its sections reaches beyond the end of the file".into())
    }

    pub(super) fn move_to(&mut self, position: u64) -> Result<(), DecodeError> {
        self.file.seek(SeekFrom::Start(position))?;
        self.at = position;
        Ok(())
    }
}
