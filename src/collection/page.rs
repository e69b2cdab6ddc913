//! One image of a collection, with its description.

use super::row_metadata::RowMetadata;
use crate::destination::Identifier;
use crate::iiif::Description;
use crate::location::Location;
use std::collections::HashMap;

/// One image of a collection: a page of an object, or an object of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Page {
    /// The location of the source image.
    pub source: Location,
    /// The identifier of the published image.
    pub identifier: Identifier,
    /// The object that the page belongs to. By default, the page is its own object.
    pub object: Identifier,
    /// The sort key of the page in its object. Pages with equal keys stay in the order of the input.
    pub sequence: u64,
    /// The page that represents the object in lists. By default, the first page.
    pub thumbnail: Option<Identifier>,
    /// The metadata from a table.
    pub(crate) metadata: Option<RowMetadata>,
}

impl Page {
    /// Returns the description of the page, which is empty without a table.
    #[must_use]
    pub(crate) fn description(&self) -> Description {
        self.metadata.as_ref().map(RowMetadata::description).unwrap_or_default()
    }

    /// Creates a page that is an object of its own.
    #[must_use]
    pub fn alone(source: Location, identifier: Identifier) -> Self {
        Self { source, object: identifier.clone(), identifier, sequence: 0, thumbnail: None, metadata: None }
    }
}

/// Returns the pages of each object in their order. Objects are in the order of their first page in the input.
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
