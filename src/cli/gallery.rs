//! `--html`: the page beside the images that shows those of a run.

use super::exit::Exit;
use super::progress::Progress;
use super::report::{self, Fatal};
use super::viewer::{self, PageName, ShownImage};
use bytes::Bytes;
use iiif_publish::iiif::{Plan, Pyramid};
use iiif_publish::publish::{Changed, Layout, PublishError, Published, Publisher};
use iiif_publish::store::{Identifier, Key, Object, StoreError, StoreErrorKind};

const OTHER_NAME: &str = "choose another name for the page, such as `--html=images.html`";

/// A page that may be written when the images are there.
pub(super) struct Gallery {
    key: Key,
    url: String,
    /// The page that is there.
    present: Option<Bytes>,
    /// The images of the run, in their order.
    order: Vec<Identifier>,
    published: Vec<Published>,
}

impl Gallery {
    /// The page of this name for these images, if it is free, or was written by this program.
    pub(super) async fn of(name: &PageName, order: Vec<Identifier>, publisher: &Publisher) -> Result<Self, Fatal> {
        let options = publisher.options();
        let refused = |error: String| Fatal::new(Exit::Usage, error, OTHER_NAME);
        let key = name.key(&options.prefix)?;
        if let Some(image) = order.iter().find(|identifier| name.is_folder_of(identifier)) {
            return Err(refused(format!("the page and the image `{image}` would both be called `{name}`")));
        }
        let present = publisher.store().get(&key).await?.map(|stored| stored.body);
        if present.as_ref().is_some_and(|page| viewer::images_of(page).is_none()) {
            return Err(refused(format!("`{key}` already exists, and iiif-publish did not write it")));
        }
        Ok(Self { key, url: name.url(&options.public_url), present, order, published: Vec::new() })
    }

    /// An image is there.
    pub(super) fn show(&mut self, published: &Published) {
        self.published.push(published.clone());
    }

    /// That it was not written, because the run ended before.
    pub(super) fn left_out(key: &Key, progress: &Progress) {
        progress.note(&format!("`{key}` was not written, because the run was stopped"));
    }

    pub(super) fn key(&self) -> &Key {
        &self.key
    }

    /// Writes the page, where it has changed, and prints its URL; `exit` is what became of the images. A page that is there stays
    /// while some of them fail.
    pub(super) async fn write(mut self, exit: Exit, publisher: &Publisher, progress: &Progress) -> Exit {
        if publisher.is_stopped() {
            Self::left_out(&self.key, progress);
            return exit;
        }
        if self.published.is_empty() {
            progress.note(&format!("`{}` was not written, because no image was published", self.key));
            return exit;
        }
        let is_whole = exit == Exit::Done;
        let kept = match publisher.options().changed {
            _ if self.present.is_none() => None,
            Changed::Keep => Some("`--no-clobber`"),
            Changed::Replace => (!is_whole).then_some("some images were not published"),
        };
        if let Some(why) = kept {
            progress.note(&format!("`{}` was not changed ({why})", self.key));
        } else if let Err(error) = self.put(publisher).await {
            let advice = match error.kind() {
                StoreErrorKind::Exists => OTHER_NAME,
                _ if is_whole => "run the same command again to write the page; the images are published",
                _ => "run the same command again to publish the rest and write the page",
            };
            let error = PublishError::from(error);
            progress.error(&report::chain(&error), advice);
            return exit.worse(if error.is_environment() { Exit::Environment } else { Exit::Failed });
        }
        exit.worse(progress.result(&self.url))
    }

    async fn put(&mut self, publisher: &Publisher) -> Result<(), StoreError> {
        let body = Bytes::from(viewer::page(&self.images(publisher)));
        if self.present.as_ref() == Some(&body) {
            return Ok(());
        }
        let cache_control = publisher.options().info_cache_control.as_str().into();
        let content_type = viewer::CONTENT_TYPE;
        let object = Object { key: self.key.clone(), body, content_type, cache_control, mark: None };
        // Where none was seen, there can be one all the same: one that may not be read, or that has come meanwhile.
        let put =
            if self.present.is_some() { publisher.store().put(object) } else { publisher.store().put_new(object) };
        put.await.map(drop)
    }

    fn images(&mut self, publisher: &Publisher) -> Vec<ShownImage> {
        let options = publisher.options();
        let before = self.present.as_ref().and_then(|page| viewer::images_of(page)).unwrap_or_default();
        let folders = options.versions.folders();
        let shown = |image: &Published| {
            let (_, folder) = folders[0];
            let info = format!("{}/{}", options.public_url.base_uri(folder, &image.identifier), Plan::INFO_JSON);
            let moves = matches!(options.layout, Layout::Versioned { .. });
            let shown = ShownImage { moves, ..ShownImage::of(image, info) };
            if shown.version.is_none() {
                return shown;
            }
            let pyramid = Pyramid::new(image.size, options.shape);
            let count = |version| Plan::new(pyramid.clone(), version).object_count();
            let objects = folders.iter().map(|(version, _)| count(*version)).sum();
            // Of the very same content, an earlier page may know how much an earlier run has stored.
            let is_same = |known: &&ShownImage| known.info == shown.info && known.version == shown.version;
            let bytes_before = before.iter().find(is_same).and_then(|known| known.bytes);
            let bytes = if image.objects == objects { Some(image.bytes) } else { bytes_before };
            ShownImage { objects: Some(objects), bytes, ..shown }
        };
        viewer::in_order(std::mem::take(&mut self.published), &self.order).iter().map(shown).collect()
    }
}
