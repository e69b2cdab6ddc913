//! Maps image identifiers to keys in a store and URLs on the web.
//!
//! ```text
//! {prefix}/                        {public URL}/
//!   {identifier}/info.json           if a single Image API version is published
//!   3/{identifier}/info.json         if both versions are published
//!   2/{identifier}/info.json
//!   manifests/{object}.json
//!   collection.json                  split into pages in collections/ if it is large
//!   collections/                     also has the collections within the collection, if they are wanted
//!   presentation/2/                  the same documents in version 2, if they are wanted
//!   activity/                        changes of manifests, if they are wanted
//!   {page}.html
//!   index.html                       the first page of a site
//!   objects/{object}/index.html      the site's page of an object
//!   site/                            the site's other files
//!   sitemap.xml
//! ```

mod file_names;
mod identifier;
mod image;
mod public_url;
mod site;

pub use file_names::{NameProblem, name_problems};
pub(crate) use identifier::is_page_number;
pub use identifier::{Identifier, VersionName, VersionNameError};
pub use image::{ImageAddress, ImageFolder};
pub use public_url::PublicUrl;
pub(crate) use site::without_site;

use crate::iiif::ApiVersion;
use crate::store::{Key, KeyError, Prefix};
use image::{info_url, path_of_image};

/// Folder for the pages of a large collection, and for collections within the collection.
const COLLECTION_PAGES: &str = "collections";

/// Image API versions to publish.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Versions {
    /// Version 2 only.
    V2,
    /// Version 3 only.
    #[default]
    V3,
    /// Both versions, in the folders `3` and `2` below the prefix. Images are still decoded and encoded only once.
    Both,
}

impl Versions {
    /// Returns each version along with its folder, newest first.
    #[must_use]
    pub fn folders(self) -> Vec<(ApiVersion, Option<u8>)> {
        match self {
            Self::V2 => vec![(ApiVersion::V2, None)],
            Self::V3 => vec![(ApiVersion::V3, None)],
            Self::Both => [ApiVersion::V3, ApiVersion::V2].map(|version| (version, Some(version.number()))).to_vec(),
        }
    }
}

/// Maps a publisher's images, manifests, collections and pages to their keys and URLs.
///
/// ```
/// use iiif_publish::destination::{Destination, Versions};
/// let destination = Destination::new("iiif".parse()?, "https://cdn.example.org/iiif".parse()?, Versions::Both);
/// let [(_, newest), _] = &destination.images(&"ms 1".parse()?)?[..] else { unreachable!() };
/// assert_eq!(newest.folder().info_key().as_str(), "iiif/3/ms 1/info.json");
/// assert_eq!(newest.info_url(), "https://cdn.example.org/iiif/3/ms%201/info.json");
/// # Ok::<(), iiif_publish::store::KeyError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    prefix: Prefix,
    public_url: PublicUrl,
    versions: Versions,
}

/// A document's key in the store and its URL on the web.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocumentAddress {
    /// Key in the store.
    pub key: Key,
    /// Public URL.
    pub url: String,
}

impl Destination {
    /// Folder for manifests, relative to the prefix.
    pub(crate) const MANIFESTS: &str = "manifests";
    /// File name of the collection that lists every manifest.
    pub(crate) const COLLECTION: &str = "collection.json";
    /// Folder for Presentation API 2 documents.
    pub(crate) const PRESENTATION2: &str = "presentation/2";
    /// Home page of a site, relative to the prefix.
    pub(crate) const SITE_INDEX: &str = "index.html";
    /// A site's sitemap for search engines, relative to the prefix.
    pub(crate) const SITEMAP: &str = "sitemap.xml";
    /// Folder for a site's object pages, relative to the prefix.
    pub(crate) const OBJECTS: &str = "objects";
    /// Folder for a site's other files, relative to the prefix.
    pub(crate) const SITE: &str = "site";
    /// [`SITE`](Self::SITE) with a trailing slash.
    pub(crate) const SITE_FOLDER: &str = "site/";
    /// File whose presence marks a site, relative to the prefix.
    pub(crate) const SITE_DIRECTORY: &str = "site/site.json";

    /// Folder for documents in older Presentation API versions, relative to the prefix.
    pub(crate) const PRESENTATION: &str = "presentation";

    /// Activity stream folder, relative to the prefix.
    pub(crate) const ACTIVITY: &str = "activity";

    /// Creates a destination for a prefix that is served at `public_url`.
    #[must_use]
    pub fn new(prefix: Prefix, public_url: PublicUrl, versions: Versions) -> Self {
        Self { prefix, public_url, versions }
    }

    /// Returns the prefix that all keys share.
    #[must_use]
    pub fn prefix(&self) -> &Prefix {
        &self.prefix
    }

    /// Returns the prefix's public URL.
    #[must_use]
    pub fn public_url(&self) -> &PublicUrl {
        &self.public_url
    }

    /// Returns the Image API version folders, newest first. The only entry is `None` if a single version is published.
    #[must_use]
    pub fn api_folders(&self) -> Vec<Option<u8>> {
        self.versions.folders().into_iter().map(|(_, folder)| folder).collect()
    }

    /// Returns the image's address for each Image API version, newest first.
    ///
    /// # Errors
    /// Returns an error if the prefix and identifier are too long when combined.
    pub fn images(&self, identifier: &Identifier) -> Result<Vec<(ApiVersion, ImageAddress)>, KeyError> {
        let address = |(version, folder)| Ok((version, self.image(folder, identifier)?));
        self.versions.folders().into_iter().map(address).collect()
    }

    /// Returns the image's address in an API folder.
    ///
    /// # Errors
    /// Returns an error if the prefix and identifier are too long when combined.
    pub fn image(&self, api_folder: Option<u8>, identifier: &Identifier) -> Result<ImageAddress, KeyError> {
        let folder = ImageFolder::new(&self.prefix, api_folder, identifier)?;
        Ok(ImageAddress::new(folder, self.base_uri(api_folder, identifier)))
    }

    /// Returns the image's base URI for each Image API version, newest first.
    #[must_use]
    pub fn base_uris(&self, identifier: &Identifier) -> Vec<String> {
        self.api_folders().into_iter().map(|folder| self.base_uri(folder, identifier)).collect()
    }

    /// Returns the image's `info.json` URL for each Image API version, newest first.
    #[must_use]
    pub fn info_urls(&self, identifier: &Identifier) -> Vec<String> {
        self.base_uris(identifier).iter().map(|base_uri| info_url(base_uri)).collect()
    }

    fn base_uri(&self, api_folder: Option<u8>, identifier: &Identifier) -> String {
        self.public_url.join(&path_of_image(api_folder, identifier))
    }

    /// Returns the prefix of all images under `path` in an API folder. `path` may be empty.
    ///
    /// # Errors
    /// Returns an error if the path is invalid or too long.
    pub(crate) fn images_below(&self, api_folder: Option<u8>, path: &str) -> Result<Prefix, KeyError> {
        let above = match api_folder {
            Some(version) => self.prefix.join(&version.to_string())?,
            None => self.prefix.clone(),
        };
        if path.is_empty() { Ok(above) } else { above.join(path) }
    }

    /// Returns the address of an object's manifest.
    ///
    /// # Errors
    /// Returns an error if the key is too long.
    pub fn manifest(&self, object: &Identifier) -> Result<DocumentAddress, KeyError> {
        self.document(&format!("{}/{object}.json", Self::MANIFESTS))
    }

    /// Returns the key of the manifest of the file whose page this image may be.
    pub(crate) fn manifest_of_page(&self, identifier: &Identifier) -> Option<Key> {
        Some(self.manifest(&identifier.file_of_page()?).ok()?.key)
    }

    /// Returns the collection's address.
    ///
    /// # Errors
    /// Returns an error if the key is too long.
    pub fn collection(&self) -> Result<DocumentAddress, KeyError> {
        self.document(Self::COLLECTION)
    }

    /// Returns the address of the collection with this file name, or of the outermost one.
    ///
    /// # Errors
    /// Returns an error if the key is too long.
    pub(crate) fn collection_named(&self, name: Option<&str>) -> Result<DocumentAddress, KeyError> {
        match name {
            Some(name) => self.document(&format!("{COLLECTION_PAGES}/{name}.json")),
            None => self.collection(),
        }
    }

    /// Returns the address of one page of a large collection, which may be within another one. Pages are numbered from 1.
    ///
    /// # Errors
    /// Returns an error if the key is too long.
    pub(crate) fn collection_page(&self, name: Option<&str>, number: usize) -> Result<DocumentAddress, KeyError> {
        let name = name.map(|name| format!("{name}-")).unwrap_or_default();
        self.document(&format!("{COLLECTION_PAGES}/{name}{number}.json"))
    }

    /// Returns the prefix of all manifests.
    ///
    /// # Errors
    /// Returns an error if the prefix is too long.
    pub(crate) fn manifests(&self) -> Result<Prefix, KeyError> {
        self.prefix.join(Self::MANIFESTS)
    }

    /// Returns the prefix of all collection pages, and of collections within the collection.
    ///
    /// # Errors
    /// Returns an error if the prefix is too long.
    pub(crate) fn collection_pages(&self) -> Result<Prefix, KeyError> {
        self.prefix.join(COLLECTION_PAGES)
    }

    /// Returns the destination for Presentation API 2 documents.
    ///
    /// # Errors
    /// Returns an error if the prefix is too long.
    pub(crate) fn presentation2(&self) -> Result<Self, KeyError> {
        let public_url = self.public_url.below(&Self::PRESENTATION2.parse()?);
        Ok(Self { prefix: self.prefix.join(Self::PRESENTATION2)?, public_url, versions: self.versions })
    }

    /// Returns the activity stream folder.
    ///
    /// # Errors
    /// Returns an error if the key is too long.
    pub(crate) fn activity_folder(&self) -> Result<Prefix, KeyError> {
        self.prefix.join(Self::ACTIVITY)
    }

    /// Returns the address of the top-level activity collection.
    ///
    /// # Errors
    /// Returns an error if the key is too long.
    pub(crate) fn activities(&self) -> Result<DocumentAddress, KeyError> {
        self.document(&format!("{}/all-changes.json", Self::ACTIVITY))
    }

    /// Returns the address of an activity page. Page numbers start at 1.
    ///
    /// # Errors
    /// Returns an error if the key is too long.
    pub(crate) fn activity_page(&self, number: usize) -> Result<DocumentAddress, KeyError> {
        self.document(&format!("{}/page-{number}.json", Self::ACTIVITY))
    }

    /// Returns an activity page's number, or `None` if the key doesn't belong to an activity page.
    pub(crate) fn activity_page_number(&self, key: &Key) -> Option<usize> {
        let path = self.prefix.path_of(key.as_str())?.strip_prefix(Self::ACTIVITY)?;
        let number = path.strip_prefix("/page-")?.strip_suffix(".json")?;
        number.parse().ok().filter(|number: &usize| number.to_string().len() == path.len() - "/page-.json".len())
    }

    /// Returns `true` if the image's objects could collide with objects in this folder.
    pub(crate) fn may_collide_with(&self, folder: &str, identifier: &Identifier) -> bool {
        let may_collide = self.api_folders().iter().any(Option::is_none);
        may_collide && identifier.as_str().split('/').next() == Some(folder)
    }

    /// Returns the address of a document in the prefix, such as `maps.html`.
    ///
    /// # Errors
    /// Returns an error if the path is invalid or the key is too long.
    pub fn document(&self, path: &str) -> Result<DocumentAddress, KeyError> {
        Ok(DocumentAddress { key: self.prefix.join_key(path)?, url: self.public_url.join(path) })
    }

    /// Returns a key's public URL, or `None` if the key is outside the prefix.
    pub(crate) fn url_of(&self, key: &Key) -> Option<String> {
        self.prefix.path_of(key.as_str()).map(|path| self.public_url.join(path))
    }

    /// Returns the identifier's first segment if its objects would collide with manifests or collections.
    pub(crate) fn reserved_name<'i>(&self, identifier: &'i Identifier) -> Option<&'i str> {
        // Images in version folders can't collide with documents.
        let may_collide = self.api_folders().iter().any(Option::is_none);
        let first = identifier.as_str().split('/').next().unwrap_or_default();
        (may_collide && (Self::is_document_folder(first) || first == Self::COLLECTION)).then_some(first)
    }

    /// Returns the identifier segment that would make the image's objects, or the object page, collide with site files.
    pub(crate) fn name_reserved_for_site<'i>(&self, identifier: &'i Identifier) -> Option<&'i str> {
        let may_collide = self.api_folders().iter().any(Option::is_none);
        let first = identifier.as_str().split('/').next().unwrap_or_default();
        let is_site = [Self::OBJECTS, Self::SITE, Self::SITE_INDEX].contains(&first) || is_sitemap(first);
        // The page for `a` would be at the same path as the folder for the page of `a/index.html`.
        let page = identifier.as_str().split('/').find(|segment| *segment == Self::SITE_INDEX);
        page.or((may_collide && is_site).then_some(first))
    }

    /// Returns `true` if a path below the prefix belongs to an object page.
    pub(crate) fn is_object_page(path: &str) -> bool {
        let below = path.strip_prefix(Self::OBJECTS).and_then(|rest| rest.strip_prefix('/'));
        below
            .and_then(|below| below.strip_suffix(Self::SITE_INDEX))
            .is_some_and(|object| object.len() > 1 && object.ends_with('/'))
    }

    /// Returns `true` if a path looks like a site file. The site may belong to a collection in a subfolder.
    pub(crate) fn may_be_site_file(path: &str) -> bool {
        let name = path.rsplit('/').next().unwrap_or(path);
        name == Self::SITE_INDEX || is_sitemap(name) || path.starts_with(Self::SITE_FOLDER) || path.contains("/site/")
    }

    /// Returns `true` if `name` is a top-level folder for manifests or collection pages.
    pub(crate) fn is_document_folder(name: &str) -> bool {
        [Self::MANIFESTS, COLLECTION_PAGES].contains(&name)
    }

    /// Returns `true` if these folders include the manifest folder, so their parent is a collection's prefix.
    pub(crate) fn has_manifests(folders: &[String]) -> bool {
        folders.iter().any(|name| name == Self::MANIFESTS)
    }
}

/// Returns `true` if this is a sitemap file name.
fn is_sitemap(name: &str) -> bool {
    name.starts_with("sitemap") && name.strip_suffix(".xml").is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn destination(versions: Versions) -> Destination {
        let public_url = "http://localhost:3000".parse().expect("a URL");
        Destination::new("p".parse().expect("a prefix"), public_url, versions)
    }

    #[test]
    fn identifiers_are_encoded_in_urls_and_plain_in_keys() -> Result<(), KeyError> {
        let identifier: Identifier = "Plän 50%/a+b".parse()?;
        let images = destination(Versions::Both).images(&identifier)?;
        let (version, image) = images.last().expect("two versions");
        assert_eq!((*version, image.base_uri()), (ApiVersion::V2, "http://localhost:3000/2/Pl%C3%A4n%2050%25/a%2Bb"));
        assert_eq!(image.folder().info_key().as_str(), "p/2/Plän 50%/a+b/info.json");
        assert_eq!(image.folder().base_key().as_str(), "p/2/Plän 50%/a+b");
        let version = image.version(&"v0123456789ab".parse().expect("a version"))?;
        assert_eq!(version.info_url(), format!("{}/v0123456789ab/info.json", image.base_uri()));
        assert_eq!(version.folder().path_of("p/2/Plän 50%/a+b/v0123456789ab/x"), Some("x"));
        Ok(())
    }

    #[test]
    fn documents_have_the_url_of_their_key() -> Result<(), KeyError> {
        let destination = destination(Versions::V3);
        for (address, key, url) in [
            (destination.manifest(&"ms 1".parse()?)?, "p/manifests/ms 1.json", "manifests/ms%201.json"),
            (destination.collection()?, "p/collection.json", "collection.json"),
            (destination.collection_page(None, 2)?, "p/collections/2.json", "collections/2.json"),
            (destination.collection_page(Some("x-1"), 2)?, "p/collections/x-1-2.json", "collections/x-1-2.json"),
            (destination.collection_named(Some("x-1"))?, "p/collections/x-1.json", "collections/x-1.json"),
            (destination.document("my maps.html")?, "p/my maps.html", "my%20maps.html"),
        ] {
            assert_eq!((address.key.as_str(), address.url), (key, format!("http://localhost:3000/{url}")));
            assert_eq!(destination.url_of(&address.key), Some(format!("http://localhost:3000/{url}")));
        }
        assert_eq!(destination.images_below(Some(3), "")?.to_string(), "p/3");
        assert_eq!(destination.images_below(None, "a/b")?.to_string(), "p/a/b");
        Ok(())
    }

    #[test]
    fn names_of_documents_are_reserved_unless_images_have_api_folders() -> Result<(), KeyError> {
        for (identifier, reserved) in [
            ("manifests/x", Some("manifests")),
            ("collections", Some("collections")),
            ("collection.json/x", Some("collection.json")),
            ("maps/manifests", None),
        ] {
            let identifier: Identifier = identifier.parse()?;
            assert_eq!(destination(Versions::V2).reserved_name(&identifier), reserved);
            assert_eq!(destination(Versions::Both).reserved_name(&identifier), None);
        }
        Ok(())
    }
}
