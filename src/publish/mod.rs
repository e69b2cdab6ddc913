//! The pipeline: the only place that joins the rooms.
//!
//! ```text
//!  spawn_blocking            tasks, as many as there are slots              spawn_blocking   tasks
//!  reader: rows -> strips -> tile of a strip -> (an encoder is free) -> encode -> (a put is free) -> put -> receipt
//!                         `-> whole level: renditions and thumbnails, strip by strip ----'
//! ```
//! Every arrow is a bounded queue or a semaphore, so that a slow bucket slows down the decoder. A failure drops the
//! receiving end of the strips, at which the reader stops by itself.

mod blocks;
mod budget;
mod error;
mod event;
mod existing;
mod fingerprint;
mod job;
mod ledger;
mod memory;
mod old_versions;
mod options;
mod prospect;
mod read;
mod redirects;
mod work;

pub use error::PublishError;
pub use event::{Event, Orphans, Published};
pub use ledger::Unsettled;
pub use memory::{InFlight, peak_memory_bytes};
pub use options::{Changed, FullImageUrl, Identity, Layout, Options, RedirectOptions, Unchanged, Versions};
pub use prospect::{Change, Prospect};

use crate::encode::{BlankTiles, Encoding};
use crate::iiif::{ImageInformation, Plan, Pyramid};
use crate::location::Location;
use crate::remote::Remotes;
use crate::source::{Place, Source};
use crate::store::{Identifier, ImageFolder, KeyError, Object, Store, StoreError, Tally};
use budget::Budget;
use bytes::Bytes;
use existing::StoredInformation;
use fingerprint::Fingerprint;
use futures::future::ready;
use futures::{StreamExt, stream};
use job::{Folder, Job};
use ledger::{Ledger, Settled};
use read::Reading;
use redirects::Redirects;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Instant;
use tokio::task::spawn_blocking;
use work::Tasks;

/// Images that are looked at in the store at the same time: of a collection that has hardly changed, that is all there is to do.
const IMAGES_LOOKED_AT: usize = 32;

/// Strips that wait for the encoder of a whole level.
const WHOLE_LEVEL_QUEUE: usize = 1;

/// One image to be published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// Where it is.
    pub location: Location,
    /// What it is to be called.
    pub identifier: Identifier,
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
    remotes: Remotes,
}

impl Publisher {
    /// A publisher that tells `events` what happens. They are called from many threads, and must not block.
    pub fn new(store: Arc<dyn Store>, options: Options, events: impl Fn(Event) + Send + Sync + 'static) -> Self {
        let concurrency = options.concurrency.map_or_else(|| store.default_concurrency(), std::num::NonZeroUsize::get);
        let budget = Budget::new(&options, concurrency);
        Self { store, options: Arc::new(options), budget, events: Arc::new(events), remotes: Remotes::default() }
    }

    /// The same with these settings of what is elsewhere, instead of those of the AWS environment.
    #[must_use]
    pub fn reading_from(self, remotes: Remotes) -> Self {
        Self { remotes, ..self }
    }

    /// Whether it was told to begin nothing any more.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.budget.is_stopping()
    }

    /// What it was told.
    #[must_use]
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// Where it puts.
    #[must_use]
    pub fn store(&self) -> &dyn Store {
        &*self.store
    }

    /// Begins nothing any more: images that are being published end as soon as their puts in flight have, most of them with
    /// [`PublishError::Stopped`], and [`Publisher::publish_all`] takes no further one.
    pub fn stop(&self) {
        self.budget.stop();
    }

    /// Publishes many images, some at a time, and hands over the result of each as it ends. Dropping the stream ends
    /// all work at once; an image that is not complete then has no `info.json`.
    ///
    /// ```no_run
    /// use futures::StreamExt;
    /// use iiif_publish::publish::{Image, Options, Publisher};
    /// use iiif_publish::store::{Prefix, S3Settings, S3Store};
    /// use std::pin::pin;
    /// use std::sync::Arc;
    ///
    /// # async fn publish(images: Vec<Image>) -> Result<(), Box<dyn std::error::Error>> {
    /// // Credentials, region and endpoint come from the environment, as for the AWS tools.
    /// let store = S3Store::connect(S3Settings { bucket: "art-tiles".to_owned(), ..S3Settings::default() }).await?;
    /// let prefix: Prefix = "maps".parse()?;
    /// let options = Options { prefix: prefix.clone(), ..Options::new(store.public_url(&prefix)) };
    /// let publisher = Publisher::new(Arc::new(store), options, |_| {});
    ///
    /// let on_signal = publisher.clone();
    /// tokio::spawn(async move {
    ///     if tokio::signal::ctrl_c().await.is_ok() {
    ///         on_signal.stop(); // lets the puts in flight end
    ///     }
    /// });
    /// let mut results = pin!(publisher.publish_all(images));
    /// while let Some((image, result)) = results.next().await {
    ///     match result {
    ///         Ok(published) => println!("{}", published.info_urls[0]),
    ///         Err(error) => eprintln!("{}: {error}", image.identifier),
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn publish_all(
        &self,
        images: impl IntoIterator<Item = Image>,
    ) -> impl futures::Stream<Item = (Image, Result<Published, PublishError>)> {
        let publisher = self.clone();
        let publish = move |image: Image| {
            let publisher = publisher.clone();
            async move {
                let result = publisher.publish(&image).await;
                (image, result)
            }
        };
        let budget = self.budget.clone();
        let images = stream::iter(images).take_while(move |_| ready(!budget.is_stopping()));
        images.map(publish).buffer_unordered(IMAGES_LOOKED_AT)
    }

    /// Publishes one image.
    ///
    /// # Errors
    /// Where the source cannot be read or the store does not take an object. No `info.json` is written then.
    pub async fn publish(&self, image: &Image) -> Result<Published, PublishError> {
        let tally = Arc::new(Tally::default());
        let result = tally.of(self.publish_quietly(image, &tally)).await;
        let result = result.map(|(published, outcome)| (Published { traffic: tally.traffic(), ..published }, outcome));
        (self.events)(match &result {
            Ok((published, Outcome::Published)) => Event::Published(published.clone()),
            Ok((published, Outcome::Unchanged)) => Event::Unchanged(published.clone()),
            Ok((published, Outcome::Kept)) => Event::Kept(published.clone()),
            Err(_) => Event::Failed { identifier: image.identifier.clone() },
        });
        result.map(|(published, _)| published)
    }

    async fn publish_quietly(&self, image: &Image, tally: &Arc<Tally>) -> Result<(Published, Outcome), PublishError> {
        let started = Instant::now();
        // Before the file is opened: should another one take its name in between, the next run sees that.
        let place = self.remotes.find(&image.location).await?;
        let fingerprint = self.fingerprint(image, &place).await?;
        let stored = self.information_of(image).await?;
        if let Some((job, mut published, outcome)) = self.left_alone(image, &stored, &fingerprint)? {
            if let Outcome::Unchanged = outcome {
                published.orphans = self.keep_fewer_versions(&job, &stored, &fingerprint).await?;
            }
            return Ok((published, outcome));
        }
        let read = self.options.reading();
        let source = self.blocking(image, move || Source::open_at(&place, read)).await??;
        let header = source.header().clone();
        let pyramid = self.pyramid(image, header.size)?;
        let encoding = Encoding { jpeg: self.options.jpeg, profile: header.kept_profile.clone() };
        let blocks = blocks::decoded_rows(&header, &pyramid, self.options.jpeg);
        let mut job = Job { blocks, tally: Arc::clone(tally), ..self.job(image, pyramid, encoding, &fingerprint)? };
        let mut published = job.published(header.size);
        let may_skip = self.options.unchanged == Unchanged::Skip;
        let _image = budget::permit(&self.budget.images).await;
        job.going_on()?;
        let is_there = may_skip && self.is_there_behind_another(&job, &fingerprint).await?;
        let peak_bytes = peak_memory_bytes(&header, &job.pyramid, self.options.jpeg, self.budget.in_flight());
        if let Some(limit_bytes) = self.budget.is_beyond(peak_bytes) {
            let identifier = image.identifier.clone();
            return Err(PublishError::Memory { identifier, needed_bytes: peak_bytes, limit_bytes });
        }
        let image_bytes = memory::image_bytes(&header, &job.pyramid, self.options.jpeg, self.budget.in_flight());
        let memory = self.budget.memory(image_bytes).await;
        (self.events)(Event::Started {
            identifier: image.identifier.clone(),
            size: header.size,
            description: header.description,
            found: header.found,
            objects: job.object_count(),
        });
        job.going_on()?;
        // The first strips are decoded while the store is asked what it has.
        let reading = (!is_there).then(|| Reading::begin(source, memory, &job));
        let orphans = if is_there { Vec::new() } else { self.make_way(&mut job, &stored, &fingerprint).await? };
        let job = Arc::new(job);
        if let Some(reading) = reading {
            let settled = self.publish_pictures(reading, &job).await?;
            let redirects = self.redirect(&job).await?;
            // On the disk before anything promises it.
            self.store.flush().await?;
            let word = if orphans.is_empty() { fingerprint.to_string() } else { fingerprint.unsettled() };
            published.bytes = settled.bytes + self.publish_information(&job, &settled, &word).await?;
            published.objects = settled.objects + redirects + job.folders.len() as u64;
        } else {
            // It counts as new among the old versions that are kept.
            published.bytes = self.put_information(&job, Folder::place, &fingerprint.to_string()).await?;
            published.objects = job.folders.len() as u64;
        }
        // And the promise before what it replaces is deleted.
        self.store.flush().await?;
        published.orphans = match self.options.layout {
            Layout::InPlace => self.delete_orphans(&job, orphans, &fingerprint).await?,
            Layout::Versioned { keep } => self.move_to_version(&job, &fingerprint, keep).await?,
        };
        published.duration = started.elapsed();
        Ok((published, Outcome::Published))
    }

    /// An image that is to stay what it is, of which nothing is read but the `info.json` in the store.
    fn left_alone(
        &self,
        image: &Image,
        stored: &StoredInformation,
        fingerprint: &Fingerprint,
    ) -> Result<Option<(Job, Published, Outcome)>, PublishError> {
        let is_current = self.options.unchanged == Unchanged::Skip && stored.is_current(fingerprint);
        let is_kept = self.options.changed == Changed::Keep && stored.is_there();
        // Something else under that name is published over, or refused by the store.
        let Some(size) = stored.size().filter(|_| is_current || is_kept) else { return Ok(None) };
        let encoding = Encoding { jpeg: self.options.jpeg, profile: None };
        let job = self.job(image, Pyramid::new(size, self.options.shape), encoding, fingerprint)?;
        let mut published = job.published(size);
        if is_current {
            return Ok(Some((job, published, Outcome::Unchanged)));
        }
        // Whatever version that is.
        published.info_urls = job.home_urls();
        published.version = None;
        Ok(Some((job, published, Outcome::Kept)))
    }

    fn is_versioned(&self) -> bool {
        matches!(self.options.layout, Layout::Versioned { .. })
    }

    fn job(
        &self,
        image: &Image,
        pyramid: Pyramid,
        encoding: Encoding,
        fingerprint: &Fingerprint,
    ) -> Result<Job, PublishError> {
        let folder = |(version, api_folder): (_, Option<u8>)| {
            let plan = Plan::new(pyramid.clone(), version);
            let base_uri = self.options.public_url.base_uri(api_folder, &image.identifier);
            let home = ImageFolder::new(&self.options.prefix, api_folder, &image.identifier)?;
            if !self.is_versioned() {
                return Ok(Folder { plan, place: home, base_uri, around: None });
            }
            let name = fingerprint.version_name();
            let place = home.version(&name)?;
            Ok(Folder { plan, place, base_uri: format!("{base_uri}/{name}"), around: Some(home) })
        };
        let folders: Result<Vec<_>, KeyError> = self.options.versions.folders().into_iter().map(folder).collect();
        Ok(Job {
            identifier: image.identifier.clone(),
            pyramid,
            folders: folders?,
            store: Arc::clone(&self.store),
            budget: self.budget.clone(),
            encoding,
            blanks: BlankTiles::default(),
            blocks: None,
            version: fingerprint.version_name(),
            cache_control: self.options.cache_control.as_str().into(),
            headers: fingerprint.headers().into(),
            redirects: Redirects::new(self.options.redirects.as_ref(), &image.identifier),
            events: Arc::clone(&self.events),
            resumed: HashMap::new(),
            stored: AtomicU64::new(0),
            tally: Arc::default(),
        })
    }

    async fn fingerprint(&self, image: &Image, place: &Place) -> Result<Fingerprint, PublishError> {
        let (identifier, place) = (image.identifier.clone(), place.clone());
        let (options, attributes) = (Arc::clone(&self.options), self.store.attributes());
        let fingerprint = move || Fingerprint::new(&identifier, &place, &options, &attributes);
        Ok(self.blocking(image, fingerprint).await??)
    }

    /// Whether this very version is complete, although another one is the newest: the image has become again what it was.
    async fn is_there_behind_another(&self, job: &Job, fingerprint: &Fingerprint) -> Result<bool, PublishError> {
        Ok(self.is_versioned() && self.information_in_place(job).await?.is_current(fingerprint))
    }

    /// Everything but `info.json`: reads, cuts, encodes and puts, and proves that all of it is stored.
    async fn publish_pictures(&self, reading: Reading, job: &Arc<Job>) -> Result<Settled, PublishError> {
        let Reading { mut strips, reader, memory: _memory } = reading;
        let mut ledger = Ledger::new(job.picture_count());
        let mut tasks = Tasks::new(job);
        let work = async {
            while let Some(strip) = tasks.next_strip(&mut strips, &mut ledger).await? {
                tasks.spawn_strip(strip, &mut ledger).await?;
            }
            // The queue is closed: either everything has been read, or the reader failed.
            reader.await.map_err(|cause| job.panicked(cause))??;
            tasks.finish(&mut ledger).await
        };
        match work.await {
            Err(PublishError::Stopped { .. }) => {
                // At which the reader stops by itself.
                drop(strips);
                return Err(tasks.drain().await);
            }
            done => done?,
        }
        ledger.settle().map_err(|cause| PublishError::Incomplete { identifier: job.identifier.clone(), cause })
    }

    /// The promise: only with the proof that everything it promises is stored.
    async fn publish_information(&self, job: &Job, _proof: &Settled, word: &str) -> Result<u64, PublishError> {
        let mut bytes = 0;
        for folder in &job.folders {
            let information = self.information(folder, &folder.place, self.info_json(job, folder), word.to_owned());
            bytes += job.put(information).await?.bytes;
        }
        Ok(bytes)
    }

    /// Puts an `info.json` that is there already once more, with another word about what is current; its bytes.
    async fn put_information(
        &self,
        job: &Job,
        place: impl Fn(&Folder) -> &ImageFolder,
        word: &str,
    ) -> Result<u64, StoreError> {
        let mut bytes = 0;
        for folder in &job.folders {
            let information = self.information(folder, place(folder), self.info_json(job, folder), word.to_owned());
            bytes += self.store.put(information).await?.bytes;
        }
        Ok(bytes)
    }

    /// Tells web servers which requests lead elsewhere, before the promise that they will, and which do no more; how many
    /// those are that do.
    async fn redirect(&self, job: &Job) -> Result<u64, PublishError> {
        let mut count = 0;
        for folder in &job.folders {
            let redirects = job.redirects.of(&job.pyramid, folder);
            count += redirects.len() as u64;
            self.store.redirect(&folder.place, &folder.base_uri, redirects).await?;
        }
        Ok(count)
    }

    fn info_json(&self, job: &Job, folder: &Folder) -> Bytes {
        let (version, base_uri) = (folder.plan.version(), folder.base_uri.clone());
        ImageInformation::new(&job.pyramid, version, base_uri, self.options.rights.clone()).to_json().into()
    }

    /// An `info.json` as an object in one of the folders of an image.
    fn information(&self, folder: &Folder, place: &ImageFolder, body: Bytes, fingerprint: String) -> Object {
        Object {
            key: place.key(&Plan::INFO_JSON),
            body,
            content_type: ImageInformation::content_type(folder.plan.version()),
            cache_control: self.options.info_cache_control.as_str().into(),
            mark: Some(fingerprint.into()),
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
    Kept,
}
