//! Where the tile-parts of a codestream lie in the file (A.4.2).

use super::bytes::Walk;
use super::codestream::{Codings, progression_changes};
use super::markers::{
    CODING_COMPONENT, CODING_DEFAULT, COMMENT, END_OF_CODESTREAM, PACKED_HEADERS, PACKET_LENGTHS, PROGRESSION_CHANGES,
    QUANTISATION_COMPONENT, QUANTISATION_DEFAULT, REGION_OF_INTEREST, START_OF_DATA, START_OF_TILE_PART,
};
use super::{DecodeError, Refusal};
use std::io::{Read, Seek};

/// Tile-parts of a file, at most: 16 MiB of memory.
const MOST_TILE_PARTS: usize = 1 << 20;

/// The marker SOT with its segment, and the marker SOD.
const LEAST_BYTES: u64 = 14;

const MARKER_BYTES: u64 = 2;

/// One tile-part: where it lies in the file, with its markers.
#[derive(Clone, Copy, Debug)]
pub(super) struct TilePart {
    pub(super) tile: u16,
    /// Changes of the progression order in its header.
    changes: u16,
    /// Tile-parts that its tile has, if it says so.
    siblings: Option<u8>,
    pub(super) bytes: u32,
    pub(super) offset: u64,
}

/// All of a codestream.
pub(super) struct TileParts {
    /// By tile, or in the order of the file.
    pub(super) all: Vec<TilePart>,
    /// The most changes of the progression order that the headers of one tile have.
    pub(super) changes: u32,
    /// The codestream ends with its marker.
    pub(super) has_end: bool,
}

impl TileParts {
    /// From behind the marker of the first one to the end of the codestream; each tile must have data.
    pub(super) fn read<F: Read + Seek>(
        walk: &mut Walk<'_, F>,
        tiles: usize,
        codings: &mut Codings,
        by_tile: bool,
    ) -> Result<Self, Refusal> {
        let mut all = Vec::new();
        let (mut has_data, mut has_end) = (vec![false; tiles], true);
        loop {
            let mut part = TilePart::read(walk, codings)?;
            let end = part.offset + u64::from(part.bytes);
            match has_data.get_mut(usize::from(part.tile)) {
                Some(has_data) => *has_data |= walk.at < end,
                None => {
                    return Err(Refusal::Decode(format!("it has data of a tile {}, which is none", part.tile).into()));
                }
            }
            if walk.end - end < MARKER_BYTES {
                // Some writers count the marker of the end as data of the last tile-part, and others leave it out.
                walk.go_to(end - MARKER_BYTES)?;
                has_end = end == walk.end && walk.short()? == END_OF_CODESTREAM;
                part.bytes -= if has_end { 2 } else { 0 };
                all.push(part);
                break;
            }
            all.push(part);
            walk.go_to(end)?;
            if !goes_on(walk.short()?, all.len())? {
                break;
            }
        }
        if let Some(tile) = has_data.iter().position(|has_data| !has_data) {
            return Err(Refusal::Decode(format!("tile {tile} of {tiles} is missing").into()));
        }
        // Stable: the parts of a tile stay in their order.
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

    /// Those of a tile, where they are sorted so.
    pub(super) fn of_tile(&self, tile: u16) -> &[TilePart] {
        let first = self.all.partition_point(|part| part.tile < tile);
        let count = self.all[first..].partition_point(|part| part.tile == tile);
        &self.all[first..first + count]
    }
}

/// Returns `true` if a tile says how many parts it has, and these are all.
fn is_whole(parts: &[TilePart]) -> bool {
    let siblings = parts.iter().find_map(|part| part.siblings);
    siblings.is_some_and(|siblings| parts.len() >= siblings.into())
}

/// Whether a marker begins the next tile-part.
fn goes_on(marker: u16, count: usize) -> Result<bool, DecodeError> {
    match marker {
        END_OF_CODESTREAM => Ok(false),
        START_OF_TILE_PART if count < MOST_TILE_PARTS => Ok(true),
        START_OF_TILE_PART => Err(format!("it has more than {MOST_TILE_PARTS} tile-parts").into()),
        other => Err(format!("after a tile-part stands the marker {other:04x}").into()),
    }
}

impl TilePart {
    /// Its header, from behind the marker SOT; the walk ends at its data.
    fn read<F: Read + Seek>(walk: &mut Walk<'_, F>, codings: &mut Codings) -> Result<Self, Refusal> {
        let offset = walk.at - 2;
        let segment = walk.segment()?;
        let [t0, t1, l0, l1, l2, l3, _part, siblings] = segment[..] else {
            return Err(Refusal::Decode("the header of a tile-part is damaged".into()));
        };
        let bytes = match u32::from_be_bytes([l0, l1, l2, l3]) {
            // The last one may leave it open: it ends where the marker of the end begins.
            0 => walk.end.saturating_sub(offset + 2),
            bytes => bytes.into(),
        };
        if bytes < LEAST_BYTES || offset + bytes > walk.end {
            return Err(Refusal::Decode("a tile-part reaches beyond the end of its codestream".into()));
        }
        let mut inside = walk.until(offset + bytes);
        let changes = read_header(&mut inside, codings)?;
        walk.at = inside.at;
        let bytes = u32::try_from(bytes).map_err(|_| DecodeError::from("a tile-part has more than 4 GiB"))?;
        let siblings = Some(siblings).filter(|siblings| *siblings > 0);
        Ok(Self { tile: u16::from_be_bytes([t0, t1]), changes, siblings, bytes, offset })
    }
}

/// Up to the data of a tile-part; the number of changes of the progression order.
fn read_header<F: Read + Seek>(walk: &mut Walk<'_, F>, codings: &mut Codings) -> Result<u16, Refusal> {
    let mut changes = 0_u16;
    loop {
        match walk.short()? {
            START_OF_DATA => return Ok(changes),
            0xff30..=0xff3f => {}
            PROGRESSION_CHANGES => changes = changes.saturating_add(progression_changes(&walk.segment()?)),
            marker @ (CODING_DEFAULT | CODING_COMPONENT) => codings.add(marker, &walk.segment()?)?,
            PACKET_LENGTHS
            | PACKED_HEADERS
            | COMMENT
            | QUANTISATION_DEFAULT
            | QUANTISATION_COMPONENT
            | REGION_OF_INTEREST => walk.skip_segment()?,
            other => {
                return Err(Refusal::Decode(format!("the header of a tile-part has the marker {other:04x}").into()));
            }
        }
    }
}
