//! Pixels to bytes.

mod jpeg;
mod thumbnail;

pub use crate::libjpeg::Subsampling;
pub use jpeg::{JpegOptions, RenditionEncoder, encode_tile, has_simd};
pub use thumbnail::{LevelPixels, encode_thumbnail};

/// Why a picture could not be encoded.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct EncodeError(Box<dyn std::error::Error + Send + Sync>);

impl From<crate::libjpeg::LibjpegError> for EncodeError {
    fn from(error: crate::libjpeg::LibjpegError) -> Self {
        Self(error.into())
    }
}
