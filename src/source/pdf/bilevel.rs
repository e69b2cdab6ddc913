//! Decodes CCITT fax and JBIG2. Their decoders return the whole image, which is kept at one bit per pixel.

use super::document::Document;
use super::filter::Bytes;
use super::object::{Dictionary, Object};
use super::sample_rows::Mapping;
use crate::iiif::Size;
use crate::source::{DecodeError, RowReader, Warning, WarningCode, zeroed};
use hayro_ccitt::{DecodeSettings, DecoderContext, EncodingMode};
use std::io::Read;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Maximum size of a compressed image in bytes. A page of the densest halftone at 600 dpi is about 4 MB.
pub(super) const MAX_DATA_BYTES: u64 = 64 << 20;

/// Maximum size in bytes of the symbols shared by the images of several pages. They're read along with the header.
pub(super) const MAX_SYMBOLS_BYTES: u64 = 8 << 20;

/// Default number of columns in a fax image.
const DEFAULT_COLUMNS: i64 = 1728;

/// Compression of a two-color image.
pub(super) enum Bilevel {
    Fax(Fax),
    /// JBIG2 with the shared symbols, which may be empty.
    Jbig2(Vec<u8>),
}

/// Fax parameters (ISO 32000-2, 7.4.6).
pub(super) struct Fax {
    settings: DecodeSettings,
    /// `true` if a set bit is black.
    is_black_1: bool,
}

impl Fax {
    /// Reads the parameters. Returns `None` if they contradict the image size.
    pub(super) fn new(document: &Document, parameters: &Dictionary, size: Size) -> Option<Self> {
        let flag = |key: &[u8], default| match document.get(parameters, key) {
            Object::Boolean(value) => value,
            _ => default,
        };
        let columns = document.get(parameters, b"Columns").integer().unwrap_or(DEFAULT_COLUMNS);
        let k = document.get(parameters, b"K").number().unwrap_or(0.0);
        let encoding = match k {
            k if k < 0.0 => EncodingMode::Group4,
            k if k > 0.0 => EncodingMode::Group3_2D,
            _ => EncodingMode::Group3_1D,
        };
        let settings = DecodeSettings {
            columns: size.width(),
            rows: size.height(),
            end_of_block: flag(b"EndOfBlock", true),
            end_of_line: flag(b"EndOfLine", false),
            rows_are_byte_aligned: flag(b"EncodedByteAlign", false),
            encoding,
            strict: false,
        };
        let is_black_1 = flag(b"BlackIs1", false);
        (columns == i64::from(size.width())).then_some(Self { settings, is_black_1 })
    }
}

impl Bilevel {
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Fax(fax) if fax.settings.encoding == EncodingMode::Group4 => "CCITT Group 4",
            Self::Fax(_) => "CCITT Group 3",
            Self::Jbig2(_) => "JBIG2",
        }
    }
}

/// Reads the rows of a two-color image.
pub(super) struct BilevelRows {
    codec: Bilevel,
    /// Compressed data. `None` once it's been decoded.
    data: Option<Bytes>,
    mapping: Mapping,
    size: Size,
    packed: Packed,
    next_row: u32,
}

impl BilevelRows {
    pub(super) fn new(codec: Bilevel, data: Bytes, mapping: Mapping, size: Size) -> Self {
        let packed = Packed::default();
        Self { codec, data: Some(data), mapping, size, packed, next_row: 0 }
    }

    /// Returns the memory needed for decoding, in bytes, given the size of the compressed data.
    pub(super) fn decoder_bytes(codec: &Bilevel, size: Size, data_bytes: u64) -> u64 {
        let image = u64::from(size.width().div_ceil(32)) * 4 * u64::from(size.height());
        match codec {
            Bilevel::Fax(_) => image + data_bytes,
            // The decoder holds a page and a region in addition to the result. Symbols need less memory than a region.
            Bilevel::Jbig2(symbols) => 4 * image + data_bytes + 8 * (symbols.len() as u64 + data_bytes),
        }
    }

    fn decode(&mut self, data: Bytes) -> Result<(), DecodeError> {
        let mut bytes = Vec::new();
        data.take(MAX_DATA_BYTES).read_to_end(&mut bytes).map_err(|_| "its image is damaged")?;
        let (codec, size) = (&self.codec, self.size);
        let decode = || match codec {
            Bilevel::Fax(fax) => decode_fax(fax, &bytes, size),
            Bilevel::Jbig2(symbols) => decode_jbig2(symbols, &bytes, size),
        };
        // A decoder panic on a damaged file must not affect other images.
        let decoded = catch_unwind(AssertUnwindSafe(decode));
        self.packed = decoded.unwrap_or_else(|_| Err("the decoder failed internally".into()))?;
        Ok(())
    }
}

impl RowReader for BilevelRows {
    fn read_rows(&mut self, rows: &mut [u8]) -> Result<(), DecodeError> {
        if let Some(data) = self.data.take() {
            self.decode(data)?;
        }
        for row in rows.chunks_exact_mut(self.mapping.samples.row_bytes(self.size.width())) {
            let packed = self.packed.row(self.next_row).ok_or("its image is damaged")?;
            self.mapping.convert(packed, row);
            self.next_row += 1;
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<Vec<Warning>, DecodeError> {
        let missing = self.size.height().saturating_sub(self.packed.decoded);
        let text = format!("the last {missing} rows of its image are missing, and are left white");
        let warning = (missing > 0).then(|| Warning::new(WarningCode::ContentUnreadable, text));
        Ok(warning.into_iter().collect())
    }
}

fn decode_fax(fax: &Fax, data: &[u8], size: Size) -> Result<Packed, DecodeError> {
    let mut packed = Packed::new(size, fax.is_black_1)?;
    let result = hayro_ccitt::decode(data, &mut packed, &mut DecoderContext::new(fax.settings));
    // Some writers declare a few rows too many. After an error, even the rows decoded so far may be wrong.
    match result {
        Ok(_) if packed.decoded > 0 => Ok(packed),
        _ => Err("its fax data is damaged".into()),
    }
}

fn decode_jbig2(symbols: &[u8], data: &[u8], size: Size) -> Result<Packed, DecodeError> {
    let settings = hayro_jbig2::DecodeSettings::default();
    let symbols = if symbols.is_empty() { None } else { Some(hayro_jbig2::Globals::new(symbols, &settings)?) };
    let page = hayro_jbig2::Page::new_embedded(data, symbols.as_ref(), &settings)?;
    if (page.width(), page.height()) != (size.width(), size.height()) {
        return Err(format!("its JBIG2 image has {}x{} pixels, not {size}", page.width(), page.height()).into());
    }
    let mut packed = Packed::new(size, false)?;
    page.decode(&mut packed)?;
    Ok(packed)
}

/// Rows packed at one bit per pixel.
#[derive(Default)]
struct Packed {
    bits: Vec<u8>,
    row_bytes: usize,
    width: usize,
    is_black_1: bool,
    /// Number of completed rows.
    decoded: u32,
    /// Number of pixels decoded in the current row.
    column: usize,
}

impl Packed {
    /// Creates a white image.
    fn new(size: Size, is_black_1: bool) -> Result<Self, DecodeError> {
        let row_bytes = size.width().div_ceil(8) as usize;
        let length = row_bytes.checked_mul(size.height() as usize).ok_or("it does not fit into memory")?;
        let mut bits = zeroed(length)?;
        if !is_black_1 {
            bits.fill(0xff);
        }
        Ok(Self { bits, row_bytes, width: size.width() as usize, is_black_1, decoded: 0, column: 0 })
    }

    fn row(&self, row: u32) -> Option<&[u8]> {
        let start = (row as usize).checked_mul(self.row_bytes)?;
        self.bits.get(start..start + self.row_bytes)
    }

    /// Blackens a range of pixels in the current row.
    fn blacken(&mut self, from: usize, to: usize) {
        let to = to.min(self.width);
        let start = self.decoded as usize * self.row_bytes;
        let Some(row) = self.bits.get_mut(start..start + self.row_bytes).filter(|_| from < to) else { return };
        let (first, last) = (from / 8, (to - 1) / 8);
        let (head, tail) = (0xff_u8 >> (from % 8), 0xff_u8 << (7 - (to - 1) % 8));
        for (at, byte) in row[first..=last].iter_mut().enumerate() {
            let mask = if at == 0 { head } else { 0xff } & if at == last - first { tail } else { 0xff };
            *byte = if self.is_black_1 { *byte | mask } else { *byte & !mask };
        }
    }
}

impl hayro_ccitt::Decoder for Packed {
    fn push_row(&mut self, changes: &[u32]) {
        for run in changes.chunks(2) {
            let end = run.get(1).map_or(self.width, |end| *end as usize);
            self.blacken(run[0] as usize, end);
        }
        self.decoded += 1;
    }
}

impl hayro_jbig2::Decoder for Packed {
    fn push_pixel(&mut self, black: bool) {
        if black {
            self.blacken(self.column, self.column + 1);
        }
        self.column += 1;
    }

    fn push_pixel_chunk(&mut self, black: bool, chunk_count: u32) {
        let end = self.column + 8 * chunk_count as usize;
        if black {
            self.blacken(self.column, end);
        }
        self.column = end;
    }

    fn next_line(&mut self) {
        (self.column, self.decoded) = (0, self.decoded + 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hayro_ccitt::Decoder as _;

    #[test]
    fn runs_are_blackened() {
        for is_black_1 in [false, true] {
            let mut packed = Packed::new(Size::new(20, 2).expect("a size"), is_black_1).expect("memory");
            packed.push_row(&[3, 5, 7, 17]);
            packed.push_row(&[18]);
            let white = if is_black_1 { 0 } else { 0xff };
            let row = |row: u32| packed.row(row).expect("a row").iter().map(|byte| byte ^ white).collect::<Vec<_>>();
            assert_eq!(row(0), [0b0001_1001, 0xff, 0b1000_0000]);
            assert_eq!(row(1), [0, 0, 0b0011_0000]);
            assert_eq!(packed.row(2), None);
            packed.push_row(&[0]);
        }
    }
}
