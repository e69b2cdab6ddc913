//! One image of a collection, and what is said of it.

use super::table::Said;
use crate::iiif::Description;
use crate::location::Location;
use crate::store::Identifier;
use std::collections::HashMap;

/// One image of a collection: a page of an object, or an object by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// Where it is.
    pub source: Location,
    /// What it is to be called.
    pub identifier: Identifier,
    /// The object that it is a page of; itself where nothing was said.
    pub object: Identifier,
    /// Its place among the pages of the object: by this number, then in the order of the input.
    pub sequence: u64,
    /// The page of the object that stands for it in lists; the first one where nothing was said.
    pub thumbnail: Option<Identifier>,
    /// What a table said of it.
    pub said: Option<Said>,
}

impl Page {
    /// What is said of it; nothing where there is no table.
    #[must_use]
    pub fn description(&self) -> Description {
        self.said.as_ref().map(Said::description).unwrap_or_default()
    }

    /// An image that is an object by itself.
    #[must_use]
    pub fn alone(source: Location, identifier: Identifier) -> Self {
        Self { source, object: identifier.clone(), identifier, sequence: 0, thumbnail: None, said: None }
    }
}

/// The pages of each object, in their order; objects in the order in which the input first names them.
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
