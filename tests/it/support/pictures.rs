//! Pictures with something to see in every corner, made on the spot.

use image::{DynamicImage, GrayImage, ImageFormat, Luma, Rgb, RgbImage};
use std::io::Cursor;
use std::path::{Path, PathBuf};

/// Smooth waves of color, no two regions of which look alike: JPEG keeps them well, and a misplaced tile shows.
pub fn waves(width: u32, height: u32) -> RgbImage {
    let wave = |x: u32, y: u32, period: f32| {
        let angle = (x as f32 / period).sin() + (y as f32 / (period * 1.7)).cos();
        (127.5 + 60.0 * angle) as u8
    };
    RgbImage::from_fn(width, height, |x, y| Rgb([wave(x, y, 31.0), wave(y, x, 47.0), wave(x + y, x, 83.0)]))
}

/// The red channel of [`waves`].
pub fn gray_waves(width: u32, height: u32) -> GrayImage {
    let waves = waves(width, height);
    GrayImage::from_fn(width, height, |x, y| Luma([waves.get_pixel(x, y)[0]]))
}

/// Noise, in which every single pixel counts.
pub fn noise(width: u32, height: u32) -> RgbImage {
    let mut state = u64::from(width) << 32 | u64::from(height) | 1;
    RgbImage::from_fn(width, height, |_, _| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        Rgb([(state >> 33) as u8, (state >> 41) as u8, (state >> 49) as u8])
    })
}

/// The bytes of a file.
pub fn encoded(image: impl Into<DynamicImage>, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    image.into().write_to(&mut bytes, format).expect("the encoder takes what it is given");
    bytes.into_inner()
}

/// A file in `folder`.
pub fn file(folder: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.join(name);
    // Removed first, because ext4 flushes a file that is truncated and written again: 5 ms for each of thousands.
    let _ = std::fs::remove_file(&path);
    std::fs::write(&path, bytes).expect("the temporary folder can be written to");
    path
}

/// A picture of waves as a file; PNG, so that what is read is what was drawn.
pub fn png_file(folder: &Path, name: &str, width: u32, height: u32) -> PathBuf {
    file(folder, name, &encoded(waves(width, height), ImageFormat::Png))
}

/// A JPEG as an independent decoder sees it.
pub fn decoded_jpeg(bytes: &[u8]) -> RgbImage {
    image::load_from_memory_with_format(bytes, ImageFormat::Jpeg).expect("an independent decoder reads it").into_rgb8()
}

/// The mean difference of all samples of two pictures.
pub fn mean_difference(one: &[u8], other: &[u8]) -> f64 {
    assert_eq!(one.len(), other.len(), "the pictures have the same size");
    let sum: u64 = one.iter().zip(other).map(|(one, other)| u64::from(one.abs_diff(*other))).sum();
    sum as f64 / one.len() as f64
}
