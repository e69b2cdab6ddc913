//! Safe wrapper around libwebp's lossy encoder.
//!
//! Existing wrappers don't meet our needs. `webp` 0.3 bundles libwebp 1.3.1 from 2023, and `image` only writes lossless
//! WebP.
//!
//! # Soundness
//! - The number of pixels is checked against the dimensions before passing a pointer to C.
//! - libwebp only keeps the output pointer for the duration of a single encoder call.
#![expect(unsafe_code, reason = "this module talks to a C library")]

use libwebp_sys as ffi;
use std::ffi::{c_int, c_void};

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
