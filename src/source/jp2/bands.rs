//! Decodes large images without tiles in bands of rows, with OpenJPEG.

use super::DecodeError;
use super::memory::{BAND_ROWS, check_memory};
use super::pieces::Pieces;
use super::planes::{area, copy};
use crate::openjpeg::Decoder;
use crate::source::{Input, RowReader};

/// Minimum number of pixels to decode in bands. Smaller images take up to 100 MB with `hayro-jpeg2000`, which is written
/// in Rust and doesn't parse packet headers repeatedly.
const MIN_PIXELS: u64 = 4 << 20;

/// Returns `true` if an image should be decoded in bands.
pub(super) fn are_suitable(pieces: &Pieces) -> bool {
    let (width, height) = pieces.max_pixels();
    is_possible(pieces) && u64::from(width) * u64::from(height) >= MIN_PIXELS
}

/// Returns `true` if an image can be decoded in bands. OpenJPEG decodes bands of High-Throughput JPEG 2000 as zeros
/// (2.5.3), and of images with several tiles only one.
fn is_possible(pieces: &Pieces) -> bool {
    let codestream = &pieces.codestream;
    let (grid, codings) = (&codestream.grid, &codestream.codings);
    grid.columns() * grid.rows() == 1
        && !codestream.has_packed_headers
        && !codings.are_high_throughput()
        && pieces.has_direct_samples()
        && area(grid.image).is_ok()
}

/// Decodes an image in bands.
pub(super) struct BandRows {
    file: Input,
    pieces: Pieces,
    /// `None` until the first row is read.
    decoder: Option<Decoder>,
    max_rows: u32,
    next_row: u32,
    /// Pixels of the current band, and how many of their bytes have been delivered.
    samples: Vec<u8>,
    taken: usize,
}

impl BandRows {
    pub(super) fn new(file: Input, pieces: Pieces) -> Self {
        let (decoder, samples) = (None, Vec::new());
        Self { file, pieces, decoder, max_rows: BAND_ROWS, next_row: 0, samples, taken: 0 }
    }

    fn decode_band(&mut self) -> Result<(), DecodeError> {
        let Self { file, pieces, decoder, .. } = self;
        let decoder = if let Some(decoder) = decoder {
            decoder
        } else {
            check_memory(pieces.band_bytes())?;
            let (reader, length) = pieces.codestream_reader(file);
            decoder.insert(Decoder::open(Box::new(reader), length)?)
        };
        let (width, height) = pieces.max_pixels();
        let rows = self.next_row..self.next_row.saturating_add(self.max_rows).min(height);
        decoder.decode(area(pieces.codestream.grid.band(rows.clone()))?)?;
        let count = rows.end.saturating_sub(rows.start);
        copy(decoder, (width, count), &pieces.channels, &mut self.samples)?;
        (self.taken, self.next_row) = (0, rows.end);
        Ok(())
    }
}

impl RowReader for BandRows {
    fn read_rows(&mut self, rows: &mut [u8]) -> Result<(), DecodeError> {
        let mut rows = rows;
        while !rows.is_empty() {
            if self.taken == self.samples.len() {
                self.decode_band()?;
            }
            let waiting = &self.samples[self.taken..];
            let (now, later) = rows.split_at_mut(waiting.len().min(rows.len()));
            now.copy_from_slice(&waiting[..now.len()]);
            self.taken += now.len();
            rows = later;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::pieces_of;
    use super::super::rows::PieceRows;
    use super::*;
    use crate::source::metadata::Metadata;
    use std::fs::File;
    use std::io::Write;
    use std::num::NonZeroUsize;
    use std::path::Path;

    fn fixture(name: &str) -> Vec<u8> {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/jp2").join(name);
        std::fs::read(file).expect("a fixture")
    }

    /// Reads all samples of a file, in bands of this many rows or as a whole.
    fn samples(bytes: &[u8], max_rows: Option<u32>) -> Result<Vec<u8>, DecodeError> {
        let mut file = tempfile::tempfile()?;
        file.write_all(bytes)?;
        read(file, max_rows)
    }

    fn read(file: File, max_rows: Option<u32>) -> Result<Vec<u8>, DecodeError> {
        let file = Input::from_file(file)?;
        let (pieces, size) = pieces_of(&file, &mut Metadata::default()).map_err(|_| "the headers are damaged")?;
        let mut samples = vec![0; pieces.channels.samples.row_bytes(size.width()) * size.height() as usize];
        let mut rows: Box<dyn RowReader> = match max_rows {
            Some(max_rows) => {
                if !is_possible(&pieces) {
                    return Err("it can't be decoded in bands".into());
                }
                Box::new(BandRows { max_rows, ..BandRows::new(file, pieces) })
            }
            None => Box::new(PieceRows::new(file, pieces, NonZeroUsize::MIN)),
        };
        rows.read_rows(&mut samples)?;
        Ok(samples)
    }

    #[test]
    fn bands_have_the_samples_of_the_whole_image() {
        for (name, tolerance) in BANDED {
            let bytes = fixture(name);
            let whole = samples(&bytes, None).expect(name);
            for max_rows in [1, 7, 16, 1000] {
                let bands = samples(&bytes, Some(max_rows)).unwrap_or_else(|error| panic!("{name}: {error}"));
                let difference = bands.iter().zip(&whole).map(|(one, other)| one.abs_diff(*other)).max();
                assert!(difference <= Some(tolerance), "{name} in bands of {max_rows}: {difference:?}");
            }
        }
    }

    /// Fixtures without tiles, with the largest difference that is allowed: lossy samples are rounded differently.
    const BANDED: [(&str, u8); 10] = [
        ("gray.jp2", 0),
        ("rgb.jp2", 0),
        ("rgb.j2k", 0),
        ("lossy.jp2", 1),
        ("progressions.jp2", 0),
        ("modes.jp2", 0),
        ("rgb16.jp2", 0),
        ("gray12.jp2", 0),
        ("signed.j2k", 0),
        ("cmyk.jp2", 0),
    ];

    #[test]
    fn images_that_need_more_than_their_samples_are_not_decoded_in_bands() {
        for name in ["sycc420.jp2", "palette.jp2", "tiled.jp2", "high_throughput.jph"] {
            let error = samples(&fixture(name), Some(16)).expect_err(name);
            assert_eq!(error.to_string(), "it can't be decoded in bands", "{name}");
        }
    }

    #[test]
    fn high_throughput_images_are_decoded_as_a_whole() {
        let fold = |value: i32| u8::try_from((value % 510 - 255).abs()).expect("at most 255");
        let places = (0..16).flat_map(|y| (0..16).map(move |x| (x, y)));
        let color = |(x, y)| [fold(7 * x + 3 * y), fold(5 * y + x * y / 8), fold(4 * x - 6 * y + 5100)];
        let expected: Vec<u8> = places.flat_map(color).collect();
        let bytes = fixture("high_throughput.jph");
        assert!(samples(&bytes, None).expect("decoded") == expected);
        assert!(samples(&bytes[..bytes.len() * 2 / 3], None).is_err());
    }

    #[test]
    fn damaged_files_are_errors_or_other_pixels() {
        for (name, _) in BANDED {
            let whole = fixture(name);
            for damaged in (whole.len() / 3..whole.len()).step_by(41) {
                let mut bytes = whole.clone();
                bytes[damaged] ^= 0x55;
                // Neither a crash nor an endless loop.
                let _ = samples(&bytes, Some(16));
            }
            let cut = samples(&whole[..whole.len() * 2 / 3], Some(16));
            assert!(cut.is_err(), "{name}");
        }
    }
}
