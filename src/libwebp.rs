//! A safe wrapper of libwebp's lossy encoder.
//!
//! No existing wrapper fits: `webp` 0.3 includes libwebp 1.3.1 of 2023, and `image` writes lossless WebP only.
//!
//! # Soundness
//! - The length of the pixels is checked against the dimensions before C gets a pointer to them.
//! - libwebp keeps a pointer to the output only during one call of the encoder.
#![expect(unsafe_code, reason = "this module talks to a C library")]

use libwebp_sys as ffi;
use std::ffi::{c_int, c_void};

/// The compression method of libwebp, from 0 to 6. This is the highest one that does not keep a list of symbols.
///
/// Measured on photographs at quality 85, method 4 takes twice the time and 2 more bytes per pixel, for files that are
/// 2 % smaller.
const METHOD: c_int = 2;

/// An error reported by libwebp, with its error code.
#[derive(Debug, thiserror::Error)]
#[error("libwebp: {0}")]
pub(crate) struct LibwebpError(String);

/// An image in YUV 4:2:0: one and a half bytes per pixel.
pub(crate) struct Picture(ffi::WebPPicture);

// SAFETY: the image owns the planes that it points to.
unsafe impl Send for Picture {}

impl Picture {
    /// Converts `width` x `height` RGB pixels.
    ///
    /// # Panics
    /// Panics if the length of `pixels` does not match the dimensions.
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

    /// Encodes the image as a file with `quality` from 1 to 100.
    pub(crate) fn encode(mut self, quality: u8) -> Result<Vec<u8>, LibwebpError> {
        let mut config =
            ffi::WebPConfig::new().map_err(|()| LibwebpError("incompatible library version".to_owned()))?;
        config.quality = quality.into();
        config.method = METHOD;
        let mut bytes: Vec<u8> = Vec::new();
        self.0.writer = Some(append);
        self.0.custom_ptr = (&raw mut bytes).cast::<c_void>();
        // SAFETY: both structs are initialized; `bytes` outlives the call and is not used elsewhere during it.
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
        // SAFETY: the image was initialized, and only this function frees its planes.
        unsafe { ffi::WebPPictureFree(&raw mut self.0) };
    }
}

/// Appends the output of libwebp to the `Vec` of [`Picture::encode`].
unsafe extern "C" fn append(data: *const u8, size: usize, picture: *const ffi::WebPPicture) -> c_int {
    if size > 0 {
        // SAFETY: `custom_ptr` is the `Vec` of `encode`, which waits for C; `data` points to `size` bytes.
        unsafe {
            let bytes = &mut *(*picture).custom_ptr.cast::<Vec<u8>>();
            bytes.extend_from_slice(std::slice::from_raw_parts(data, size));
        }
    }
    1
}
