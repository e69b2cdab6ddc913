//! Updates of a published image that need no pixel, and so no source: other documents, other headers.

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
    /// Writes the `info.json` and the redirects of an image again.
    ///
    /// The objects stay, and so does their digest: the image settles once more, because only a comparison makes it current.
    pub(super) async fn update_documents(
        &self,
        target: &Target,
        state: &State,
        fingerprint: &Fingerprint,
    ) -> Result<Published, PublishError> {
        if self.options.redirects.is_some() {
            // A run that dies among its redirects must not leave those of one document beside the mark of another.
            self.invalidate(target, state, &fingerprint.headers).await?;
        }
        let content: Vec<_> = state.marks().unwrap_or_default().into_iter().map(|mark| mark.content).collect();
        self.commit_again(target, state, fingerprint, &content).await
    }

    /// Gives the pictures of an image new headers by copying each onto itself; `None` if that cannot be done, so that they have to be
    /// published again.
    pub(super) async fn update_headers(
        &self,
        target: &Target,
        state: &State,
        fingerprint: &Fingerprint,
    ) -> Result<Option<Published>, PublishError> {
        let marks = state.marks().unwrap_or_default();
        // A copy gives every object that is there the new headers, but it does not notice one that is missing. So the
        // image must be whole now, and the receipts of the copies are counted again below: an object that disappears in
        // between is missed there.
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

    /// Copies pictures onto themselves; `None` as soon as the store refuses one.
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
            // Putting may be allowed where copying is not, or the object is another one now.
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
            // The copy is conditional on this entity tag where the store supports that. Without a tag the object may be
            // another one by now, and the image is published again instead.
            etag: listed.etag?,
            key: listed.key,
            bytes: listed.bytes,
        })
    }

    /// Puts redirects and `info.json` of an image whose pictures are there.
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

    /// Returns `true` if a run may be confirming the image at this moment.
    pub(super) async fn is_contested(&self, state: &State) -> Result<bool, StoreError> {
        let Some(timing) = self.timing() else { return Ok(false) };
        let now = self.store.now().await?;
        Ok(state.infos.iter().flatten().any(|info| timing.may_be_confirmed(&info.stored, now)))
    }

    /// Puts `info.json`, in each folder of a version first, and makes everything durable before and after.
    pub(super) async fn commit(&self, target: &Target, marks: &[Mark]) -> Result<u64, StoreError> {
        self.store.flush().await?;
        let writer = self.info_writer(target);
        let mut bytes = writer.put(marks).await?;
        // First the `info.json` inside the folder of the version, then the one that viewers know. A run that ends in
        // between leaves a complete version that is not current, which the next run promotes without reading the
        // source.
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

    /// Tells web servers which requests lead elsewhere, before `info.json` promises them. Returns how many there are.
    pub(super) async fn redirect(&self, target: &Target) -> Result<u64, PublishError> {
        let mut count = 0;
        for folder in &target.folders {
            let redirects = target.redirects.of(&target.pyramid, folder);
            count += redirects.len() as u64;
            self.put_redirects(folder.objects(), redirects).await?;
        }
        Ok(count)
    }

    /// Sets the redirects of an image, or clears them. A store without redirects has none to clear.
    pub(super) async fn put_redirects(&self, image: &ImageAddress, redirects: Vec<Redirect>) -> Result<(), StoreError> {
        match self.store.redirect_store() {
            Some(store) => store.set_redirects(of_store(image, redirects)).await,
            None => Ok(()),
        }
    }
}
