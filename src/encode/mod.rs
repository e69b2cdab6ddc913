//! Encoders that turn pixels into image files.

mod blank;
mod blocks;
mod jpeg;
mod options;
mod picture;
mod png;
mod thumbnail;
#[cfg(feature = "webp")]
mod webp;

pub use crate::libjpeg::{Effort, JoinedScans, Scan, Subsampling};
pub use blank::BlankTiles;
pub use blocks::encode_block_tile;
pub use jpeg::has_simd;
pub use options::{Encoding, JpegOptions, JpegTiles};
pub use picture::{Encoded, EncodedTile, PictureEncoder, TileScan, encode_tile};
pub use thumbnail::{LevelPixels, encode_thumbnail};

/// An error from an image encoder.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct EncodeError(Box<dyn std::error::Error + Send + Sync>);

impl EncodeError {
    #[cfg(feature = "webp")]
    fn rows_missing() -> Self {
        Self("rows are missing".into())
    }

    #[cfg(not(feature = "webp"))]
    fn webp_missing() -> Self {
        Self("writing WebP requires the feature `webp`, which this build lacks".into())
    }
}

impl From<crate::libjpeg::LibjpegError> for EncodeError {
    fn from(error: crate::libjpeg::LibjpegError) -> Self {
        Self(error.into())
    }
}

#[cfg(feature = "webp")]
impl From<crate::libwebp::LibwebpError> for EncodeError {
    fn from(error: crate::libwebp::LibwebpError) -> Self {
        Self(error.into())
    }
}

impl From<::png::EncodingError> for EncodeError {
    fn from(error: ::png::EncodingError) -> Self {
        Self(error.into())
    }
}

impl From<std::io::Error> for EncodeError {
    fn from(error: std::io::Error) -> Self {
        Self(error.into())
    }
}
