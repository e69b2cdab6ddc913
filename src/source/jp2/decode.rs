//! Decodes a single piece using `hayro-jpeg2000`, or OpenJPEG for High-Throughput JPEG 2000.

use super::DecodeError;
use super::channels::Channels;
use crate::source::resize;
use crate::source::samples::Depth;
use hayro_jpeg2000::{DecodeSettings, DecoderContext, Image};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Decodes a file whose width and height must match `pixels`. Replaces the contents of `samples`.
pub(super) fn decode(
    bytes: &[u8],
    pixels: (u32, u32),
    channels: &Channels,
    samples: &mut Vec<u8>,
) -> Result<(), DecodeError> {
    // We don't know of any damaged file that makes the decoder panic. If one does, it must not affect the other
    // images.
    catch_unwind(AssertUnwindSafe(|| decode_unguarded(bytes, pixels, channels, samples)))
        .unwrap_or_else(|_| Err("the decoder failed internally".into()))
}

fn decode_unguarded(
    bytes: &[u8],
    (width, height): (u32, u32),
    channels: &Channels,
    samples: &mut Vec<u8>,
) -> Result<(), DecodeError> {
    // In lenient mode, the decoder guesses when a file is damaged or inconsistent. Viewers can't tell those pixels
    // from real ones.
    let settings = DecodeSettings { strict: true, ..DecodeSettings::default() };
    let image = Image::new(bytes, &settings)?;
    if (image.width(), image.height()) != (width, height) {
        return Err("its tiles do not have the size given in its header".into());
    }
    let mut context = DecoderContext::default();
    let decoded = image.decode(&mut context)?;
    let count = width as usize * height as usize;
    resize(samples, count, channels.samples.pixel_bytes())?;
    for (sample, channel) in channels.order.iter().enumerate() {
        let component = decoded.components().get(*channel).filter(|it| it.samples().len() == count);
        let component = component.ok_or("it has fewer components than its color space needs")?;
        write(component.samples().iter().copied(), component.bit_depth(), sample, samples, channels);
    }
    Ok(())
}

/// Writes a component to its position in each pixel, which is that of the given sample. Clamps values that lossy
/// compression pushed below black or above white.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "these casts saturate"
)]
pub(super) fn write(
    component: impl Iterator<Item = f32>,
    bits: u8,
    sample: usize,
    samples: &mut [u8],
    channels: &Channels,
) {
    let first = sample * channels.samples.sample_bytes();
    let pixels = samples[first..].chunks_mut(channels.samples.pixel_bytes()).zip(component);
    // Exact up to 24 bits, and close enough beyond that.
    let max = ((1_u64 << bits) - 1) as f32;
    match channels.samples.depth {
        Depth::Eight => {
            let scale = f32::from(u8::MAX) / max;
            pixels.for_each(|(pixel, sample)| pixel[0] = (sample * scale + 0.5) as u8);
        }
        Depth::Sixteen => {
            let scale = f32::from(u16::MAX) / max;
            // Alpha isn't part of the color space.
            let lab = channels.lab.filter(|_| sample < channels.samples.color_channels());
            let scaled = |value: f32| lab.map_or(value * scale, |lab| lab.encode(sample, value, max));
            pixels.for_each(|(pixel, value)| pixel[..2].copy_from_slice(&((scaled(value) + 0.5) as u16).to_ne_bytes()));
        }
    }
}
