//! Safe wrapper around libwebp's lossy encoder and decoder.
//!
//! Existing wrappers don't meet our needs. `webp` 0.3 bundles libwebp 1.3.1 from 2023, and `image` only writes lossless
//! WebP. Its lossy decoder takes three times as long, and returns no rows before the entire image is decoded.
//!
//! # Soundness
//! - The number of pixels is checked against the dimensions before passing a pointer to C.
//! - libwebp only keeps the output pointer for the duration of a single encoder call.
//! - The decoder only uses the pointer to compressed data during a call. It owns the decoded image, which is only read
//!   between calls, up to the number of rows that it reports.
#![expect(unsafe_code, reason = "this module talks to a C library")]

use ffi::VP8StatusCode;
use libwebp_sys as ffi;
use std::ffi::{c_int, c_void};
use std::ptr::{self, NonNull};

/// libwebp's compression method, from 0 to 6. This is the highest one that doesn't store a list of symbols.
///
/// For photos at quality 85, method 4 takes twice as long and needs 2 more bytes of memory per pixel, but the files are
/// only 2% smaller.
const METHOD: c_int = 2;

/// An error from libwebp, with its error code.
#[derive(Debug, thiserror::Error)]
#[error("libwebp: {0}")]
pub(crate) struct LibwebpError(String);

/// An image in YUV 4:2:0 format, which takes one and a half bytes per pixel.
pub(crate) struct Picture(ffi::WebPPicture);

// SAFETY: the image owns the planes that it points to.
unsafe impl Send for Picture {}

impl Picture {
    /// Converts `width` x `height` RGB pixels.
    ///
    /// # Panics
    /// Panics if the length of `pixels` doesn't match the dimensions.
    pub(crate) fn of_rgb(width: u32, height: u32, pixels: &[u8]) -> Result<Self, LibwebpError> {
        let row_bytes = width as usize * 3;
        assert_eq!(pixels.len(), row_bytes * height as usize, "libwebp reads whole images");
        let side = |side: u32| c_int::try_from(side).map_err(|error| LibwebpError(error.to_string()));
        let mut picture =
            Self(ffi::WebPPicture::new().map_err(|()| LibwebpError("incompatible library version".to_owned()))?);
        picture.0.width = side(width)?;
        picture.0.height = side(height)?;
        // SAFETY: the image is initialized, and the number of pixels matches its dimensions.
        match unsafe { ffi::WebPPictureImportRGB(&raw mut picture.0, pixels.as_ptr(), side(width)? * 3) } {
            0 => Err(picture.error()),
            _ => Ok(picture),
        }
    }

    /// Encodes the image. `quality` ranges from 1 to 100.
    pub(crate) fn encode(mut self, quality: u8) -> Result<Vec<u8>, LibwebpError> {
        let mut config =
            ffi::WebPConfig::new().map_err(|()| LibwebpError("incompatible library version".to_owned()))?;
        config.quality = quality.into();
        config.method = METHOD;
        let mut bytes: Vec<u8> = Vec::new();
        self.0.writer = Some(append);
        self.0.custom_ptr = (&raw mut bytes).cast::<c_void>();
        // SAFETY: both structs are initialized. `bytes` outlives the call and isn't used elsewhere in the meantime.
        match unsafe { ffi::WebPEncode(&raw const config, &raw mut self.0) } {
            0 => Err(self.error()),
            _ => Ok(bytes),
        }
    }

    fn error(&self) -> LibwebpError {
        LibwebpError(format!("{:?}", self.0.error_code))
    }
}

impl Drop for Picture {
    fn drop(&mut self) {
        // SAFETY: the image was initialized, and its planes are only freed here.
        unsafe { ffi::WebPPictureFree(&raw mut self.0) };
    }
}

/// A decoder for lossy images, which decodes rows as data arrives.
pub(crate) struct LossyDecoder {
    decoder: NonNull<ffi::WebPIDecoder>,
    width: u32,
    height: u32,
    /// Number of decoded rows.
    rows: u32,
}

// SAFETY: the decoder owns everything that it points to.
unsafe impl Send for LossyDecoder {}

impl LossyDecoder {
    /// Creates a decoder for an image of `width` x `height` pixels.
    pub(crate) fn new(width: u32, height: u32) -> Result<Self, LibwebpError> {
        // SAFETY: without an output buffer, the decoder allocates one for RGB.
        let decoder = NonNull::new(unsafe { ffi::WebPINewDecoder(ptr::null_mut()) });
        let decoder = decoder.ok_or_else(|| LibwebpError("out of memory".to_owned()))?;
        Ok(Self { decoder, width, height, rows: 0 })
    }

    /// Decodes as many rows as possible. `data` must contain the data of all previous calls, followed by more. Returns
    /// the number of rows decoded so far.
    ///
    /// # Errors
    /// Returns an error if the data is damaged or the image has other dimensions.
    pub(crate) fn decode(&mut self, data: &[u8]) -> Result<u32, LibwebpError> {
        // SAFETY: `data` outlives the call. The next call passes all of it again.
        let status = unsafe { ffi::WebPIUpdate(self.decoder.as_ptr(), data.as_ptr(), data.len()) };
        match status {
            VP8StatusCode::VP8_STATUS_OK | VP8StatusCode::VP8_STATUS_SUSPENDED => {}
            VP8StatusCode::VP8_STATUS_OUT_OF_MEMORY => return Err(LibwebpError("out of memory".to_owned())),
            _ => return Err(LibwebpError("the data is damaged".to_owned())),
        }
        if let Some((_, rows)) = self.output()? {
            self.rows = rows;
        }
        Ok(self.rows)
    }

    /// Returns the number of rows decoded so far.
    pub(crate) fn rows(&self) -> u32 {
        self.rows
    }

    /// Copies a decoded row of RGB pixels.
    ///
    /// # Panics
    /// Panics if the row isn't decoded yet, or if `pixels` isn't as long as a row.
    pub(crate) fn copy_row(&self, row: u32, pixels: &mut [u8]) {
        let row_bytes = self.width as usize * 3;
        assert!(row < self.rows && pixels.len() == row_bytes, "row {row} of {}", self.rows);
        let Ok(Some((output, _))) = self.output() else { unreachable!("decoded rows stay available") };
        // SAFETY: the decoder's image has at least `rows` decoded rows of `width` RGB pixels, without gaps between them.
        let decoded = unsafe { std::slice::from_raw_parts(output.as_ptr().add(row as usize * row_bytes), row_bytes) };
        pixels.copy_from_slice(decoded);
    }

    /// Returns the decoded image and its number of decoded rows, or `None` if there aren't any yet.
    fn output(&self) -> Result<Option<(NonNull<u8>, u32)>, LibwebpError> {
        let (mut rows, mut width, mut height, mut stride) = (0, 0, 0, 0);
        let decoder = self.decoder.as_ptr();
        // SAFETY: the decoder is initialized, and all pointers are valid.
        let output =
            unsafe { ffi::WebPIDecGetRGB(decoder, &raw mut rows, &raw mut width, &raw mut height, &raw mut stride) };
        let Some(output) = NonNull::new(output) else { return Ok(None) };
        let is_expected = u32::try_from(width) == Ok(self.width)
            && u32::try_from(height) == Ok(self.height)
            && u32::try_from(stride) == Ok(self.width * 3);
        match u32::try_from(rows) {
            Ok(rows) if is_expected && rows <= self.height => Ok(Some((output, rows))),
            _ => Err(LibwebpError("unexpected dimensions".to_owned())),
        }
    }
}

impl Drop for LossyDecoder {
    fn drop(&mut self) {
        // SAFETY: the decoder was created by `new`, and is only deleted here.
        unsafe { ffi::WebPIDelete(self.decoder.as_ptr()) };
    }
}

/// Appends libwebp's output to the `Vec` in [`Picture::encode`].
unsafe extern "C" fn append(data: *const u8, size: usize, picture: *const ffi::WebPPicture) -> c_int {
    if size > 0 {
        // SAFETY: `custom_ptr` is the `Vec` in `encode`, which is waiting for C. `data` points to `size` bytes.
        unsafe {
            let bytes = &mut *(*picture).custom_ptr.cast::<Vec<u8>>();
            bytes.extend_from_slice(std::slice::from_raw_parts(data, size));
        }
    }
    1
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: (u32, u32) = (301, 203);

    /// Returns an image with much detail, so that its data arrives in many pieces.
    fn encoded() -> Vec<u8> {
        let mut state = 1_u32;
        let noise = std::iter::repeat_with(|| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state.to_be_bytes()[0]
        });
        let pixels: Vec<u8> = noise.take(3 * SIZE.0 as usize * SIZE.1 as usize).collect();
        let file = Picture::of_rgb(SIZE.0, SIZE.1, &pixels).expect("valid").encode(90).expect("encoded");
        // The decoder doesn't need the container.
        file[12..].to_vec()
    }

    fn rows_of(decoder: &LossyDecoder) -> Vec<u8> {
        let row_bytes = SIZE.0 as usize * 3;
        let mut pixels = vec![0; row_bytes * decoder.rows() as usize];
        for (row, pixels) in (0..).zip(pixels.chunks_exact_mut(row_bytes)) {
            decoder.copy_row(row, pixels);
        }
        pixels
    }

    #[test]
    fn data_in_pieces_decodes_to_the_same_rows() {
        let data = encoded();
        let mut whole = LossyDecoder::new(SIZE.0, SIZE.1).expect("a decoder");
        assert_eq!(whole.decode(&data).expect("valid"), SIZE.1);
        let mut decoder = LossyDecoder::new(SIZE.0, SIZE.1).expect("a decoder");
        let mut counts = Vec::new();
        for end in (0..data.len()).step_by(997) {
            let moved = data[..end].to_vec();
            counts.push(decoder.decode(&moved).expect("valid"));
        }
        assert!(counts.is_sorted() && counts.iter().any(|rows| (1..SIZE.1).contains(rows)), "{counts:?}");
        assert!(decoder.rows() < SIZE.1, "the end is missing");
        decoder.decode(&data).expect("valid");
        assert!(rows_of(&decoder) == rows_of(&whole));
    }

    #[test]
    fn damaged_data_and_other_dimensions_are_errors() {
        let data = encoded();
        let decode = |width, height, data: &[u8]| LossyDecoder::new(width, height)?.decode(data);
        assert!(decode(SIZE.0, SIZE.1 + 1, &data).is_err());
        assert!(decode(SIZE.0 - 1, SIZE.1, &data).is_err());
        let mut damaged = data;
        damaged[11..14].fill(0);
        let error = decode(SIZE.0, SIZE.1, &damaged).expect_err("no start code");
        assert_eq!(error.to_string(), "libwebp: the data is damaged");
    }
}
