//! Lossless Huffman-coded JPEG (ITU-T T.81, annex H) with 2 to 16 bits, which libjpeg can't decode. Each sample is
//! stored as the difference from a prediction based on its neighbors.

mod bits;
mod huffman;

use super::metadata::Metadata;
use super::samples::{ColorModel, Depth, Samples};
use super::{DecodeError, Input, Opened, Refusal, RowReader, Warning, WarningCode};
use crate::iiif::Size;
use bits::BitReader;
use huffman::HuffmanTable;
use std::io::{BufReader, Read, Seek, SeekFrom};

const END_MISSING: &str = "all pixels are present, but the file has no end marker (EOI)";

/// Size of the file read buffer, in bytes.
const BUFFER_BYTES: usize = 64 << 10;

/// Marker numbers.
const FRAME: u8 = 0xc3;
const HUFFMAN_TABLES: u8 = 0xc4;
const END: u8 = 0xd9;
const SCAN: u8 = 0xda;
const RESTART_INTERVAL: u8 = 0xdd;
const JFIF: u8 = 0xe0;
const ADOBE: u8 = 0xee;

pub(super) fn open(file: &Input, metadata: Metadata) -> Result<Opened, Refusal> {
    let header = Header::read(file)?;
    let size = Size::new(header.width.into(), header.height.into())?;
    let color = if header.tables.len() == 1 { ColorModel::Gray } else { ColorModel::Rgb };
    let depth = if header.bits > 8 { Depth::Sixteen } else { Depth::Eight };
    let samples = Samples { color, depth, ..Samples::GRAY_8 };
    let row_samples = usize::from(header.width) * header.tables.len();
    Ok(Opened {
        size,
        samples,
        bits: header.bits.into(),
        container: "JPEG, lossless".to_owned(),
        metadata: metadata.finish(),
        decoder_bytes: (BUFFER_BYTES + 2 * row_samples * size_of::<u16>() + header.tables.len() * huffman::BYTES)
            as u64,
        blocks: None,
        rows: Box::new(LosslessRows {
            bits: BitReader::new(BufReader::with_capacity(BUFFER_BYTES, header.reader(file)?)),
            above: vec![0; row_samples],
            row: vec![0; row_samples],
            samples,
            next_row: 0,
            header,
        }),
    })
}

/// Everything before the coded samples.
struct Header {
    bits: u8,
    width: u16,
    height: u16,
    /// Huffman table for each component.
    tables: Vec<HuffmanTable>,
    /// Predictor number from 1 to 7.
    predictor: u8,
    /// Number of low-order bits that were dropped.
    shift: u8,
    /// Number of rows between restarts, or 0 without restarts.
    restart_rows: u32,
    is_ycbcr: bool,
    /// File offset of the entropy-coded samples.
    data_at: u64,
}

impl Header {
    fn read(file: &Input) -> Result<Self, Refusal> {
        let mut reader = BufReader::new(file.clone());
        reader.seek(SeekFrom::Start(2))?;
        let mut tables: [Option<HuffmanTable>; 4] = [None, None, None, None];
        let (mut frame, mut interval, mut is_jfif, mut transform) = (None, 0, false, None);
        loop {
            let (marker, content) = segment(&mut reader)?;
            match marker {
                FRAME => frame = Some(LosslessFrame::read(&content)?),
                HUFFMAN_TABLES => huffman::read_tables(&content, &mut tables)?,
                RESTART_INTERVAL => interval = short(&content, 0)?,
                JFIF if content.starts_with(b"JFIF\0") => is_jfif = true,
                ADOBE if content.starts_with(b"Adobe") => transform = content.get(11).copied(),
                SCAN => {
                    let frame = frame.ok_or_else(|| damaged("its scan comes before its frame"))?;
                    // Without an Adobe or JFIF marker, treat the colors as RGB because lossless encoders don't convert
                    // them.
                    let is_ycbcr = frame.components.len() == 3 && transform.map_or(is_jfif, |transform| transform == 1);
                    let data_at = reader.stream_position()?;
                    return Self::of_scan(&frame, &content, &tables, interval, is_ycbcr, data_at);
                }
                _ => {}
            }
        }
    }

    fn of_scan(
        frame: &LosslessFrame,
        scan: &[u8],
        tables: &[Option<HuffmanTable>; 4],
        interval: u16,
        is_ycbcr: bool,
        data_at: u64,
    ) -> Result<Self, Refusal> {
        let count = usize::from(byte(scan, 0)?);
        if count != frame.components.len() {
            return Err(Refusal::Unsupported("a lossless JPEG with several scans".to_owned()));
        }
        let mut of_components = Vec::new();
        for (place, component) in frame.components.iter().enumerate() {
            if byte(scan, 1 + 2 * place)? != *component {
                return Err(damaged("its scan has other components than its frame"));
            }
            let table = tables.get(usize::from(byte(scan, 2 + 2 * place)? >> 4)).and_then(Clone::clone);
            of_components.push(table.ok_or_else(|| damaged("one of its Huffman tables is missing"))?);
        }
        let (predictor, shift) = (byte(scan, 1 + 2 * count)?, byte(scan, 3 + 2 * count)? & 15);
        if !(1..=7).contains(&predictor) || shift >= frame.bits {
            return Err(damaged("its predictor or its point transform is not one of the standard"));
        }
        if !interval.is_multiple_of(frame.width) {
            return Err(damaged("its restarts are not at the start of rows"));
        }
        Ok(Self {
            bits: frame.bits,
            width: frame.width,
            height: frame.height,
            tables: of_components,
            predictor,
            shift,
            restart_rows: (interval / frame.width).into(),
            is_ycbcr,
            data_at,
        })
    }

    fn reader(&self, file: &Input) -> Result<Input, DecodeError> {
        let mut reader = file.clone();
        reader.seek(SeekFrom::Start(self.data_at))?;
        Ok(reader)
    }
}

/// The frame header.
struct LosslessFrame {
    bits: u8,
    width: u16,
    height: u16,
    /// Component identifiers.
    components: Vec<u8>,
}

impl LosslessFrame {
    fn read(content: &[u8]) -> Result<Self, Refusal> {
        let bits = byte(content, 0)?;
        let (height, width) = (short(content, 1)?, short(content, 3)?);
        if !(2..=16).contains(&bits) || width == 0 || height == 0 {
            return Err(damaged("its frame has a size or a depth that is not one of the standard"));
        }
        let count = usize::from(byte(content, 5)?);
        if !matches!(count, 1 | 3) {
            return Err(Refusal::Unsupported(format!("a lossless JPEG with {count} components")));
        }
        let mut components = Vec::new();
        for place in 0..count {
            if count > 1 && byte(content, 7 + 3 * place)? != 0x11 {
                return Err(Refusal::Unsupported("a lossless JPEG with subsampling".to_owned()));
            }
            components.push(byte(content, 6 + 3 * place)?);
        }
        Ok(Self { bits, width, height, components })
    }
}

fn damaged(text: &'static str) -> Refusal {
    Refusal::Decode(text.into())
}

fn byte(bytes: &[u8], at: usize) -> Result<u8, DecodeError> {
    bytes.get(at).copied().ok_or_else(|| "one of its segments is too short".into())
}

fn short(bytes: &[u8], at: usize) -> Result<u16, DecodeError> {
    Ok(u16::from_be_bytes([byte(bytes, at)?, byte(bytes, at + 1)?]))
}

/// Reads the next segment that has a length. Skips any other bytes, as libjpeg does.
fn segment(reader: &mut impl Read) -> Result<(u8, Vec<u8>), DecodeError> {
    let mut next = || {
        let mut byte = [0];
        reader.read_exact(&mut byte).map(|()| byte[0]).map_err(|_| DecodeError::from("the file ends before its pixels"))
    };
    let mut last = 0;
    let marker = loop {
        let byte = next()?;
        match byte {
            END if last == 0xff => return Err("the file ends before its pixels".into()),
            0x00 | 0x01 | 0xd0..=0xd8 | 0xff => {}
            marker if last == 0xff => break marker,
            _ => {}
        }
        last = byte;
    };
    let length = u16::from_be_bytes([next()?, next()?]).checked_sub(2).ok_or("one of its segments is too short")?;
    let mut content = vec![0; length.into()];
    reader.read_exact(&mut content).map_err(|_| "the file ends before its pixels")?;
    Ok((marker, content))
}

struct LosslessRows {
    header: Header,
    samples: Samples,
    bits: BitReader<BufReader<Input>>,
    /// Samples of the previous and current rows, interleaved and without the dropped bits.
    above: Vec<u16>,
    row: Vec<u16>,
    next_row: u32,
}

impl LosslessRows {
    #[expect(clippy::cast_sign_loss, reason = "16 bits are left")]
    fn decode_row(&mut self) -> Result<(), DecodeError> {
        std::mem::swap(&mut self.above, &mut self.row);
        let header = &self.header;
        let is_restart = header.restart_rows > 0 && self.next_row.is_multiple_of(header.restart_rows);
        if is_restart && self.next_row > 0 {
            self.bits.restart()?;
        }
        let is_first = self.next_row == 0 || is_restart;
        let channels = header.tables.len();
        for at in 0..self.row.len() {
            let difference = self.bits.difference(&header.tables[at % channels])?;
            let (left, above) = (at.checked_sub(channels).map(|left| self.row[left]), self.above[at]);
            let prediction = match left {
                None if is_first => 1 << (header.bits - header.shift - 1),
                None => i32::from(above),
                Some(left) if is_first => i32::from(left),
                Some(left) => predict(header.predictor, left, above, self.above[at - channels]),
            };
            // Differences are modulo 2^16.
            self.row[at] = ((prediction + difference) & 0xffff) as u16;
        }
        self.next_row += 1;
        Ok(())
    }

    #[expect(clippy::cast_possible_truncation, reason = "scaled to 8 or 16 bits")]
    fn write(&self, to: &mut [u8]) {
        let max = u32::from(u16::MAX >> (16 - self.header.bits));
        let value = |sample: &u16| (u32::from(*sample) << self.header.shift).min(max);
        let (to_8, to_16) = (|value: u32| (value * 255 + max / 2) / max, |value: u32| (value * 65535 + max / 2) / max);
        match self.samples.depth {
            Depth::Eight => {
                to.iter_mut().zip(&self.row).for_each(|(to, sample)| *to = to_8(value(sample)) as u8);
                if self.header.is_ycbcr {
                    to.as_chunks_mut::<3>().0.iter_mut().for_each(|pixel| *pixel = rgb(*pixel));
                }
            }
            Depth::Sixteen => {
                let to = to.as_chunks_mut::<2>().0.iter_mut();
                to.zip(&self.row).for_each(|(to, sample)| *to = (to_16(value(sample)) as u16).to_ne_bytes());
            }
        }
    }
}

/// Predicts a sample from its neighbors on the left, above, and above left (T.81, table H.1).
fn predict(predictor: u8, left: u16, above: u16, corner: u16) -> i32 {
    let (left, above, corner) = (i32::from(left), i32::from(above), i32::from(corner));
    match predictor {
        1 => left,
        2 => above,
        3 => corner,
        4 => left + above - corner,
        5 => left + ((above - corner) >> 1),
        6 => above + ((left - corner) >> 1),
        _ => (left + above) >> 1,
    }
}

/// Converts a JFIF pixel from luma and chroma to RGB.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "these casts saturate")]
fn rgb([luma, blue, red]: [u8; 3]) -> [u8; 3] {
    let (luma, blue, red) = (f32::from(luma), f32::from(blue) - 128.0, f32::from(red) - 128.0);
    [luma + 1.402 * red, luma - 0.344_136 * blue - 0.714_136 * red, luma + 1.772 * blue]
        .map(|value| (value + 0.5) as u8)
}

impl RowReader for LosslessRows {
    fn read_rows(&mut self, rows: &mut [u8]) -> Result<(), DecodeError> {
        for row in rows.chunks_exact_mut(self.samples.row_bytes(self.header.width.into())) {
            self.decode_row()?;
            self.write(row);
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<Vec<Warning>, DecodeError> {
        let is_missing = !self.bits.ends_with(END)?;
        Ok(is_missing.then(|| Warning::new(WarningCode::EndMarkerMissing, END_MISSING)).into_iter().collect())
    }
}
