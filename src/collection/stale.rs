//! Stale images: images that are published below a prefix but no longer in the input.

use super::page::Page;
use crate::destination::{Destination, Identifier};
use crate::iiif::{ImageDocument, ImageRequest};
use crate::publish::is_ours;
use crate::store::{KeyError, Store, StoreError};
use futures::{StreamExt, TryStreamExt, stream};
use std::collections::{BTreeSet, HashSet};

/// Maximum number of folders that are listed or read at the same time.
const MAX_LOOKUPS_IN_FLIGHT: usize = 16;

/// An error in the search for stale images.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StaleError {
    /// The store could not be listed or read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The name of a folder is not a valid key.
    #[error("the names of some folders are not valid keys")]
    Key(#[from] KeyError),
}

/// Finds images that are published at a destination but not in `pages`.
///
/// Each 1000 images cost one listing of folders, and each image that is not in `pages` costs one read. Only images of
/// this program with ids below the public URL are returned; images of other programs are counted. Nested collections
/// are skipped.
///
/// # Errors
/// If folders cannot be listed.
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

/// The paths that the input contains.
struct Named<'a> {
    images: HashSet<&'a str>,
    /// The folders above them.
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

/// Images that are no longer in the input.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StaleImages {
    /// The identifiers of the stale images.
    pub images: BTreeSet<Identifier>,
    /// Folders with image files but without an `info.json`: remains of an interrupted publication or deletion, or
    /// images that are being published at this moment.
    pub unseen: BTreeSet<Identifier>,
    /// Number of published images that are in the input, counted once for each Image API version.
    pub known: u64,
    /// Number of published images of other programs, or with ids elsewhere.
    pub foreign: u64,
}

/// Returns `true` if the last segment of a path is a region of the Image API, which means that it is a folder of an
/// image.
fn is_region(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    format!("{name}/max/0/default.jpg").parse::<ImageRequest>().is_ok()
}

/// The content of a folder that is not in the input.
enum Lookup {
    /// An image of this program.
    Image(Identifier),
    /// An image that this program did not publish here.
    Foreign,
    /// A folder without an `info.json`, which may contain images.
    Folder,
    /// No image of this program.
    Nothing,
}

/// The folder of one Image API version.
struct ApiFolder<'a> {
    destination: &'a Destination,
    store: &'a dyn Store,
    version: Option<u8>,
    named: &'a Named<'a>,
}

impl ApiFolder<'_> {
    /// Lists folders and adds the images in them to `stale`. Returns the subfolders to list next.
    async fn descend(&self, paths: Vec<String>, stale: &mut StaleImages) -> Result<Vec<String>, StaleError> {
        // One listing with a delimiter for each folder, and none for the folders of images. The tiles of a million
        // images are a billion keys; a plain listing of them would take a million requests.
        let list = |path: String| self.folders(path);
        // Boxed streams let the compiler prove that the future is `Send`.
        let listed = stream::iter(paths).map(list).buffer_unordered(MAX_LOOKUPS_IN_FLIGHT).boxed();
        let listed: Vec<(String, Vec<String>)> = listed.try_collect().await?;
        let is_unseen = |(path, names): &&(String, Vec<String>)| {
            !self.named.folders.contains(path.as_str()) && names.iter().any(|name| is_region(name))
        };
        stale.unseen.extend(listed.iter().filter(is_unseen).filter_map(|(path, _)| path.parse().ok()));
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

    /// Returns `false` for manifests and for folders that look like image regions, unless the input contains them.
    fn may_be_image(&self, path: &str) -> bool {
        self.named.has(path) || !(Destination::is_document_folder(path) || is_region(path))
    }

    /// Returns the paths of the subfolders of a path.
    async fn folders(&self, path: String) -> Result<(String, Vec<String>), StaleError> {
        let names = self.store.folders(&self.destination.images_below(self.version, &path)?).await?;
        let is_above_image = path.is_empty() || self.named.folders.contains(path.as_str());
        // The folder contains another collection.
        if !is_above_image && Destination::has_manifests(&names) {
            return Ok((path, Vec::new()));
        }
        let names = names.into_iter().map(|name| if path.is_empty() { name } else { format!("{path}/{name}") });
        let names = names.collect();
        Ok((path, names))
    }

    async fn look(&self, path: String) -> Result<(String, Lookup), StaleError> {
        // This program never publishes under a name that is not a valid identifier.
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

/// Returns `true` if a document is the image information of the image with this base URI, or of one of its versions.
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
            content_type: "application/json",
            cache_control: "no-cache".into(),
            mark: mark.map(Into::into),
        };
        store.put(object).await.expect("memory");
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
