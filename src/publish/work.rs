//! Tasks that turn an image's strips into stored tiles and whole levels.

use super::budget::ReadingMemory;
use super::job::{Job, all};
use super::joined::{SCAN_QUEUE, ScanSender, joined_level};
use super::ledger::Ledger;
use super::read::TileRow;
use super::{PublishError, WHOLE_LEVEL_QUEUE};
use crate::encode::{
    EncodeError, EncodedTile, LevelPixels, PictureEncoder, TileScan, encode_block_tile, encode_thumbnail,
};
use crate::iiif::{Cell, Format, Rendering, ScaleFactor, Size, Thumbnail};
use crate::limiter::Permit;
use crate::pixel::{BlockTile, Strip, Tile};
use crate::store::Receipt;
use std::collections::HashMap;
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinSet};

/// Tasks for a single image. Dropping this cancels all of them.
pub(super) struct Tasks {
    job: Arc<Job>,
    running: JoinSet<Result<Vec<Receipt>, PublishError>>,
    /// Senders for tasks that need every strip of a level.
    whole_levels: HashMap<ScaleFactor, Vec<mpsc::Sender<Arc<Strip>>>>,
    /// Senders for tasks that join the scans of a level's tiles.
    joined_levels: HashMap<ScaleFactor, ScanSender>,
    /// Held until the entire image has been read.
    memory: Option<ReadingMemory>,
}

impl Tasks {
    /// Creates the tasks for an image and starts the ones that collect whole levels.
    pub(super) fn new(job: &Arc<Job>, memory: &ReadingMemory) -> Self {
        let (running, whole_levels) = (JoinSet::new(), HashMap::new());
        let (joined_levels, memory_of_tiles) = (HashMap::new(), Some(Arc::clone(memory)));
        let mut tasks = Self { job: Arc::clone(job), running, whole_levels, joined_levels, memory: memory_of_tiles };
        let needed =
            |scale| Some((scale, job.target.needed_formats(Rendering::Whole(scale)))).filter(|it| !it.1.is_empty());
        for (scale, mut formats) in job.target.pyramid.whole_levels().filter_map(needed) {
            if job.joined_levels.contains(&scale) && formats.contains(&Format::Jpg) {
                let (sender, scans) = mpsc::channel(SCAN_QUEUE);
                tasks.joined_levels.insert(scale, sender);
                tasks.running.spawn(joined_level(Arc::clone(job), scale, scans));
                formats.retain(|format| *format != Format::Jpg);
            }
            if formats.is_empty() {
                continue;
            }
            let strips = LevelStrips { strips: tasks.subscribe(scale), _memory: Arc::clone(memory) };
            tasks.running.spawn(whole_level(Arc::clone(job), scale, formats, strips));
        }
        let mut thumbnails: HashMap<ScaleFactor, Vec<Thumbnail>> = HashMap::new();
        for thumbnail in job.target.pyramid.thumbnails() {
            thumbnails.entry(thumbnail.source).or_default().push(thumbnail);
        }
        for (scale, thumbnails) in thumbnails {
            let strips = LevelStrips { strips: tasks.subscribe(scale), _memory: Arc::clone(memory) };
            tasks.running.spawn(thumbnails_of_level(Arc::clone(job), scale, thumbnails, strips));
        }
        tasks
    }

    fn subscribe(&mut self, scale: ScaleFactor) -> mpsc::Receiver<Arc<Strip>> {
        let (sender, receiver) = mpsc::channel(WHOLE_LEVEL_QUEUE);
        self.whole_levels.entry(scale).or_default().push(sender);
        receiver
    }

    /// Waits for the next strip while recording upload receipts in the ledger. Returns early if a task fails.
    pub(super) async fn next_strip(
        &mut self,
        filled: &mut mpsc::Receiver<TileRow>,
        ledger: &mut Ledger,
    ) -> Result<Option<TileRow>, PublishError> {
        loop {
            // Collect receipts while waiting, instead of at the end. If we didn't, the set of running tasks would grow
            // with the image, and a failed upload wouldn't be noticed until the last row.
            tokio::select! {
                Some(done) = self.running.join_next() => ledger.enter(&self.receipts(done)?),
                strip = filled.recv() => return Ok(strip),
                () = self.job.budget.stopped() => return Err(self.job.stopped()),
            }
        }
    }

    /// Sends a strip to the tasks that collect its level, and spawns a task for each of its tiles once the tile limit
    /// allows.
    pub(super) async fn spawn_strip(&mut self, strip: TileRow, ledger: &mut Ledger) -> Result<(), PublishError> {
        let tile_size = self.job.target.pyramid.tile_size();
        let strip = match strip {
            TileRow::Pixels(strip) => Arc::new(strip),
            TileRow::Blocks(strip) => {
                let strip = Arc::new(strip);
                let tiles = (0..).map_while(|column| BlockTile::cut(&strip, column, tile_size));
                return self.spawn_tiles(tiles.map(TileSource::Blocks), ledger).await;
            }
        };
        for collector in self.whole_levels.get(&strip.scale).into_iter().flatten() {
            // Sending only fails if the collector has failed. Its error is returned when it is joined.
            let _ = collector.send(Arc::clone(&strip)).await;
        }
        if self.job.blocks.is_some() && strip.scale == ScaleFactor::ONE {
            // These tiles are cut from blocks instead.
            return Ok(());
        }
        let tiles = (0..).map_while(|column| Tile::cut(&strip, column, tile_size));
        self.spawn_tiles(tiles.map(TileSource::Pixels), ledger).await
    }

    async fn spawn_tiles(
        &mut self,
        tiles: impl Iterator<Item = TileSource>,
        ledger: &mut Ledger,
    ) -> Result<(), PublishError> {
        for tile in tiles {
            // Acquiring the permit before spawning bounds the number of tasks. If the store is slow, this function
            // stops accepting strips. The reader then runs out of buffers and also stops. This is all that's needed to
            // apply backpressure from the store to the decoder, without taking any measurements.
            let permit = self.job.budget.tiles.acquire(self.job.encoded_bytes(tile.size())).await;
            self.job.check_not_stopped()?;
            let (memory, scans) = (self.memory.clone(), self.joined_levels.get(&tile.cell().scale).cloned());
            self.running.spawn(publish_tile(Arc::clone(&self.job), tile, permit, memory, scans));
            while let Some(done) = self.running.try_join_next() {
                ledger.enter(&self.receipts(done)?);
            }
        }
        Ok(())
    }

    /// Marks the end of the input. Whole levels are complete, and memory is released once all spawned tiles are
    /// encoded.
    pub(super) fn all_read(&mut self) {
        // Closing the queues tells the collectors that their levels are complete.
        self.whole_levels.clear();
        self.joined_levels.clear();
        self.memory = None;
    }

    /// Waits for all tasks to finish.
    pub(super) async fn finish(&mut self, ledger: &mut Ledger) -> Result<(), PublishError> {
        while let Some(done) = self.running.join_next().await {
            ledger.enter(&self.receipts(done)?);
        }
        Ok(())
    }

    /// Waits for tasks in flight after a stop. Returns [`PublishError::Stopped`] unless a more serious error occurs.
    pub(super) async fn drain(mut self) -> PublishError {
        self.all_read();
        while let Some(done) = self.running.join_next().await {
            match self.receipts(done) {
                Ok(_) | Err(PublishError::Stopped { .. }) => {}
                Err(error) => return error,
            }
        }
        self.job.stopped()
    }

    fn receipts(
        &self,
        done: Result<Result<Vec<Receipt>, PublishError>, JoinError>,
    ) -> Result<Vec<Receipt>, PublishError> {
        done.map_err(|cause| self.job.not_done(cause)).flatten()
    }
}

/// Source of a tile's contents.
enum TileSource {
    Pixels(Tile),
    Blocks(BlockTile),
}

impl TileSource {
    fn cell(&self) -> Cell {
        match self {
            Self::Pixels(tile) => tile.cell,
            Self::Blocks(tile) => tile.cell,
        }
    }

    fn size(&self) -> Size {
        match self {
            Self::Pixels(tile) => tile.size,
            Self::Blocks(tile) => tile.size,
        }
    }

    fn encode(&self, formats: &[Format], scan: TileScan, job: &Job) -> Result<EncodedTile, EncodeError> {
        match self {
            Self::Pixels(tile) => job.blanks.encode(tile, formats, &job.encoding, scan),
            Self::Blocks(tile) if formats.contains(&Format::Jpg) => encode_block_tile(tile, &job.encoding, scan),
            Self::Blocks(_) => Ok(EncodedTile { pictures: Vec::new(), scan: None }),
        }
    }
}

async fn publish_tile(
    job: Arc<Job>,
    tile: TileSource,
    mut permit: Permit,
    memory: Option<ReadingMemory>,
    scans: Option<ScanSender>,
) -> Result<Vec<Receipt>, PublishError> {
    let (cell, for_encoder) = (tile.cell(), Arc::clone(&job));
    let rendering = Rendering::Tile(cell);
    let mut formats = job.target.needed_formats(rendering);
    let scan = if scans.is_some() { TileScan::Kept } else { TileScan::Dropped };
    if scan == TileScan::Kept && !formats.contains(&Format::Jpg) {
        // Nobody requests the tile itself, but it's part of the level.
        formats.push(Format::Jpg);
    }
    // Encode all formats before uploading any of them. Moving the tile into the closure releases its strip early.
    let encode = move || {
        let encoded = tile.encode(&formats, scan, &for_encoder);
        drop((tile, memory));
        encoded
    };
    let EncodedTile { pictures, scan } = job.encode(encode).await?;
    if let Some((scans, scan)) = scans.zip(scan) {
        let scan = if (cell.column, cell.row) == (0, 0) { scan } else { scan.without_head() };
        // Sending only fails if the level has failed. Its error is returned when it is joined.
        let _ = scans.send((cell, scan)).await;
    }
    // A tile's encoded size isn't known in advance, so the permit is sized for the worst case. Release the surplus
    // here. Without this, a limit of 24 MiB would only allow 96 tiles of 512x512 pixels, even if each one is 20 KiB
    // instead of 256 KiB.
    permit.shrink_to(pictures.iter().map(|picture| picture.bytes.len() as u64).sum());
    job.put_picture(rendering, pictures).await
}

/// Strips from one level, along with the memory they use until the queue is empty.
struct LevelStrips {
    strips: mpsc::Receiver<Arc<Strip>>,
    _memory: ReadingMemory,
}

/// Encodes an entire level as a single picture while receiving its strips.
async fn whole_level(
    job: Arc<Job>,
    scale: ScaleFactor,
    formats: Vec<Format>,
    mut level: LevelStrips,
) -> Result<Vec<Receipt>, PublishError> {
    let size = job.target.pyramid.size().at(scale);
    let mut encoder = None;
    let formats: Arc<[Format]> = formats.into();
    while let Some(strip) = level.strips.recv().await {
        let (formats, encoding) = (Arc::clone(&formats), job.encoding.clone());
        let encode = move || {
            let mut encoder = match encoder {
                Some(encoder) => encoder,
                None => PictureEncoder::new(size, strip.format, &formats, &encoding)?,
            };
            encoder.push(&strip)?;
            Ok(Some(encoder))
        };
        encoder = job.encode(encode).await?;
    }
    drop(level);
    // If we were stopped, the level may have ended before its last strip.
    job.check_not_stopped()?;
    match encoder {
        Some(encoder) => {
            let pictures = job.encode(move || encoder.finish()).await?;
            job.put_picture(Rendering::Whole(scale), pictures).await
        }
        // The reader failed before the first strip, and will return the error itself.
        None => Ok(Vec::new()),
    }
}

/// Collects a level and resamples it to create slightly smaller thumbnails.
async fn thumbnails_of_level(
    job: Arc<Job>,
    scale: ScaleFactor,
    thumbnails: Vec<Thumbnail>,
    mut strips: LevelStrips,
) -> Result<Vec<Receipt>, PublishError> {
    let mut level = None;
    while let Some(strip) = strips.strips.recv().await {
        let size = job.target.pyramid.size().at(scale);
        level.get_or_insert_with(|| LevelPixels::new(size, strip.format)).push(&strip);
    }
    drop(strips);
    job.check_not_stopped()?;
    let Some(level) = level.map(Arc::new) else { return Ok(Vec::new()) };
    let publish = |thumbnail| publish_thumbnail(&job, &level, thumbnail);
    // Publish thumbnails concurrently, so they don't have to wait for each other's responses.
    Ok(all(thumbnails.into_iter().map(publish)).await?.concat())
}

async fn publish_thumbnail(
    job: &Job,
    level: &Arc<LevelPixels>,
    thumbnail: Thumbnail,
) -> Result<Vec<Receipt>, PublishError> {
    let (level, encoding, rendering) = (Arc::clone(level), job.encoding.clone(), Rendering::Thumbnail(thumbnail));
    let formats = job.target.needed_formats(rendering);
    let encoded = job.encode(move || encode_thumbnail(&level, thumbnail.size, &formats, &encoding)).await?;
    job.put_picture(rendering, encoded).await
}
