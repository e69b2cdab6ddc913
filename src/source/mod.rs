//! Image sources: local and remote files of any known format, opened by their content and read row by row from the top.
//!
//! ```text
//! decoder: rows of samples as stored -> colors -> sRGB, gray or unchanged, 8 bits -> upright
//! ```
//! Delivering rows in order keeps memory low. A quarter turn, or a codec that only decodes whole images, needs memory
//! for the whole image; [`Header`] reports this memory in advance.

mod color;
mod error;
mod foreign;
mod format;
mod gif_screen;
mod icc;
mod icc_error;
mod icc_lut;
mod inks;
mod input;
#[cfg(feature = "jp2")]
mod jp2;
mod jpeg;
mod jpeg_segments;
mod kind;
mod lab;
mod metadata;
mod options;
mod orientation;
mod other;
mod png;
mod png_chunks;
mod range_cache;
mod remote;
mod rows;
mod samples;
mod tiff;
mod warning;
#[cfg(feature = "webp")]
mod webp_chunks;

pub use error::{DecodeError, RemoteError, RemoteErrorKind, SourceError};
pub(crate) use kind::SourceKind;
pub use options::{Background, BackgroundError, Bounds, FloatRange, FloatRangeError, Profiles, ReadOptions};
pub use orientation::Orientation;
#[cfg(any(feature = "s3", feature = "web"))]
pub(crate) use remote::Fetch;
pub(crate) use remote::{Remote, ResolvedSource};
pub use warning::{Warning, WarningCode};

pub(crate) use format::{extensions, revision};

use crate::iiif::Size;
use crate::pixel::{BlockLayout, BlockStrip, PixelFormat, RowScale};
use color::Converter;
use error::Refusal;
use format::Format;
use input::Input;
use metadata::FileMetadata;
use rows::Rows;
use samples::Samples;
use std::fmt;
use std::fs::File;
use std::io::Read;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;

/// Maximum memory for opening a source in bytes, without the buffers of its decoder. Metadata of every format is
/// limited to fit, compressed and decompressed: ICC profiles of 8 MiB, EXIF and texts of 4 MiB, boxes and directories
/// of some MiB.
pub(crate) const OPEN_BYTES: u64 = 32 << 20;

/// Bytes at the start of a file that are used to recognize its format: signatures of a few bytes, and markup that
/// identifies itself later.
const MAGIC_BYTES: usize = 512;

/// Hint for an unsupported variant of a supported format.
const CONVERT: &str = "convert it to a TIFF, PNG or JPEG of gray or RGB first, for example: `magick 'IN[0]' OUT.png`";

/// Header of an image: everything known before its first pixel is read.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Header {
    /// Width and height in pixels, as displayed.
    pub size: Size,
    /// Pixel format of the converted rows.
    #[doc(hidden)]
    pub format: PixelFormat,
    /// Description of the file for people: `JPEG`, `TIFF, 16 bit`, …
    pub description: String,
    /// The decoder and the color path.
    pub(crate) kind: SourceKind,
    /// Properties of the file, and their conversion.
    pub properties: SourceProperties,
    /// Memory for decoding beyond a few rows, in bytes: 0 for most files, the whole image for a few. Includes the
    /// cached blocks of a remote file.
    #[doc(hidden)]
    pub decoder_bytes: u64,
    /// Layout of the DCT blocks of a JPEG whose tiles can be made without decoding it.
    #[doc(hidden)]
    pub blocks: Option<Arc<BlockLayout>>,
    /// ICC profile to embed into every rendition, because the colors are not converted; `None` if they are sRGB.
    #[doc(hidden)]
    pub kept_profile: Option<Arc<[u8]>>,
}

impl Header {
    /// Returns the header of any RGB image of this size, whose colors need no conversion.
    #[must_use]
    pub fn any_rgb(size: Size) -> Self {
        Self {
            size,
            format: PixelFormat::Rgb8,
            description: "any RGB image".to_owned(),
            kind: SourceKind::PLAIN_RGB,
            properties: SourceProperties::default(),
            decoder_bytes: 0,
            blocks: None,
            kept_profile: None,
        }
    }
}

/// Properties of a file, and the conversion of its pixels.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SourceProperties {
    /// Color model and alpha: `RGB`, `CMYK`, `gray with alpha`.
    pub colors: String,
    /// Bits of a sample in the file.
    pub bits: u16,
    /// Name of the ICC profile that is used.
    pub profile: Option<String>,
    /// Orientation of the stored rows.
    pub orientation: Orientation,
    /// Conversion of the colors: `converted to sRGB`.
    pub conversion: String,
    /// Parts of the header that cannot be honored.
    pub warnings: Vec<Warning>,
}

impl fmt::Display for SourceProperties {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}, {} bit", self.colors, self.bits)?;
        // The conversion may already name the profile.
        let profile = self.profile.as_ref().map(|profile| format!("`{profile}`"));
        if let Some(profile) = profile.filter(|profile| !self.conversion.ends_with(profile)) {
            write!(formatter, ", profile {profile}")?;
        }
        write!(formatter, ", {}", self.conversion)?;
        self.orientation.describe().map_or(Ok(()), |turned| write!(formatter, ", {turned}"))?;
        self.warnings.iter().try_for_each(|warning| write!(formatter, ", warning: {warning}"))
    }
}

impl Header {
    /// Reads the header of a local file, which is opened by its content, regardless of its name.
    ///
    /// # Errors
    /// If the file does not exist or is not a supported image. Damage after the header is not noticed.
    pub fn read(path: &Path, options: ReadOptions) -> Result<Self, SourceError> {
        Ok(Source::open(path, options)?.header)
    }

    /// Returns the warnings about the header. [`Source::finish`] returns those that are found later.
    #[must_use]
    pub fn warnings(&self) -> &[Warning] {
        &self.properties.warnings
    }
}

/// A decoder that reads rows of samples.
trait RowReader: Send {
    /// Fills `rows`, a whole number of rows, with the next ones.
    fn read_rows(&mut self, rows: &mut [u8]) -> Result<(), DecodeError>;

    /// Switches to reading rows from the last to the first, if that costs nothing. Returns `true` on success.
    fn reverse_rows(&mut self) -> bool {
        false
    }

    /// Returns the reader of DCT blocks. Only formats with an [`Opened::blocks`] have one.
    fn blocks(&mut self) -> Option<&mut dyn BlockReader> {
        None
    }

    /// Checks the end of the file after the last row. Returns the warnings that were found while reading.
    fn finish(&mut self) -> Result<Vec<Warning>, DecodeError> {
        Ok(Vec::new())
    }
}

/// A decoder that also delivers the DCT blocks of a JPEG, from which tiles are made without decoding it.
trait BlockReader {
    /// Keeps the blocks while rows are read, in `strips` strips of `strip_rows` rows.
    fn keep(&mut self, layout: &Arc<BlockLayout>, strip_rows: u32, strips: usize, scale: RowScale);

    /// Returns `true` if there is memory for the blocks of the next 16 rows. If `is_to_wait`, waits for it.
    fn reserve(&mut self, is_to_wait: bool) -> bool;

    /// Returns the next strip whose blocks are complete.
    fn take(&mut self) -> Option<BlockStrip>;
}

/// A file opened by a decoder.
struct Opened {
    /// Size of the stored rows.
    size: Size,
    samples: Samples,
    /// Bits of a sample in the file.
    bits: u16,
    /// `JPEG`, `TIFF, LZW`, …
    container: String,
    metadata: FileMetadata,
    /// Memory for decoding beyond a few rows, in bytes.
    decoder_bytes: u64,
    /// Layout of the DCT blocks, if they can be kept.
    blocks: Option<BlockLayout>,
    rows: Box<dyn RowReader>,
}

/// An open image: its header, and its rows from the top.
#[doc(hidden)]
pub struct Source {
    input: String,
    bytes: Input,
    header: Header,
    rows: Rows,
}

impl Source {
    /// Opens a file by its content, regardless of its name.
    ///
    /// # Errors
    /// If the file does not exist or is not a supported image. [`read_rows`](Self::read_rows) reports damage after the
    /// header.
    pub fn open(path: &Path, options: ReadOptions) -> Result<Self, SourceError> {
        Self::open_at(&ResolvedSource::File(path.to_owned()), options)
    }

    /// Opens a local or remote file. Blocks on remote reads, so it must not be called from the runtime that fetches
    /// them.
    ///
    /// # Errors
    /// Fails like [`open`](Self::open).
    pub(crate) fn open_at(resolved: &ResolvedSource, options: ReadOptions) -> Result<Self, SourceError> {
        let input = open_input(resolved, options.threads)?;
        let result = Self::from_input(&resolved.to_string(), &input, options);
        // A decoder that cannot read may report anything: damage, a missing end, or success with made-up pixels. The
        // input remembers its first failure, and that is the error.
        match input.failure() {
            Some(cause) => Err(SourceError::Remote { input: resolved.to_string(), cause }),
            None => result,
        }
    }

    fn from_input(name: &str, bytes: &Input, options: ReadOptions) -> Result<Self, SourceError> {
        let input = name.to_owned();
        let (mut magic, bytes) = (Vec::with_capacity(MAGIC_BYTES), bytes.clone());
        let sniff = bytes.clone().take(MAGIC_BYTES as u64).read_to_end(&mut magic);
        sniff.map_err(|cause| SourceError::Open { input: input.clone(), cause })?;
        if magic.is_empty() {
            return Err(SourceError::Empty { input });
        }
        match open_decoder(&magic, bytes.clone(), options) {
            Ok((_, opened)) if opened.size.pixels() > options.max_pixels => {
                Err(SourceError::TooLarge { input, pixels: opened.size.pixels(), max_pixels: options.max_pixels })
            }
            Ok(opened) => Ok(Self::new(input, bytes, opened, options)),
            Err(Refusal::Unknown) => Err(SourceError::UnknownFormat { input, formats: format::titles() }),
            Err(Refusal::Page { pages }) => Err(SourceError::NoSuchPage { input, page: options.page, pages }),
            Err(Refusal::Unsupported(variety)) => Err(SourceError::Unsupported { input, variety, hint: CONVERT }),
            Err(Refusal::Convert(variety, hint)) => Err(SourceError::Unsupported { input, variety, hint }),
            #[cfg(not(all(feature = "jp2", feature = "webp")))]
            Err(Refusal::Disabled { what, feature }) => Err(SourceError::FeatureDisabled { input, what, feature }),
            Err(Refusal::Size(cause)) => Err(SourceError::Size { input, cause }),
            Err(Refusal::Decode(cause)) => Err(SourceError::Decode { input, cause }),
        }
    }

    fn new(input: String, bytes: Input, (format, opened): (&Format, Opened), options: ReadOptions) -> Self {
        let Opened { size, samples, bits, container, metadata, decoder_bytes, blocks, rows } = opened;
        let FileMetadata { profile, orientation, mut warnings } = metadata;
        let (converter, summary) = Converter::new(samples, profile.as_deref(), options.profiles, options.background);
        warnings.extend(summary.warning);
        let row_format = converter.format();
        let rows = Rows::new(rows, samples, converter, size, orientation);
        let kind = SourceKind::new(format.name, samples.color, summary.profile.is_some());
        let alpha = if samples.alpha == samples::Alpha::None { "" } else { " with alpha" };
        let properties = SourceProperties {
            colors: format!("{}{alpha}", samples.color),
            bits,
            profile: summary.profile,
            orientation,
            conversion: summary.conversion,
            warnings,
        };
        let header = Header {
            size: orientation.displayed_size(size),
            format: row_format,
            description: container,
            kind,
            properties,
            decoder_bytes: decoder_bytes + rows.buffer_bytes() + bytes.cache_bytes(),
            blocks: blocks.filter(|_| rows.is_direct()).map(Arc::new),
            kept_profile: profile.filter(|_| summary.is_kept).map(Arc::from),
        };
        Self { input, bytes, header, rows }
    }

    /// Returns the header.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Keeps the blocks of a JPEG while its rows are read, in `strips` strips of `strip_rows` rows of pixels, a whole
    /// number of MCUs. Call it before the first row; it has no effect unless the header has [a block
    /// layout](Header::blocks). Rows are delivered at full or half size. Call [`take_blocks`](Self::take_blocks) while
    /// reading: reading fails if all strips are waiting to be taken.
    pub fn keep_blocks(&mut self, strip_rows: u32, strips: usize, scale: RowScale) {
        if let (Some(layout), Some(blocks)) = (&self.header.blocks, self.rows.reader().blocks()) {
            blocks.keep(layout, strip_rows, strips, scale);
        }
    }

    /// Waits until there is memory for the blocks of the next rows, if blocks are kept.
    pub fn reserve_blocks(&mut self) {
        if let Some(blocks) = self.rows.reader().blocks() {
            blocks.reserve(true);
        }
    }

    /// Returns `true` if there is memory for the blocks of the next 16 rows that are delivered, or blocks are not kept. Does not wait.
    pub fn try_reserve_blocks(&mut self) -> bool {
        self.rows.reader().blocks().is_none_or(|blocks| blocks.reserve(false))
    }

    /// Returns the next strip whose blocks are complete. The last one is complete after [`finish`](Self::finish).
    pub fn take_blocks(&mut self) -> Option<BlockStrip> {
        self.rows.reader().blocks()?.take()
    }

    /// Fills `rows`, a whole number of rows in the header's format, with the next rows of the image.
    ///
    /// # Errors
    /// If the file is damaged or truncated.
    pub fn read_rows(&mut self, rows: &mut [u8]) -> Result<(), SourceError> {
        self.bytes.begin_pixels();
        let read = self.rows.read(rows);
        self.unless_failed(read)
    }

    /// Checks the end of the file after the last row. Returns the warnings that only reading could find, in addition to
    /// those of the [header](Header::warnings).
    ///
    /// # Errors
    /// If the rest of the file proves that the pixels are wrong.
    pub fn finish(&mut self) -> Result<Vec<Warning>, SourceError> {
        let finished = self.rows.finish();
        self.unless_failed(finished)
    }

    /// Prefers a fetch failure over the decoder's result, because some decoders ignore missing bytes or report damage.
    fn unless_failed<T>(&self, result: Result<T, DecodeError>) -> Result<T, SourceError> {
        match (self.bytes.failure(), result) {
            (Some(cause), _) => Err(SourceError::Remote { input: self.input.clone(), cause }),
            (None, result) => result.map_err(|cause| self.failed(cause)),
        }
    }

    /// Creates the error for a failure to decode this image.
    pub(crate) fn failed(&self, cause: DecodeError) -> SourceError {
        SourceError::Decode { input: self.input.clone(), cause }
    }
}

fn open_input(resolved: &ResolvedSource, threads: NonZeroUsize) -> Result<Input, SourceError> {
    let path = match resolved {
        ResolvedSource::File(path) => path,
        ResolvedSource::Remote { object, .. } => return Ok(Input::from_remote(Arc::clone(object), threads)),
    };
    let input = path.display().to_string();
    if std::fs::metadata(path).is_ok_and(|metadata| !metadata.is_file()) {
        return Err(SourceError::NotAFile { input });
    }
    File::open(path).and_then(Input::from_file).map_err(|cause| SourceError::Open { input, cause })
}

/// Opens a file with the decoder of the format that its first bytes announce.
fn open_decoder(magic: &[u8], file: Input, options: ReadOptions) -> Result<(&'static Format, Opened), Refusal> {
    if let Some(foreign) = foreign::recognize(magic) {
        return Err(Refusal::unsupported(foreign.name, foreign.hint));
    }
    let format = Format::recognize(magic).ok_or(Refusal::Unknown)?;
    Ok((format, format.open(file, options)?))
}

/// Allocates memory whose size depends on the file. Fails instead of aborting if there is not enough.
fn zeroed(bytes: usize) -> Result<Vec<u8>, DecodeError> {
    let mut memory = Vec::new();
    resize(&mut memory, 1, bytes)?;
    Ok(memory)
}

/// Resizes `memory` to a number of rows.
fn resize(memory: &mut Vec<u8>, rows: usize, row_bytes: usize) -> Result<(), DecodeError> {
    let bytes = rows.checked_mul(row_bytes).ok_or("its rows do not fit into memory")?;
    memory.try_reserve_exact(bytes.saturating_sub(memory.len()))?;
    memory.resize(bytes, 0);
    Ok(())
}

#[cfg(all(test, not(all(feature = "jp2", feature = "webp"))))]
mod tests {
    use super::*;
    use std::io::Write;

    /// Opens a file that starts with `magic`, and returns the feature that it requires.
    fn required_feature(magic: &[u8]) -> Option<&'static str> {
        let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
        file.write_all(magic).expect("written");
        match Source::open(file.path(), ReadOptions::default()) {
            Err(SourceError::FeatureDisabled { feature, .. }) => Some(feature),
            _ => None,
        }
    }

    #[test]
    fn disabled_formats_name_their_feature() {
        for magic in [&b"\0\0\0\x0cjP  \r\n\x87\n"[..], b"\xff\x4f\xff\x51"] {
            assert_eq!(required_feature(magic), (!cfg!(feature = "jp2")).then_some("jp2"));
        }
        let webp = required_feature(b"RIFF\x24\0\0\0WEBPVP8 ");
        assert_eq!(webp, (!cfg!(feature = "webp")).then_some("webp"));
    }
}
