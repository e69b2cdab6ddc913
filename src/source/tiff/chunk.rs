//! A single strip or tile, decoded row by row from the top.

use super::decompressor::{Decompressor, Shape};
use super::image::Image;
use super::range::SampleStats;
use super::ycbcr::Subsampling;
use crate::source::{DecodeError, resize};

/// Position of a strip or tile, in units of strips or tiles.
#[derive(Clone, Copy, Debug)]
pub(super) struct ChunkPosition {
    pub(super) column: u32,
    pub(super) row: u32,
}

/// Decodes the rows of one strip or tile across all of its planes.
pub(super) struct Chunk {
    position: ChunkPosition,
    planes: Vec<Plane>,
    /// A row's unpacked samples from all planes.
    pixels: Vec<u8>,
    /// Index of the next pixel row within the current row of subsampling units.
    unit_row: u32,
}

/// Returned when a strip or tile can't be decoded.
#[derive(Debug, thiserror::Error)]
#[error("could not decode {name}")]
struct Damaged {
    name: String,
    #[source]
    cause: DecodeError,
}

impl Chunk {
    /// Opens a strip or tile, starting at the given row. Starting anywhere but the first row requires uncompressed
    /// data.
    pub(super) fn open(image: &Image, position: ChunkPosition, first_row: u32) -> Result<Self, DecodeError> {
        let planes = image.planes.iter().map(|plane| Plane::open(image, position, *plane, first_row));
        Ok(Self { position, planes: planes.collect::<Result<_, _>>()?, pixels: Vec::new(), unit_row: 0 })
    }

    /// Fills `rows` with the next rows. Columns beyond `row_bytes` are cut off.
    pub(super) fn read(&mut self, image: &Image, rows: &mut [u8], row_bytes: usize) -> Result<(), DecodeError> {
        // Fast path for samples that don't need any conversion, in rows that aren't cut off at the image's edge. All
        // other rows go through a single-row buffer that stays in the cache.
        if image.is_direct() && row_bytes as u64 == image.packed_row_bytes() {
            return self.planes[0].read_direct(image, rows, row_bytes);
        }
        rows.chunks_exact_mut(row_bytes).try_for_each(|row| self.read_row(image, row))
    }

    fn read_row(&mut self, image: &Image, row: &mut [u8]) -> Result<(), DecodeError> {
        let width = image.chunks.width as usize;
        resize(&mut self.pixels, width, image.mapping.input_pixel_bytes())?;
        let pixels = &mut self.pixels[..];
        match &mut self.planes[..] {
            [plane] if image.subsampling != Subsampling::NONE => {
                // Subsampled YCbCr (TIFF 6.0, section 21) is stored in units. With 2 x 2 subsampling, a unit is four
                // luma samples followed by Cb and Cr. Each packed row therefore expands to two rows of pixels, so
                // decode it only once.
                if self.unit_row == 0 {
                    plane.next_row(image)?;
                }
                image.subsampling.expand(&plane.packed, self.unit_row, pixels);
                self.unit_row = (self.unit_row + 1) % image.subsampling.vertical;
            }
            [plane] => image.unpack(plane.next_row(image)?, 0, pixels),
            planes => {
                for (number, plane) in planes.iter_mut().enumerate() {
                    plane.next_samples(image, number)?;
                    scatter(&plane.samples, pixels, number, image);
                }
            }
        }
        image.mapping.convert(pixels, row);
        Ok(())
    }

    /// Measures the samples in all rows without converting them.
    pub(super) fn measure(mut self, image: &Image, stats: &mut SampleStats) -> Result<(), DecodeError> {
        let columns = image.chunks.columns(self.position.column);
        for (number, plane) in self.planes.iter_mut().enumerate() {
            for _ in 0..image.chunks.rows(self.position.row) {
                image.measure(plane.next_row(image)?, number, columns, stats);
            }
        }
        Ok(())
    }

    /// Checks that the data ends correctly after the last row.
    pub(super) fn finish(&mut self, image: &Image) -> Result<(), DecodeError> {
        self.planes.iter_mut().try_for_each(|plane| plane.finish(image))
    }
}

/// Copies one plane's samples to their positions in the interleaved pixels.
fn scatter(samples: &[u8], pixels: &mut [u8], number: usize, image: &Image) {
    let sample_bytes = image.depth().bytes();
    let pixels = pixels.chunks_exact_mut(image.mapping.input_pixel_bytes());
    for (sample, pixel) in samples.chunks_exact(sample_bytes).zip(pixels) {
        pixel[number * sample_bytes..][..sample_bytes].copy_from_slice(sample);
    }
}

/// One plane of a strip or tile.
struct Plane {
    index: usize,
    decompressor: Box<dyn Decompressor>,
    /// The decompressed row.
    packed: Vec<u8>,
    /// Scratch buffer for reordering samples.
    scratch: Vec<u8>,
    /// The row's unpacked samples, used only when there are multiple planes.
    samples: Vec<u8>,
}

impl Plane {
    fn open(image: &Image, position: ChunkPosition, number: usize, first_row: u32) -> Result<Self, DecodeError> {
        let chunks = &image.chunks;
        let index = chunks.index(position.column, position.row, number);
        // Skipping rows only works if they have a fixed size, so callers only do this for uncompressed strips. It
        // allows images stored upside down to be read from the bottom without buffering them.
        let skipped = u64::from(first_row) * image.packed_row_bytes();
        let extent = chunks.extent(&image.input, index, skipped, image.bit_order);
        let rows = chunks.rows(position.row);
        let shape = Shape {
            width: chunks.width,
            rows,
            max_rows: chunks.height,
            // Some writers pad the last strip to full height. For tiles, the specification requires it.
            surplus_bytes: image.packed_row_bytes().saturating_mul((chunks.height - rows).into()),
            channels: image.predictor_decoder.channels,
        };
        let decompressor = image.codec.open(extent, shape).map_err(|cause| damaged(image, index, cause))?;
        Ok(Self { index, decompressor, packed: Vec::new(), scratch: Vec::new(), samples: Vec::new() })
    }

    /// Decodes rows that don't need any conversion directly into `rows`.
    fn read_direct(&mut self, image: &Image, rows: &mut [u8], row_bytes: usize) -> Result<(), DecodeError> {
        self.decompressor.fill(rows).map_err(|cause| damaged(image, self.index, cause))?;
        rows.chunks_exact_mut(row_bytes).for_each(|row| image.predictor_decoder.decode_row(row, &mut self.scratch));
        Ok(())
    }

    fn next_row(&mut self, image: &Image) -> Result<&[u8], DecodeError> {
        resize(&mut self.packed, 1, usize::try_from(image.packed_row_bytes())?)?;
        self.decompressor.fill(&mut self.packed).map_err(|cause| damaged(image, self.index, cause))?;
        image.predictor_decoder.decode_row(&mut self.packed, &mut self.scratch);
        Ok(&self.packed)
    }

    fn next_samples(&mut self, image: &Image, number: usize) -> Result<(), DecodeError> {
        self.next_row(image)?;
        let sample_bytes = image.depth().bytes();
        resize(&mut self.samples, image.chunks.width as usize, sample_bytes)?;
        image.unpack(&self.packed, number, &mut self.samples);
        Ok(())
    }

    fn finish(&mut self, image: &Image) -> Result<(), DecodeError> {
        let end = self.decompressor.finish().map_err(|cause| damaged(image, self.index, cause))?;
        image.late_warnings.add_end(end);
        Ok(())
    }
}

/// Returns the error for a damaged strip or tile.
pub(super) fn damaged(image: &Image, index: usize, cause: DecodeError) -> DecodeError {
    Damaged { name: image.chunks.name(index), cause }.into()
}
