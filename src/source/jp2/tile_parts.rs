//! Locates a codestream's tile-parts in the file (A.4.2).

use super::bytes::Cursor;
use super::coding::{Codings, progression_changes};
use super::markers::{
    CODING_COMPONENT, CODING_DEFAULT, COMMENT, END_OF_CODESTREAM, PACKED_HEADERS, PACKET_LENGTHS, PROGRESSION_CHANGES,
    QUANTIZATION_COMPONENT, QUANTIZATION_DEFAULT, REGION_OF_INTEREST, START_OF_DATA, START_OF_TILE_PART,
};
use super::{DecodeError, Refusal};
use std::io::{Read, Seek};

/// Maximum number of tile-parts per file. This many take up 16 MiB of memory.
const MAX_TILE_PARTS: usize = 1 << 20;

/// Minimum size of a tile-part in bytes: the SOT marker and its segment, plus the SOD marker.
const MIN_BYTES: u64 = 14;

const MARKER_BYTES: u64 = 2;

/// A single tile-part. `offset` and `bytes` include its markers.
#[derive(Clone, Copy, Debug)]
pub(super) struct TilePart {
    pub(super) tile: u16,
    /// Number of progression order changes in its header.
    changes: u16,
    /// Number of tile-parts in its tile, if specified in the header.
    siblings: Option<u8>,
    pub(super) bytes: u32,
    pub(super) offset: u64,
}

/// All of a codestream's tile-parts.
pub(super) struct TileParts {
    /// Sorted by tile or kept in file order, depending on `by_tile`.
    pub(super) all: Vec<TilePart>,
    /// Maximum number of progression order changes in a single tile's headers.
    pub(super) changes: u32,
    /// The codestream has an end marker.
    pub(super) has_end: bool,
}

impl TileParts {
    /// Reads tile-parts from just after the first SOT marker to the end of the codestream. Each tile must have data.
    pub(super) fn read<F: Read + Seek>(
        cursor: &mut Cursor<'_, F>,
        tiles: usize,
        codings: &mut Codings,
        by_tile: bool,
    ) -> Result<Self, Refusal> {
        // A tile's parts may be anywhere in the file, mixed in with parts of other tiles, and the end marker may be
        // missing or counted as data. Invariant: after the stable sort, a tile's parts are adjacent and in file order,
        // so concatenating them yields the tile's data. The data is known to be complete because either the end marker
        // is present or each tile declares how many parts it has. The length lists in TLM segments can't replace this
        // walk. They are optional, and they don't prove that the data is present or show how a tile-part is coded.
        // Stopping at the next tile we need wouldn't work either, because a later part may belong to any earlier tile.
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

    /// Returns a tile's parts. Requires the parts to be sorted by tile.
    pub(super) fn of_tile(&self, tile: u16) -> &[TilePart] {
        let first = self.all.partition_point(|part| part.tile < tile);
        let count = self.all[first..].partition_point(|part| part.tile == tile);
        &self.all[first..first + count]
    }
}

/// Reads all tile-parts. Returns them in file order, and `true` if the codestream has an end marker.
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
            // Some writers count the end marker as part of the last tile-part's data, and others omit it.
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

/// Returns `true` if the marker starts another tile-part, or `false` if it ends the codestream.
fn has_next_part(marker: u16, count: usize) -> Result<bool, DecodeError> {
    match marker {
        END_OF_CODESTREAM => Ok(false),
        START_OF_TILE_PART if count < MAX_TILE_PARTS => Ok(true),
        START_OF_TILE_PART => Err(format!("it has more than {MAX_TILE_PARTS} tile-parts").into()),
        other => Err(format!("a tile-part is followed by the marker {other:04x}").into()),
    }
}

impl TilePart {
    /// Reads the header following the SOT marker. Leaves the cursor at the data.
    fn read<F: Read + Seek>(cursor: &mut Cursor<'_, F>, codings: &mut Codings) -> Result<Self, Refusal> {
        let offset = cursor.at - 2;
        let segment = cursor.segment()?;
        let [t0, t1, l0, l1, l2, l3, _part, siblings] = segment[..] else {
            return Err(Refusal::Decode("the header of a tile-part is damaged".into()));
        };
        let bytes = match u32::from_be_bytes([l0, l1, l2, l3]) {
            // The last tile-part may omit its length, in which case it extends to the end marker.
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

/// Reads a tile-part's header up to its data. Returns the number of progression order changes.
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
