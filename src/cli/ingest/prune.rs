//! Deletes images and documents that left the input, up to a limit.

use super::Gathered;
use super::manifests::listed;
use super::run::Run;
use crate::cli::exit::Exit;
use crate::cli::output::counted;
use crate::cli::progress::Progress;
use crate::cli::report::Fatal;
use futures::{StreamExt, TryStreamExt, stream};
use iiif_publish::collection::{Below, COLLECTION_PAGES, EmptyFolder, MANIFESTS, Presentation, StaleImages, objects};
use iiif_publish::delete::{self, DEFAULT_SETTLE_AFTER, DeleteError, Subject};
use iiif_publish::publish::Publisher;
use iiif_publish::store::{Identifier, Key};
use indicatif::HumanCount;
use std::collections::{BTreeSet, HashSet};
use std::fmt;
use std::path::Display;
use std::str::FromStr;

/// Images that are deleted at the same time: most of the time, each waits for the store.
const DELETES_IN_FLIGHT: usize = 16;

/// How many images a run may delete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Brake {
    Images(u64),
    /// Of those that are there.
    Percent(u64),
}

impl Brake {
    pub(super) const DEFAULT: Self = Self::Percent(10);

    fn allows(self, deleted: u64, all: u64) -> bool {
        match self {
            Self::Images(most) => deleted <= most,
            Self::Percent(percent) => deleted.saturating_mul(100) <= all.saturating_mul(percent),
        }
    }
}

impl FromStr for Brake {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = |_| "expected a number of images, or a percentage such as `10%`".to_owned();
        match text.strip_suffix('%') {
            Some(percent) => Ok(Self::Percent(percent.parse::<u8>().map_err(expected)?.into())),
            None => text.parse().map(Self::Images).map_err(expected),
        }
    }
}

impl fmt::Display for Brake {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Images(images) => write!(formatter, "{images}"),
            Self::Percent(percent) => write!(formatter, "{percent}%"),
        }
    }
}

/// What is there, and was not said any more.
pub(super) struct Stale {
    pub(super) images: BTreeSet<Identifier>,
    /// Manifests, and pages of the collection.
    pub(super) documents: Vec<Key>,
    /// Why it stays nevertheless.
    pub(super) refusal: Option<Fatal>,
}

/// Finds it. What is there beside it tells how much may go: so this comes before anything is published.
pub(super) async fn stale(
    publisher: &Publisher,
    presentation: Option<&Presentation>,
    gathered: &Gathered,
    brake: Brake,
    progress: &Progress,
) -> Result<Stale, Fatal> {
    let options = publisher.options();
    let below = Below {
        prefix: options.prefix.clone(),
        public_url: options.public_url.clone(),
        folders: options.versions.folders().into_iter().map(|(_, folder)| folder).collect(),
    };
    let StaleImages { images, unseen, known, foreign, .. } = below.stale(publisher.store(), &gathered.pages).await?;
    let documents = match presentation {
        Some(presentation) => stale_documents(publisher, presentation, gathered).await?,
        None => Vec::new(),
    };
    let known = known / below.folders.len().max(1) as u64;
    let refusal = refusal(gathered, brake, &images, known);
    if foreign > 0 {
        progress.say(&format!("kept {}, which iiif-publish did not publish here", counted(foreign, "other image")));
    }
    for identifier in unseen {
        progress.say(&format!(
            "warning: {identifier}: kept tiles without an `info.json` that are not in the input; \
             `iiif-publish delete --id` deletes them"
        ));
    }
    Ok(Stale { images, documents, refusal })
}

/// Returns the reason if nothing is deleted: it would be too much, or it is not certain.
fn refusal(gathered: &Gathered, brake: Brake, images: &BTreeSet<Identifier>, known: u64) -> Option<Fatal> {
    if !gathered.unread.is_empty() {
        let error = "refusing to delete images: the input could not be read completely".to_owned();
        return Some(Fatal::new(
            Exit::Failed,
            error,
            "fix the errors above, then run the same command again; existing images are unchanged",
        ));
    }
    if let Some((folder, count)) = unread_folder(gathered, images) {
        let error = format!(
            "refusing to delete images: `{folder}` is empty, but the store has {} of it",
            counted(count, "image")
        );
        let advice = "mount the disk, or remove the empty folder if its images are to be deleted";
        return Some(Fatal::new(Exit::Failed, error, advice));
    }
    if gathered.missing_files > 0 && !images.is_empty() {
        let files = counted(gathered.missing_files, "file");
        let error = format!("refusing to delete images: {files} of the list or table cannot be found");
        return Some(Fatal::new(
            Exit::Failed,
            error,
            "check if the list or table is truncated, or a disk is not mounted",
        ));
    }
    if gathered.hidden_rows > 0 && !images.is_empty() {
        let rows = counted(gathered.hidden_rows, "hidden row");
        let error = format!("refusing to delete images: the table has {rows}");
        return Some(Fatal::new(
            Exit::Failed,
            error,
            "show these rows (filters hide rows too), or delete them from the table",
        ));
    }
    let deleted = images.len() as u64;
    if brake.allows(deleted, deleted + known) {
        return None;
    }
    let (deleted, all) = (HumanCount(deleted), HumanCount(deleted + known));
    let error = format!("refusing to delete {deleted} of {all} images (limit: {brake})");
    let advice = "raise `--max-delete` if this is intended; `--dry-run` lists the images";
    Some(Fatal::new(Exit::Failed, error, advice))
}

/// Returns an empty folder of the input that images were published from, with their number. A disk that is not mounted
/// looks like that.
fn unread_folder<'a>(gathered: &'a Gathered, images: &BTreeSet<Identifier>) -> Option<(Display<'a>, u64)> {
    let count = |folder: &EmptyFolder| images.iter().filter(|identifier| folder.may_name(identifier)).count() as u64;
    let folders = gathered.empty_folders.iter().map(|folder| (folder.path(), count(folder)));
    folders.into_iter().find(|(_, count)| *count > 0)
}

async fn stale_documents(
    publisher: &Publisher,
    presentation: &Presentation,
    gathered: &Gathered,
) -> Result<Vec<Key>, Fatal> {
    let objects = objects(&gathered.pages);
    let manifest_key = |pages: &Vec<_>| pages.first().map(|page: &&iiif_publish::collection::Page| &page.object);
    let manifests = objects.iter().filter_map(manifest_key).map(|object| presentation.manifest_key(object));
    let mut wanted = manifests.collect::<Result<HashSet<Key>, _>>()?;
    wanted.extend(presentation.collection_page_keys(objects.len())?);
    let mut documents = Vec::new();
    for folder in [MANIFESTS, COLLECTION_PAGES] {
        let present = listed(publisher, presentation, folder).await?.unwrap_or_default();
        for key in present.into_keys().filter(|key| !wanted.contains(key)) {
            // Only what says of itself that it stands there is of this collection.
            let stored = publisher.store().get(&key).await?;
            if stored.is_some_and(|stored| presentation.is_document(&key, &stored.body)) {
                documents.push(key);
            }
        }
    }
    documents.sort();
    Ok(documents)
}

/// Deletes it: manifests, then images, each `info.json` before its pictures.
pub(super) async fn prune(
    publisher: &Publisher,
    stale: Stale,
    run: &mut Run,
    progress: &Progress,
) -> Result<(), Fatal> {
    if let Some(refusal) = stale.refusal {
        return Err(refusal);
    }
    for key in &stale.documents {
        progress.note(&format!("{key}: deleted (its object is no longer in the input)"));
    }
    publisher.store().delete(stale.documents).await?;
    let images = stream::iter(stale.images).map(|identifier| delete_image(publisher, identifier));
    let mut deleted = images.buffer_unordered(DELETES_IN_FLIGHT);
    while let Some(identifier) = deleted.try_next().await? {
        run.deleted += 1;
        run.journal.deleted(&identifier);
        progress.note(&format!("{identifier}: deleted (no longer in the input)"));
    }
    Ok(())
}

async fn delete_image(publisher: &Publisher, identifier: Identifier) -> Result<Identifier, Fatal> {
    let options = publisher.options();
    let folders = options.versions.folders().into_iter().map(|(_, folder)| folder);
    let subject = Subject::image(&options.prefix, folders, identifier.clone())?;
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
    fn a_brake_is_a_number_or_a_share() {
        let allows = |brake: &str, deleted| brake.parse::<Brake>().expect("a brake").allows(deleted, 200);
        assert!(allows("10%", 20) && !allows("10%", 21));
        assert!(allows("0", 0) && allows("3", 3) && !allows("3", 4) && allows("100%", 200));
        assert!("ten".parse::<Brake>().is_err() && "-1".parse::<Brake>().is_err());
        assert_eq!(Brake::DEFAULT.to_string().parse(), Ok(Brake::DEFAULT));
    }
}
