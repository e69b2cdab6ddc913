//! Cuts tiles from JPEG blocks without decoding them to pixels.
//!
//! Decoding a JPEG and re-encoding its tiles takes CPU time and costs quality a second time. Cutting blocks avoids both
//! because the quantized coefficients are copied as is, or rounded to coarser steps.
//!
//! Two invariants keep the output valid. Tile edges are aligned to MCUs, so a tile always consists of whole blocks.
//! Quantization steps never get finer, so coefficients only shrink and stay within the baseline JPEG range.
//!
//! libjpeg's `jpeg_read_coefficients` also returns coefficients, but it keeps the entire image in memory and produces
//! no pixels for the lower levels. `libjpeg::coefficients` implements a streaming alternative.

use super::options::{Encoding, JpegOptions, JpegTiles};
use super::{EncodeError, Encoded, EncodedTile, TileScan, jpeg};
use crate::iiif::Format;
use crate::libjpeg::Encoder;
use crate::pixel::{Block, BlockTile};

/// Encodes one tile as a JPEG.
///
/// A scan is never kept with [`Effort::Small`](super::Effort::Small).
///
/// # Errors
/// Returns an error if the ICC profile is too large for a JPEG, or if the codec fails unexpectedly.
pub fn encode_block_tile(tile: &BlockTile, encoding: &Encoding, scan: TileScan) -> Result<EncodedTile, EncodeError> {
    let JpegOptions { quality, tiles, effort, .. } = encoding.jpeg;
    let layout = tile.layout();
    let quality = (tiles == JpegTiles::Auto).then_some(quality);
    let (mut encoder, steps) = Encoder::of_blocks(tile.size, layout, quality, effort)?;
    if let Some(profile) = &encoding.profile {
        jpeg::write_profile(&mut encoder, profile)?;
    }
    if scan == TileScan::Kept {
        encoder.keep_scan()?;
    }
    let ratios =
        |(component, steps): (&crate::pixel::Component, &[u16; 64])| Ratios::new(&component.quant_table, steps);
    let ratios: Vec<Ratios> = layout.components.iter().zip(&steps).map(ratios).collect();
    let mut fill = |component: usize, row: u32, blocks: &mut [Block]| {
        for (block, source) in blocks.iter_mut().zip(tile.row(component, row)) {
            ratios[component].requantize(source, block);
        }
    };
    let (bytes, scan) = encoder.finish_blocks(&mut fill)?;
    Ok(EncodedTile { pictures: vec![Encoded { format: Format::Jpg, bytes }], scan })
}

/// Factors for converting a component's coefficients to different quantization steps.
///
/// Each factor is the old step divided by the new step, scaled by 2^16.
struct Ratios {
    ratios: [u16; 64],
    keeps_dc: bool,
}

impl Ratios {
    /// Coefficient limits for 8-bit baseline JPEG (ITU-T T.81, F.1.2). Malicious files can exceed them, but there are
    /// no Huffman codes for larger values.
    const AC: i16 = 1023;
    const DC: std::ops::RangeInclusive<i16> = -1024..=1023;
    /// Number of fraction bits kept until a coefficient is rounded.
    const FRACTION_BITS: u32 = 4;

    /// Computes the factors between two quantization tables. The steps in `to` must not be finer than those in `from`.
    fn new(from: &[u16; 64], to: &[u16; 64]) -> Self {
        let ratio = |index: usize| {
            // For example, changing a step of 4 to 6 gives a factor of 2/3. A coefficient of 5 represented 20, and 20 /
            // 6 rounds to 3. The division is rounded, so the factor is off by at most 2^-17.
            let ratio = ((u32::from(from[index]) << 16) + u32::from(to[index] / 2)) / u32::from(to[index]);
            // A factor of 1 becomes slightly smaller, but not enough to change a rounded result.
            u16::try_from(ratio).unwrap_or(u16::MAX)
        };
        Self { ratios: std::array::from_fn(ratio), keeps_dc: from[0] == to[0] }
    }

    /// Requantizes a block, rounding to nearest with halves away from zero.
    ///
    /// Uses 16-bit arithmetic so the compiler can vectorize it.
    fn requantize(&self, source: &Block, target: &mut Block) {
        for ((target, source), ratio) in target.0.iter_mut().zip(source.0).zip(self.ratios) {
            // Work on the absolute value so halves round away from zero for both signs. Shifting a negative number
            // would round them up instead. Halves are common: doubling a step produces one for every odd coefficient.
            let size = source.unsigned_abs().min(Self::AC.unsigned_abs()) << Self::FRACTION_BITS;
            let size = ((u32::from(size) * u32::from(ratio)) >> 16) as u16;
            let size = ((size + (1 << (Self::FRACTION_BITS - 1))) >> Self::FRACTION_BITS).cast_signed();
            let sign = source >> 15;
            *target = (size ^ sign) - sign;
        }
        if self.keeps_dc {
            target.0[0] = source.0[0].clamp(*Self::DC.start(), *Self::DC.end());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coefficients_round_to_the_nearest_multiple_and_stay_if_the_steps_are_equal() {
        let mut source = Block::default();
        source.0[..8].copy_from_slice(&[-1024, 1023, -1, 3, -3, i16::MIN, i16::MAX, 500]);
        let mut target = Block::default();
        Ratios::new(&[3; 64], &[3; 64]).requantize(&source, &mut target);
        assert_eq!(target.0[..8], [-1024, 1023, -1, 3, -3, -1023, 1023, 500]);
        for (from, to) in [(3, 7), (1, 255), (2, 3), (16, 17)] {
            let ratios = Ratios::new(&[from; 64], &[to; 64]);
            for value in -1023..=1023_i16 {
                source.0[1] = value;
                ratios.requantize(&source, &mut target);
                let exact = f64::from(value) * f64::from(from) / f64::from(to);
                assert!((f64::from(target.0[1]) - exact).abs() <= 0.51, "{value} of {from} in {to}");
            }
        }
    }
}
