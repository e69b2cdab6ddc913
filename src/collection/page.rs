//! Images in a collection and their metadata.

use super::row_metadata::RowMetadata;
use crate::destination::Identifier;
use crate::iiif::Description;
use crate::location::Location;
use std::collections::HashMap;

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
    /// Metadata from a table row.
    pub(crate) metadata: Option<RowMetadata>,
}

impl Page {
    /// Returns the page's description. It is empty unless the page comes from a table.
    #[must_use]
    pub(crate) fn description(&self) -> Description {
        self.metadata.as_ref().map(RowMetadata::description).unwrap_or_default()
    }

    /// Creates a page that is its own object.
    #[must_use]
    pub fn alone(source: Location, identifier: Identifier) -> Self {
        Self { source, object: identifier.clone(), identifier, sequence: 0, thumbnail: None, metadata: None }
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
