//! Image sources: local and remote files in any supported format. The format is detected from the content, and rows are
//! read from top to bottom.
//!
//! ```text
//! decoder: rows of samples as stored -> colors -> sRGB, gray or unchanged, 8 bits -> upright
//! ```
//! Reading rows in order keeps memory usage low. A quarter turn requires memory for the whole image, and so do codecs
//! that can only decode an entire image at once. [`Header`] reports how much memory is needed up front.

mod brands;
mod color;
mod error;
mod foreign;
mod format;
mod gif_screen;
#[cfg(any(feature = "avif", feature = "heic", feature = "jxl"))]
mod hdr;
mod header;
#[cfg(any(feature = "avif", feature = "heic"))]
mod heif;
mod icc;
mod icc_error;
mod icc_lut;
mod inks;
mod input;
#[cfg(feature = "jp2")]
mod jp2;
mod jpeg;
mod jpeg_lossless;
mod jpeg_segments;
#[cfg(feature = "jxl")]
mod jxl;
mod kind;
mod lab;
mod lzw;
mod metadata;
mod options;
mod orientation;
mod other;
mod packbits;
mod page_list;
mod pages;
#[cfg(feature = "pdf")]
mod pdf;
mod png;
mod png_chunks;
#[cfg(feature = "psd")]
mod psd;
mod range_cache;
mod reader;
mod remote;
mod rows;
mod samples;
mod tiff;
mod warning;
#[cfg(feature = "webp")]
mod webp;

pub use error::{DecodeError, RemoteError, RemoteErrorKind, SourceError};
pub use header::{Header, SourceProperties};
pub(crate) use kind::SourceKind;
pub use options::{
    Background, BackgroundError, Bounds, Dpi, DpiError, FloatRange, FloatRangeError, Profiles, ReadOptions,
};
pub use orientation::Orientation;
pub(crate) use pages::PagedFile;
#[cfg(any(feature = "s3", feature = "web"))]
pub(crate) use remote::Fetch;
pub(crate) use remote::{Remote, ResolvedSource};
pub use warning::{Warning, WarningCode};

pub(crate) use format::{
    all_revisions, default_extensions, extensions, may_be_rendered, may_have_pages, optional_formats, revision,
};

use crate::pixel::{BlockStrip, RowScale};
use color::Converter;
use error::Refusal;
use format::Format;
use input::Input;
use metadata::FileMetadata;
use reader::{BlockReader, Opened, RowReader};
use rows::Rows;
use std::fs::File;
use std::io::Read;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;

/// Maximum amount of memory needed to open a source, in bytes, not counting the decoder's own buffers. Metadata limits
/// for every format are chosen to fit, both compressed and decompressed: 8 MiB for ICC profiles, 4 MiB for EXIF and
/// text, and a few MiB for boxes and directories.
pub(crate) const OPEN_BYTES: u64 = 32 << 20;

/// Number of bytes at the start of a file to use for detecting its format. Most signatures are only a few bytes, but
/// markup may take longer to identify.
const MAGIC_BYTES: usize = 512;

/// Hint for an unsupported variant of an otherwise supported format.
const CONVERT: &str = "convert it to a TIFF, PNG or JPEG of gray or RGB first, for example: `magick 'IN[0]' OUT.png`";

/// An open image. Provides the header and the rows from top to bottom.
#[doc(hidden)]
pub struct Source {
    input: String,
    bytes: Input,
    header: Header,
    rows: Rows,
}

impl Source {
    /// Opens a local file. The format is detected from the content, not the file name.
    ///
    /// # Errors
    /// Returns an error if the file doesn't exist or isn't a supported image. Damage after the header is reported by
    /// [`read_rows`](Self::read_rows).
    pub fn open(path: &Path, options: ReadOptions) -> Result<Self, SourceError> {
        Self::open_at(&ResolvedSource::File(path.to_owned()), options)
    }

    /// Opens a local or remote file. Remote reads block, so never call this from the runtime that performs them.
    ///
    /// # Errors
    /// Fails in the same cases as [`open`](Self::open).
    pub(crate) fn open_at(resolved: &ResolvedSource, options: ReadOptions) -> Result<Self, SourceError> {
        let (name, input) = (resolved.to_string(), open_input(resolved, options.threads)?);
        let opened = match recognize(&name, &input) {
            Ok(format) => format.open(input.clone(), options).map(|opened| (format, opened)),
            Err(error) => {
                return Err(input.failure().map_or(error, |cause| SourceError::Remote { input: name, cause }));
            }
        };
        Self::from_opened(&name, &input, opened, options)
    }

    /// Creates a source from what a decoder returned.
    fn from_opened(
        name: &str,
        bytes: &Input,
        opened: Result<(&Format, Opened), Refusal>,
        options: ReadOptions,
    ) -> Result<Self, SourceError> {
        let input = name.to_owned();
        // If a read fails, the decoder may report anything: corrupt data, a missing end, or even success with made-up
        // pixels. Use the first failure recorded by the input as the actual error.
        if let Some(cause) = bytes.failure() {
            return Err(SourceError::Remote { input, cause });
        }
        match opened {
            Ok((_, opened)) if opened.size.pixels() > options.max_pixels => {
                Err(SourceError::TooLarge { input, pixels: opened.size.pixels(), max_pixels: options.max_pixels })
            }
            Ok(opened) => Ok(Self::new(input, bytes.clone(), opened, options)),
            Err(refusal) => Err(SourceError::refused(name, refusal, options)),
        }
    }

    fn new(input: String, bytes: Input, (format, opened): (&Format, Opened), options: ReadOptions) -> Self {
        let Opened { size, samples, bits, container, metadata, decoder_bytes, blocks, rows } = opened;
        let FileMetadata { profile, orientation, scale, rendered_dpi, codec, mut warnings } = metadata;
        let (converter, summary) = Converter::new(samples, profile.as_deref(), options.profiles, options.background);
        warnings.extend(summary.warning);
        let row_format = converter.format();
        let block_bytes = blocks.as_ref().map_or(0, |blocks| rows.block_bytes(blocks));
        let has_clean_edges = rows.has_clean_edges();
        let rows = Rows::new(rows, samples, converter, size, orientation);
        let kind = SourceKind::new(format.name, samples.color, summary.profile.is_some());
        let kind = SourceKind { codec, rendered_dpi, ..kind };
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
            scale,
            blocks: blocks.filter(|_| rows.is_direct()).map(Arc::new),
            has_clean_edges,
            block_bytes,
            kept_profile: profile.filter(|_| summary.is_kept).map(Arc::from),
        };
        Self { input, bytes, header, rows }
    }

    /// Returns the header.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Keeps DCT blocks while rows are being read, using `strips` strips of `strip_rows` pixel rows each. `strip_rows`
    /// must be a multiple of the MCU height. Call this before reading the first row. It does nothing unless the header
    /// has [a block layout](Header::blocks). Rows are returned at full or half size, depending on `scale`. Keep calling
    /// [`take_blocks`](Self::take_blocks) while reading, because reading fails if every strip is waiting to be taken.
    pub fn keep_blocks(&mut self, strip_rows: u32, strips: usize, scale: RowScale) {
        if let (Some(layout), Some(blocks)) = (&self.header.blocks, self.rows.reader().blocks()) {
            blocks.keep(layout, strip_rows, strips, scale);
        }
    }

    /// Waits until there's enough memory for the next rows' blocks. Returns immediately if blocks aren't being kept.
    pub fn reserve_blocks(&mut self) {
        if let Some(blocks) = self.rows.reader().blocks() {
            blocks.reserve(true);
        }
    }

    /// Returns `true` if there's enough memory for the blocks in the next 16 output rows, or if blocks aren't being
    /// kept. Never waits.
    pub fn try_reserve_blocks(&mut self) -> bool {
        self.rows.reader().blocks().is_none_or(|blocks| blocks.reserve(false))
    }

    /// Returns the next strip of complete blocks. The last strip is only complete after calling
    /// [`finish`](Self::finish).
    pub fn take_blocks(&mut self) -> Option<BlockStrip> {
        self.rows.reader().blocks()?.take()
    }

    /// Fills `rows` with the image's next rows, in the header's pixel format. `rows` must hold a whole number of rows.
    ///
    /// # Errors
    /// Returns an error if the file is corrupt or truncated.
    pub fn read_rows(&mut self, rows: &mut [u8]) -> Result<(), SourceError> {
        self.bytes.begin_pixels();
        let read = self.rows.read(rows);
        self.unless_failed(read)
    }

    /// Checks the end of the file once all rows have been read. Returns warnings that were only found while reading,
    /// not the ones already in the [header](Header::warnings).
    ///
    /// # Errors
    /// Returns an error if the rest of the file shows that the pixels are wrong.
    pub fn finish(&mut self) -> Result<Vec<Warning>, SourceError> {
        let finished = self.rows.finish();
        self.unless_failed(finished)
    }

    /// Returns the fetch failure if there is one, and the decoder's result if not. Some decoders ignore missing bytes
    /// or report them as damage.
    fn unless_failed<T>(&self, result: Result<T, DecodeError>) -> Result<T, SourceError> {
        match (self.bytes.failure(), result) {
            (Some(cause), _) => Err(SourceError::Remote { input: self.input.clone(), cause }),
            (None, result) => result.map_err(|cause| self.failed(cause)),
        }
    }

    /// Wraps a decoder error for this image.
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

/// Detects the format from the first bytes.
fn recognize(name: &str, bytes: &Input) -> Result<&'static Format, SourceError> {
    let (input, mut magic) = (name.to_owned(), Vec::with_capacity(MAGIC_BYTES));
    let sniff = bytes.clone().take(MAGIC_BYTES as u64).read_to_end(&mut magic);
    sniff.map_err(|cause| SourceError::Open { input: input.clone(), cause })?;
    if magic.is_empty() {
        return Err(SourceError::Empty { input });
    }
    if let Some(foreign) = foreign::recognize(&magic) {
        return Err(SourceError::Unsupported { input, variety: foreign.name.into(), hint: foreign.hint });
    }
    Format::recognize(&magic).ok_or_else(|| SourceError::UnknownFormat { input, formats: format::titles() })
}

/// Allocates zeroed memory. The size comes from the file, so this returns an error instead of aborting if there isn't
/// enough.
fn zeroed(bytes: usize) -> Result<Vec<u8>, DecodeError> {
    let mut memory = Vec::new();
    resize(&mut memory, 1, bytes)?;
    Ok(memory)
}

/// Resizes `memory` to hold `rows` rows.
fn resize(memory: &mut Vec<u8>, rows: usize, row_bytes: usize) -> Result<(), DecodeError> {
    let bytes = rows.checked_mul(row_bytes).ok_or("its rows do not fit into memory")?;
    memory.try_reserve_exact(bytes.saturating_sub(memory.len()))?;
    memory.resize(bytes, 0);
    Ok(())
}

#[cfg(all(test, not(feature = "cli")))]
mod tests {
    use super::*;
    use std::io::Write;

    /// Opens a file starting with `magic` and returns the Cargo feature it requires.
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
        assert_eq!(required_feature(b"%PDF-1.7\n"), (!cfg!(feature = "pdf")).then_some("pdf"));
        for magic in [&b"\0\0\0\x0cjP  \r\n\x87\n"[..], b"\xff\x4f\xff\x51"] {
            assert_eq!(required_feature(magic), (!cfg!(feature = "jp2")).then_some("jp2"));
        }
        let webp = required_feature(b"RIFF\x24\0\0\0WEBPVP8 ");
        assert_eq!(webp, (!cfg!(feature = "webp")).then_some("webp"));
        let avif = required_feature(b"\0\0\0\x10ftypavif\0\0\0\0");
        assert_eq!(avif, (!cfg!(feature = "avif")).then_some("avif"));
        assert_eq!(required_feature(b"\xff\x0a"), (!cfg!(feature = "jxl")).then_some("jxl"));
        assert_eq!(required_feature(b"8BPS\0\x01"), (!cfg!(feature = "psd")).then_some("psd"));
    }
}
