//! The other formats, through the `image` crate: whole images only.

use super::gif_screen::{self, Patched};
use super::metadata::{MAX_PROFILE_BYTES, Metadata};
use super::samples::{Alpha, Colour, Depth, Samples};
use super::{DecodeError, Input, Opened, Refusal, RowReader, webp_chunks};
use crate::iiif::Size;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits};
use std::io::{BufReader, Seek};

/// What a decoder may take beside the image that it makes: as much again, and some room.
const DECODER_FACTOR: u64 = 2;
const DECODER_BYTES: u64 = 16 << 20;

pub(super) fn open(file: Input, container: ImageFormat) -> Result<Opened, Refusal> {
    let mut metadata = Metadata::default();
    let screen = match container {
        // A file that ends before its first image is one that its decoder refuses.
        ImageFormat::Gif => gif_screen::enlarged(&file, &mut metadata).unwrap_or_default(),
        ImageFormat::WebP => webp_chunks::read(&file, &mut metadata).map(|()| None)?,
        _ => None,
    };
    let mut decoder = ImageReader::with_format(BufReader::new(Patched::new(file.clone(), screen)), container)
        .into_decoder()
        .map_err(|error| refused(error, container))?;
    let (width, height) = decoder.dimensions();
    let size = Size::new(width, height)?;
    let colour = decoder.color_type();
    let samples = Samples {
        colour: if colour.has_color() { Colour::Rgb } else { Colour::Grey },
        alpha: if colour.has_alpha() { Alpha::Straight } else { Alpha::None },
        depth: if colour.bytes_per_pixel() > colour.channel_count() { Depth::Sixteen } else { Depth::Eight },
    };
    if !metadata.has_profile() && container != ImageFormat::WebP {
        match decoder.icc_profile() {
            Ok(Some(profile)) if profile.len() as u64 > MAX_PROFILE_BYTES => {
                metadata.add_too_large("ICC profile", profile.len() as u64);
            }
            Ok(Some(profile)) => metadata.add_profile(profile),
            Ok(None) => {}
            Err(_) => metadata.add_unusable_profile("it is damaged"),
        }
    }
    // Whether that is too much, the caller decides.
    let mut limits = Limits::default();
    limits.max_alloc = Some(DECODER_FACTOR * decoder.total_bytes() + DECODER_BYTES);
    let held_bytes = size.pixels() * samples.pixel_bytes() as u64;
    let decoder_bytes = decoder.total_bytes() + held_bytes;
    let file = Some(Patched::new(file, screen));
    Ok(Opened {
        size,
        samples,
        bits: colour.bits_per_pixel() / u16::from(colour.channel_count()),
        container: name(container).to_owned(),
        metadata: metadata.finish(),
        // What was decoded, and what it is made into where that differs.
        decoder_bytes,
        blocks: None,
        rows: Box::new(WholeImage { file, container, limits, samples, pixels: Vec::new(), next_byte: 0 }),
    })
}

fn name(container: ImageFormat) -> &'static str {
    match container {
        ImageFormat::Gif => "GIF",
        ImageFormat::WebP => "WebP",
        ImageFormat::Bmp => "BMP",
        _ => "PNM",
    }
}

/// Returns an error in plain words: those of the library name its own types.
fn refused(error: image::ImageError, container: ImageFormat) -> Refusal {
    match error {
        image::ImageError::Unsupported(_) => {
            Refusal::Unsupported(format!("a {} of a variety that is rarely used", name(container)))
        }
        error => Refusal::Decode(error.into()),
    }
}

struct WholeImage {
    /// Until the first row is asked for.
    file: Option<Patched>,
    container: ImageFormat,
    limits: Limits,
    samples: Samples,
    pixels: Vec<u8>,
    next_byte: usize,
}

impl RowReader for WholeImage {
    fn read_rows(&mut self, rows: &mut [u8]) -> Result<(), DecodeError> {
        if let Some(mut file) = self.file.take() {
            file.rewind()?;
            let mut reader = ImageReader::with_format(BufReader::new(file), self.container);
            reader.limits(self.limits.clone());
            let image = reader.decode()?;
            self.pixels = samples_of(image, self.samples);
        }
        let end = self.next_byte + rows.len();
        rows.copy_from_slice(&self.pixels[self.next_byte..end]);
        self.next_byte = end;
        Ok(())
    }
}

/// The pixels of an image as such samples.
fn samples_of(image: DynamicImage, samples: Samples) -> Vec<u8> {
    let wide = |samples: Vec<u16>| samples.into_iter().flat_map(u16::to_ne_bytes).collect();
    match (samples.colour, samples.alpha != Alpha::None, samples.depth) {
        (Colour::Grey, false, Depth::Eight) => image.into_luma8().into_raw(),
        (Colour::Grey, true, Depth::Eight) => image.into_luma_alpha8().into_raw(),
        (_, false, Depth::Eight) => image.into_rgb8().into_raw(),
        (_, true, Depth::Eight) => image.into_rgba8().into_raw(),
        (Colour::Grey, false, Depth::Sixteen) => wide(image.into_luma16().into_raw()),
        (Colour::Grey, true, Depth::Sixteen) => wide(image.into_luma_alpha16().into_raw()),
        (_, false, Depth::Sixteen) => wide(image.into_rgb16().into_raw()),
        (_, true, Depth::Sixteen) => wide(image.into_rgba16().into_raw()),
    }
}
