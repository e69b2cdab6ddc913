//! Results of a run.

use super::IngestError;
use super::event::StopReason;
use super::files::{Expanded, ManifestState};
use super::report::Report;
use crate::collection::Page;
use crate::destination::Identifier;
use crate::publish::{DocumentMark, Image, Outcome, PagesMark, PublishError, Published, PublishedImage};
use std::collections::{HashMap, HashSet};
use std::io;

/// Statistics for a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Images with at least one newly stored object.
    pub published: u64,
    /// Images that were already published.
    pub unchanged: u64,
    /// Images that failed.
    pub failed: u64,
    /// Images that weren't finished.
    pub left: u64,
    /// Images that were deleted because they are no longer in the input.
    pub deleted: u64,
    /// Number of stored objects.
    pub objects: u64,
    /// Total size of the stored objects in bytes.
    pub bytes: u64,
}

/// Describes how far a run got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Completion {
    /// All images are published.
    Complete,
    /// Some images aren't published. Running again may help.
    Incomplete,
    /// The run hit a limit set in its options. Run again to continue.
    LimitReached,
    /// The store can't be used. Retrying won't help until the credentials, bucket, region or endpoint are fixed.
    Unavailable,
    /// The caller stopped the run.
    Stopped,
}

/// Summary of a run.
#[derive(Debug)]
#[non_exhaustive]
pub struct IngestSummary {
    /// Describes how far the run got.
    pub completion: Completion,
    /// Statistics for the run.
    pub counts: Counts,
    /// Number of failed images that had failed in the same way, with the same source, in the
    /// [report](super::IngestOptions::report) that this run has replaced.
    pub known_failures: u64,
    /// Error that ended the run while it was looking up images, writing documents or deleting stale images.
    pub error: Option<IngestError>,
    /// The first error that occurred while writing the report. The report is incomplete in that case.
    pub report_error: Option<io::Error>,
}

impl IngestSummary {
    /// Returns `true` if images failed, and all of them are [known failures](Self::known_failures).
    #[must_use]
    pub fn has_only_known_failures(&self) -> bool {
        let Counts { failed, left, .. } = self.counts;
        self.completion == Completion::Incomplete && failed > 0 && left == 0 && self.known_failures == failed
    }
}

/// Published images by identifier.
pub(super) type PublishedImages = HashMap<Identifier, PublishedImage>;

/// Returns an image's details for use in manifests.
pub(super) fn published_image(published: &Published) -> PublishedImage {
    let url = published.info_urls.first().and_then(|url| url.strip_suffix("/info.json"));
    PublishedImage { base_uri: url.unwrap_or_default().to_owned(), size: published.size, scale: published.scale }
}

/// Knowledge about the images of an input.
#[derive(Default)]
pub(super) struct KnownImages<'a> {
    /// Images that are published.
    pub(super) published: PublishedImages,
    /// Files with several pages, by the file's identifier.
    pub(super) files: HashMap<Identifier, Expanded<'a>>,
    /// Pages of files that a later run has to look at again, because they settle.
    settling: HashSet<Identifier>,
    /// Pages of files that a later run has to look at again for another reason.
    remarkable: HashSet<Identifier>,
}

impl<'a> KnownImages<'a> {
    /// Returns the images of a file: its pages, or the file itself.
    pub(super) fn of_file<'p>(&'p self, file: &'p Page) -> &'p [Page] {
        self.files.get(&file.identifier).map_or(std::slice::from_ref(file), |expanded| &expanded.pages)
    }

    /// Adds a file whose pages are images.
    pub(super) fn add_file(&mut self, expanded: &Expanded<'a>) {
        self.files.insert(expanded.file.identifier.clone(), expanded.clone());
    }

    fn add(&mut self, image: &Image, published: &Published) {
        let identifier = &image.identifier;
        self.published.insert(identifier.clone(), published_image(published));
        // Warnings are kept with each image, and so are versions of newer programs.
        if image.page.is_some() && (!published.warnings.is_empty() || published.outcome == Outcome::KeptNewer) {
            self.remarkable.insert(identifier.clone());
        } else if image.page.is_some() && !published.is_settled {
            self.settling.insert(identifier.clone());
        }
    }

    /// Returns the mark that the manifest of a file's pages is to have, and the one it has. Returns `None` if its state
    /// isn't kept, or not all pages are published.
    pub(super) fn manifest_marks(&self, file: &Identifier) -> Option<(DocumentMark, Option<&DocumentMark>)> {
        let Expanded { pages, manifest, .. } = self.files.get(file)?;
        match manifest.as_ref()? {
            ManifestState::Kept(mark) => Some((mark.clone(), Some(mark))),
            ManifestState::Examined { hash, mark } => {
                let has = |set: &HashSet<Identifier>| pages.iter().any(|page| set.contains(&page.identifier));
                let state = PagesMark { hash: hash.clone(), is_settled: !has(&self.settling) };
                let state = (!has(&self.remarkable)).then_some(state);
                let direction = pages.first().and_then(|page| page.viewing_direction);
                Some((DocumentMark::new(state).with_direction(direction), mark.as_ref()))
            }
        }
    }
}

/// Mutable state of a run.
pub(super) struct Run<'a> {
    report: Report,
    known: KnownImages<'a>,
    images: u64,
    counts: Counts,
    /// Set if the collection and the site must stay as they are because the input is doubtful.
    pub(super) keeps_collection: bool,
    /// Set if an image failed for a reason that retrying won't fix.
    is_unavailable: bool,
}

impl<'a> Run<'a> {
    pub(super) fn new(report: Report, images: usize) -> Self {
        let (known, counts) = (KnownImages::default(), Counts::default());
        Self { report, known, images: images as u64, counts, keeps_collection: false, is_unavailable: false }
    }

    /// Returns what is known about the images so far.
    pub(super) fn images(&self) -> &KnownImages<'a> {
        &self.known
    }

    /// Records that a file has several pages, which are images of their own.
    pub(super) fn expanded(&mut self, expanded: &Expanded<'a>) {
        self.images = (self.images + expanded.pages.len() as u64).saturating_sub(1);
        if !expanded.is_one_image() {
            self.report.expanded(expanded.file, &expanded.pages);
        }
        self.known.add_file(expanded);
    }

    pub(super) fn failed(&self) -> u64 {
        self.counts.failed
    }

    fn counts(&self) -> Counts {
        let Counts { published, unchanged, failed, .. } = self.counts;
        Counts { left: self.images.saturating_sub(published + unchanged + failed), ..self.counts }
    }

    /// Records an image's result.
    pub(super) fn ended(&mut self, image: &Image, result: &Result<Published, PublishError>) {
        match result {
            Ok(published) => {
                self.known.add(image, published);
                let which = if published.objects > 0 { &mut self.counts.published } else { &mut self.counts.unchanged };
                *which += 1;
                self.counts.objects += published.objects;
                self.counts.bytes += published.bytes;
            }
            Err(PublishError::Stopped { .. }) => {}
            Err(error) => {
                self.counts.failed += 1;
                self.is_unavailable |= error.is_environment();
            }
        }
        self.report.image(image, result);
    }

    /// Records the images that are already published. Returns the number of images that aren't.
    pub(super) fn found(&mut self, published: PublishedImages) -> u64 {
        self.counts.unchanged = published.len() as u64;
        self.known.published = published;
        self.counts().left
    }

    /// Records that an image was deleted.
    pub(super) fn deleted(&mut self, identifier: &Identifier) {
        self.counts.deleted += 1;
        self.report.deleted(identifier);
    }

    /// Determines how far publishing got.
    pub(super) fn completion(&self, stopped: Option<StopReason>, has_failed_too_often: bool) -> Completion {
        let Counts { failed, left, .. } = self.counts();
        match stopped {
            Some(StopReason::Requested) => Completion::Stopped,
            _ if self.is_unavailable => Completion::Unavailable,
            Some(StopReason::MaxDuration) => Completion::LimitReached,
            None if has_failed_too_often && left > 0 => Completion::LimitReached,
            None if failed == 0 && left == 0 => Completion::Complete,
            None => Completion::Incomplete,
        }
    }

    pub(super) fn into_summary(mut self, completion: Completion, error: Option<IngestError>) -> IngestSummary {
        let (counts, known_failures) = (self.counts(), self.report.known_failures());
        IngestSummary { completion, counts, known_failures, error, report_error: self.report.take_error() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn completion_follows_from_failures_and_the_reason_to_stop() {
        let run = |failed, is_unavailable| Run {
            counts: Counts { published: 1, failed, ..Counts::default() },
            is_unavailable,
            ..Run::new(Report::none(), 3)
        };
        for (failed, is_unavailable, stopped, has_failed_too_often, expected) in [
            (0, false, None, false, Completion::Incomplete),
            (1, false, None, true, Completion::LimitReached),
            (2, false, None, true, Completion::Incomplete),
            (1, true, None, true, Completion::Unavailable),
            (0, false, Some(StopReason::MaxDuration), false, Completion::LimitReached),
            (1, true, Some(StopReason::MaxDuration), false, Completion::Unavailable),
            (1, true, Some(StopReason::Requested), true, Completion::Stopped),
        ] {
            let completion = run(failed, is_unavailable).completion(stopped, has_failed_too_often);
            assert_eq!(completion, expected, "{failed} {is_unavailable} {stopped:?} {has_failed_too_often}");
        }
        let whole = Run { images: 1, ..run(0, false) };
        assert_eq!(whole.completion(None, false), Completion::Complete);
    }
}
