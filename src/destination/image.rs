//! Keys and URLs of a single image.

use super::{Identifier, VersionName};
use crate::iiif::Plan;
use crate::store::{Key, KeyError, Prefix};
use std::fmt;

/// An image's folder in a store. All of the image's keys are inside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageFolder {
    dir: Prefix,
    base_key: Key,
}

impl ImageFolder {
    /// Creates the folder `{prefix}/{identifier}`, or `{prefix}/{version}/{identifier}` if an Image API version is
    /// given.
    ///
    /// # Errors
    /// Returns an error if the prefix and identifier are too long when combined.
    pub fn new(prefix: &Prefix, version: Option<u8>, identifier: &Identifier) -> Result<Self, KeyError> {
        Self::below(prefix, &path_of_image(version, identifier))
    }

    fn below(prefix: &Prefix, path: &str) -> Result<Self, KeyError> {
        Ok(Self { dir: prefix.join(path)?, base_key: prefix.join_key(path)? })
    }

    /// Returns the key for a path in the folder, such as a request path or `info.json`.
    ///
    /// # Panics
    /// Panics if the path is longer than any request path can be.
    #[must_use]
    pub fn key(&self, path: &impl fmt::Display) -> Key {
        self.dir.short_key(path)
    }

    /// Returns the key of `info.json`.
    #[must_use]
    pub fn info_key(&self) -> Key {
        self.key(&Plan::INFO_JSON)
    }

    /// Returns the folder for a version of the image. It is nested inside this folder.
    ///
    /// # Errors
    /// Returns an error if the key is too long.
    pub fn version(&self, name: &VersionName) -> Result<Self, KeyError> {
        Self::below(&self.dir, &name.to_string())
    }

    /// Returns the folder's own key, which corresponds to the bare base URI.
    #[must_use]
    pub fn base_key(&self) -> Key {
        self.base_key.clone()
    }

    /// Returns a key's path relative to the folder, or `None` if the key is outside the folder.
    #[must_use]
    pub fn path_of<'a>(&self, key: &'a str) -> Option<&'a str> {
        self.dir.path_of(key)
    }
}

/// Returns the prefix shared by all of the image's objects.
impl From<ImageFolder> for Prefix {
    fn from(folder: ImageFolder) -> Self {
        folder.dir
    }
}

/// Returns an image's path relative to the prefix.
pub(super) fn path_of_image(version: Option<u8>, identifier: &Identifier) -> String {
    version.map_or_else(|| identifier.to_string(), |version| format!("{version}/{identifier}"))
}

/// Returns the URL of an image's `info.json`.
pub(super) fn info_url(base_uri: &str) -> String {
    format!("{base_uri}/{}", Plan::INFO_JSON)
}

/// An image's folder in a store, together with its base URI on the web.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageAddress {
    folder: ImageFolder,
    base_uri: String,
}

impl ImageAddress {
    pub(super) fn new(folder: ImageFolder, base_uri: String) -> Self {
        Self { folder, base_uri }
    }

    /// Returns the address for a version of the image. It is nested inside this image's folder.
    ///
    /// # Errors
    /// Returns an error if the key is too long.
    pub fn version(&self, name: &VersionName) -> Result<Self, KeyError> {
        Ok(Self { folder: self.folder.version(name)?, base_uri: self.url_of(name) })
    }

    /// Returns the image's folder in the store.
    #[must_use]
    pub fn folder(&self) -> &ImageFolder {
        &self.folder
    }

    /// Returns the base URI, which is also the image's `id`. It has no trailing slash because viewers append one.
    #[must_use]
    pub fn base_uri(&self) -> &str {
        &self.base_uri
    }

    /// Returns the URL for a path in the folder, such as a request path.
    #[must_use]
    pub fn url_of(&self, path: &impl fmt::Display) -> String {
        format!("{}/{path}", self.base_uri)
    }

    /// Returns the URL of `info.json`.
    #[must_use]
    pub fn info_url(&self) -> String {
        info_url(&self.base_uri)
    }
}
