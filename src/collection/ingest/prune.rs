//! Deletes images and documents that left the input, up to a limit.

use super::manifests::listed;
use super::summary::Run;
use super::{Ingest, IngestError, IngestEvent, IngestInput};
use crate::collection::{EmptyFolder, Page, Presentation, StaleImages, objects, stale_images};
use crate::delete::{self, DEFAULT_SETTLE_AFTER, DeleteError, Subject};
use crate::destination::Identifier;
use crate::publish::Publisher;
use crate::store::{Key, KeyError};
use futures::{StreamExt, TryStreamExt, stream};
use std::collections::{BTreeSet, HashSet};
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// Images that are deleted at the same time. Each mostly waits for the store.
const DELETES_IN_FLIGHT: usize = 16;

/// The number of images that a run may delete. A run that would delete more deletes nothing.
///
/// ```
/// use iiif_publish::collection::ingest::DeleteLimit;
/// assert_eq!("5%".parse(), Ok(DeleteLimit::Percent(5)));
/// assert_eq!("20".parse(), Ok(DeleteLimit::Images(20)));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeleteLimit {
    /// A number of images.
    Images(u64),
    /// A percentage of the published images below the prefix.
    Percent(u8),
}

impl DeleteLimit {
    /// The default of the command line.
    pub const DEFAULT: Self = Self::Percent(10);

    fn allows(self, deleted: u64, all: u64) -> bool {
        match self {
            Self::Images(most) => deleted <= most,
            Self::Percent(percent) => deleted.saturating_mul(100) <= all.saturating_mul(percent.into()),
        }
    }
}

/// The text is not a [`DeleteLimit`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a number of images, or a percentage such as `10%`")]
pub struct DeleteLimitError;

impl FromStr for DeleteLimit {
    type Err = DeleteLimitError;

    fn from_str(text: &str) -> Result<Self, DeleteLimitError> {
        let limit = match text.strip_suffix('%') {
            Some(percent) => percent.parse().map(Self::Percent),
            None => text.parse().map(Self::Images),
        };
        limit.map_err(|_| DeleteLimitError)
    }
}

impl fmt::Display for DeleteLimit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Images(images) => write!(formatter, "{images}"),
            Self::Percent(percent) => write!(formatter, "{percent}%"),
        }
    }
}

/// The reason for which no image is deleted, although images left the input.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PruneRefusal {
    /// Parts of the input could not be read, so images may be missing from it.
    #[error("refusing to delete images: the input could not be read completely")]
    Unread,
    /// A folder of the input is empty, but its images are published: the disk may not be mounted.
    #[error("refusing to delete images: `{}` is empty, but the store has {} of it", folder.display(), counted(*.images, "image"))]
    EmptyFolder {
        /// The path of the folder.
        folder: PathBuf,
        /// The number of its images that are published.
        images: u64,
    },
    /// A list or table names files that do not exist.
    #[error("refusing to delete images: {} of the list or table cannot be found", counted(*.files, "file"))]
    MissingFiles {
        /// The number of files.
        files: u64,
    },
    /// A table has hidden rows, which are not published, but may have been.
    #[error("refusing to delete images: the table has {}", counted(*.rows, "hidden row"))]
    HiddenRows {
        /// The number of rows.
        rows: u64,
    },
    /// More images left the input than the limit allows.
    #[error(
        "refusing to delete {} of {} images (limit: {limit})",
        grouped(*.stale),
        grouped(*.published)
    )]
    Limit {
        /// The number of images that left the input.
        stale: u64,
        /// The number of all published images below the prefix.
        published: u64,
        /// The limit.
        limit: DeleteLimit,
    },
}

/// Returns a number with its noun, in the singular or plural.
fn counted(count: u64, singular: &str) -> String {
    format!("{} {singular}{}", grouped(count), if count == 1 { "" } else { "s" })
}

/// Returns a number with a comma between groups of three digits.
fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Images and documents in the store that are not in the input anymore.
pub(super) struct Stale {
    pub(super) images: BTreeSet<Identifier>,
    /// Manifests, and pages of the collection.
    pub(super) documents: Vec<Key>,
    /// The reason why they are kept.
    pub(super) refusal: Option<PruneRefusal>,
}

impl Ingest<'_> {
    /// Finds what left the input, and decides if it may be deleted.
    pub(super) async fn find_stale(&self, limit: DeleteLimit) -> Result<Stale, IngestError> {
        let destination = self.publisher.options().destination();
        let StaleImages { images, unseen, known, foreign, .. } =
            stale_images(&destination, self.publisher.store(), self.input.pages()).await?;
        let documents = match &self.presentation {
            Some(presentation) => stale_documents(self.publisher, presentation, self.input.pages()).await?,
            None => Vec::new(),
        };
        let known = known / destination.api_folders().len().max(1) as u64;
        if foreign > 0 {
            (self.events)(IngestEvent::ForeignImages { count: foreign });
        }
        for identifier in &unseen {
            (self.events)(IngestEvent::PicturesWithoutInfo { identifier });
        }
        let refusal = refusal(self.input, limit, &images, known);
        Ok(Stale { images, documents, refusal })
    }

    /// Deletes what left the input: manifests, then images, each `info.json` before its pictures.
    pub(super) async fn prune(&self, stale: Stale, run: &mut Run) -> Result<(), IngestError> {
        if let Some(refusal) = stale.refusal {
            return Err(refusal.into());
        }
        for key in &stale.documents {
            (self.events)(IngestEvent::DocumentDeleted { key });
        }
        self.publisher.store().delete(stale.documents).await?;
        let images = stream::iter(stale.images).map(|identifier| delete_image(self.publisher, identifier));
        let mut deleted = images.buffer_unordered(DELETES_IN_FLIGHT).boxed();
        while let Some(identifier) = deleted.try_next().await? {
            run.deleted(&identifier);
            (self.events)(IngestEvent::ImageDeleted { identifier: &identifier });
        }
        Ok(())
    }
}

/// Returns the reason if nothing may be deleted: it would be too much, or it is not certain that the input is complete.
fn refusal(input: &IngestInput, limit: DeleteLimit, images: &BTreeSet<Identifier>, known: u64) -> Option<PruneRefusal> {
    if !input.unread().is_empty() {
        return Some(PruneRefusal::Unread);
    }
    if let Some(refusal) = unread_folder(&input.empty_folders, images) {
        return Some(refusal);
    }
    if input.missing_files > 0 && !images.is_empty() {
        return Some(PruneRefusal::MissingFiles { files: input.missing_files });
    }
    if input.hidden_rows > 0 && !images.is_empty() {
        return Some(PruneRefusal::HiddenRows { rows: input.hidden_rows });
    }
    let (stale, published) = (images.len() as u64, images.len() as u64 + known);
    (!limit.allows(stale, published)).then_some(PruneRefusal::Limit { stale, published, limit })
}

/// Finds an empty folder of the input that images were published from: a disk that is not mounted looks like that.
fn unread_folder(folders: &[EmptyFolder], images: &BTreeSet<Identifier>) -> Option<PruneRefusal> {
    let count = |folder: &EmptyFolder| images.iter().filter(|identifier| folder.may_name(identifier)).count() as u64;
    let (folder, images) = folders.iter().map(|folder| (folder, count(folder))).find(|(_, count)| *count > 0)?;
    Some(PruneRefusal::EmptyFolder { folder: folder.path().to_owned(), images })
}

/// Returns the keys of documents of this collection whose objects are not in the input.
async fn stale_documents(
    publisher: &Publisher,
    presentation: &Presentation,
    pages: &[Page],
) -> Result<Vec<Key>, IngestError> {
    let (destination, objects) = (presentation.destination(), objects(pages));
    let manifest_key = |pages: &Vec<_>| pages.first().map(|page: &&Page| &page.object);
    let manifests = objects.iter().filter_map(manifest_key).map(|object| destination.manifest(object));
    let manifests = manifests.map(|manifest| Ok::<_, KeyError>(manifest?.key));
    let mut wanted = manifests.collect::<Result<HashSet<Key>, _>>()?;
    wanted.extend(presentation.collection_page_keys(objects.len())?);
    let mut documents = Vec::new();
    for below in [destination.manifests()?, destination.collection_pages()?] {
        let present = listed(publisher, below).await?.unwrap_or_default();
        for key in present.into_keys().filter(|key| !wanted.contains(key)) {
            // A document belongs to this collection only if its id says so.
            let stored = publisher.store().get(&key).await?;
            if stored.is_some_and(|stored| presentation.is_document(&key, &stored.body)) {
                documents.push(key);
            }
        }
    }
    documents.sort();
    Ok(documents)
}

async fn delete_image(publisher: &Publisher, identifier: Identifier) -> Result<Identifier, IngestError> {
    let options = publisher.options();
    let destination = options.destination();
    let subject = Subject::image(destination.prefix(), destination.api_folders(), identifier.clone())?;
    let settle_after = options.settle_after.unwrap_or(DEFAULT_SETTLE_AFTER);
    match delete::delete(publisher.store(), &subject, settle_after, |_| {}).await {
        // Another run may have deleted it.
        Ok(_) | Err(DeleteError::Nothing { .. }) => Ok(identifier),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_a_number_or_a_share() {
        let allows = |limit: &str, deleted| limit.parse::<DeleteLimit>().expect("a limit").allows(deleted, 200);
        assert!(allows("10%", 20) && !allows("10%", 21));
        assert!(allows("0", 0) && allows("3", 3) && !allows("3", 4) && allows("100%", 200));
        assert!("ten".parse::<DeleteLimit>().is_err() && "-1".parse::<DeleteLimit>().is_err());
        assert_eq!(DeleteLimit::DEFAULT.to_string().parse(), Ok(DeleteLimit::DEFAULT));
    }

    #[test]
    fn refusals_group_the_digits_of_large_numbers() {
        let refusal = PruneRefusal::Limit { stale: 1234, published: 1_000_000, limit: DeleteLimit::DEFAULT };
        let expected = "refusing to delete 1,234 of 1,000,000 images (limit: 10%)";
        assert_eq!(refusal.to_string(), expected);
        assert_eq!(
            PruneRefusal::HiddenRows { rows: 1 }.to_string(),
            "refusing to delete images: the table has 1 hidden row"
        );
        assert_eq!([counted(0, "file"), counted(999, "file")], ["0 files", "999 files"]);
    }
}
