//! A guard against assertions that check nothing.

use std::iter::Peekable;

/// Returns the items, of which there must be some: an assertion on each item cannot fail if there are none.
pub fn some<I: IntoIterator>(items: I) -> Peekable<I::IntoIter> {
    let mut items = items.into_iter().peekable();
    assert!(items.peek().is_some(), "there are no items to check");
    items
}
