//! Combines the composite's planes into pixels.

use super::plane::{Plane, Planes};
use super::sections::COLOR_TABLE_BYTES;
use crate::source::lab::encode_srgb;
use crate::source::samples::{Alpha, ColorModel, Depth, Samples, scaled_to_8_bits};
use crate::source::{DecodeError, Input, RowReader, Warning};

/// Number of palette colors.
const PALETTE_COLORS: usize = COLOR_TABLE_BYTES / 3;

/// Pixel layout, including how samples are stored in the planes.
pub(super) enum PixelLayout {
    /// Black and white, with 1 for black.
    Bitmap,
    /// RGBA colors, and the kind of alpha channel to use.
    Palette(Box<[[u8; 4]; PALETTE_COLORS]>, Alpha),
    /// 8-bit or 16-bit samples.
    Integers(Samples),
    /// 32-bit linear light, with 1.0 for white.
    Floats(Samples),
    /// 8-bit samples, with an offset of 128 for a\* and b\*.
    Lab8,
}

impl PixelLayout {
    /// Returns a palette layout, or `None` if the color table is too short.
    pub(super) fn palette(table: &[u8], transparent: Option<u16>) -> Option<Self> {
        let table: &[u8; COLOR_TABLE_BYTES] = table.first_chunk()?;
        let mut colors = Box::new([[u8::MAX; 4]; PALETTE_COLORS]);
        for (index, color) in colors.iter_mut().enumerate() {
            let channel = |channel: usize| table[channel * PALETTE_COLORS + index];
            *color = [channel(0), channel(1), channel(2), u8::MAX];
        }
        let transparent = transparent.map(usize::from).filter(|index| *index < PALETTE_COLORS);
        if let Some(index) = transparent {
            colors[index][3] = 0;
        }
        let alpha = if transparent.is_some() { Alpha::Straight } else { Alpha::None };
        Some(Self::Palette(colors, alpha))
    }

    /// Returns the same layout with an alpha channel as the last plane.
    pub(super) fn with_alpha(self) -> Self {
        match self {
            // Photoshop stores the composite on a white background. Subtracting the white leaves premultiplied colors.
            Self::Integers(samples) => Self::Integers(Samples { alpha: Alpha::Premultiplied, ..samples }),
            Self::Floats(samples) => Self::Floats(Samples { alpha: Alpha::Straight, ..samples }),
            other => other,
        }
    }

    pub(super) fn samples(&self) -> Samples {
        match self {
            Self::Bitmap => Samples::GRAY_8,
            Self::Palette(_, alpha) => Samples { alpha: *alpha, ..Samples::RGB_8 },
            Self::Integers(samples) | Self::Floats(samples) => *samples,
            Self::Lab8 => Samples { color: ColorModel::Lab, alpha: Alpha::None, depth: Depth::Sixteen },
        }
    }

    /// Writes a row of pixels from planes in big-endian byte order.
    fn write(&self, planes: &[&[u8]], row: &mut [u8]) {
        match self {
            Self::Bitmap => {
                for (x, pixel) in row.iter_mut().enumerate() {
                    let is_black = planes[0][x / 8] >> (7 - x % 8) & 1 == 1;
                    *pixel = if is_black { 0 } else { u8::MAX };
                }
            }
            Self::Palette(colors, alpha) => {
                let channels = if *alpha == Alpha::None { 3 } else { 4 };
                for (pixel, index) in row.chunks_exact_mut(channels).zip(planes[0]) {
                    pixel.copy_from_slice(&colors[usize::from(*index)][..channels]);
                }
            }
            Self::Integers(samples) if samples.depth == Depth::Eight => write_8(*samples, planes, row),
            Self::Integers(samples) => write_16(*samples, planes, row),
            Self::Floats(samples) => write_floats(*samples, planes, row),
            Self::Lab8 => {
                for (channel, plane) in planes.iter().enumerate() {
                    // Multiplying by 256 maps the neutral a* and b* of 128 to exactly 0x8000.
                    let scale = if channel == 0 { 257 } else { 256 };
                    for (pixel, sample) in row.chunks_exact_mut(6).zip(*plane) {
                        pixel[channel * 2..][..2].copy_from_slice(&(u16::from(*sample) * scale).to_ne_bytes());
                    }
                }
            }
        }
    }
}

fn write_8(samples: Samples, planes: &[&[u8]], row: &mut [u8]) {
    let (channels, colors) = (samples.channels(), samples.color_channels());
    // CMYK uses 0 for full ink.
    let flip = if samples.color == ColorModel::Cmyk { u8::MAX } else { 0 };
    for (channel, plane) in planes.iter().enumerate() {
        let flip = if channel < colors { flip } else { 0 };
        row.iter_mut().skip(channel).step_by(channels).zip(*plane).for_each(|(to, sample)| *to = sample ^ flip);
    }
    // White paper has no ink, so CMYK has nothing to subtract.
    if samples.alpha == Alpha::Premultiplied && samples.color != ColorModel::Cmyk {
        for pixel in row.chunks_exact_mut(channels) {
            let white = u8::MAX - pixel[colors];
            pixel[..colors].iter_mut().for_each(|color| *color = color.saturating_sub(white));
        }
    }
}

fn write_16(samples: Samples, planes: &[&[u8]], row: &mut [u8]) {
    let (channels, colors) = (samples.channels(), samples.color_channels());
    let (planes, row) = (planes.iter().map(|plane| plane.as_chunks::<2>().0), row.as_chunks_mut::<2>().0);
    let planes: Vec<_> = planes.collect();
    let is_ink = samples.color == ColorModel::Cmyk;
    for (x, pixel) in row.chunks_exact_mut(channels).enumerate() {
        let sample = |channel: usize| u16::from_be_bytes(planes[channel][x]);
        let has_white = samples.alpha == Alpha::Premultiplied && !is_ink;
        let white = if has_white { u16::MAX - sample(colors) } else { 0 };
        for (channel, to) in pixel.iter_mut().enumerate() {
            let value = match sample(channel) {
                alpha if channel == colors => alpha,
                paper if is_ink => u16::MAX - paper,
                color => color.saturating_sub(white),
            };
            *to = value.to_ne_bytes();
        }
    }
}

/// Converts a row of linear light. With an ICC profile, writes 16-bit linear samples. Without a profile, writes 8-bit
/// sRGB.
fn write_floats(samples: Samples, planes: &[&[u8]], row: &mut [u8]) {
    let (channels, colors) = (samples.channels(), samples.color_channels());
    let planes: Vec<_> = planes.iter().map(|plane| plane.as_chunks::<4>().0).collect();
    for (x, pixel) in row.chunks_exact_mut(samples.pixel_bytes()).enumerate() {
        let sample = |channel: usize| f32::from_be_bytes(planes[channel][x]);
        let alpha = if channels > colors { sample(colors).clamp(0.0, 1.0) } else { 1.0 };
        for (channel, to) in pixel.chunks_exact_mut(samples.sample_bytes()).enumerate() {
            let light = match sample(channel) {
                _ if channel == colors => alpha,
                // Remove the white background.
                color if alpha > 0.0 => (color - (1.0 - alpha)) / alpha,
                _ => 0.0,
            };
            match samples.depth {
                Depth::Eight if channel == colors => to[0] = scaled_to_8_bits(scaled(light)),
                Depth::Eight => to[0] = encode_srgb(light),
                Depth::Sixteen => to.copy_from_slice(&scaled(light).to_ne_bytes()),
            }
        }
    }
}

/// Scales a value from 0..=1 to 0..=65535. Values outside this range are clamped, and NaN becomes 0.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "these casts saturate")]
fn scaled(value: f32) -> u16 {
    (value * 65535.0 + 0.5) as u16
}

/// Reads the composite row by row.
pub(super) struct PsdRows {
    file: Input,
    located: Planes,
    layout: PixelLayout,
    row_bytes: usize,
    /// Planes, which are opened when the first row is read.
    planes: Vec<Plane>,
}

impl PsdRows {
    pub(super) fn new(file: Input, located: Planes, layout: PixelLayout) -> Self {
        let row_bytes = layout.samples().row_bytes(located.width);
        Self { file, located, layout, row_bytes, planes: Vec::new() }
    }
}

impl RowReader for PsdRows {
    fn read_rows(&mut self, rows: &mut [u8]) -> Result<(), DecodeError> {
        if self.planes.is_empty() {
            self.planes = self.located.open(&self.file)?;
        }
        for row in rows.chunks_exact_mut(self.row_bytes) {
            let planes = self.planes.iter_mut().map(Plane::read).collect::<Result<Vec<_>, _>>()?;
            self.layout.write(&planes, row);
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<Vec<Warning>, DecodeError> {
        self.located.finish(&mut self.planes)?;
        Ok(Vec::new())
    }
}
