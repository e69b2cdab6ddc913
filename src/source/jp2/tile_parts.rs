//! Positions of the tile-parts of a codestream in the file (A.4.2).

use super::bytes::Cursor;
use super::coding::{Codings, progression_changes};
use super::markers::{
    CODING_COMPONENT, CODING_DEFAULT, COMMENT, END_OF_CODESTREAM, PACKED_HEADERS, PACKET_LENGTHS, PROGRESSION_CHANGES,
    QUANTIZATION_COMPONENT, QUANTIZATION_DEFAULT, REGION_OF_INTEREST, START_OF_DATA, START_OF_TILE_PART,
};
use super::{DecodeError, Refusal};
use std::io::{Read, Seek};

/// Maximum tile-parts of a file, which take 16 MiB of memory.
const MAX_TILE_PARTS: usize = 1 << 20;

/// Minimum bytes of a tile-part: the SOT marker with its segment, and the SOD marker.
const MIN_BYTES: u64 = 14;

const MARKER_BYTES: u64 = 2;

/// One tile-part: its position in the file, including its markers.
#[derive(Clone, Copy, Debug)]
pub(super) struct TilePart {
    pub(super) tile: u16,
    /// Progression order changes in its header.
    changes: u16,
    /// Tile-parts of its tile, if the header gives the number.
    siblings: Option<u8>,
    pub(super) bytes: u32,
    pub(super) offset: u64,
}

/// All tile-parts of a codestream.
pub(super) struct TileParts {
    /// Sorted by tile, or in file order.
    pub(super) all: Vec<TilePart>,
    /// Maximum progression order changes in the headers of one tile.
    pub(super) changes: u32,
    /// The codestream has its end marker.
    pub(super) has_end: bool,
}

impl TileParts {
    /// Reads the tile-parts from after the first SOT marker to the end of the codestream. Each tile must have data.
    pub(super) fn read<F: Read + Seek>(
        cursor: &mut Cursor<'_, F>,
        tiles: usize,
        codings: &mut Codings,
        by_tile: bool,
    ) -> Result<Self, Refusal> {
        // The parts of a tile may be anywhere in the file, between those of other tiles, and the end marker may be
        // missing or counted as data. The invariant: after the stable sort, the parts of a tile are neighbors in file
        // order, so that joining them gives the data of the tile. The data is complete because either the end marker is
        // present or each tile declares its number of parts. The list of lengths in TLM segments cannot replace this
        // walk: it is optional, and it proves neither that the data is present nor how a tile-part is coded. Walking
        // only as far as the next tile needs would not do either: a later part may belong to any earlier tile.
        let (mut all, has_end) = read_in_file_order(cursor, tiles, codings)?;
        all.sort_by_key(|part| part.tile);
        if !has_end && !all.chunk_by(|one, other| one.tile == other.tile).all(is_whole) {
            return Err(Refusal::Decode("its codestream ends too early".into()));
        }
        let of_tile = |parts: &[TilePart]| parts.iter().map(|part| u32::from(part.changes)).sum();
        let changes = all.chunk_by(|one, other| one.tile == other.tile).map(of_tile).max().unwrap_or(0);
        if !by_tile {
            all.sort_by_key(|part| part.offset);
        }
        Ok(Self { all, changes, has_end })
    }

    /// Returns the tile-parts of a tile. Requires that they are sorted by tile.
    pub(super) fn of_tile(&self, tile: u16) -> &[TilePart] {
        let first = self.all.partition_point(|part| part.tile < tile);
        let count = self.all[first..].partition_point(|part| part.tile == tile);
        &self.all[first..first + count]
    }
}

/// Reads all tile-parts. Returns them in file order, and `true` if the codestream has its end marker.
fn read_in_file_order<F: Read + Seek>(
    cursor: &mut Cursor<'_, F>,
    tiles: usize,
    codings: &mut Codings,
) -> Result<(Vec<TilePart>, bool), Refusal> {
    let (mut all, mut has_data) = (Vec::new(), vec![false; tiles]);
    let has_end = loop {
        let mut part = TilePart::read(cursor, codings)?;
        let end = part.offset + u64::from(part.bytes);
        match has_data.get_mut(usize::from(part.tile)) {
            Some(has_data) => *has_data |= cursor.at < end,
            None => {
                return Err(Refusal::Decode(
                    format!("it has data for tile {}, which does not exist", part.tile).into(),
                ));
            }
        }
        if cursor.end - end < MARKER_BYTES {
            // Some writers count the end marker as data of the last tile-part, and others omit it.
            cursor.go_to(end - MARKER_BYTES)?;
            let has_end = end == cursor.end && cursor.short()? == END_OF_CODESTREAM;
            part.bytes -= if has_end { 2 } else { 0 };
            all.push(part);
            break has_end;
        }
        all.push(part);
        cursor.go_to(end)?;
        if !has_next_part(cursor.short()?, all.len())? {
            break true;
        }
    };
    match has_data.iter().position(|has_data| !has_data) {
        Some(tile) => Err(Refusal::Decode(format!("tile {tile} of {tiles} is missing").into())),
        None => Ok((all, has_end)),
    }
}

/// Returns `true` if a tile declares its number of parts and all of them are present.
fn is_whole(parts: &[TilePart]) -> bool {
    let siblings = parts.iter().find_map(|part| part.siblings);
    siblings.is_some_and(|siblings| parts.len() >= siblings.into())
}

/// Returns `true` if a marker starts the next tile-part, and `false` at the end of the codestream.
fn has_next_part(marker: u16, count: usize) -> Result<bool, DecodeError> {
    match marker {
        END_OF_CODESTREAM => Ok(false),
        START_OF_TILE_PART if count < MAX_TILE_PARTS => Ok(true),
        START_OF_TILE_PART => Err(format!("it has more than {MAX_TILE_PARTS} tile-parts").into()),
        other => Err(format!("a tile-part is followed by the marker {other:04x}").into()),
    }
}

impl TilePart {
    /// Reads a header after the SOT marker. Leaves the cursor at the data.
    fn read<F: Read + Seek>(cursor: &mut Cursor<'_, F>, codings: &mut Codings) -> Result<Self, Refusal> {
        let offset = cursor.at - 2;
        let segment = cursor.segment()?;
        let [t0, t1, l0, l1, l2, l3, _part, siblings] = segment[..] else {
            return Err(Refusal::Decode("the header of a tile-part is damaged".into()));
        };
        let bytes = match u32::from_be_bytes([l0, l1, l2, l3]) {
            // The last tile-part may omit its length and ends at the end marker.
            0 => cursor.end.saturating_sub(offset + 2),
            bytes => bytes.into(),
        };
        if bytes < MIN_BYTES || offset + bytes > cursor.end {
            return Err(Refusal::Decode("a tile-part extends beyond the end of its codestream".into()));
        }
        let mut inside = cursor.until(offset + bytes);
        let changes = read_header(&mut inside, codings)?;
        cursor.at = inside.at;
        let bytes = u32::try_from(bytes).map_err(|_| DecodeError::from("a tile-part has more than 4 GiB"))?;
        let siblings = Some(siblings).filter(|siblings| *siblings > 0);
        Ok(Self { tile: u16::from_be_bytes([t0, t1]), changes, siblings, bytes, offset })
    }
}

/// Reads up to the data of a tile-part. Returns the number of progression order changes.
fn read_header<F: Read + Seek>(cursor: &mut Cursor<'_, F>, codings: &mut Codings) -> Result<u16, Refusal> {
    let mut changes = 0_u16;
    loop {
        match cursor.short()? {
            START_OF_DATA => return Ok(changes),
            0xff30..=0xff3f => {}
            PROGRESSION_CHANGES => changes = changes.saturating_add(progression_changes(&cursor.segment()?)),
            marker @ (CODING_DEFAULT | CODING_COMPONENT) => codings.add(marker, &cursor.segment()?)?,
            PACKET_LENGTHS
            | PACKED_HEADERS
            | COMMENT
            | QUANTIZATION_DEFAULT
            | QUANTIZATION_COMPONENT
            | REGION_OF_INTEREST => cursor.skip_segment()?,
            other => {
                return Err(Refusal::Decode(format!("the header of a tile-part has the marker {other:04x}").into()));
            }
        }
    }
}
