//! The mark stored with each manifest and collection.
//!
//! ```text
//! 1;presentation=1
//! 1;presentation=1;state=current;pages=0f3a…      the manifest of all pages of one file
//! 1;presentation=1;direction=right-to-left;state=current;pages=0f3a…
//! ```
//! `pages` is the hash of everything that decides about the pages. If it's the same in a later run, the run doesn't look
//! at the pages. Like the mark of an `info.json`, it's invalidated before any page changes: by the run that changes all
//! pages, and by [`forget_pages`] for a single one.
//!
//! `direction` is the reading direction that the file specifies. It isn't read from the manifest, because the one in the
//! manifest may be from a table that has changed.

use crate::iiif::{PresentationVersion, ViewingDirection};
use crate::store::{Key, Object, Store, StoreError};
use std::fmt;

/// Revision of manifests and collections. Must be incremented whenever the same input produces different documents.
const REVISION: u32 = 1;

/// A mark stored with a manifest or collection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DocumentMark {
    revision: u32,
    pub(crate) pages: Option<PagesMark>,
    /// Reading direction of the file whose pages the manifest shows, if the file specifies one.
    pub(crate) direction: Option<ViewingDirection>,
}

/// The state of a file's pages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PagesMark {
    /// Hash of the file, the selected pages and all options.
    pub(crate) hash: String,
    /// `true` if every page has been compared with its digest.
    pub(crate) is_settled: bool,
}

impl DocumentMark {
    /// Creates the mark of a document that this version of the program writes.
    pub(crate) fn new(pages: Option<PagesMark>) -> Self {
        Self { revision: REVISION, pages, direction: None }
    }

    /// Returns a copy with the reading direction that a file specifies.
    pub(crate) fn with_direction(self, direction: Option<ViewingDirection>) -> Self {
        Self { direction, ..self }
    }

    /// Returns the mark of the same document when the state of its pages is unknown.
    pub(crate) fn without_pages(&self) -> Self {
        Self::new(None).with_direction(self.direction)
    }

    /// Parses a mark. Unknown fields are ignored. Objects of other programs have no mark.
    pub(crate) fn read(mark: Option<&str>) -> Self {
        let field = |name: &str| mark?.split(';').find_map(|field| field.strip_prefix(name)?.strip_prefix('='));
        let revision = field("presentation").and_then(|revision| revision.parse().ok()).unwrap_or(0);
        let state = |state| match state {
            "settling" => Some(false),
            "current" => Some(true),
            _ => None,
        };
        let pages = field("state").and_then(state).zip(field("pages"));
        let pages = pages.map(|(is_settled, hash)| PagesMark { hash: hash.to_owned(), is_settled });
        Self { revision, pages, direction: field("direction").and_then(ViewingDirection::parse) }
    }

    /// Returns `true` if the mark was written by a newer version of this program.
    pub(crate) fn is_newer(&self) -> bool {
        self.revision > REVISION
    }
}

impl fmt::Display for DocumentMark {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "1;presentation={}", self.revision)?;
        if let Some(direction) = self.direction {
            write!(formatter, ";direction={}", direction.as_str())?;
        }
        let Some(PagesMark { hash, is_settled }) = &self.pages else { return Ok(()) };
        let state = if *is_settled { "current" } else { "settling" };
        write!(formatter, ";state={state};pages={hash}")
    }
}

/// Removes the state from a manifest, if it has any, because one of the pages is about to change or to be deleted.
///
/// # Errors
/// Returns an error if the store fails.
pub(crate) async fn forget_pages(store: &dyn Store, manifest: Key, cache_control: &str) -> Result<(), StoreError> {
    let Some(stored) = store.get(&manifest).await? else { return Ok(()) };
    let mark = DocumentMark::read(stored.mark.as_deref());
    if mark.pages.is_none() {
        return Ok(());
    }
    let object = Object {
        key: manifest,
        body: stored.body.into(),
        content_encoding: None,
        content_type: PresentationVersion::default().content_type(),
        cache_control: cache_control.into(),
        mark: Some(mark.without_pages().to_string().into()),
    };
    store.put(object).await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_of_newer_versions_are_recognized() {
        for (mark, expected) in [
            (Some(DocumentMark::new(None).to_string()), false),
            (Some("1;presentation=2".to_owned()), true),
            (Some("1;presentation=x".to_owned()), false),
            (None, false),
        ] {
            assert_eq!(DocumentMark::read(mark.as_deref()).is_newer(), expected, "{mark:?}");
        }
    }

    #[test]
    fn the_format_is_what_earlier_runs_wrote() {
        let right_to_left = |pages| DocumentMark::new(pages).with_direction(Some(ViewingDirection::RightToLeft));
        let pages = |is_settled| Some(PagesMark { hash: "0f".to_owned(), is_settled });
        for (mark, text) in [
            (DocumentMark::new(None), "1;presentation=1"),
            (DocumentMark::new(pages(false)), "1;presentation=1;state=settling;pages=0f"),
            (DocumentMark::new(pages(true)), "1;presentation=1;state=current;pages=0f"),
            (right_to_left(None), "1;presentation=1;direction=right-to-left"),
            (right_to_left(pages(true)), "1;presentation=1;direction=right-to-left;state=current;pages=0f"),
        ] {
            assert_eq!(mark.to_string(), text);
            assert_eq!(DocumentMark::read(Some(text)), mark);
        }
        assert_eq!(DocumentMark::read(Some("1;presentation=1;state=resting;pages=0f")).pages, None);
    }
}
