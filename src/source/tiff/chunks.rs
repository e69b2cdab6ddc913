//! Layout of an image's strips or tiles, and their byte ranges in the file.

use super::codec::Codec;
use super::input::{BitOrder, Extent, TiffInput};
use super::tags::{self, Tag, Tags};
use crate::iiif::Size;
use crate::source::DecodeError;
use std::sync::Arc;

/// Maximum tile width or height, in pixels, unless the image is larger.
const MAX_TILE_SIDE: u32 = 1 << 16;

/// Storage layout of an image's data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Strips,
    Tiles,
}

/// An image's strips or tiles.
pub(super) struct Chunks {
    kind: Kind,
    /// Image size in pixels.
    pub(super) size: Size,
    /// Size of each strip or tile in pixels. The last one in a row or column may extend past the image's edge.
    pub(super) width: u32,
    pub(super) height: u32,
    /// Byte offset and length of each chunk, one plane after another.
    offsets: Vec<u64>,
    byte_counts: Vec<u64>,
}

impl Chunks {
    /// Creates a single strip that covers the whole image.
    pub(super) fn whole(size: Size, offset: u64, bytes: u64) -> Self {
        let (offsets, byte_counts) = (vec![offset], vec![bytes]);
        Self { kind: Kind::Strips, size, width: size.width(), height: size.height(), offsets, byte_counts }
    }

    /// Reads the layout, but not the byte ranges.
    pub(super) fn read(tags: Tags<'_>, size: Size) -> Result<Self, DecodeError> {
        // TIFF 6.0 (section 15) treats strips and tiles as separate concepts with separate tags. Here a strip is
        // simply a tile as wide as the image, so the rest of the code only deals with one kind of chunk.
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

    /// Reads and checks the byte ranges. `packed` returns the uncompressed size of a given number of rows.
    pub(super) fn locate(
        &mut self,
        tags: Tags<'_>,
        planes: u16,
        codec: &Codec,
        packed: impl Fn(u32) -> u64,
    ) -> Result<(), DecodeError> {
        // At most 2^60 per plane.
        let count = (u64::from(self.chunks_across()) * u64::from(self.chunks_down())).saturating_mul(planes.into());
        let (strip_tags, tile_tags) =
            ((tags::STRIP_OFFSETS, tags::STRIP_BYTE_COUNTS), (tags::TILE_OFFSETS, tags::TILE_BYTE_COUNTS));
        // Some writers use the strip tags for tiles or vice versa. Like libtiff, accept either.
        let (offsets, byte_counts) = match self.kind {
            Kind::Tiles if tags.has(tags::TILE_OFFSETS) || !tags.has(tags::STRIP_OFFSETS) => tile_tags,
            Kind::Strips if !tags.has(tags::STRIP_OFFSETS) && tags.has(tags::TILE_OFFSETS) => tile_tags,
            _ => strip_tags,
        };
        // Read only as many values as the image needs. Some files list more, and a small file that claims 2^60 values
        // must not cause a huge allocation.
        self.offsets = complete(offsets, tags.first_numbers(offsets, count)?, count)?;
        self.byte_counts = match tags.first_numbers(byte_counts, count)? {
            // Some old writers omit the lengths, but they can be derived from the offsets.
            None => vec![0; self.offsets.len()],
            byte_counts_read => complete(byte_counts, byte_counts_read, count)?,
        };
        self.fill_byte_counts(&tags.structure.input);
        (0..self.offsets.len())
            .try_for_each(|index| self.check(&tags.structure.input, index, codec, packed(self.rows_in_chunk(index))))
    }

    /// Fills in missing byte counts, which some scanners leave at 0. Each of these chunks extends to the next chunk or
    /// the end of the file. A chunk with neither a length nor an offset is empty.
    fn fill_byte_counts(&mut self, input: &TiffInput) {
        let is_unknown = |(bytes, offset): (&u64, &u64)| *bytes == 0 && *offset != 0;
        if !self.byte_counts.iter().zip(&self.offsets).any(is_unknown) {
            return;
        }
        // Writers may store chunks in any order, so a chunk ends at the next higher offset, not at the offset of the
        // next chunk. Decompressors ignore anything after a chunk's last byte, so overestimating the length does no
        // harm.
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
        // Check before allocating memory for data that can't exist.
        let min = codec.max_expansion().map_or(1, |max| packed.div_ceil(max));
        if bytes < min.max(1) {
            return Err(format!("{} has {bytes} bytes, too few for its rows", self.name(index)).into());
        }
        if codec.is_none() {
            // Don't read any surplus bytes.
            self.byte_counts[index] = packed;
        }
        if !input.has(self.offsets[index], self.byte_counts[index]) {
            return Err(format!("the file ends before {} does", self.name(index)).into());
        }
        Ok(())
    }

    /// Returns a reader for one strip or tile that skips the first `skipped` bytes.
    pub(super) fn extent(&self, input: &Arc<TiffInput>, index: usize, skipped: u64, bit_order: BitOrder) -> Extent {
        let bytes = self.byte_counts[index].saturating_sub(skipped);
        input.extent(self.offsets[index].saturating_add(skipped), bytes, bit_order)
    }

    /// Returns a strip or tile name for use in messages.
    pub(super) fn name(&self, index: usize) -> String {
        match self.kind {
            Kind::Strips => format!("strip {index}"),
            Kind::Tiles => format!("tile {index}"),
        }
    }

    /// Returns the number of strips or tiles across all planes.
    pub(super) fn count(&self) -> usize {
        self.offsets.len()
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

    /// Returns the index of a strip or tile within the given plane.
    pub(super) fn index(&self, column: u32, row: u32, plane: usize) -> usize {
        let (chunks_across, chunks_down) = (self.chunks_across() as usize, self.chunks_down() as usize);
        (plane * chunks_down + row as usize) * chunks_across + column as usize
    }

    /// Returns the number of image rows in a strip or tile.
    fn rows_in_chunk(&self, index: usize) -> u32 {
        let row = index / self.chunks_across() as usize % self.chunks_down() as usize;
        self.rows(u32::try_from(row).expect("below the number of rows, which is a `u32`"))
    }

    /// Returns the number of image rows in a row of strips or tiles.
    pub(super) fn rows(&self, row: u32) -> u32 {
        self.height.min(self.size.height() - row * self.height)
    }

    /// Returns the number of image columns in a column of tiles.
    pub(super) fn columns(&self, column: u32) -> u32 {
        self.width.min(self.size.width() - column * self.width)
    }
}

/// Returns the first `count` values of a tag. Fails if there are fewer.
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
