//! Where pixels come from: files of any known format, here or elsewhere, opened by their content and read row by row from
//! the top.
//!
//! ```text
//! decoder: rows of samples as the file means them -> colours -> sRGB, grey or what they were, 8 bits -> the right way up
//! ```
//! Row order is the promise that makes the rest cheap. A quarter turn, or a codec that only gives whole images, breaks it;
//! [`Header`] says beforehand how much memory that costs.

mod blocks;
mod colour;
mod error;
mod foreign;
mod gif_screen;
mod icc;
mod icc_lut;
mod inks;
mod input;
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
mod rows;
mod samples;
mod tiff;
mod warning;
mod webp_chunks;

pub use error::{DecodeError, RemoteError, RemoteErrorKind, SourceError};
pub use input::{Fetch, Place, Remote};
pub use kind::SourceKind;
pub use options::{Background, BackgroundError, Bounds, FloatRange, FloatRangeError, Profiles, ReadOptions};
pub use orientation::Orientation;
pub use warning::{Warning, WarningCode};

use crate::iiif::Size;
use crate::pixel::{BlockLayout, BlockStrip, PixelFormat, RowScale};
use colour::Converter;
use error::Refusal;
use input::Input;
use metadata::FileMetadata;
use rows::Rows;
use samples::Samples;
use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

/// Memory that opening a source takes at most, in bytes, beyond the buffers of its decoder: metadata of every format is limited so
/// that it fits, as it is in the file and decompressed (ICC profiles of 8 MiB, EXIF and texts of 4 MiB, boxes and directories of some
/// MiB).
pub const OPEN_BYTES: u64 = 32 << 20;

/// First bytes of a file that are looked at: signatures of a few bytes, and markup that says later what it is.
const MAGIC_BYTES: usize = 512;

/// The hint for a variety of a format that is otherwise read.
const CONVERT: &str = "convert it to a TIFF, PNG or JPEG of gray or RGB first, for example: `magick 'IN[0]' OUT.png`";

/// What is known of an image before its first pixel is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Width and height in pixels, as the image is shown.
    pub size: Size,
    /// What its rows are converted to.
    pub format: PixelFormat,
    /// What the file is, for people: `JPEG`, `TIFF, 16 bit`, …
    pub description: String,
    /// The decoder and the color path.
    pub kind: SourceKind,
    /// What was found and what is done about it.
    pub found: Found,
    /// The memory that decoding takes beyond a few rows, in bytes: 0 for most files, the whole image for a few; with the blocks
    /// that are held of what is elsewhere.
    pub decoder_bytes: u64,
    /// How its blocks lie, where it is a JPEG of which tiles can be made without decoding it.
    pub blocks: Option<Arc<BlockLayout>>,
    /// The ICC profile that every picture must carry, because the colours are what it says; otherwise they are sRGB.
    pub kept_profile: Option<Arc<[u8]>>,
}

/// What was found in a file, and what is done to its pixels.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// The colours, with their alpha: `RGB`, `CMYK`, `grey with alpha`.
    pub colours: String,
    /// Bits of a sample, as the file has them.
    pub bits: u16,
    /// The name of the ICC profile that is used.
    pub profile: Option<String>,
    /// How the rows lie.
    pub orientation: Orientation,
    /// What becomes of the colours: `converted to sRGB`.
    pub conversion: String,
    /// What the header of the file has that cannot be honored.
    pub warnings: Vec<Warning>,
}

impl fmt::Display for Found {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}, {} bit", self.colours, self.bits)?;
        // What becomes of it may name it already.
        let profile = self.profile.as_ref().map(|profile| format!("`{profile}`"));
        if let Some(profile) = profile.filter(|profile| !self.conversion.ends_with(profile)) {
            write!(formatter, ", profile {profile}")?;
        }
        write!(formatter, ", {}", self.conversion)?;
        self.orientation.in_words().map_or(Ok(()), |turned| write!(formatter, ", {turned}"))?;
        self.warnings.iter().try_for_each(|warning| write!(formatter, ", warning: {warning}"))
    }
}

impl Header {
    /// Returns what the header of the file has that cannot be honored. [`Source::finish`] returns what shows later.
    #[must_use]
    pub fn warnings(&self) -> &[Warning] {
        &self.found.warnings
    }
}

/// One decoder, reading rows of samples.
trait RowReader: Send {
    /// Fills `rows`, a whole number of them, with the next ones.
    fn read_rows(&mut self, rows: &mut [u8]) -> Result<(), DecodeError>;

    /// Gives the rows from the last to the first from now on, where that costs nothing; says whether it does.
    fn turn_over(&mut self) -> bool {
        false
    }

    /// Keeps the blocks of a JPEG too, while its rows are read: in so many strips of so many rows. Only where the layout of its
    /// blocks was [told](Opened::blocks).
    fn keep_blocks(&mut self, _layout: &Arc<BlockLayout>, _strip_rows: u32, _strips: usize, _scale: RowScale) {}

    /// The next strip whose blocks are all there.
    fn take_blocks(&mut self) -> Option<BlockStrip> {
        None
    }

    /// Checks, after the last row, what the format can check only then. Returns what showed while reading.
    fn finish(&mut self) -> Result<Vec<Warning>, DecodeError> {
        Ok(Vec::new())
    }
}

/// A file that a decoder can read.
struct Opened {
    /// As its rows lie.
    size: Size,
    samples: Samples,
    /// Bits of a sample in the file.
    bits: u16,
    /// `JPEG`, `TIFF, LZW`, …
    container: String,
    metadata: FileMetadata,
    /// The memory that decoding takes beyond a few rows.
    decoder_bytes: u64,
    /// How its blocks lie, where it is a JPEG whose blocks can be had.
    blocks: Option<BlockLayout>,
    rows: Box<dyn RowReader>,
}

/// An open image: its header, and its rows from the top.
pub struct Source {
    input: String,
    bytes: Input,
    header: Header,
    rows: Rows,
}

impl Source {
    /// Opens a file by its content, whatever its name.
    ///
    /// # Errors
    /// Where there is no such file, or it is not an image that can be read. Damage further on shows in
    /// [`read_rows`](Self::read_rows).
    pub fn open(path: &Path, options: ReadOptions) -> Result<Self, SourceError> {
        Self::open_at(&Place::File(path.to_owned()), options)
    }

    /// The same, here or elsewhere. What is elsewhere is waited for: not to be called by what runs on the runtime that
    /// fetches it.
    ///
    /// # Errors
    /// As for [`open`](Self::open).
    pub fn open_at(place: &Place, options: ReadOptions) -> Result<Self, SourceError> {
        let input = opened(place)?;
        let result = Self::decoded(&place.to_string(), &input, options);
        match input.failure() {
            Some(cause) => Err(SourceError::Remote { input: place.to_string(), cause }),
            None => result,
        }
    }

    fn decoded(name: &str, bytes: &Input, options: ReadOptions) -> Result<Self, SourceError> {
        let input = name.to_owned();
        let (mut magic, bytes) = (Vec::with_capacity(MAGIC_BYTES), bytes.clone());
        let sniff = bytes.clone().take(MAGIC_BYTES as u64).read_to_end(&mut magic);
        sniff.map_err(|cause| SourceError::Open { input: input.clone(), cause })?;
        if magic.is_empty() {
            return Err(SourceError::Empty { input });
        }
        let container = sniffed(&magic);
        let opened = Self::decoder(&magic, bytes.clone(), options);
        match opened {
            Ok(opened) if opened.size.pixels() > options.max_pixels => {
                Err(SourceError::TooLarge { input, pixels: opened.size.pixels(), max_pixels: options.max_pixels })
            }
            Ok(opened) => Ok(Self::new(input, bytes, (container, opened), options)),
            Err(Refusal::Unknown) => Err(SourceError::UnknownFormat { input }),
            Err(Refusal::Page { pages }) => Err(SourceError::NoSuchPage { input, page: options.page, pages }),
            Err(Refusal::Unsupported(variety)) => Err(SourceError::Unsupported { input, variety, hint: CONVERT }),
            Err(Refusal::Convert(variety, hint)) => Err(SourceError::Unsupported { input, variety, hint }),
            Err(Refusal::Size(cause)) => Err(SourceError::Size { input, cause }),
            Err(Refusal::Decode(cause)) => Err(SourceError::Decode { input, cause }),
        }
    }

    /// Opens a file by its first bytes.
    fn decoder(magic: &[u8], file: Input, options: ReadOptions) -> Result<Opened, Refusal> {
        if let Some(foreign) = foreign::recognize(magic) {
            return Err(Refusal::unsupported(foreign.what, foreign.hint));
        }
        let is_jp2 = jp2::is_announced_by(magic);
        match sniffed(magic) {
            None if !is_jp2 => Err(Refusal::Unknown),
            Some(image::ImageFormat::Tiff) => tiff::open(file, options),
            _ if options.page != 1 => Err(Refusal::Page { pages: 1 }),
            None => jp2::open(file),
            Some(image::ImageFormat::Jpeg) => jpeg::open(file),
            Some(image::ImageFormat::Png) => png::open(&file),
            Some(other) => other::open(file, other),
        }
    }

    fn new(
        input: String,
        bytes: Input,
        (format, opened): (Option<image::ImageFormat>, Opened),
        options: ReadOptions,
    ) -> Self {
        let Opened { size, samples, bits, container, metadata, decoder_bytes, blocks, rows } = opened;
        let FileMetadata { profile, orientation, mut warnings } = metadata;
        let (converter, told) = Converter::new(samples, profile.as_deref(), options.profiles, options.background);
        warnings.extend(told.warning);
        let row_format = converter.format();
        let rows = Rows::new(rows, samples, converter, size, orientation);
        let kind = SourceKind::new(format, samples.colour, told.profile.is_some());
        let alpha = if samples.alpha == samples::Alpha::None { "" } else { " with alpha" };
        let found = Found {
            colours: format!("{}{alpha}", samples.colour),
            bits,
            profile: told.profile,
            orientation,
            conversion: told.conversion,
            warnings,
        };
        let header = Header {
            size: orientation.shown(size),
            format: row_format,
            description: container,
            kind,
            found,
            decoder_bytes: decoder_bytes + rows.buffer_bytes() + bytes.held_bytes(),
            blocks: blocks.filter(|_| rows.is_direct()).map(Arc::new),
            kept_profile: profile.filter(|_| told.is_kept).map(Arc::from),
        };
        Self { input, bytes, header, rows }
    }

    /// What is known before the first pixel.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Keeps the blocks of a JPEG too, while its rows are read: in so many strips of so many rows of pixels, a whole number of MCUs.
    /// Before the first row, and only where the header has [their layout](Header::blocks). Rows come at full size, or at half of
    /// it. [`take_blocks`](Self::take_blocks) must be called while they are read: where all strips wait for that, reading fails.
    pub fn keep_blocks(&mut self, strip_rows: u32, strips: usize, scale: RowScale) {
        if let Some(layout) = &self.header.blocks {
            self.rows.reader().keep_blocks(layout, strip_rows, strips, scale);
        }
    }

    /// The next strip whose blocks have all been read; the last one after [`finish`](Self::finish).
    pub fn take_blocks(&mut self) -> Option<BlockStrip> {
        self.rows.reader().take_blocks()
    }

    /// Fills `rows`, a whole number of them in the header's format, with the next rows of the image.
    ///
    /// # Errors
    /// Where the file is damaged or ends too early.
    pub fn read_rows(&mut self, rows: &mut [u8]) -> Result<(), SourceError> {
        self.bytes.begin_pixels();
        let read = self.rows.read(rows);
        self.unless_failed(read)
    }

    /// Checks, after the last row, that the file ends as it should. Returns the warnings that only reading could find, in
    /// addition to those of the [header](Header::warnings).
    ///
    /// # Errors
    /// If data follows that proves the pixels wrong.
    pub fn finish(&mut self) -> Result<Vec<Warning>, SourceError> {
        let finished = self.rows.finish();
        self.unless_failed(finished)
    }

    /// What a decoder says, unless bytes did not come: of those, some decoders say nothing, or that the file is damaged.
    fn unless_failed<T>(&self, result: Result<T, DecodeError>) -> Result<T, SourceError> {
        match (self.bytes.failure(), result) {
            (Some(cause), _) => Err(SourceError::Remote { input: self.input.clone(), cause }),
            (None, result) => result.map_err(|cause| self.failed(cause)),
        }
    }

    /// A failure to decode this image.
    pub(crate) fn failed(&self, cause: DecodeError) -> SourceError {
        SourceError::Decode { input: self.input.clone(), cause }
    }
}

fn opened(place: &Place) -> Result<Input, SourceError> {
    let path = match place {
        Place::File(path) => path,
        Place::Remote { object, .. } => return Ok(Input::of_remote(Arc::clone(object))),
    };
    let input = path.display().to_string();
    if std::fs::metadata(path).is_ok_and(|metadata| !metadata.is_file()) {
        return Err(SourceError::NotAFile { input });
    }
    File::open(path).and_then(Input::of_file).map_err(|cause| SourceError::Open { input, cause })
}

/// Memory whose size a file decides: an error where there is not so much, and never an abort.
fn zeroed(bytes: usize) -> Result<Vec<u8>, DecodeError> {
    let mut memory = Vec::new();
    resize(&mut memory, 1, bytes)?;
    Ok(memory)
}

/// Makes `memory` as large as some rows.
fn resize(memory: &mut Vec<u8>, rows: usize, row_bytes: usize) -> Result<(), DecodeError> {
    let bytes = rows.checked_mul(row_bytes).ok_or("its rows do not fit memory")?;
    memory.try_reserve_exact(bytes.saturating_sub(memory.len()))?;
    memory.resize(bytes, 0);
    Ok(())
}

/// The format that the first bytes announce.
fn sniffed(magic: &[u8]) -> Option<image::ImageFormat> {
    use image::ImageFormat::{Bmp, Gif, Jpeg, Png, Pnm, Tiff, WebP};
    // BigTIFF, which `image` does not know.
    if magic.starts_with(b"II+\0") || magic.starts_with(b"MM\0+") {
        return Some(Tiff);
    }
    // libjpeg skips what stands between this and the first segment.
    if magic.starts_with(b"\xff\xd8") {
        return Some(Jpeg);
    }
    image::guess_format(magic).ok().filter(|format| matches!(format, Bmp | Gif | Jpeg | Png | Pnm | Tiff | WebP))
}
