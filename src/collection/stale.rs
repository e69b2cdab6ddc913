//! What left the input: images that are published below a prefix, and that nothing says of any more.

use super::page::Page;
use super::presentation::{COLLECTION_PAGES, MANIFESTS};
use crate::iiif::{ImageDocument, ImageRequest, Plan};
use crate::publish::is_ours;
use crate::store::{Identifier, ImageFolder, KeyError, Prefix, PublicUrl, Store, StoreError};
use futures::{StreamExt, TryStreamExt, stream};
use std::collections::{BTreeSet, HashSet};

/// Folders that are looked into at the same time.
const LOOKS_IN_FLIGHT: usize = 16;

/// Why it is not known what left the input.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StaleError {
    /// The store does not tell what it has.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What it has is no key of this program.
    #[error("there are folders that cannot be looked into")]
    Key(#[from] KeyError),
}

/// The images below a prefix, as one run has published them.
#[derive(Clone, Debug)]
pub struct Below {
    /// What all keys begin with.
    pub prefix: Prefix,
    /// Where viewers see what lies under the prefix.
    pub public_url: PublicUrl,
    /// The folders of the versions of the Image API, as [`ImageFolder::new`] takes them.
    pub folders: Vec<Option<u8>>,
}

impl Below {
    /// What is published here, and not among `pages`.
    ///
    /// Costs a listing of folders for each 1000 images, and a look at each image that is not among them. Only images of this program
    /// count, whose ids are below the public URL; those of other programs are counted. Images of another collection further down are
    /// skipped.
    ///
    /// # Errors
    /// Where folders cannot be listed.
    pub async fn stale(&self, store: &dyn Store, pages: &[Page]) -> Result<StaleImages, StaleError> {
        let named = Named::of(pages);
        let mut stale = StaleImages::default();
        for version in &self.folders {
            let place = Place { below: self, store, version: *version, named: &named };
            let mut paths = vec![String::new()];
            while !paths.is_empty() {
                paths = place.descend(paths, &mut stale).await?;
            }
        }
        Ok(stale)
    }
}

/// The paths that the input names.
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

/// Images that left the input.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StaleImages {
    /// Their identifiers.
    pub images: BTreeSet<Identifier>,
    /// Folders that have pictures, and no `info.json`: what is left of images of which publishing, or deleting, was broken off; or
    /// what is being published this moment.
    pub unseen: BTreeSet<Identifier>,
    /// How many images of the input are there beside them, counted once for each version of the Image API.
    pub known: u64,
    /// How many images of other programs, or with ids elsewhere, are there.
    pub foreign: u64,
}

/// Whether the last part of a path is what a region is called: a folder in that of an image.
fn is_region(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    format!("{name}/max/0/default.jpg").parse::<ImageRequest>().is_ok()
}

/// What a folder is that the input says nothing of.
enum Look {
    /// An image of ours.
    Image(Identifier),
    /// An image that this program did not publish here.
    Foreign,
    /// No image; there may be some in it.
    Folder,
    /// Nothing of ours.
    Nothing,
}

/// The folder of one version of the Image API.
struct Place<'a> {
    below: &'a Below,
    store: &'a dyn Store,
    version: Option<u8>,
    named: &'a Named<'a>,
}

impl Place<'_> {
    /// Looks into folders, and adds what is there to `stale`. Returns the folders below that are to be looked into next.
    async fn descend(&self, paths: Vec<String>, stale: &mut StaleImages) -> Result<Vec<String>, StaleError> {
        let list = |path: String| self.folders(path);
        // Boxed streams let the compiler prove that the future is `Send`.
        let listed = stream::iter(paths).map(list).buffer_unordered(LOOKS_IN_FLIGHT).boxed();
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
        let mut looks = stream::iter(others).map(look).buffer_unordered(LOOKS_IN_FLIGHT).boxed();
        let mut next = Vec::new();
        while let Some((path, look)) = looks.try_next().await? {
            let is_above_image = self.named.folders.contains(path.as_str());
            let is_folder = matches!(look, Look::Folder);
            match look {
                Look::Image(identifier) => drop(stale.images.insert(identifier)),
                Look::Foreign => stale.foreign += 1,
                Look::Folder | Look::Nothing => {}
            }
            if is_folder || is_above_image {
                next.push(path);
            }
        }
        Ok(next)
    }

    /// Manifests, and folders with the names of regions, are no images, unless the input names them.
    fn may_be_image(&self, path: &str) -> bool {
        let is_of_documents = [MANIFESTS, COLLECTION_PAGES].contains(&path);
        self.named.has(path) || !(is_of_documents || is_region(path))
    }

    /// The folders right below a path, as paths.
    async fn folders(&self, path: String) -> Result<(String, Vec<String>), StaleError> {
        let version = self.version.map(|version| version.to_string());
        let segments = [Some(self.below.prefix.to_string()), version, Some(path.clone())];
        let segments: Vec<String> = segments.into_iter().flatten().filter(|segment| !segment.is_empty()).collect();
        let names = self.store.folders(&segments.join("/").parse()?).await?;
        let is_above_image = path.is_empty() || self.named.folders.contains(path.as_str());
        // The folder of another collection.
        if !is_above_image && names.iter().any(|name| name == MANIFESTS) {
            return Ok((path, Vec::new()));
        }
        let names = names.into_iter().map(|name| if path.is_empty() { name } else { format!("{path}/{name}") });
        let names = names.collect();
        Ok((path, names))
    }

    async fn look(&self, path: String) -> Result<(String, Look), StaleError> {
        // Names that this program would not give are none of its.
        let Ok(identifier) = path.parse::<Identifier>() else { return Ok((path, Look::Nothing)) };
        let Ok(folder) = ImageFolder::new(&self.below.prefix, self.version, &identifier) else {
            return Ok((path, Look::Nothing));
        };
        let Some(stored) = self.store.get(&folder.key(&Plan::INFO_JSON)).await? else {
            return Ok((path, Look::Folder));
        };
        let Some(document) = ImageDocument::read(&stored.body) else { return Ok((path, Look::Nothing)) };
        let base_uri = self.below.public_url.base_uri(self.version, &identifier);
        let is_ours = is_ours(stored.mark.as_deref()) && is_of(&document, &base_uri);
        Ok((path, if is_ours { Look::Image(identifier) } else { Look::Foreign }))
    }
}

/// Returns `true` for the image information of the image with that base URI, or of one of its versions.
fn is_of(document: &ImageDocument, base_uri: &str) -> bool {
    document.id().strip_prefix(base_uri).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::location::Location;
    use crate::store::{MemoryStore, Object};

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
    async fn only_images_of_ours_that_nothing_says_of_are_stale() -> Result<(), Box<dyn std::error::Error>> {
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
        let below =
            Below { prefix: "iiif".parse()?, public_url: "https://example.org/iiif".parse()?, folders: vec![None] };
        let page = |id: &str| Ok::<_, KeyError>(Page::alone(Location::File("x.tif".into()), id.parse()?));
        let pages = [page("kept")?, page("books/1/a")?, page("full/b")?, page("new")?];
        let StaleImages { images, unseen, known, foreign } = below.stale(&store, &pages).await?;
        assert_eq!(foreign, 3, "`moved`, `vips` and `server`");
        let names = |images: BTreeSet<Identifier>| images.iter().map(ToString::to_string).collect::<Vec<_>>();
        let (images, unseen) = (names(images), names(unseen));
        assert_eq!(unseen, ["unfinished"], "what has no `info.json` may be anybody's");
        assert_eq!(images, ["books", "books/1/gone", "deep/down/gone", "gone", "versioned"]);
        assert_eq!(known, 3, "what is not there yet does not count");
        Ok(())
    }
}
