//! Presentation API versions and how each one serializes documents.

use super::v2::{self, CollectionV2, ManifestV2};
use super::v3::{self, CollectionV3, ManifestV3};
use super::{Collection, LanguageMap, Manifest, Picture, StoredCanvas};
use serde::Serialize;
use std::fmt;
use std::str::FromStr;

/// A Presentation API version.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum PresentationVersion {
    /// [Presentation API 3.0](https://iiif.io/api/presentation/3.0/)
    #[default]
    V3,
    /// [Presentation API 2.1](https://iiif.io/api/presentation/2.1/)
    V2,
}

/// Error returned for an unsupported version number.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a supported version of the Presentation API")]
pub struct PresentationVersionError(String);

impl PresentationVersion {
    /// All supported versions, with the default first.
    pub const ALL: &[Self] = &[Self::V3, Self::V2];

    /// Returns the major version number, as used in contexts.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::V3 => "3",
            Self::V2 => "2",
        }
    }

    /// Returns the media type for manifests and collections.
    #[must_use]
    pub fn content_type(self) -> &'static str {
        match self {
            Self::V3 => v3::CONTENT_TYPE,
            Self::V2 => v2::CONTENT_TYPE,
        }
    }

    /// Serializes a manifest for this version.
    pub(super) fn manifest_json(self, manifest: &Manifest) -> String {
        match self {
            Self::V3 => to_json(&ManifestV3::from(manifest)),
            Self::V2 => to_json(&ManifestV2::from(manifest)),
        }
    }

    /// Serializes a collection for this version.
    pub(super) fn collection_json(self, collection: &Collection) -> String {
        match self {
            Self::V3 => to_json(&CollectionV3::from(collection)),
            Self::V2 => to_json(&CollectionV2::from(collection)),
        }
    }

    /// Returns the canvases from a version 3 manifest, or `None` for any other document. Version 3 is always written.
    pub(crate) fn canvases(body: &[u8]) -> Option<Vec<StoredCanvas>> {
        v3::canvases(body)
    }

    /// Returns the label from a version 3 collection, or `None` for any other document.
    pub(crate) fn collection_label(body: &[u8]) -> Option<LanguageMap> {
        v3::collection_label(body)
    }

    /// Returns the thumbnail from a version 3 manifest, or `None` for any other document.
    pub(crate) fn manifest_thumbnail(body: &[u8]) -> Option<Picture> {
        v3::manifest_thumbnail(body)
    }

    /// Returns the URI of a manifest or collection in any supported version, or `None` for any other document.
    #[must_use]
    pub fn document_uri(body: &[u8]) -> Option<String> {
        Self::ALL.iter().find_map(|version| match version {
            Self::V3 => v3::document_uri(body),
            Self::V2 => v2::document_uri(body),
        })
    }
}

impl fmt::Display for PresentationVersion {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl FromStr for PresentationVersion {
    type Err = PresentationVersionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.iter().find(|version| version.as_str() == text);
        found.copied().ok_or_else(|| PresentationVersionError(text.to_owned()))
    }
}

fn to_json(document: &impl Serialize) -> String {
    let mut json = serde_json::to_string_pretty(document).expect("strings and numbers always serialize");
    json.push('\n');
    json
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::iiif::LanguageMap;

    #[test]
    fn all_has_every_version() {
        // The compiler asks for an arm for each new version. Add the version to the list as well.
        let listed = [PresentationVersion::V3, PresentationVersion::V2];
        for version in listed {
            match version {
                PresentationVersion::V3 | PresentationVersion::V2 => {}
            }
        }
        assert_eq!(PresentationVersion::ALL, listed);
        assert_eq!(PresentationVersion::ALL.first(), Some(&PresentationVersion::default()));
    }

    #[test]
    fn each_version_recognizes_its_own_documents() {
        let collection = Collection::new("https://example.org/c.json".to_owned(), LanguageMap::default(), Vec::new());
        for version in PresentationVersion::ALL {
            let json = collection.to_json(*version);
            assert_eq!(
                PresentationVersion::document_uri(json.as_bytes()).as_deref(),
                Some("https://example.org/c.json")
            );
            assert_eq!(version.to_string().parse(), Ok(*version));
        }
        for other in ["", "[]", r#"{"id": "https://example.org", "type": "ImageService3"}"#] {
            assert_eq!(PresentationVersion::document_uri(other.as_bytes()), None, "{other}");
        }
        assert!("none".parse::<PresentationVersion>().is_err());
    }
}
