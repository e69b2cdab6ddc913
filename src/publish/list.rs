//! Lists the images that are published below a prefix.

use super::mark::{Mark, MarkState};
use super::replace::is_ours;
use crate::destination::{Destination, Identifier, ImageFolder, without_site};
use crate::iiif::{ImageDocument, ImageRequest, Size};
use crate::store::{KeyError, Prefix, Store, StoreError, Stored};
use futures::{StreamExt, TryStreamExt, stream};
use serde::Deserialize;
use std::time::SystemTime;

/// Maximum number of folders to list or read concurrently.
const MAX_LOOKUPS_IN_FLIGHT: usize = 16;

/// An image found by [`list_images`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ListedImage {
    /// The image's identifier, which is its path below the prefix.
    pub identifier: Identifier,
    /// Full size in pixels, if the `info.json` has one.
    pub size: Option<Size>,
    /// Number of objects including `info.json`, if the program has recorded it.
    pub objects: Option<u64>,
    /// Time when the `info.json` was written, if the store reports it.
    pub modified: Option<SystemTime>,
    /// State of the image.
    pub state: ListedState,
    /// Public base URI, according to the `info.json`.
    pub base_uri: String,
}

impl ListedImage {
    /// Returns the public URL of the `info.json`.
    #[must_use]
    pub fn info_url(&self) -> String {
        format!("{}/info.json", self.base_uri)
    }
}

/// State of a published image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ListedState {
    /// A later run has confirmed that all objects are in place.
    Current,
    /// All objects were stored, and a later run will confirm it.
    Settling,
    /// A run is replacing or deleting the image, or was stopped while it did.
    Replacing,
    /// A newer version of this program published the image.
    Newer,
    /// Another program published the image.
    Foreign,
}

impl ListedState {
    /// Returns the state's name in lowercase.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Current => "current",
            Self::Settling => "settling",
            Self::Replacing => "replacing",
            Self::Newer => "newer",
            Self::Foreign => "foreign",
        }
    }

    fn of(stored: &Stored, mark: Option<&Mark>) -> Self {
        match mark.map(|mark| mark.state) {
            Some(MarkState::Current) => Self::Current,
            Some(MarkState::Settling) => Self::Settling,
            Some(MarkState::Replacing) => Self::Replacing,
            None if is_ours(stored.mark.as_deref()) => Self::Newer,
            None => Self::Foreign,
        }
    }
}

/// Error returned when images can't be listed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ListError {
    /// The store couldn't be listed or read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A folder name isn't a valid key.
    #[error("the names of some folders are not valid keys")]
    Key(#[from] KeyError),
}

/// Lists the images that are published below a prefix, folder by folder, by identifier in each folder. Calls `on_image`
/// for each of them.
///
/// This requires one folder listing per 1000 images and one read per image, and doesn't list the images' objects.
/// Images below the folder of another image are not found.
///
/// # Errors
/// Returns an error if folders can't be listed or read.
pub async fn list_images(
    store: &dyn Store,
    prefix: &Prefix,
    mut on_image: impl FnMut(ListedImage),
) -> Result<(), ListError> {
    let mut folders = vec![String::new()];
    while !folders.is_empty() {
        let list = |folder: String| subfolders(store, prefix, folder);
        // Boxing the streams lets the compiler prove that the future is `Send`.
        let listed = stream::iter(folders).map(list).buffered(MAX_LOOKUPS_IN_FLIGHT).boxed();
        let paths: Vec<Vec<String>> = listed.try_collect().await?;
        let read = |path: String| lookup(store, prefix, path);
        let mut lookups = stream::iter(paths.into_iter().flatten()).map(read).buffered(MAX_LOOKUPS_IN_FLIGHT).boxed();
        folders = Vec::new();
        while let Some(lookup) = lookups.try_next().await? {
            match lookup {
                Lookup::Image(image) => on_image(image),
                Lookup::Folder(path) => folders.push(path),
                Lookup::Nothing => {}
            }
        }
    }
    Ok(())
}

/// Content of a folder.
enum Lookup {
    Image(ListedImage),
    /// A folder without an `info.json`, which may contain images.
    Folder(String),
    Nothing,
}

/// Returns the paths of the folders in a folder, except those of manifests and those within an image.
async fn subfolders(store: &dyn Store, prefix: &Prefix, folder: String) -> Result<Vec<String>, ListError> {
    let below = if folder.is_empty() { prefix.clone() } else { Prefix::from(image_folder(prefix, &folder)?) };
    let mut names = store.folders(&below).await?;
    if folder.is_empty() {
        names = without_site(store, prefix, names).await?;
    }
    names.sort_unstable();
    let is_region = |name: &String| format!("{name}/max/0/default.jpg").parse::<ImageRequest>().is_ok();
    let paths = names.into_iter().filter(|name| !is_region(name));
    let paths = paths.map(|name| if folder.is_empty() { name } else { format!("{folder}/{name}") });
    Ok(paths.filter(|path| !Destination::is_document_folder(path)).collect())
}

async fn lookup(store: &dyn Store, prefix: &Prefix, path: String) -> Result<Lookup, ListError> {
    // This program only publishes to valid identifiers.
    let Ok(identifier) = path.parse::<Identifier>() else { return Ok(Lookup::Nothing) };
    let folder = ImageFolder::new(prefix, None, &identifier)?;
    let Some(stored) = store.get(&folder.info_key()).await? else { return Ok(Lookup::Folder(path)) };
    let Some(document) = ImageDocument::read(&stored.body) else { return Ok(Lookup::Nothing) };
    let mark: Option<Mark> = stored.mark.as_deref().and_then(|mark| mark.parse().ok());
    Ok(Lookup::Image(ListedImage {
        identifier,
        size: size(&stored.body),
        objects: mark.as_ref().map(|mark| mark.content.objects() + 1).filter(|objects| *objects > 1),
        modified: stored.modified,
        state: ListedState::of(&stored, mark.as_ref()),
        base_uri: document.id().trim_end_matches('/').to_owned(),
    }))
}

fn image_folder(prefix: &Prefix, path: &str) -> Result<ImageFolder, KeyError> {
    ImageFolder::new(prefix, None, &path.parse()?)
}

fn size(body: &[u8]) -> Option<Size> {
    #[derive(Deserialize)]
    struct Described {
        width: u32,
        height: u32,
    }
    let Described { width, height } = serde_json::from_slice(body).ok()?;
    Size::new(width, height).ok()
}
