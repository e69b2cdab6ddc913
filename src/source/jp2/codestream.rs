//! A codestream (ISO/IEC 15444-1, annex A): its main header, and where its tile-parts lie.

use super::Refusal;
use super::bytes::{Walk, long};
use super::coding::Coding;
use super::markers::{
    CAPABILITIES, CODING_COMPONENT, CODING_DEFAULT, COMMENT, CORRESPONDING_PROFILE, PACKED_HEADERS_MAIN,
    PACKET_LENGTHS_MAIN, PROGRESSION_CHANGES, QUANTISATION_COMPONENT, QUANTISATION_DEFAULT, REGION_OF_INTEREST,
    REGISTRATION, SIZE, START_OF_CODESTREAM, START_OF_TILE_PART, TILE_PART_LENGTHS,
};
use super::size::Grid;
use super::tile_parts::TileParts;
use std::io::{Read, Seek};
use std::ops::Range;

/// CAP (T.801, A.3.12): part 15.
const PART_15: u32 = 1 << 17;

/// A quantisation table with an entry for each sub-band there can be. The decoder copies it for each tile.
const MOST_QUANTISATION_BYTES: usize = 199;

/// A main header is copied for each tile.
const MOST_HEADER_BYTES: usize = 64 << 10;

/// The same with packet headers of all tiles, which may have 256 segments.
const MOST_PACKED_BYTES: usize = 17 << 20;

/// Ways of coding in one file: one for each component, and what some tiles have of their own.
const MOST_CODINGS: usize = 64;

/// What is known of a codestream before it is decoded.
pub(super) struct Codestream {
    pub(super) grid: Grid,
    /// The segments of the main header that the decoder needs, beside SIZ, with their markers.
    pub(super) segments: Vec<u8>,
    pub(super) codings: Codings,
    /// Changes of the progression order that hold for a tile, at most.
    pub(super) changes: u32,
    /// Whether packet headers of all tiles stand in the main header.
    pub(super) has_packed_headers: bool,
    pub(super) parts: TileParts,
}

/// All ways in which tiles of a file are coded.
#[derive(Default)]
pub(super) struct Codings {
    pub(super) all: Vec<Coding>,
    /// Of the tile that has the most.
    pub(super) layers: u16,
}

impl Codestream {
    /// Reads all headers.
    pub(super) fn read(file: &mut (impl Read + Seek), range: Range<u64>) -> Result<Self, Refusal> {
        let mut walk = Walk::new(file, range)?;
        let (mut header, grid) = Header::read(&mut walk)?;
        let tiles = grid.columns() * grid.rows();
        let by_tile = !header.has_packed_headers;
        let parts = TileParts::read(&mut walk, tiles as usize, &mut header.codings, by_tile)?;
        let Header { segments, codings, changes, has_packed_headers } = header;
        Ok(Self { grid, segments, codings, changes: changes.max(parts.changes), has_packed_headers, parts })
    }
}

/// The main header, as far as it has been read.
#[derive(Default)]
struct Header {
    segments: Vec<u8>,
    codings: Codings,
    changes: u32,
    has_packed_headers: bool,
}

impl Header {
    /// Up to the marker of the first tile-part.
    fn read<F: Read + Seek>(walk: &mut Walk<'_, F>) -> Result<(Self, Grid), Refusal> {
        if walk.short()? != START_OF_CODESTREAM || walk.short()? != SIZE {
            return Err(Refusal::Decode("its codestream does not begin with the size of the image".into()));
        }
        let grid = Grid::read(&walk.segment()?)?;
        let mut header = Self::default();
        loop {
            match walk.short()? {
                START_OF_TILE_PART => break,
                // Markers without a segment.
                0xff30..=0xff3f => {}
                marker => header.add(marker, &walk.segment()?)?,
            }
        }
        if header.codings.layers == 0 {
            return Err(Refusal::Decode("its codestream does not say how it is coded".into()));
        }
        Ok((header, grid))
    }

    fn add(&mut self, marker: u16, segment: &[u8]) -> Result<(), Refusal> {
        match marker {
            CODING_DEFAULT | CODING_COMPONENT => self.codings.add(marker, segment)?,
            QUANTISATION_DEFAULT | QUANTISATION_COMPONENT if segment.len() > MOST_QUANTISATION_BYTES => {
                return Err(Refusal::Decode("its quantisation table is too long".into()));
            }
            QUANTISATION_DEFAULT | QUANTISATION_COMPONENT | REGION_OF_INTEREST => {}
            PROGRESSION_CHANGES => self.changes += u32::from(progression_changes(segment)),
            PACKED_HEADERS_MAIN => self.has_packed_headers = true,
            CAPABILITIES if long(segment, 0).is_some_and(|parts| parts & PART_15 != 0) => {
                return Err(high_throughput());
            }
            // They list what is left out here, or say nothing that a decoder needs.
            CAPABILITIES | TILE_PART_LENGTHS | PACKET_LENGTHS_MAIN | CORRESPONDING_PROFILE | REGISTRATION | COMMENT => {
                return Ok(());
            }
            other => return Err(Refusal::Unsupported(format!("a JPEG 2000 image with the extension {other:04x}"))),
        }
        self.keep(marker, segment)
    }

    fn keep(&mut self, marker: u16, segment: &[u8]) -> Result<(), Refusal> {
        let length = u16::try_from(segment.len() + 2).expect("it was read from two bytes");
        self.segments.extend(marker.to_be_bytes());
        self.segments.extend(length.to_be_bytes());
        self.segments.extend(segment);
        let most = if self.has_packed_headers { MOST_PACKED_BYTES } else { MOST_HEADER_BYTES };
        if self.segments.len() > most {
            return Err(Refusal::Decode("its header is too long".into()));
        }
        Ok(())
    }
}

impl Codings {
    /// Adds what COD or COC says.
    pub(super) fn add(&mut self, marker: u16, segment: &[u8]) -> Result<(), Refusal> {
        let read = match marker {
            CODING_DEFAULT => Coding::of_default(segment),
            _ => Coding::of_component(segment).map(|coding| (coding, self.layers)),
        };
        let (coding, layers) = read.ok_or_else(|| Refusal::Decode("what it says of its coding is damaged".into()))?;
        if coding.is_high_throughput {
            return Err(high_throughput());
        }
        self.layers = self.layers.max(layers);
        if !self.all.contains(&coding) {
            self.all.push(coding);
        }
        if self.all.len() > MOST_CODINGS {
            return Err(Refusal::Unsupported("a JPEG 2000 image that is coded in too many ways".to_owned()));
        }
        Ok(())
    }

    /// Whether nothing but the quantity of data has been reduced, if anything: all wavelets are the reversible one.
    pub(super) fn are_reversible(&self) -> bool {
        self.all.iter().all(|coding| coding.is_reversible)
    }
}

fn high_throughput() -> Refusal {
    Refusal::Unsupported("a High-Throughput JPEG 2000 image (Part 15)".to_owned())
}

/// Entries of POC, in an image with fewer than 257 components (A.6.6).
pub(super) fn progression_changes(segment: &[u8]) -> u16 {
    u16::try_from(segment.len() / 7).expect("a segment is shorter than 65,536 bytes")
}
