//! Maintains an HTML page with a run's images in the store.

use super::embed::embed_code;
use super::image::{PageImage, in_order};
use super::name::PageName;
use super::page::{self, ViewerPage};
use crate::destination::{DocumentAddress, Identifier};
use crate::iiif::{Plan, Pyramid, Rights};
use crate::publish::{Layout, Published, Publisher};
use crate::store::{Key, KeyError, Object, OnExisting, StoreError};
use bytes::Bytes;
use futures::{StreamExt, stream};

/// Maximum number of images from earlier runs to look up concurrently.
const MAX_LOOKUPS_IN_FLIGHT: usize = 32;

/// An HTML page that shows the images from this run and earlier runs. It's written after all images.
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
    /// The existing page was kept because the options don't allow replacing objects ([`OnExisting::Keep`]).
    Kept,
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

    /// Writes the page if it has changed. Images from earlier runs stay on the page unless they were deleted. New
    /// images follow in this run's order.
    ///
    /// # Errors
    /// Returns an error if the store can't be read or rejects the page.
    /// [`StoreErrorKind::Exists`](crate::store::StoreErrorKind::Exists) means that an object was created after
    /// [`open`](Self::open).
    pub async fn write(&mut self, publisher: &Publisher) -> Result<GalleryOutcome, StoreError> {
        if publisher.is_stopped() {
            return Ok(GalleryOutcome::Stopped);
        }
        if self.published.is_empty() {
            return Ok(GalleryOutcome::NoImages);
        }
        if self.present.is_some() && publisher.options().on_existing == OnExisting::Keep {
            return Ok(GalleryOutcome::Kept);
        }
        self.reload(publisher).await?;
        self.put(publisher).await.map(|()| GalleryOutcome::Written)
    }

    /// Reloads the page, because another run may have added images since this run began.
    async fn reload(&mut self, publisher: &Publisher) -> Result<(), StoreError> {
        if self.present.is_some()
            && let Some(stored) = publisher.store().get(&self.key).await?
            && page::images_of(&stored.body).is_some()
        {
            self.present = Some(stored.body);
        }
        Ok(())
    }

    async fn put(&mut self, publisher: &Publisher) -> Result<(), StoreError> {
        let before = self.present.as_ref().and_then(|page| page::images_of(page)).unwrap_or_default();
        let images = self.images(&before, publisher);
        let images = merged(existing(before, publisher).await, images);
        let body = Bytes::from(ViewerPage::new(&images).published_at(&self.url).to_html());
        if self.present.as_ref() == Some(&body) {
            return Ok(());
        }
        let cache_control = publisher.options().info_cache_control.as_str().into();
        let content_type = page::CONTENT_TYPE;
        let (body, content_encoding) = (body.into(), None);
        let object = Object { key: self.key.clone(), body, content_encoding, content_type, cache_control, mark: None };
        // An object may exist that `open` didn't see, either because it isn't readable or because it was written in the
        // meantime.
        let put =
            if self.present.is_some() { publisher.store().put(object) } else { publisher.store().put_new(object) };
        put.await.map(drop)
    }

    /// Returns this run's images. `before` contains the existing page's images.
    fn images(&mut self, before: &[PageImage], publisher: &Publisher) -> Vec<PageImage> {
        let options = publisher.options();
        let (destination, folders) = (options.destination(), options.versions.folders());
        let shown = |image: &Published| {
            // Each image is shown once, using the first folder it was published to.
            let info = destination.info_urls(&image.identifier).swap_remove(0);
            let moves = matches!(options.layout, Layout::Versioned { .. });
            let embed = folders.first().map(|(version, _)| embed_code(image, options.shape, *version));
            let rights = options.rights.as_ref().map(|rights: &Rights| rights.as_str().to_owned());
            let shown = PageImage { moves, embed, rights, ..PageImage::of(image, info) };
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
        in_order(std::mem::take(&mut self.published), &self.order).iter().map(shown).collect()
    }
}

/// Adds images to those already on the page. Images with the same identifier are replaced in place.
fn merged(before: Vec<PageImage>, mut images: Vec<PageImage>) -> Vec<PageImage> {
    let mut all = before;
    for image in &mut all {
        if let Some(place) = images.iter().position(|new| new.info == image.info) {
            *image = images.remove(place);
        }
    }
    all.append(&mut images);
    all
}

/// Returns the images that haven't been deleted since an earlier run added them. Images published to a different
/// address are kept, because they can't be checked.
async fn existing(images: Vec<PageImage>, publisher: &Publisher) -> Vec<PageImage> {
    let exists = |image: PageImage| async move {
        let exists = !is_deleted(&image, publisher).await;
        exists.then_some(image)
    };
    // Boxing the stream lets the compiler prove that the future is `Send`.
    let found = stream::iter(images).map(exists).buffered(MAX_LOOKUPS_IN_FLIGHT).boxed();
    found.filter_map(std::future::ready).collect().await
}

/// Returns `true` if an image belongs in this store but no longer exists.
async fn is_deleted(image: &PageImage, publisher: &Publisher) -> bool {
    let Ok(identifier) = image.id.parse::<Identifier>() else { return false };
    let Ok(images) = publisher.options().destination().images(&identifier) else { return false };
    let address = images.into_iter().map(|(_, address)| address).find(|address| address.info_url() == image.info);
    match address {
        Some(address) => matches!(publisher.store().get(&address.folder().info_key()).await, Ok(None)),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(id: &str, width: u32) -> PageImage {
        let json = serde_json::json!({
            "id": id, "info": format!("https://example.org/{id}/info.json"), "moves": false, "width": width, "height": 1
        });
        serde_json::from_value(json).expect("an image")
    }

    #[test]
    fn new_images_follow_those_of_earlier_runs() {
        let all = merged(vec![image("a", 1), image("b", 1)], vec![image("c", 2), image("a", 2)]);
        assert_eq!(all, [image("a", 2), image("b", 1), image("c", 2)]);
    }
}
