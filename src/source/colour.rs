//! Samples as files hold them, made into 8-bit grey or RGB.

use crate::pixel::PixelFormat;

/// How transparency was stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Alpha {
    /// There is none.
    None,
    /// The colours are what they are; alpha says how much of them covers the background.
    Straight,
    /// The colours have been multiplied with alpha.
    Premultiplied,
}

/// Bits of one sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Depth {
    Eight,
    /// In the byte order of this machine.
    Sixteen,
}

/// What one pixel of a file consists of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Samples {
    pub(super) format: PixelFormat,
    pub(super) alpha: Alpha,
    pub(super) depth: Depth,
}

impl Samples {
    /// Samples for one pixel.
    pub(super) fn channels(self) -> usize {
        self.format.channels() + usize::from(self.alpha != Alpha::None)
    }

    /// Bytes for one pixel.
    pub(super) fn pixel_bytes(self) -> usize {
        self.channels() * self.sample_bytes()
    }

    /// Bytes for one sample.
    pub(super) fn sample_bytes(self) -> usize {
        match self.depth {
            Depth::Eight => 1,
            Depth::Sixteen => 2,
        }
    }

    /// Whether rows of the file are rows of [`PixelFormat`] already.
    pub(super) fn is_plain(self) -> bool {
        self.alpha == Alpha::None && self.depth == Depth::Eight
    }

    /// Converts whole pixels: 16 bits are scaled to 8, transparency is flattened on white.
    pub(super) fn convert(self, from: &[u8], to: &mut [u8]) {
        let pixels = from.chunks_exact(self.pixel_bytes()).zip(to.chunks_exact_mut(self.format.channels()));
        match self.depth {
            _ if self.is_plain() => to.copy_from_slice(from),
            Depth::Eight => pixels.for_each(|(from, to)| self.flatten(from, to)),
            Depth::Sixteen => pixels.for_each(|(from, to)| {
                let mut samples = [0; 4];
                for (sample, bytes) in samples.iter_mut().zip(from.chunks_exact(2)) {
                    *sample = scaled_to_8_bits(u16::from_ne_bytes([bytes[0], bytes[1]]));
                }
                self.flatten(&samples[..self.channels()], to);
            }),
        }
    }

    fn flatten(self, from: &[u8], to: &mut [u8]) {
        let colours = self.format.channels();
        match self.alpha {
            Alpha::None => to.copy_from_slice(from),
            Alpha::Straight => {
                let alpha = u16::from(from[colours]);
                for (to, from) in to.iter_mut().zip(from) {
                    *to = divided_by_255(u16::from(*from) * alpha + 255 * (255 - alpha));
                }
            }
            Alpha::Premultiplied => {
                let background = 255 - from[colours];
                for (to, from) in to.iter_mut().zip(from) {
                    *to = from.saturating_add(background);
                }
            }
        }
    }
}

/// 65535 becomes 255: a division by 257, to the nearest.
fn scaled_to_8_bits(sample: u16) -> u8 {
    u8::try_from((u32::from(sample) + 128) / 257).expect("65535 + 128 over 257 is 255")
}

fn divided_by_255(product: u16) -> u8 {
    u8::try_from((u32::from(product) + 127) / 255).expect("at most 255 * 255")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sixteen_bits_are_scaled_to_the_nearest() {
        for sample in 0..=u16::MAX {
            let exact = (f64::from(sample) / 257.0).round();
            assert!((f64::from(scaled_to_8_bits(sample)) - exact).abs() < f64::EPSILON, "{sample}");
        }
    }

    #[test]
    fn transparency_is_flattened_on_white() {
        let straight = Samples { format: PixelFormat::Rgb8, alpha: Alpha::Straight, depth: Depth::Eight };
        let mut pixels = [0; 9];
        straight.convert(&[10, 20, 30, 255, 10, 20, 30, 0, 0, 100, 200, 128], &mut pixels);
        assert_eq!(pixels, [10, 20, 30, 255, 255, 255, 127, 177, 227]);

        let premultiplied = Samples { format: PixelFormat::Grey8, alpha: Alpha::Premultiplied, depth: Depth::Eight };
        let mut pixels = [0; 2];
        premultiplied.convert(&[0, 0, 64, 128], &mut pixels);
        assert_eq!(pixels, [255, 191]);
    }
}
