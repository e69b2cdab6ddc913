//! The pipeline: the only place that joins the rooms.
//!
//! ```text
//!  spawn_blocking            tasks, as many as there are slots              spawn_blocking   tasks
//!  reader: rows -> strips -> tile of a strip -> (an encoder is free) -> encode -> (a put is free) -> put -> receipt
//!                         `-> whole level: renditions and thumbnails, strip by strip ----'
//! ```
//! Every arrow is a bounded queue or a semaphore, so that a slow bucket slows down the decoder. A failure drops the
//! receiving end of the strips, at which the reader stops by itself.

mod event;
mod fingerprint;
mod ledger;
mod memory;
mod options;
mod read;
mod work;

pub use event::{Event, Orphans, Published};
pub use ledger::Unsettled;
pub use memory::peak_memory_bytes;
pub use options::{Options, Unchanged, Versions};

use crate::encode::EncodeError;
use crate::iiif::{ImageInformation, Plan, Pyramid};
use crate::source::{Source, SourceError};
use crate::store::{Identifier, ImageFolder, Key, KeyError, Listed, Object, Store, StoreError, StoreErrorKind, Stored};
use bytes::Bytes;
use fingerprint::Fingerprint;
use futures::{StreamExt, stream};
use ledger::{Ledger, Settled};
use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use work::{Budget, Job, Tasks};

/// Images that are worked on at the same time: while one waits for its last objects, the next one is decoded.
pub const IMAGES_IN_FLIGHT: usize = 2;

/// Strips that wait between the reader and the encoders. The pool of strips is the real bound; a queue beyond it would
/// only hide which stage is slow.
const STRIP_QUEUE: usize = 1;

/// Strips that wait for the encoder of a whole level.
const WHOLE_LEVEL_QUEUE: usize = 1;

/// One image to be published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// Its file.
    pub path: PathBuf,
    /// What it is to be called.
    pub identifier: Identifier,
}

/// Why an image was not published. Its `info.json` was not written; of two versions, the first one may have been, with all
/// of its objects stored.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PublishError {
    /// The source cannot be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// A picture cannot be encoded.
    #[error("could not encode a picture of `{identifier}`")]
    Encode {
        /// The image.
        identifier: Identifier,
        /// Why.
        #[source]
        cause: EncodeError,
    },
    /// The store did not take an object.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Prefix and identifier are too long together.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// Objects are missing although nothing failed.
    #[error("`{identifier}` is incomplete")]
    Incomplete {
        /// The image.
        identifier: Identifier,
        /// How many there are.
        #[source]
        cause: Unsettled,
    },
    /// A codec panicked.
    #[error("a worker gave up on `{identifier}`")]
    Panicked {
        /// The image.
        identifier: Identifier,
        /// What the runtime says.
        #[source]
        cause: tokio::task::JoinError,
    },
}

impl PublishError {
    /// Whether the surroundings (credentials, bucket, region, endpoint) must change before another try can help.
    #[must_use]
    pub fn is_environment(&self) -> bool {
        // The endpoint was there when the run began: to be unreachable now may pass.
        matches!(self, Self::Store(error) if error.is_environment() && error.kind() != StoreErrorKind::Unreachable)
    }
}

/// Publishes images into one store.
///
/// Cheap to clone; all clones share the same workers and the same puts in flight.
#[derive(Clone)]
pub struct Publisher {
    store: Arc<dyn Store>,
    options: Arc<Options>,
    budget: Budget,
    events: Arc<dyn Fn(Event) + Send + Sync>,
}

impl Publisher {
    /// A publisher that tells `events` what happens. They are called from many threads, and must not block.
    pub fn new(store: Arc<dyn Store>, options: Options, events: impl Fn(Event) + Send + Sync + 'static) -> Self {
        let concurrency = options.concurrency.map_or_else(|| store.default_concurrency(), std::num::NonZeroUsize::get);
        let budget = Budget::new(options.jobs.get(), concurrency);
        Self { store, options: Arc::new(options), budget, events: Arc::new(events) }
    }

    /// Publishes many images, some at a time, and hands over the result of each as it ends. Dropping the stream stops
    /// all work; an image that is not complete then has no `info.json`.
    pub fn publish_all(
        &self,
        images: Vec<Image>,
    ) -> impl futures::Stream<Item = (Image, Result<Published, PublishError>)> {
        let publisher = self.clone();
        let publish = move |image: Image| {
            let publisher = publisher.clone();
            async move {
                let result = publisher.publish(&image).await;
                (image, result)
            }
        };
        stream::iter(images).map(publish).buffer_unordered(IMAGES_IN_FLIGHT)
    }

    /// Publishes one image.
    ///
    /// # Errors
    /// Where the source cannot be read or the store does not take an object. No `info.json` is written then.
    pub async fn publish(&self, image: &Image) -> Result<Published, PublishError> {
        let result = self.publish_quietly(image).await;
        (self.events)(match &result {
            Ok((published, Outcome::Published)) => Event::Published(published.clone()),
            Ok((published, Outcome::Unchanged)) => Event::Unchanged(published.clone()),
            Err(_) => Event::Failed { identifier: image.identifier.clone() },
        });
        result.map(|(published, _)| published)
    }

    async fn publish_quietly(&self, image: &Image) -> Result<(Published, Outcome), PublishError> {
        let started = Instant::now();
        let path = image.path.clone();
        let source = self.blocking(image, move || Source::open(&path)).await??;
        let header = source.header().clone();
        let mut job = self.job(image, Pyramid::new(header.size, self.options.shape))?;
        let fingerprint = self.fingerprint(image).await?;
        let mut published = job.published(header.size);
        let stored = self.stored_information(&job).await?;
        if self.options.unchanged == Unchanged::Skip && is_current(&stored, fingerprint.as_ref()) {
            return Ok((published, Outcome::Unchanged));
        }
        let existing = self.existing_objects(&job).await?;
        if self.options.unchanged == Unchanged::Skip && may_resume(&stored, fingerprint.as_ref()) {
            // Pictures alone: an `info.json` is always put, because its fingerprint is news even where its bytes are not.
            let pictures = existing.iter().filter(|object| job.is_request(&object.key));
            job.resumed = pictures.filter_map(|object| Some((object.key.clone(), object.digest?))).collect();
        }
        let job = Arc::new(job);
        (self.events)(Event::Started {
            identifier: image.identifier.clone(),
            size: header.size,
            description: header.description,
            objects: job.object_count(),
        });
        self.mark_as_replaced(&job, &stored, fingerprint.as_ref()).await?;
        let settled = self.publish_pictures(image, source, &job).await?;
        let info_bytes = self.publish_information(&job, &settled, fingerprint.as_ref()).await?;
        published.orphans = self.delete_orphans(&job, existing).await?;
        published.objects = settled.objects + job.folders.len() as u64;
        published.bytes = settled.bytes + info_bytes;
        published.duration = started.elapsed();
        Ok((published, Outcome::Published))
    }

    fn job(&self, image: &Image, pyramid: Pyramid) -> Result<Job, PublishError> {
        let folder = |(version, folder): (_, Option<u8>)| {
            let base_uri = self.options.public_url.base_uri(folder, &image.identifier);
            let place = ImageFolder::new(&self.options.prefix, folder, &image.identifier)?;
            Ok(work::Folder { plan: Plan::new(pyramid.clone(), version), place, base_uri })
        };
        let folders: Result<Vec<_>, KeyError> = self.options.versions.folders().into_iter().map(folder).collect();
        Ok(Job {
            identifier: image.identifier.clone(),
            pyramid,
            folders: folders?,
            store: Arc::clone(&self.store),
            budget: self.budget.clone(),
            jpeg: self.options.jpeg,
            cache_control: self.options.cache_control.as_str().into(),
            events: Arc::clone(&self.events),
            resumed: HashMap::new(),
        })
    }

    async fn fingerprint(&self, image: &Image) -> Result<Option<Fingerprint>, PublishError> {
        let (of, options) = (image.clone(), Arc::clone(&self.options));
        let fingerprint = self.blocking(image, move || Fingerprint::new(&of.path, &of.identifier, &options)).await?;
        // A file system without times of modification only costs the shortcut.
        Ok(fingerprint.ok())
    }

    /// The `info.json` of each version that is there already: one request each.
    async fn stored_information(&self, job: &Job) -> Result<Vec<Option<Stored>>, PublishError> {
        let mut stored = Vec::new();
        for folder in &job.folders {
            stored.push(self.store.get(&folder.place.key(&Plan::INFO_JSON)).await?);
        }
        Ok(stored)
    }

    /// What is in the folders of the image already: one listing each, where it may be listed.
    async fn existing_objects(&self, job: &Job) -> Result<Vec<Listed>, PublishError> {
        let mut existing = Vec::new();
        for folder in &job.folders {
            existing.extend(self.store.list(&folder.place).await?.unwrap_or_default());
        }
        Ok(existing)
    }

    /// Takes back, before the first object is replaced, the word that what is there is current: should this run fail, the
    /// next one must not believe it. Readers see the same `info.json` as before.
    async fn mark_as_replaced(
        &self,
        job: &Job,
        stored: &[Option<Stored>],
        fingerprint: Option<&Fingerprint>,
    ) -> Result<(), PublishError> {
        for (folder, stored) in job.folders.iter().zip(stored) {
            let Some(Stored { body, fingerprint: Some(old) }) = stored else { continue };
            let replacing = fingerprint.map(|fingerprint| fingerprint.replacing(Some(old)).into());
            self.store.put(self.information(folder, body.clone(), replacing)).await?;
        }
        Ok(())
    }

    /// Deletes what an earlier version of the image had and this one has not; only now that nobody is promised it any more.
    /// Only what looks like a request of the Image API is touched.
    async fn delete_orphans(&self, job: &Job, existing: Vec<Listed>) -> Result<Orphans, PublishError> {
        let planned: HashSet<Key> = if existing.is_empty() { HashSet::new() } else { job.keys().collect() };
        let is_orphan = |key: &Key| !planned.contains(key) && job.is_request(key);
        let orphans: Vec<Key> = existing.into_iter().map(|object| object.key).filter(is_orphan).collect();
        let count = orphans.len() as u64;
        match self.store.delete(orphans).await {
            Ok(()) => Ok(Orphans { deleted: count, left: 0 }),
            Err(error) if error.kind() == StoreErrorKind::Denied => Ok(Orphans { deleted: 0, left: count }),
            Err(error) => Err(error.into()),
        }
    }

    /// Everything but `info.json`: reads, cuts, encodes and puts, and proves that all of it is stored.
    async fn publish_pictures(&self, image: &Image, source: Source, job: &Arc<Job>) -> Result<Settled, PublishError> {
        let (strips, mut filled) = mpsc::channel(STRIP_QUEUE);
        let pyramid = job.pyramid.clone();
        let reader = spawn_blocking(move || read::read(source, &pyramid, &strips));
        let mut ledger = Ledger::new(job.object_count() - job.folders.len() as u64);
        let mut tasks = Tasks::new(job);
        while let Some(strip) = tasks.next_strip(&mut filled, &mut ledger).await? {
            tasks.spawn_strip(Arc::new(strip), &mut ledger).await?;
        }
        // The queue is closed: either everything has been read, or the reader failed.
        reader.await.map_err(|cause| PublishError::Panicked { identifier: image.identifier.clone(), cause })??;
        tasks.finish(&mut ledger).await?;
        ledger.settle().map_err(|cause| PublishError::Incomplete { identifier: image.identifier.clone(), cause })
    }

    /// The promise: only with the proof that everything it promises is stored.
    async fn publish_information(
        &self,
        job: &Job,
        _proof: &Settled,
        fingerprint: Option<&Fingerprint>,
    ) -> Result<u64, PublishError> {
        let mut bytes = 0;
        for folder in &job.folders {
            let (version, base_uri) = (folder.plan.version(), folder.base_uri.clone());
            let information = ImageInformation::new(&job.pyramid, version, base_uri, self.options.rights.clone());
            let fingerprint = fingerprint.map(|fingerprint| fingerprint.to_string().into());
            bytes += job.put(self.information(folder, information.to_json().into(), fingerprint)).await?.bytes;
        }
        Ok(bytes)
    }

    /// An `info.json` as an object.
    fn information(&self, folder: &work::Folder, body: Bytes, fingerprint: Option<Arc<str>>) -> Object {
        Object {
            key: folder.place.key(&Plan::INFO_JSON),
            body,
            content_type: ImageInformation::content_type(folder.plan.version()),
            cache_control: self.options.info_cache_control.as_str().into(),
            fingerprint,
        }
    }

    async fn blocking<T: Send + 'static>(
        &self,
        image: &Image,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, PublishError> {
        let panicked = |cause| PublishError::Panicked { identifier: image.identifier.clone(), cause };
        spawn_blocking(work).await.map_err(panicked)
    }
}

/// What publishing came to.
enum Outcome {
    Published,
    Unchanged,
}

/// Whether every version is there with this fingerprint.
fn is_current(stored: &[Option<Stored>], fingerprint: Option<&Fingerprint>) -> bool {
    let Some(fingerprint) = fingerprint.map(ToString::to_string) else { return false };
    let is_current = |stored: &Option<Stored>| {
        stored.as_ref().is_some_and(|stored| stored.fingerprint.as_deref() == Some(fingerprint.as_str()))
    };
    stored.iter().all(is_current)
}

/// Whether objects that are there with the right bytes can stay: they have the right headers too, because nothing was
/// finished yet, or because it was put with the same ones.
fn may_resume(stored: &[Option<Stored>], fingerprint: Option<&Fingerprint>) -> bool {
    let Some(fingerprint) = fingerprint else { return false };
    let has_headers = |stored: &Option<Stored>| {
        stored.as_ref().is_none_or(|stored| fingerprint.has_headers_of(stored.fingerprint.as_deref()))
    };
    stored.iter().all(has_headers)
}
