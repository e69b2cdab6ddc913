//! Decodes rows and runs the cascade, one strip at a time on a worker thread.
//!
//! Between strips, the reader waits for encoders and uploads on its own thread. Waiting on a worker could deadlock:
//! with a single worker, the reader would wait for a strip that only an encoder can release, while the encoder waits
//! for the worker. The memory for everything that the next rows might complete is therefore
//! [reserved](Cascade::reserve) before decoding them.

use super::budget::ReadingMemory;
use super::job::Job;
use crate::pixel::{BlockStrip, RowScale, Strip};
use crate::pyramid::{Cascade, STRIPS_PER_LEVEL};
use crate::source::{Source, SourceError, Warning};
use crate::workers::{WorkError, Workers};
use std::collections::TryReserveError;
use std::sync::Arc;
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::task::{JoinHandle, spawn_blocking};

/// Number of strips queued between the reader and the encoders. The strip pool is the actual limit, and a longer queue
/// would only hide which stage is slow.
const STRIP_QUEUE: usize = 1;

/// An image being read.
pub(super) struct Reading {
    /// Rows of tiles. Dropping the receiver stops the reader.
    pub(super) strips: Receiver<TileRow>,
    /// Handle to the reader, which returns warnings found while decoding pixels.
    pub(super) reader: JoinHandle<Result<Vec<Warning>, ReadError>>,
    /// Released once both the reader and the encoders have finished, since either can outlive the other.
    pub(super) memory: ReadingMemory,
}

impl Reading {
    /// Starts reading. Pauses once all strips and the queue are full, until the strips are consumed.
    pub(super) fn begin(source: Source, memory: ReadingMemory, job: &Job) -> Self {
        let (sender, strips) = mpsc::channel(STRIP_QUEUE);
        let (pyramid, blocks, of_reader) = (job.target.pyramid.clone(), job.blocks, Arc::clone(&memory));
        let (workers, spare) = (job.budget.workers.clone(), job.budget.spare.clone());
        let reader = spawn_blocking(move || {
            let rows = blocks.unwrap_or(RowScale::Full);
            let cascade = Cascade::with_spare(&pyramid, source.header().format, rows, &spare);
            let read = read((source, blocks), cascade, pyramid.tile_size(), (&workers, &sender));
            drop(of_reader);
            read
        });
        Self { strips, reader, memory }
    }
}

/// Reads the entire image just to collect its warnings. Returns early without an error if `is_stopping` returns `true`.
pub(super) fn rehearse(mut source: Source, is_stopping: impl Fn() -> bool) -> Result<Vec<Warning>, SourceError> {
    let (width, height) = (source.header().size.width() as usize, source.header().size.height() as usize);
    let row_bytes = width * source.header().format.channels();
    let mut rows = Vec::new();
    rows.try_reserve_exact(row_bytes).map_err(|error| source.failed(error.into()))?;
    rows.resize(row_bytes, 0);
    for _ in 0..height {
        if is_stopping() {
            return Ok(Vec::new());
        }
        source.read_rows(&mut rows)?;
    }
    source.finish()
}

/// Reads an image from top to bottom and sends all strips of all levels.
///
/// Returns early without an error if the receiver is dropped, because the receiving side knows the reason. If `blocks`
/// is set, full-size tiles are sent as JPEG blocks.
fn read(
    (mut source, blocks): (Source, Option<RowScale>),
    mut cascade: Cascade,
    tile_size: u32,
    (workers, strips): (&Workers, &Sender<TileRow>),
) -> Result<Vec<Warning>, ReadError> {
    if let Some(scale) = blocks {
        source.keep_blocks(tile_size, STRIPS_PER_LEVEL, scale);
    }
    loop {
        cascade.reserve();
        source.reserve_blocks();
        let step = workers.run_blocking(|| read_some(&mut source, &mut cascade, strips))?;
        let Step { rows, end } = match step {
            Ok(step) => step,
            Err(Stop::Source(error)) => return Err(error.into()),
            Err(Stop::Memory(error)) => return Err(source.failed(error.into()).into()),
        };
        for row in rows {
            if strips.blocking_send(row).is_err() {
                return Ok(Vec::new());
            }
        }
        if let Some(warnings) = end {
            return Ok(warnings);
        }
    }
}

/// Completed rows of tiles.
struct Step {
    rows: Vec<TileRow>,
    /// Warnings, set after the last row or when the receiver has been closed.
    end: Option<Vec<Warning>>,
}

/// Reads until a row of tiles is complete or memory for more rows isn't available yet.
fn read_some(source: &mut Source, cascade: &mut Cascade, strips: &Sender<TileRow>) -> Result<Step, Stop> {
    let mut rows = Vec::new();
    while rows.is_empty() && cascade.try_reserve() && source.try_reserve_blocks() {
        // Dropping the receiver is the only stop signal, covering errors, canceled futures and graceful stops alike. A
        // flag would have to be set in every one of these cases.
        if strips.is_closed() {
            return Ok(Step { rows, end: Some(Vec::new()) });
        }
        let Some(into) = cascade.next_rows()? else {
            let warnings = source.finish()?;
            rows.extend(complete_blocks(source));
            return Ok(Step { rows, end: Some(warnings) });
        };
        source.read_rows(into)?;
        rows.extend(complete_blocks(source));
        cascade.rows_filled(&mut |strip| {
            rows.push(TileRow::Pixels(strip));
            Ok::<_, Stop>(())
        })?;
    }
    Ok(Step { rows, end: None })
}

/// Takes all rows of tiles with complete blocks.
fn complete_blocks(source: &mut Source) -> impl Iterator<Item = TileRow> {
    std::iter::from_fn(|| source.take_blocks().map(TileRow::Blocks))
}

/// A row of tiles.
pub(super) enum TileRow {
    /// Pixels of any level.
    Pixels(Strip),
    /// Full-size JPEG blocks, copied from the file.
    Blocks(BlockStrip),
}

/// Reason for stopping before the last row.
enum Stop {
    Source(SourceError),
    Memory(TryReserveError),
}

/// Error returned by the reader.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReadError {
    #[error(transparent)]
    Source(#[from] SourceError),
    #[error(transparent)]
    Work(#[from] WorkError),
}

impl From<SourceError> for Stop {
    fn from(error: SourceError) -> Self {
        Self::Source(error)
    }
}

impl From<TryReserveError> for Stop {
    fn from(error: TryReserveError) -> Self {
        Self::Memory(error)
    }
}
