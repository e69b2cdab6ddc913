//! Whole levels that are joined from the JPEG scans of their tiles.
//!
//! A level and its tiles have the same blocks, so the level doesn't need to be encoded by itself.

use super::PublishError;
use super::job::Job;
use crate::encode::{Encoded, JoinedScans, Scan};
use crate::iiif::{Cell, Format, Rendering, ScaleFactor};
use crate::store::Receipt;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::mpsc::{Receiver, Sender};

/// Number of scans that may be queued for a level. A row of tiles waits in the task until it is complete, so a longer
/// queue would only hide which stage is slow.
pub(super) const SCAN_QUEUE: usize = 1;

/// Sender for the scan of a tile.
pub(super) type ScanSender = Sender<(Cell, Scan)>;

/// Joins the scans of a level's tiles and publishes the level.
///
/// Tiles arrive in any order, but only those of the rows of tiles in memory, so few of them wait for others. No scan is
/// kept once it has been joined: all of them together take as much memory as the level's file.
pub(super) async fn joined_level(
    job: Arc<Job>,
    scale: ScaleFactor,
    mut scans: Receiver<(Cell, Scan)>,
) -> Result<Vec<Receipt>, PublishError> {
    let pyramid = &job.target.pyramid;
    let (columns, rows) = (pyramid.columns(scale) as usize, pyramid.rows(scale));
    let (mut level, mut waiting) = (JoinedScans::new(pyramid.size().at(scale)), BTreeMap::new());
    let mut row = 0;
    while let Some((cell, scan)) = scans.recv().await {
        let tiles: &mut BTreeMap<u32, Scan> = waiting.entry(cell.row).or_default();
        tiles.insert(cell.column, scan);
        while let Some(tiles) = waiting.remove(&row) {
            if tiles.len() < columns {
                waiting.insert(row, tiles);
                break;
            }
            let join = move || {
                level.push_row(&tiles.into_values().collect::<Vec<_>>());
                Ok(level)
            };
            level = job.encode(join).await?;
            row += 1;
        }
    }
    if row < rows {
        // A tile or the reader failed, and will return the error itself. Or we were stopped.
        return job.check_not_stopped().map(|()| Vec::new());
    }
    let bytes = job.encode(|| Ok(level.finish())).await?;
    job.put_picture(Rendering::Whole(scale), vec![Encoded { format: Format::Jpg, bytes }]).await
}
