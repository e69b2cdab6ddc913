//! Publishes a single image, from reading the source to writing `info.json`.

use super::api_folder::ApiFolder;
use super::budget::{ImageMemory, permit};
use super::event::{Event, Orphans, Published, Stage};
use super::fingerprint::{Fingerprint, version_name};
use super::info::committed;
use super::job::Job;
use super::ledger::{Complete, Ledger};
use super::mark::{Mark, MarkState};
use super::memory::ImageBytes;
use super::options::{Layout, OnWarning};
use super::page::Origin;
use super::read::{self, ReadError, Reading};
use super::revision::Revisions;
use super::settle::Settlement;
use super::state::State;
use super::target::{Target, pyramid};
use super::watch::Watch;
use super::work::Tasks;
use super::{Image, Outcome, PublishError, Publisher, blocks, memory};
use crate::encode::{BlankTiles, Encoding};
use crate::iiif::ScaleFactor;
use crate::source::{Header, OPEN_BYTES, Source, Warning};
use crate::store::{ETag, Key, OnExisting, StoreError, Tally};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::OwnedSemaphorePermit;

/// A single image and everything known about it before opening its source.
pub(super) struct Task<'a> {
    pub(super) publisher: &'a Publisher,
    pub(super) image: &'a Image,
    pub(super) origin: Origin,
    pub(super) state: &'a State,
    pub(super) fingerprint: &'a Fingerprint,
    pub(super) tally: &'a Arc<Tally>,
}

/// Result of running a [`Task`], with the image's outcome.
type Done = Result<(Published, Outcome), PublishError>;

impl Task<'_> {
    /// Leaves the image unchanged, apart from deleting old versions.
    pub(super) async fn skip(self, target: &Target) -> Done {
        let is_settled = self.state.is_settled();
        let mut published = Published { warnings: self.state.warnings(), is_settled, ..target.published() };
        self.check_warnings(&published.warnings, true)?;
        published.orphans = self.publisher.prune_versions_again(target, self.state).await?;
        Ok((published, Outcome::Unchanged))
    }

    /// Leaves the image unchanged if it is complete or the grace period isn't over yet.
    pub(super) async fn settle(self, target: &Target) -> Done {
        match self.publisher.settle(target, self.state).await? {
            Settlement::Damaged => self.publish().await,
            Settlement::Waiting => self.skip(target).await,
            Settlement::Confirmed { orphans, is_settled } => {
                let (published, outcome) = self.skip(target).await?;
                Ok((Published { orphans: published.orphans + orphans, is_settled, ..published }, outcome))
            }
        }
    }

    pub(super) async fn update_documents(self, target: &Target) -> Done {
        let published = self.publisher.update_documents(target, self.state, self.fingerprint).await?;
        Ok((published, Outcome::Updated))
    }

    /// Updates headers, or republishes the image if the store doesn't support updates.
    pub(super) async fn update_headers(self, target: &Target) -> Done {
        if let Some(image) = self.publisher.update_headers(target, self.state, self.fingerprint).await? {
            return Ok((image, Outcome::Updated));
        }
        // The update may have changed some objects already.
        let state = self.publisher.load_state(&self.image.identifier).await?;
        Task { state: &state, ..self }.publish().await
    }

    /// Publishes an image. This opens the source, prepares the store, uploads the pictures, commits, and cleans up.
    pub(super) async fn publish(self) -> Done {
        let publisher = self.publisher;
        // These steps are ordered by how hard they are to undo. Anything that can fail without side effects comes
        // first: opening the source, warnings, names, memory and object counts. `prepare` is the first step to modify
        // the store. From then on, the mark stays `replacing` until `commit`.
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
        // Do this before waiting for our turn, because the store may have high latency.
        let existing = publisher.prepare(&target, self.state, self.fingerprint).await?;
        // Wait for a turn before reserving memory, and do both after all requests that don't require them. An image
        // waiting for memory holds on to its turn, but that's fine because images that have memory already have a turn
        // too. In the opposite order, memory could be reserved for an image that can't start.
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
        let marks = self.marks(&job.target, &revisions, &complete, !orphans.is_empty(), &warnings);
        let image = self.commit(&job, &marks, &complete).await?;
        job.enter(Stage::CleaningUp);
        let orphans = self.clean_up(&job.target, &marks, orphans).await?;
        let is_settled = self.state_after() == MarkState::Current;
        Ok(self.outcome(Published { warnings, orphans, is_settled, ..image }, &complete, &job))
    }

    /// Returns the image with its outcome, which depends on whether any picture had to be uploaded.
    fn outcome(&self, image: Published, complete: &Complete, job: &Job) -> (Published, Outcome) {
        if !self.state.is_there() || job.uploaded.load(Ordering::Relaxed) > 0 {
            return (image, Outcome::Published);
        }
        let (objects, bytes) = (image.objects - complete.objects, image.bytes - complete.bytes);
        (Published { objects, bytes, ..image }, Outcome::Updated)
    }

    /// Checks a source's warnings against the options.
    ///
    /// # Errors
    /// Returns [`PublishError::Warnings`] if there are warnings and [`OnWarning::Fail`] is set.
    fn check_warnings(&self, warnings: &[Warning], is_published: bool) -> Result<(), PublishError> {
        match self.publisher.options.on_warning {
            OnWarning::Fail if !warnings.is_empty() => {
                let (identifier, warnings) = (self.image.identifier.clone(), warnings.to_vec());
                Err(PublishError::Warnings { identifier, warnings, is_published })
            }
            _ => Ok(()),
        }
    }

    /// Reads the source without publishing it if warnings are fatal and visible pictures would be overwritten. Some
    /// warnings only appear after the last row.
    async fn rehearse(&self, header: &Header, target: &Target) -> Result<(), PublishError> {
        if self.publisher.options.on_warning == OnWarning::Report || target.is_versioned() || !self.state.is_there() {
            return Ok(());
        }
        let budget = self.publisher.budget.clone();
        // Open the source first. An image that already holds memory must never wait for more.
        let source = self.open().await?;
        let (_turn, _memory) = (permit(&budget.readers).await, self.memory(header, target).await);
        let rehearsal = move || read::rehearse(source, || budget.is_stopping());
        let warnings = self.publisher.work(self.image, rehearsal).await??;
        self.publisher.check_not_stopped(target)?;
        self.check_warnings(&warnings, false)
    }

    async fn open(&self) -> Result<Source, PublishError> {
        // This is released once the source is open, so no image waits for memory while holding some.
        let _memory = self.publisher.budget.memory(ImageBytes { reading: OPEN_BYTES, lasting: 0 }).await;
        let (origin, read) = (self.origin.clone(), self.publisher.options.reading());
        Ok(self.publisher.blocking(self.image, move || origin.open(read)).await??)
    }

    /// Returns the image's target and the code revisions that will be used to publish it.
    fn target(&self, header: &Header) -> Result<(Target, Revisions), PublishError> {
        let (options, identifier) = (&self.publisher.options, &self.image.identifier);
        let pyramid = pyramid(options, identifier, header.size)?;
        let has_block_tiles = blocks::decoded_rows(header, &pyramid, options.jpeg).is_some();
        let revisions = Revisions::current(header.kind, options, has_block_tiles);
        let version = version_name(&self.fingerprint.pixels, &revisions);
        let target = Target::new(options, identifier, pyramid, version)?;
        Ok((Target { scale: header.scale, ..target }, revisions))
    }

    /// Makes an existing, complete version current again if the image has been reverted to it.
    async fn promote_again(&self, target: &Target) -> Result<Option<Published>, PublishError> {
        let publisher = self.publisher;
        if !target.is_versioned() || publisher.options.on_existing == OnExisting::Overwrite {
            return Ok(None);
        }
        // A version's folder is named after a hash of its pixels and revisions, so the same source always uses the same
        // folder. If an image is reverted, all of its tiles may still exist and we only need to replace `info.json`.
        let there = State::load(&*publisher.store, target.folders.iter().map(ApiFolder::dir)).await?;
        let Some(marks) = there.marks().filter(|_| there.has_pixels(self.fingerprint)) else { return Ok(None) };
        if !there.has_headers(&self.fingerprint.headers) || !publisher.is_whole(target, &marks).await? {
            return Ok(None);
        }
        let content: Vec<_> = marks.iter().map(|mark| mark.content).collect();
        let warnings = there.warnings();
        let revisions = marks[0].revisions.with_document_of_now();
        let marks = committed(self.fingerprint, &revisions, &content, self.state_after());
        let marks: Vec<_> =
            marks.into_iter().map(|mark| Mark { scale: target.scale, ..mark }.with_warnings(&warnings)).collect();
        publisher.invalidate(target, self.state, "").await?;
        publisher.redirect(target).await?;
        // This now counts as the newest version when old versions are deleted.
        let bytes = publisher.commit(target, &marks).await?;
        let orphans = self.clean_up(target, &marks, Vec::new()).await?;
        Ok(Some(Published { objects: target.folders.len() as u64, bytes, orphans, warnings, ..target.published() }))
    }

    /// Checks the memory limit.
    ///
    /// # Errors
    /// Returns [`PublishError::Memory`] if the image alone exceeds the limit for all images.
    fn check_memory(&self, header: &Header, target: &Target) -> Result<(), PublishError> {
        let (budget, jpeg) = (&self.publisher.budget, self.publisher.options.jpeg);
        let needed_bytes = memory::peak_memory_bytes(header, &target.pyramid, jpeg, budget.in_flight());
        if let Some(limit_bytes) = budget.is_beyond(needed_bytes) {
            let identifier = target.identifier.clone();
            return Err(PublishError::Memory { identifier, needed_bytes, limit_bytes });
        }
        Ok(())
    }

    /// Waits until enough memory is available for the image.
    async fn memory(&self, header: &Header, target: &Target) -> ImageMemory {
        let (budget, jpeg) = (&self.publisher.budget, self.publisher.options.jpeg);
        budget.memory(memory::image_bytes(header, &target.pyramid, jpeg, budget.in_flight())).await
    }

    fn job(&self, header: &Header, target: Target, reusable: HashMap<Key, ETag>, watch: Watch) -> Job {
        let publisher = self.publisher;
        let options = &publisher.options;
        let is_joined = |scale: &ScaleFactor| blocks::is_joined(header, &target.pyramid, options.jpeg, *scale);
        Job {
            blocks: blocks::decoded_rows(header, &target.pyramid, options.jpeg),
            joined_levels: target.pyramid.whole_levels().filter(is_joined).collect(),
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
            uploaded: AtomicU64::new(0),
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

    /// Uploads redirects and `info.json`, given proof that all other objects have been stored.
    async fn commit(&self, job: &Job, marks: &[Mark], complete: &Complete) -> Result<Published, PublishError> {
        job.enter(Stage::Finishing);
        let target = &*job.target;
        let redirects = self.publisher.redirect(target).await?;
        let bytes = complete.bytes + self.publisher.commit(target, marks).await?;
        let objects = complete.objects + redirects + target.folders.len() as u64;
        Ok(Published { objects, bytes, ..target.published() })
    }

    fn marks(
        &self,
        target: &Target,
        revisions: &Revisions,
        complete: &Complete,
        has_orphans: bool,
        warnings: &[Warning],
    ) -> Vec<Mark> {
        let marks = committed(self.fingerprint, revisions, &complete.content, self.state_after());
        marks
            .into_iter()
            .map(|mark| Mark { has_orphans, scale: target.scale, ..mark }.with_warnings(warnings))
            .collect()
    }

    /// Returns the mark state for a newly committed image.
    fn state_after(&self) -> MarkState {
        // Images are never compared if there's no grace period.
        if self.publisher.options.settle_after.is_some() { MarkState::Settling } else { MarkState::Current }
    }

    /// Deletes objects that are no longer referenced. If the run is interrupted, the next run deletes the rest.
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

/// Reads, cuts, encodes and uploads everything except for `info.json`, and verifies that all objects have been stored.
///
/// The reading turn ends once the source has been read, so the next image can be read while the last objects of this
/// one are uploaded.
async fn transfer(
    reading: Reading,
    turn: OwnedSemaphorePermit,
    job: &Arc<Job>,
) -> Result<(Complete, Vec<Warning>), PublishError> {
    let Reading { mut strips, reader, memory } = reading;
    let mut ledger = Ledger::new(&job.target);
    let mut tasks = Tasks::new(job, &memory);
    // From here on, the tasks hold the memory.
    drop(memory);
    let work = async {
        while let Some(strip) = tasks.next_strip(&mut strips, &mut ledger).await? {
            tasks.spawn_strip(strip, &mut ledger).await?;
        }
        // The queue is closed because everything has been read or the reader failed.
        let read = reader.await.map_err(|cause| job.not_done(cause))?;
        let warnings = read.map_err(|error| match error {
            ReadError::Source(error) => error.into(),
            ReadError::Work(cause) => job.not_done(cause),
        })?;
        tasks.all_read();
        drop(turn);
        job.enter(Stage::Uploading);
        tasks.finish(&mut ledger).await.map(|()| warnings)
    };
    let warnings = match work.await {
        Err(PublishError::Stopped { .. }) => {
            // Let uploads in flight finish, so the next run has less to do. For any other error, returning drops
            // `tasks`, which cancels them. The reader stops on its own once the queue closes.
            drop(strips);
            return Err(tasks.drain().await);
        }
        done => done?,
    };
    let incomplete = |cause| PublishError::Incomplete { identifier: job.target.identifier.clone(), cause };
    Ok((ledger.close().map_err(incomplete)?, warnings))
}
