//! The publishing pipeline, which ties the crate's other modules together.
//!
//! ```text
//!  spawn_blocking            tasks, limited by permits                      spawn_blocking   tasks
//!  reader: rows -> strips -> tile of a strip -> (an encoder is free) -> encode -> (a put is free) -> put -> receipt
//!                         `-> whole level: renditions and thumbnails, strip by strip ----'
//! ```
//! Each arrow is a bounded queue or a semaphore, so a slow bucket slows down the decoder. If a task fails, the strip
//! receiver is dropped, which stops the reader.

mod api_folder;
mod batch;
mod blocks;
mod budget;
mod builder;
mod content;
mod document_mark;
mod error;
mod event;
mod existing;
mod fingerprint;
mod first;
mod info;
mod job;
mod joined;
mod ledger;
mod list;
mod lookahead;
mod lookup;
mod mark;
mod memory;
mod old_versions;
mod options;
mod outline;
mod page;
mod prospect;
mod read;
mod redirects;
mod replace;
mod revision;
mod settle;
mod state;
mod summary;
mod target;
mod task;
mod update;
mod watch;
mod work;

pub use crate::destination::Versions;
pub use crate::encode::{Effort, JpegOptions, JpegTiles, Subsampling, has_simd};
pub use batch::BatchEvent;
pub use builder::{OptionsBuilder, OptionsError};
pub(crate) use document_mark::{DocumentMark, PagesMark, forget_pages};
pub use error::{Incomplete, PublishError};
pub use event::{Event, Orphans, Outcome, Published, Stage};
pub use list::{ListError, ListedImage, ListedState, list_images};
pub(crate) use lookahead::MAX_IMAGES_LOOKED_UP;
pub use options::{FullImageUrl, Identity, Layout, OnWarning, Options, RedirectOptions};
pub use outline::{Outline, VersionOutline};
pub use page::FilePage;
pub(crate) use page::{SharedFile, may_have_pages};
pub(crate) use prospect::PublishedImage;
pub use prospect::{Change, Prospect};
pub(crate) use replace::{Timing, doomed, invalidate, is_ours};
pub use summary::{BatchSummary, Unfinished};

use crate::destination::Identifier;
use crate::location::Location;
use crate::remote::SourceResolver;
use crate::store::{Store, StoreError, StoreErrorKind, Tally};
use budget::Budget;
use first::{EarlyLookup, FirstImage};
use futures::future::BoxFuture;
use futures::{FutureExt, stream};
use lookup::Found;
use state::{Action, State};
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;
use target::Target;
use task::Task;
use tokio::task::{JoinSet, spawn_blocking};

/// Number of strips that may be queued for a whole-level encoder.
const WHOLE_LEVEL_QUEUE: usize = 1;

/// An image to publish.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Image {
    /// Location of the source file.
    pub location: Location,
    /// Identifier to publish the image under.
    pub identifier: Identifier,
    /// Page of a file that is shared with other images. If this is `None`, the page is the one in the
    /// [options](crate::source::ReadOptions::page).
    pub page: Option<FilePage>,
}

impl Image {
    /// Creates an image that is published from a file of its own.
    #[must_use]
    pub fn new(location: impl Into<Location>, identifier: Identifier) -> Self {
        Self { location: location.into(), identifier, page: None }
    }
}

/// Publishes images to a store.
///
/// Cloning is cheap, and all clones share the same worker threads and upload limit.
#[derive(Clone)]
pub struct Publisher {
    store: Arc<dyn Store>,
    options: Arc<Options>,
    budget: Budget,
    events: Arc<dyn Fn(Event) + Send + Sync>,
    sources: SourceResolver,
    /// Maximum number of concurrent requests per image.
    concurrency: usize,
    /// `true` once [`Event::ComparedBySize`] has been emitted.
    compared_by_size: Arc<AtomicBool>,
    first: Arc<FirstImage>,
}

impl Publisher {
    /// Creates a new publisher. `events` is called from multiple threads to report progress and must not block.
    pub fn new(store: Arc<dyn Store>, options: Options, events: impl Fn(Event) + Send + Sync + 'static) -> Self {
        let concurrency = options.concurrency.map_or_else(|| store.default_concurrency(), std::num::NonZeroUsize::get);
        let budget = Budget::new(&options, concurrency);
        Self {
            store,
            options: Arc::new(options),
            budget,
            events: Arc::new(events),
            sources: SourceResolver::default(),
            concurrency,
            compared_by_size: Arc::default(),
            first: Arc::default(),
        }
    }

    /// Sets the resolver for remote sources, replacing the default AWS configuration.
    #[must_use]
    pub fn with_sources(self, sources: SourceResolver) -> Self {
        Self { sources, ..self }
    }

    /// Returns `true` if [`stop`](Self::stop) has been called.
    #[must_use]
    pub(crate) fn is_stopped(&self) -> bool {
        self.budget.is_stopping()
    }

    /// Returns the publisher's options.
    #[must_use]
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// Returns the underlying store.
    #[must_use]
    pub fn store(&self) -> &dyn Store {
        &*self.store
    }

    /// Stops gracefully, letting uploads in flight finish without starting new ones. Most images in progress then fail
    /// with [`PublishError::Stopped`], and [`Publisher::publish_all`] stops starting new images.
    pub fn stop(&self) {
        self.budget.stop();
    }

    /// Publishes multiple images concurrently and yields each result as soon as it is ready. Dropping the stream
    /// cancels all work immediately. Incomplete images don't get an `info.json`.
    ///
    /// ```no_run
    /// use futures::StreamExt;
    /// use iiif_publish::publish::{Image, Options, Publisher};
    /// use iiif_publish::store::{Prefix, S3Settings, S3Store};
    /// use std::pin::pin;
    /// use std::sync::Arc;
    ///
    /// # async fn publish(images: Vec<Image>) -> Result<(), Box<dyn std::error::Error>> {
    /// // Credentials, region and endpoint are read from the environment, as with the AWS CLI.
    /// let store = S3Store::connect(S3Settings::new("art-tiles")).await?;
    /// let prefix: Prefix = "maps".parse()?;
    /// let options = Options::builder(store.url(&prefix).into()).prefix(prefix).build()?;
    /// let publisher = Publisher::new(Arc::new(store), options, |_| {});
    ///
    /// let on_signal = publisher.clone();
    /// tokio::spawn(async move {
    ///     if tokio::signal::ctrl_c().await.is_ok() {
    ///         on_signal.stop(); // lets uploads in flight finish
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
        let running = JoinSet::new();
        stream::unfold((self.clone(), images.into_iter(), running), |(publisher, mut images, mut running)| async move {
            // The window changes only when an image ends or waits for its turn, so this is a good time to look at it.
            while running.len() < publisher.budget.lookahead.window() && !publisher.is_stopped() {
                let Some(image) = images.next() else { break };
                let publisher = publisher.clone();
                // In tasks of their own, images that are only looked up use all cores, too.
                running.spawn(async move {
                    let result = publisher.publish(&image).await;
                    (image, result)
                });
            }
            let ended = running.join_next().await?;
            // Tasks are canceled only when the set is dropped.
            let ended = ended.unwrap_or_else(|error| resume_unwind(error.into_panic()));
            Some((ended, (publisher, images, running)))
        })
    }

    /// Publishes a single image.
    ///
    /// # Errors
    /// Returns an error if the source can't be read or an object can't be stored. In either case, no `info.json` is
    /// written.
    pub async fn publish(&self, image: &Image) -> Result<Published, PublishError> {
        let result = self.publish_if(image, |_| true).await;
        result.map(|published| published.expect("every state is wanted"))
    }

    /// Publishes a single image like [`publish`](Self::publish), but only if it has been published before. Returns
    /// `None` if it hasn't, without opening the source.
    ///
    /// # Errors
    /// Fails in the same cases as [`publish`](Self::publish).
    pub(crate) async fn publish_existing(&self, image: &Image) -> Result<Option<Published>, PublishError> {
        self.publish_if(image, State::is_there).await
    }

    /// Publishes an image if its state in the store is wanted. Returns `None` if not.
    async fn publish_if(
        &self,
        image: &Image,
        is_wanted: fn(&State) -> bool,
    ) -> Result<Option<Published>, PublishError> {
        let early = self.first.take(&image.identifier);
        let tally = early.as_ref().map(|early| Arc::clone(&early.tally)).unwrap_or_default();
        let started = Instant::now();
        let result = tally.of(self.publish_tallied(image, early, &tally, is_wanted)).await;
        let complete = |(published, outcome)| Published {
            outcome,
            traffic: tally.traffic(),
            duration: started.elapsed(),
            ..published
        };
        let result = result.map(|done| done.map(complete));
        match &result {
            Ok(Some(Published { outcome: Outcome::Unchanged | Outcome::Kept | Outcome::KeptNewer, .. })) => {
                self.budget.lookahead.record_unchanged();
            }
            Ok(_) => {}
            // Each image in progress may fail for the same reason.
            Err(_) => self.budget.lookahead.shrink(),
        }
        match &result {
            Ok(Some(published)) => (self.events)(Event::of(published.clone())),
            Ok(None) => {}
            Err(_) => (self.events)(Event::Failed { identifier: image.identifier.clone() }),
        }
        result
    }

    /// Publishes an image, skipping any work that is already done.
    async fn publish_tallied(
        &self,
        image: &Image,
        early: Option<EarlyLookup>,
        tally: &Arc<Tally>,
        is_wanted: fn(&State) -> bool,
    ) -> Result<Option<(Published, Outcome)>, PublishError> {
        let found = self.unless_stopped(image, self.look_up(image, early)).await?;
        if !is_wanted(&found.state) {
            return Ok(None);
        }
        if found.is_done() {
            return self.act(image, found, tally).await.map(Some);
        }
        // From here on, fewer images are in progress than are looked up.
        let turn = self.unless_stopped(image, self.budget.lookahead.turn().map(Ok)).await?;
        // If other images went first, this one may have been published by another run in the meantime.
        let is_outdated = found.state.is_outdated();
        let found = if is_outdated { self.unless_stopped(image, self.look_up(image, None)).await? } else { found };
        if matches!(found.action, Action::Publish | Action::UpdateDocuments | Action::UpdateHeaders) {
            self.forget_pages(image, &found.state).await?;
        }
        let result = self.act(image, found, tally).await;
        drop(turn);
        result.map(Some)
    }

    /// Does what was decided. Boxed because hundreds of images may be looked up concurrently, and only the others need
    /// this large future.
    fn act<'a>(
        &'a self,
        image: &'a Image,
        found: Found,
        tally: &'a Arc<Tally>,
    ) -> BoxFuture<'a, Result<(Published, Outcome), PublishError>> {
        async move {
            let Found { origin, fingerprint, state, action, target } = found;
            let task = Task { publisher: self, image, origin, state: &state, fingerprint: &fingerprint, tally };
            match (action, target) {
                (Action::Keep, Some(target)) => Ok((kept(&target), Outcome::Kept)),
                (Action::KeepNewer, Some(target)) => Ok((kept(&target), Outcome::KeptNewer)),
                (Action::Skip, Some(target)) => task.skip(&target).await,
                (Action::Settle, Some(target)) => task.settle(&target).await,
                (Action::UpdateDocuments, Some(target)) => task.update_documents(&target).await,
                (Action::UpdateHeaders, Some(target)) => task.update_headers(&target).await,
                // If the existing image is in an unknown state, replace it.
                _ => task.publish().await,
            }
        }
        .boxed()
    }

    fn timing(&self) -> Option<Timing> {
        self.options.settle_after.map(|grace| Timing { grace })
    }

    /// Runs read-only work and cancels it when the publisher is stopped. Sources can be large, slow or endless.
    async fn unless_stopped<T>(
        &self,
        image: &Image,
        work: impl Future<Output = Result<T, PublishError>>,
    ) -> Result<T, PublishError> {
        tokio::select! {
            // Check for a stop first. Work that gave up because of a stop hasn't failed.
            biased;
            () = self.budget.stopped() => {
                Err(PublishError::Stopped { identifier: image.identifier.clone(), stored: 0, promised: 0 })
            }
            done = work => done,
        }
    }

    /// Checks the limit on objects per image.
    ///
    /// # Errors
    /// Returns [`PublishError::TooManyObjects`] if the image exceeds it.
    fn check_object_count(&self, target: &Target) -> Result<(), PublishError> {
        let (objects, max_objects) = (target.object_count(), self.options.max_objects);
        if objects <= max_objects.unwrap_or(u64::MAX) {
            return Ok(());
        }
        let identifier = target.identifier.clone();
        Err(PublishError::TooManyObjects { identifier, objects, max_objects: max_objects.unwrap_or(u64::MAX) })
    }

    /// Checks that the store supports redirects if the options require them.
    fn check_redirects(&self) -> Result<(), StoreError> {
        if self.options.redirects.is_none() || self.store.redirect_store().is_some() {
            return Ok(());
        }
        let action = "could not redirect requests for the same picture".to_owned();
        Err(StoreError::new(StoreErrorKind::Unsupported, action, "the store has no redirects"))
    }

    fn check_not_stopped(&self, target: &Target) -> Result<(), PublishError> {
        if !self.budget.is_stopping() {
            return Ok(());
        }
        let (identifier, promised) = (target.identifier.clone(), target.object_count());
        Err(PublishError::Stopped { identifier, stored: 0, promised })
    }

    /// Runs blocking I/O on files and remote sources, with hardly any CPU work.
    async fn blocking<T: Send + 'static>(
        &self,
        image: &Image,
        wait: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, PublishError> {
        spawn_blocking(wait).await.map_err(|cause| PublishError::of_work(&image.identifier, cause.into()))
    }

    /// Runs CPU-bound work.
    async fn work<T: Send + 'static>(
        &self,
        image: &Image,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, PublishError> {
        let done = self.budget.workers.run(work).await;
        done.map_err(|cause| PublishError::of_work(&image.identifier, cause))
    }
}

/// Describes an image that was left unchanged, regardless of its version.
fn kept(target: &Target) -> Published {
    Published { info_urls: target.current_urls(), version: None, ..target.published() }
}
