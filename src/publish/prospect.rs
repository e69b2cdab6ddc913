//! Examines images without changing anything.

use super::fingerprint::{Fingerprint, version_name};
use super::memory::ImageBytes;
use super::revision::Revisions;
use super::state::Action;
use super::target::{Target, pyramid};
use super::{Image, PublishError, Published, Publisher, blocks};
use crate::iiif::{Plan, Size};
use crate::source::{OPEN_BYTES, ResolvedSource, Source};

/// The result of examining an image.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Prospect {
    /// The image as it would be published: without objects where nothing would be stored.
    pub published: Published,
    /// The change that publishing would make.
    pub change: Change,
    /// Its objects in each version of the Image API.
    pub plans: Vec<Plan>,
}

/// A change that publishing makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Change {
    /// It is not there yet.
    New,
    /// It is there, and would be replaced.
    Replaced,
    /// It is there, and its pictures would be copied in place to give them other headers.
    Headers,
    /// It is there, and only its `info.json` would be written again.
    Documents,
    /// It is there as it is to be.
    Unchanged,
    /// It is there, and must not be replaced.
    Kept,
}

impl Publisher {
    /// Examines what [`publish`](Self::publish) would do. Costs the look at the image in the store, and if it would be published, the
    /// header of the source.
    ///
    /// # Errors
    /// If the source cannot be read, or the store fails.
    pub(crate) async fn examine(&self, image: &Image) -> Result<Prospect, PublishError> {
        let resolved = self.sources.find(&image.location).await?;
        let fingerprint = self.fingerprint(image, &resolved).await?;
        let state = self.load_state(&image.identifier).await?;
        let change = match state.decide(&fingerprint, &self.options) {
            Action::Publish if state.is_there() => Change::Replaced,
            Action::Publish => Change::New,
            Action::UpdateHeaders => Change::Headers,
            Action::UpdateDocuments => Change::Documents,
            Action::Skip | Action::Settle => Change::Unchanged,
            Action::Keep | Action::KeepNewer => Change::Kept,
        };
        // The size of a published image is in its `info.json`, so its source is opened only if the image would be
        // stored, and its size may have changed.
        match self.known_target(image, &state)?.filter(|_| !matches!(change, Change::New | Change::Replaced)) {
            Some(target) => Ok(prospect(&target, change)),
            None => Ok(prospect(&self.examine_source(image, resolved, &fingerprint).await?, change)),
        }
    }

    async fn examine_source(
        &self,
        image: &Image,
        resolved: ResolvedSource,
        fingerprint: &Fingerprint,
    ) -> Result<Target, PublishError> {
        let read = self.options.reading();
        // Opening reads headers, whose memory counts like that of publishing. It is returned at the end of this
        // function, before any pixel would be decoded.
        let _memory = self.budget.memory(ImageBytes { reading: OPEN_BYTES, lasting: 0 }).await;
        let source = self.blocking(image, move || Source::open_at(&resolved, read)).await??;
        let pyramid = pyramid(&self.options, &image.identifier, source.header().size)?;
        let has_block_tiles = blocks::decoded_rows(source.header(), &pyramid, self.options.jpeg).is_some();
        let revisions = Revisions::current(source.header().kind, &self.options, has_block_tiles);
        let name = version_name(&fingerprint.pixels, &revisions);
        let target = Target::new(&self.options, &image.identifier, pyramid, name)?;
        self.check_object_count(&target)?;
        Ok(target)
    }

    /// Returns the base URI and the size of a published image, as its `info.json` says; `None` if it is not there.
    ///
    /// # Errors
    /// If the store fails.
    pub(crate) async fn find(&self, image: &Image) -> Result<Option<(String, Size)>, PublishError> {
        let state = self.load_state(&image.identifier).await?;
        Ok(state.base_uri().zip(state.size()))
    }
}

fn prospect(target: &Target, change: Change) -> Prospect {
    let plans = target.folders.iter().map(|folder| folder.plan.clone()).collect();
    Prospect { published: target.published(), change, plans }
}
