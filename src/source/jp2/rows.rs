//! Reads rows from pieces. Holds one row of pieces, which are decoded in parallel.

use super::DecodeError;
use super::decode::decode;
use super::memory::check_memory;
use super::pieces::{PiecePosition, Pieces};
#[cfg(feature = "openjpeg")]
use super::planes::decode_high_throughput;
use crate::source::{Input, RowReader};
use crate::workers;
use std::num::NonZeroUsize;

pub(super) struct PieceRows {
    file: Input,
    pieces: Pieces,
    /// Maximum number of pieces to decode in parallel.
    threads: usize,
    /// Pixels in the current row of pieces, from left to right. The buffers are reused for the next row.
    decoded: Vec<Vec<u8>>,
    next_row: u32,
    /// Height of the current row of pieces in pixels, and how many of those rows have been delivered.
    height: usize,
    delivered: usize,
}

impl PieceRows {
    pub(super) fn new(file: Input, pieces: Pieces, threads: NonZeroUsize) -> Self {
        let threads = threads.get().min(pieces.columns() as usize);
        Self { file, pieces, threads, decoded: Vec::new(), next_row: 0, height: 0, delivered: 0 }
    }

    fn decode_row(&mut self) -> Result<(), DecodeError> {
        let Self { file, pieces, decoded, next_row: row, .. } = self;
        let row = *row;
        check_memory(pieces.bytes_of_one().saturating_mul(self.threads as u64))?;
        let (_, height) = pieces.pixels(PiecePosition { column: 0, row });
        decoded.resize_with(pieces.columns() as usize, Vec::new);
        let positions = (0..).map(|column| PiecePosition { column, row });
        workers::share(positions.zip(decoded).collect(), |(position, samples)| {
            let bytes = pieces.read(position, file)?;
            #[cfg(feature = "openjpeg")]
            if pieces.codestream.codings.are_high_throughput() {
                return decode_high_throughput(bytes, pieces, position, samples);
            }
            decode(&bytes, pieces.pixels(position), &pieces.channels, samples)
        })?;
        (self.height, self.delivered, self.next_row) = (height as usize, 0, row + 1);
        Ok(())
    }
}

impl RowReader for PieceRows {
    fn read_rows(&mut self, rows: &mut [u8]) -> Result<(), DecodeError> {
        let mut rows = rows;
        while !rows.is_empty() {
            if self.delivered == self.height {
                self.decode_row()?;
            }
            for pixels in &self.decoded {
                let row_bytes = pixels.len() / self.height;
                let (now, later) = rows.split_at_mut(row_bytes);
                now.copy_from_slice(&pixels[self.delivered * row_bytes..][..row_bytes]);
                rows = later;
            }
            self.delivered += 1;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::jp2::pieces_of;
    use crate::source::metadata::Metadata;
    use std::fs::File;
    use std::path::Path;

    /// Decodes a fixture, either in pieces or as a whole.
    fn samples(name: &str, is_split: bool) -> Vec<u8> {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/jp2").join(name);
        let file = File::open(file).and_then(Input::from_file).expect("a fixture");
        let (mut pieces, size) = pieces_of(&file, &mut Metadata::default()).ok().expect("sound headers");
        if !is_split {
            pieces.keep_whole();
        }
        assert_eq!(pieces.columns() > 1, is_split, "{name}");
        let mut samples = vec![0; pieces.channels.samples.row_bytes(size.width()) * size.height() as usize];
        PieceRows::new(file, pieces, NonZeroUsize::MIN).read_rows(&mut samples).expect("decoded");
        samples
    }

    #[test]
    fn tiles_give_the_same_samples_as_the_whole_image() {
        let names = ["tiled.jp2", "tiled_lossy.j2k", "offsets.jp2", "tile_parts.jp2", "alpha.jp2", "palette.jp2"];
        for name in names.iter().chain(&["sycc420_tiled.jp2", "exchanged.jp2", "spaced.jp2"]) {
            assert!(samples(name, true) == samples(name, false), "{name}");
        }
    }

    #[test]
    fn cmyk_samples_are_unchanged() {
        let fold = |value: u32| u8::try_from((value % 510).abs_diff(255)).expect("at most 255");
        let first_row = (0..61).flat_map(|x| [fold(7 * x), fold(0), fold(4 * x + 5100), fold(7 * x) / 3]);
        assert!(samples("cmyk.jp2", false)[..4 * 61] == first_row.collect::<Vec<_>>());
    }
}
