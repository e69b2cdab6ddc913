//! Layout of strips and tiles in the image, and their byte ranges in the file.

use super::codec::Codec;
use super::input::{BitOrder, Extent, TiffInput};
use super::tags::{self, Tag, Tags};
use crate::iiif::Size;
use crate::source::DecodeError;
use std::sync::Arc;

/// Maximum side of a tile that is larger than the image, in pixels.
const MAX_TILE_SIDE: u32 = 1 << 16;

/// Division of the image into strips or tiles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Strips,
    Tiles,
}

/// The strips or tiles of an image.
pub(super) struct Chunks {
    kind: Kind,
    /// Size of the image in pixels.
    pub(super) size: Size,
    /// Size of one strip or tile in pixels. The last ones of a row or column may extend beyond the image.
    pub(super) width: u32,
    pub(super) height: u32,
    /// Offset and length of each in bytes; the first plane comes before the second.
    offsets: Vec<u64>,
    byte_counts: Vec<u64>,
}

impl Chunks {
    /// Reads the layout, but not the byte ranges.
    pub(super) fn read(tags: Tags<'_>, size: Size) -> Result<Self, DecodeError> {
        // TIFF 6.0 (section 15) calls the two strips and tiles and gives them tags of their own. Here a strip is a tile
        // that is as wide as the image, so that everything after this function handles one kind of chunk.
        let kind = match tags.number(tags::TILE_WIDTH)? {
            Some(_) => Kind::Tiles,
            None => Kind::Strips,
        };
        let (width, height) = match kind {
            Kind::Tiles => (tile_side(tags, tags::TILE_WIDTH, size)?, tile_side(tags, tags::TILE_LENGTH, size)?),
            Kind::Strips => (size.width(), rows_per_strip(tags, size)?),
        };
        Ok(Self { kind, size, width, height, offsets: Vec::new(), byte_counts: Vec::new() })
    }

    /// Reads and checks the byte ranges. `packed` returns the uncompressed bytes of a number of rows.
    pub(super) fn locate(
        &mut self,
        tags: Tags<'_>,
        planes: u16,
        codec: &Codec,
        packed: impl Fn(u32) -> u64,
    ) -> Result<(), DecodeError> {
        // At most 2^60 in each plane.
        let count = (u64::from(self.chunks_across()) * u64::from(self.chunks_down())).saturating_mul(planes.into());
        let (strip_tags, tile_tags) =
            ((tags::STRIP_OFFSETS, tags::STRIP_BYTE_COUNTS), (tags::TILE_OFFSETS, tags::TILE_BYTE_COUNTS));
        // Some writers list tiles under the tags of strips; to libtiff, the two are the same.
        let (offsets, byte_counts) = match self.kind {
            Kind::Tiles if tags.has(tags::TILE_OFFSETS) || !tags.has(tags::STRIP_OFFSETS) => tile_tags,
            Kind::Strips if !tags.has(tags::STRIP_OFFSETS) && tags.has(tags::TILE_OFFSETS) => tile_tags,
            _ => strip_tags,
        };
        // Only as many numbers as the image needs are read. Files with more of them exist, and a count of 2^60 in a
        // small file must not become a vector.
        self.offsets = complete(offsets, tags.first_numbers(offsets, count)?, count)?;
        self.byte_counts = match tags.first_numbers(byte_counts, count)? {
            // The lengths follow from the offsets; some old writers omit them.
            None => vec![0; self.offsets.len()],
            byte_counts_read => complete(byte_counts, byte_counts_read, count)?,
        };
        self.fill_byte_counts(&tags.structure.input);
        (0..self.offsets.len())
            .try_for_each(|index| self.check(&tags.structure.input, index, codec, packed(self.rows_in_chunk(index))))
    }

    /// Gives strips and tiles without a length, as some scanners write them, all bytes up to the next one or the end of
    /// the file. A strip or tile without an offset either has no data.
    fn fill_byte_counts(&mut self, input: &TiffInput) {
        let is_unknown = |(bytes, offset): (&u64, &u64)| *bytes == 0 && *offset != 0;
        if !self.byte_counts.iter().zip(&self.offsets).any(is_unknown) {
            return;
        }
        // The order of chunks in the file is up to the writer, so the end of one is the next larger offset, not that of
        // the next chunk. What is after the last byte of a chunk is ignored by its decompressor, so too many bytes do
        // no harm.
        let mut sorted = self.offsets.clone();
        sorted.sort_unstable();
        for (bytes, offset) in
            self.byte_counts.iter_mut().zip(&self.offsets).filter(|(bytes, it)| is_unknown((bytes, it)))
        {
            let next = sorted.get(sorted.partition_point(|other| other <= offset)).copied();
            *bytes = next.unwrap_or(input.length()).saturating_sub(*offset);
        }
    }

    fn check(&mut self, input: &TiffInput, index: usize, codec: &Codec, packed: u64) -> Result<(), DecodeError> {
        let bytes = self.byte_counts[index];
        // Checked before memory is reserved for data that cannot be there.
        let min = codec.max_expansion().map_or(1, |max| packed.div_ceil(max));
        if bytes < min.max(1) {
            return Err(format!("{} has {bytes} bytes, too few for its rows", self.name(index)).into());
        }
        if codec.is_none() {
            // Surplus bytes are not read.
            self.byte_counts[index] = packed;
        }
        if !input.has(self.offsets[index], self.byte_counts[index]) {
            return Err(format!("the file ends before {} does", self.name(index)).into());
        }
        Ok(())
    }

    /// Returns a reader of one strip or tile, without its first `skipped` bytes.
    pub(super) fn extent(&self, input: &Arc<TiffInput>, index: usize, skipped: u64, bit_order: BitOrder) -> Extent {
        let bytes = self.byte_counts[index].saturating_sub(skipped);
        input.extent(self.offsets[index].saturating_add(skipped), bytes, bit_order)
    }

    /// Returns the name of one strip or tile for messages.
    pub(super) fn name(&self, index: usize) -> String {
        match self.kind {
            Kind::Strips => format!("strip {index}"),
            Kind::Tiles => format!("tile {index}"),
        }
    }

    pub(super) fn is_strips(&self) -> bool {
        self.kind == Kind::Strips
    }

    pub(super) fn chunks_across(&self) -> u32 {
        self.size.width().div_ceil(self.width)
    }

    pub(super) fn chunks_down(&self) -> u32 {
        self.size.height().div_ceil(self.height)
    }

    /// Returns the index of a strip or tile in one plane.
    pub(super) fn index(&self, column: u32, row: u32, plane: usize) -> usize {
        let (chunks_across, chunks_down) = (self.chunks_across() as usize, self.chunks_down() as usize);
        (plane * chunks_down + row as usize) * chunks_across + column as usize
    }

    /// Returns the rows of the image in one strip or tile.
    fn rows_in_chunk(&self, index: usize) -> u32 {
        let row = index / self.chunks_across() as usize % self.chunks_down() as usize;
        self.rows(u32::try_from(row).expect("below the number of rows, which is a `u32`"))
    }

    /// Returns the rows of the image in a row of strips or tiles.
    pub(super) fn rows(&self, row: u32) -> u32 {
        self.height.min(self.size.height() - row * self.height)
    }

    /// Returns the columns of the image in a column of tiles.
    pub(super) fn columns(&self, column: u32) -> u32 {
        self.width.min(self.size.width() - column * self.width)
    }
}

/// Returns exactly `count` numbers of a tag, or an error if it has fewer.
fn complete(tag: Tag, numbers: Option<Vec<u64>>, count: u64) -> Result<Vec<u64>, DecodeError> {
    let mut numbers = numbers.ok_or_else(|| format!("its `{}` is missing", tag.name))?;
    if (numbers.len() as u64) < count {
        return Err(format!("its `{}` has {} of {count} numbers", tag.name, numbers.len()).into());
    }
    numbers.truncate(usize::try_from(count)?);
    Ok(numbers)
}

fn tile_side(tags: Tags<'_>, tag: Tag, size: Size) -> Result<u32, DecodeError> {
    let pixels = tags.number(tag)?.ok_or_else(|| format!("its `{}` is missing", tag.name))?;
    let max = MAX_TILE_SIDE.max(size.longer_side());
    let checked = u32::try_from(pixels).ok().filter(|pixels| (1..=max).contains(pixels));
    checked.ok_or_else(|| format!("its `{}` is {pixels}, and the image has {size} pixels", tag.name).into())
}

fn rows_per_strip(tags: Tags<'_>, size: Size) -> Result<u32, DecodeError> {
    let height = size.height();
    match tags.number(tags::ROWS_PER_STRIP)? {
        Some(0) => Err("its `RowsPerStrip` is 0".into()),
        rows => Ok(rows.and_then(|rows| u32::try_from(rows).ok()).map_or(height, |rows| rows.min(height))),
    }
}
