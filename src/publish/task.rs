//! The way of one image from its source to its `info.json`.

use super::api_folder::ApiFolder;
use super::budget::{ImageMemory, permit};
use super::event::{Event, Orphans, Published};
use super::fingerprint::{Fingerprint, version_name};
use super::info::committed;
use super::job::Job;
use super::ledger::{Complete, Ledger};
use super::mark::{Mark, MarkState};
use super::memory::ImageBytes;
use super::options::{Layout, OnWarning};
use super::read::{self, ReadError, Reading};
use super::revision::Revisions;
use super::settle::Settlement;
use super::state::State;
use super::target::{Target, pyramid};
use super::watch::Watch;
use super::work::Tasks;
use super::{Image, Outcome, PublishError, Publisher, blocks, memory};
use crate::encode::{BlankTiles, Encoding};
use crate::source::{Header, OPEN_BYTES, ResolvedSource, Source, Warning};
use crate::store::{ETag, Key, OnExisting, StoreError, Tally};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use tokio::sync::OwnedSemaphorePermit;

/// One image, with what is known before its source is opened.
pub(super) struct Task<'a> {
    pub(super) publisher: &'a Publisher,
    pub(super) image: &'a Image,
    pub(super) resolved: ResolvedSource,
    pub(super) state: &'a State,
    pub(super) fingerprint: &'a Fingerprint,
    pub(super) tally: &'a Arc<Tally>,
}

/// A result of [`Task`], which says what became of the image.
type Done = Result<(Published, Outcome), PublishError>;

impl Task<'_> {
    /// Leaves an image as it is, but for old versions of it that are to be deleted.
    pub(super) async fn skip(self, target: &Target) -> Done {
        let mut published = Published { warnings: self.state.warnings(), ..target.published() };
        self.check_warnings(&published.warnings, true)?;
        published.orphans = self.publisher.prune_versions_again(target, self.state).await?;
        Ok((published, Outcome::Unchanged))
    }

    /// Leaves an image as it is, if it is whole or not to be compared yet.
    pub(super) async fn settle(self, target: &Target) -> Done {
        match self.publisher.settle(target, self.state).await? {
            Settlement::Damaged => self.publish().await,
            Settlement::Waiting => self.skip(target).await,
            Settlement::Confirmed(orphans) => {
                let (published, outcome) = self.skip(target).await?;
                Ok((Published { orphans: published.orphans + orphans, ..published }, outcome))
            }
        }
    }

    pub(super) async fn update_documents(self, target: &Target) -> Done {
        let published = self.publisher.update_documents(target, self.state, self.fingerprint).await?;
        Ok((published, Outcome::Updated))
    }

    /// Updates headers, or publishes again if the store cannot.
    pub(super) async fn update_headers(self, target: &Target) -> Done {
        if let Some(image) = self.publisher.update_headers(target, self.state, self.fingerprint).await? {
            return Ok((image, Outcome::Updated));
        }
        // The update may have begun.
        let state = self.publisher.load_state(&self.image.identifier).await?;
        Task { state: &state, ..self }.publish().await
    }

    /// Publishes an image: opens the source, prepares the store, transfers the pictures, commits, cleans up.
    pub(super) async fn publish(self) -> Done {
        let publisher = self.publisher;
        // The steps are in the order of what they cost to undo. All that can fail without a trace comes first: opening,
        // warnings, names, memory, object counts. `prepare` is the first step that changes the store. From there on,
        // only a failure of the source or the store ends a publish early, and the mark says `replacing` until `commit`.
        let source = publisher.unless_stopped(self.image, self.open()).await?;
        let header = source.header().clone();
        self.check_warnings(header.warnings(), false)?;
        let (target, revisions) = self.target(&header)?;
        self.check_memory(&header, &target)?;
        publisher.check_not_stopped(&target)?;
        publisher.check_object_count(&target)?;
        publisher.check_redirects()?;
        if let Some(published) = self.promote_again(&target).await? {
            return Ok((published, Outcome::Published));
        }
        self.rehearse(&header, &target).await?;
        // Before it is the image's turn: a store may be far away.
        let existing = publisher.prepare(&target, self.state, self.fingerprint).await?;
        // The turn comes before the memory, and both come after all requests of this image that do not need them. An
        // image that waits for memory holds a turn, which is fine: those that hold memory have their turns already. The
        // other order could leave memory reserved for an image that cannot begin.
        let turn = permit(&publisher.budget.readers).await;
        let ImageMemory { reading, lasting: _lasting } = self.memory(&header, &target).await;
        publisher.check_not_stopped(&target)?;
        let mut warnings = header.properties.warnings.clone();
        let watch = Watch::new(publisher.timing(), &existing.state);
        let job = Arc::new(self.job(&header, target, existing.reusable, watch));
        (publisher.events)(self.started(header, &job.target));
        let reading = Reading::begin(source, reading, &job);
        let orphans = existing.orphans;
        let (complete, found) = transfer(reading, turn, &job).await?;
        self.check_warnings(&found, false)?;
        warnings.extend(found);
        let marks = self.marks(&revisions, &complete, !orphans.is_empty(), &warnings);
        let mut image = self.commit(&job.target, &marks, &complete).await?;
        image.warnings = warnings;
        image.orphans = self.clean_up(&job.target, &marks, orphans).await?;
        Ok((image, Outcome::Published))
    }

    /// Checks the warnings of a source against the options.
    ///
    /// # Errors
    /// [`PublishError::Warnings`] if there are any and they are to fail the image.
    fn check_warnings(&self, warnings: &[Warning], is_published: bool) -> Result<(), PublishError> {
        match self.publisher.options.on_warning {
            OnWarning::Fail if !warnings.is_empty() => {
                let (identifier, warnings) = (self.image.identifier.clone(), warnings.to_vec());
                Err(PublishError::Warnings { identifier, warnings, is_published })
            }
            _ => Ok(()),
        }
    }

    /// Reads the source once without publishing, if warnings are to fail the image and its pictures would replace visible ones: some
    /// warnings are known only after the last row.
    async fn rehearse(&self, header: &Header, target: &Target) -> Result<(), PublishError> {
        if self.publisher.options.on_warning == OnWarning::Report || target.is_versioned() || !self.state.is_there() {
            return Ok(());
        }
        let budget = self.publisher.budget.clone();
        // Opened first: whoever has the memory of an image must not wait for more.
        let source = self.open().await?;
        let (_turn, _memory) = (permit(&budget.readers).await, self.memory(header, target).await);
        let rehearsal = move || read::rehearse(source, || budget.is_stopping());
        let warnings = self.publisher.work(self.image, rehearsal).await??;
        self.publisher.check_not_stopped(target)?;
        self.check_warnings(&warnings, false)
    }

    async fn open(&self) -> Result<Source, PublishError> {
        // Given back when the source is open, so that no image waits for memory while it holds some.
        let _memory = self.publisher.budget.memory(ImageBytes { reading: OPEN_BYTES, lasting: 0 }).await;
        let (resolved, read) = (self.resolved.clone(), self.publisher.options.reading());
        Ok(self.publisher.blocking(self.image, move || Source::open_at(&resolved, read)).await??)
    }

    /// Returns the names of the image, and the revisions of the code that is going to make it.
    fn target(&self, header: &Header) -> Result<(Target, Revisions), PublishError> {
        let (options, identifier) = (&self.publisher.options, &self.image.identifier);
        let pyramid = pyramid(options, identifier, header.size)?;
        let has_block_tiles = blocks::decoded_rows(header, &pyramid, options.jpeg).is_some();
        let revisions = Revisions::current(header.kind, options, has_block_tiles);
        let version = version_name(&self.fingerprint.pixels, &revisions);
        Ok((Target::new(options, identifier, pyramid, version)?, revisions))
    }

    /// Makes a version current again that is there in whole, because the image has become what it was before.
    async fn promote_again(&self, target: &Target) -> Result<Option<Published>, PublishError> {
        let publisher = self.publisher;
        if !target.is_versioned() || publisher.options.on_existing == OnExisting::Overwrite {
            return Ok(None);
        }
        // The folder of a version is named after a hash of the pixels and the revisions, so equal sources have equal
        // folders. When an image becomes again what it was, all tiles may still be there, and only the `info.json` has
        // to change.
        let there = State::load(&*publisher.store, target.folders.iter().map(ApiFolder::dir)).await?;
        let Some(marks) = there.marks().filter(|_| there.has_pixels(self.fingerprint)) else { return Ok(None) };
        if !there.has_headers(&self.fingerprint.headers) || !publisher.is_whole(target, &marks).await? {
            return Ok(None);
        }
        let content: Vec<_> = marks.iter().map(|mark| mark.content).collect();
        let warnings = there.warnings();
        let revisions = marks[0].revisions.with_document_of_now();
        let marks = committed(self.fingerprint, &revisions, &content, self.state_after());
        let marks: Vec<_> = marks.into_iter().map(|mark| mark.with_warnings(&warnings)).collect();
        publisher.invalidate(target, self.state, "").await?;
        publisher.redirect(target).await?;
        // It counts as new among the old versions that are kept.
        let bytes = publisher.commit(target, &marks).await?;
        let orphans = self.clean_up(target, &marks, Vec::new()).await?;
        Ok(Some(Published { objects: target.folders.len() as u64, bytes, orphans, warnings, ..target.published() }))
    }

    /// Checks the limit on memory.
    ///
    /// # Errors
    /// [`PublishError::Memory`] if the image takes more than all images together may.
    fn check_memory(&self, header: &Header, target: &Target) -> Result<(), PublishError> {
        let (budget, jpeg) = (&self.publisher.budget, self.publisher.options.jpeg);
        let needed_bytes = memory::peak_memory_bytes(header, &target.pyramid, jpeg, budget.in_flight());
        if let Some(limit_bytes) = budget.is_beyond(needed_bytes) {
            let identifier = target.identifier.clone();
            return Err(PublishError::Memory { identifier, needed_bytes, limit_bytes });
        }
        Ok(())
    }

    /// Waits until there is memory for the image.
    async fn memory(&self, header: &Header, target: &Target) -> ImageMemory {
        let (budget, jpeg) = (&self.publisher.budget, self.publisher.options.jpeg);
        budget.memory(memory::image_bytes(header, &target.pyramid, jpeg, budget.in_flight())).await
    }

    fn job(&self, header: &Header, target: Target, reusable: HashMap<Key, ETag>, watch: Watch) -> Job {
        let publisher = self.publisher;
        let options = &publisher.options;
        Job {
            blocks: blocks::decoded_rows(header, &target.pyramid, options.jpeg),
            target: Arc::new(target),
            store: Arc::clone(&publisher.store),
            budget: publisher.budget.clone(),
            encoding: Encoding { jpeg: options.jpeg, profile: header.kept_profile.clone() },
            blanks: BlankTiles::default(),
            cache_control: options.cache_control.as_str().into(),
            headers: self.fingerprint.headers.as_str().into(),
            events: Arc::clone(&publisher.events),
            reusable,
            watch,
            stored: AtomicU64::new(0),
            tally: Arc::clone(self.tally),
        }
    }

    fn started(&self, header: Header, target: &Target) -> Event {
        Event::Started {
            identifier: self.image.identifier.clone(),
            size: header.size,
            description: header.description,
            properties: header.properties,
            objects: target.object_count(),
        }
    }

    /// Puts redirects and `info.json`: only with the proof that everything it promises is stored.
    async fn commit(&self, target: &Target, marks: &[Mark], complete: &Complete) -> Result<Published, PublishError> {
        let redirects = self.publisher.redirect(target).await?;
        let bytes = complete.bytes + self.publisher.commit(target, marks).await?;
        let objects = complete.objects + redirects + target.folders.len() as u64;
        Ok(Published { objects, bytes, ..target.published() })
    }

    fn marks(&self, revisions: &Revisions, complete: &Complete, has_orphans: bool, warnings: &[Warning]) -> Vec<Mark> {
        let marks = committed(self.fingerprint, revisions, &complete.content, self.state_after());
        marks.into_iter().map(|mark| Mark { has_orphans, ..mark }.with_warnings(warnings)).collect()
    }

    /// Returns the state of an image that has just been committed.
    fn state_after(&self) -> MarkState {
        // Without a grace period, nothing is compared.
        if self.publisher.options.settle_after.is_some() { MarkState::Settling } else { MarkState::Current }
    }

    /// Deletes what nothing promises any longer. A run that ends before that leaves it to the next one.
    async fn clean_up(&self, target: &Target, marks: &[Mark], orphans: Vec<Key>) -> Result<Orphans, PublishError> {
        let not_cleaned_up =
            |cause: StoreError| PublishError::CleanUp { identifier: self.image.identifier.clone(), cause };
        match self.publisher.options.layout {
            Layout::InPlace => self.publisher.delete_orphans(target, marks, orphans).await,
            Layout::Versioned { keep: Some(keep) } => self.publisher.prune_versions(target, keep).await,
            Layout::Versioned { keep: None } => Ok(Orphans::default()),
        }
        .map_err(not_cleaned_up)
    }
}

/// Reads, cuts, encodes and puts everything but `info.json`, and proves that all of it is stored.
///
/// The turn to read ends when everything has been read: the next image is read while the last objects of this one are put.
async fn transfer(
    reading: Reading,
    turn: OwnedSemaphorePermit,
    job: &Arc<Job>,
) -> Result<(Complete, Vec<Warning>), PublishError> {
    let Reading { mut strips, reader, memory } = reading;
    let mut ledger = Ledger::new(&job.target);
    let mut tasks = Tasks::new(job, &memory);
    // From now on, the tasks hold it.
    drop(memory);
    let work = async {
        while let Some(strip) = tasks.next_strip(&mut strips, &mut ledger).await? {
            tasks.spawn_strip(strip, &mut ledger).await?;
        }
        // The queue is closed: either everything has been read, or the reader failed.
        let read = reader.await.map_err(|cause| job.not_done(cause))?;
        let warnings = read.map_err(|error| match error {
            ReadError::Source(error) => error.into(),
            ReadError::Work(cause) => job.not_done(cause),
        })?;
        tasks.all_read();
        drop(turn);
        tasks.finish(&mut ledger).await.map(|()| warnings)
    };
    let warnings = match work.await {
        Err(PublishError::Stopped { .. }) => {
            // A stop lets uploads in flight end, so that as much as possible is there for the next run. Any other error
            // drops `tasks` when this function returns, which cancels them.
            // The reader stops by itself when the queue closes.
            drop(strips);
            return Err(tasks.drain().await);
        }
        done => done?,
    };
    let incomplete = |cause| PublishError::Incomplete { identifier: job.target.identifier.clone(), cause };
    Ok((ledger.close().map_err(incomplete)?, warnings))
}
