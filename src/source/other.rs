//! All other formats, decoded with the `image` crate. It always decodes the entire image.

use super::gif_screen::{self, Patched};
use super::metadata::{MAX_PROFILE_BYTES, Metadata};
use super::samples::{Alpha, ColorModel, Depth, Samples};
use super::{DecodeError, Input, Opened, Refusal, RowReader};
use crate::iiif::Size;
use image::{ColorType, DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits};
use std::io::{BufReader, Seek};

/// Memory limit for the decoder: a multiple of the decoded image size plus a constant.
const DECODER_FACTOR: u64 = 2;
const DECODER_BYTES: u64 = 16 << 20;

pub(super) fn open(file: Input, container: ImageFormat) -> Result<Opened, Refusal> {
    open_with(file, container, Metadata::default())
}

/// Opens a file after its metadata has been read. The ICC profile of WebP files must be part of it.
pub(super) fn open_with(file: Input, container: ImageFormat, mut metadata: Metadata) -> Result<Opened, Refusal> {
    let screen = match container {
        // If a GIF is truncated before its first image, the decoder will reject it.
        ImageFormat::Gif => gif_screen::required_screen(&file, &mut metadata).unwrap_or_default(),
        _ => None,
    };
    let mut decoder = ImageReader::with_format(BufReader::new(Patched::new(file.clone(), screen)), container)
        .into_decoder()
        .map_err(|error| plain_error(error, container))?;
    let (width, height) = decoder.dimensions();
    let size = Size::new(width, height)?;
    let color = decoder.color_type();
    let samples = samples_of_color(color);
    if !metadata.has_profile() && container != ImageFormat::WebP {
        add_profile(&mut decoder, &mut metadata);
    }
    // Don't check the image size here, because the caller does that.
    let mut limits = Limits::default();
    // The amount of memory to reserve was based on the header. If the content needs more than that, fail instead of
    // exceeding `--max-memory`.
    limits.max_alloc = Some(DECODER_FACTOR * decoder.total_bytes() + DECODER_BYTES);
    let image_bytes = size.pixels() * samples.pixel_bytes() as u64;
    let decoder_bytes = decoder.total_bytes() + image_bytes;
    let file = Some(Patched::new(file, screen));
    Ok(Opened {
        size,
        samples,
        bits: color.bits_per_pixel() / u16::from(color.channel_count()),
        container: name(container).to_owned(),
        metadata: metadata.finish(),
        // Holds both the decoded image and a converted copy.
        decoder_bytes,
        blocks: None,
        rows: Box::new(WholeImage { file, container, limits, samples, pixels: Vec::new(), next_byte: 0 }),
    })
}

fn samples_of_color(color: ColorType) -> Samples {
    Samples {
        color: if color.has_color() { ColorModel::Rgb } else { ColorModel::Gray },
        alpha: if color.has_alpha() { Alpha::Straight } else { Alpha::None },
        depth: if color.bytes_per_pixel() > color.channel_count() { Depth::Sixteen } else { Depth::Eight },
    }
}

/// Adds the file's ICC profile, if it has one.
fn add_profile(decoder: &mut impl ImageDecoder, metadata: &mut Metadata) {
    match decoder.icc_profile() {
        Ok(Some(profile)) if profile.len() as u64 > MAX_PROFILE_BYTES => {
            metadata.add_too_large("ICC profile", profile.len() as u64);
        }
        Ok(Some(profile)) => metadata.add_profile(profile),
        Ok(None) => {}
        Err(_) => metadata.add_unusable_profile("it is damaged"),
    }
}

fn name(container: ImageFormat) -> &'static str {
    match container {
        ImageFormat::Gif => "GIF",
        ImageFormat::WebP => "WebP",
        ImageFormat::Bmp => "BMP",
        _ => "PNM",
    }
}

/// Rewrites an error in plain language, because the library's messages mention its own types.
fn plain_error(error: image::ImageError, container: ImageFormat) -> Refusal {
    match error {
        image::ImageError::Unsupported(_) => Refusal::Unsupported(format!("a {} of a rare variant", name(container))),
        error => Refusal::Decode(error.into()),
    }
}

struct WholeImage {
    /// Input file, until the first row is read.
    file: Option<Patched>,
    container: ImageFormat,
    limits: Limits,
    samples: Samples,
    pixels: Vec<u8>,
    next_byte: usize,
}

impl RowReader for WholeImage {
    fn read_rows(&mut self, rows: &mut [u8]) -> Result<(), DecodeError> {
        // We create a second decoder instead of keeping the one that read the header. An image may have to wait a long
        // time for its turn, and `image` decoders can hold as much memory as the image itself.
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

/// Converts a decoded image to raw samples in the given layout.
fn samples_of(image: DynamicImage, samples: Samples) -> Vec<u8> {
    let wide = |samples: Vec<u16>| samples.into_iter().flat_map(u16::to_ne_bytes).collect();
    match (samples.color, samples.alpha != Alpha::None, samples.depth) {
        (ColorModel::Gray, false, Depth::Eight) => image.into_luma8().into_raw(),
        (ColorModel::Gray, true, Depth::Eight) => image.into_luma_alpha8().into_raw(),
        (_, false, Depth::Eight) => image.into_rgb8().into_raw(),
        (_, true, Depth::Eight) => image.into_rgba8().into_raw(),
        (ColorModel::Gray, false, Depth::Sixteen) => wide(image.into_luma16().into_raw()),
        (ColorModel::Gray, true, Depth::Sixteen) => wide(image.into_luma_alpha16().into_raw()),
        (_, false, Depth::Sixteen) => wide(image.into_rgb16().into_raw()),
        (_, true, Depth::Sixteen) => wide(image.into_rgba16().into_raw()),
    }
}
