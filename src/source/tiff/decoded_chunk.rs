//! A decoded strip or tile, optionally with its JPEG blocks.

use super::block_strips::divisor;
use super::chunk::{Chunk, ChunkPosition, damaged};
use super::codec::Codec;
use super::decompressor::{End, Jpeg};
use super::image::Image;
use super::jpeg;
use crate::iiif::Size;
use crate::libjpeg::Decoder;
use crate::pixel::{BlockLayout, BlockStrip, RowScale, halve_rows};
use crate::source::{DecodeError, resize, zeroed};
use std::sync::Arc;

/// A strip or tile, cropped to the image.
pub(super) struct DecodedChunk {
    position: ChunkPosition,
    pub(super) pixels: Vec<u8>,
    /// Blocks of the whole strip or tile, including blocks past the image's edges.
    pub(super) blocks: Option<BlockStrip>,
}

/// Specifies the blocks to keep while decoding.
#[derive(Clone, Copy)]
pub(super) struct ChunkBlocks<'a> {
    /// Layout of the image's blocks.
    pub(super) layout: &'a BlockLayout,
    /// Scale of the decoded pixels.
    pub(super) scale: RowScale,
}

impl DecodedChunk {
    /// Creates a strip or tile that hasn't been decoded yet. Reuses the `pixels` buffer.
    pub(super) fn new(position: ChunkPosition, pixels: Vec<u8>) -> Self {
        Self { position, pixels, blocks: None }
    }

    /// Returns the size of a row in bytes.
    pub(super) fn row_bytes(&self, image: &Image, scale: RowScale) -> usize {
        image.mapping.samples.row_bytes(image.chunks.columns(self.position.column).div_ceil(divisor(scale)))
    }

    /// Decodes the pixels, and also the blocks if `kept` is set.
    pub(super) fn decode(&mut self, image: &Image, kept: Option<ChunkBlocks<'_>>) -> Result<(), DecodeError> {
        if let (Codec::Jpeg(jpeg), Some(kept)) = (&image.codec, kept) {
            let index = image.chunks.index(self.position.column, self.position.row, 0);
            return self.decode_blocks(image, jpeg, kept).map_err(|cause| damaged(image, index, cause));
        }
        let row_bytes = self.row_bytes(image, RowScale::Full);
        resize(&mut self.pixels, image.chunks.rows(self.position.row) as usize, row_bytes)?;
        let mut chunk = Chunk::open(image, self.position, 0)?;
        chunk.read(image, &mut self.pixels, row_bytes)?;
        chunk.finish(image)
    }

    fn decode_blocks(&mut self, image: &Image, jpeg: &Jpeg, kept: ChunkBlocks<'_>) -> Result<(), DecodeError> {
        let (chunks, ChunkPosition { column, row }) = (&image.chunks, self.position);
        let extent = image.jpeg_extent(chunks.index(column, row, 0));
        let rows = chunks.rows(row);
        let mut decoder = jpeg::open_stream(jpeg, extent, chunks.width, rows..=chunks.height)?;
        let visible = BlockLayout { size: Size::new(chunks.columns(column), rows)?, ..kept.layout.clone() };
        // At half size, the last visible pixels would be mixed with padding. Decode such a strip or tile at full size,
        // then halve it like any other image.
        let is_halved = kept.scale == RowScale::Half && visible.mixes_hidden_pixels();
        keep_blocks(&mut decoder, ChunkBlocks { scale: if is_halved { RowScale::Full } else { kept.scale }, ..kept })?;
        decoder.start()?;
        let row_bytes = self.row_bytes(image, kept.scale);
        resize(&mut self.pixels, rows.div_ceil(divisor(kept.scale)) as usize, row_bytes)?;
        if is_halved {
            let visible_bytes = self.row_bytes(image, RowScale::Full);
            read_halved(&mut decoder, rows, visible_bytes, self.pixels.chunks_exact_mut(row_bytes))?;
        } else if row_bytes == decoder.row_bytes() {
            decoder.read_rows(&mut self.pixels)?;
        } else {
            let mut whole = zeroed(decoder.row_bytes())?;
            for row in self.pixels.chunks_exact_mut(row_bytes) {
                decoder.read_rows(&mut whole)?;
                row.copy_from_slice(&whole[..row_bytes]);
            }
        }
        // Rows of padding aren't decoded, so it doesn't matter how they end.
        let is_padded = decoder.height() > rows;
        decoder.finish()?;
        if decoder.is_end_missing() && !is_padded {
            image.late_warnings.add_end(End::WithoutMarker);
        }
        self.blocks = decoder.take_blocks();
        Ok(())
    }
}

/// Reads rows at full size, then halves the visible part of each pair of rows.
fn read_halved<'a>(
    decoder: &mut Decoder,
    rows: u32,
    visible_bytes: usize,
    halved: impl Iterator<Item = &'a mut [u8]>,
) -> Result<(), DecodeError> {
    let row_bytes = decoder.row_bytes();
    let channels = row_bytes / decoder.width().max(1) as usize;
    let mut pair = zeroed(2 * row_bytes)?;
    for (top, halved) in (0..rows).step_by(2).zip(halved) {
        let count = if top + 1 < rows { 2 } else { 1 };
        decoder.read_rows(&mut pair[..count * row_bytes])?;
        let (upper, lower) = pair.split_at(row_bytes);
        let lower = if count == 2 { lower } else { upper };
        halve_rows(&upper[..visible_bytes], &lower[..visible_bytes], halved, channels);
    }
    Ok(())
}

/// Keeps a strip's or tile's blocks. Fails if they don't match the image's block layout.
fn keep_blocks(decoder: &mut Decoder, kept: ChunkBlocks<'_>) -> Result<(), DecodeError> {
    // A strip or tile with several scans may change its tables between them.
    let has_one_scan = decoder.whole_image_bytes() == 0;
    let layout = decoder.block_layout().filter(|layout| has_one_scan && layout.components == kept.layout.components);
    let layout = layout.ok_or(
        "its JPEG has other tables than the first one (publish it with `--jpeg-tiles reencode`, which decodes each)",
    )?;
    let mcu_height = layout.mcu().1;
    let rows = layout.size.height().next_multiple_of(mcu_height);
    decoder.keep_blocks(Arc::new(layout), rows, 1, kept.scale);
    Ok(())
}
