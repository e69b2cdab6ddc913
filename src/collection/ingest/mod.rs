//! Publishes a whole collection incrementally. A run uploads images, manifests and the collection, and deletes images
//! that are no longer in the input.
//!
//! [`Ingest::run`] performs a single run, reports [`IngestEvent`]s along the way, and returns an [`IngestSummary`].
//! [`Ingest::dry_run`] reports the changes that a run would make.
//!
//! ```no_run
//! # use iiif_publish::collection::{Input, Patterns};
//! use iiif_publish::collection::ingest::{Ingest, IngestEvent, IngestInput, IngestOptions};
//! use iiif_publish::publish::{Options, Publisher};
//! use iiif_publish::store::FolderStore;
//! use std::sync::Arc;
//!
//! # async fn ingest() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
//! let mut input = Input::new(Patterns::new(&[], &[])?);
//! input.add_path("scans".as_ref())?;
//! let input = IngestInput::new(input)?;
//! let store = Arc::new(FolderStore::new("site/iiif".into()));
//! let publisher = Publisher::new(store, Options::new("https://example.org/iiif".parse()?), |_| {});
//! let ingest = Ingest::new(&publisher, &input, IngestOptions::default(), |event| {
//!     if let IngestEvent::CollectionWritten { url } = event {
//!         println!("{url}");
//!     }
//! })?;
//! let summary = ingest.run(std::future::pending::<()>).await?;
//! println!("{} images published", summary.counts.published);
//! # Ok(())
//! # }
//! # let _can_be_spawned: Box<dyn Send> = Box::new(ingest());
//! ```

mod activity;
mod dry_run;
mod error;
mod event;
mod file_state;
mod files;
mod input;
mod manifests;
mod metrics;
mod options;
mod present;
mod prune;
mod refusal;
mod report;
mod site;
mod summary;
mod thumbnails;
mod versions;

pub use dry_run::{DryRunEvent, DryRunTotals};
pub use error::IngestError;
pub use event::{IngestEvent, StopReason};
pub use input::IngestInput;
pub use metrics::Metrics;
pub use options::{IngestMode, IngestOptions};
pub use refusal::{DeleteLimit, DeleteLimitError, PruneRefusal};
pub use report::{ReadReportError, ReportStatus, ReportedImage, Reports};
pub use summary::{Completion, Counts, IngestSummary};

use super::{Page, Presentation};
use crate::destination::{Destination, Identifier};
use crate::iiif::PresentationVersion;
use crate::publish::{Image, MAX_IMAGES_LOOKED_UP, Publisher};
use crate::store::{Key, KeyError, StoreError};
use event::Events;
use file_state::FoundImages;
use files::Step;
use futures::{StreamExt, TryStreamExt, stream};
use manifests::{CollectionContent, CollectionLabel, ManifestObject, manifest_objects};
use present::{DocumentKeys, DocumentLookup, KnownDocument, Manifests, PresentDocuments};
use prune::Stale;
use report::Report;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::OnceLock;
use std::time::Duration;
use summary::{KnownImages, Run};
use versions::Version2;

/// Publishes the images of an input, along with their manifests and the collection.
pub struct Ingest<'a> {
    publisher: &'a Publisher,
    input: &'a IngestInput,
    options: IngestOptions,
    presentation: Option<Presentation>,
    /// Documents that the run may write.
    documents: Option<DocumentKeys>,
    /// Presentation API version 2 documents, if enabled.
    version2: Option<Version2>,
    /// Images in this shard.
    pages: Vec<&'a Page>,
    /// Identifiers of the whole input, collected when the first file with pages is found.
    names: OnceLock<HashSet<&'a Identifier>>,
    /// Objects with several entries in the input, collected when the first file that may have pages is found.
    shared_objects: OnceLock<HashSet<&'a Identifier>>,
    events: Box<Events<'a>>,
}

impl fmt::Debug for Ingest<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Ingest").field("options", &self.options).finish_non_exhaustive()
    }
}

impl<'a> Ingest<'a> {
    /// Prepares a run. The `events` callback must not block.
    ///
    /// # Errors
    /// Returns an error if an image has an identifier that is reserved for manifests or collections, or if the input
    /// doesn't have the column that names collections within the collection.
    pub fn new(
        publisher: &'a Publisher,
        input: &'a IngestInput,
        options: IngestOptions,
        events: impl Fn(IngestEvent<'_>) + Send + Sync + 'a,
    ) -> Result<Self, IngestError> {
        let presentation =
            options.collection_label.as_ref().and_then(|_| presentation(publisher, PresentationVersion::V3));
        let presentation = presentation.map(|it| it.nested(options.nesting.clone()));
        if presentation.is_some() {
            if let Some(column) = options.nesting.as_ref().and_then(|nesting| nesting.missing_column(input.pages())) {
                return Err(IngestError::MissingColumn { column: column.to_owned() });
            }
            input.check_identifiers(&publisher.options().destination())?;
            if options.site.is_some() {
                input.check_identifiers_for_site(&publisher.options().destination())?;
            }
        }
        // The collection lists every object in the input. A single shard only has its own objects, and an incomplete
        // input would drop objects that are still online.
        let is_whole = options.writes_collection && options.shard.is_whole() && input.is_complete();
        let documents = presentation.as_ref().map(|it| document_keys(it.destination(), is_whole)).transpose()?;
        let (further, newest) = (&options.further_presentations, presentation.as_ref());
        let version2 = Version2::new((publisher, input), further, newest, is_whole)?;
        if options.writes_activities {
            input.check_folder(&publisher.options().destination(), Destination::ACTIVITY)?;
        }
        let pages = input.pages_of(options.shard);
        let (names, shared_objects) = (OnceLock::new(), OnceLock::new());
        let events = Box::new(events);
        Ok(Self { publisher, input, options, presentation, documents, version2, pages, names, shared_objects, events })
    }

    /// Publishes images, writes manifests and the collection, and deletes images that are no longer in the input,
    /// depending on the [mode](IngestOptions::mode).
    ///
    /// `stop` returns futures that resolve when the run should stop. Publishing stops gracefully when its first future
    /// resolves and immediately when its second one does. All later steps stop immediately and are repeated by the next
    /// run.
    ///
    /// # Errors
    /// Returns an error if the report can't be created, in which case no work has been done. Later errors are part of
    /// the summary.
    pub async fn run<S: Future<Output = ()>>(&self, mut stop: impl FnMut() -> S) -> Result<IngestSummary, IngestError> {
        let mut run = Run::new(Report::create(self.options.report.as_deref(), &self.pages)?, self.pages.len());
        let mut documents = self.look_up_documents();
        // Must happen before publishing because the limit is relative to the number of images currently in the store.
        let stale = match self.options.prune {
            Some(limit) => Some(self.find_stale(limit, documents.as_mut()).await),
            None => None,
        };
        if let Some(Ok(stale)) = &stale {
            run.keeps_collection = self.keeps_collection(stale);
        }
        let completion = match self.options.mode {
            IngestMode::Publish => Ok(self.publish(&mut run, &mut stop).await),
            IngestMode::ManifestsOnly => {
                unless_stopped(stop(), self.find_all(&mut run)).await.unwrap_or(Ok(Completion::Stopped))
            }
            IngestMode::Finish => Ok(Completion::Complete),
        };
        // The next steps depend on how publishing ended. Return early if the user stopped the run or the store is
        // unavailable. Write manifests even if some images failed, because they only include published pages.
        let completion = match completion {
            Ok(completion @ (Completion::Stopped | Completion::Unavailable)) => {
                return Ok(run.into_summary(completion, None));
            }
            Ok(completion) => completion,
            Err(error) => return Ok(run.into_summary(Completion::Incomplete, Some(error))),
        };
        match unless_stopped(stop(), self.complete(&mut run, documents, stale, completion)).await {
            Some(result) => Ok(run.into_summary(completion, result.err())),
            None => Ok(run.into_summary(Completion::Stopped, None)),
        }
    }

    /// Publishes the images in this shard.
    async fn publish<S: Future<Output = ()>>(&self, run: &mut Run<'a>, stop: &mut impl FnMut() -> S) -> Completion {
        let (first, second) = (stop(), stop());
        let on_result = |step: Result<&Step<'a>, &StoreError>| match step {
            Ok(Step::Ended(image, result)) => {
                run.ended(image, result);
                if self.has_failed_too_often(run) {
                    self.publisher.stop();
                }
                (self.events)(IngestEvent::ImageEnded { image, result });
            }
            Ok(Step::Expanded(expanded)) => {
                run.expanded(expanded);
                if !expanded.is_one_image() {
                    (self.events)(IngestEvent::PagesFound { file: &expanded.file.identifier, pages: &expanded.pages });
                }
            }
            Ok(Step::Publish(_)) => {}
            Err(error) => (self.events)(IngestEvent::StoreUnavailable { error }),
        };
        let stop = self.reason_to_stop(first);
        let stopped = self.publisher.results_until(self.steps(), Step::failure, stop, second, on_result).await;
        (self.events)(IngestEvent::PublishingEnded { stopped });
        let has_failed_too_often = self.has_failed_too_often(run);
        if has_failed_too_often {
            (self.events)(IngestEvent::TooManyFailures { failed: run.failed() });
        }
        run.completion(stopped, has_failed_too_often)
    }

    fn has_failed_too_often(&self, run: &Run<'a>) -> bool {
        self.options.max_failures.is_some_and(|max| run.failed() >= max)
    }

    /// Waits until the caller stops the run or the maximum duration has passed.
    async fn reason_to_stop(&self, requested: impl Future<Output = ()>) -> StopReason {
        let reason = tokio::select! {
            () = requested => StopReason::Requested,
            () = elapsed(self.options.max_duration) => StopReason::MaxDuration,
        };
        (self.events)(IngestEvent::Stopping { reason });
        reason
    }

    /// Looks up the images that are already published.
    async fn find_all(&self, run: &mut Run<'a>) -> Result<Completion, IngestError> {
        let find = |page: &'a Page| self.find_images(page);
        // Boxing the stream lets the compiler prove that the future is `Send`.
        let found = stream::iter(self.pages.iter().copied().map(find)).buffer_unordered(MAX_IMAGES_LOOKED_UP).boxed();
        let found: Vec<FoundImages<'a>> = found.try_collect().await?;
        let mut images = HashMap::new();
        for (found, expanded) in found {
            images.extend(found);
            if let Some(expanded) = expanded {
                run.expanded(&expanded);
            }
        }
        let missing = run.found(images);
        if missing == 0 {
            return Ok(Completion::Complete);
        }
        (self.events)(IngestEvent::NotPublished { count: missing });
        Ok(Completion::Incomplete)
    }

    /// Writes documents and deletes images that are no longer in the input.
    async fn complete(
        &self,
        run: &mut Run<'a>,
        documents: Option<DocumentLookup>,
        stale: Option<Result<Stale, IngestError>>,
        completion: Completion,
    ) -> Result<(), IngestError> {
        let mut stale_site = Vec::new();
        if let (Some(presentation), Some(mut documents)) = (&self.presentation, documents) {
            stale_site = self.present(presentation, run, documents.get().await?, completion).await?;
        }
        if completion == Completion::LimitReached {
            return Ok(());
        }
        let pruned = match stale {
            Some(stale) => match self.prune(stale?, run).await {
                Ok(()) => self.prune_site(stale_site).await,
                error => error,
            },
            None => Ok(()),
        };
        // Do this even if nothing was deleted, because manifests may have changed.
        self.write_activities().await.and(pruned)
    }

    /// Starts to look at the stored documents, if the run may write any.
    fn look_up_documents(&self) -> Option<DocumentLookup> {
        self.documents.clone().map(|keys| DocumentLookup::begin(self.publisher, keys))
    }

    /// Writes this shard's manifests. Also writes the collection and the site if the shard contains the whole input.
    /// Returns the site's pages for objects that aren't in the input.
    async fn present(
        &self,
        presentation: &Presentation,
        run: &Run<'a>,
        present: &PresentDocuments,
        completion: Completion,
    ) -> Result<Vec<Key>, IngestError> {
        let objects: Vec<ManifestObject> = match self.options.mode {
            IngestMode::Finish => Vec::new(),
            _ => manifest_objects(&self.pages, run.images()),
        };
        let mut written = HashSet::new();
        if self.options.mode != IngestMode::Finish {
            let none = Manifests::new();
            let manifests = present.manifests.as_ref().unwrap_or(&none);
            written = manifests::manifests(self.publisher, presentation, &objects, manifests).await?;
        }
        let is_written = completion != Completion::LimitReached && !run.keeps_collection;
        let is_collection = is_written && present.collection.is_some();
        if run.keeps_collection && present.collection.is_some() {
            (self.events)(IngestEvent::CollectionKept);
        }
        let content = if is_collection {
            Some(self.content(presentation, run.images(), present.collection.as_ref()).await?)
        } else {
            None
        };
        let (older, older_url) = self.present_version2(&objects, content.as_ref()).await?;
        self.report_manifests(presentation, &objects, written.len() as u64 + older)?;
        let Some(content) = content else { return Ok(Vec::new()) };
        let there = (present, &written);
        let url = manifests::collection(self.publisher, presentation, &content, there).await?;
        for url in [Some(url), older_url].iter().flatten() {
            (self.events)(IngestEvent::CollectionWritten { url });
        }
        match &self.options.site {
            Some(options) => Box::pin(self.write_site((presentation, options), &content, there)).await,
            None => Ok(Vec::new()),
        }
    }

    /// Reports that the objects' manifests are up to date and that `updated` of them were written.
    fn report_manifests(
        &self,
        presentation: &Presentation,
        objects: &[ManifestObject<'_>],
        updated: u64,
    ) -> Result<(), IngestError> {
        if self.options.mode == IngestMode::Finish {
            return Ok(());
        }
        let versions = if self.version2.is_some() { 2 } else { 1 };
        let unchanged = (versions * objects.len() as u64).saturating_sub(updated);
        (self.events)(IngestEvent::ManifestsWritten { updated, unchanged });
        for object in objects.iter().filter_map(ManifestObject::shown) {
            let url = presentation.destination().manifest(object)?.url;
            (self.events)(IngestEvent::ManifestWritten { object, url: &url });
        }
        Ok(())
    }

    /// Returns the collection's content.
    async fn content<'c>(
        &'c self,
        presentation: &Presentation,
        images: &'c KnownImages<'a>,
        known: Option<&KnownDocument>,
    ) -> Result<CollectionContent<'c>, IngestError> {
        let label = self.label().resolve(self.publisher, presentation, known).await?;
        let adds_thumbnails = self.options.mode == IngestMode::ManifestsOnly;
        Ok(CollectionContent { label, pages: self.input.pages(), images, adds_thumbnails })
    }

    fn label(&self) -> CollectionLabel<'_> {
        let text = self.options.collection_label.as_deref().unwrap_or_default();
        CollectionLabel { text, keeps_stored: self.options.keeps_collection_label }
    }
}

fn image(page: &Page) -> Image {
    Image::new(page.source.clone(), page.identifier.clone())
}

fn presentation(publisher: &Publisher, version: PresentationVersion) -> Option<Presentation> {
    let options = publisher.options();
    let (image_version, _) = *options.versions.folders().first()?;
    Some(Presentation::new(options.destination(), image_version, version, options.shape))
}

fn document_keys(destination: &Destination, writes_collection: bool) -> Result<DocumentKeys, KeyError> {
    let collection = if writes_collection { Some(destination.collection()?.key) } else { None };
    Ok(DocumentKeys { manifests: destination.manifests()?, collection })
}

/// Waits for `max_duration`, or forever if it is `None`.
async fn elapsed(max_duration: Option<Duration>) {
    match max_duration {
        Some(duration) => tokio::time::sleep(duration).await,
        None => std::future::pending().await,
    }
}

/// Returns the output of `work`, or `None` if `stop` resolves first.
async fn unless_stopped<T>(stop: impl Future<Output = ()>, work: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        done = work => Some(done),
        () = stop => None,
    }
}
