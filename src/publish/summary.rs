//! Summarizes the results of publishing a batch of images.

use super::{Image, Outcome, PublishError, Published};
use crate::destination::Identifier;
use std::collections::BTreeMap;

/// Summary of publishing a batch of images.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct BatchSummary {
    /// Total number of images.
    pub images: usize,
    /// Number of images that are now published, including unchanged and kept images.
    pub published: usize,
    /// Number of published images that were already up to date.
    pub unchanged: usize,
    /// Number of published images that were kept because replacing them is disabled.
    pub kept: usize,
    /// Number of published images with updated documents or headers.
    pub updated: usize,
    /// Number of published images that were kept because a newer version of the program published them.
    pub kept_newer: usize,
    /// Number of images that failed.
    pub failed: usize,
    /// Number of objects stored for the published images.
    pub objects: u64,
    /// Total size of these objects in bytes.
    pub bytes: u64,
    /// Images that haven't finished yet.
    pub unfinished: BTreeMap<Identifier, Unfinished>,
    /// `true` if an image failed because of a problem with the environment that retrying can't fix.
    pub is_environment: bool,
}

/// Progress of an unfinished image. Both counts are zero if it hasn't been started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unfinished {
    /// Number of objects stored so far.
    pub stored: u64,
    /// Total number of objects.
    pub objects: u64,
}

impl BatchSummary {
    /// Creates a summary with all images unfinished.
    #[must_use]
    pub fn new(images: &[Image]) -> Self {
        let unfinished = images.iter().map(|image| (image.identifier.clone(), Unfinished::default())).collect();
        Self { images: images.len(), unfinished, ..Self::default() }
    }

    /// Replaces an unfinished image by others, such as a file by its pages.
    pub fn replace(&mut self, image: &Identifier, others: impl IntoIterator<Item = Identifier>) {
        self.images -= usize::from(self.unfinished.remove(image).is_some());
        for other in others {
            self.images += 1;
            self.unfinished.insert(other, Unfinished::default());
        }
    }

    /// Adds an image's result. Stopped images remain unfinished.
    pub fn add(&mut self, image: &Image, result: &Result<Published, PublishError>) {
        match result {
            Ok(published) => self.add_published(published),
            Err(PublishError::Stopped { identifier, stored, promised }) => {
                let unfinished = Unfinished { stored: *stored, objects: *promised };
                self.unfinished.insert(identifier.clone(), unfinished);
            }
            Err(error) => {
                self.unfinished.remove(&image.identifier);
                self.failed += 1;
                self.is_environment |= error.is_environment();
            }
        }
    }

    fn add_published(&mut self, published: &Published) {
        self.unfinished.remove(&published.identifier);
        self.published += 1;
        match published.outcome {
            Outcome::Updated => self.updated += 1,
            Outcome::Unchanged => self.unchanged += 1,
            Outcome::Kept => self.kept += 1,
            Outcome::KeptNewer => self.kept_newer += 1,
            Outcome::Published => {}
        }
        self.objects += published.objects;
        self.bytes += published.bytes;
    }

    /// Returns the number of images with newly stored pictures.
    #[must_use]
    pub fn new_images(&self) -> usize {
        self.published - self.unchanged - self.kept - self.kept_newer - self.updated
    }
}
