//! Results of a run.

use super::IngestError;
use super::event::StopReason;
use super::report::Report;
use crate::destination::Identifier;
use crate::iiif::Size;
use crate::publish::{Image, PublishError, Published};
use std::collections::HashMap;
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

/// Base URI and size of each published image.
pub(super) type PublishedImages = HashMap<Identifier, (String, Size)>;

/// Returns the base URI of a published image.
pub(super) fn base_uri(published: &Published) -> String {
    let url = published.info_urls.first().and_then(|url| url.strip_suffix("/info.json"));
    url.unwrap_or_default().to_owned()
}

/// Mutable state of a run.
pub(super) struct Run {
    report: Report,
    /// Images that are published.
    pub(super) published: PublishedImages,
    images: u64,
    counts: Counts,
    /// Set if an image failed for a reason that retrying won't fix.
    is_unavailable: bool,
}

impl Run {
    pub(super) fn new(report: Report, images: usize) -> Self {
        let published = HashMap::new();
        Self { report, published, images: images as u64, counts: Counts::default(), is_unavailable: false }
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
                self.published.insert(image.identifier.clone(), (base_uri(published), published.size));
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
        self.published = published;
        self.counts.unchanged = self.published.len() as u64;
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
