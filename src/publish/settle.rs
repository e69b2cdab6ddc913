//! Confirms, once the grace period has passed, that the objects of an image are those that its run stored.
//!
//! The run that published them cannot know: another run may have overwritten or deleted some of them at the same time, and neither
//! has seen the other. After the grace period no run writes to the image, and a listing shows its final state.

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

/// The result of looking at an image that is settling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Settlement {
    /// It is not time yet, or the folder cannot be listed: the image stays as it is.
    Waiting,
    /// Everything is there; what was not part of it is deleted.
    Confirmed(Orphans),
    /// Objects are missing or differ.
    Damaged,
}

impl Publisher {
    /// Compares an image with the digest in its mark, if the grace period has passed.
    pub(super) async fn settle(&self, target: &Target, state: &State) -> Result<Settlement, PublishError> {
        // The order of this function is the protocol: wait, compare, look once more, confirm. An image that is not due
        // is left alone even if a listing would match now, because a run that began before the commit may still be
        // about to delete something.
        let Some(marks) = state.marks() else { return Ok(Settlement::Waiting) };
        if !self.is_due(state).await? {
            return if marks.iter().any(|mark| mark.has_orphans) {
                self.delete_orphans_again(target, &marks).await.map(Settlement::Confirmed)
            } else {
                Ok(Settlement::Waiting)
            };
        }
        match self.compare(target, &marks).await? {
            Comparison::Unknown => Ok(Settlement::Waiting),
            Comparison::Damaged => Ok(Settlement::Damaged),
            Comparison::Same => self.confirm(target, state).await.map(|()| Settlement::Confirmed(Orphans::default())),
            Comparison::SameWithOrphans => {
                // Orphans are deleted before the confirmation, while the mark still says `settling`. In the other
                // order, a run that ends in between would leave them behind a mark that no run looks behind.
                let orphans = self.delete(orphans(target, &self.pictures(target).await?)).await?;
                self.confirm(target, state).await?;
                Ok(Settlement::Confirmed(orphans))
            }
        }
    }

    /// Returns `true` if the grace period of every folder has passed.
    async fn is_due(&self, state: &State) -> Result<bool, PublishError> {
        let Some(timing) = self.timing() else { return Ok(false) };
        let now = self.store.now().await?;
        Ok(state.infos.iter().flatten().all(|info| timing.is_past_grace(info.stored.modified, now)))
    }

    /// Deletes what a run has left that ended after its commit.
    async fn delete_orphans_again(&self, target: &Target, marks: &[&Mark]) -> Result<Orphans, PublishError> {
        let orphans = orphans(target, &self.pictures(target).await?);
        let marks: Vec<Mark> = marks.iter().copied().cloned().collect();
        Ok(self.delete_orphans(target, &marks, orphans).await?)
    }

    /// Returns `true` if every folder has exactly the objects of the digests in these marks.
    pub(super) async fn is_whole(&self, target: &Target, marks: &[&Mark]) -> Result<bool, PublishError> {
        Ok(self.compare(target, marks).await? == Comparison::Same)
    }

    async fn compare(&self, target: &Target, marks: &[&Mark]) -> Result<Comparison, PublishError> {
        let listings = try_join_all(target.folders.iter().map(|folder| self.listed_content(folder.dir()))).await?;
        let Some(listings) = listings.into_iter().collect::<Option<Vec<_>>>() else { return Ok(Comparison::Unknown) };
        if listings.iter().any(ContentDigest::has_untagged) && !self.compared_by_size.swap(true, Ordering::Relaxed) {
            (self.events)(Event::ComparedBySize);
        }
        // The common case takes one pass over the listing in constant memory. Only if the digests differ are the keys
        // collected, to find out if all that is wrong are objects that the image does not plan.
        if marks.iter().zip(&listings).all(|(mark, listed)| mark.content.is_of(listed)) {
            return Ok(Comparison::Same);
        }
        self.compare_without_orphans(target, marks).await
    }

    /// Compares again without the pictures that the image does not plan: another one may have left them.
    async fn compare_without_orphans(&self, target: &Target, marks: &[&Mark]) -> Result<Comparison, PublishError> {
        let mut pictures = self.pictures(target).await?;
        let orphans: std::collections::HashSet<_> = orphans(target, &pictures).into_iter().collect();
        // Redirects have no bytes and are not part of the digest. What remains is entered like the receipts of a
        // publish, so the same ledger decides if it is complete: there is one definition of a whole image.
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

    /// Marks an image current, unless another run has touched its `info.json` since `state` was loaded.
    ///
    /// Whoever changes objects after the look in [`confirm_unless_changed`](Self::confirm_unless_changed) waits until its put has arrived,
    /// or was given up. If it takes too long, the next run tries again.
    async fn confirm(&self, target: &Target, state: &State) -> Result<(), PublishError> {
        let Some(timing) = self.timing() else { return Ok(()) };
        if self.options.redirects.is_some() {
            // They have no entity tag that tells where they lead.
            self.redirect(target).await?;
        }
        tokio::select! {
            // The confirmation has to end in time even if the store does not answer: runs that replace objects wait for
            // `Timing::confirmation` at most. The other branch measures by the clock of the store, so that a test with
            // a clock of its own decides when time passes. Giving up is safe, because the mark stays `settling`.
            biased;
            confirmed = self.confirm_unless_changed(target, state, timing.confirmation_limit()) => confirmed,
            () = self.store.wait(timing.confirmation_limit()) => Ok(()),
        }
    }

    async fn confirm_unless_changed(
        &self,
        target: &Target,
        state: &State,
        limit: Duration,
    ) -> Result<(), PublishError> {
        let begun = SystemTime::now();
        let again = State::load(&*self.store, target.folders.iter().map(ApiFolder::current_dir)).await?;
        // There is no conditional PUT that all stores honor, and an entity tag does not cover metadata. So between this
        // look and the arrival of the PUT there is a window in which another run may begin. It is closed from the other
        // side: that run sees a mark that may be about to be confirmed, and waits before it touches an object
        // (`replace::invalidate`).
        let Some(marks) = again.marks().filter(|_| again.is_as_seen(state)) else { return Ok(()) };
        let current = |mark: &Mark| Mark { has_orphans: false, ..mark.in_state(MarkState::Current) };
        let marks: Vec<Mark> = marks.into_iter().map(current).collect();
        // A process that was suspended since then must not go on where it was.
        if begun.elapsed().is_ok_and(|elapsed| elapsed > limit) {
            return Ok(());
        }
        Ok(self.info_writer(target).put_current(&marks).await.map(drop)?)
    }
}

/// The result of comparing listings with digests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comparison {
    Same,
    /// Everything is there, and pictures that the image does not have.
    SameWithOrphans,
    Damaged,
    /// It may not be listed.
    Unknown,
}
