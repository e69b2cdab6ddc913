//! Rows out of pieces: one row of them is held, and its pieces are decoded side by side.

use super::DecodeError;
use super::decode::decode;
use super::pieces::{Pieces, Place};
use crate::source::{Input, RowReader};
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::{self, ScopedJoinHandle};

/// Threads that decode pieces of one row.
pub(super) fn threads(pieces: &Pieces) -> usize {
    let cores = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    cores.min(pieces.columns() as usize)
}

pub(super) struct PieceRows {
    file: Input,
    pieces: Pieces,
    /// The pixels of the present row of pieces, from left to right.
    held: Vec<Vec<u8>>,
    next_row_of_pieces: u32,
    /// Of the row of pieces: how many rows of pixels it has, and how many are given.
    height: usize,
    given: usize,
}

impl PieceRows {
    pub(super) fn new(file: Input, pieces: Pieces) -> Self {
        Self { file, pieces, held: Vec::new(), next_row_of_pieces: 0, height: 0, given: 0 }
    }

    fn decode_row(&mut self) -> Result<(), DecodeError> {
        // Freed before the next ones are made.
        self.held.clear();
        let row = self.next_row_of_pieces;
        let (_, height) = self.pieces.pixels(Place { column: 0, row });
        self.held = self.decoded(row)?;
        (self.height, self.given, self.next_row_of_pieces) = (height as usize, 0, row + 1);
        Ok(())
    }

    fn decoded(&self, row: u32) -> Result<Vec<Vec<u8>>, DecodeError> {
        let threads = threads(&self.pieces);
        ask_for(self.pieces.bytes_of_one().saturating_mul(threads as u64))?;
        let next = AtomicU32::new(0);
        let decoded = thread::scope(|scope| {
            let workers: Vec<_> = (0..threads).map(|_| scope.spawn(|| self.decode_some(row, &next))).collect();
            // All are joined, also after an error.
            let results: Vec<_> = workers.into_iter().map(ScopedJoinHandle::join).collect();
            let results = results.into_iter().map(|result| match result {
                Ok(decoded) => decoded,
                Err(panic) => std::panic::resume_unwind(panic),
            });
            results.collect::<Result<Vec<_>, DecodeError>>()
        })?;
        let mut decoded: Vec<_> = decoded.into_iter().flatten().collect();
        decoded.sort_unstable_by_key(|(column, _)| *column);
        Ok(decoded.into_iter().map(|(_, pixels)| pixels).collect())
    }

    /// Decodes pieces of a row until none is left, or one fails.
    fn decode_some(&self, row: u32, next: &AtomicU32) -> Result<Vec<(u32, Vec<u8>)>, DecodeError> {
        let columns = self.pieces.columns();
        let mut decoded = Vec::new();
        loop {
            let column = next.fetch_add(1, Ordering::Relaxed);
            if column >= columns {
                return Ok(decoded);
            }
            let place = Place { column, row };
            let bytes = self.pieces.read(place, &self.file);
            let pixels = bytes.and_then(|bytes| decode(&bytes, self.pieces.pixels(place), &self.pieces.channels));
            // The others need not go on. Far from overflow: each thread adds one at the most after it.
            decoded.push((column, pixels.inspect_err(|_| next.store(columns, Ordering::Relaxed))?));
        }
    }
}

impl RowReader for PieceRows {
    fn read_rows(&mut self, rows: &mut [u8]) -> Result<(), DecodeError> {
        let mut rows = rows;
        while !rows.is_empty() {
            if self.given == self.height {
                self.decode_row()?;
            }
            for pixels in &self.held {
                let row_bytes = pixels.len() / self.height;
                let (now, later) = rows.split_at_mut(row_bytes);
                now.copy_from_slice(&pixels[self.given * row_bytes..][..row_bytes]);
                rows = later;
            }
            self.given += 1;
        }
        Ok(())
    }
}

/// An error where the machine cannot give so much memory: the decoder would end the program.
fn ask_for(bytes: u64) -> Result<(), DecodeError> {
    let not_there = || format!("decoding it takes {bytes} bytes of memory, which are not there");
    let bytes = usize::try_from(bytes).map_err(|_| not_there())?;
    Vec::<u8>::new().try_reserve_exact(bytes).map_err(|_| not_there().into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::jp2::pieces_of;
    use std::fs::File;
    use std::path::Path;

    /// The pieces of a fixture, in their rows.
    fn samples(name: &str, is_split: bool) -> Vec<u8> {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/jp2").join(name);
        let file = File::open(file).and_then(Input::of_file).expect("a fixture");
        let (mut pieces, size) = pieces_of(&file).ok().expect("sound headers");
        if !is_split {
            pieces.keep_whole();
        }
        assert_eq!(pieces.columns() > 1, is_split, "{name}");
        let mut samples = vec![0; pieces.channels.samples.row_bytes(size.width()) * size.height() as usize];
        PieceRows::new(file, pieces).read_rows(&mut samples).expect("decoded");
        samples
    }

    #[test]
    fn tiles_give_the_samples_that_the_whole_image_gives() {
        let names = ["tiled.jp2", "tiled_lossy.j2k", "offsets.jp2", "tile_parts.jp2", "alpha.jp2", "palette.jp2"];
        for name in names.iter().chain(&["sycc420_tiled.jp2", "exchanged.jp2", "spaced.jp2"]) {
            assert!(samples(name, true) == samples(name, false), "{name}");
        }
    }

    #[test]
    fn inks_are_what_they_are_in_the_file() {
        let fold = |value: u32| u8::try_from((value % 510).abs_diff(255)).expect("at most 255");
        let first_row = (0..61).flat_map(|x| [fold(7 * x), fold(0), fold(4 * x + 5100), fold(7 * x) / 3]);
        assert!(samples("cmyk.jp2", false)[..4 * 61] == first_row.collect::<Vec<_>>());
    }
}
