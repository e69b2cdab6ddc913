//! Strip and tile compression schemes, each with its own decoder.

use super::coded_rows::{CodedRows, RowCoding};
use super::decompressor::{BUFFER_BYTES, Decompressor, End, Jpeg, Shape};
use super::fax::FaxRows;
use super::input::Extent;
use super::jpeg::JpegRows;
use super::tags::{self, Tags};
#[cfg(feature = "webp")]
use super::webp::{self, WebpRows};
use crate::libjpeg::Components;
use crate::source::lzw::LzwReader;
use crate::source::packbits::PackBitsReader;
use crate::source::{DecodeError, Refusal};
use std::io::{self, BufReader, Read};
use std::sync::Arc;

/// Maximum size in bytes of the JPEG tables shared by all strips or tiles. Two quantization tables and four Huffman
/// tables take up about 600 bytes.
const MAX_TABLE_BYTES: u64 = 1 << 16;

/// Maximum Zstandard window size in bytes. The default settings never use this much.
const MAX_WINDOW_BYTES: u64 = 128 << 20;

/// Compression used for an image's strips or tiles.
#[derive(Clone)]
pub(super) enum Codec {
    None,
    Lzw,
    Deflate,
    PackBits,
    Zstandard,
    #[cfg(feature = "webp")]
    Webp,
    Jpeg(Jpeg),
    RunLength,
    Group3,
    Group3TwoDimensional,
    Group4,
}

impl Codec {
    /// Reads an image's compression scheme.
    pub(super) fn read(tags: Tags<'_>, components: Components) -> Result<Self, Refusal> {
        Ok(match tags.choice(tags::COMPRESSION, 1)? {
            1 => Self::None,
            2 => Self::RunLength,
            3 => Self::group_3(tags.number(tags::T4_OPTIONS)?.unwrap_or(0))?,
            4 => Self::group_4(tags.number(tags::T6_OPTIONS)?.unwrap_or(0))?,
            5 => Self::Lzw,
            7 => {
                let tables = tags.bytes(tags::JPEG_TABLES, MAX_TABLE_BYTES)?.map(Arc::from);
                Self::Jpeg(Jpeg { tables, components })
            }
            // The supported variants all keep their tables in the JPEG itself.
            6 => Self::Jpeg(Jpeg { tables: None, components }),
            8 | 32946 => Self::Deflate,
            32773 => Self::PackBits,
            50000 => Self::Zstandard,
            #[cfg(feature = "webp")]
            50001 => Self::Webp,
            #[cfg(not(feature = "webp"))]
            50001 => return Err(Refusal::Disabled { what: "TIFF files with WebP compression", feature: "webp" }),
            other => return Err(Refusal::Unsupported(format!("a TIFF with {}", name_of(other)))),
        })
    }

    fn group_3(options: u64) -> Result<Self, Refusal> {
        // In T4Options (TIFF 6.0, section 11), bit 0 is two-dimensional coding and bit 1 is uncompressed mode. Bit 2
        // adds fill bits before end-of-line codes, which makes no difference to a decoder.
        match options & 3 {
            0 => Ok(Self::Group3),
            1 => Ok(Self::Group3TwoDimensional),
            _ => Err(Refusal::Unsupported("a TIFF with the uncompressed mode of CCITT Group 3".to_owned())),
        }
    }

    fn group_4(options: u64) -> Result<Self, Refusal> {
        match options & 2 {
            0 => Ok(Self::Group4),
            _ => Err(Refusal::Unsupported("a TIFF with the uncompressed mode of CCITT Group 4".to_owned())),
        }
    }

    /// Returns a human-readable name for the compression, or `None` for uncompressed data.
    pub(super) fn name(&self) -> Option<&'static str> {
        match self {
            Self::None => None,
            Self::Lzw => Some("LZW"),
            Self::Deflate => Some("Deflate"),
            Self::PackBits => Some("PackBits"),
            Self::Zstandard => Some("Zstandard"),
            #[cfg(feature = "webp")]
            Self::Webp => Some("WebP"),
            Self::Jpeg(_) => Some("JPEG"),
            Self::RunLength => Some("CCITT run-length"),
            Self::Group3 | Self::Group3TwoDimensional => Some("CCITT Group 3"),
            Self::Group4 => Some("CCITT Group 4"),
        }
    }

    /// Returns `true` if the data is uncompressed, so any row can be read without reading the rows before it.
    pub(super) fn is_none(&self) -> bool {
        matches!(self, Self::None)
    }

    /// Returns `true` if the compression can be combined with a `Predictor`.
    pub(super) fn has_predictor(&self) -> bool {
        matches!(self, Self::Lzw | Self::Deflate | Self::Zstandard)
    }

    /// Returns `true` if the compression only supports bilevel images.
    pub(super) fn is_bilevel(&self) -> bool {
        matches!(self, Self::RunLength | Self::Group3 | Self::Group3TwoDimensional | Self::Group4)
    }

    /// Returns `true` if the compression only supports 8-bit RGB, with or without alpha.
    pub(super) fn is_rgb(&self) -> bool {
        match self {
            #[cfg(feature = "webp")]
            Self::Webp => true,
            _ => false,
        }
    }

    /// Returns the memory needed to decompress a strip or tile of this size, beyond buffers for its rows. All sizes are
    /// in bytes.
    pub(super) fn window_bytes(&self, chunk_bytes: u64) -> u64 {
        match self {
            Self::Zstandard => chunk_bytes.min(MAX_WINDOW_BYTES),
            #[cfg(feature = "webp")]
            Self::Webp => chunk_bytes.saturating_mul(webp::MEMORY_FACTOR),
            _ => 0,
        }
    }

    /// Returns the maximum number of bytes that one compressed byte can expand to, if there is a limit. A file that
    /// claims more is damaged and gets rejected before any memory is allocated.
    pub(super) fn max_expansion(&self) -> Option<u64> {
        match self {
            Self::None => Some(1),
            // A string can't be longer than the table, and its code has at least 9 bits.
            Self::Lzw => Some(4096),
            // 258 bytes from two bits.
            Self::Deflate => Some(1032),
            // 128 bytes from two.
            Self::PackBits => Some(64),
            #[cfg(feature = "webp")]
            Self::Webp => None,
            Self::Zstandard
            | Self::Jpeg(_)
            | Self::RunLength
            | Self::Group3
            | Self::Group3TwoDimensional
            | Self::Group4 => None,
        }
    }

    /// Opens a strip or tile's data.
    pub(super) fn open(&self, extent: Extent, shape: Shape) -> Result<Box<dyn Decompressor>, DecodeError> {
        let buffered = |extent| BufReader::with_capacity(BUFFER_BYTES, extent);
        Ok(match self {
            Self::None => Box::new(Unchecked(buffered(extent))),
            Self::Lzw => Box::new(Unchecked(LzwReader::of_tiff(buffered(extent))?)),
            Self::Deflate => {
                Box::new(Checked(flate2::bufread::ZlibDecoder::new(buffered(extent)), shape.surplus_bytes))
            }
            Self::PackBits => Box::new(Unchecked(PackBitsReader::new(buffered(extent)))),
            Self::Zstandard => {
                Box::new(Checked(zstd::Decoder::with_buffer(buffered(extent))?.single_frame(), shape.surplus_bytes))
            }
            #[cfg(feature = "webp")]
            Self::Webp => Box::new(WebpRows::open(extent, shape)?),
            Self::Jpeg(jpeg) => Box::new(JpegRows::open(jpeg, extent, shape)?),
            Self::RunLength => Box::new(CodedRows::new(RowCoding::RunLength, extent, shape)?),
            Self::Group3TwoDimensional => Box::new(CodedRows::new(RowCoding::TwoDimensional, extent, shape)?),
            Self::Group3 => Box::new(FaxRows::group_3(extent, shape)?),
            Self::Group4 => Box::new(FaxRows::group_4(extent, shape)?),
        })
    }
}

/// Returns the name of an unsupported compression.
fn name_of(compression: u16) -> String {
    let name = match compression {
        9 | 10 | 34661 => "JBIG",
        32809 => "ThunderScan",
        33003 | 33005 | 34712 => "JPEG 2000",
        34676 | 34677 => "SGI LogLuv",
        34887 => "LERC",
        34892 => "lossy DNG",
        34925 => "LZMA",
        50002 | 52546 => "JPEG XL",
        other => return format!("the unknown compression {other}"),
    };
    format!("{name} compression")
}

/// Decompressor for data without a verifiable end.
struct Unchecked<R>(R);

impl<R: Read + Send> Decompressor for Unchecked<R> {
    fn fill(&mut self, rows: &mut [u8]) -> Result<(), DecodeError> {
        fill(&mut self.0, rows)
    }

    fn finish(&mut self) -> Result<End, DecodeError> {
        Ok(End::Complete)
    }
}

/// Decompressor for data that ends with a checksum, preceded by at most the given number of surplus bytes.
struct Checked<R>(R, u64);

impl<R: Read + Send> Decompressor for Checked<R> {
    fn fill(&mut self, rows: &mut [u8]) -> Result<(), DecodeError> {
        fill(&mut self.0, rows)
    }

    /// Verifies the checksum, which decoders only do when reading past the end.
    fn finish(&mut self) -> Result<End, DecodeError> {
        // Zlib and Zstandard verify their checksums at the end of the data, which a reader never reaches if it stops
        // after the last row. Read on to get there, but only as far as padding rows can go, because a damaged length
        // must not cause gigabytes of data to be decompressed.
        let mut rest = Read::by_ref(&mut self.0).take(self.1.saturating_add(1));
        match io::copy(&mut rest, &mut io::sink()) {
            Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => Err(error.into()),
            _ => Ok(End::Complete),
        }
    }
}

fn fill(reader: &mut impl Read, rows: &mut [u8]) -> Result<(), DecodeError> {
    reader.read_exact(rows).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => "its data ends before its last row".into(),
        _ => error.into(),
    })
}
