//! Rows of a list or table that failed images come from.

use iiif_publish::collection::{Page, RowPlace};
use iiif_publish::destination::Identifier;
use iiif_publish::error::chain;
use iiif_publish::publish::PublishError;
use std::collections::HashMap;
use std::sync::OnceLock;

/// Rows by image. They're collected when the first image fails.
pub(in crate::cli) struct Rows<'a> {
    pages: &'a [Page],
    rows: OnceLock<HashMap<&'a Identifier, &'a RowPlace>>,
}

impl<'a> Rows<'a> {
    pub(in crate::cli) fn new(pages: &'a [Page]) -> Self {
        Self { pages, rows: OnceLock::new() }
    }

    /// Returns an image's error with its causes, after the row that the image comes from.
    pub(super) fn error(&self, identifier: &Identifier, error: &PublishError) -> String {
        let row = |page: &'a Page| Some((&page.identifier, page.row()?));
        let rows = self.rows.get_or_init(|| self.pages.iter().filter_map(row).collect());
        match rows.get(identifier) {
            Some(row) => format!("{row} (`{identifier}`): {}", chain(error)),
            None => chain(error),
        }
    }
}
