//! Updates documents and headers of a published image without reading its source.

use super::content::ContentDigest;
use super::event::Published;
use super::fingerprint::Fingerprint;
use super::ledger::Ledger;
use super::mark::{Mark, MarkState};
use super::redirects::of_store;
use super::state::State;
use super::target::{Target, request};
use super::watch::Watch;
use super::{PublishError, Publisher};
use crate::destination::ImageAddress;
use crate::store::{HeaderUpdate, Key, Listed, Receipt, Redirect, StoreError};
use futures::{StreamExt, TryStreamExt, stream};

impl Publisher {
    /// Rewrites an image's `info.json` and redirects.
    ///
    /// The pictures and their digest don't change. The image has to settle again, because only a comparison can mark it
    /// as current.
    pub(super) async fn update_documents(
        &self,
        target: &Target,
        state: &State,
        fingerprint: &Fingerprint,
    ) -> Result<Published, PublishError> {
        if self.options.redirects.is_some() {
            // If this run dies halfway through, the new redirects must not be left with the old document's mark.
            self.invalidate(target, state, &fingerprint.headers).await?;
        }
        let content: Vec<_> = state.marks().unwrap_or_default().into_iter().map(|mark| mark.content).collect();
        self.commit_again(target, state, fingerprint, &content).await
    }

    /// Updates the headers of an image's pictures by copying each one onto itself. Returns `None` if that isn't
    /// possible and the image has to be republished.
    pub(super) async fn update_headers(
        &self,
        target: &Target,
        state: &State,
        fingerprint: &Fingerprint,
    ) -> Result<Option<Published>, PublishError> {
        let marks = state.marks().unwrap_or_default();
        // Copying updates all existing objects but doesn't detect missing ones. The image must therefore be complete at
        // this point. The receipts are counted again below, to catch any object that disappears in the meantime.
        if !self.is_whole(target, &marks).await? {
            return Ok(None);
        }
        self.invalidate(target, state, "").await?;
        let pictures = self.pictures(target).await?;
        let watch = Watch::new(self.timing(), state);
        let Some(receipts) = self.copy_all(target, pictures, fingerprint, &watch).await? else { return Ok(None) };
        let mut ledger = Ledger::new(target);
        ledger.enter(&receipts);
        let Ok(complete) = ledger.close() else { return Ok(None) };
        let published = self.commit_again(target, state, fingerprint, &complete.content).await?;
        Ok(Some(Published { objects: published.objects + complete.objects, ..published }))
    }

    /// Copies pictures onto themselves. Returns `None` as soon as the store rejects a copy.
    async fn copy_all(
        &self,
        target: &Target,
        pictures: Vec<Listed>,
        fingerprint: &Fingerprint,
        watch: &Watch,
    ) -> Result<Option<Vec<Receipt>>, PublishError> {
        let updates: Option<Vec<HeaderUpdate>> = pictures
            .into_iter()
            .filter(|listed| listed.bytes > 0)
            .map(|listed| self.header_update(target, listed, fingerprint))
            .collect();
        let Some(updates) = updates else { return Ok(None) };
        let copies = stream::iter(updates).map(async |update| {
            let _permit = super::budget::permit(&self.budget.puts).await;
            self.check_not_stopped(target)?;
            watch.look(&*self.store, target).await?;
            self.store.update_headers(update).await.map_err(PublishError::from)
        });
        match copies.buffer_unordered(self.concurrency).try_collect().await {
            Ok(receipts) => Ok(Some(receipts)),
            Err(error @ (PublishError::Stopped { .. } | PublishError::Overtaken { .. })) => Err(error),
            // PUT may be allowed even if COPY isn't, or the object may have been replaced.
            Err(_) => Ok(None),
        }
    }

    fn header_update(&self, target: &Target, listed: Listed, fingerprint: &Fingerprint) -> Option<HeaderUpdate> {
        let format =
            |key: &Key| target.folders.iter().find_map(|folder| request(folder.dir(), key)).map(|it| it.format);
        Some(HeaderUpdate {
            content_type: format(&listed.key)?.media_type(),
            cache_control: self.options.cache_control.as_str().into(),
            mark: Some(fingerprint.headers.as_str().into()),
            // The copy is conditional on this entity tag if the store supports it. If there's no tag, we can't tell if
            // the object has been replaced, so the image is republished instead.
            etag: listed.etag?,
            key: listed.key,
            bytes: listed.bytes,
        })
    }

    /// Rewrites the redirects and `info.json` of an image whose pictures are already stored.
    async fn commit_again(
        &self,
        target: &Target,
        state: &State,
        fingerprint: &Fingerprint,
        content: &[ContentDigest],
    ) -> Result<Published, PublishError> {
        let redirects = self.redirect(target).await?;
        let documents = fingerprint.documents.iter().zip(content);
        let is_contested = self.is_contested(state).await?;
        let mark = |(mark, (document, content)): (&Mark, (&String, &ContentDigest))| Mark {
            state: MarkState::Settling,
            is_contested,
            headers: fingerprint.headers.clone(),
            document: document.clone(),
            content: *content,
            revisions: mark.revisions.with_document_of_now(),
            ..mark.clone()
        };
        let marks: Vec<Mark> = state.marks().unwrap_or_default().into_iter().zip(documents).map(mark).collect();
        let bytes = self.commit(target, &marks).await?;
        let objects = redirects + target.folders.len() as u64;
        Ok(Published { objects, bytes, ..target.published() })
    }

    /// Returns `true` if another run may currently be confirming the image.
    pub(super) async fn is_contested(&self, state: &State) -> Result<bool, StoreError> {
        let Some(timing) = self.timing() else { return Ok(false) };
        let now = self.store.now().await?;
        Ok(state.infos.iter().flatten().any(|info| timing.may_be_confirmed(&info.stored, now)))
    }

    /// Uploads `info.json`, starting with the version folders, and flushes the store before and after.
    pub(super) async fn commit(&self, target: &Target, marks: &[Mark]) -> Result<u64, StoreError> {
        self.store.flush().await?;
        let writer = self.info_writer(target);
        let mut bytes = writer.put(marks).await?;
        // Write `info.json` to the version's folder first, followed by the one that viewers load. If a run is
        // interrupted in between, the version is complete but not current, and the next run can promote it without
        // reading the source.
        if target.is_versioned() {
            self.store.flush().await?;
            for folder in &target.folders {
                let redirects = target.redirects.of_current(folder);
                self.put_redirects(folder.current(), redirects).await?;
            }
            bytes += writer.put_current(marks).await?;
        }
        self.store.flush().await?;
        Ok(bytes)
    }

    /// Uploads redirects before an `info.json` refers to them. Returns the number of redirects.
    pub(super) async fn redirect(&self, target: &Target) -> Result<u64, PublishError> {
        let mut count = 0;
        for folder in &target.folders {
            let redirects = target.redirects.of(&target.pyramid, folder);
            count += redirects.len() as u64;
            self.put_redirects(folder.objects(), redirects).await?;
        }
        Ok(count)
    }

    /// Replaces an image's redirects. Does nothing if the store doesn't support redirects.
    pub(super) async fn put_redirects(&self, image: &ImageAddress, redirects: Vec<Redirect>) -> Result<(), StoreError> {
        match self.store.redirect_store() {
            Some(store) => store.set_redirects(of_store(image, redirects)).await,
            None => Ok(()),
        }
    }
}
