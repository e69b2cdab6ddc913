//! One image on its way: what its tasks need, and how its pictures are encoded and put.

use super::PublishError;
use super::budget::{Budget, permit};
use super::event::{Event, Orphans, Published};
use super::redirects::Redirects;
use crate::encode::{BlankTiles, EncodeError, Encoded, Encoding};
use crate::iiif::{Format, ImageRequest, Plan, Pyramid, Rendering, Size};
use crate::pixel::RowScale;
use crate::store::{
    Digest, Identifier, ImageFolder, Key, Object, Receipt, Store, StoreError, Tally, Traffic, VersionName,
};
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::task::{JoinError, spawn_blocking};

/// The folder of an image in one version of the Image API.
pub(super) struct Folder {
    pub(super) plan: Plan,
    /// Where its objects stand.
    pub(super) place: ImageFolder,
    /// Where that is seen.
    pub(super) base_uri: String,
    /// Where the image has a folder for each of its versions: the one around them, whose `info.json` is that of the newest.
    pub(super) around: Option<ImageFolder>,
}

impl Folder {
    /// Where its objects stand.
    pub(super) fn place(&self) -> &ImageFolder {
        &self.place
    }

    /// Where the `info.json` stands that says what is current.
    pub(super) fn home(&self) -> &ImageFolder {
        self.around.as_ref().unwrap_or(&self.place)
    }

    /// Where that is seen.
    pub(super) fn home_uri(&self) -> &str {
        match (&self.around, self.base_uri.rsplit_once('/')) {
            (Some(_), Some((around, _))) => around,
            _ => &self.base_uri,
        }
    }
}

/// Everything that the tasks of one image need.
pub(super) struct Job {
    pub(super) identifier: Identifier,
    pub(super) pyramid: Pyramid,
    pub(super) folders: Vec<Folder>,
    pub(super) store: Arc<dyn Store>,
    pub(super) budget: Budget,
    pub(super) encoding: Encoding,
    /// Tiles of one colour that are encoded already.
    pub(super) blanks: BlankTiles,
    /// Where tiles of the full size are made of the blocks of a JPEG: what is decoded of it for the rest.
    pub(super) blocks: Option<RowScale>,
    /// What its content is called.
    pub(super) version: VersionName,
    pub(super) cache_control: Arc<str>,
    /// What tells the next run which headers a picture was put with.
    pub(super) headers: Arc<str>,
    /// Requests that lead elsewhere instead of having bytes of their own.
    pub(super) redirects: Redirects,
    pub(super) events: Arc<dyn Fn(Event) + Send + Sync>,
    /// What an unfinished run has stored already: it is not put again where its bytes are the same.
    pub(super) resumed: HashMap<Key, Digest>,
    /// Objects that are stored.
    pub(super) stored: AtomicU64,
    /// The requests of its puts.
    pub(super) tally: Arc<Tally>,
}

impl Job {
    /// Objects of all versions, `info.json` included.
    pub(super) fn object_count(&self) -> u64 {
        self.folders.iter().map(|folder| folder.plan.object_count()).sum()
    }

    /// Objects that have the bytes of a picture.
    pub(super) fn picture_count(&self) -> u64 {
        match self.redirects {
            Redirects::None => self.object_count() - self.folders.len() as u64,
            Redirects::Alternatives { .. } => {
                let stored =
                    |rendering| self.folders.iter().map(move |folder| self.stored(folder, rendering).count() as u64);
                self.pyramid.renderings().flat_map(stored).sum()
            }
        }
    }

    /// The image as it will be published, with nothing stored yet.
    pub(super) fn published(&self, size: Size) -> Published {
        Published {
            identifier: self.identifier.clone(),
            info_urls: self.folders.iter().map(|folder| format!("{}/{}", folder.base_uri, Plan::INFO_JSON)).collect(),
            version: Some(self.version.clone()),
            size,
            tiles: self.pyramid.tile_count(),
            objects: 0,
            bytes: 0,
            orphans: Orphans::default(),
            traffic: Traffic::default(),
            duration: Duration::ZERO,
        }
    }

    /// Where the `info.json` is seen that says what is current.
    pub(super) fn home_urls(&self) -> Vec<String> {
        self.folders.iter().map(|folder| format!("{}/{}", folder.home_uri(), Plan::INFO_JSON)).collect()
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

    /// That the image is not finished, because nothing is to begin any more.
    pub(super) fn stopped(&self) -> PublishError {
        let (identifier, promised) = (self.identifier.clone(), self.object_count());
        PublishError::Stopped { identifier, stored: self.stored.load(Ordering::Relaxed), promised }
    }

    /// That the image is published, but for what should be deleted now.
    pub(super) fn not_cleaned_up(&self, cause: StoreError) -> PublishError {
        PublishError::CleanUp { identifier: self.identifier.clone(), cause }
    }

    /// Whether work may still begin.
    pub(super) fn going_on(&self) -> Result<(), PublishError> {
        if self.budget.is_stopping() { Err(self.stopped()) } else { Ok(()) }
    }

    async fn put_picture_object(&self, object: Object) -> Result<Receipt, PublishError> {
        let _permit = permit(&self.budget.puts).await;
        self.going_on()?;
        self.put(object).await
    }

    pub(super) async fn put(&self, object: Object) -> Result<Receipt, PublishError> {
        let is_there = self.resumed.get(&object.key).is_some_and(|digest| *digest == Digest::of(&object.body));
        let receipt = if is_there {
            Receipt { bytes: object.body.len() as u64, key: object.key, etag: None }
        } else {
            self.tally.of(self.store.put(object)).await?
        };
        self.stored.fetch_add(1, Ordering::Relaxed);
        (self.events)(Event::Stored { identifier: self.identifier.clone(), bytes: receipt.bytes });
        Ok(receipt)
    }

    /// The requests for a picture in a folder that have its bytes, in all formats.
    fn stored<'a>(&'a self, folder: &'a Folder, rendering: Rendering) -> impl Iterator<Item = ImageRequest> + 'a {
        let stored = move |format| self.redirects.stored(&folder.plan, format, rendering);
        self.pyramid.formats().all().flat_map(stored)
    }

    /// The formats in which a picture is needed: some request that it answers in them leads nowhere else.
    pub(super) fn needed_formats(&self, rendering: Rendering) -> Vec<Format> {
        let is_stored = |folder: &Folder, format| !self.redirects.stored(&folder.plan, format, rendering).is_empty();
        let is_needed = |format: &Format| self.folders.iter().any(|folder| is_stored(folder, *format));
        self.pyramid.formats().all().filter(is_needed).collect()
    }

    /// Puts a picture under every request that it answers; all of one format share one body.
    pub(super) async fn put_picture(
        &self,
        rendering: Rendering,
        encoded: Vec<Encoded>,
    ) -> Result<Vec<Receipt>, PublishError> {
        let bodies: Vec<(Format, Bytes)> = encoded.into_iter().map(|it| (it.format, it.bytes.into())).collect();
        let object = |folder: &Folder, request: ImageRequest, body: &Bytes| Object {
            key: folder.place.key(&request),
            body: body.clone(),
            content_type: request.format.media_type(),
            cache_control: Arc::clone(&self.cache_control),
            mark: Some(Arc::clone(&self.headers)),
        };
        let objects = |(format, body): &(Format, Bytes)| {
            let of_folder = |folder: &Folder| {
                let requests = self.redirects.stored(&folder.plan, *format, rendering);
                requests.into_iter().map(|request| object(folder, request, body)).collect::<Vec<_>>()
            };
            self.folders.iter().flat_map(of_folder).collect::<Vec<_>>()
        };
        all(bodies.iter().flat_map(objects).map(|object| self.put_picture_object(object))).await
    }

    /// Runs an encoder when one may run.
    pub(super) async fn encode<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, EncodeError> + Send + 'static,
    ) -> Result<T, PublishError> {
        let _permit = permit(&self.budget.encoders).await;
        self.going_on()?;
        let encoded = spawn_blocking(work).await.map_err(|cause| self.panicked(cause))?;
        encoded.map_err(|cause| PublishError::Encode { identifier: self.identifier.clone(), cause })
    }

    pub(super) fn panicked(&self, cause: JoinError) -> PublishError {
        PublishError::Panicked { identifier: self.identifier.clone(), cause }
    }
}

/// Waits for puts, in any order. The first failure ends the others, but for those that were only not to begin any more: what
/// is in flight beside them goes on.
pub(super) async fn all<T>(
    puts: impl Iterator<Item = impl Future<Output = Result<T, PublishError>>>,
) -> Result<Vec<T>, PublishError> {
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
