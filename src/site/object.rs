//! Objects shown on a site.

use crate::destination::Identifier;
use crate::iiif::{Description, LanguageMap, Range, Size};

/// A published object.
#[derive(Clone, Debug)]
pub(crate) struct SiteObject {
    pub(crate) identifier: Identifier,
    pub(crate) description: Description,
    /// The object's images. There must be at least one.
    pub(crate) images: Vec<SiteImage>,
    /// Index of the image that represents the object.
    pub(crate) thumbnail: usize,
    /// Index of the image to show first.
    pub(crate) start: usize,
    /// Table of contents, which may be empty.
    pub(crate) contents: Vec<Range>,
}

/// An image of an object.
#[derive(Clone, Debug)]
pub(crate) struct SiteImage {
    pub(crate) base_uri: String,
    pub(crate) size: Size,
    /// May be empty.
    pub(crate) label: LanguageMap,
    /// Alternative text, which may be empty.
    pub(crate) alt: LanguageMap,
}

impl SiteObject {
    /// Returns the image that represents the object.
    pub(super) fn shown(&self) -> Option<&SiteImage> {
        self.images.get(self.thumbnail).or_else(|| self.images.first())
    }

    /// Returns the image to show first.
    pub(super) fn opened(&self) -> Option<&SiteImage> {
        self.images.get(self.start).or_else(|| self.images.first())
    }
}
