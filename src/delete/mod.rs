//! Deletes published images: each `info.json` first, then the image files that it describes.
//!
//! Names of objects prove nothing. [`Subject::all_images`] only includes image information of Level 0 whose id ends in
//! its own path, and image files below such folders. [`Subject::image`] includes the named image, whichever program
//! published it. All other objects stay and are counted by reason.
//!
//! Other runs may publish the same images at the same time. Each `info.json` is therefore invalidated before it is
//! deleted, and looked up again at the end. If a run commits even later, its next run detects the missing files and
//! uploads them again.
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
mod round;
mod scan;
mod subject;

pub use counts::{DeleteCounts, Kept};
pub use subject::Subject;

use crate::publish::{Options, Timing};
use crate::store::{Key, KeyError, Prefix, Store, StoreError};
use futures::TryStreamExt;
use round::{Round, Summary};
use scan::{Part, Scan, Taken};
use std::future::ready;
use std::time::Duration;

/// Default of `--settle-after`: the time after a commit when no other run can still be writing to the image.
pub const DEFAULT_SETTLE_AFTER: Duration = Options::SETTLE_AFTER;

/// Maximum number of passes over a subject. More than two are only needed if another run publishes the same images.
const MAX_ROUNDS: usize = 5;

/// An error of a deletion.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DeleteError {
    /// There is nothing to delete.
    #[error("there are no objects of {subject}{}", except(kept))]
    Nothing {
        /// The subject.
        subject: String,
        /// The other objects that exist.
        kept: Kept,
    },
    /// The document of the named image is not image information. Nothing was deleted.
    #[error("`{key}` is not IIIF image information")]
    NotImage {
        /// The key of the document.
        key: Key,
    },
    /// Another run publishes the images as fast as they are deleted.
    #[error("another run keeps publishing {subject}")]
    StillPublished {
        /// The subject.
        subject: String,
    },
    /// The prefix and the identifier together are too long.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The store cannot be listed or read.
    #[error(transparent)]
    List(StoreError),
    /// The store rejected a deletion. Image files are only deleted after their `info.json`.
    #[error(transparent)]
    Delete(StoreError),
}

fn except(kept: &Kept) -> String {
    if kept.objects() == 0 { String::new() } else { format!(" (kept {kept})") }
}

/// Counts the objects that [`delete`] would delete.
///
/// # Errors
/// If the store cannot be listed or there is nothing to delete.
pub async fn survey(store: &dyn Store, subject: &Subject, settle_after: Duration) -> Result<DeleteCounts, DeleteError> {
    preview(store, subject, settle_after, |_| ()).await
}

/// Counts the objects that [`delete`] would delete, and calls `on_key` with each key. Each `info.json` precedes all
/// image files.
///
/// # Errors
/// If the store cannot be listed or there is nothing to delete.
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

/// Deletes a subject. An interruption at any point leaves no `info.json` that a later run trusts although files are
/// missing, and the deletion can be started again.
///
/// `settle_after` is the setting of publishing runs on the same store. It determines the wait for runs that may be
/// confirming an image at this moment, which is at most four seconds and shared by many images. `on_deleted` is called
/// with the number of objects in each batch.
///
/// # Errors
/// If the store cannot be listed or rejects a deletion, if there is nothing to delete, or if another run keeps
/// publishing the subject.
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
    // A single pass is not enough. A run that had begun before it may commit afterwards, and an eventually consistent
    // listing may not show everything. So passes go on until one finds no `info.json`, and pictures that were found
    // with a returned one are deleted too. A pass that was cut short does not count, or a large image would use up the
    // rounds.
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
    // A delayed listing may still show deleted objects.
    if is_left { Err(DeleteError::StillPublished { subject: subject.to_string() }) } else { Ok(found) }
}

fn require_objects(found: DeleteCounts, subject: &Subject) -> Result<DeleteCounts, DeleteError> {
    match found.objects() {
        0 => Err(DeleteError::Nothing { subject: subject.to_string(), kept: found.kept }),
        _ => Ok(found),
    }
}

/// Reads each `info.json` and returns the folders of images to delete.
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
