//! Table rows that describe objects instead of pages.

use crate::collection::page::Page;
use crate::collection::row_metadata::RowMetadata;
use crate::destination::Identifier;
use std::collections::HashMap;
use std::sync::Arc;

/// Rows that describe objects, by object identifier.
#[derive(Debug, Default)]
pub(super) struct ObjectRows(HashMap<Identifier, ObjectRow>);

#[derive(Debug)]
struct ObjectRow {
    line: u64,
    metadata: Option<Arc<RowMetadata>>,
    has_pages: bool,
}

impl ObjectRows {
    /// Adds a row. If the object already has a row, returns the object and the line number of its first row.
    pub(super) fn add(
        &mut self,
        object: Identifier,
        line: u64,
        metadata: Option<RowMetadata>,
    ) -> Result<(), (Identifier, u64)> {
        if let Some(first) = self.0.get(&object) {
            return Err((object, first.line));
        }
        self.0.insert(object, ObjectRow { line, metadata: metadata.map(Arc::new), has_pages: false });
        Ok(())
    }

    /// Adds object descriptions to their pages. Returns the line numbers and objects of rows without pages, in table
    /// order.
    pub(super) fn describe(mut self, pages: &mut [Page]) -> Vec<(u64, Identifier)> {
        for page in pages {
            if let Some(row) = self.0.get_mut(&page.object) {
                page.object_metadata.clone_from(&row.metadata);
                row.has_pages = true;
            }
        }
        let without_pages = self.0.into_iter().filter(|(_, row)| !row.has_pages);
        let mut without_pages: Vec<_> = without_pages.map(|(object, row)| (row.line, object)).collect();
        without_pages.sort();
        without_pages
    }
}
