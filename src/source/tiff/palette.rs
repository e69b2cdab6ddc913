//! `ColorMap` palettes (TIFF 6.0, section 5).

use super::tags::{self, Tags};
use crate::source::samples::{Depth, scaled_to_8_bits};
use crate::source::{DecodeError, Refusal};

/// A palette's colors.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Palette {
    /// Interleaved color samples.
    colors: Vec<u8>,
    pub(super) depth: Depth,
}

impl Palette {
    pub(super) fn read(tags: Tags<'_>, bits: u16) -> Result<Self, Refusal> {
        if bits > 16 || (9..16).contains(&bits) {
            return Err(Refusal::Unsupported(format!("a TIFF with a palette for {bits}-bit samples")));
        }
        let count = 1_usize << bits;
        let all = tags.numbers(tags::COLOR_MAP, 3 << 16)?.ok_or_else(|| without("is missing"))?;
        let all: Vec<u16> = all.into_iter().map_while(|value| u16::try_from(value).ok()).collect();
        let planes = all.get(..3 * count).ok_or_else(|| without("has fewer colors than its pixels can use"))?;
        // All reds come first, then all greens, then all blues.
        Ok(Self::new((0..count).flat_map(|color| (0..3).map(move |plane| planes[plane * count + color])).collect()))
    }

    fn new(samples: Vec<u16>) -> Self {
        // Writers store 8-bit colors as 16-bit values in three different ways. Correct writers repeat the byte
        // (0xabab), while others shift it (0xab00) or simply widen it (0x00ab). Look at all samples together, because
        // a single value below 256 may just be a dark 16-bit color. If every value is below 256, reading them as 16
        // bits would make the image almost black.
        let is_narrow = samples.iter().all(|sample| *sample < 256);
        let has_8_bits = |sample: &u16| matches!(sample.to_be_bytes(), [high, low] if low == high || low == 0);
        let (colors, depth) = match is_narrow {
            true => (samples.iter().map(|sample| sample.to_be_bytes()[1]).collect(), Depth::Eight),
            false if samples.iter().all(has_8_bits) => {
                (samples.iter().map(|sample| sample.to_be_bytes()[0]).collect(), Depth::Eight)
            }
            false => (samples.into_iter().flat_map(u16::to_ne_bytes).collect(), Depth::Sixteen),
        };
        Self { colors, depth }
    }

    /// Looks up the color for each pixel's first sample. If `alpha` is set, copies that sample after the color.
    pub(super) fn convert(&self, from: &[u8], indexes: &Indexes, to: &mut [u8]) {
        let color_bytes = 3 * self.depth.bytes();
        let alpha_bytes = if indexes.alpha.is_some() { self.depth.bytes() } else { 0 };
        let pixels = from.chunks_exact(indexes.samples * indexes.depth.bytes());
        for (pixel, to) in pixels.zip(to.chunks_exact_mut(color_bytes + alpha_bytes)) {
            let index = usize::from(indexes.sample(pixel, 0));
            let (color, alpha) = to.split_at_mut(color_bytes);
            // The palette has a color for every possible index.
            color.copy_from_slice(&self.colors[index * color_bytes..][..color_bytes]);
            if let Some(at) = indexes.alpha {
                let value = indexes.alpha_to_16_bits(indexes.sample(pixel, at));
                match self.depth {
                    Depth::Eight => alpha[0] = scaled_to_8_bits(value),
                    Depth::Sixteen => alpha.copy_from_slice(&value.to_ne_bytes()),
                }
            }
        }
    }
}

/// Layout of a pixel that contains a palette index and possibly other samples.
pub(super) struct Indexes {
    /// Samples per pixel.
    pub(super) samples: usize,
    /// Input sample depth.
    pub(super) depth: Depth,
    /// Bits per sample in the file.
    pub(super) bits: u16,
    /// Index of the alpha sample.
    pub(super) alpha: Option<usize>,
}

impl Indexes {
    fn sample(&self, pixel: &[u8], at: usize) -> u16 {
        match self.depth {
            Depth::Eight => pixel[at].into(),
            Depth::Sixteen => u16::from_ne_bytes([pixel[2 * at], pixel[2 * at + 1]]),
        }
    }

    fn alpha_to_16_bits(&self, value: u16) -> u16 {
        let max = (1_u32 << self.bits) - 1;
        u16::try_from((u32::from(value) * u32::from(u16::MAX) + max / 2) / max).unwrap_or(u16::MAX)
    }
}

fn without(what: &str) -> DecodeError {
    format!("its palette {what}").into()
}
