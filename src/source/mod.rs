//! Where pixels come from: files of any known format, opened by their content and read row by row from the top.
//!
//! ```text
//! decoder: rows of samples as the file means them -> colours -> sRGB or grey, 8 bits -> the right way up
//! ```
//! Row order is the promise that makes the rest cheap. A quarter turn, or a codec that only gives whole images, breaks it;
//! [`Header`] says beforehand how much memory that costs.

mod colour;
mod icc;
mod jpeg;
mod jpeg_segments;
mod lab;
mod orientation;
mod other;
mod png;
mod rows;
mod samples;
mod tiff;

pub use orientation::Orientation;

use crate::iiif::{GeometryError, Size};
use crate::pixel::PixelFormat;
use colour::Converter;
use rows::Rows;
use samples::Samples;
use std::fmt;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek};
use std::path::Path;
use std::str::FromStr;

/// The longest magic number that is looked at.
const MAGIC_BYTES: usize = 64;

/// JP2 files and raw codestreams.
const JPEG_2000: [&[u8]; 2] = [b"\0\0\0\x0cjP  \r\n\x87\n", b"\xff\x4f\xff\x51"];

/// What is known of an image before its first pixel is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Width and height in pixels, as the image is shown.
    pub size: Size,
    /// What its rows are converted to.
    pub format: PixelFormat,
    /// What the file is, for people: `JPEG`, `TIFF, 16 bit`, …
    pub description: String,
    /// What was found and what is done about it.
    pub found: Found,
    /// The memory that decoding takes beyond a few rows, in bytes: 0 for most files, the whole image for a few.
    pub decoder_bytes: u64,
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
}

impl fmt::Display for Found {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}, {} bit", self.colours, self.bits)?;
        if let Some(profile) = &self.profile {
            write!(formatter, ", profile `{profile}`")?;
        }
        write!(formatter, ", {}", self.conversion)?;
        self.orientation.in_words().map_or(Ok(()), |turned| write!(formatter, ", {turned}"))
    }
}

/// The colour behind what is transparent.
///
/// ```
/// use iiif_publish::source::Background;
/// assert_eq!("#ff8000".parse::<Background>()?, Background::new(255, 128, 0));
/// assert!("orange".parse::<Background>().is_err());
/// # Ok::<(), iiif_publish::source::BackgroundError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Background([u8; 3]);

/// A text that is no colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a colour like #ffffff, `white` or `black`")]
pub struct BackgroundError;

impl Background {
    /// What paper is.
    pub const WHITE: Self = Self([255; 3]);

    /// A colour of sRGB.
    #[must_use]
    pub fn new(red: u8, green: u8, blue: u8) -> Self {
        Self([red, green, blue])
    }

    /// Its channels in a format; of grey, its lightness (the weights of BT.601, as JPEG has them).
    fn of(self, format: PixelFormat) -> [u8; 3] {
        let [red, green, blue] = self.0.map(u32::from);
        match format {
            PixelFormat::Rgb8 => self.0,
            PixelFormat::Grey8 => {
                let grey = (299 * red + 587 * green + 114 * blue + 500) / 1000;
                [u8::try_from(grey).expect("the weights sum up to 1"); 3]
            }
        }
    }
}

impl FromStr for Background {
    type Err = BackgroundError;

    fn from_str(text: &str) -> Result<Self, BackgroundError> {
        match text {
            "white" => return Ok(Self::WHITE),
            "black" => return Ok(Self([0; 3])),
            _ => {}
        }
        let digits = text.strip_prefix('#').filter(|digits| digits.len() == 6).ok_or(BackgroundError)?;
        let channel = |at: usize| digits.get(at..at + 2).and_then(|pair| u8::from_str_radix(pair, 16).ok());
        match [channel(0), channel(2), channel(4)] {
            [Some(red), Some(green), Some(blue)] if digits.bytes().all(|digit| digit.is_ascii_hexdigit()) => {
                Ok(Self([red, green, blue]))
            }
            _ => Err(BackgroundError),
        }
    }
}

impl fmt::Display for Background {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [red, green, blue] = self.0;
        write!(formatter, "#{red:02x}{green:02x}{blue:02x}")
    }
}

/// How files are read. [`ReadOptions::default`] suits most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadOptions {
    /// The colour behind what is transparent.
    pub background: Background,
}

impl Default for ReadOptions {
    fn default() -> Self {
        Self { background: Background::WHITE }
    }
}

/// Why an image cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// The file is not there, or may not be read.
    #[error("could not open `{input}`")]
    Open {
        /// The file.
        input: String,
        /// What the system says.
        #[source]
        cause: io::Error,
    },
    /// The file has no content.
    #[error("`{input}` is empty")]
    Empty {
        /// The file.
        input: String,
    },
    /// The content is no image of a known format, whatever the name says.
    #[error("`{input}` is not an image in a known format (JPEG, PNG, TIFF, WebP, GIF, BMP, PNM)")]
    UnknownFormat {
        /// The file.
        input: String,
    },
    /// Not a file that can be read from its beginning as often as needed: a folder, a pipe, a device.
    #[error("`{input}` is not a file")]
    NotAFile {
        /// What was named.
        input: String,
    },
    /// The format is known, but not this variety of it.
    #[error("`{input}` is {variety}, which cannot be read yet")]
    Unsupported {
        /// The file.
        input: String,
        /// What it is.
        variety: String,
    },
    /// The image is empty, or too large to be tiled.
    #[error("`{input}` cannot be tiled")]
    Size {
        /// The file.
        input: String,
        /// Why.
        #[source]
        cause: GeometryError,
    },
    /// The file ends too early, or its content contradicts itself.
    #[error("could not decode `{input}`")]
    Decode {
        /// The file.
        input: String,
        /// What the decoder says.
        #[source]
        cause: DecodeError,
    },
}

/// What a decoder says of a file that it cannot read.
pub type DecodeError = Box<dyn std::error::Error + Send + Sync>;

/// One decoder, reading rows of samples.
trait RowReader: Send {
    /// Fills `rows`, a whole number of them, with the next ones.
    fn read_rows(&mut self, rows: &mut [u8]) -> Result<(), DecodeError>;

    /// Gives the rows from the last to the first from now on, where that costs nothing; says whether it does.
    fn turn_over(&mut self) -> bool {
        false
    }

    /// After the last row: checks what the format can check only then.
    fn finish(&mut self) -> Result<(), DecodeError> {
        Ok(())
    }
}

/// Why a decoder refuses a file at its header.
enum Refusal {
    Unsupported(String),
    Size(GeometryError),
    Decode(DecodeError),
}

impl From<GeometryError> for Refusal {
    fn from(error: GeometryError) -> Self {
        Self::Size(error)
    }
}

impl From<::tiff::TiffError> for Refusal {
    fn from(error: ::tiff::TiffError) -> Self {
        match error {
            ::tiff::TiffError::UnsupportedError(what) => Self::Unsupported(format!("a TIFF ({what})")),
            error => Self::Decode(error.into()),
        }
    }
}

impl From<image::ImageError> for Refusal {
    fn from(error: image::ImageError) -> Self {
        match error {
            image::ImageError::Unsupported(what) => Self::Unsupported(format!("of another kind ({what})")),
            error => Self::Decode(error.into()),
        }
    }
}

/// The errors that only ever mean that a file cannot be decoded.
trait IsDecodeError {}
impl IsDecodeError for crate::libjpeg::LibjpegError {}
impl IsDecodeError for ::png::DecodingError {}
impl IsDecodeError for io::Error {}
impl IsDecodeError for DecodeError {}

impl<E: Into<DecodeError> + IsDecodeError> From<E> for Refusal {
    fn from(error: E) -> Self {
        Self::Decode(error.into())
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
    profile: Option<Vec<u8>>,
    orientation: Orientation,
    /// The memory that decoding takes beyond a few rows.
    decoder_bytes: u64,
    rows: Box<dyn RowReader>,
}

/// An open image: its header, and its rows from the top.
pub struct Source {
    input: String,
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
        let input = path.display().to_string();
        let open = || -> io::Result<(File, Vec<u8>)> {
            let mut file = File::open(path)?;
            let mut magic = Vec::with_capacity(MAGIC_BYTES);
            Read::by_ref(&mut file).take(MAGIC_BYTES as u64).read_to_end(&mut magic)?;
            file.rewind()?;
            Ok((file, magic))
        };
        if std::fs::metadata(path).is_ok_and(|metadata| !metadata.is_file()) {
            return Err(SourceError::NotAFile { input });
        }
        let (file, magic) = open().map_err(|cause| SourceError::Open { input: input.clone(), cause })?;
        if magic.is_empty() {
            return Err(SourceError::Empty { input });
        }
        if JPEG_2000.iter().any(|magic_number| magic.starts_with(magic_number)) {
            return Err(SourceError::Unsupported { input, variety: "a JPEG 2000 image".to_owned() });
        }
        let Some(format) = sniffed(&magic) else {
            return Err(SourceError::UnknownFormat { input });
        };
        let opened = match format {
            image::ImageFormat::Jpeg => jpeg::open(file),
            image::ImageFormat::Png => png::open(BufReader::new(file)),
            image::ImageFormat::Tiff => tiff::open(file),
            other => other::open(file, other),
        };
        match opened {
            Ok(opened) => Ok(Self::new(input, opened, options)),
            Err(Refusal::Unsupported(variety)) => Err(SourceError::Unsupported { input, variety }),
            Err(Refusal::Size(cause)) => Err(SourceError::Size { input, cause }),
            Err(Refusal::Decode(cause)) => Err(SourceError::Decode { input, cause }),
        }
    }

    fn new(input: String, opened: Opened, options: ReadOptions) -> Self {
        let Opened { size, samples, bits, container, profile, orientation, decoder_bytes, rows } = opened;
        let (converter, told) = Converter::new(samples, profile.as_deref(), false, options.background);
        let format = converter.format();
        let rows = Rows::new(rows, samples, converter, size, orientation);
        let alpha = if samples.alpha == samples::Alpha::None { "" } else { " with alpha" };
        let found = Found {
            colours: format!("{}{alpha}", samples.colour),
            bits,
            profile: told.profile,
            orientation,
            conversion: told.conversion,
        };
        let header = Header {
            size: orientation.shown(size),
            format,
            description: container,
            found,
            decoder_bytes: decoder_bytes + rows.buffer_bytes(),
        };
        Self { input, header, rows }
    }

    /// What is known before the first pixel.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Fills `rows`, a whole number of them in the header's format, with the next rows of the image.
    ///
    /// # Errors
    /// Where the file is damaged or ends too early.
    pub fn read_rows(&mut self, rows: &mut [u8]) -> Result<(), SourceError> {
        self.rows.read(rows).map_err(|cause| self.failed(cause))
    }

    /// Checks, after the last row, that the file ends as it should.
    ///
    /// # Errors
    /// Where it does not.
    pub fn finish(&mut self) -> Result<(), SourceError> {
        self.rows.finish().map_err(|cause| self.failed(cause))
    }

    /// A failure to decode this image.
    pub(crate) fn failed(&self, cause: DecodeError) -> SourceError {
        SourceError::Decode { input: self.input.clone(), cause }
    }
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
    // BigTIFF, which `image` does not know.
    if magic.starts_with(b"II+\0") || magic.starts_with(b"MM\0+") {
        return Some(image::ImageFormat::Tiff);
    }
    image::guess_format(magic).ok()
}
