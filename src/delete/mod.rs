//! Deletes published images, starting with each `info.json` and then the image files it describes.
//!
//! Object names alone aren't proof that something is a published image. [`Subject::all_images`] only includes Level 0
//! image information with an `id` that matches its path, plus the image files in those folders. [`Subject::image`]
//! includes the named image no matter which program published it. All other objects are kept and counted by reason.
//!
//! Other runs may be publishing the same images at the same time. To handle that, we invalidate each `info.json` before
//! deleting it, and check for it again at the end. If a run still manages to commit after that, its next run will
//! notice the missing files and upload them again.
//!
//! ```
//! use iiif_publish::delete::{DEFAULT_SETTLE_AFTER, Subject, delete};
//! use iiif_publish::store::{FolderStore, Prefix};
//! # let runtime = tokio::runtime::Runtime::new()?;
//! # let folder = tempfile::tempdir()?;
//! # std::fs::create_dir_all(folder.path().join("maps/rome/full/max/0"))?;
//! # for path in ["full/max/0/default.jpg", "notes.txt"] {
//! #     std::fs::write(folder.path().join("maps/rome").join(path), "x")?;
//! # }
//! # let information = r#"{"@context": "http://iiif.io/api/image/3/context.json", "id": "https://example.org/maps/rome"}"#;
//! # std::fs::write(folder.path().join("maps/rome/info.json"), information)?;
//!
//! # runtime.block_on(async {
//! let store = FolderStore::new(folder.path().to_owned());
//! let rome = Subject::find(&store, &Prefix::default(), "maps/rome".parse()?).await?;
//! let found = delete(&store, &rome, DEFAULT_SETTLE_AFTER, |objects| println!("deleted {objects} objects")).await?;
//! assert_eq!(found.objects(), 2);
//! assert_eq!(found.kept.to_string(), "1 other object");
//! assert!(folder.path().join("maps/rome/notes.txt").exists());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod counts;
mod object;
mod round;
mod scan;
mod subject;

pub use counts::{DeleteCounts, Kept};
pub use object::ObjectContent;
pub use subject::Subject;

use crate::destination::Identifier;
use crate::publish::{Options, Timing};
use crate::store::{Key, KeyError, Prefix, Store, StoreError};
use futures::TryStreamExt;
use round::{Round, Summary};
use scan::{Part, Scan, Taken};
use std::future::ready;
use std::time::Duration;

/// Default for `--settle-after`: how long after a commit another run might still be writing to the image.
pub const DEFAULT_SETTLE_AFTER: Duration = Options::SETTLE_AFTER;

/// Maximum number of passes over a subject. We only need more than two if another run is publishing the same images.
const MAX_ROUNDS: usize = 5;

/// Error returned when a deletion fails.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DeleteError {
    /// There's nothing to delete.
    #[error("there are no objects of {subject}{}", except(kept))]
    Nothing {
        /// Description of the subject.
        subject: String,
        /// Objects that exist but would be kept.
        kept: Kept,
    },
    /// The named image's `info.json` isn't image information. Nothing was deleted.
    #[error("`{key}` is not IIIF image information")]
    NotImage {
        /// Key of the `info.json`.
        key: Key,
    },
    /// The named object doesn't have a manifest.
    #[error("there is no object `{object}`, because `{key}` does not exist")]
    NoManifest {
        /// Identifier of the object.
        object: Identifier,
        /// Key of the manifest.
        key: Key,
    },
    /// The named object's manifest isn't one that this program has written at this place.
    #[error("`{key}` is not a manifest of this program at this place")]
    NotManifest {
        /// Key of the manifest.
        key: Key,
    },
    /// Another run keeps publishing images as fast as we delete them.
    #[error("another run keeps publishing {subject}")]
    StillPublished {
        /// Description of the subject.
        subject: String,
    },
    /// The prefix and identifier are too long when combined.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// Failed to list or read objects.
    #[error(transparent)]
    List(StoreError),
    /// The store rejected a deletion. An image's files are never deleted before its `info.json`.
    #[error(transparent)]
    Delete(StoreError),
}

fn except(kept: &Kept) -> String {
    if kept.objects() == 0 { String::new() } else { format!(" (kept {kept})") }
}

/// Counts the objects that [`delete`] would delete.
///
/// # Errors
/// Returns an error if the store can't be listed or there's nothing to delete.
pub async fn survey(store: &dyn Store, subject: &Subject, settle_after: Duration) -> Result<DeleteCounts, DeleteError> {
    preview(store, subject, settle_after, |_| ()).await
}

/// Counts the objects that [`delete`] would delete, and calls `on_key` with each key. Every `info.json` comes before
/// any image files.
///
/// # Errors
/// Returns an error if the store can't be listed or there's nothing to delete.
pub async fn preview(
    store: &dyn Store,
    subject: &Subject,
    settle_after: Duration,
    mut on_key: impl FnMut(&Key),
) -> Result<DeleteCounts, DeleteError> {
    let scan = Scan::new(store, subject, settle_after).await?;
    let (taken, mut found) = read_documents(&scan).await?;
    let mut documents: Vec<Key> = taken.iter().filter_map(|folder| document_key(folder)).collect();
    documents.sort();
    let redirects = scan.redirects(subject.bases.iter().cloned()).await?;
    found.pictures += redirects.len() as u64;
    documents.iter().chain(&redirects).for_each(&mut on_key);
    let count = |(part, key): (Part, Key)| {
        found.count(part);
        if part.is_content() {
            on_key(&key);
        }
        ready(Ok(()))
    };
    scan.objects(&taken).try_for_each(count).await?;
    require_objects(found, subject)
}

/// Deletes a subject. Interrupting it at any point is safe: later runs won't trust an `info.json` that has missing
/// files, and the deletion can simply be run again.
///
/// `settle_after` should match the setting used by publishing runs on the same store. It determines how long to wait
/// for runs that may currently be confirming an image. The wait is at most four seconds and is shared by many images.
/// `on_deleted` is called with the number of objects in each deleted batch.
///
/// # Errors
/// Returns an error if the store can't be listed or rejects a deletion, if there's nothing to delete, or if another run
/// keeps publishing the subject.
pub async fn delete(
    store: &dyn Store,
    subject: &Subject,
    settle_after: Duration,
    on_deleted: impl Fn(u64),
) -> Result<DeleteCounts, DeleteError> {
    let timing = Timing { grace: settle_after };
    let first = Round::new(store, subject, timing).run(&on_deleted).await?;
    let mut found = require_objects(first.found, subject)?;
    let (mut rounds, mut is_left) = (usize::from(!first.is_unfinished), true);
    // One pass isn't enough: a run that started earlier may still commit, and an eventually consistent listing may be
    // incomplete. Keep going until a pass doesn't find an `info.json`. If an image comes back, its files are deleted
    // too. Passes that were cut short don't count, because otherwise a large image could use up all the rounds.
    while rounds < MAX_ROUNDS {
        let Summary { has_returned, is_unfinished, found: again } =
            Round::new(store, subject, timing).run(&on_deleted).await?;
        rounds += usize::from(!is_unfinished);
        is_left = again.information > 0 || is_unfinished;
        found.kept = again.kept;
        found.information += again.information;
        found.pictures += if again.information > 0 { again.pictures } else { 0 };
        found.returned += again.information;
        if !is_left && !has_returned {
            return Ok(found);
        }
    }
    // The listing may be stale and still include deleted objects.
    if is_left { Err(DeleteError::StillPublished { subject: subject.to_string() }) } else { Ok(found) }
}

fn require_objects(found: DeleteCounts, subject: &Subject) -> Result<DeleteCounts, DeleteError> {
    match found.objects() {
        0 => Err(DeleteError::Nothing { subject: subject.to_string(), kept: found.kept }),
        _ => Ok(found),
    }
}

/// Reads every `info.json` and returns the folders of the images to delete.
async fn read_documents(scan: &Scan<'_>) -> Result<(Taken, DeleteCounts), DeleteError> {
    let (mut taken, mut found) = (Taken::new(), DeleteCounts::default());
    let mut documents = std::pin::pin!(scan.documents());
    while let Some(document) = documents.try_next().await? {
        round::decide(&document, scan, &mut taken, &mut found)?;
    }
    Ok((taken, found))
}

fn document_key(folder: &str) -> Option<Key> {
    Prefix::default().found(&format!("{folder}/{}", crate::iiif::Plan::INFO_JSON))
}
