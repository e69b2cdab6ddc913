//! The reader: decodes rows and runs the cascade, strip by strip on one of the workers.
//!
//! Between two strips, the reader waits for encoders and uploads on a thread of its own. On a worker it would deadlock: with a single
//! worker, the reader would wait for a strip that only an encoder can free, and the encoder for the worker. So before rows are decoded,
//! the memory of everything that they may complete is [reserved](Cascade::reserve).

use super::budget::ReadingMemory;
use super::job::Job;
use crate::iiif::Pyramid;
use crate::pixel::{BlockStrip, RowScale, Strip};
use crate::pyramid::{Cascade, STRIPS_PER_LEVEL};
use crate::source::{Source, SourceError, Warning};
use crate::workers::{WorkError, Workers};
use std::collections::TryReserveError;
use std::sync::Arc;
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::task::{JoinHandle, spawn_blocking};

/// Strips that wait between the reader and the encoders. The pool of strips is the real bound; a queue beyond it would
/// only hide which stage is slow.
const STRIP_QUEUE: usize = 1;

/// An image that is being read.
pub(super) struct Reading {
    /// Rows of tiles. Dropping this stops the reader.
    pub(super) strips: Receiver<TileRow>,
    /// The reader, which returns the warnings that only the pixels give.
    pub(super) reader: JoinHandle<Result<Vec<Warning>, ReadError>>,
    /// Given back when the reader and the encoders have ended: either may outlive the other.
    pub(super) memory: ReadingMemory,
}

impl Reading {
    /// Begins to read; no further than its strips and their queue reach, until somebody takes them.
    pub(super) fn begin(source: Source, memory: ReadingMemory, job: &Job) -> Self {
        let (sender, strips) = mpsc::channel(STRIP_QUEUE);
        let (pyramid, blocks, of_reader) = (job.target.pyramid.clone(), job.blocks, Arc::clone(&memory));
        let workers = job.budget.workers.clone();
        let reader = spawn_blocking(move || {
            let read = read(source, &pyramid, blocks, (&workers, &sender));
            drop(of_reader);
            read
        });
        Self { strips, reader, memory }
    }
}

/// Reads an image from the top to the bottom for its warnings alone. Ends early, without an error, when `is_stopping`.
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

/// Reads an image from the top to the bottom, and sends every strip of every level.
///
/// Ends early and without an error if the receiver is dropped, because the other side then has the reason. If `blocks` is set, sends the
/// full-size tiles as blocks of the file.
fn read(
    mut source: Source,
    pyramid: &Pyramid,
    blocks: Option<RowScale>,
    (workers, strips): (&Workers, &Sender<TileRow>),
) -> Result<Vec<Warning>, ReadError> {
    if let Some(scale) = blocks {
        source.keep_blocks(pyramid.tile_size(), STRIPS_PER_LEVEL, scale);
    }
    let mut cascade = Cascade::new(pyramid, source.header().format, blocks.unwrap_or(RowScale::Full));
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

/// Rows of tiles that are complete.
struct Step {
    rows: Vec<TileRow>,
    /// The warnings, after the last row or if the receiver is closed.
    end: Option<Vec<Warning>>,
}

/// Reads until a row of tiles is complete, or memory for more rows would have to be waited for.
fn read_some(source: &mut Source, cascade: &mut Cascade, strips: &Sender<TileRow>) -> Result<Step, Stop> {
    let mut rows = Vec::new();
    while rows.is_empty() && cascade.try_reserve() && source.try_reserve_blocks() {
        // Dropping the receiver is the only signal to stop: for an error, a canceled future and a graceful stop alike. A flag would
        // have to be set on each of these paths.
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

/// Takes the rows of tiles whose blocks are complete.
fn complete_blocks(source: &mut Source) -> impl Iterator<Item = TileRow> {
    std::iter::from_fn(|| source.take_blocks().map(TileRow::Blocks))
}

/// A row of tiles.
pub(super) enum TileRow {
    /// Of any level, as pixels.
    Pixels(Strip),
    /// Of the full size, as the file has it.
    Blocks(BlockStrip),
}

/// The reason for which reading ends before the last row.
enum Stop {
    Source(SourceError),
    Memory(TryReserveError),
}

/// The failure of a reader.
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
