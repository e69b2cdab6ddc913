//! Locates each channel of the composite and decompresses its rows.

use super::sections::Head;
use crate::source::packbits::PackBitsReader;
use crate::source::{DecodeError, Input, Refusal};
use flate2::bufread::ZlibDecoder;
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Seek, SeekFrom};
use std::sync::Arc;

/// Buffer size per plane in bytes.
const BUFFER_BYTES: usize = 64 << 10;

/// Memory for a Deflate decompressor with its tables and 32 KiB window, in bytes.
const DEFLATE_BYTES: u64 = 64 << 10;

/// The composite's compression method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Compression {
    None,
    PackBits,
    /// Deflate, with all planes in a single stream.
    Deflate,
    /// Deflate of the differences between neighboring samples in a row.
    DeflateDifferences,
}

/// Location of the planes to read.
pub(super) struct Planes {
    pub(super) compression: Compression,
    /// Number of channels to read.
    pub(super) channels: u16,
    /// Number of channels in the file.
    stored: u16,
    is_large: bool,
    depth: u16,
    pub(super) width: u32,
    rows: u32,
    row_bytes: usize,
    /// File offset of the data after the compression method.
    at: u64,
}

impl Planes {
    /// Reads the compression method. Checks that the file is long enough for the pixels, or for the table of row
    /// lengths.
    pub(super) fn locate(file: &Input, head: &Head, channels: u16, at: u64) -> Result<Self, Refusal> {
        let mut bytes = [0; 2];
        let mut start = file.clone();
        start.seek(SeekFrom::Start(at))?;
        start.read_exact(&mut bytes).map_err(of_pixels)?;
        let compression = match u16::from_be_bytes(bytes) {
            0 => Compression::None,
            1 => Compression::PackBits,
            2 => Compression::Deflate,
            // Floating-point differences are stored byte by byte, but only layers use them.
            3 if head.depth <= 16 => Compression::DeflateDifferences,
            other => return Err(Refusal::Unsupported(format!("a Photoshop file with compression {other}"))),
        };
        let planes = Self {
            compression,
            channels,
            stored: head.channels,
            is_large: head.is_large,
            depth: head.depth,
            width: head.width,
            rows: head.height,
            row_bytes: head.row_bytes(),
            at: at + 2,
        };
        if planes.minimum_bytes() > file.length().saturating_sub(planes.at) {
            return Err(Refusal::Decode("the file ends before its pixels do".into()));
        }
        Ok(planes)
    }

    /// Returns the minimum number of bytes that must follow.
    fn minimum_bytes(&self) -> u64 {
        let rows = u64::from(self.rows) * u64::from(self.stored);
        match self.compression {
            Compression::None => rows.saturating_mul(self.row_bytes as u64),
            Compression::PackBits => rows * self.length_bytes(),
            Compression::Deflate | Compression::DeflateDifferences => 0,
        }
    }

    /// Returns the size of an entry in the row length table, in bytes.
    fn length_bytes(&self) -> u64 {
        if self.is_large { 4 } else { 2 }
    }

    /// Returns the memory needed to read all planes in bytes, including the packed row lengths.
    pub(super) fn bytes(&self) -> u64 {
        let of_plane = match self.compression {
            Compression::None => 0,
            Compression::PackBits => u64::from(self.rows) * size_of::<u32>() as u64,
            Compression::Deflate | Compression::DeflateDifferences => DEFLATE_BYTES,
        };
        u64::from(self.channels) * (of_plane + (BUFFER_BYTES + self.row_bytes) as u64)
    }

    /// Opens all planes.
    pub(super) fn open(&self, file: &Input) -> Result<Vec<Plane>, DecodeError> {
        let plane_bytes = u64::from(self.rows) * self.row_bytes as u64;
        let open = |at: u64| -> io::Result<BufReader<Input>> {
            let mut input = file.clone();
            input.seek(SeekFrom::Start(at))?;
            Ok(BufReader::with_capacity(BUFFER_BYTES, input))
        };
        let indices = 0..u64::from(self.channels);
        let rows: Vec<PlaneRows> = match self.compression {
            Compression::None => indices
                .map(|index| Ok(PlaneRows::Plain(open(self.at + index * plane_bytes)?)))
                .collect::<io::Result<_>>()?,
            Compression::PackBits => self.packed(open)?,
            Compression::Deflate | Compression::DeflateDifferences => {
                let is_differences = self.compression == Compression::DeflateDifferences;
                // All planes share one stream. Each plane has its own decompressor, which first skips the planes before
                // it. This takes longer, but keeping the planes would need memory for the whole image.
                let plane = |index: u64| {
                    let stream = ZlibDecoder::new(open(self.at)?);
                    let skip = index * plane_bytes;
                    Ok(PlaneRows::Deflate { stream: Box::new(stream), skip, is_differences })
                };
                indices.map(plane).collect::<io::Result<_>>()?
            }
        };
        Ok(rows.into_iter().map(|rows| Plane { rows, row: vec![0; self.row_bytes], depth: self.depth }).collect())
    }

    /// Skips the planes after the last plane to read, and checks that the stream ends correctly.
    pub(super) fn finish(&self, planes: &mut [Plane]) -> Result<(), DecodeError> {
        let Some(Plane { rows: PlaneRows::Deflate { stream, .. }, .. }) = planes.last_mut() else { return Ok(()) };
        let ignored = u64::from(self.stored - self.channels) * u64::from(self.rows) * self.row_bytes as u64;
        // The checksum at the end of the stream is only verified when reading past the last byte.
        io::copy(&mut stream.take(ignored + 1), &mut io::sink()).map_err(of_deflate)?;
        Ok(())
    }

    /// Reads the table of packed row lengths, which precedes the first plane.
    fn packed(&self, open: impl Fn(u64) -> io::Result<BufReader<Input>>) -> Result<Vec<PlaneRows>, DecodeError> {
        let table_bytes = u64::from(self.rows) * u64::from(self.stored) * self.length_bytes();
        let (mut table, mut at) = (open(self.at)?, self.at + table_bytes);
        let mut planes = Vec::new();
        for _ in 0..self.channels {
            let mut lengths = Vec::new();
            lengths.try_reserve_exact(self.rows as usize)?;
            for _ in 0..self.rows {
                let mut length = [0; 4];
                let used = if self.is_large { 0 } else { 2 };
                table.read_exact(&mut length[used..]).map_err(of_pixels)?;
                lengths.push(u32::from_be_bytes(length));
            }
            let reader = open(at)?;
            at = lengths.iter().fold(at, |at, length| at.saturating_add((*length).into()));
            planes.push(PlaneRows::PackBits { reader, lengths: Arc::from(lengths), next: 0 });
        }
        Ok(planes)
    }
}

/// A channel of the composite.
pub(super) struct Plane {
    rows: PlaneRows,
    /// Current row in big-endian byte order.
    row: Vec<u8>,
    depth: u16,
}

enum PlaneRows {
    Plain(BufReader<Input>),
    PackBits {
        reader: BufReader<Input>,
        lengths: Arc<[u32]>,
        next: usize,
    },
    Deflate {
        stream: Box<ZlibDecoder<BufReader<Input>>>,
        /// Number of bytes to skip before this plane.
        skip: u64,
        is_differences: bool,
    },
}

impl Plane {
    /// Reads the next row.
    pub(super) fn read(&mut self) -> Result<&[u8], DecodeError> {
        let row = &mut self.row;
        match &mut self.rows {
            PlaneRows::Plain(reader) => reader.read_exact(row).map_err(of_pixels)?,
            PlaneRows::PackBits { reader, lengths, next } => {
                let length = lengths.get(*next).copied().unwrap_or(0);
                *next += 1;
                let mut packed = reader.take(length.into());
                PackBitsReader::new(&mut packed).read_exact(row).map_err(of_row)?;
                // Some writers pack more bytes than fit in the row.
                skip(&mut packed)?;
            }
            PlaneRows::Deflate { stream, skip, is_differences } => {
                io::copy(&mut stream.take(std::mem::take(skip)), &mut io::sink()).map_err(of_deflate)?;
                stream.read_exact(row).map_err(of_deflate)?;
                if *is_differences {
                    add_differences(row, self.depth);
                }
            }
        }
        Ok(row)
    }
}

/// Skips the rest of a packed row.
fn skip(packed: &mut impl BufRead) -> io::Result<()> {
    loop {
        match packed.fill_buf()?.len() {
            0 => return Ok(()),
            count => packed.consume(count),
        }
    }
}

fn add_differences(row: &mut [u8], depth: u16) {
    if depth == 16 {
        let mut last = 0_u16;
        for sample in row.as_chunks_mut::<2>().0 {
            last = last.wrapping_add(u16::from_be_bytes(*sample));
            *sample = last.to_be_bytes();
        }
    } else {
        let mut last = 0_u8;
        for sample in row {
            last = last.wrapping_add(*sample);
            *sample = last;
        }
    }
}

fn of_pixels(error: io::Error) -> DecodeError {
    match error.kind() {
        ErrorKind::UnexpectedEof => "the file ends before its pixels do".into(),
        _ => error.into(),
    }
}

fn of_row(error: io::Error) -> DecodeError {
    match error.kind() {
        ErrorKind::UnexpectedEof => "one of its packed rows ends too early".into(),
        _ => error.into(),
    }
}

fn of_deflate(error: io::Error) -> DecodeError {
    match error.kind() {
        ErrorKind::UnexpectedEof => "the file ends before its pixels do".into(),
        ErrorKind::InvalidInput | ErrorKind::InvalidData | ErrorKind::Other => "its compressed data is damaged".into(),
        _ => error.into(),
    }
}
