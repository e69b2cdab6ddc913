//! Decodes a single AV1 image with `re_rav1d`, a Rust port of dav1d.
//!
//! A panic in the decoder would abort the program, because every call goes through C functions. No panics are known.

use super::DecodeError;
use super::codec::{Codec, Picture as DecodedPicture, check};
use super::properties::SampleFormat;
use re_rav1d::dav1d::{DecodeFrameType, Decoder, Error, Picture, PixelLayout, PlanarImageComponent, Settings, pixel};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Maximum number of times to offer the remaining bytes to the decoder. It accepts them all within a few attempts.
const MAX_ATTEMPTS: usize = 1000;

pub(super) static CODEC: Codec = Codec {
    decode: |bytes, size, configuration| Ok(Box::new(Decoded::new(bytes, size, configuration.format)?)),
    color: |_| None,
    alpha_numbers: None,
    has_cosited_chroma: false,
    sample_bytes: |bits| if bits > 8 { 2 } else { 1 },
    // Film grain is added to a copy of the picture.
    spare_pictures: 1,
    block_bytes: 2,
    coded_copies: 1,
};

struct Decoded {
    picture: Picture,
}

impl Decoded {
    /// Decodes an image. A panic in the decoder's Rust interface is
    /// returned as an error, but a panic in its core would abort the process because the core has a C interface.
    fn new(bytes: Vec<u8>, size: (u32, u32), format: SampleFormat) -> Result<Self, DecodeError> {
        let decoded = catch_unwind(AssertUnwindSafe(|| decode(bytes, size)));
        let picture = decoded.unwrap_or_else(|_| Err("the decoder failed internally".into()))?;
        let (is_gray, subsampling) = match picture.pixel_layout() {
            PixelLayout::I400 => (true, format.subsampling),
            PixelLayout::I420 => (false, (true, true)),
            PixelLayout::I422 => (false, (true, false)),
            PixelLayout::I444 => (false, (false, false)),
        };
        let real = SampleFormat { bits: u8::try_from(picture.bit_depth()).unwrap_or(0), is_gray, subsampling };
        check(((picture.width(), picture.height()), real), (size, format))?;
        Ok(Self { picture })
    }
}

impl DecodedPicture for Decoded {
    fn matrix_and_range(&self) -> (u16, bool) {
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

    fn row(&self, plane: usize, y: usize, width: usize) -> Result<Vec<u16>, DecodeError> {
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
