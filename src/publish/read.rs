//! The reader: one blocking job that decodes rows and runs the cascade.

use super::budget::ReadingMemory;
use super::job::Job;
use crate::iiif::Pyramid;
use crate::pixel::{BlockStrip, RowScale, Strip};
use crate::pyramid::{Cascade, STRIPS_PER_LEVEL};
use crate::source::{Source, SourceError, Warning};
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
    pub(super) reader: JoinHandle<Result<Vec<Warning>, SourceError>>,
    /// Given back when the reader and the encoders have ended: either may outlive the other.
    pub(super) memory: ReadingMemory,
}

impl Reading {
    /// Begins to read; no further than its strips and their queue reach, until somebody takes them.
    pub(super) fn begin(source: Source, memory: ReadingMemory, job: &Job) -> Self {
        let (sender, strips) = mpsc::channel(STRIP_QUEUE);
        let (pyramid, blocks, of_reader) = (job.target.pyramid.clone(), job.blocks, Arc::clone(&memory));
        let reader = spawn_blocking(move || {
            let read = read(source, &pyramid, blocks, &sender);
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
    strips: &Sender<TileRow>,
) -> Result<Vec<Warning>, SourceError> {
    if let Some(scale) = blocks {
        source.keep_blocks(pyramid.tile_size(), STRIPS_PER_LEVEL, scale);
    }
    let mut cascade = Cascade::new(pyramid, source.header().format, blocks.unwrap_or(RowScale::Full));
    let mut all = |source: &mut Source| {
        while read_more(source, &mut cascade, strips)? {}
        let warnings = source.finish()?;
        send_blocks(source, strips)?;
        Ok(warnings)
    };
    match all(&mut source) {
        Ok(warnings) => Ok(warnings),
        Err(Stop::ReceiverClosed) => Ok(Vec::new()),
        Err(Stop::Source(error)) => Err(error),
        Err(Stop::Memory(error)) => Err(source.failed(error.into())),
    }
}

/// A row of tiles.
pub(super) enum TileRow {
    /// Of any level, as pixels.
    Pixels(Strip),
    /// Of the full size, as the file has it.
    Blocks(BlockStrip),
}

/// Sends the rows of tiles whose blocks are complete.
fn send_blocks(source: &mut Source, strips: &Sender<TileRow>) -> Result<(), Stop> {
    while let Some(strip) = source.take_blocks() {
        strips.blocking_send(TileRow::Blocks(strip)).map_err(|_| Stop::ReceiverClosed)?;
    }
    Ok(())
}

/// The reason for which reading ends before the last row.
enum Stop {
    ReceiverClosed,
    Source(SourceError),
    Memory(TryReserveError),
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

/// Reads the next rows; false after the last.
fn read_more(source: &mut Source, cascade: &mut Cascade, strips: &Sender<TileRow>) -> Result<bool, Stop> {
    // Dropping the receiver is the only signal to stop: for an error, a canceled future and a graceful stop alike. A
    // flag would have to be set on each of these paths.
    if strips.is_closed() {
        return Err(Stop::ReceiverClosed);
    }
    let Some(rows) = cascade.next_rows()? else { return Ok(false) };
    source.read_rows(rows)?;
    send_blocks(source, strips)?;
    cascade.rows_filled(&mut |strip| strips.blocking_send(TileRow::Pixels(strip)).map_err(|_| Stop::ReceiverClosed))?;
    Ok(true)
}
