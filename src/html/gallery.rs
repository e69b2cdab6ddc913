//! The page in a store that shows the images of a run.

use super::page::{self, PageImage, PageName};
use crate::destination::{DocumentAddress, Identifier};
use crate::iiif::{Plan, Pyramid};
use crate::publish::{Layout, Published, Publisher};
use crate::store::{Key, KeyError, Object, OnExisting, StoreError};
use bytes::Bytes;

/// A page of the images of a run, which is written after the images.
#[derive(Debug)]
pub struct Gallery {
    key: Key,
    url: String,
    /// The page in the store.
    present: Option<Bytes>,
    /// The images of the run, in their order.
    order: Vec<Identifier>,
    published: Vec<Published>,
}

/// The page cannot have this name.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GalleryError {
    /// The key of the page is not valid.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The store does not tell if there is a page.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// An image has the same name.
    #[error("the page and the image `{image}` would both be called `{name}`")]
    Image {
        /// The identifier of the image.
        image: Identifier,
        /// The name of the page.
        name: PageName,
    },
    /// There is an object with this name that is not a page of this program.
    #[error("`{key}` already exists, and iiif-publish did not write it")]
    Foreign {
        /// The key of the object.
        key: Key,
    },
}

/// The outcome of [`Gallery::write`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum GalleryOutcome {
    /// The page is written, or was the same already.
    Written,
    /// Nothing was written, because the [publisher was stopped](Publisher::stop).
    Stopped,
    /// Nothing was written, because no image is published.
    NoImages,
    /// The page in the store was not replaced.
    Kept(KeptReason),
}

/// The reason why a page is not replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeptReason {
    /// The options forbid to replace objects ([`OnExisting::Keep`]).
    Unchangeable,
    /// Some images of the run are not published.
    Incomplete,
}

impl Gallery {
    /// Looks for the page of this name. `order` has the images of the run, in the order of the page.
    ///
    /// # Errors
    /// If an image of the run or a foreign object has this name, or the store cannot be read.
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

    /// Adds an image that is published.
    pub fn add(&mut self, published: &Published) {
        self.published.push(published.clone());
    }

    /// Returns the key of the page.
    #[must_use]
    pub fn key(&self) -> &Key {
        &self.key
    }

    /// Returns the URL of the page.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Writes the page if it has changed. With `is_complete`, all images of the run are published; otherwise a page in the store is
    /// not replaced.
    ///
    /// # Errors
    /// If the store does not take the page. With [`StoreErrorKind::Exists`](crate::store::StoreErrorKind::Exists), there is an object that
    /// [`open`](Self::open) did not see.
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
        let object = Object { key: self.key.clone(), body, content_type, cache_control, mark: None };
        // There can be one that was not seen: because it may not be read, or because it has been written since.
        let put =
            if self.present.is_some() { publisher.store().put(object) } else { publisher.store().put_new(object) };
        put.await.map(drop)
    }

    fn images(&mut self, publisher: &Publisher) -> Vec<PageImage> {
        let options = publisher.options();
        let before = self.present.as_ref().and_then(|page| page::images_of(page)).unwrap_or_default();
        let (destination, folders) = (options.destination(), options.versions.folders());
        let shown = |image: &Published| {
            // The page shows each image once, from the first of its folders.
            let info = destination.info_urls(&image.identifier).swap_remove(0);
            let moves = matches!(options.layout, Layout::Versioned { .. });
            let shown = PageImage { moves, ..PageImage::of(image, info) };
            if shown.version.is_none() {
                return shown;
            }
            let pyramid = Pyramid::new(image.size, options.shape);
            let count = |version| Plan::new(pyramid.clone(), version).object_count();
            let objects = folders.iter().map(|(version, _)| count(*version)).sum();
            // An earlier page may have the bytes of the same content from an earlier run.
            let is_same = |known: &&PageImage| known.info == shown.info && known.version == shown.version;
            let bytes_before = before.iter().find(is_same).and_then(|known| known.bytes);
            // A run that stored only some of the objects knows the bytes of those alone, which is not the size of the
            // image. The page of an earlier run may still have it.
            let bytes = if image.objects == objects { Some(image.bytes) } else { bytes_before };
            PageImage { objects: Some(objects), bytes, ..shown }
        };
        page::in_order(std::mem::take(&mut self.published), &self.order).iter().map(shown).collect()
    }
}
