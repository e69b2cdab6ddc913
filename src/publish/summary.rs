//! Counts of many images.

use super::{Image, Outcome, PublishError, Published};
use crate::destination::Identifier;
use std::collections::BTreeMap;

/// The outcomes of a batch of images.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct BatchSummary {
    /// All images.
    pub images: usize,
    /// Images that are published.
    pub published: usize,
    /// Of these, images that were already published and are unchanged.
    pub unchanged: usize,
    /// Of these, existing images that must not be overwritten.
    pub kept: usize,
    /// Of these, images with updated documents or headers.
    pub updated: usize,
    /// Of these, images that a newer version of the program has published.
    pub kept_newer: usize,
    /// Images that failed.
    pub failed: usize,
    /// Objects of the published images.
    pub objects: u64,
    /// Bytes of these objects.
    pub bytes: u64,
    /// Images that have not ended.
    pub unfinished: BTreeMap<Identifier, Unfinished>,
    /// `true` if an image failed for a reason that another run cannot change.
    pub is_environment: bool,
}

/// The progress of an image that has not ended. Both numbers are zero if the image was not started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unfinished {
    /// Objects that were stored.
    pub stored: u64,
    /// All objects of the image.
    pub objects: u64,
}

impl BatchSummary {
    /// Creates a summary in which all images are unfinished.
    #[must_use]
    pub fn new(images: &[Image]) -> Self {
        let unfinished = images.iter().map(|image| (image.identifier.clone(), Unfinished::default())).collect();
        Self { images: images.len(), unfinished, ..Self::default() }
    }

    /// Counts the result of an image. An image that was stopped stays unfinished.
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

    /// Returns the number of images whose pictures were stored.
    #[must_use]
    pub fn new_images(&self) -> usize {
        self.published - self.unchanged - self.kept - self.kept_newer - self.updated
    }
}
