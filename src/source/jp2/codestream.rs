//! A codestream's main header and the positions of its tile-parts (ISO/IEC 15444-1, annex A).

use super::Refusal;
use super::bytes::{Cursor, long};
use super::coding::{Codings, check_high_throughput, progression_changes};
use super::markers::{
    CAPABILITIES, CODING_COMPONENT, CODING_DEFAULT, COMMENT, CORRESPONDING_PROFILE, PACKED_HEADERS_MAIN,
    PACKET_LENGTHS_MAIN, PROGRESSION_CHANGES, QUANTIZATION_COMPONENT, QUANTIZATION_DEFAULT, REGION_OF_INTEREST,
    REGISTRATION, SIZE, START_OF_CODESTREAM, START_OF_TILE_PART, TILE_PART_LENGTHS,
};
use super::size::Grid;
use super::tile_parts::TileParts;
use std::io::{Read, Seek};
use std::ops::Range;

/// CAP flag (T.801, A.3.12) for part 15.
const PART_15: u32 = 1 << 17;

/// Maximum size of a quantization table in bytes, with one entry for each possible sub-band. The decoder copies the
/// table for each tile.
const MAX_QUANTIZATION_BYTES: usize = 199;

/// Maximum size of a main header in bytes. The header is copied for each tile.
const MAX_HEADER_BYTES: usize = 64 << 10;

/// Maximum size in bytes of a main header that contains the packet headers for all tiles, in up to 256 segments.
const MAX_PACKED_BYTES: usize = 17 << 20;

/// A codestream's headers.
pub(super) struct Codestream {
    pub(super) grid: Grid,
    /// Main header segments that the decoder needs, including their markers but excluding SIZ.
    pub(super) segments: Vec<u8>,
    pub(super) codings: Codings,
    /// Maximum number of progression order changes that apply to a tile.
    pub(super) changes: u32,
    /// The main header contains the packet headers for all tiles.
    pub(super) has_packed_headers: bool,
    pub(super) parts: TileParts,
}

impl Codestream {
    /// Reads the main header and all tile-part headers.
    pub(super) fn read(file: &mut (impl Read + Seek), range: Range<u64>) -> Result<Self, Refusal> {
        let mut cursor = Cursor::new(file, range)?;
        let (mut header, grid) = Header::read(&mut cursor)?;
        let tiles = grid.columns() * grid.rows();
        let by_tile = !header.has_packed_headers;
        let parts = TileParts::read(&mut cursor, tiles as usize, &mut header.codings, by_tile)?;
        let Header { segments, codings, changes, has_packed_headers } = header;
        Ok(Self { grid, segments, codings, changes: changes.max(parts.changes), has_packed_headers, parts })
    }
}

/// A main header that is still being read.
#[derive(Default)]
struct Header {
    segments: Vec<u8>,
    codings: Codings,
    changes: u32,
    has_packed_headers: bool,
}

impl Header {
    /// Reads up to and including the first tile-part's marker.
    fn read<F: Read + Seek>(cursor: &mut Cursor<'_, F>) -> Result<(Self, Grid), Refusal> {
        if cursor.short()? != START_OF_CODESTREAM || cursor.short()? != SIZE {
            return Err(Refusal::Decode("its codestream does not start with the image size".into()));
        }
        let grid = Grid::read(&cursor.segment()?)?;
        let mut header = Self::default();
        loop {
            match cursor.short()? {
                START_OF_TILE_PART => break,
                // Markers without a segment.
                0xff30..=0xff3f => {}
                marker => header.add(marker, &cursor.segment()?)?,
            }
        }
        if header.codings.layers == 0 {
            return Err(Refusal::Decode("its codestream has no coding style".into()));
        }
        Ok((header, grid))
    }

    fn add(&mut self, marker: u16, segment: &[u8]) -> Result<(), Refusal> {
        match marker {
            CODING_DEFAULT | CODING_COMPONENT => self.codings.add(marker, segment)?,
            QUANTIZATION_DEFAULT | QUANTIZATION_COMPONENT if segment.len() > MAX_QUANTIZATION_BYTES => {
                return Err(Refusal::Decode("its quantization table is too long".into()));
            }
            QUANTIZATION_DEFAULT | QUANTIZATION_COMPONENT | REGION_OF_INTEREST => {}
            PROGRESSION_CHANGES => self.changes += u32::from(progression_changes(segment)),
            PACKED_HEADERS_MAIN => self.has_packed_headers = true,
            CAPABILITIES if long(segment, 0).is_some_and(|parts| parts & PART_15 != 0) => {
                check_high_throughput()?;
                // The decoder doesn't need it.
                return Ok(());
            }
            // These refer to segments that are omitted here or that decoders don't need.
            CAPABILITIES | TILE_PART_LENGTHS | PACKET_LENGTHS_MAIN | CORRESPONDING_PROFILE | REGISTRATION | COMMENT => {
                return Ok(());
            }
            other => {
                return Err(Refusal::Unsupported(format!("a JPEG 2000 image with the extension marker {other:04x}")));
            }
        }
        self.keep(marker, segment)
    }

    fn keep(&mut self, marker: u16, segment: &[u8]) -> Result<(), Refusal> {
        let length = u16::try_from(segment.len() + 2).expect("it was read from two bytes");
        // Copy the segment as is. Parsing and rewriting it could lose information that this module doesn't know about.
        self.segments.extend(marker.to_be_bytes());
        self.segments.extend(length.to_be_bytes());
        self.segments.extend(segment);
        let max = if self.has_packed_headers { MAX_PACKED_BYTES } else { MAX_HEADER_BYTES };
        if self.segments.len() > max {
            return Err(Refusal::Decode("its header is too long".into()));
        }
        Ok(())
    }
}
