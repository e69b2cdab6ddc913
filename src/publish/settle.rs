//! Confirms after the grace period that an image still consists of the objects its run stored.
//!
//! The publishing run can't confirm this itself. A concurrent run may have overwritten or deleted some of its objects
//! without either of them noticing. Once the grace period is over, no run writes to the image, and a listing shows its
//! final state.

use super::api_folder::ApiFolder;
use super::content::ContentDigest;
use super::event::{Event, Orphans};
use super::existing::orphans;
use super::mark::{Mark, MarkState};
use super::state::State;
use super::target::Target;
use super::{PublishError, Publisher};
use futures::future::try_join_all;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};

/// Result of checking an image that is settling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Settlement {
    /// The grace period isn't over yet or listing is denied, so the image is left unchanged.
    Waiting,
    /// All objects are in place. Any leftover objects have been deleted.
    Confirmed {
        orphans: Orphans,
        /// The mark now says so.
        is_settled: bool,
    },
    /// Some objects are missing or different.
    Damaged,
}

impl Publisher {
    /// Compares an image with the digest in its mark if the grace period is over.
    pub(super) async fn settle(&self, target: &Target, state: &State) -> Result<Settlement, PublishError> {
        // The order of these steps is part of the protocol: wait, compare, check again, confirm. Don't confirm an image
        // too early even if the listing matches, because a run that started before the commit may be about to delete
        // something.
        let Some(marks) = state.marks() else { return Ok(Settlement::Waiting) };
        if !self.is_due(state).await? {
            return if marks.iter().any(|mark| mark.has_orphans) {
                let orphans = self.delete_orphans_again(target, &marks).await?;
                Ok(Settlement::Confirmed { orphans, is_settled: false })
            } else {
                Ok(Settlement::Waiting)
            };
        }
        match self.compare(target, &marks).await? {
            Comparison::Unknown => Ok(Settlement::Waiting),
            Comparison::Damaged => Ok(Settlement::Damaged),
            Comparison::Same => {
                let is_settled = self.confirm(target, state).await?;
                Ok(Settlement::Confirmed { orphans: Orphans::default(), is_settled })
            }
            Comparison::SameWithOrphans => {
                // Delete orphans before confirming, while the mark still says `settling`. In the opposite order, an
                // interrupted run would leave them behind, and no run looks for orphans once an image is confirmed.
                let orphans = self.delete(orphans(target, &self.pictures(target).await?)).await?;
                let is_settled = self.confirm(target, state).await?;
                Ok(Settlement::Confirmed { orphans, is_settled })
            }
        }
    }

    /// Returns `true` if the grace period is over for every folder.
    async fn is_due(&self, state: &State) -> Result<bool, PublishError> {
        let Some(timing) = self.timing() else { return Ok(false) };
        let now = self.store.now().await?;
        Ok(state.infos.iter().flatten().all(|info| timing.is_past_grace(info.stored.modified, now)))
    }

    /// Deletes objects left behind by a run that was interrupted after its commit.
    async fn delete_orphans_again(&self, target: &Target, marks: &[&Mark]) -> Result<Orphans, PublishError> {
        let orphans = orphans(target, &self.pictures(target).await?);
        let marks: Vec<Mark> = marks.iter().copied().cloned().collect();
        Ok(self.delete_orphans(target, &marks, orphans).await?)
    }

    /// Returns `true` if every folder contains exactly the objects recorded in its mark.
    pub(super) async fn is_whole(&self, target: &Target, marks: &[&Mark]) -> Result<bool, PublishError> {
        Ok(self.compare(target, marks).await? == Comparison::Same)
    }

    async fn compare(&self, target: &Target, marks: &[&Mark]) -> Result<Comparison, PublishError> {
        let listings = try_join_all(target.folders.iter().map(|folder| self.listed_content(folder.dir()))).await?;
        let Some(listings) = listings.into_iter().collect::<Option<Vec<_>>>() else { return Ok(Comparison::Unknown) };
        if listings.iter().any(ContentDigest::has_untagged) && !self.compared_by_size.swap(true, Ordering::Relaxed) {
            (self.events)(Event::ComparedBySize);
        }
        // Usually a single pass over the listing in constant memory is enough. Only collect keys if the digests differ,
        // to find out if orphans are the only difference.
        if marks.iter().zip(&listings).all(|(mark, listed)| mark.content.is_of(listed)) {
            return Ok(Comparison::Same);
        }
        self.compare_without_orphans(target, marks).await
    }

    /// Repeats the comparison without pictures that aren't part of the image, which another image may have left behind.
    async fn compare_without_orphans(&self, target: &Target, marks: &[&Mark]) -> Result<Comparison, PublishError> {
        let mut pictures = self.pictures(target).await?;
        let orphans: std::collections::HashSet<_> = orphans(target, &pictures).into_iter().collect();
        // Redirects are empty and aren't part of the digest. Process the remaining pictures like upload receipts, so
        // that the same ledger determines completeness in both cases.
        pictures.retain(|listed| listed.bytes > 0 && !orphans.contains(&listed.key));
        let mut ledger = super::ledger::Ledger::new(target);
        let receipt = |listed: crate::store::Listed| crate::store::Receipt {
            key: listed.key,
            bytes: listed.bytes,
            etag: listed.etag,
        };
        ledger.enter(&pictures.into_iter().map(receipt).collect::<Vec<_>>());
        let content = ledger.close().map(|complete| complete.content).unwrap_or_default();
        let is_same =
            content.len() == marks.len() && marks.iter().zip(&content).all(|(mark, it)| mark.content.is_of(it));
        Ok(if is_same { Comparison::SameWithOrphans } else { Comparison::Damaged })
    }

    /// Marks an image as current, unless another run has modified its `info.json` since `state` was loaded. Returns `true`
    /// if the image is marked.
    ///
    /// Any run that changes objects after the check in [`confirm_unless_changed`](Self::confirm_unless_changed) waits
    /// until this upload has arrived or has been abandoned. If confirming takes too long, the next run tries again.
    async fn confirm(&self, target: &Target, state: &State) -> Result<bool, PublishError> {
        let Some(timing) = self.timing() else { return Ok(false) };
        if self.options.redirects.is_some() {
            // Entity tags don't tell us where a redirect points.
            self.redirect(target).await?;
        }
        tokio::select! {
            // The confirmation has to finish in time even if the store doesn't respond, because runs that replace
            // objects only wait for `Timing::confirmation`. The timeout uses the store's clock, so tests can control
            // it. Giving up is safe because the mark stays `settling`.
            biased;
            confirmed = self.confirm_unless_changed(target, state, timing.confirmation_limit()) => confirmed,
            () = self.store.wait(timing.confirmation_limit()) => Ok(false),
        }
    }

    async fn confirm_unless_changed(
        &self,
        target: &Target,
        state: &State,
        limit: Duration,
    ) -> Result<bool, PublishError> {
        let begun = SystemTime::now();
        let again = State::load(&*self.store, target.folders.iter().map(ApiFolder::current_dir)).await?;
        // Not all stores support conditional PUTs, and entity tags don't cover metadata. This leaves a window between
        // this check and the PUT's arrival in which another run may start. That run closes the window: it finds a mark
        // that may be about to be confirmed, and waits before changing any objects (see `replace::invalidate`).
        let Some(marks) = again.marks().filter(|_| again.is_as_seen(state)) else { return Ok(false) };
        let current = |mark: &Mark| Mark { has_orphans: false, ..mark.in_state(MarkState::Current) };
        let marks: Vec<Mark> = marks.into_iter().map(current).collect();
        // Don't continue if the process has been suspended since then.
        if begun.elapsed().is_ok_and(|elapsed| elapsed > limit) {
            return Ok(false);
        }
        self.info_writer(target).put_current(&marks).await?;
        Ok(true)
    }
}

/// Result of comparing listings with digests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comparison {
    Same,
    /// All objects are in place, along with pictures that aren't part of the image.
    SameWithOrphans,
    Damaged,
    /// Listing is denied.
    Unknown,
}
