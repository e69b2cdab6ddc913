//! State shared by an image's tasks, and functions to encode and upload its pictures.

use super::PublishError;
use super::api_folder::ApiFolder;
use super::budget::{Budget, permit};
use super::event::{Event, Stage};
use super::memory::encoded_tile_bytes;
use super::target::Target;
use super::watch::Watch;
use crate::encode::{BlankTiles, EncodeError, Encoded, Encoding};
use crate::iiif::{Format, ImageRequest, Rendering, ScaleFactor, Size};
use crate::pixel::RowScale;
use crate::store::{Body, ETag, Key, Object, Receipt, Store, Tally};
use crate::workers::WorkError;
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// State shared by all tasks of one image.
pub(super) struct Job {
    pub(super) target: Arc<Target>,
    pub(super) store: Arc<dyn Store>,
    pub(super) budget: Budget,
    pub(super) encoding: Encoding,
    /// Cache of encoded single-color tiles.
    pub(super) blanks: BlankTiles,
    /// Scale of the decoded rows, if full-size tiles are cut from JPEG blocks.
    pub(super) blocks: Option<RowScale>,
    /// Whole levels whose JPEG is joined from those of their tiles.
    pub(super) joined_levels: Vec<ScaleFactor>,
    pub(super) cache_control: Arc<str>,
    /// Header fingerprint, stored with every picture.
    pub(super) headers: Arc<str>,
    pub(super) events: Arc<dyn Fn(Event) + Send + Sync>,
    /// Existing pictures, which aren't uploaded again if their bytes match.
    pub(super) reusable: HashMap<Key, ETag>,
    /// Detects another run publishing the same image.
    pub(super) watch: Watch,
    /// Number of objects stored so far.
    pub(super) stored: AtomicU64,
    /// Number of these objects that were uploaded, because the store didn't have them.
    pub(super) uploaded: AtomicU64,
    /// Counts upload requests.
    pub(super) tally: Arc<Tally>,
}

impl Job {
    /// Returns the error for an image left unfinished because the publisher was stopped.
    pub(super) fn stopped(&self) -> PublishError {
        let (identifier, promised) = (self.target.identifier.clone(), self.target.object_count());
        PublishError::Stopped { identifier, stored: self.stored.load(Ordering::Relaxed), promised }
    }

    /// Reports that the image entered a stage.
    pub(super) fn enter(&self, stage: Stage) {
        (self.events)(Event::Stage { identifier: self.target.identifier.clone(), stage });
    }

    /// Checks that the publisher hasn't been stopped.
    ///
    /// # Errors
    /// Returns [`PublishError::Stopped`] if it has.
    pub(super) fn check_not_stopped(&self) -> Result<(), PublishError> {
        if self.budget.is_stopping() { Err(self.stopped()) } else { Ok(()) }
    }

    /// Returns the maximum encoded size of a tile, including its color profile.
    pub(super) fn encoded_bytes(&self, tile: Size) -> u64 {
        let formats = self.target.pyramid.formats();
        let profile_bytes = self.encoding.profile.as_ref().map_or(0, |profile| profile.len() as u64);
        encoded_tile_bytes(tile.pixels(), formats, self.encoding.jpeg) + profile_bytes * formats.count()
    }

    async fn put_picture_object(&self, object: Object) -> Result<Receipt, PublishError> {
        // Order matters here. A task can wait a long time for its permit, so check for a stop or a concurrent run
        // afterwards, just before uploading.
        let _permit = permit(&self.budget.puts).await;
        self.check_not_stopped()?;
        self.watch.look(&*self.store, &self.target).await?;
        self.put(object).await
    }

    pub(super) async fn put(&self, object: Object) -> Result<Receipt, PublishError> {
        // We always have to encode the picture to find out if it matches the stored one. What we save is the upload,
        // which accounts for most of the time and all of the cost.
        let has_body = |etag: &&ETag| etag.md5().is_some_and(|digest| digest == object.body.md5());
        let receipt = if let Some(etag) = self.reusable.get(&object.key).filter(has_body) {
            Receipt { bytes: object.body.len() as u64, key: object.key, etag: Some(etag.clone()) }
        } else {
            let receipt = self.tally.of(self.store.put(object)).await?;
            self.uploaded.fetch_add(1, Ordering::Relaxed);
            receipt
        };
        self.stored.fetch_add(1, Ordering::Relaxed);
        (self.events)(Event::Stored { identifier: self.target.identifier.clone(), bytes: receipt.bytes });
        Ok(receipt)
    }

    /// Uploads a picture under the path of every request that it answers. All objects in the same format share one
    /// body.
    pub(super) async fn put_picture(
        &self,
        rendering: Rendering,
        encoded: Vec<Encoded>,
    ) -> Result<Vec<Receipt>, PublishError> {
        let bodies: Vec<(Format, Body)> = encoded.into_iter().map(|it| (it.format, it.bytes.into())).collect();
        let object = |folder: &ApiFolder, request: ImageRequest, body: &Body| Object {
            key: folder.dir().key(&request),
            body: body.clone(),
            content_encoding: None,
            content_type: request.format.media_type(),
            cache_control: Arc::clone(&self.cache_control),
            mark: Some(Arc::clone(&self.headers)),
        };
        let objects = |(format, body): &(Format, Body)| {
            let of_folder = |folder: &ApiFolder| {
                let requests = self.target.redirects.stored(&folder.plan, *format, rendering);
                requests.into_iter().map(|request| object(folder, request, body)).collect::<Vec<_>>()
            };
            self.target.folders.iter().flat_map(of_folder).collect::<Vec<_>>()
        };
        all(bodies.iter().flat_map(objects).map(|object| self.put_picture_object(object))).await
    }

    /// Runs an encoder as soon as a permit is available.
    pub(super) async fn encode<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, EncodeError> + Send + 'static,
    ) -> Result<T, PublishError> {
        let _permit = permit(&self.budget.encoders).await;
        self.check_not_stopped()?;
        let encoded = self.budget.workers.run(work).await.map_err(|cause| self.not_done(cause))?;
        encoded
            .map_err(|cause| PublishError::Encode { identifier: self.target.identifier.clone(), cause: cause.into() })
    }

    pub(super) fn not_done(&self, cause: impl Into<WorkError>) -> PublishError {
        PublishError::of_work(&self.target.identifier, cause.into())
    }
}

/// Waits for uploads to finish and returns their results in order of completion.
///
/// The first failure cancels the rest, except for [`PublishError::Stopped`], which lets uploads in flight finish.
pub(super) async fn all<T>(
    puts: impl Iterator<Item = impl Future<Output = Result<T, PublishError>>>,
) -> Result<Vec<T>, PublishError> {
    // `try_join_all` would drop uploads in flight on the first `Stopped`, but a graceful stop lets them finish.
    let mut puts: FuturesUnordered<_> = puts.collect();
    let (mut done, mut stopped) = (Vec::new(), None);
    while let Some(put) = puts.next().await {
        match put {
            Ok(it) => done.push(it),
            Err(error @ PublishError::Stopped { .. }) => stopped = Some(error),
            Err(error) => return Err(error),
        }
    }
    stopped.map_or(Ok(done), Err)
}
