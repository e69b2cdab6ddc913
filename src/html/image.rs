//! Images shown on a page.

use crate::destination::Identifier;
use crate::publish::{ListedImage, Published};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// An image shown on a page. It's serialized as JSON in published pages, so renaming fields breaks existing pages.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PageImage {
    /// The image's identifier.
    pub id: String,
    /// URL of the image's `info.json`.
    pub info: String,
    /// `true` if the `info.json` points to the base URI of the latest version, which changes over time.
    pub moves: bool,
    /// Name of the version that the numbers below refer to. `None` if the published version is unknown.
    pub version: Option<String>,
    /// Full width in pixels.
    pub width: u32,
    /// Full height in pixels.
    pub height: u32,
    /// Number of tiles.
    pub tiles: Option<u64>,
    /// Total number of objects.
    pub objects: Option<u64>,
    /// Total size of all objects in bytes.
    pub bytes: Option<u64>,
    /// HTML that shows the image on any web page, if known.
    #[serde(default)]
    pub embed: Option<String>,
    /// Title, displayed instead of the identifier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Credit line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credit: Option<String>,
    /// URI of the license or rights statement. By default, the viewer displays the URI from `info.json`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rights: Option<String>,
}

impl PageImage {
    /// Creates an entry for an image that was published or found unchanged. `info` is the URL of its `info.json`.
    #[must_use]
    pub fn of(published: &Published, info: String) -> Self {
        Self {
            id: published.identifier.to_string(),
            info,
            moves: false,
            version: published.version.as_ref().map(ToString::to_string),
            width: published.size.width(),
            height: published.size.height(),
            tiles: published.version.as_ref().map(|_| published.tiles),
            objects: None,
            bytes: None,
            embed: None,
            title: None,
            credit: None,
            rights: None,
        }
    }

    /// Creates an entry for a listed image, or returns `None` if its size is unknown.
    #[must_use]
    pub fn of_listed(image: &ListedImage) -> Option<Self> {
        let size = image.size?;
        Some(Self {
            id: image.identifier.to_string(),
            info: image.info_url(),
            moves: false,
            version: None,
            width: size.width(),
            height: size.height(),
            tiles: None,
            objects: image.objects,
            bytes: None,
            embed: None,
            title: None,
            credit: None,
            rights: None,
        })
    }

    /// Returns the title, or the identifier if the image doesn't have a title.
    #[must_use]
    pub(super) fn name(&self) -> &str {
        self.title.as_deref().unwrap_or(&self.id)
    }

    /// Returns the URL of the folder that contains the image's pictures, or `None` if it's unknown.
    #[must_use]
    pub(super) fn folder(&self) -> Option<String> {
        let base = self.info.strip_suffix("/info.json").filter(|base| is_web_url(base))?;
        match &self.version {
            Some(version) if self.moves => Some(format!("{base}/{version}")),
            _ => Some(base.to_owned()).filter(|_| !self.moves),
        }
    }

    /// Sets the object count and size in bytes from a run that stored all of the image's objects.
    #[must_use]
    pub fn stored_by(self, published: &Published) -> Self {
        Self { objects: Some(published.objects), bytes: Some(published.bytes), ..self }
    }
}

/// Returns `true` for URLs that a page may link to.
pub(super) fn is_web_url(url: &str) -> bool {
    url.starts_with("https://") || url.starts_with("http://")
}

/// Sorts images by their position in `order`.
#[must_use]
pub fn in_order(mut published: Vec<Published>, order: &[Identifier]) -> Vec<Published> {
    let places: HashMap<&Identifier, usize> = order.iter().zip(0..).collect();
    published.sort_by_key(|image| places.get(&image.identifier).copied());
    published
}
