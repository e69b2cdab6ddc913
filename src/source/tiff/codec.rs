//! From the bytes of a strip or a tile to rows of samples: one decoder for each compression.

use super::fax::FaxRows;
use super::input::Extent;
use super::jpeg::JpegRows;
use super::lzw::LzwReader;
use super::packbits::PackBitsReader;
use super::tags::{self, Tags};
use crate::libjpeg::Components;
use crate::source::{DecodeError, Refusal};
use std::io::{self, BufReader, Read};
use std::sync::Arc;

/// Bytes of the file that are read at a time.
pub(super) const BUFFER_BYTES: usize = 64 * 1024;

/// The tables of all JPEGs of a file; two of quantisation and four of Huffman codes take 600 bytes.
const MOST_TABLE_BYTES: u64 = 1 << 16;

/// How the strips or tiles of an image are compressed.
#[derive(Clone)]
pub(super) enum Codec {
    None,
    Lzw,
    Deflate,
    PackBits,
    Zstandard,
    Jpeg(Jpeg),
    Group3,
    Group4,
}

/// What the JPEGs of an image have in common.
#[derive(Clone)]
pub(super) struct Jpeg {
    /// What was taken out of each.
    pub(super) tables: Option<Arc<[u8]>>,
    pub(super) components: Components,
}

/// The rows of one strip or tile.
#[derive(Clone, Copy)]
pub(super) struct Shape {
    /// Pixels across.
    pub(super) width: u32,
    /// Rows that are wanted.
    pub(super) rows: u32,
    /// Rows that there may be: tiles are as high at the lower edge as elsewhere, and some writers fill up the last strip.
    pub(super) most_rows: u32,
    /// Bytes of the rows that are not wanted.
    pub(super) spare_bytes: u64,
    /// Samples of a pixel.
    pub(super) channels: usize,
}

/// Gives the rows of a strip or tile as they were before they were compressed.
pub(super) trait Expand: Send {
    /// Fills `rows`, a whole number of them, with the next ones.
    fn fill(&mut self, rows: &mut [u8]) -> Result<(), DecodeError>;

    /// Checks, after the last row, what the compression can check only then.
    fn finish(&mut self) -> Result<End, DecodeError>;
}

/// How the data of a strip or tile ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Proper,
    /// All rows are there, but not the marker behind them.
    WithoutMarker,
}

impl Codec {
    /// The compression of an image.
    pub(super) fn read(tags: Tags<'_>, components: Components) -> Result<Self, Refusal> {
        Ok(match tags.choice(tags::COMPRESSION, 1)? {
            1 => Self::None,
            3 => Self::group_3(tags.number(tags::T4_OPTIONS)?.unwrap_or(0))?,
            4 => Self::group_4(tags.number(tags::T6_OPTIONS)?.unwrap_or(0))?,
            5 => Self::Lzw,
            7 => {
                let tables = tags.bytes(tags::JPEG_TABLES, MOST_TABLE_BYTES)?.map(Arc::from);
                Self::Jpeg(Jpeg { tables, components })
            }
            8 | 32946 => Self::Deflate,
            32773 => Self::PackBits,
            50000 => Self::Zstandard,
            other => return Err(Refusal::Unsupported(format!("a TIFF with {}", name_of(other)))),
        })
    }

    fn group_3(options: u64) -> Result<Self, Refusal> {
        match options & 3 {
            0 => Ok(Self::Group3),
            1 => Err(Refusal::Unsupported("a TIFF with two-dimensional CCITT Group 3 compression".to_owned())),
            _ => Err(Refusal::Unsupported("a TIFF with the uncompressed mode of CCITT Group 3".to_owned())),
        }
    }

    fn group_4(options: u64) -> Result<Self, Refusal> {
        match options & 2 {
            0 => Ok(Self::Group4),
            _ => Err(Refusal::Unsupported("a TIFF with the uncompressed mode of CCITT Group 4".to_owned())),
        }
    }

    /// What to call it, where there is something to say.
    pub(super) fn name(&self) -> Option<&'static str> {
        match self {
            Self::None => None,
            Self::Lzw => Some("LZW"),
            Self::Deflate => Some("Deflate"),
            Self::PackBits => Some("PackBits"),
            Self::Zstandard => Some("Zstandard"),
            Self::Jpeg(_) => Some("JPEG"),
            Self::Group3 => Some("CCITT Group 3"),
            Self::Group4 => Some("CCITT Group 4"),
        }
    }

    /// Whether a row can be read without those before it.
    pub(super) fn is_none(&self) -> bool {
        matches!(self, Self::None)
    }

    /// Whether differences of samples may be what is compressed: the other compressions have no `Predictor`.
    pub(super) fn has_predictor(&self) -> bool {
        matches!(self, Self::Lzw | Self::Deflate | Self::Zstandard)
    }

    /// Whether black and white are all that it knows.
    pub(super) fn is_bilevel(&self) -> bool {
        matches!(self, Self::Group3 | Self::Group4)
    }

    /// Whether it may have to remember megabytes of what it has given.
    pub(super) fn has_window(&self) -> bool {
        matches!(self, Self::Zstandard)
    }

    /// How many bytes one can become at the most, where that is known: a claim of more is a lie, seen before memory is
    /// taken for it.
    pub(super) fn most_expansion(&self) -> Option<u64> {
        match self {
            Self::None => Some(1),
            // A string of the table is no longer than the table; its code has at least 9 bits.
            Self::Lzw => Some(4096),
            // 258 bytes for two bits.
            Self::Deflate => Some(1032),
            // 128 bytes for two.
            Self::PackBits => Some(64),
            Self::Zstandard | Self::Jpeg(_) | Self::Group3 | Self::Group4 => None,
        }
    }

    /// Begins with a strip or tile.
    pub(super) fn open(&self, extent: Extent, shape: Shape) -> Result<Box<dyn Expand>, DecodeError> {
        let buffered = |extent| BufReader::with_capacity(BUFFER_BYTES, extent);
        Ok(match self {
            Self::None => Box::new(Bytes(buffered(extent))),
            Self::Lzw => Box::new(Bytes(LzwReader::new(buffered(extent))?)),
            Self::Deflate => Box::new(Checked(flate2::bufread::ZlibDecoder::new(buffered(extent)), shape.spare_bytes)),
            Self::PackBits => Box::new(Bytes(PackBitsReader::new(buffered(extent)))),
            Self::Zstandard => {
                Box::new(Checked(zstd::Decoder::with_buffer(buffered(extent))?.single_frame(), shape.spare_bytes))
            }
            Self::Jpeg(jpeg) => Box::new(JpegRows::open(jpeg, extent, shape)?),
            Self::Group3 => Box::new(FaxRows::group_3(extent, shape)?),
            Self::Group4 => Box::new(FaxRows::group_4(extent, shape)?),
        })
    }
}

/// Why compressions are refused that are known.
fn name_of(compression: u16) -> String {
    let name = match compression {
        2 => "CCITT run-length",
        6 => "old-style JPEG",
        9 | 10 | 34661 => "JBIG",
        32809 => "ThunderScan",
        33003 | 33005 | 34712 => "JPEG 2000",
        34676 | 34677 => "SGI LogLuv",
        34887 => "LERC",
        34892 => "lossy DNG",
        34925 => "LZMA",
        50001 => "WebP",
        50002 | 52546 => "JPEG XL",
        other => return format!("the unknown compression {other}"),
    };
    format!("{name} compression")
}

/// Compressions that do not know where they end.
struct Bytes<R>(R);

impl<R: Read + Send> Expand for Bytes<R> {
    fn fill(&mut self, rows: &mut [u8]) -> Result<(), DecodeError> {
        fill(&mut self.0, rows)
    }

    fn finish(&mut self) -> Result<End, DecodeError> {
        Ok(End::Proper)
    }
}

/// Compressions with a checksum behind the last byte, before which there may be so many that are not wanted.
struct Checked<R>(R, u64);

impl<R: Read + Send> Expand for Checked<R> {
    fn fill(&mut self, rows: &mut [u8]) -> Result<(), DecodeError> {
        fill(&mut self.0, rows)
    }

    /// The checksum is looked at by whoever asks for more than there is.
    fn finish(&mut self) -> Result<End, DecodeError> {
        let mut rest = Read::by_ref(&mut self.0).take(self.1.saturating_add(1));
        match io::copy(&mut rest, &mut io::sink()) {
            Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => Err(error.into()),
            _ => Ok(End::Proper),
        }
    }
}

fn fill(reader: &mut impl Read, rows: &mut [u8]) -> Result<(), DecodeError> {
    reader.read_exact(rows).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => "its data end before its rows do".into(),
        _ => error.into(),
    })
}
