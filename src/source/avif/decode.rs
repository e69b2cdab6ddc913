//! Decodes a single coded image with `re_rav1d`.

use super::DecodeError;
use super::properties::Av1Format;
use re_rav1d::dav1d::{DecodeFrameType, Decoder, Error, Picture, PixelLayout, PlanarImageComponent, Settings, pixel};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Maximum number of times to offer the remaining bytes to the decoder. It accepts them all within a few attempts.
const MAX_ATTEMPTS: usize = 1000;

/// A decoded picture.
pub(super) struct Decoded {
    picture: Picture,
}

impl Decoded {
    /// Decodes an image. Its size and format must match the file's metadata. A panic in the decoder's Rust interface is
    /// returned as an error, but a panic in its core would abort the process because the core has a C interface.
    pub(super) fn new(bytes: Vec<u8>, size: (u32, u32), format: Av1Format) -> Result<Self, DecodeError> {
        let decoded = catch_unwind(AssertUnwindSafe(|| decode(bytes, size)));
        let picture = decoded.unwrap_or_else(|_| Err("the decoder failed internally".into()))?;
        let (is_gray, subsampling) = match picture.pixel_layout() {
            PixelLayout::I400 => (true, format.subsampling),
            PixelLayout::I420 => (false, (true, true)),
            PixelLayout::I422 => (false, (true, false)),
            PixelLayout::I444 => (false, (false, false)),
        };
        let real = Av1Format { bits: u8::try_from(picture.bit_depth()).unwrap_or(0), is_gray, subsampling };
        if (picture.width(), picture.height()) != size || real != format {
            return Err("one of its images has another size or format than the file says".into());
        }
        Ok(Self { picture })
    }

    /// Returns the matrix coefficients (ITU-T H.273) stored in the image itself, and `true` if it uses the full range.
    pub(super) fn matrix_and_range(&self) -> (u16, bool) {
        let matrix = match self.picture.matrix_coefficients() {
            pixel::MatrixCoefficients::Identity => 0,
            pixel::MatrixCoefficients::BT709 => 1,
            pixel::MatrixCoefficients::BT470M => 4,
            pixel::MatrixCoefficients::ST240M => 7,
            pixel::MatrixCoefficients::YCgCo => 8,
            pixel::MatrixCoefficients::BT2020NonConstantLuminance => 9,
            pixel::MatrixCoefficients::Unspecified | pixel::MatrixCoefficients::BT470BG => 6,
            // Not convertible.
            _ => u16::MAX,
        };
        (matrix, self.picture.color_range() == pixel::YUVRange::Full)
    }

    /// Returns a row of samples from a plane. Plane 0 is luma. Fails if the decoder returned too few samples.
    pub(super) fn row(&self, plane: usize, y: usize, width: usize) -> Result<Vec<u16>, DecodeError> {
        let component = PlanarImageComponent::from(plane);
        let bytes_per_sample = if self.picture.bit_depth() > 8 { 2 } else { 1 };
        let start = y * self.picture.stride(component) as usize;
        let bytes = self.picture.plane(component);
        let row = bytes.get(start..start + width * bytes_per_sample);
        let row = row.ok_or("the decoder returned fewer rows than the image has")?;
        Ok(if bytes_per_sample == 1 {
            row.iter().copied().map(u16::from).collect()
        } else {
            row.as_chunks::<2>().0.iter().map(|bytes| u16::from_ne_bytes(*bytes)).collect()
        })
    }
}

fn decode(bytes: Vec<u8>, (width, height): (u32, u32)) -> Result<Picture, DecodeError> {
    // The decoder treats empty input as a caller bug.
    if bytes.is_empty() {
        return Err("one of its images is empty".into());
    }
    let mut settings = Settings::new();
    // The publisher's workers already decode several images in parallel.
    settings.set_n_threads(1);
    settings.set_max_frame_delay(1);
    settings.set_all_layers(false);
    settings.set_frame_size_limit(width.saturating_mul(height));
    // A still image is a key frame. Reference frames would only use up memory.
    settings.set_decode_frame_type(DecodeFrameType::Key);
    let mut decoder = Decoder::with_settings(&settings).map_err(plain)?;
    let mut is_sent = match decoder.send_data(bytes, None, None, None) {
        Ok(()) => true,
        Err(error) if error.is_again() => false,
        Err(error) => return Err(plain(error)),
    };
    for _ in 0..MAX_ATTEMPTS {
        match decoder.get_picture() {
            Ok(picture) => return Ok(picture),
            Err(error) if !error.is_again() => return Err(plain(error)),
            Err(_) if is_sent => break,
            Err(_) => {}
        }
        match decoder.send_pending_data() {
            Ok(()) => is_sent = true,
            Err(error) if error.is_again() => {}
            Err(error) => return Err(plain(error)),
        }
    }
    Err("one of its images ends too early".into())
}

fn plain(error: Error) -> DecodeError {
    match error {
        Error::NotEnoughMemory => "there is not enough memory to decode it".into(),
        _ => "the data of one of its images is damaged".into(),
    }
}
