//! Images in a collection and their metadata.

use super::page_selection::PageSelection;
use super::row_metadata::RowMetadata;
use super::row_place::RowPlace;
use crate::destination::Identifier;
use crate::iiif::{Description, RangePath, ViewingDirection};
use crate::location::Location;
use crate::store::KeyError;
use std::collections::HashMap;
use std::sync::Arc;

/// A single image in a collection. It is either one page of an object or an object of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Page {
    /// Location of the source image.
    pub source: Location,
    /// Identifier of the published image.
    pub identifier: Identifier,
    /// Object that the page belongs to. By default, each page is its own object.
    pub object: Identifier,
    /// Sort key within the object. Pages with equal keys keep their input order.
    pub sequence: u64,
    /// Page used as the object's thumbnail. Defaults to the first page.
    pub thumbnail: Option<Identifier>,
    /// Page that viewers of the object open first. Defaults to the first page.
    pub start: Option<Identifier>,
    /// Pages of the source to publish.
    pub pages: PageSelection,
    /// Row of a list or table that the image comes from.
    pub(crate) row: Option<RowPlace>,
    /// Label of a page that was found in a file with several pages.
    pub(crate) label: Option<Box<str>>,
    /// Table of contents entries from that file that the page belongs to.
    pub(crate) ranges: Box<[RangePath]>,
    /// Reading direction of that file.
    pub(crate) viewing_direction: Option<ViewingDirection>,
    /// Metadata from a table row.
    pub(crate) metadata: Option<RowMetadata>,
    /// The object's own metadata, if it has any. All of its pages share it.
    pub(crate) object_metadata: Option<Arc<RowMetadata>>,
}

impl Page {
    /// Returns the page's description, which comes from a table row. A table of contents in the row replaces the file's.
    #[must_use]
    pub(crate) fn description(&self) -> Description {
        let mut description = self.metadata.as_ref().map(RowMetadata::description).unwrap_or_default();
        if description.ranges.is_empty() {
            description.ranges = self.ranges.to_vec();
        }
        description
    }

    /// Returns the object's own description, if it has one in addition to its pages' descriptions.
    #[must_use]
    pub(crate) fn object_description(&self) -> Option<Description> {
        self.object_metadata.as_ref().map(|metadata| metadata.description())
    }

    /// Returns the row of a list or table that the image comes from.
    #[must_use]
    pub fn row(&self) -> Option<&RowPlace> {
        self.row.as_ref()
    }

    /// Creates a page that is its own object.
    #[must_use]
    pub fn alone(source: Location, identifier: Identifier) -> Self {
        Self {
            source,
            object: identifier.clone(),
            identifier,
            sequence: 0,
            thumbnail: None,
            start: None,
            pages: PageSelection::default(),
            row: None,
            label: None,
            ranges: Box::default(),
            viewing_direction: None,
            metadata: None,
            object_metadata: None,
        }
    }

    /// Returns a page of this file. Its identifier is the file's, followed by the page's number, which is never padded:
    /// names must not change when a file gets more pages. Its label is its number unless the file names it.
    ///
    /// # Errors
    /// Returns an error if the identifier is too long.
    pub(crate) fn page_of_file(
        &self,
        number: u32,
        label: Option<&str>,
        ranges: &[RangePath],
    ) -> Result<Self, KeyError> {
        Ok(Self {
            identifier: format!("{}/{number}", self.identifier).parse()?,
            pages: PageSelection::One(number),
            label: Some(label.map_or_else(|| number.to_string().into(), Into::into)),
            ranges: ranges.into(),
            ..self.clone()
        })
    }
}

/// Groups pages by object. Pages are sorted within each object, and objects are ordered by their first page in the
/// input.
#[must_use]
pub fn objects<'a>(pages: impl IntoIterator<Item = &'a Page>) -> Vec<Vec<&'a Page>> {
    let mut places = HashMap::new();
    let mut objects: Vec<Vec<&Page>> = Vec::new();
    for page in pages {
        let place = *places.entry(&page.object).or_insert_with(|| {
            objects.push(Vec::new());
            objects.len() - 1
        });
        objects[place].push(page);
    }
    for pages in &mut objects {
        pages.sort_by_key(|page| page.sequence);
    }
    objects
}
