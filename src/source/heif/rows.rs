//! Returns the image row by row, holding one row of tiles in memory at a time.

use super::codec::Picture;
use super::tiles::Tiles;
use super::yuv::Planes;
use super::{DecodeError, Depth, Input};
use crate::source::RowReader;
use crate::source::hdr::HdrToSrgb;
use crate::source::samples::{Samples, scaled_to_8_bits};
use crate::workers;

/// One row of color or alpha tiles.
pub(super) struct Band {
    tiles: Tiles,
    /// Number of samples per pixel, either 1 or 3.
    channels: usize,
    /// Matrix and range specified by the file.
    numbers: Option<(u16, bool)>,
    /// Decoded pictures of the current row of tiles.
    decoded: Vec<Option<Box<dyn Picture>>>,
    next_tile_row: u32,
    /// Next pixel row within the current row of tiles.
    next: usize,
}

impl Band {
    pub(super) fn new(tiles: Tiles, channels: usize, numbers: Option<(u16, bool)>) -> Self {
        let next = tiles.tile.1 as usize;
        Self { tiles, channels, numbers, decoded: Vec::new(), next_tile_row: 0, next }
    }

    /// Reads the image's next row into `row`, with samples from 0 to 65535.
    fn read(&mut self, file: &Input, row: &mut Vec<u16>) -> Result<(), DecodeError> {
        if self.next == self.tiles.tile.1 as usize {
            self.decode(file)?;
        }
        row.clear();
        for decoded in self.decoded.iter().flatten() {
            let planes = Planes::new(&**decoded, &self.tiles, self.numbers)?;
            if self.channels == 1 {
                row.extend(planes.luma(self.next)?.map(scaled));
            } else {
                planes.rgb(self.next)?.for_each(|rgb| row.extend(rgb.map(scaled)));
            }
        }
        self.next += 1;
        Ok(())
    }

    fn decode(&mut self, file: &Input) -> Result<(), DecodeError> {
        let (tiles, row) = (&self.tiles, self.next_tile_row);
        // Free the previous row's pictures first.
        self.decoded.clear();
        self.decoded.resize_with(tiles.columns as usize, || None);
        let tasks = (0..).zip(&mut self.decoded).collect();
        workers::share(tasks, |(column, decoded): (u32, &mut Option<Box<dyn Picture>>)| {
            *decoded = Some(tiles.decode(file, (column, row))?);
            Ok::<_, DecodeError>(())
        })?;
        (self.next, self.next_tile_row) = (0, row + 1);
        Ok(())
    }
}

/// Scales a value from 0..=1 to 0..=65535.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "these casts saturate")]
fn scaled(value: f32) -> u16 {
    (value * 65535.0 + 0.5) as u16
}

/// Left, top, width and height of the visible area.
pub(super) type Rectangle = (u32, u32, u32, u32);

pub(super) struct HeifRows {
    pub(super) file: Input,
    pub(super) colors: Band,
    pub(super) alpha: Option<Band>,
    /// Sample format of the returned rows.
    pub(super) samples: Samples,
    pub(super) shown: Rectangle,
    pub(super) hdr: Option<HdrToSrgb>,
    /// Current color row, followed by the current alpha row.
    pub(super) row: Vec<u16>,
    pub(super) alpha_row: Vec<u16>,
    pub(super) is_begun: bool,
}

impl HeifRows {
    fn next(&mut self) -> Result<(), DecodeError> {
        self.colors.read(&self.file, &mut self.row)?;
        self.alpha.as_mut().map_or(Ok(()), |alpha| alpha.read(&self.file, &mut self.alpha_row))
    }

    /// Writes the visible part of the current row.
    fn write(&self, to: &mut [u8]) {
        let left = self.shown.0 as usize;
        let colors = self.colors.channels;
        let pixels = self.row.chunks_exact(colors).skip(left);
        let mut alpha = self.alpha_row.iter().skip(left).copied();
        for (to, from) in to.chunks_exact_mut(self.samples.pixel_bytes()).zip(pixels) {
            let (to_colors, to_alpha) = to.split_at_mut(self.samples.color_channels() * self.samples.sample_bytes());
            match (&self.hdr, self.samples.depth) {
                (Some(hdr), _) => {
                    let rgb = if colors == 1 { [from[0]; 3] } else { [from[0], from[1], from[2]] };
                    to_colors.copy_from_slice(&hdr.convert(rgb));
                }
                (None, Depth::Eight) => {
                    to_colors.iter_mut().zip(from).for_each(|(to, sample)| *to = scaled_to_8_bits(*sample));
                }
                (None, Depth::Sixteen) => {
                    let to = to_colors.as_chunks_mut::<2>().0;
                    to.iter_mut().zip(from).for_each(|(to, sample)| *to = sample.to_ne_bytes());
                }
            }
            if let Some(alpha) = alpha.next().filter(|_| !to_alpha.is_empty()) {
                match self.samples.depth {
                    Depth::Eight => to_alpha[0] = scaled_to_8_bits(alpha),
                    Depth::Sixteen => to_alpha.copy_from_slice(&alpha.to_ne_bytes()),
                }
            }
        }
    }
}

impl RowReader for HeifRows {
    fn read_rows(&mut self, rows: &mut [u8]) -> Result<(), DecodeError> {
        if !self.is_begun {
            self.is_begun = true;
            for _ in 0..self.shown.1 {
                self.next()?;
            }
        }
        for row in rows.chunks_exact_mut(self.samples.row_bytes(self.shown.2)) {
            self.next()?;
            self.write(row);
        }
        Ok(())
    }
}
