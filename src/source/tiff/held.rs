//! Tiles, and compressed strips of few rows: as many rows of them are held as are worth decoding at once, on all cores.

use super::chunk::{Chunk, Place};
use super::image::Image;
use crate::source::{DecodeError, RowReader, Warning, resize};
use std::num::NonZeroUsize;
use std::slice::IterMut;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// Bytes of pixels that are decoded together, where one row of strips or tiles has less: enough to be worth threads.
const GROUP_BYTES: u64 = 4 << 20;

/// The same at the most, where a row of strips or tiles is too few for all cores: a strip is as wide as the image.
const MOST_GROUP_BYTES: u64 = 32 << 20;

/// Bytes of pixels that are worth a thread.
const THREAD_BYTES: usize = 256 << 10;

/// Reads rows out of strips or tiles that are held.
pub(super) struct HeldRows {
    image: Arc<Image>,
    /// Rows of strips or tiles that are decoded together.
    group: u32,
    /// Those that are held, row by row, and the number of the first row.
    held: Vec<Held>,
    first: u32,
    /// Rows that have been read, from whichever end.
    done: u32,
    is_turned: bool,
}

/// One strip or tile, as far as it is in the image.
struct Held {
    place: Place,
    pixels: Vec<u8>,
}

impl HeldRows {
    pub(super) fn new(image: Arc<Image>) -> Self {
        let row_bytes = row_of_chunks_bytes(&image).max(1);
        let for_all_cores = (cores() as u64).div_ceil(image.chunks.across().into());
        let group = (GROUP_BYTES / row_bytes).max(for_all_cores.min(MOST_GROUP_BYTES / row_bytes));
        let group = u32::try_from(group).unwrap_or(u32::MAX).clamp(1, image.chunks.down());
        Self { image, group, held: Vec::new(), first: 0, done: 0, is_turned: false }
    }

    /// The memory of what is held.
    pub(super) fn buffer_bytes(&self) -> u64 {
        let size = self.image.chunks.size;
        let rows = u64::from(self.group).saturating_mul(self.image.chunks.height.into()).min(size.height().into());
        let pixels = rows.saturating_mul(self.image.meaning.samples.row_bytes(size.width()) as u64);
        let windows = cores().min(self.group as usize * self.image.chunks.across() as usize) as u64;
        pixels.saturating_add(windows.saturating_mul(self.image.window_bytes()))
    }

    fn read_row(&mut self, row: &mut [u8]) -> Result<(), DecodeError> {
        let height = self.image.chunks.size.height();
        if self.done == height {
            return Err("the image has no more rows".into());
        }
        let y = if self.is_turned { height - 1 - self.done } else { self.done };
        let (chunk_row, row_in_chunk) = (y / self.image.chunks.height, y % self.image.chunks.height);
        self.hold(chunk_row)?;
        let across = self.image.chunks.across() as usize;
        let held = &self.held[(chunk_row - self.first) as usize * across..][..across];
        let mut row = row;
        for held in held {
            let row_bytes = held.row_bytes(&self.image);
            let (now, later) = row.split_at_mut(row_bytes);
            now.copy_from_slice(&held.pixels[row_in_chunk as usize * row_bytes..][..row_bytes]);
            row = later;
        }
        self.done += 1;
        Ok(())
    }

    /// Sees to it that a row of strips or tiles is held.
    fn hold(&mut self, row: u32) -> Result<(), DecodeError> {
        let across = self.image.chunks.across();
        let rows = u32::try_from(self.held.len())? / across;
        if (self.first..self.first + rows).contains(&row) {
            return Ok(());
        }
        self.first = if self.is_turned { (row + 1).saturating_sub(self.group) } else { row };
        let end = self.image.chunks.down().min(self.first.saturating_add(self.group));
        let places = (self.first..end).flat_map(|row| (0..across).map(move |column| Place { column, row }));
        // Memory that has been used before is used again.
        let mut used = std::mem::take(&mut self.held).into_iter().map(|held| held.pixels);
        let mut held: Vec<Held> = places.map(|place| Held { place, pixels: used.next().unwrap_or_default() }).collect();
        drop(used);
        decode(&self.image, &mut held)?;
        self.held = held;
        Ok(())
    }
}

/// Bytes of the pixels of one row of strips or tiles.
fn row_of_chunks_bytes(image: &Image) -> u64 {
    let row_bytes = image.meaning.samples.row_bytes(image.chunks.size.width()) as u64;
    row_bytes.saturating_mul(image.chunks.rows(0).into())
}

/// Decodes some strips or tiles, on as many cores as they are worth.
fn decode(image: &Image, held: &mut [Held]) -> Result<(), DecodeError> {
    let bytes: usize = held.iter().map(|held| held.bytes(image)).sum();
    let threads = cores().min(held.len()).min(bytes / THREAD_BYTES);
    if threads <= 1 {
        return held.iter_mut().try_for_each(|held| held.decode(image));
    }
    // Locked only to take the next one.
    let left = Mutex::new(held.iter_mut());
    thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(|| decode_next(image, &left))).collect();
        threads.into_iter().try_for_each(|thread| match thread.join() {
            Ok(decoded) => decoded,
            Err(panic) => std::panic::resume_unwind(panic),
        })
    })
}

fn cores() -> usize {
    thread::available_parallelism().map_or(1, NonZeroUsize::get)
}

/// Decodes one after another, until there are none left.
fn decode_next(image: &Image, left: &Mutex<IterMut<Held>>) -> Result<(), DecodeError> {
    let next = || left.lock().unwrap_or_else(PoisonError::into_inner).next();
    while let Some(held) = next() {
        held.decode(image)?;
    }
    Ok(())
}

impl Held {
    fn row_bytes(&self, image: &Image) -> usize {
        image.meaning.samples.row_bytes(image.chunks.columns(self.place.column))
    }

    fn rows(&self, image: &Image) -> u32 {
        image.chunks.rows(self.place.row)
    }

    fn bytes(&self, image: &Image) -> usize {
        self.row_bytes(image).saturating_mul(self.rows(image) as usize)
    }

    fn decode(&mut self, image: &Image) -> Result<(), DecodeError> {
        let row_bytes = self.row_bytes(image);
        let rows = self.rows(image);
        resize(&mut self.pixels, rows as usize, row_bytes)?;
        let mut chunk = Chunk::open(image, self.place, 0)?;
        chunk.read(image, &mut self.pixels, row_bytes)?;
        chunk.finish(image)
    }
}

impl RowReader for HeldRows {
    fn read_rows(&mut self, rows: &mut [u8]) -> Result<(), DecodeError> {
        let row_bytes = self.image.meaning.samples.row_bytes(self.image.chunks.size.width());
        self.image.prepare()?;
        rows.chunks_exact_mut(row_bytes).try_for_each(|row| self.read_row(row))
    }

    fn finish(&mut self) -> Result<Vec<Warning>, DecodeError> {
        Ok(self.image.warnings())
    }

    fn turn_over(&mut self) -> bool {
        self.is_turned = true;
        true
    }
}
