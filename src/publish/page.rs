//! Images that are pages of a file. The file is found, hashed and opened once for all of them.

use super::document_mark::forget_pages;
use super::fingerprint::Fingerprint;
use super::fingerprint::version_name;
use super::memory::ImageBytes;
use super::state::State;
use super::target::Target;
use super::{Event, Image, Outcome, PublishError, Published, Publisher, kept};
use crate::destination::Identifier;
use crate::iiif::{PhysicalScale, Pyramid, Size};
use crate::location::Location;
use crate::publish::revision::Revisions;
use crate::source::{self, OPEN_BYTES, PagedFile, ReadOptions, ResolvedSource, Source, SourceError};
use crate::store::StoreError;
use std::fmt;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

/// A page of a file that other images may share.
#[derive(Clone)]
pub struct FilePage {
    file: Arc<SharedFile>,
    number: u32,
}

impl FilePage {
    /// Returns the page's number, counting from 1.
    #[must_use]
    pub fn number(&self) -> u32 {
        self.number
    }

    /// Returns the text that identifies the file's content.
    pub(super) fn source_identity(&self) -> &str {
        &self.file.identity
    }
}

impl fmt::Debug for FilePage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "FilePage({}, {})", self.file.resolved, self.number)
    }
}

impl PartialEq for FilePage {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number && Arc::ptr_eq(&self.file, &other.file)
    }
}

impl Eq for FilePage {}

/// A file that was found. It's opened when its pages are needed, and closed with the last image that refers to it.
pub(crate) struct SharedFile {
    resolved: ResolvedSource,
    identity: String,
    threads: NonZeroUsize,
    opened: Mutex<Option<Arc<PagedFile>>>,
}

impl SharedFile {
    /// Opens the file, or returns the file that is open already. This blocks.
    fn open(&self) -> Result<Arc<PagedFile>, SourceError> {
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(file) = &*opened {
            return Ok(Arc::clone(file));
        }
        let file = Arc::new(PagedFile::open(self.resolved.clone(), self.threads)?);
        Ok(Arc::clone(opened.insert(file)))
    }

    /// Returns a page of the file, counting from 1.
    pub(crate) fn page(self: &Arc<Self>, number: u32) -> FilePage {
        FilePage { file: Arc::clone(self), number }
    }
}

/// Returns `false` if a file's name rules out several pages.
pub(crate) fn may_have_pages(location: &Location) -> bool {
    let name = location.file_name();
    let extension = name.as_ref().and_then(|name| name.extension()).and_then(|extension| extension.to_str());
    source::may_have_pages(extension.unwrap_or_default())
}

/// Source of an image.
#[derive(Clone)]
pub(super) enum Origin {
    /// A file of its own.
    File(ResolvedSource),
    /// A page of a shared file.
    Page(FilePage),
}

impl Origin {
    /// Opens the image. This blocks.
    pub(super) fn open(&self, options: ReadOptions) -> Result<Source, SourceError> {
        match self {
            Self::File(resolved) => Source::open_at(resolved, options),
            Self::Page(page) => page.file.open()?.source(page.number, options),
        }
    }
}

impl Publisher {
    /// Finds an image's source. Pages of a shared file have been found already.
    pub(super) async fn origin(&self, image: &Image) -> Result<Origin, PublishError> {
        match &image.page {
            Some(page) => Ok(Origin::Page(page.clone())),
            None => Ok(Origin::File(self.sources.find(&image.location).await?)),
        }
    }

    /// Finds a file whose pages are images, and identifies its content once for all of them.
    ///
    /// # Errors
    /// Returns an error if the file doesn't exist, can't be read, or the publisher was stopped.
    pub(crate) async fn find_file(&self, file: &Image) -> Result<Arc<SharedFile>, PublishError> {
        let found = async {
            let resolved = self.sources.find(&file.location).await?;
            let identity = self.source_identity(file, &resolved).await?;
            Ok((resolved, identity))
        };
        let (resolved, identity) = self.unless_stopped(file, found).await?;
        let (threads, opened) = (self.options.jobs, Mutex::new(None));
        Ok(Arc::new(SharedFile { resolved, identity, threads, opened }))
    }

    /// Opens a file and finds its pages.
    ///
    /// # Errors
    /// Returns an error if the file can't be opened, isn't a supported image, or its list of pages is damaged.
    pub(crate) async fn open_file(
        &self,
        file: &Image,
        shared: &Arc<SharedFile>,
    ) -> Result<Arc<PagedFile>, PublishError> {
        // This is released once the file is open, like the memory for opening any other source.
        let _memory = self.budget.memory(ImageBytes { reading: OPEN_BYTES, lasting: 0 }).await;
        let shared = Arc::clone(shared);
        let open = async { Ok(self.blocking(file, move || shared.open()).await??) };
        self.unless_stopped(file, open).await
    }

    /// Returns a hash that changes whenever any of the selected pages of a file would be published differently.
    pub(crate) fn hash_of_pages(&self, identifier: &Identifier, shared: &SharedFile, pages: &str) -> String {
        let attributes = self.store.keeps_headers().then(|| self.store.attributes());
        let fingerprint = Fingerprint::new(identifier, &shared.identity, 0, &self.options, attributes.as_deref());
        let may_be_rendered = source::may_be_rendered(&shared.resolved.extension());
        fingerprint.of_pages(pages, may_be_rendered.then_some(self.options.read.pdf_dpi))
    }

    /// Returns `true` if no run that was in progress at `modified` can still be writing.
    ///
    /// # Errors
    /// Returns an error if the store fails.
    pub(crate) async fn is_past_grace(&self, modified: Option<SystemTime>) -> Result<bool, StoreError> {
        let Some(timing) = self.timing() else { return Ok(false) };
        Ok(timing.is_past_grace(modified, self.store.now().await?))
    }

    /// Waits until a confirmation that another run may have in flight has arrived.
    pub(crate) async fn wait_for_confirmation(&self) {
        if let Some(timing) = self.timing() {
            self.store.wait(timing.confirmation()).await;
        }
    }

    /// Invalidates what is kept about the pages of a file if one of them, or the file as one image, is about to change.
    /// Whoever changes all pages of a shared file has done so already.
    pub(super) async fn forget_pages(&self, image: &Image, state: &State) -> Result<(), PublishError> {
        if image.page.is_some() || !state.is_there() {
            return Ok(());
        }
        let destination = self.options.destination();
        let own = || Some(destination.manifest(&image.identifier).ok()?.key);
        let own = if may_have_pages(&image.location) { own() } else { None };
        for manifest in destination.manifest_of_page(&image.identifier).into_iter().chain(own) {
            forget_pages(&*self.store, manifest, &self.options.info_cache_control).await?;
        }
        Ok(())
    }

    /// Returns the number of images that may be looked up at once.
    pub(crate) fn images_looked_up(&self) -> usize {
        self.budget.lookahead.window()
    }

    /// Reports that a file failed before any of its pages was looked at.
    pub(crate) fn report_failed(&self, identifier: &Identifier) {
        (self.events)(Event::Failed { identifier: identifier.clone() });
    }

    /// Reports an image that is known to be up to date without looking at it.
    ///
    /// # Errors
    /// Returns an error if the prefix and identifier are too long when combined.
    pub(crate) fn report_unchanged(
        &self,
        identifier: &Identifier,
        size: Size,
        scale: Option<PhysicalScale>,
    ) -> Result<Published, PublishError> {
        let pyramid = Pyramid::new(size, self.options.shape);
        let target = Target::new(&self.options, identifier, pyramid, version_name("", &Revisions::default()))?;
        let published = Published { outcome: Outcome::Unchanged, scale, is_settled: true, ..kept(&target) };
        (self.events)(Event::of(published.clone()));
        Ok(published)
    }
}
