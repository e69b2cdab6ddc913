//! Tiles out of the blocks of a JPEG, without decoding them to pixels.

use super::{EncodeError, Encoded, Encoding, JpegOptions, Subsampling, jpeg};
use crate::iiif::Format;
use crate::libjpeg::Encoder;
use crate::pixel::{Block, BlockLayout, BlockTile};

/// The least width of a tile that is cut out of blocks: of smaller ones, so many rows are read at once that they would end more
/// strips than there are.
const LEAST_TILE: u32 = 32;

/// How tiles of the full size are made where the source is a JPEG. Where it is turned, or its colours are converted, or its blocks
/// do not fit the tiles, or come in several scans, they are encoded anew.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum JpegTiles {
    /// From the blocks of the source, with its own steps of quantisation where these are coarser than those of the quality: as
    /// near to the source as what is decoded and encoded again, and faster; without any loss, and smaller, where the source is of
    /// that quality or less. Not where the source has more colour resolution than is asked for.
    #[default]
    Auto,
    /// From the blocks of the source as they are, whatever the quality: nothing is lost.
    Lossless,
    /// Decoded and encoded again, as the tiles of every other source.
    Reencode,
}

impl JpegTiles {
    /// Whether tiles of so many pixels can be made of the blocks of such a source.
    #[must_use]
    pub fn can_cut(self, layout: &BlockLayout, tile_size: u32, subsampling: Subsampling) -> bool {
        let (across, down) = layout.mcu();
        let fits = tile_size >= LEAST_TILE && tile_size.is_multiple_of(across) && tile_size.is_multiple_of(down);
        let colours = layout.components.get(1..).unwrap_or_default();
        let is_thin = colours.iter().all(|it| (it.across, it.down) == (1, 1) && (across, down) == (16, 16));
        fits && match self {
            Self::Auto => is_thin || subsampling == Subsampling::None,
            Self::Lossless => true,
            Self::Reencode => false,
        }
    }
}

/// Writes one tile as JPEG.
///
/// # Errors
/// Where the codec refuses, which it has no reason to.
pub fn encode_block_tile(tile: &BlockTile, encoding: &Encoding) -> Result<Encoded, EncodeError> {
    let JpegOptions { quality, tiles, effort, .. } = encoding.jpeg;
    let layout = tile.layout();
    let quality = (tiles == JpegTiles::Auto).then_some(quality);
    let (mut encoder, steps) = Encoder::of_blocks(tile.size, layout, quality, effort)?;
    if let Some(profile) = &encoding.profile {
        jpeg::write_profile(&mut encoder, profile)?;
    }
    let ratios = |(component, steps): (&crate::pixel::Component, &[u16; 64])| Ratios::new(&component.steps, steps);
    let ratios: Vec<Ratios> = layout.components.iter().zip(&steps).map(ratios).collect();
    let mut fill = |component: usize, row: u32, blocks: &mut [Block]| {
        for (block, source) in blocks.iter_mut().zip(tile.row(component, row)) {
            ratios[component].requantise(source, block);
        }
    };
    Ok(Encoded { format: Format::Jpg, bytes: encoder.finish_blocks(&mut fill)? })
}

/// What coefficients of a component are multiplied with when their steps change: below 1, in parts of 2^16.
struct Ratios {
    ratios: [u16; 64],
    keeps_dc: bool,
}

impl Ratios {
    /// The least and the greatest coefficients that a baseline JPEG of 8 bits has (ITU-T T.81, F.1.2): files that are made to harm
    /// have others, for which the coder has no code.
    const AC: i16 = 1023;
    const DC: std::ops::RangeInclusive<i16> = -1024..=1023;
    /// Of a coefficient, until it is rounded.
    const FRACTION_BITS: u32 = 4;

    /// From steps to ones that are as large or larger.
    fn new(from: &[u16; 64], to: &[u16; 64]) -> Self {
        let ratio = |index: usize| {
            let ratio = ((u32::from(from[index]) << 16) + u32::from(to[index] / 2)) / u32::from(to[index]);
            // 1 is a little less: far too little to change what is rounded afterwards.
            u16::try_from(ratio).unwrap_or(u16::MAX)
        };
        Self { ratios: std::array::from_fn(ratio), keeps_dc: from[0] == to[0] }
    }

    /// Rounds to the nearest multiple, away from zero halfway. In a form that compilers turn into vector code of 16 bits.
    fn requantise(&self, source: &Block, target: &mut Block) {
        for ((target, source), ratio) in target.0.iter_mut().zip(source.0).zip(self.ratios) {
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
    fn coefficients_are_rounded_to_the_nearest_multiple_and_kept_where_nothing_changes() {
        let mut source = Block::default();
        source.0[..8].copy_from_slice(&[-1024, 1023, -1, 3, -3, i16::MIN, i16::MAX, 500]);
        let mut target = Block::default();
        Ratios::new(&[3; 64], &[3; 64]).requantise(&source, &mut target);
        assert_eq!(target.0[..8], [-1024, 1023, -1, 3, -3, -1023, 1023, 500]);
        for (from, to) in [(3, 7), (1, 255), (2, 3), (16, 17)] {
            let ratios = Ratios::new(&[from; 64], &[to; 64]);
            for value in -1023..=1023_i16 {
                source.0[1] = value;
                ratios.requantise(&source, &mut target);
                let exact = f64::from(value) * f64::from(from) / f64::from(to);
                assert!((f64::from(target.0[1]) - exact).abs() <= 0.51, "{value} of {from} in {to}");
            }
        }
    }
}
