//! Rows out of pieces: one row of them is held, and its pieces are decoded side by side.

use super::DecodeError;
use super::decode::decode;
use super::pieces::{Pieces, Place};
use crate::source::{Input, RowReader};
use rayon::{ThreadPool, ThreadPoolBuilder};
use std::num::NonZeroUsize;
use std::sync::{Mutex, PoisonError};
use std::thread;

/// Threads that decode pieces of one row.
pub(super) fn threads(pieces: &Pieces) -> usize {
    let cores = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    cores.min(pieces.columns() as usize)
}

pub(super) struct PieceRows {
    file: Input,
    pieces: Pieces,
    /// From the first row on. The allocator may keep for a thread what that one freed: these stay, and use it again.
    workers: Option<ThreadPool>,
    /// The pixels of the present row of pieces, from left to right, in memory that is used again for the next row.
    held: Vec<Vec<u8>>,
    next_row_of_pieces: u32,
    /// Of the row of pieces: how many rows of pixels it has, and how many are given.
    height: usize,
    given: usize,
}

impl PieceRows {
    pub(super) fn new(file: Input, pieces: Pieces) -> Self {
        Self { file, pieces, workers: None, held: Vec::new(), next_row_of_pieces: 0, height: 0, given: 0 }
    }

    fn decode_row(&mut self) -> Result<(), DecodeError> {
        let Self { file, pieces, held, next_row_of_pieces: row, .. } = self;
        let (row, threads) = (*row, threads(pieces));
        ask_for(pieces.bytes_of_one().saturating_mul(threads as u64))?;
        let (_, height) = pieces.pixels(Place { column: 0, row });
        held.resize_with(pieces.columns() as usize, Vec::new);
        let places = (0..).map(|column| Place { column, row });
        let work = Mutex::new(places.zip(held));
        let workers = match &mut self.workers {
            Some(workers) => workers,
            none => none.insert(ThreadPoolBuilder::new().num_threads(threads).build()?),
        };
        workers.broadcast(|_| decode_some(pieces, file, &work)).into_iter().collect::<Result<(), _>>()?;
        (self.height, self.given, self.next_row_of_pieces) = (height as usize, 0, row + 1);
        Ok(())
    }
}

/// Decodes pieces until none is left, or one fails.
fn decode_some<'a>(
    pieces: &Pieces,
    file: &Input,
    work: &Mutex<impl Iterator<Item = (Place, &'a mut Vec<u8>)>>,
) -> Result<(), DecodeError> {
    // In a statement of its own, so that the others need not wait until this one is decoded.
    let next = || work.lock().unwrap_or_else(PoisonError::into_inner).next();
    while let Some((place, samples)) = next() {
        let bytes = pieces.read(place, file);
        let decoded = bytes.and_then(|bytes| decode(&bytes, pieces.pixels(place), &pieces.channels, samples));
        // The others need not go on.
        decoded.inspect_err(|_| while next().is_some() {})?;
    }
    Ok(())
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
    use crate::source::metadata::Metadata;
    use std::fs::File;
    use std::path::Path;

    /// The pieces of a fixture, in their rows.
    fn samples(name: &str, is_split: bool) -> Vec<u8> {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/jp2").join(name);
        let file = File::open(file).and_then(Input::of_file).expect("a fixture");
        let (mut pieces, size) = pieces_of(&file, &mut Metadata::default()).ok().expect("sound headers");
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
