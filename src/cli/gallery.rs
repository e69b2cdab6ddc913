//! `--html`: the page beside the images that shows those of a run.

use super::exit::Exit;
use super::progress::Progress;
use super::report::{self, Fatal};
use super::viewer::{self, PageName, ShownImage};
use bytes::Bytes;
use iiif_publish::iiif::{Plan, Pyramid};
use iiif_publish::publish::{Changed, Layout, Published, Publisher};
use iiif_publish::store::{Identifier, Key, Object, StoreError};

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
        let key = name.key(&options.prefix).expect("a name is a key");
        let present = publisher.store().get(&key).await?.map(|stored| stored.body);
        if present.as_ref().is_some_and(|page| viewer::images_of(page).is_none()) {
            let error = format!("there is a `{key}` already, which this program did not write");
            return Err(Fatal::new(Exit::Usage, error, "give the page another name, as in `--html=images.html`"));
        }
        Ok(Self { key, url: name.url(&options.public_url), present, order, published: Vec::new() })
    }

    /// An image is there.
    pub(super) fn show(&mut self, published: &Published) {
        self.published.push(published.clone());
    }

    /// Writes the page, where it has changed, and prints its URL. A page that is there stays while some of its images fail.
    pub(super) async fn write(self, exit: Exit, publisher: &Publisher, progress: &Progress) -> Result<Exit, Fatal> {
        let is_whole = exit == Exit::Done;
        let is_kept = self.present.is_some() && (!is_whole || publisher.options().changed == Changed::Keep);
        if self.published.is_empty() {
            return Ok(exit);
        }
        if is_kept {
            let why = if is_whole { "--no-clobber" } else { "not all images are there" };
            progress.note(&format!("`{}` is left as it is ({why})", self.key));
        } else {
            let body = Bytes::from(viewer::page(&self.images(publisher)));
            if self.present.as_ref() != Some(&body) {
                let cache_control = publisher.options().info_cache_control.as_str().into();
                let content_type = viewer::CONTENT_TYPE;
                let object = Object { key: self.key, body, content_type, cache_control, fingerprint: None };
                publisher.store().put(object).await.map_err(|error| not_written(&error))?;
            }
        }
        Ok(exit.worse(progress.result(&self.url)))
    }

    fn images(&self, publisher: &Publisher) -> Vec<ShownImage> {
        let options = publisher.options();
        let before = self.present.as_ref().and_then(|page| viewer::images_of(page)).unwrap_or_default();
        let folders = options.versions.folders();
        let shown = |image: &Published| {
            let (_, folder) = folders[0];
            let info = format!("{}/{}", options.public_url.base_uri(folder, &image.identifier), Plan::INFO_JSON);
            let pyramid = Pyramid::new(image.size, options.shape);
            let objects: u64 =
                folders.iter().map(|(version, _)| Plan::new(pyramid.clone(), *version).object_count()).sum();
            // Of what was there already, only an earlier page knows how much that was.
            let bytes_before = || before.iter().find(|known| known.info == info)?.bytes;
            ShownImage {
                id: image.identifier.to_string(),
                moves: matches!(options.layout, Layout::Versioned { .. }),
                width: image.size.width(),
                height: image.size.height(),
                tiles: image.tiles,
                objects,
                bytes: if image.objects == objects { Some(image.bytes) } else { bytes_before() },
                info,
            }
        };
        let place = |image: &&Published| self.order.iter().position(|identifier| *identifier == image.identifier);
        let mut images: Vec<&Published> = self.published.iter().collect();
        images.sort_by_key(place);
        images.into_iter().map(shown).collect()
    }
}

fn not_written(error: &StoreError) -> Fatal {
    let exit = if error.is_environment() { Exit::Environment } else { Exit::Failed };
    Fatal::new(exit, report::chain(error), "the images are there; the same command again writes the page")
}
