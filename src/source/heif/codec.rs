//! Interface of the codecs.

use super::DecodeError;
use super::properties::{CodecConfiguration, ColorNumbers, SampleFormat};

/// A codec for the images in a file.
pub(super) struct Codec {
    /// Decodes an image of this width and height. Its size and format must match the file's metadata.
    pub(super) decode: fn(Vec<u8>, (u32, u32), &CodecConfiguration) -> DecodeResult,
    /// Returns the color numbers in a codec configuration.
    pub(super) color: fn(&CodecConfiguration) -> Option<ColorNumbers>,
    /// Matrix and range of alpha channels, or `None` if they're those of the image.
    pub(super) alpha_numbers: Option<(u16, bool)>,
    /// `true` if each chroma sample in 4:2:2 has the position of an even column, rather than one between two columns.
    pub(super) has_cosited_chroma: bool,
    /// Returns the size in bytes of a sample with this number of bits.
    pub(super) sample_bytes: fn(u8) -> u64,
    /// Number of pictures that the decoder keeps in addition to the one that it returns.
    pub(super) spare_pictures: u64,
    /// Decoder memory per pixel in bytes for anything but pictures, such as data about each block for the filters.
    pub(super) block_bytes: u64,
    /// Number of copies of the coded image that the decoder makes.
    pub(super) coded_copies: u64,
}

/// Result of decoding an image.
pub(super) type DecodeResult = Result<Box<dyn Picture>, DecodeError>;

/// A decoded picture.
pub(super) trait Picture: Send {
    /// Returns the matrix coefficients (ITU-T H.273) stored in the image itself, and `true` if it uses the full range.
    fn matrix_and_range(&self) -> (u16, bool);

    /// Returns a row of samples from a plane. Plane 0 is luma. Fails if the decoder returned too few samples.
    fn row(&self, plane: usize, y: usize, width: usize) -> Result<Vec<u16>, DecodeError>;
}

/// Returns an error if an image's size or format isn't what the file's metadata says.
pub(super) fn check(is: ((u32, u32), SampleFormat), should_be: ((u32, u32), SampleFormat)) -> Result<(), DecodeError> {
    if is == should_be {
        return Ok(());
    }
    Err("one of its images has another size or format than the file says".into())
}
