//! TIFF and `BigTIFF`: uncompressed strips straight from the file, everything else through the `tiff` crate, one row of
//! strips or tiles at a time.

use super::samples::{Alpha, Colour, Depth, Samples};
use super::{DecodeError, Opened, Orientation, Refusal, RowReader, resize};
use crate::iiif::Size;
use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use tiff::ColorType;
use tiff::decoder::{ChunkType, Decoder, Limits, TiffCodingUnit};
use tiff::tags::{ByteOrder, Tag};

type FileDecoder = Decoder<BufReader<File>>;

/// The baseline value of `Compression`: none.
const UNCOMPRESSED: u16 = 1;
/// `PlanarConfiguration`: each channel stored by itself.
const PLANAR: u16 = 2;
/// `Compression`: JPEG, old and new.
const JPEG: [u16; 2] = [6, 7];
/// `PhotometricInterpretation`: 0 is white.
const WHITE_IS_ZERO: u16 = 0;
/// `ExtraSamples`: the colours have been multiplied with alpha.
const ASSOCIATED_ALPHA: u16 = 1;

pub(super) fn open(file: File) -> Result<Opened, Refusal> {
    let raw = file.try_clone()?;
    // What is decoded at a time is bounded by the file's own strips and tiles, and said in the header.
    let mut decoder = Decoder::new(BufReader::new(file))?.with_limits(Limits::unlimited());
    let (width, height) = decoder.dimensions()?;
    let size = Size::new(width, height)?;
    let samples = samples(&mut decoder)?;
    let is_planar = decoder.find_tag_unsigned::<u16>(Tag::PlanarConfiguration)? == Some(PLANAR);
    let compression = decoder.find_tag_unsigned::<u16>(Tag::Compression)?.unwrap_or(UNCOMPRESSED);
    if JPEG.contains(&compression) {
        // The `tiff` crate makes up pixels where such data are damaged, and says nothing.
        return Err(Refusal::Unsupported("a TIFF with JPEG inside".to_owned()));
    }
    if is_planar && !has_whole_tiles(&decoder, size) {
        return Err(Refusal::Unsupported("a TIFF in planes with tiles across its edges".to_owned()));
    }
    let profile = decoder.find_tag(Tag::IccProfile)?.and_then(|value| value.into_u8_vec().ok());
    let orientation = decoder.find_tag_unsigned::<u16>(Tag::Orientation)?.map(Orientation::of_exif).unwrap_or_default();
    let layout = Layout { size, samples, is_planar };
    let is_raw = compression == UNCOMPRESSED && !is_planar && decoder.get_chunk_type() == ChunkType::Strip;
    let (decoder_bytes, rows): (u64, Box<dyn RowReader>) = if is_raw {
        (0, Box::new(RawRows::new(raw, &mut decoder, layout)?))
    } else {
        let rows = ChunkRows::new(decoder, layout);
        (rows.buffer_bytes(), Box::new(rows))
    };
    Ok(Opened {
        size,
        samples,
        bits: if samples.depth == Depth::Sixteen { 16 } else { 8 },
        container: "TIFF".to_owned(),
        profile,
        orientation,
        decoder_bytes,
        rows,
    })
}

/// Whether no tile reaches beyond the image; in planes, the `tiff` crate (0.11) loses count of those that do.
fn has_whole_tiles(decoder: &FileDecoder, size: Size) -> bool {
    let (width, height) = decoder.chunk_dimensions();
    let divides = |tile: u32, side: u32| tile > 0 && side.is_multiple_of(tile);
    decoder.get_chunk_type() == ChunkType::Strip || (divides(width, size.width()) && divides(height, size.height()))
}

fn samples(decoder: &mut FileDecoder) -> Result<Samples, Refusal> {
    let colour = decoder.colortype()?;
    let (kind, has_alpha) = match colour {
        ColorType::Gray(8 | 16) => (Colour::Grey, false),
        // What the `tiff` crate makes of grey with one extra sample.
        ColorType::GrayA(8 | 16) | ColorType::Multiband { bit_depth: 8 | 16, num_samples: 2 } => (Colour::Grey, true),
        ColorType::RGB(8 | 16) => (Colour::Rgb, false),
        ColorType::RGBA(8 | 16) => (Colour::Rgb, true),
        other => return Err(Refusal::Unsupported(variety(other))),
    };
    if decoder.find_tag_unsigned::<u16>(Tag::PhotometricInterpretation)? == Some(WHITE_IS_ZERO) {
        return Err(Refusal::Unsupported("a TIFF in which 0 is white".to_owned()));
    }
    let formats = decoder.find_tag_unsigned_vec::<u16>(Tag::SampleFormat)?.unwrap_or_default();
    if formats.iter().any(|format| *format != 1) {
        return Err(Refusal::Unsupported("a TIFF with signed or floating point samples".to_owned()));
    }
    let extra = decoder.find_tag_unsigned_vec::<u16>(Tag::ExtraSamples)?.unwrap_or_default();
    let alpha = match (has_alpha, extra.first()) {
        (false, _) => Alpha::None,
        (true, Some(&ASSOCIATED_ALPHA)) => Alpha::Premultiplied,
        (true, _) => Alpha::Straight,
    };
    let depth = if colour.bit_depth() == 16 { Depth::Sixteen } else { Depth::Eight };
    Ok(Samples { colour: kind, alpha, depth })
}

fn variety(colour: ColorType) -> String {
    let kind = match colour {
        ColorType::Palette(_) => "a palette",
        ColorType::CMYK(_) | ColorType::CMYKA(_) => "CMYK pixels",
        ColorType::YCbCr(_) => "YCbCr pixels",
        ColorType::Lab(_) => "Lab pixels",
        ColorType::Gray(_) | ColorType::GrayA(_) | ColorType::RGB(_) | ColorType::RGBA(_) => "pixels",
        _ => "pixels of many samples",
    };
    format!("a TIFF with {kind} of {} bits a sample", colour.bit_depth())
}

#[derive(Clone, Copy)]
struct Layout {
    size: Size,
    samples: Samples,
    is_planar: bool,
}

impl Layout {
    /// Bytes of one row, as the file holds it.
    fn file_row_bytes(self) -> usize {
        self.size.width() as usize * self.samples.pixel_bytes()
    }
}

/// Rows of uncompressed strips, however high a strip is.
struct RawRows {
    file: File,
    layout: Layout,
    byte_order: ByteOrder,
    strip_offsets: Vec<u64>,
    rows_per_strip: u32,
    next_row: u32,
}

impl RawRows {
    fn new(file: File, decoder: &mut FileDecoder, layout: Layout) -> Result<Self, Refusal> {
        let strip_offsets: Vec<u64> = decoder.get_tag_u64_vec(Tag::StripOffsets)?;
        let height = layout.size.height();
        let rows_per_strip = decoder.find_tag_unsigned::<u32>(Tag::RowsPerStrip)?.unwrap_or(height).clamp(1, height);
        let strip_bytes: Vec<u64> = decoder.get_tag_u64_vec(Tag::StripByteCounts)?;
        let file_bytes = file.metadata()?.len();
        let strips = height.div_ceil(rows_per_strip);
        for strip in 0..strips {
            let rows = u64::from(rows_per_strip.min(height - strip * rows_per_strip));
            let needed = rows * layout.file_row_bytes() as u64;
            let index = strip as usize;
            let (Some(offset), Some(bytes)) = (strip_offsets.get(index), strip_bytes.get(index)) else {
                return Err(Refusal::Decode("there are fewer strips than the image needs".into()));
            };
            if *bytes < needed || offset.checked_add(needed).is_none_or(|end| end > file_bytes) {
                return Err(Refusal::Decode(format!("strip {strip} has fewer bytes than its rows need").into()));
            }
        }
        let byte_order = decoder.byte_order();
        Ok(Self { file, layout, byte_order, strip_offsets, rows_per_strip, next_row: 0 })
    }

    /// Where the next row begins, and how many rows follow it without a gap.
    fn next_run(&self) -> (u64, usize) {
        let strip = self.strip_offsets[(self.next_row / self.rows_per_strip) as usize];
        let row_in_strip = self.next_row % self.rows_per_strip;
        let offset = strip + u64::from(row_in_strip) * self.layout.file_row_bytes() as u64;
        (offset, (self.rows_per_strip - row_in_strip) as usize)
    }

    fn to_native_order(&self, rows: &mut [u8]) {
        if self.layout.samples.depth == Depth::Sixteen {
            for sample in rows.as_chunks_mut::<2>().0 {
                let value = match self.byte_order {
                    ByteOrder::LittleEndian => u16::from_le_bytes(*sample),
                    ByteOrder::BigEndian => u16::from_be_bytes(*sample),
                };
                *sample = value.to_ne_bytes();
            }
        }
    }
}

impl RowReader for RawRows {
    fn read_rows(&mut self, rows: &mut [u8]) -> Result<(), DecodeError> {
        let mut rows = rows;
        while !rows.is_empty() {
            let (offset, run) = self.next_run();
            let count = run.min(rows.len() / self.layout.file_row_bytes());
            let (now, later) = rows.split_at_mut(count * self.layout.file_row_bytes());
            self.file.seek(SeekFrom::Start(offset))?;
            self.file.read_exact(now)?;
            self.to_native_order(now);
            self.next_row += u32::try_from(count).expect("no more than the image's rows");
            rows = later;
        }
        Ok(())
    }
}

/// Rows of anything that the `tiff` crate decodes: one row of strips or tiles is held at a time.
struct ChunkRows {
    decoder: FileDecoder,
    layout: Layout,
    /// Pixels across and down of one strip or tile.
    chunk: (u32, u32),
    /// The rows of the present row of chunks, as the file holds them, channels interleaved.
    rows: Vec<u8>,
    /// One decoded chunk.
    pixels: Vec<u8>,
    next_chunk_row: u32,
    next_byte: usize,
}

impl ChunkRows {
    fn new(decoder: FileDecoder, layout: Layout) -> Self {
        let chunk = decoder.chunk_dimensions();
        Self { decoder, layout, chunk, rows: Vec::new(), pixels: Vec::new(), next_chunk_row: 0, next_byte: 0 }
    }

    /// The row of chunks and the chunk that are held.
    fn buffer_bytes(&self) -> u64 {
        let height = u64::from(self.chunk.1.min(self.layout.size.height()));
        // Together at most 2^32 * 2^32 * 8 bytes, which saturate where they do not fit: no machine has so many.
        let chunk =
            u64::from(self.chunk.0).saturating_mul(height).saturating_mul(self.layout.samples.pixel_bytes() as u64);
        (self.layout.file_row_bytes() as u64).saturating_mul(height).saturating_add(chunk)
    }

    fn decode_chunk_row(&mut self) -> Result<(), DecodeError> {
        let across = self.layout.size.width().div_ceil(self.chunk.0);
        let top = self.next_chunk_row * self.chunk.1;
        let height = (self.layout.size.height() - top).min(self.chunk.1);
        resize(&mut self.rows, height as usize, self.layout.file_row_bytes())?;
        for column in 0..across {
            self.decode_chunk(self.next_chunk_row * across + column, column, height)?;
        }
        self.next_chunk_row += 1;
        self.next_byte = 0;
        Ok(())
    }

    /// Decodes a chunk and puts its pixels into their place in the row of chunks.
    fn decode_chunk(&mut self, index: u32, column: u32, height: u32) -> Result<(), DecodeError> {
        let (width, chunk_height) = self.decoder.chunk_data_dimensions(index);
        let pixel_bytes = self.layout.samples.pixel_bytes();
        resize(&mut self.pixels, chunk_height as usize, width as usize * pixel_bytes)?;
        self.decoder.read_coding_unit_bytes(TiffCodingUnit(index), &mut self.pixels)?;
        let row_bytes = self.layout.file_row_bytes();
        let left = (column * self.chunk.0) as usize * pixel_bytes;
        let right = (left + width as usize * pixel_bytes).min(row_bytes);
        let plane_pixels = width as usize * chunk_height as usize;
        for y in 0..height as usize {
            let target = &mut self.rows[y * row_bytes..][left..right];
            let first_pixel = y * width as usize;
            if self.layout.is_planar {
                interleave(&self.pixels, first_pixel, plane_pixels, self.layout.samples, target);
            } else {
                target.copy_from_slice(&self.pixels[first_pixel * pixel_bytes..][..right - left]);
            }
        }
        Ok(())
    }
}

/// Gathers a row of pixels from planes that stand one after another.
fn interleave(planes: &[u8], first_pixel: usize, plane_pixels: usize, samples: Samples, target: &mut [u8]) {
    let sample_bytes = samples.sample_bytes();
    for (x, pixel) in target.chunks_exact_mut(samples.pixel_bytes()).enumerate() {
        for (plane, sample) in pixel.chunks_exact_mut(sample_bytes).enumerate() {
            let at = (plane * plane_pixels + first_pixel + x) * sample_bytes;
            sample.copy_from_slice(&planes[at..at + sample_bytes]);
        }
    }
}

impl RowReader for ChunkRows {
    fn read_rows(&mut self, rows: &mut [u8]) -> Result<(), DecodeError> {
        let file_row_bytes = self.layout.file_row_bytes();
        for row in rows.chunks_exact_mut(file_row_bytes) {
            if self.next_byte == self.rows.len() {
                self.decode_chunk_row()?;
            }
            row.copy_from_slice(&self.rows[self.next_byte..self.next_byte + file_row_bytes]);
            self.next_byte += file_row_bytes;
        }
        Ok(())
    }
}
