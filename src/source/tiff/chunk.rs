//! One strip or tile, read row by row from its top.

use super::codec::{Expand, Shape};
use super::image::Image;
use super::meaning::sample_bytes;
use super::range::Counts;
use super::ycbcr::Subsampling;
use crate::source::{DecodeError, resize};

/// Which strip or tile.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) column: u32,
    pub(super) row: u32,
}

/// Reads the rows of one strip or tile, in all its planes.
pub(super) struct Chunk {
    place: Place,
    planes: Vec<Plane>,
    /// The samples of a row, of all planes.
    pixels: Vec<u8>,
    /// The next row, counted from the first of those that share their colours.
    unit_row: u32,
}

/// A strip or tile that could not be decoded.
#[derive(Debug, thiserror::Error)]
#[error("could not decode {name}")]
struct Damaged {
    name: String,
    #[source]
    cause: DecodeError,
}

impl Chunk {
    /// Begins with a row of a strip or tile: with another than the first only where nothing is compressed.
    pub(super) fn open(image: &Image, place: Place, first_row: u32) -> Result<Self, DecodeError> {
        let planes = image.planes.iter().map(|plane| Plane::open(image, place, *plane, first_row));
        Ok(Self { place, planes: planes.collect::<Result<_, _>>()?, pixels: Vec::new(), unit_row: 0 })
    }

    /// Fills `rows` with the next ones, or with their beginnings where there is no room for more.
    pub(super) fn read(&mut self, image: &Image, rows: &mut [u8], row_bytes: usize) -> Result<(), DecodeError> {
        if image.is_direct() && row_bytes as u64 == image.packed_row_bytes() {
            return self.planes[0].read_direct(image, rows, row_bytes);
        }
        rows.chunks_exact_mut(row_bytes).try_for_each(|row| self.read_row(image, row))
    }

    fn read_row(&mut self, image: &Image, row: &mut [u8]) -> Result<(), DecodeError> {
        let width = image.chunks.width as usize;
        resize(&mut self.pixels, width, image.meaning.given_bytes())?;
        let pixels = &mut self.pixels[..];
        match &mut self.planes[..] {
            [plane] if image.subsampling != Subsampling::NONE => {
                if self.unit_row == 0 {
                    plane.next_row(image)?;
                }
                image.subsampling.expand(&plane.packed, self.unit_row, pixels);
                self.unit_row = (self.unit_row + 1) % image.subsampling.down;
            }
            [plane] => image.unpack(plane.next_row(image)?, 0, pixels),
            planes => {
                for (number, plane) in planes.iter_mut().enumerate() {
                    plane.next_samples(image, number)?;
                    scatter(&plane.samples, pixels, number, image);
                }
            }
        }
        image.meaning.convert(pixels, row);
        Ok(())
    }

    /// Measures the samples of all rows, instead of reading them.
    pub(super) fn measure(mut self, image: &Image, counts: &mut Counts) -> Result<(), DecodeError> {
        let columns = image.chunks.columns(self.place.column);
        for (number, plane) in self.planes.iter_mut().enumerate() {
            for _ in 0..image.chunks.rows(self.place.row) {
                image.measure(plane.next_row(image)?, number, columns, counts);
            }
        }
        Ok(())
    }

    /// After the last row of the strip or tile.
    pub(super) fn finish(&mut self, image: &Image) -> Result<(), DecodeError> {
        self.planes.iter_mut().try_for_each(|plane| plane.finish(image))
    }
}

/// Puts the samples of one plane in their places among those of the others.
fn scatter(samples: &[u8], pixels: &mut [u8], number: usize, image: &Image) {
    let sample_bytes = sample_bytes(image.depth());
    let pixels = pixels.chunks_exact_mut(image.meaning.given_bytes());
    for (sample, pixel) in samples.chunks_exact(sample_bytes).zip(pixels) {
        pixel[number * sample_bytes..][..sample_bytes].copy_from_slice(sample);
    }
}

/// The strip or tile in one plane.
struct Plane {
    index: usize,
    expander: Box<dyn Expand>,
    /// A row as it was before it was compressed.
    packed: Vec<u8>,
    /// The same once more, for samples that are put into another order.
    spare: Vec<u8>,
    /// Its samples, where there are other planes.
    samples: Vec<u8>,
}

impl Plane {
    fn open(image: &Image, place: Place, number: usize, first_row: u32) -> Result<Self, DecodeError> {
        let chunks = &image.chunks;
        let index = chunks.index(place.column, place.row, number);
        let skipped = u64::from(first_row) * image.packed_row_bytes();
        let extent = chunks.extent(&image.input, index, skipped, image.bit_order);
        let rows = chunks.rows(place.row);
        let shape = Shape {
            width: chunks.width,
            rows,
            most_rows: chunks.height,
            spare_bytes: image.packed_row_bytes().saturating_mul((chunks.height - rows).into()),
            channels: image.restorer.channels,
        };
        let expander = image.codec.open(extent, shape).map_err(|cause| damaged(image, index, cause))?;
        Ok(Self { index, expander, packed: Vec::new(), spare: Vec::new(), samples: Vec::new() })
    }

    /// Rows that need no conversion, into where they are wanted.
    fn read_direct(&mut self, image: &Image, rows: &mut [u8], row_bytes: usize) -> Result<(), DecodeError> {
        self.expander.fill(rows).map_err(|cause| damaged(image, self.index, cause))?;
        rows.chunks_exact_mut(row_bytes).for_each(|row| image.restorer.restore(row, &mut self.spare));
        Ok(())
    }

    fn next_row(&mut self, image: &Image) -> Result<&[u8], DecodeError> {
        resize(&mut self.packed, 1, usize::try_from(image.packed_row_bytes())?)?;
        self.expander.fill(&mut self.packed).map_err(|cause| damaged(image, self.index, cause))?;
        image.restorer.restore(&mut self.packed, &mut self.spare);
        Ok(&self.packed)
    }

    fn next_samples(&mut self, image: &Image, number: usize) -> Result<(), DecodeError> {
        self.next_row(image)?;
        let sample_bytes = sample_bytes(image.depth());
        resize(&mut self.samples, image.chunks.width as usize, sample_bytes)?;
        image.unpack(&self.packed, number, &mut self.samples);
        Ok(())
    }

    fn finish(&mut self, image: &Image) -> Result<(), DecodeError> {
        let end = self.expander.finish().map_err(|cause| damaged(image, self.index, cause))?;
        image.notes.add_end(end);
        Ok(())
    }
}

fn damaged(image: &Image, index: usize, cause: DecodeError) -> DecodeError {
    Damaged { name: image.chunks.name(index), cause }.into()
}
