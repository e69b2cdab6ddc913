//! Finds stale images, which are published below a prefix but no longer in the input.

use super::page::Page;
use crate::destination::{Destination, Identifier, is_page_number, without_site};
use crate::iiif::{ImageDocument, ImageRequest};
use crate::publish::is_ours;
use crate::store::{KeyError, Store, StoreError};
use futures::{StreamExt, TryStreamExt, stream};
use std::collections::{BTreeSet, HashSet};

/// Maximum number of folders to list or read concurrently.
const MAX_LOOKUPS_IN_FLIGHT: usize = 16;

/// Error returned when searching for stale images.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StaleError {
    /// The store couldn't be listed or read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A folder name isn't a valid key.
    #[error("the names of some folders are not valid keys")]
    Key(#[from] KeyError),
}

/// Finds images that are published at `destination` but missing from `pages`.
///
/// This requires one folder listing per 1000 images, plus one read for each image that isn't in `pages`. Only images
/// that were published by this program and have ids below the public URL are returned. Others are only counted. Nested
/// collections are skipped.
///
/// # Errors
/// Returns an error if folders can't be listed or read.
pub(crate) async fn stale_images(
    destination: &Destination,
    store: &dyn Store,
    pages: &[Page],
) -> Result<StaleImages, StaleError> {
    let named = Named::of(pages);
    let mut stale = StaleImages::default();
    for version in destination.api_folders() {
        let place = ApiFolder { destination, store, version, named: &named };
        let mut paths = vec![String::new()];
        while !paths.is_empty() {
            paths = place.descend(paths, &mut stale).await?;
        }
    }
    Ok(stale)
}

/// Finds images that were published from a file with several pages, but are no longer wanted: pages that it no longer has,
/// and an image of the whole file. This requires one folder listing per Image API version.
///
/// # Errors
/// Returns an error if folders can't be listed or read.
pub(crate) async fn stale_pages(
    destination: &Destination,
    store: &dyn Store,
    file: &Identifier,
    is_wanted: &(dyn Fn(&Identifier) -> bool + Sync),
) -> Result<BTreeSet<Identifier>, StaleError> {
    let (nothing, mut images) = (Named::of(&[]), BTreeSet::new());
    for version in destination.api_folders() {
        let place = ApiFolder { destination, store, version, named: &nothing };
        let names = store.folders(&destination.images_below(version, file.as_str())?).await?;
        let whole = names.iter().any(|name| is_region(name)).then(|| file.as_str().to_owned());
        let pages = names.iter().filter(|name| is_page_number(name)).map(|name| format!("{file}/{name}"));
        let is_unwanted = |path: &String| path.parse().is_ok_and(|page| !is_wanted(&page));
        let unwanted: Vec<String> = pages.chain(whole).filter(is_unwanted).collect();
        let look = |path| place.look(path);
        let mut looks = stream::iter(unwanted).map(look).buffer_unordered(MAX_LOOKUPS_IN_FLIGHT).boxed();
        while let Some((_, look)) = looks.try_next().await? {
            if let Lookup::Image(identifier) = look {
                images.insert(identifier);
            }
        }
    }
    Ok(images)
}

/// Paths used by images in the input.
struct Named<'a> {
    images: HashSet<&'a str>,
    /// Parent folders of the images.
    folders: HashSet<&'a str>,
}

impl<'a> Named<'a> {
    fn of(pages: &'a [Page]) -> Self {
        let images: HashSet<&str> = pages.iter().map(|page| page.identifier.as_str()).collect();
        let folders = images.iter().flat_map(|id| id.match_indices('/').map(|(slash, _)| &id[..slash])).collect();
        Self { images, folders }
    }

    fn has(&self, path: &str) -> bool {
        self.images.contains(path) || self.folders.contains(path)
    }
}

/// Result of a search for stale images.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StaleImages {
    /// Identifiers of stale images.
    pub images: BTreeSet<Identifier>,
    /// Folders that contain image files but no `info.json`. They may be left over from an interrupted run or deletion,
    /// or belong to images that are currently being published.
    pub unseen: BTreeSet<Identifier>,
    /// Number of published images that are in the input. Counted once per Image API version.
    pub known: u64,
    /// Number of published images that come from other programs or have ids outside the public URL.
    pub foreign: u64,
}

/// Returns `true` if a path's last segment is an Image API region, which means that the folder is part of an image.
fn is_region(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    format!("{name}/max/0/default.jpg").parse::<ImageRequest>().is_ok()
}

/// Content found in a folder that isn't in the input.
enum Lookup {
    /// An image published by this program.
    Image(Identifier),
    /// An image that wasn't published here by this program.
    Foreign,
    /// A folder without an `info.json`. It may contain images.
    Folder,
    /// Not an image.
    Nothing,
}

/// Folder of a single Image API version.
struct ApiFolder<'a> {
    destination: &'a Destination,
    store: &'a dyn Store,
    version: Option<u8>,
    named: &'a Named<'a>,
}

impl ApiFolder<'_> {
    /// Lists folders and adds any stale images to `stale`. Returns the subfolders to list next.
    async fn descend(&self, paths: Vec<String>, stale: &mut StaleImages) -> Result<Vec<String>, StaleError> {
        // Use a delimited listing for each folder, and skip folders inside images. A million images have about a
        // billion tiles, and listing all of those keys would take a million requests.
        let list = |path: String| self.folders(path);
        // Boxing the streams lets the compiler prove that the future is `Send`.
        let listed = stream::iter(paths).map(list).buffer_unordered(MAX_LOOKUPS_IN_FLIGHT).boxed();
        let listed: Vec<(String, Vec<String>)> = listed.try_collect().await?;
        let is_unseen = |(path, names): &&(String, Vec<String>)| {
            !self.named.folders.contains(path.as_str()) && names.iter().any(|name| is_region(name))
        };
        let unseen: Vec<String> = listed.iter().filter(is_unseen).map(|(path, _)| path.clone()).collect();
        for path in unseen {
            if self.has_objects(&path).await? {
                stale.unseen.extend(path.parse());
            }
        }
        let (known, others): (Vec<_>, Vec<_>) = listed
            .into_iter()
            .flat_map(|(_, names)| names)
            .filter(|path| self.may_be_image(path))
            .partition(|path| self.named.images.contains(path.as_str()));
        stale.known += known.len() as u64;
        let look = |path: String| self.look(path);
        let mut looks = stream::iter(others).map(look).buffer_unordered(MAX_LOOKUPS_IN_FLIGHT).boxed();
        let mut next = Vec::new();
        while let Some((path, look)) = looks.try_next().await? {
            let is_above_image = self.named.folders.contains(path.as_str());
            let is_folder = matches!(look, Lookup::Folder);
            match look {
                Lookup::Image(identifier) => drop(stale.images.insert(identifier)),
                Lookup::Foreign => stale.foreign += 1,
                Lookup::Folder | Lookup::Nothing => {}
            }
            if is_folder || is_above_image {
                next.push(path);
            }
        }
        Ok(next)
    }

    /// Returns `false` for manifest folders and for folders that look like image regions, unless the input contains
    /// them.
    fn may_be_image(&self, path: &str) -> bool {
        self.named.has(path) || !(Destination::is_document_folder(path) || is_region(path))
    }

    /// Returns the path along with the paths of all its subfolders.
    async fn folders(&self, path: String) -> Result<(String, Vec<String>), StaleError> {
        let names = self.store.folders(&self.destination.images_below(self.version, &path)?).await?;
        let is_above_image = path.is_empty() || self.named.folders.contains(path.as_str());
        // This folder contains a different collection.
        if !is_above_image && Destination::has_manifests(&names) {
            return Ok((path, Vec::new()));
        }
        // Images in the input can't have names reserved for the site.
        let names = if path.is_empty() && self.version.is_none() {
            without_site(self.store, self.destination.prefix(), names).await?
        } else {
            names
        };
        let names = names.into_iter().map(|name| if path.is_empty() { name } else { format!("{path}/{name}") });
        let names = names.collect();
        Ok((path, names))
    }

    /// Returns `true` if there are objects below a path. SeaweedFS and file systems keep the folders of deleted objects.
    async fn has_objects(&self, path: &str) -> Result<bool, StaleError> {
        let below = self.destination.images_below(self.version, path)?;
        let mut pages = self.store.pages(&below);
        while let Some(page) = pages.try_next().await? {
            if !page.is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn look(&self, path: String) -> Result<(String, Lookup), StaleError> {
        // This program only publishes to valid identifiers.
        let Ok(identifier) = path.parse::<Identifier>() else { return Ok((path, Lookup::Nothing)) };
        let Ok(image) = self.destination.image(self.version, &identifier) else {
            return Ok((path, Lookup::Nothing));
        };
        let Some(stored) = self.store.get(&image.folder().info_key()).await? else {
            return Ok((path, Lookup::Folder));
        };
        let Some(document) = ImageDocument::read(&stored.body) else { return Ok((path, Lookup::Nothing)) };
        let is_ours = is_ours(stored.mark.as_deref()) && is_information_of(&document, image.base_uri());
        Ok((path, if is_ours { Lookup::Image(identifier) } else { Lookup::Foreign }))
    }
}

/// Returns `true` if a document is the `info.json` of the image with this base URI or of one of its versions.
fn is_information_of(document: &ImageDocument, base_uri: &str) -> bool {
    document.id().strip_prefix(base_uri).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::destination::Versions;
    use crate::location::Location;
    use crate::store::{MemoryStore, Object, Prefix};

    const MARK: &str = "1;state=current;headers=";

    async fn put(store: &MemoryStore, key: &str, body: &str) {
        put_with_mark(store, key, body, Some(MARK)).await;
    }

    async fn put_with_mark(store: &MemoryStore, key: &str, body: &str, mark: Option<&str>) {
        let object = Object {
            key: Prefix::default().found(key).expect("a key"),
            body: body.to_owned().into(),
            content_encoding: None,
            content_type: "application/json",
            cache_control: "no-cache".into(),
            mark: mark.map(Into::into),
        };
        store.put(object).await.expect("memory");
    }

    #[tokio::test]
    async fn empty_folders_of_deleted_images_are_not_reported() -> Result<(), Box<dyn std::error::Error>> {
        let folder = tempfile::TempDir::new()?;
        let store = crate::store::FolderStore::new(folder.path().to_owned());
        std::fs::create_dir_all(folder.path().join("gone/full/max/0"))?;
        std::fs::create_dir_all(folder.path().join("left/full/max/0"))?;
        std::fs::write(folder.path().join("left/full/max/0/default.jpg"), "a picture")?;
        let destination = Destination::new(Prefix::default(), "https://example.org/iiif".parse()?, Versions::V3);
        let unseen = stale_images(&destination, &store, &[]).await?.unseen;
        assert_eq!(unseen.iter().map(ToString::to_string).collect::<Vec<_>>(), ["left"]);
        Ok(())
    }

    #[tokio::test]
    async fn only_own_images_that_are_not_in_the_input_are_stale() -> Result<(), Box<dyn std::error::Error>> {
        let store = MemoryStore::default();
        let id = |path: &str| {
            let protocol = "\"protocol\": \"http://iiif.io/api/image\"";
            format!("{{\"id\": \"https://example.org/iiif/{path}\", {protocol}}}")
        };
        let ours =
            ["kept", "gone", "books/1/a", "books/1/gone", "deep/down/gone", "versioned", "books", "other/x", "full/b"];
        for path in ours {
            let version = if path == "versioned" { "/v0123456789ab" } else { "" };
            put(&store, &format!("iiif/{path}/info.json"), &id(&format!("{path}{version}"))).await;
            put(&store, &format!("iiif/{path}/full/max/0/default.jpg"), "a picture").await;
        }
        put(&store, "iiif/moved/info.json", &id("elsewhere")).await;
        put_with_mark(&store, "iiif/vips/info.json", &id("vips"), None).await;
        put_with_mark(&store, "iiif/server/info.json", &id("server"), Some("0f3a-77aa")).await;
        put_with_mark(&store, "iiif/settings/info.json", "{\"id\": \"settings\"}", None).await;
        put(&store, "iiif/unfinished/0,0,512,512/512,512/0/default.jpg", "a picture").await;
        put(&store, "iiif/manifests/gone.json", "{}").await;
        put(&store, "iiif/other/manifests/x.json", "{}").await;
        put(&store, "elsewhere/info.json", &id("elsewhere")).await;
        let destination = Destination::new("iiif".parse()?, "https://example.org/iiif".parse()?, Versions::V3);
        let page = |id: &str| Ok::<_, KeyError>(Page::alone(Location::File("x.tif".into()), id.parse()?));
        let pages = [page("kept")?, page("books/1/a")?, page("full/b")?, page("new")?];
        let StaleImages { images, unseen, known, foreign } = stale_images(&destination, &store, &pages).await?;
        assert_eq!(foreign, 3, "`moved`, `vips` and `server`");
        let names = |images: BTreeSet<Identifier>| images.iter().map(ToString::to_string).collect::<Vec<_>>();
        let (images, unseen) = (names(images), names(unseen));
        assert_eq!(unseen, ["unfinished"], "a folder without an `info.json` may belong to another program");
        assert_eq!(images, ["books", "books/1/gone", "deep/down/gone", "gone", "versioned"]);
        assert_eq!(known, 3, "images that are not published yet do not count");
        Ok(())
    }
}
