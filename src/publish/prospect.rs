//! Previews changes without modifying the store.

use super::fingerprint::{Fingerprint, version_name};
use super::memory::ImageBytes;
use super::page::Origin;
use super::revision::Revisions;
use super::state::Action;
use super::target::{Target, pyramid};
use super::{Image, PublishError, Published, Publisher, blocks};
use crate::iiif::{PhysicalScale, Plan, Size};
use crate::source::OPEN_BYTES;

/// Preview of publishing an image.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Prospect {
    /// The image as it would be published. Counts are zero because nothing has been stored.
    pub published: Published,
    /// Change that publishing would make.
    pub change: Change,
    /// Planned objects for each Image API version.
    pub plans: Vec<Plan>,
}

/// A change made by publishing an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Change {
    /// The image doesn't exist yet.
    New,
    /// The image exists and would be replaced.
    Replaced,
    /// The image exists, and its pictures would be copied in place to update their headers.
    Headers,
    /// The image exists, and only its `info.json` would be rewritten.
    Documents,
    /// The image is already up to date.
    Unchanged,
    /// The image exists and would be kept.
    Kept,
}

impl Publisher {
    /// Previews what [`publish`](Self::publish) would do. This looks up the image in the store. The source's header is
    /// only read if the image would be published.
    ///
    /// # Errors
    /// Returns an error if the source can't be read or the store fails.
    pub(crate) async fn examine(&self, image: &Image) -> Result<Prospect, PublishError> {
        let origin = self.origin(image).await?;
        let fingerprint = self.fingerprint(image, &origin).await?;
        let state = self.load_state(&image.identifier).await?;
        let change = match state.decide(&fingerprint, &self.options) {
            Action::Publish if state.is_there() => Change::Replaced,
            Action::Publish => Change::New,
            Action::UpdateHeaders => Change::Headers,
            Action::UpdateDocuments => Change::Documents,
            Action::Skip | Action::Settle => Change::Unchanged,
            Action::Keep | Action::KeepNewer => Change::Kept,
        };
        // The size of a published image is stored in its `info.json`. We only need to open the source if the image
        // would be stored again, since its size may have changed.
        match self.known_target(image, &state)?.filter(|_| !matches!(change, Change::New | Change::Replaced)) {
            Some(target) => Ok(prospect(&target, change)),
            None => Ok(prospect(&self.examine_source(image, origin, &fingerprint).await?, change)),
        }
    }

    async fn examine_source(
        &self,
        image: &Image,
        origin: Origin,
        fingerprint: &Fingerprint,
    ) -> Result<Target, PublishError> {
        let read = self.options.reading();
        // Reading headers counts toward the memory limit, just like publishing. This is released when the function
        // returns, since no pixels are decoded.
        let _memory = self.budget.memory(ImageBytes { reading: OPEN_BYTES, lasting: 0 }).await;
        let source = self.blocking(image, move || origin.open(read)).await??;
        let pyramid = pyramid(&self.options, &image.identifier, source.header().size)?;
        let has_block_tiles = blocks::decoded_rows(source.header(), &pyramid, self.options.jpeg).is_some();
        let revisions = Revisions::current(source.header().kind, &self.options, has_block_tiles);
        let name = version_name(&fingerprint.pixels, &revisions);
        let target = Target::new(&self.options, &image.identifier, pyramid, name)?;
        let target = Target { scale: source.header().scale, ..target };
        self.check_object_count(&target)?;
        Ok(target)
    }

    /// Looks up a published image. Returns `None` if it doesn't exist.
    ///
    /// # Errors
    /// Returns an error if the store fails.
    pub(crate) async fn find(&self, image: &Image) -> Result<Option<PublishedImage>, PublishError> {
        let state = self.load_state(&image.identifier).await?;
        let found = state.base_uri().zip(state.size());
        Ok(found.map(|(base_uri, size)| PublishedImage { base_uri, size, scale: state.scale() }))
    }
}

/// A published image, as it appears in manifests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PublishedImage {
    pub(crate) base_uri: String,
    /// Size in pixels.
    pub(crate) size: Size,
    /// Physical pixel size, if known.
    pub(crate) scale: Option<PhysicalScale>,
}

fn prospect(target: &Target, change: Change) -> Prospect {
    let plans = target.folders.iter().map(|folder| folder.plan.clone()).collect();
    Prospect { published: target.published(), change, plans }
}
