//! The keys and URLs of one image.

use super::{Identifier, VersionName};
use crate::iiif::Plan;
use crate::store::{Key, KeyError, Prefix};
use std::fmt;

/// The folder of one image in a store, which contains all its keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageFolder {
    dir: Prefix,
    base_key: Key,
}

impl ImageFolder {
    /// Creates the folder `{prefix}/{identifier}`, or `{prefix}/3/{identifier}` if `version` is version 3 of the Image
    /// API.
    ///
    /// # Errors
    /// If the prefix and the identifier together are too long.
    pub fn new(prefix: &Prefix, version: Option<u8>, identifier: &Identifier) -> Result<Self, KeyError> {
        Self::below(prefix, &path_of_image(version, identifier))
    }

    fn below(prefix: &Prefix, path: &str) -> Result<Self, KeyError> {
        Ok(Self { dir: prefix.join(path)?, base_key: prefix.join_key(path)? })
    }

    /// Returns the key of a path in the folder, such as a request path or `info.json`.
    ///
    /// # Panics
    /// If the path is longer than a request path can be.
    #[must_use]
    pub fn key(&self, path: &impl fmt::Display) -> Key {
        self.dir.short_key(path)
    }

    /// Returns the key of the `info.json`.
    #[must_use]
    pub fn info_key(&self) -> Key {
        self.key(&Plan::INFO_JSON)
    }

    /// Returns the folder of a version of the image, which is inside this folder.
    ///
    /// # Errors
    /// If the key is too long.
    pub fn version(&self, name: &VersionName) -> Result<Self, KeyError> {
        Self::below(&self.dir, &name.to_string())
    }

    /// Returns the key of the folder itself, which corresponds to the bare base URI.
    #[must_use]
    pub fn base_key(&self) -> Key {
        self.base_key.clone()
    }

    /// Returns the path of a key relative to the folder, or `None` if the key is not in the folder.
    #[must_use]
    pub fn path_of<'a>(&self, key: &'a str) -> Option<&'a str> {
        self.dir.path_of(key)
    }
}

/// The prefix of all objects of an image.
impl From<ImageFolder> for Prefix {
    fn from(folder: ImageFolder) -> Self {
        folder.dir
    }
}

/// Returns the path of an image below the prefix.
pub(super) fn path_of_image(version: Option<u8>, identifier: &Identifier) -> String {
    version.map_or_else(|| identifier.to_string(), |version| format!("{version}/{identifier}"))
}

/// Returns the URL of the `info.json` of an image.
pub(super) fn info_url(base_uri: &str) -> String {
    format!("{base_uri}/{}", Plan::INFO_JSON)
}

/// The folder of one image in a store, and its base URI on the web.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageAddress {
    folder: ImageFolder,
    base_uri: String,
}

impl ImageAddress {
    pub(super) fn new(folder: ImageFolder, base_uri: String) -> Self {
        Self { folder, base_uri }
    }

    /// Returns the address of a version of the image, which is inside this folder.
    ///
    /// # Errors
    /// If the key is too long.
    pub fn version(&self, name: &VersionName) -> Result<Self, KeyError> {
        Ok(Self { folder: self.folder.version(name)?, base_uri: self.url_of(name) })
    }

    /// Returns the folder in the store.
    #[must_use]
    pub fn folder(&self) -> &ImageFolder {
        &self.folder
    }

    /// Returns the base URI, which is the `id` of the image. It has no trailing slash, because viewers append one.
    #[must_use]
    pub fn base_uri(&self) -> &str {
        &self.base_uri
    }

    /// Returns the URL of a path in the folder, such as a request path.
    #[must_use]
    pub fn url_of(&self, path: &impl fmt::Display) -> String {
        format!("{}/{path}", self.base_uri)
    }

    /// Returns the URL of the `info.json`.
    #[must_use]
    pub fn info_url(&self) -> String {
        info_url(&self.base_uri)
    }
}
