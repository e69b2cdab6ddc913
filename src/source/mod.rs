//! Where pixels come from: files of any known format, opened by their content and read row by row from the top.
//!
//! Row order is the promise that makes the rest cheap. A codec that only gives whole images breaks it; [`Header`] says
//! beforehand how much memory that costs.

mod colour;
mod jpeg;
mod other;
mod png;
mod tiff;

use crate::iiif::{GeometryError, Size};
use crate::pixel::PixelFormat;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek};
use std::path::Path;

/// The longest magic number that is looked at.
const MAGIC_BYTES: usize = 64;

/// JP2 files and raw codestreams.
const JPEG_2000: [&[u8]; 2] = [b"\0\0\0\x0cjP  \r\n\x87\n", b"\xff\x4f\xff\x51"];

/// What is known of an image before its first pixel is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Width and height in pixels.
    pub size: Size,
    /// What its rows are converted to.
    pub format: PixelFormat,
    /// What the file is, for people: `JPEG`, `TIFF, 16 bit`, …
    pub description: String,
    /// The memory that decoding takes beyond a few rows, in bytes: 0 for most files, the whole image for a few.
    pub decoder_bytes: u64,
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

/// One decoder, reading rows in the header's format.
trait RowReader: Send {
    /// Fills `rows`, a whole number of them, with the next ones.
    fn read_rows(&mut self, rows: &mut [u8]) -> Result<(), DecodeError>;

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

type Opened = Result<(Header, Box<dyn RowReader>), Refusal>;

/// An open image: its header, and its rows from the top.
pub struct Source {
    input: String,
    header: Header,
    rows: Box<dyn RowReader>,
}

impl Source {
    /// Opens a file by its content, whatever its name.
    ///
    /// # Errors
    /// Where there is no such file, or it is not an image that can be read. Damage further on shows in
    /// [`read_rows`](Self::read_rows).
    pub fn open(path: &Path) -> Result<Self, SourceError> {
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
            Ok((header, rows)) => Ok(Self { input, header, rows }),
            Err(Refusal::Unsupported(variety)) => Err(SourceError::Unsupported { input, variety }),
            Err(Refusal::Size(cause)) => Err(SourceError::Size { input, cause }),
            Err(Refusal::Decode(cause)) => Err(SourceError::Decode { input, cause }),
        }
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
        self.rows.read_rows(rows).map_err(|cause| self.failed(cause))
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
