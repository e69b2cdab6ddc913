//! Subject of a deletion, and the prefixes its objects are stored under.

use super::DeleteError;
use crate::destination::{Destination, Identifier, ImageFolder, VersionName};
use crate::iiif::{ApiVersion, ImageDocument, ImageRequest, Plan};
use crate::store::{Key, KeyError, Prefix, Store, StoreError};
use futures::TryStreamExt;
use std::fmt;

/// Images to delete: a single image, or every image under a prefix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    pub(super) extent: Extent,
    /// Prefixes that contain the objects.
    pub(super) places: Vec<Prefix>,
    /// Bare base keys outside of these prefixes. They may be redirects.
    pub(super) bases: Vec<Key>,
    /// Keys of the `info.json` files to read even if they're missing from the listing.
    pub(super) documents: Vec<Key>,
    /// Prefix that identifiers are relative to.
    prefix: Prefix,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Extent {
    Image(Identifier),
    AllImages(Prefix),
}

impl Subject {
    /// Returns the prefixes below which objects are deleted.
    #[must_use]
    pub fn prefixes(&self) -> &[Prefix] {
        &self.places
    }

    /// Creates a subject for one image in the given API version folders, as in [`ImageFolder::new`]. Doesn't include
    /// nested images, such as `atlas/1` under `atlas`.
    ///
    /// # Errors
    /// Returns an error if the prefix and identifier are too long when combined.
    pub fn image(
        prefix: &Prefix,
        versions: impl IntoIterator<Item = Option<u8>>,
        identifier: Identifier,
    ) -> Result<Self, KeyError> {
        let folder = |version| ImageFolder::new(prefix, version, &identifier);
        let folders = versions.into_iter().map(folder).collect::<Result<Vec<_>, _>>()?;
        let bases = folders.iter().map(ImageFolder::base_key).collect();
        let documents = folders.iter().map(ImageFolder::info_key).collect();
        let places = folders.into_iter().map(Prefix::from).collect();
        Ok(Self { extent: Extent::Image(identifier), places, bases, documents, prefix: prefix.clone() })
    }

    /// Finds the API version folders that contain an image and creates a subject for all of them.
    ///
    /// The `3` and `2` folders only count if both of them contain the image in the matching API version, because
    /// `3/atlas` is also a valid image identifier. Leftovers from an interrupted deletion only count if nothing better
    /// is found.
    ///
    /// # Errors
    /// Returns an error if the store fails, or if the prefix and identifier are too long when combined.
    pub async fn find(store: &dyn Store, prefix: &Prefix, identifier: Identifier) -> Result<Self, DeleteError> {
        let look = async |version| Presence::find(store, prefix, version, &identifier).await;
        // Wait for all lookups so that we always report the same failure.
        let (plain, three, two) = futures::join!(look(None), look(Some(3)), look(Some(2)));
        let versions = versions(plain?, three?, two?);
        Ok(Self::image(prefix, versions, identifier)?)
    }

    /// Creates a subject for every image under a prefix, in all API versions. Returns `None` if the prefix is empty,
    /// because deleting an entire bucket is never intended.
    #[must_use]
    pub fn all_images(prefix: &Prefix) -> Option<Self> {
        let extent = Extent::AllImages(prefix.clone());
        let places = vec![prefix.clone()];
        let (bases, documents, prefix) = (Vec::new(), Vec::new(), prefix.clone());
        (!prefix.is_empty()).then_some(Self { extent, places, bases, documents, prefix })
    }

    /// Returns the keys of the manifests that may keep the state of the image with this `info.json`: its own, and that of
    /// the file whose page it may be.
    pub(super) fn manifests(&self, document: &Key) -> impl Iterator<Item = Key> {
        let path = self.prefix.path_of(document.as_str()).and_then(folder_of_document).unwrap_or_default();
        // Images of both API versions are in folders of their own.
        let path = path.strip_prefix("3/").or_else(|| path.strip_prefix("2/")).unwrap_or(path);
        let image = path.parse::<Identifier>().ok();
        let file = image.as_ref().and_then(Identifier::file_of_page);
        let key = |object| self.prefix.join_key(&format!("{}/{object}.json", Destination::MANIFESTS)).ok();
        image.into_iter().chain(file).filter_map(key)
    }

    /// Returns the image folder for an `info.json` path, relative to the place (empty for the place itself). Returns
    /// `None` for other paths.
    pub(super) fn image_path<'p>(&self, path: &'p str) -> Option<&'p str> {
        match self.extent {
            Extent::Image(_) if path == Plan::INFO_JSON => Some(""),
            Extent::Image(_) => folder_of_document(path).filter(|folder| folder.parse::<VersionName>().is_ok()),
            Extent::AllImages(_) => folder_of_document(path),
        }
    }

    /// Splits an image file path into the image folder and the request. Returns `None` for other paths.
    pub(super) fn picture_path<'p>(&self, path: &'p str) -> Option<(&'p str, ImageRequest)> {
        let (folder, request) = match self.extent {
            Extent::Image(_) => split_version(path),
            Extent::AllImages(_) => split_identifier(path)?,
        };
        Some((folder, request.parse().ok()?))
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.extent {
            Extent::Image(identifier) => write!(formatter, "`{identifier}`"),
            Extent::AllImages(prefix) => write!(formatter, "all images below `{prefix}`"),
        }
    }
}

fn folder_of_document(path: &str) -> Option<&str> {
    path.strip_suffix(Plan::INFO_JSON)?.strip_suffix('/').filter(|folder| !folder.is_empty())
}

/// Splits off the version folder if the path starts with one.
fn split_version(path: &str) -> (&str, &str) {
    path.split_once('/').filter(|(folder, _)| folder.parse::<VersionName>().is_ok()).unwrap_or(("", path))
}

/// Splits a path before its last four segments, which make up the request.
fn split_identifier(path: &str) -> Option<(&str, &str)> {
    // Region, size, rotation, and quality with format. Identifiers can contain slashes, so we can't split from the
    // left.
    let (slash, _) = path.rmatch_indices('/').nth(ImageRequest::SEGMENTS - 1)?;
    Some((&path[..slash], &path[slash + 1..])).filter(|(folder, _)| !folder.is_empty())
}

/// Contents of an API version folder for an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Presence {
    Nothing,
    /// Image files, but no `info.json`.
    Pictures,
    /// Image information for the given API version, or `None` if the version is unknown.
    Image(Option<ApiVersion>),
}

impl Presence {
    async fn find(
        store: &dyn Store,
        prefix: &Prefix,
        version: Option<u8>,
        identifier: &Identifier,
    ) -> Result<Self, DeleteError> {
        let subject = Subject::image(prefix, [version], identifier.clone())?;
        let document = subject.documents.first().expect("one for each version");
        if let Some(stored) = store.get(document).await.map_err(DeleteError::List)? {
            return Ok(Self::Image(ImageDocument::read(&stored.body).and_then(|document| document.version())));
        }
        let has_pictures = has_pictures(store, &subject).await.map_err(DeleteError::List)?;
        Ok(if has_pictures { Self::Pictures } else { Self::Nothing })
    }

    /// Returns `false` if the document could belong to an image with an identifier that starts with the folder name.
    fn belongs_to(self, version: ApiVersion) -> bool {
        matches!(self, Self::Pictures) || self == Self::Image(Some(version))
    }
}

/// Looks for at least one image file. Old versions count, and so does an `info.json` we aren't allowed to read.
async fn has_pictures(store: &dyn Store, subject: &Subject) -> Result<bool, StoreError> {
    for place in &subject.places {
        let mut pages = store.pages(place);
        while let Some(page) = pages.try_next().await? {
            let mut paths = page.iter().filter_map(|object| place.path_of(object.key.as_str()));
            if paths.any(|path| subject.picture_path(path).is_some() || subject.image_path(path).is_some()) {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// Selects the API version folders that belong to a single image.
fn versions(plain: Presence, three: Presence, two: Presence) -> Vec<Option<u8>> {
    // A `3` folder is ambiguous: it could hold the Image API 3 copy of `atlas`, or be the parent of an image named
    // `3/atlas`. Publishing for both API versions creates both folders with matching documents, so we only treat them
    // as `atlas` if both exist. The exception is a folder with image files when there's no document anywhere. An
    // interrupted deletion leaves that behind, because it deletes documents first.
    let is_rest = |one, other| plain == Presence::Nothing && one == Presence::Pictures && other == Presence::Nothing;
    let (has_three, has_two) = match (three.belongs_to(ApiVersion::V3), two.belongs_to(ApiVersion::V2)) {
        (true, true) => (true, true),
        _ => (is_rest(three, two), is_rest(two, three)),
    };
    let found = [(has_three, Some(3)), (has_two, Some(2)), (plain != Presence::Nothing, None)];
    let found: Vec<_> = found.into_iter().filter_map(|(is_there, version)| is_there.then_some(version)).collect();
    // If there's no trace of the image, search the default folder.
    if found.is_empty() { vec![None] } else { found }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn api_version_folders_are_distinguished_from_images_with_the_same_name() {
        use Presence::{Image, Nothing, Pictures};
        let (v2, v3) = (Image(Some(ApiVersion::V2)), Image(Some(ApiVersion::V3)));
        for (found, expected) in [
            ((Nothing, Nothing, Nothing), vec![None]),
            ((v3, Nothing, Nothing), vec![None]),
            ((Nothing, v3, v2), vec![Some(3), Some(2)]),
            ((v3, v3, v2), vec![Some(3), Some(2), None]),
            // Interrupted while publishing or deleting.
            ((Nothing, v3, Pictures), vec![Some(3), Some(2)]),
            ((Nothing, Pictures, Pictures), vec![Some(3), Some(2)]),
            ((Nothing, Nothing, Pictures), vec![Some(2)]),
            // Volumes 2 and 3 with identically named pages.
            ((v3, v3, v3), vec![None]),
            ((Nothing, v3, v3), vec![None]),
            ((Nothing, v3, Nothing), vec![None]),
            ((v3, Pictures, Nothing), vec![None]),
        ] {
            let (plain, three, two) = found;
            assert_eq!(versions(plain, three, two), expected, "{found:?}");
        }
    }

    #[test]
    fn an_image_includes_its_documents_files_and_old_versions() {
        let image = Subject::image(&Prefix::default(), [None], "atlas".parse().expect("an identifier")).expect("short");
        for (path, folder) in [
            ("info.json", Some("")),
            ("v0123456789ab/info.json", Some("v0123456789ab")),
            ("1/info.json", None),
            ("info.json/", None),
            ("manifest.json", None),
        ] {
            assert_eq!(image.image_path(path), folder, "{path}");
        }
        let folder = |path| image.picture_path(path).map(|(folder, _)| folder);
        for (path, expected) in [
            ("full/max/0/default.jpg", Some("")),
            ("0,0,512,512/512,/0/default.jpg", Some("")),
            ("v0123456789ab/full/max/0/default.jpg", Some("v0123456789ab")),
            ("v0123456789AB/full/max/0/default.jpg", None),
            ("1/full/max/0/default.jpg", None),
            ("full/max/90/default.jpg", None),
            ("v0123456789ab/notes.txt", None),
        ] {
            assert_eq!(folder(path), expected, "{path}");
        }
    }

    #[test]
    fn all_images_may_have_any_non_empty_identifier() {
        let all = Subject::all_images(&"maps".parse().expect("a prefix")).expect("not empty");
        assert_eq!(all.image_path("3/a/b/info.json"), Some("3/a/b"));
        assert_eq!(all.image_path("info.json"), None);
        assert_eq!(all.image_path("my-info.json"), None);
        let folder = |path| all.picture_path(path).map(|(folder, _)| folder);
        assert_eq!(folder("a/b/full/max/0/default.jpg"), Some("a/b"));
        assert_eq!(folder("full/max/0/default.jpg"), None);
        assert_eq!(folder("a/b/c/d/e.html"), None);
        assert_eq!(Subject::all_images(&Prefix::default()), None);
    }
}
