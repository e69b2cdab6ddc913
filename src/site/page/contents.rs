//! An object's table of contents.

use crate::iiif::Range;
use crate::site::value::{Value, title};
use askama::Template;

/// A page that entries can begin with.
#[derive(Clone, Copy)]
pub(super) struct PageLink<'a> {
    pub(super) href: &'a str,
    pub(super) label: &'a Value,
}

/// A list of entries, some of which have lists of their own.
#[derive(Template)]
#[template(path = "contents.html", config = "src/site/askama.toml")]
pub(super) struct Contents {
    entries: Vec<Entry>,
}

struct Entry {
    label: Value,
    /// Number of the entry's first page, counting from 1.
    page: usize,
    href: String,
    page_label: Value,
    inner: Option<Contents>,
}

impl Contents {
    /// Creates a table of contents. Returns `None` if no range has pages.
    pub(super) fn new<'a>(
        ranges: impl IntoIterator<Item = &'a Range>,
        pages: &[PageLink<'_>],
        language: &str,
    ) -> Option<Self> {
        let entries: Vec<Entry> = ranges.into_iter().filter_map(|range| Entry::new(range, pages, language)).collect();
        (!entries.is_empty()).then_some(Self { entries })
    }
}

impl Entry {
    fn new(range: &Range, pages: &[PageLink<'_>], language: &str) -> Option<Self> {
        let index = range.first_page()?;
        let page = pages.get(index)?;
        Some(Self {
            label: title(range.label(), language, ""),
            page: index + 1,
            href: page.href.to_owned(),
            page_label: page.label.clone(),
            inner: Contents::new(range.ranges(), pages, language),
        })
    }
}
