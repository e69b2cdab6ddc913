//! Reads rows of packed samples and maps them to values (ISO 32000-2, 8.9.5.2).

use super::color_space::ColorSpace;
use super::filter::Bytes;
use crate::source::samples::{Alpha, Depth, Samples};
use crate::source::{DecodeError, RowReader, resize};
use std::io::Read;

/// Maps an image's samples to values.
pub(super) struct Mapping {
    /// Number of samples per pixel in the file.
    channels: usize,
    /// Number of bits per sample in the file.
    bits: usize,
    values: Values,
    pub(super) samples: Samples,
}

enum Values {
    /// 8-bit samples are used directly.
    Unchanged,
    /// 16-bit big-endian samples are used directly, or inverted if `is_inverted` is set.
    Wide { is_inverted: bool },
    /// Lookup table for each channel.
    Tables(Vec<[u8; 256]>),
    /// Palette colors, concatenated.
    Palette(Vec<u8>),
}

impl Mapping {
    /// Creates a mapping. `decode` holds the values of the lowest and highest sample in each channel. Returns `None` if
    /// only the renderer supports the conversion.
    pub(super) fn new(space: &ColorSpace, bits: usize, decode: Option<&[f64]>) -> Option<Self> {
        let channels = space.samples();
        let samples = Samples { color: space.model, alpha: Alpha::None, depth: Depth::Eight };
        let decode = decode.filter(|decode| decode.len() >= 2 * channels);
        if let Some(palette) = &space.palette {
            let max = f64::from((1_u32 << bits.min(16)) - 1);
            let is_default = decode.is_none_or(|decode| decode[..2] == [0.0, max]);
            let colors = samples.channels() << bits.min(8);
            let mut palette = palette.clone();
            // Indices past the end of the palette are invalid. Like other readers, show them in black.
            palette.resize(colors, 0);
            return (is_default && bits <= 8).then_some(Self {
                channels,
                bits,
                values: Values::Palette(palette),
                samples,
            });
        }
        let is =
            |low: f64, high: f64| decode.is_some_and(|it| it[..2 * channels].chunks(2).all(|pair| pair == [low, high]));
        let is_plain = decode.is_none() || is(0.0, 1.0);
        let values = match bits {
            16 if is_plain || is(1.0, 0.0) => Values::Wide { is_inverted: !is_plain },
            16 => return None,
            8 if is_plain => Values::Unchanged,
            bits => Values::Tables((0..channels).map(|channel| table(bits, decode, channel)).collect()),
        };
        let depth = if bits == 16 { Depth::Sixteen } else { Depth::Eight };
        Some(Self { channels, bits, values, samples: Samples { depth, ..samples } })
    }

    /// Returns the size of a packed row in bytes.
    pub(super) fn packed_bytes(&self, width: u32) -> u64 {
        (u64::from(width) * (self.channels * self.bits) as u64).div_ceil(8)
    }

    /// Returns `true` if rows need no conversion.
    pub(super) fn is_unchanged(&self) -> bool {
        matches!(self.values, Values::Unchanged)
    }

    /// Converts a row.
    pub(super) fn convert(&self, packed: &[u8], row: &mut [u8]) {
        match &self.values {
            Values::Unchanged => row.copy_from_slice(&packed[..row.len()]),
            Values::Wide { is_inverted } => {
                let mask = if *is_inverted { u16::MAX } else { 0 };
                for (from, to) in packed.as_chunks::<2>().0.iter().zip(row.as_chunks_mut::<2>().0) {
                    *to = (u16::from_be_bytes(*from) ^ mask).to_ne_bytes();
                }
            }
            Values::Tables(tables) if self.bits == 8 => {
                for (at, (from, to)) in packed.iter().zip(row).enumerate() {
                    *to = tables[at % tables.len()][usize::from(*from)];
                }
            }
            Values::Tables(tables) if self.bits == 1 && self.channels == 1 => {
                let table = &tables[0];
                for (byte, pixels) in packed.iter().zip(row.chunks_mut(8)) {
                    for (at, to) in pixels.iter_mut().enumerate() {
                        *to = table[usize::from(byte >> (7 - at) & 1)];
                    }
                }
            }
            Values::Tables(tables) => {
                for (at, to) in row.iter_mut().enumerate() {
                    *to = tables[at % tables.len()][self.sample(packed, at)];
                }
            }
            Values::Palette(palette) => {
                let bytes = self.samples.pixel_bytes();
                for (at, to) in row.chunks_exact_mut(bytes).enumerate() {
                    let color = self.sample(packed, at) * bytes;
                    to.copy_from_slice(&palette[color..color + bytes]);
                }
            }
        }
    }

    /// Returns a sample of up to 8 bits.
    fn sample(&self, packed: &[u8], at: usize) -> usize {
        let bit = at * self.bits;
        let byte = usize::from(packed[bit / 8]);
        byte >> (8 - self.bits - bit % 8) & ((1 << self.bits) - 1)
    }
}

/// Returns the lookup table for a channel.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the value is between 0 and 255")]
fn table(bits: usize, decode: Option<&[f64]>, channel: usize) -> [u8; 256] {
    let (low, high) = decode.map_or((0.0, 1.0), |decode| (decode[2 * channel], decode[2 * channel + 1]));
    let max = f64::from((1_u32 << bits) - 1);
    let mut table = [0; 256];
    for (sample, value) in (0_u32..).zip(&mut table) {
        let share = (f64::from(sample) / max).min(1.0);
        *value = ((low + share * (high - low)).clamp(0.0, 1.0) * 255.0).round() as u8;
    }
    table
}

/// Reads rows of packed samples.
pub(super) struct SampleRows {
    bytes: Bytes,
    mapping: Mapping,
    width: u32,
    packed: Vec<u8>,
}

impl SampleRows {
    pub(super) fn new(bytes: Bytes, mapping: Mapping, width: u32) -> Self {
        Self { bytes, mapping, width, packed: Vec::new() }
    }
}

impl RowReader for SampleRows {
    fn read_rows(&mut self, rows: &mut [u8]) -> Result<(), DecodeError> {
        let ends_early = |_| DecodeError::from("its image is damaged, or ends before its last row");
        if self.mapping.is_unchanged() {
            return self.bytes.read_exact(rows).map_err(ends_early);
        }
        resize(&mut self.packed, 1, usize::try_from(self.mapping.packed_bytes(self.width))?)?;
        for row in rows.chunks_exact_mut(self.mapping.samples.row_bytes(self.width)) {
            self.bytes.read_exact(&mut self.packed).map_err(ends_early)?;
            self.mapping.convert(&self.packed, row);
        }
        Ok(())
    }
}

/// Maps the samples in rows from another decoder.
pub(super) struct MappedRows {
    rows: Box<dyn RowReader>,
    mapping: Mapping,
}

impl MappedRows {
    /// Creates a reader. The other decoder must return 8-bit samples and the mapping's number of samples per pixel.
    pub(super) fn new(rows: Box<dyn RowReader>, mapping: Mapping) -> Self {
        Self { rows, mapping }
    }
}

impl RowReader for MappedRows {
    fn read_rows(&mut self, rows: &mut [u8]) -> Result<(), DecodeError> {
        self.rows.read_rows(rows)?;
        if let Values::Tables(tables) = &self.mapping.values {
            for (at, sample) in rows.iter_mut().enumerate() {
                *sample = tables[at % tables.len()][usize::from(*sample)];
            }
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<Vec<crate::source::Warning>, DecodeError> {
        self.rows.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::samples::ColorModel;

    fn converted(space: &ColorSpace, bits: usize, decode: Option<&[f64]>, packed: &[u8], width: u32) -> Vec<u8> {
        let mapping = Mapping::new(space, bits, decode).expect("known");
        let mut row = vec![0; mapping.samples.row_bytes(width)];
        mapping.convert(packed, &mut row);
        row
    }

    #[test]
    fn samples_of_all_sizes_are_scaled() {
        let gray = ColorSpace { model: ColorModel::Gray, profile: None, palette: None };
        assert_eq!(converted(&gray, 1, None, &[0b1010_0000], 3), [255, 0, 255]);
        assert_eq!(converted(&gray, 1, Some(&[1.0, 0.0]), &[0b1010_0000], 3), [0, 255, 0]);
        assert_eq!(converted(&gray, 2, None, &[0b0001_1011], 4), [0, 85, 170, 255]);
        assert_eq!(converted(&gray, 4, None, &[0x0f, 0x10], 3), [0, 255, 17]);
        assert_eq!(converted(&gray, 8, Some(&[0.0, 0.5]), &[0, 255], 2), [0, 128]);
        assert_eq!(converted(&gray, 8, Some(&[-1.0, 3.0]), &[0, 255], 2), [0, 255], "values are clipped");
        let wide = converted(&gray, 16, Some(&[1.0, 0.0]), &[0x12, 0x34], 1);
        assert_eq!(wide, (!0x1234_u16).to_ne_bytes());
        assert!(Mapping::new(&gray, 16, Some(&[0.0, 0.5])).is_none());
    }

    #[test]
    fn indexes_become_colors() {
        let palette = Some(vec![1, 2, 3, 4, 5, 6]);
        let space = ColorSpace { model: ColorModel::Rgb, profile: None, palette };
        assert_eq!(converted(&space, 1, None, &[0b0100_0000], 3), [1, 2, 3, 4, 5, 6, 1, 2, 3]);
        assert_eq!(converted(&space, 8, None, &[1, 9], 2), [4, 5, 6, 0, 0, 0], "an index without a color");
        assert!(Mapping::new(&space, 8, Some(&[255.0, 0.0])).is_none());
    }
}
