//! Scans of baseline JPEGs: writing them MCU by MCU, and joining those of tiles to one of the whole level.
//!
//! The blocks of a level are those of its tiles, as long as tiles are made of whole MCUs. What differs is their order,
//! since a level has the first row of MCUs of all tiles first, and the DC coefficients, which are coded as differences
//! from the block before (ITU-T T.81, F.1.1.5). So a tile's bits can be copied, except for the first DC coefficient of
//! each component in each row of MCUs.
#![deny(unsafe_code)]

use super::bits::{BitWriter, escape};
use super::huffman::{Codes, DcCodes};
use super::{LibjpegError, Result};
use crate::iiif::Size;
use std::ops::Range;

const END_OF_IMAGE: [u8; 2] = [0xff, 0xd9];
const START_OF_FRAME: u8 = 0xc0;

/// Writes the scan of one file, and keeps it.
pub(super) struct ScanWriter {
    bits: BitWriter,
    components: Vec<Codes>,
    /// Component of each block in an MCU.
    blocks: Vec<usize>,
    mcus_per_row: u32,
    /// Number of MCUs written to the current row.
    column: u32,
    /// Last DC coefficient of each component.
    before: Vec<i16>,
    /// Parts of each row of MCUs so far.
    parts: Vec<Part>,
}

/// Bits of a row of MCUs, from after the first DC coefficient of a component to the first one of the next component.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Part {
    bits: Range<u64>,
    /// First and last DC coefficient of the component in the row.
    first: i16,
    last: i16,
}

/// Encoded scan of a tile, which can be [joined](JoinedScans) with those of other tiles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scan {
    bytes: Vec<u8>,
    /// One part per component for each row of MCUs.
    parts: Vec<Part>,
    /// Codes of each component.
    codes: Vec<DcCodes>,
    /// Everything in the file that is before the scan.
    head: Vec<u8>,
}

impl Scan {
    /// Drops the segments before the scan. Only the first tile of a level needs them.
    #[must_use]
    pub fn without_head(self) -> Self {
        Self { head: Vec::new(), ..self }
    }
}

impl ScanWriter {
    /// Creates a writer. `blocks` has the component of each block in an MCU.
    pub(super) fn new(components: Vec<Codes>, blocks: Vec<usize>, mcus_per_row: u32) -> Self {
        let before = vec![0; components.len()];
        let bits = BitWriter::default();
        Self { bits, components, blocks, mcus_per_row, column: 0, before, parts: Vec::new() }
    }

    /// Returns the number of blocks in an MCU.
    pub(super) fn mcu_blocks(&self) -> usize {
        self.blocks.len()
    }

    /// Writes the next MCU, given its [blocks](Self::mcu_blocks).
    ///
    /// # Errors
    /// Returns an error if a coefficient is beyond the limits of baseline JPEG.
    pub(super) fn write(&mut self, mcu: &[&[i16; 64]]) -> Result<()> {
        let is_written = if self.column == 0 { self.write_first(mcu) } else { self.write_blocks(mcu) };
        self.column += 1;
        if self.column == self.mcus_per_row {
            self.column = 0;
            self.end_row();
        }
        is_written.then_some(()).ok_or_else(|| LibjpegError::Codec("DCT coefficient out of range".to_owned()))
    }

    fn write_blocks(&mut self, mcu: &[&[i16; 64]]) -> bool {
        let mut is_written = true;
        for (number, block) in mcu.iter().enumerate() {
            let component = self.blocks[number];
            is_written &= self.components[component].write(block, self.before[component], &mut self.bits);
            self.before[component] = block[0];
        }
        is_written
    }

    /// Writes the first MCU of a row, and begins its parts.
    fn write_first(&mut self, mcu: &[&[i16; 64]]) -> bool {
        let (mut is_written, mut begun) = (true, 0);
        for (block, &component) in mcu.iter().zip(&self.blocks) {
            let Codes { dc, ac } = &self.components[component];
            let start = self.bits.position();
            is_written &= self.bits.block(|bits| dc.write(self.before[component], block[0], bits));
            if component == begun {
                if let Some(part) = self.parts.last_mut().filter(|_| begun > 0) {
                    part.bits.end = start;
                }
                let after = self.bits.position();
                self.parts.push(Part { bits: after..after, first: block[0], last: block[0] });
                begun += 1;
            }
            is_written &= self.bits.block(|bits| ac.write(block, bits));
            self.before[component] = block[0];
        }
        is_written
    }

    fn end_row(&mut self) {
        let row = self.parts.len().saturating_sub(self.before.len());
        for (part, last) in self.parts[row..].iter_mut().zip(&self.before) {
            part.last = *last;
        }
        if let Some(part) = self.parts.last_mut() {
            part.bits.end = self.bits.position();
        }
    }

    /// Completes a file, given everything before the scan.
    pub(super) fn finish(mut self, head: Vec<u8>) -> (Vec<u8>, Scan) {
        let scan_bytes = self.bits.complete().len();
        let mut file = Vec::with_capacity(head.len() + scan_bytes + scan_bytes / 64 + 16);
        file.extend_from_slice(&head);
        self.bits.pad();
        escape(self.bits.complete(), &mut file);
        file.extend_from_slice(&END_OF_IMAGE);
        file.shrink_to_fit();
        let codes = self.components.into_iter().map(|codes| codes.dc).collect();
        let bytes = self.bits;
        (file, Scan { bytes: bytes.into_bytes(), parts: self.parts, codes, head })
    }
}

/// The file of a level, made of the scans of its tiles.
#[derive(Debug)]
pub struct JoinedScans {
    size: Size,
    file: Vec<u8>,
    bits: BitWriter,
    /// Last DC coefficient of each component.
    before: Vec<i16>,
}

impl JoinedScans {
    /// Starts a level of `size` pixels.
    #[must_use]
    pub fn new(size: Size) -> Self {
        Self { size, file: Vec::new(), bits: BitWriter::default(), before: Vec::new() }
    }

    /// Appends a row of tiles, from left to right. All tiles must have been encoded with the same options.
    pub fn push_row(&mut self, tiles: &[Scan]) {
        let Some(first) = tiles.first() else { return };
        let components = first.codes.len();
        if self.before.is_empty() {
            self.before = vec![0; components];
            self.file = resized(&first.head, self.size);
        }
        let rows = first.parts.len() / components.max(1);
        for row in 0..rows {
            for tile in tiles {
                let parts = tile.parts.iter().skip(row * components);
                for ((part, codes), before) in parts.zip(&tile.codes).zip(&mut self.before) {
                    // The two coefficients are within their limits, so there is a code for their difference.
                    self.bits.block(|bits| codes.write(*before, part.first, bits));
                    self.bits.copy(&tile.bytes, part.bits.clone());
                    *before = part.last;
                }
            }
        }
        self.bits.drain(&mut self.file);
    }

    /// Completes the file.
    #[must_use]
    pub fn finish(mut self) -> Vec<u8> {
        self.bits.pad();
        self.bits.drain(&mut self.file);
        self.file.extend_from_slice(&END_OF_IMAGE);
        self.file.shrink_to_fit();
        self.file
    }
}

/// Returns the head of a file with another size.
fn resized(head: &[u8], size: Size) -> Vec<u8> {
    let mut head = head.to_vec();
    // Segments follow the two bytes of the start marker. Each has a marker of two bytes and a length (T.81, B.1.1.4).
    let mut at = 2;
    while let Some(&[0xff, marker, high, low]) = head.get(at..).and_then(<[u8]>::first_chunk) {
        if marker == START_OF_FRAME {
            // The length and the precision are before the height and the width (T.81, B.2.2).
            if let Some(sides) = head.get_mut(at + 5..at + 9) {
                let bytes = |side: u32| u16::try_from(side).unwrap_or(u16::MAX).to_be_bytes();
                sides[..2].copy_from_slice(&bytes(size.height()));
                sides[2..].copy_from_slice(&bytes(size.width()));
            }
            break;
        }
        at += 2 + usize::from(u16::from_be_bytes([high, low]));
    }
    head
}

#[cfg(test)]
mod tests {
    use super::super::{Effort, Encoder, Subsampling};
    use super::*;
    use crate::pixel::{Block, BlockColors, BlockLayout, Component, PixelFormat};

    /// Calls `encode` with the position and size of each tile, and joins the scans that it returns.
    fn joined(size: Size, tile_size: u32, encode: impl Fn(u32, u32, Size) -> Scan) -> Vec<u8> {
        let mut level = JoinedScans::new(size);
        for y in (0..size.height()).step_by(tile_size as usize) {
            let tile = |x: u32| {
                let (width, height) = (tile_size.min(size.width() - x), tile_size.min(size.height() - y));
                let scan = encode(x, y, Size::new(width, height).expect("not empty"));
                if (x, y) == (0, 0) { scan } else { scan.without_head() }
            };
            level.push_row(&(0..size.width()).step_by(tile_size as usize).map(tile).collect::<Vec<_>>());
        }
        level.finish()
    }

    /// Returns a number that looks random.
    fn noise(at: (u32, u32, u32)) -> u32 {
        let mixed = (at.0.wrapping_mul(0x9e37_79b9) ^ at.1.wrapping_mul(0x85eb_ca6b)).wrapping_add(at.2 << 7);
        let mixed = (mixed ^ mixed >> 15).wrapping_mul(0x2c1b_3c6d);
        (mixed ^ mixed >> 12).wrapping_mul(0x297a_2d39) >> 16
    }

    #[test]
    fn levels_of_pixels_have_the_bytes_of_levels_that_are_encoded_whole() {
        for (format, subsampling) in [
            (PixelFormat::Rgb8, Subsampling::Half),
            (PixelFormat::Rgb8, Subsampling::None),
            (PixelFormat::Gray8, Subsampling::Half),
        ] {
            for (width, height) in [(64, 64), (65, 33), (150, 97), (129, 1), (1, 70), (192, 161)] {
                let file = |x: u32, y: u32, size: Size, is_kept: bool| {
                    let mut encoder = Encoder::new(size, format, 85, subsampling, Effort::Fast).expect("an encoder");
                    if is_kept {
                        encoder.keep_scan().expect("kept");
                    }
                    encoder.write_segment(0xe2, b"\xff\xc0 means nothing here").expect("written");
                    let row = |y: u32| -> Vec<u8> {
                        let pixel = |x: u32| (0..).take(format.channels()).map(move |channel| noise((x, y, channel)));
                        let samples = (x..x + size.width()).flat_map(pixel);
                        samples.map(|noise| noise.to_be_bytes()[3] / 3).collect()
                    };
                    let rows: Vec<_> = (y..y + size.height()).map(row).collect();
                    encoder.write_rows(rows.iter().map(Vec::as_slice)).expect("written");
                    encoder.finish().expect("a file")
                };
                let size = Size::new(width, height).expect("not empty");
                let whole = file(0, 0, size, false).0;
                let joined = joined(size, 64, |x, y, size| file(x, y, size, true).1.expect("it is kept"));
                assert!(joined == whole, "{format:?} {subsampling:?} {size}");
            }
        }
    }

    #[test]
    fn levels_of_blocks_have_the_bytes_of_levels_that_are_encoded_whole() {
        for samplings in [&[(1, 1)][..], &[(2, 2)], &[(2, 2), (1, 1), (1, 1)], &[(1, 1); 3], &[(2, 1), (1, 1), (1, 1)]]
        {
            let component = |&(h_samp, v_samp): &(u32, u32)| Component { h_samp, v_samp, quant_table: [1; 64] };
            let components = samplings.iter().map(component).collect();
            let colors = if samplings.len() == 1 { BlockColors::Gray } else { BlockColors::YCbCr };
            let layout = BlockLayout { size: Size::new(201, 150).expect("not empty"), colors, components };
            let (mcu_width, mcu_height) = layout.mcu();
            let file = |x: u32, y: u32, size: Size| {
                let (mut encoder, _) = Encoder::of_blocks(size, &layout, None, Effort::Fast).expect("an encoder");
                encoder.keep_scan().expect("kept");
                let mut noisy = |index: usize, row: u32, blocks: &mut [Block]| {
                    let it = &layout.components[index];
                    let (left, above) = (x / mcu_width * it.h_samp, y / mcu_height * it.v_samp);
                    for (column, block) in (left..).zip(blocks) {
                        for (at, coefficient) in (0..).zip(&mut block.0) {
                            let noise =
                                noise((column, above + row, at + 64 * u32::try_from(index).expect("one of three")));
                            let value = i16::try_from(noise % 2047).expect("small") - 1023;
                            *coefficient = if noise.is_multiple_of(3) { value } else { 0 };
                        }
                    }
                };
                encoder.finish_blocks(&mut noisy).expect("a file")
            };
            let whole = file(0, 0, layout.size).0;
            let joined = joined(layout.size, 64, |x, y, size| file(x, y, size).1.expect("it is kept"));
            assert!(joined == whole, "{samplings:?}");
        }
    }
}
