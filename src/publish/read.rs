//! The reader: one blocking job that decodes rows and runs the cascade.

use crate::iiif::Pyramid;
use crate::pixel::Strip;
use crate::pyramid::Cascade;
use crate::source::{Source, SourceError};
use std::collections::TryReserveError;
use tokio::sync::mpsc::Sender;

/// Reads an image from the top to the bottom, and sends every strip of every level.
///
/// Ends early, and without an error, when nobody takes strips any more: whoever dropped the receiver knows why.
pub(super) fn read(mut source: Source, pyramid: &Pyramid, strips: &Sender<Strip>) -> Result<(), SourceError> {
    let mut cascade = Cascade::new(pyramid, source.header().format);
    let mut send = |strip| strips.blocking_send(strip).map_err(|_| Stop::NobodyListens);
    loop {
        match read_more(&mut source, &mut cascade, strips, &mut send) {
            Ok(true) => {}
            Ok(false) => return source.finish(),
            Err(Stop::NobodyListens) => return Ok(()),
            Err(Stop::Source(error)) => return Err(error),
            Err(Stop::Memory(error)) => return Err(source.failed(error.into())),
        }
    }
}

/// Why reading ends before the last row.
enum Stop {
    NobodyListens,
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
fn read_more(
    source: &mut Source,
    cascade: &mut Cascade,
    strips: &Sender<Strip>,
    send: &mut impl FnMut(Strip) -> Result<(), Stop>,
) -> Result<bool, Stop> {
    if strips.is_closed() {
        return Err(Stop::NobodyListens);
    }
    let Some(rows) = cascade.next_rows()? else { return Ok(false) };
    source.read_rows(rows)?;
    cascade.rows_filled(send)?;
    Ok(true)
}
