//! Images that appear on the `preview` page while they're being published.

use super::context::Context;
use super::error::Fatal;
use super::exit::Exit;
use super::hints::input_hint;
use bytes::Bytes;
use iiif_publish::collection::ingest::IngestInput;
use iiif_publish::collection::{Input, InputError, Patterns};
use iiif_publish::destination::Identifier;
use iiif_publish::error::chain;
use iiif_publish::html::{self, PageImage, ViewerPage};
use iiif_publish::publish::{Image, Published};
use iiif_publish::serve::Page;
use serde::Serialize;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

/// Path of the document that the page polls until all images are done.
const UPDATES: &str = "/preview.json";

/// Preview images that are ready, in command line order.
#[derive(Debug)]
pub(super) struct Shown {
    order: Vec<Identifier>,
    progress: Mutex<Progress>,
}

#[derive(Clone, Debug, Default)]
struct Progress {
    published: Vec<Published>,
    failed: usize,
    is_done: bool,
}

/// The document at [`UPDATES`].
#[derive(Serialize)]
struct Updates {
    images: Vec<PageImage>,
    total: usize,
    failed: usize,
    done: bool,
}

impl Shown {
    /// Creates an empty list for images with these identifiers, in this order.
    pub(super) fn new(order: Vec<Identifier>) -> Self {
        Self { order, progress: Mutex::default() }
    }

    /// Adds an image, or counts a failed image if `published` is `None`.
    pub(super) fn add(&self, published: Option<&Published>) {
        self.update(|progress| match published {
            Some(image) => progress.published.push(image.clone()),
            None => progress.failed += 1,
        });
    }

    /// Marks the list as complete. Returns `true` if it's empty.
    pub(super) fn finish(&self) -> bool {
        self.update(|progress| {
            progress.is_done = true;
            progress.published.is_empty()
        })
    }

    fn update<T>(&self, change: impl FnOnce(&mut Progress) -> T) -> T {
        // The list is still valid after a panic in another thread.
        change(&mut self.progress.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Returns the page and the document that lists its images.
    pub(super) fn pages(self: &Arc<Self>) -> Vec<Page> {
        let (page, updates) = (Arc::clone(self), Arc::clone(self));
        vec![
            Page::new("/", html::CONTENT_TYPE, move || page.page()),
            Page::new(UPDATES, "application/json", move || updates.document()),
        ]
    }

    fn page(&self) -> Bytes {
        let Updates { images, done, .. } = self.updates();
        let page = ViewerPage::new(&images);
        if done { page } else { page.updated_from(UPDATES) }.to_html().into()
    }

    fn document(&self) -> Bytes {
        serde_json::to_vec(&self.updates()).expect("there are texts and numbers alone").into()
    }

    fn updates(&self) -> Updates {
        let Progress { published, failed, is_done } = self.update(|progress| progress.clone());
        let images = html::in_order(published, &self.order).iter().map(page_image).collect();
        Updates { images, total: self.order.len(), failed, done: is_done }
    }
}

/// Returns the page entry for a published image.
fn page_image(image: &Published) -> PageImage {
    let info = image.info_urls.first().cloned().unwrap_or_default();
    PageImage::of(image, info).stored_by(image)
}

/// Returns the images in files and folders, with the same identifiers as in `ingest`.
pub(super) fn images_in(paths: &[PathBuf], context: &Context) -> Result<Vec<Image>, Fatal> {
    let mut input = Input::new(Patterns::new(&[], &[])?);
    for path in paths {
        input.add_path(path)?;
    }
    for note in input.notes() {
        context.note(&note);
    }
    let input = IngestInput::new(input)?;
    // Missing files aren't reported here, because publishing them fails with an error.
    for error in input.unread().iter().filter(|error| !matches!(error, InputError::Missing { .. })) {
        context.progress().error(&chain(error), input_hint(error));
    }
    let images: Vec<Image> =
        input.pages().iter().map(|page| Image::new(page.source.clone(), page.identifier.clone())).collect();
    if images.is_empty() {
        let hint = "pass images, or folders with images";
        return Err(Fatal::new(Exit::Usage, "there are no images to show".to_owned(), hint));
    }
    Ok(images)
}
