//! A safe face for the lossy encoder of libwebp.
//!
//! Why not a ready-made wrapper: `webp` 0.3 brings libwebp 1.3.1, of 2023, and `image` writes WebP without loss only.
//!
//! # What makes it sound
//! - Pixels are checked against the dimensions before C sees a pointer to them.
//! - libwebp keeps a pointer to what is written only while it encodes, in one call.
#![expect(unsafe_code, reason = "this module talks to a C library")]

use libwebp_sys as ffi;
use std::ffi::{c_int, c_void};

/// How hard libwebp tries, of 0 to 6: the highest method that keeps no list of symbols. Measured on photographs at quality 85,
/// method 4 takes twice the time and 2 bytes more for each pixel, for files that are 2 % smaller.
const METHOD: c_int = 2;

/// Why libwebp gave up: its own word for it.
#[derive(Debug, thiserror::Error)]
#[error("libwebp: {0}")]
pub(crate) struct LibwebpError(String);

/// A picture in the colours that are encoded: 4:2:0, a byte and a half for each pixel.
pub(crate) struct Picture(ffi::WebPPicture);

// SAFETY: the planes that it points to are its own.
unsafe impl Send for Picture {}

impl Picture {
    /// Converts red, green and blue of `width` x `height` pixels.
    ///
    /// # Panics
    /// Where there are not so many bytes.
    pub(crate) fn of_rgb(width: u32, height: u32, pixels: &[u8]) -> Result<Self, LibwebpError> {
        let row_bytes = width as usize * 3;
        assert_eq!(pixels.len(), row_bytes * height as usize, "libwebp reads whole pictures");
        let side = |side: u32| c_int::try_from(side).map_err(|error| LibwebpError(error.to_string()));
        let mut picture = Self(ffi::WebPPicture::new().map_err(|()| LibwebpError("another version".to_owned()))?);
        picture.0.width = side(width)?;
        picture.0.height = side(height)?;
        // SAFETY: the picture is initialised, and the pixels are as many as its dimensions say.
        match unsafe { ffi::WebPPictureImportRGB(&raw mut picture.0, pixels.as_ptr(), side(width)? * 3) } {
            0 => Err(picture.error()),
            _ => Ok(picture),
        }
    }

    /// The picture as a file, at `quality` 1 to 100.
    pub(crate) fn encode(mut self, quality: u8) -> Result<Vec<u8>, LibwebpError> {
        let mut config = ffi::WebPConfig::new().map_err(|()| LibwebpError("another version".to_owned()))?;
        config.quality = quality.into();
        config.method = METHOD;
        let mut bytes: Vec<u8> = Vec::new();
        self.0.writer = Some(append);
        self.0.custom_ptr = (&raw mut bytes).cast::<c_void>();
        // SAFETY: both are initialised; `bytes` outlives the call, and nothing else uses it meanwhile.
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
        // SAFETY: it was initialised, and this is the only place that frees its planes.
        unsafe { ffi::WebPPictureFree(&raw mut self.0) };
    }
}

/// Takes what libwebp has written.
unsafe extern "C" fn append(data: *const u8, size: usize, picture: *const ffi::WebPPicture) -> c_int {
    if size > 0 {
        // SAFETY: `custom_ptr` is the `Vec` of `encode`, which waits for C; `data` stands for `size` bytes.
        unsafe {
            let bytes = &mut *(*picture).custom_ptr.cast::<Vec<u8>>();
            bytes.extend_from_slice(std::slice::from_raw_parts(data, size));
        }
    }
    1
}
