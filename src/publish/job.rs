//! The shared state of the tasks of one image, and the functions that encode and store its pictures.

use super::PublishError;
use super::api_folder::ApiFolder;
use super::budget::{Budget, permit};
use super::event::Event;
use super::memory::encoded_tile_bytes;
use super::target::Target;
use super::watch::Watch;
use crate::encode::{BlankTiles, EncodeError, Encoded, Encoding};
use crate::iiif::{Format, ImageRequest, Rendering, Size};
use crate::pixel::RowScale;
use crate::store::{Digest, ETag, Key, Object, Receipt, Store, Tally};
use crate::workers::WorkError;
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Everything that the tasks of one image need.
pub(super) struct Job {
    pub(super) target: Arc<Target>,
    pub(super) store: Arc<dyn Store>,
    pub(super) budget: Budget,
    pub(super) encoding: Encoding,
    /// Tiles of one color that are encoded already.
    pub(super) blanks: BlankTiles,
    /// The scale of the decoded rows, if full-size tiles are cut out of the blocks of a JPEG.
    pub(super) blocks: Option<RowScale>,
    pub(super) cache_control: Arc<str>,
    /// The fingerprint of the headers, which is kept with each picture.
    pub(super) headers: Arc<str>,
    pub(super) events: Arc<dyn Fn(Event) + Send + Sync>,
    /// Pictures that are in the store already: they are not put again if their bytes are the same.
    pub(super) reusable: HashMap<Key, ETag>,
    /// Detects another run that publishes the same image.
    pub(super) watch: Watch,
    /// Objects that are stored.
    pub(super) stored: AtomicU64,
    /// The requests of its puts.
    pub(super) tally: Arc<Tally>,
}

impl Job {
    /// Returns the error of an image that is not finished because the publisher was stopped.
    pub(super) fn stopped(&self) -> PublishError {
        let (identifier, promised) = (self.target.identifier.clone(), self.target.object_count());
        PublishError::Stopped { identifier, stored: self.stored.load(Ordering::Relaxed), promised }
    }

    /// Checks that the publisher was not stopped.
    ///
    /// # Errors
    /// [`PublishError::Stopped`] if the publisher was stopped.
    pub(super) fn check_not_stopped(&self) -> Result<(), PublishError> {
        if self.budget.is_stopping() { Err(self.stopped()) } else { Ok(()) }
    }

    /// Returns the bytes that a tile takes at most when it is encoded, with the profile that it carries.
    pub(super) fn encoded_bytes(&self, tile: Size) -> u64 {
        let formats = self.target.pyramid.formats();
        let profile_bytes = self.encoding.profile.as_ref().map_or(0, |profile| profile.len() as u64);
        encoded_tile_bytes(tile.pixels(), formats, self.encoding.jpeg) + profile_bytes * formats.count()
    }

    async fn put_picture_object(&self, object: Object) -> Result<Receipt, PublishError> {
        // The order matters. A task may wait long for its permit, so a stop and another run are looked for after it,
        // right before the upload.
        let _permit = permit(&self.budget.puts).await;
        self.check_not_stopped()?;
        self.watch.look(&*self.store, &self.target).await?;
        self.put(object).await
    }

    pub(super) async fn put(&self, object: Object) -> Result<Receipt, PublishError> {
        // The picture is encoded in any case, because only its bytes show if the stored one is the same. What is saved
        // is the upload, which is most of the time and all of the cost.
        let has_body = |etag: &&ETag| etag.md5().is_some_and(|digest| digest == Digest::of(&object.body));
        let receipt = match self.reusable.get(&object.key).filter(has_body) {
            Some(etag) => Receipt { bytes: object.body.len() as u64, key: object.key, etag: Some(etag.clone()) },
            None => self.tally.of(self.store.put(object)).await?,
        };
        self.stored.fetch_add(1, Ordering::Relaxed);
        (self.events)(Event::Stored { identifier: self.target.identifier.clone(), bytes: receipt.bytes });
        Ok(receipt)
    }

    /// Puts a picture under every request that it answers; all of one format share one body.
    pub(super) async fn put_picture(
        &self,
        rendering: Rendering,
        encoded: Vec<Encoded>,
    ) -> Result<Vec<Receipt>, PublishError> {
        let bodies: Vec<(Format, Bytes)> = encoded.into_iter().map(|it| (it.format, it.bytes.into())).collect();
        let object = |folder: &ApiFolder, request: ImageRequest, body: &Bytes| Object {
            key: folder.dir().key(&request),
            body: body.clone(),
            content_type: request.format.media_type(),
            cache_control: Arc::clone(&self.cache_control),
            mark: Some(Arc::clone(&self.headers)),
        };
        let objects = |(format, body): &(Format, Bytes)| {
            let of_folder = |folder: &ApiFolder| {
                let requests = self.target.redirects.stored(&folder.plan, *format, rendering);
                requests.into_iter().map(|request| object(folder, request, body)).collect::<Vec<_>>()
            };
            self.target.folders.iter().flat_map(of_folder).collect::<Vec<_>>()
        };
        all(bodies.iter().flat_map(objects).map(|object| self.put_picture_object(object))).await
    }

    /// Runs an encoder when one may run.
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

/// Waits for uploads in any order, and returns their results.
///
/// The first failure cancels the others. [`PublishError::Stopped`] does not: uploads in flight finish.
pub(super) async fn all<T>(
    puts: impl Iterator<Item = impl Future<Output = Result<T, PublishError>>>,
) -> Result<Vec<T>, PublishError> {
    // Not `try_join_all`: that would drop uploads in flight at the first `Stopped`, and a graceful stop lets them
    // finish.
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
