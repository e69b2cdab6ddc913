//! What is remembered of a run.

use super::journal::Journal;
use super::{Arguments, image};
use crate::cli::exit::Exit;
use crate::cli::progress::Progress;
use crate::cli::report::Fatal;
use crate::cli::summary::Ending;
use futures::{StreamExt, TryStreamExt, stream};
use iiif_publish::collection::Page;
use iiif_publish::iiif::Size;
use iiif_publish::publish::{Image, PublishError, Published, Publisher};
use iiif_publish::store::Identifier;
use indicatif::HumanCount;
use std::collections::HashMap;

/// Images that are looked for at the same time, as when they are published.
const IMAGES_IN_FLIGHT: usize = 32;

/// How many images became what, and what was stored of them.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts {
    pub(super) published: u64,
    pub(super) unchanged: u64,
    pub(super) failed: u64,
    pub(super) left: u64,
    pub(super) deleted: u64,
    pub(super) objects: u64,
    pub(super) bytes: u64,
}

pub(super) struct Run {
    pub(super) journal: Journal,
    /// Where each image is that is there, and how large.
    pub(super) there: HashMap<Identifier, (String, Size)>,
    /// Images that left the input.
    pub(super) deleted: u64,
    /// How publishing ended; `None` if no images were published.
    pub(super) ending: Option<Ending>,
    images: u64,
    counts: Counts,
    max_failures: Option<u64>,
}

impl Run {
    pub(super) fn new(arguments: &Arguments, pages: &[&Page]) -> Result<Self, Fatal> {
        Ok(Self {
            journal: Journal::new(arguments.report.as_deref(), pages)?,
            there: HashMap::new(),
            deleted: 0,
            ending: None,
            images: pages.len() as u64,
            counts: Counts::default(),
            max_failures: arguments.max_failures,
        })
    }

    pub(super) fn counts(&self) -> Counts {
        let Counts { published, unchanged, failed, .. } = self.counts;
        let left = self.images.saturating_sub(published + unchanged + failed);
        Counts { left, deleted: self.deleted, ..self.counts }
    }

    /// Prints the summary of the images that were published.
    pub(super) fn tell_summary(&self, publisher: &Publisher, progress: &Progress) {
        if let Some(ending) = &self.ending {
            ending.tell(publisher, progress);
        }
    }

    pub(super) fn has_failed_too_often(&self) -> bool {
        self.max_failures.is_some_and(|max| self.counts.failed >= max)
    }

    /// What became of an image.
    pub(super) fn ended(&mut self, image: &Image, result: &Result<Published, PublishError>) -> Exit {
        match result {
            Ok(published) => {
                let url = published.info_urls.first().and_then(|url| url.strip_suffix("/info.json"));
                self.there.insert(image.identifier.clone(), (url.unwrap_or_default().to_owned(), published.size));
                let which = if published.objects > 0 { &mut self.counts.published } else { &mut self.counts.unchanged };
                *which += 1;
                self.counts.objects += published.objects;
                self.counts.bytes += published.bytes;
            }
            Err(PublishError::Stopped { .. }) => {}
            Err(_) => self.counts.failed += 1,
        }
        self.journal.image(image, result)
    }

    /// Finds the images that are published already.
    pub(super) async fn find_all(
        &mut self,
        publisher: &Publisher,
        pages: &[&Page],
        progress: &Progress,
    ) -> Result<Exit, Fatal> {
        let find = async |page: &&Page| {
            let found = publisher.find(&image(page)).await?;
            Ok::<_, PublishError>(found.map(|found| (page.identifier.clone(), found)))
        };
        let found = stream::iter(pages).map(find).buffer_unordered(IMAGES_IN_FLIGHT);
        let found: Vec<_> = found.try_collect().await.map_err(|error| Fatal::of_image(&error))?;
        self.there = found.into_iter().flatten().collect();
        self.counts.unchanged = self.there.len() as u64;
        let missing = pages.len() - self.there.len();
        if missing == 0 {
            return Ok(Exit::Done);
        }
        progress
            .say(&format!("{} images are not published, so they are not in the manifests", HumanCount(missing as u64)));
        Ok(Exit::Failed)
    }
}
