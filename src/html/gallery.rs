//! Maintains an HTML page with a run's images in the store.

use super::embed::embed_code;
use super::page::{self, PageImage, PageName};
use crate::destination::{DocumentAddress, Identifier};
use crate::iiif::{Plan, Pyramid};
use crate::publish::{Layout, Published, Publisher};
use crate::store::{Key, KeyError, Object, OnExisting, StoreError};
use bytes::Bytes;

/// An HTML page that shows the images of a run. It is written after all images.
#[derive(Debug)]
pub struct Gallery {
    key: Key,
    url: String,
    /// Existing page in the store.
    present: Option<Bytes>,
    /// Identifiers of the run's images, in display order.
    order: Vec<Identifier>,
    published: Vec<Published>,
}

/// Error returned when a page can't be created.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GalleryError {
    /// The page's key is invalid.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// Failed to check if the page already exists.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// An image has the same name as the page.
    #[error("the page and the image `{image}` would both be called `{name}`")]
    Image {
        /// The image's identifier.
        image: Identifier,
        /// The page's name.
        name: PageName,
    },
    /// An object with this name already exists, and it isn't a page written by this program.
    #[error("`{key}` already exists, and iiif-publish did not write it")]
    Foreign {
        /// The object's key.
        key: Key,
    },
}

/// Result of [`Gallery::write`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum GalleryOutcome {
    /// The page was written or already up to date.
    Written,
    /// Nothing was written because the [publisher was stopped](Publisher::stop).
    Stopped,
    /// Nothing was written because no images were published.
    NoImages,
    /// The existing page wasn't replaced.
    Kept(KeptReason),
}

/// The reason for keeping an existing page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeptReason {
    /// The options don't allow replacing objects ([`OnExisting::Keep`]).
    Unchangeable,
    /// Some of the run's images aren't published.
    Incomplete,
}

impl Gallery {
    /// Opens the page with this name, loading the existing one from the store. `order` lists the run's images in
    /// display order.
    ///
    /// # Errors
    /// Returns an error if an image in this run or an unrelated object has the same name, or if the store can't be
    /// read.
    pub async fn open(name: &PageName, order: Vec<Identifier>, publisher: &Publisher) -> Result<Self, GalleryError> {
        let options = publisher.options();
        let DocumentAddress { key, url } = options.destination().document(name.as_str())?;
        if let Some(image) = order.iter().find(|identifier| name.is_folder_of(identifier)) {
            return Err(GalleryError::Image { image: image.clone(), name: name.clone() });
        }
        let present = publisher.store().get(&key).await?.map(|stored| stored.body);
        if present.as_ref().is_some_and(|body| page::images_of(body).is_none()) {
            return Err(GalleryError::Foreign { key });
        }
        Ok(Self { key, url, present, order, published: Vec::new() })
    }

    /// Adds a published image.
    pub fn add(&mut self, published: &Published) {
        self.published.push(published.clone());
    }

    /// Returns the page's key.
    #[must_use]
    pub fn key(&self) -> &Key {
        &self.key
    }

    /// Returns the page's URL.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Writes the page if it has changed. An existing page is only replaced if `is_complete` is set, meaning that all
    /// of the run's images are published.
    ///
    /// # Errors
    /// Returns an error if the store rejects the page. [`StoreErrorKind::Exists`](crate::store::StoreErrorKind::Exists)
    /// means that an object exists that [`open`](Self::open) didn't see.
    pub async fn write(&mut self, is_complete: bool, publisher: &Publisher) -> Result<GalleryOutcome, StoreError> {
        if publisher.is_stopped() {
            return Ok(GalleryOutcome::Stopped);
        }
        if self.published.is_empty() {
            return Ok(GalleryOutcome::NoImages);
        }
        let kept = match publisher.options().on_existing {
            _ if self.present.is_none() => None,
            OnExisting::Keep => Some(KeptReason::Unchangeable),
            OnExisting::Update | OnExisting::Overwrite => (!is_complete).then_some(KeptReason::Incomplete),
        };
        if let Some(reason) = kept {
            return Ok(GalleryOutcome::Kept(reason));
        }
        self.put(publisher).await.map(|()| GalleryOutcome::Written)
    }

    async fn put(&mut self, publisher: &Publisher) -> Result<(), StoreError> {
        let body = Bytes::from(page::page(&self.images(publisher)));
        if self.present.as_ref() == Some(&body) {
            return Ok(());
        }
        let cache_control = publisher.options().info_cache_control.as_str().into();
        let content_type = page::CONTENT_TYPE;
        let object =
            Object { key: self.key.clone(), body, content_encoding: None, content_type, cache_control, mark: None };
        // An object may exist that `open` didn't see, either because it isn't readable or because it was written in the
        // meantime.
        let put =
            if self.present.is_some() { publisher.store().put(object) } else { publisher.store().put_new(object) };
        put.await.map(drop)
    }

    fn images(&mut self, publisher: &Publisher) -> Vec<PageImage> {
        let options = publisher.options();
        let before = self.present.as_ref().and_then(|page| page::images_of(page)).unwrap_or_default();
        let (destination, folders) = (options.destination(), options.versions.folders());
        let shown = |image: &Published| {
            // Each image is shown once, using the first folder it was published to.
            let info = destination.info_urls(&image.identifier).swap_remove(0);
            let moves = matches!(options.layout, Layout::Versioned { .. });
            let embed = folders.first().map(|(version, _)| embed_code(image, options.shape, *version));
            let shown = PageImage { moves, embed, ..PageImage::of(image, info) };
            if shown.version.is_none() {
                return shown;
            }
            let pyramid = Pyramid::new(image.size, options.shape);
            let count = |version| Plan::new(pyramid.clone(), version).object_count();
            let objects = folders.iter().map(|(version, _)| count(*version)).sum();
            // The existing page may know the size in bytes if an earlier run published the same content.
            let is_same = |known: &&PageImage| known.info == shown.info && known.version == shown.version;
            let bytes_before = before.iter().find(is_same).and_then(|known| known.bytes);
            // If this run only stored some of an image's objects, their size isn't the image's total size. Fall back to
            // the size from the existing page.
            let bytes = if image.objects == objects { Some(image.bytes) } else { bytes_before };
            PageImage { objects: Some(objects), bytes, ..shown }
        };
        page::in_order(std::mem::take(&mut self.published), &self.order).iter().map(shown).collect()
    }
}
