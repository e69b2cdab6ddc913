//! What happens to the strips of one image: tiles, whole levels, puts.

use super::event::{Event, Orphans, Published};
use super::ledger::Ledger;
use super::{PublishError, WHOLE_LEVEL_QUEUE};
use crate::encode::{EncodeError, JpegOptions, LevelPixels, RenditionEncoder, encode_thumbnail, encode_tile};
use crate::iiif::{ImageRequest, Plan, Pyramid, Rendering, ScaleFactor, Size, Thumbnail};
use crate::pixel::{Strip, Tile};
use crate::store::{Digest, Identifier, ImageFolder, Key, Object, Receipt, Store};
use bytes::Bytes;
use futures::future::try_join_all;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::{JoinError, JoinSet, spawn_blocking};

/// The pictures of every image are JPEG files.
const CONTENT_TYPE: &str = "image/jpeg";

/// What all images of a publisher share.
#[derive(Clone)]
pub(super) struct Budget {
    /// One permit for each encoder that may run: more than there are cores only makes them take turns.
    encoders: Arc<Semaphore>,
    /// One permit for each put in flight.
    puts: Arc<Semaphore>,
    /// One permit for each tile that is being encoded, waits for a put or is being put: bounds the encoded bytes in
    /// memory. As many as can be put, and one for each encoder, so that neither waits for the other.
    tiles: Arc<Semaphore>,
}

impl Budget {
    pub(super) fn new(jobs: usize, concurrency: usize) -> Self {
        Self {
            encoders: Arc::new(Semaphore::new(jobs.min(Semaphore::MAX_PERMITS))),
            puts: Arc::new(Semaphore::new(concurrency.min(Semaphore::MAX_PERMITS))),
            tiles: Arc::new(Semaphore::new(jobs.saturating_add(concurrency).min(Semaphore::MAX_PERMITS))),
        }
    }
}

/// One version's folder of an image.
pub(super) struct Folder {
    pub(super) plan: Plan,
    pub(super) place: ImageFolder,
    pub(super) base_uri: String,
}

/// Everything that the tasks of one image need.
pub(super) struct Job {
    pub(super) identifier: Identifier,
    pub(super) pyramid: Pyramid,
    pub(super) folders: Vec<Folder>,
    pub(super) store: Arc<dyn Store>,
    pub(super) budget: Budget,
    pub(super) jpeg: JpegOptions,
    pub(super) cache_control: Arc<str>,
    pub(super) events: Arc<dyn Fn(Event) + Send + Sync>,
    /// What an unfinished run has stored already: it is not put again where its bytes are the same.
    pub(super) resumed: HashMap<Key, Digest>,
}

impl Job {
    /// Objects of all versions, `info.json` included.
    pub(super) fn object_count(&self) -> u64 {
        self.folders.iter().map(|folder| folder.plan.object_count()).sum()
    }

    /// The image as it will be published, with nothing stored yet.
    pub(super) fn published(&self, size: Size) -> Published {
        Published {
            identifier: self.identifier.clone(),
            info_urls: self.folders.iter().map(|folder| format!("{}/{}", folder.base_uri, Plan::INFO_JSON)).collect(),
            size,
            tiles: self.pyramid.tile_count(),
            objects: 0,
            bytes: 0,
            orphans: Orphans::default(),
            duration: Duration::ZERO,
        }
    }

    /// Every key of the image, `info.json` not among them.
    pub(super) fn keys(&self) -> impl Iterator<Item = Key> {
        let of_folder = |folder: &'_ Folder| {
            let requests = |rendering| folder.plan.requests(rendering);
            let keys = self.pyramid.renderings().flat_map(requests).map(|request| folder.place.key(&request));
            keys.collect::<Vec<_>>()
        };
        self.folders.iter().flat_map(of_folder)
    }

    /// Whether a key is one that some version of this image could have had.
    pub(super) fn is_request(&self, key: &Key) -> bool {
        let path = self.folders.iter().find_map(|folder| folder.place.path_of(key.as_str()));
        path.is_some_and(|path| path.parse::<ImageRequest>().is_ok())
    }

    pub(super) async fn put(&self, object: Object) -> Result<Receipt, PublishError> {
        let _permit = permit(&self.budget.puts).await;
        let is_there = self.resumed.get(&object.key).is_some_and(|digest| *digest == Digest::of(&object.body));
        let receipt = if is_there {
            Receipt { bytes: object.body.len() as u64, key: object.key }
        } else {
            self.store.put(object).await?
        };
        (self.events)(Event::Stored { identifier: self.identifier.clone(), bytes: receipt.bytes });
        Ok(receipt)
    }

    /// Puts a picture under every request that it answers; all share one body.
    async fn put_picture(&self, rendering: Rendering, body: Vec<u8>) -> Result<Vec<Receipt>, PublishError> {
        let body = Bytes::from(body);
        let object = |folder: &Folder, request: ImageRequest| Object {
            key: folder.place.key(&request),
            body: body.clone(),
            content_type: CONTENT_TYPE,
            cache_control: Arc::clone(&self.cache_control),
            fingerprint: None,
        };
        let objects = self
            .folders
            .iter()
            .flat_map(|folder| folder.plan.requests(rendering).into_iter().map(move |request| (folder, request)));
        try_join_all(objects.map(|(folder, request)| self.put(object(folder, request)))).await
    }

    /// Runs an encoder when one may run.
    async fn encode<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, EncodeError> + Send + 'static,
    ) -> Result<T, PublishError> {
        let _permit = permit(&self.budget.encoders).await;
        let encoded = spawn_blocking(work).await.map_err(|cause| self.panicked(cause))?;
        encoded.map_err(|cause| PublishError::Encode { identifier: self.identifier.clone(), cause })
    }

    fn panicked(&self, cause: JoinError) -> PublishError {
        PublishError::Panicked { identifier: self.identifier.clone(), cause }
    }
}

async fn permit(semaphore: &Arc<Semaphore>) -> OwnedSemaphorePermit {
    Arc::clone(semaphore).acquire_owned().await.expect("the semaphores of a budget are never closed")
}

/// The tasks of one image. Dropped, they are all stopped.
pub(super) struct Tasks {
    job: Arc<Job>,
    running: JoinSet<Result<Vec<Receipt>, PublishError>>,
    /// Who takes whole levels, strip by strip.
    whole_levels: HashMap<ScaleFactor, Vec<mpsc::Sender<Arc<Strip>>>>,
}

impl Tasks {
    /// Begins with the tasks that collect whole levels.
    pub(super) fn new(job: &Arc<Job>) -> Self {
        let mut tasks = Self { job: Arc::clone(job), running: JoinSet::new(), whole_levels: HashMap::new() };
        for scale in job.pyramid.whole_levels() {
            let strips = tasks.subscribe(scale);
            tasks.running.spawn(whole_level(Arc::clone(job), scale, strips));
        }
        let mut thumbnails: HashMap<ScaleFactor, Vec<Thumbnail>> = HashMap::new();
        for thumbnail in job.pyramid.thumbnails() {
            thumbnails.entry(thumbnail.source).or_default().push(thumbnail);
        }
        for (scale, thumbnails) in thumbnails {
            let strips = tasks.subscribe(scale);
            tasks.running.spawn(thumbnails_of_level(Arc::clone(job), scale, thumbnails, strips));
        }
        tasks
    }

    fn subscribe(&mut self, scale: ScaleFactor) -> mpsc::Receiver<Arc<Strip>> {
        let (sender, receiver) = mpsc::channel(WHOLE_LEVEL_QUEUE);
        self.whole_levels.entry(scale).or_default().push(sender);
        receiver
    }

    /// The next strip; meanwhile receipts are entered and failures end the wait.
    pub(super) async fn next_strip(
        &mut self,
        filled: &mut mpsc::Receiver<Strip>,
        ledger: &mut Ledger,
    ) -> Result<Option<Strip>, PublishError> {
        loop {
            tokio::select! {
                Some(done) = self.running.join_next() => ledger.enter(&self.receipts(done)?),
                strip = filled.recv() => return Ok(strip),
            }
        }
    }

    /// Hands a strip to whoever collects its level, and begins a task for each of its tiles, each as soon as there is
    /// room for one more.
    pub(super) async fn spawn_strip(&mut self, strip: Arc<Strip>, ledger: &mut Ledger) -> Result<(), PublishError> {
        for collector in self.whole_levels.get(&strip.scale).into_iter().flatten() {
            // Fails only where the collector has failed, which joining it will tell.
            let _ = collector.send(Arc::clone(&strip)).await;
        }
        let tiles = (0..).map_while(|column| Tile::cut(&strip, column, self.job.pyramid.tile_size()));
        for tile in tiles {
            let slot = permit(&self.job.budget.tiles).await;
            self.running.spawn(publish_tile(Arc::clone(&self.job), tile, slot));
            while let Some(done) = self.running.try_join_next() {
                ledger.enter(&self.receipts(done)?);
            }
        }
        Ok(())
    }

    /// Waits for every task.
    pub(super) async fn finish(mut self, ledger: &mut Ledger) -> Result<(), PublishError> {
        // The collectors learn from their closed queues that their levels are complete.
        self.whole_levels.clear();
        while let Some(done) = self.running.join_next().await {
            ledger.enter(&self.receipts(done)?);
        }
        Ok(())
    }

    fn receipts(
        &self,
        done: Result<Result<Vec<Receipt>, PublishError>, JoinError>,
    ) -> Result<Vec<Receipt>, PublishError> {
        done.map_err(|cause| self.job.panicked(cause)).flatten()
    }
}

async fn publish_tile(job: Arc<Job>, tile: Tile, _slot: OwnedSemaphorePermit) -> Result<Vec<Receipt>, PublishError> {
    let (rendering, jpeg) = (Rendering::Tile(tile.cell), job.jpeg);
    // The tile goes into the closure, so that its strip is free again before the put.
    let body = job.encode(move || encode_tile(&tile, jpeg)).await?;
    job.put_picture(rendering, body).await
}

/// Encodes a level that is larger than one tile as one picture, as its strips come.
async fn whole_level(
    job: Arc<Job>,
    scale: ScaleFactor,
    mut strips: mpsc::Receiver<Arc<Strip>>,
) -> Result<Vec<Receipt>, PublishError> {
    let (size, jpeg) = (job.pyramid.size().at(scale), job.jpeg);
    let mut encoder = None;
    while let Some(strip) = strips.recv().await {
        let encode = move || {
            let mut encoder = match encoder {
                Some(encoder) => encoder,
                None => RenditionEncoder::new(size, strip.format, jpeg)?,
            };
            encoder.push(&strip)?;
            Ok(Some(encoder))
        };
        encoder = job.encode(encode).await?;
    }
    match encoder {
        Some(encoder) => {
            let body = job.encode(move || encoder.finish()).await?;
            job.put_picture(Rendering::Whole(scale), body).await
        }
        // The reader failed before the first strip, and says so itself.
        None => Ok(Vec::new()),
    }
}

/// Gathers a level and resamples it to the thumbnails that are a little smaller.
async fn thumbnails_of_level(
    job: Arc<Job>,
    scale: ScaleFactor,
    thumbnails: Vec<Thumbnail>,
    mut strips: mpsc::Receiver<Arc<Strip>>,
) -> Result<Vec<Receipt>, PublishError> {
    let mut level = None;
    while let Some(strip) = strips.recv().await {
        let size = job.pyramid.size().at(scale);
        level.get_or_insert_with(|| LevelPixels::new(size, strip.format)).push(&strip);
    }
    let mut receipts = Vec::new();
    let Some(level) = level.map(Arc::new) else { return Ok(receipts) };
    for thumbnail in thumbnails {
        let (level, jpeg) = (Arc::clone(&level), job.jpeg);
        let body = job.encode(move || encode_thumbnail(&level, thumbnail.size, jpeg)).await?;
        receipts.extend(job.put_picture(Rendering::Thumbnail(thumbnail), body).await?);
    }
    Ok(receipts)
}
