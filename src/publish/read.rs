//! The reader: one blocking job that decodes rows and runs the cascade.

use crate::iiif::Pyramid;
use crate::pixel::Strip;
use crate::pyramid::Cascade;
use crate::source::{Source, SourceError};
use tokio::sync::mpsc::Sender;

/// Reads an image from the top to the bottom, and sends every strip of every level.
///
/// Ends early, and without an error, when nobody takes strips any more: whoever dropped the receiver knows why.
pub(super) fn read(mut source: Source, pyramid: &Pyramid, strips: &Sender<Strip>) -> Result<(), SourceError> {
    let mut cascade = Cascade::new(pyramid, source.header().format);
    let mut send = |strip| strips.blocking_send(strip).map_err(drop);
    while let Some(rows) = cascade.next_rows() {
        if strips.is_closed() {
            return Ok(());
        }
        source.read_rows(rows)?;
        if cascade.rows_filled(&mut send).is_err() {
            return Ok(());
        }
    }
    source.finish()
}
