//! The subject of a deletion and the prefixes of its objects.

use super::DeleteError;
use crate::destination::{Identifier, ImageFolder, VersionName};
use crate::iiif::{ApiVersion, ImageDocument, ImageRequest, Plan};
use crate::store::{Key, KeyError, Prefix, Store, StoreError};
use futures::TryStreamExt;
use std::fmt;

/// The subject of a deletion: one image, or all images below a prefix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    pub(super) extent: Extent,
    /// The prefixes of the objects.
    pub(super) places: Vec<Prefix>,
    /// The bare base keys outside these prefixes, which may be redirects.
    pub(super) bases: Vec<Key>,
    /// The keys of `info.json` files that are read even if they are not listed.
    pub(super) documents: Vec<Key>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Extent {
    Image(Identifier),
    AllImages(Prefix),
}

impl Subject {
    /// Creates the subject for one image in the given API version folders, as in [`ImageFolder::new`]. Images further
    /// down, such as `atlas/1` below `atlas`, are not included.
    ///
    /// # Errors
    /// If the prefix and the identifier together are too long.
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
        Ok(Self { extent: Extent::Image(identifier), places, bases, documents })
    }

    /// Finds the API version folders that contain an image, and creates the subject for all of them.
    ///
    /// The folders `3` and `2` only count if both contain the image, each in its own API version, because `3/atlas` is
    /// a valid identifier of an image. The remains of an interrupted deletion count if there is nothing else.
    ///
    /// # Errors
    /// If the store fails, or if the prefix and the identifier together are too long.
    pub async fn find(store: &dyn Store, prefix: &Prefix, identifier: Identifier) -> Result<Self, DeleteError> {
        let look = async |version| Presence::find(store, prefix, version, &identifier).await;
        // All lookups complete first, so that the same failure is reported each time.
        let (plain, three, two) = futures::join!(look(None), look(Some(3)), look(Some(2)));
        let versions = versions(plain?, three?, two?);
        Ok(Self::image(prefix, versions, identifier)?)
    }

    /// Creates the subject for all images below a prefix, in all API versions. Returns `None` if the prefix is empty,
    /// because deleting a whole bucket is never intended.
    #[must_use]
    pub fn all_images(prefix: &Prefix) -> Option<Self> {
        let extent = Extent::AllImages(prefix.clone());
        let places = vec![prefix.clone()];
        (!prefix.is_empty()).then(|| Self { extent, places, bases: Vec::new(), documents: Vec::new() })
    }

    /// Returns the image folder of the path of an `info.json`, relative to the place and empty for the place itself.
    /// Returns `None` for other paths.
    pub(super) fn image_path<'p>(&self, path: &'p str) -> Option<&'p str> {
        match self.extent {
            Extent::Image(_) if path == Plan::INFO_JSON => Some(""),
            Extent::Image(_) => folder_of_document(path).filter(|folder| folder.parse::<VersionName>().is_ok()),
            Extent::AllImages(_) => folder_of_document(path),
        }
    }

    /// Splits the path of an image file into the image folder and the request. Returns `None` for other paths.
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

/// Splits off the folder of an old version, if the path has one.
fn split_version(path: &str) -> (&str, &str) {
    path.split_once('/').filter(|(folder, _)| folder.parse::<VersionName>().is_ok()).unwrap_or(("", path))
}

/// Splits a path before its last four segments, which every request has.
fn split_identifier(path: &str) -> Option<(&str, &str)> {
    // Region, size, rotation, and quality with format. An identifier may contain slashes, so a split from the left
    // would not find its end.
    let (slash, _) = path.rmatch_indices('/').nth(ImageRequest::SEGMENTS - 1)?;
    Some((&path[..slash], &path[slash + 1..])).filter(|(folder, _)| !folder.is_empty())
}

/// The content of an image in the folder of one API version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Presence {
    Nothing,
    /// Image files without an `info.json`.
    Pictures,
    /// Image information of this API version, or of an unknown one.
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

    /// Returns `false` if the document may belong to an image whose identifier begins with the name of the folder.
    fn belongs_to(self, version: ApiVersion) -> bool {
        matches!(self, Self::Pictures) || self == Self::Image(Some(version))
    }
}

/// Looks for one image file. Old versions count, and so does an `info.json` that may not be read.
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

/// Selects the API version folders that belong to one image.
fn versions(plain: Presence, three: Presence, two: Presence) -> Vec<Option<u8>> {
    // A folder `3` has two readings: the copy of `atlas` for version 3 of the Image API, or the parent of an image
    // `3/atlas`. The folder alone does not tell. Publishing for both versions writes both folders, each with a document
    // of its own version, so only such a pair is the image itself. A single folder counts if it has pictures but no
    // document anywhere, as an interrupted deletion leaves it, which removes documents first.
    let is_rest = |one, other| plain == Presence::Nothing && one == Presence::Pictures && other == Presence::Nothing;
    let (has_three, has_two) = match (three.belongs_to(ApiVersion::V3), two.belongs_to(ApiVersion::V2)) {
        (true, true) => (true, true),
        _ => (is_rest(three, two), is_rest(two, three)),
    };
    let found = [(has_three, Some(3)), (has_two, Some(2)), (plain != Presence::Nothing, None)];
    let found: Vec<_> = found.into_iter().filter_map(|(is_there, version)| is_there.then_some(version)).collect();
    // If there is no trace of the image, the default folder is searched.
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
            // An interrupted publication or deletion.
            ((Nothing, v3, Pictures), vec![Some(3), Some(2)]),
            ((Nothing, Pictures, Pictures), vec![Some(3), Some(2)]),
            ((Nothing, Nothing, Pictures), vec![Some(2)]),
            // Volumes 2 and 3 with pages of the same name.
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
