//! Groups a folder's images into an object, such as the pages of a book.

use crate::collection::page::Page;
use crate::collection::row_metadata::RowMetadata;
use crate::destination::Identifier;
use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::Arc;

/// Turns pages from the same folder into one object, in natural order. The object is named after the folder. Pages that
/// aren't in a folder belong to `root`, or stay separate objects if it's `None`.
pub(super) fn group_by_folder<'p>(pages: impl IntoIterator<Item = &'p mut Page>, root: Option<&Identifier>) {
    let mut folders: HashMap<Identifier, Vec<&'p mut Page>> = HashMap::new();
    for page in pages {
        let folder = page.identifier.as_str().rsplit_once('/').and_then(|(folder, _)| folder.parse().ok());
        if let Some(folder) = folder.or_else(|| root.cloned()) {
            folders.entry(folder).or_default().push(page);
        }
    }
    for (folder, mut pages) in folders {
        let name = folder.as_str().rsplit('/').next().unwrap_or_default();
        let label = Arc::new(RowMetadata::from_label(name));
        pages.sort_by(|a, b| natural_order(a.identifier.as_str(), b.identifier.as_str()));
        for (page, sequence) in pages.into_iter().zip(1..) {
            page.object = folder.clone();
            page.sequence = sequence;
            page.object_metadata = Some(Arc::clone(&label));
        }
    }
}

/// Compares names in natural order, with `page 2` before `page 10`.
fn natural_order(one: &str, other: &str) -> Ordering {
    let (mut a, mut b) = (one, other);
    while !a.is_empty() && !b.is_empty() {
        let (part_a, rest_a) = first_part(a);
        let (part_b, rest_b) = first_part(b);
        let (number_a, number_b) = (part_a.trim_start_matches('0'), part_b.trim_start_matches('0'));
        let are_numbers = [part_a, part_b].iter().all(|part| part.starts_with(|c: char| c.is_ascii_digit()));
        let order = if are_numbers {
            // Compare digits without parsing them, because numbers can have any length.
            number_a.len().cmp(&number_b.len()).then_with(|| number_a.cmp(number_b))
        } else {
            part_a.cmp(part_b)
        };
        if order != Ordering::Equal {
            return order;
        }
        (a, b) = (rest_a, rest_b);
    }
    a.len().cmp(&b.len()).then_with(|| one.cmp(other))
}

/// Splits a name at the first boundary between digits and other characters.
fn first_part(name: &str) -> (&str, &str) {
    let is_number = name.starts_with(|c: char| c.is_ascii_digit());
    name.split_at(name.find(|c: char| c.is_ascii_digit() != is_number).unwrap_or(name.len()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collection::objects;
    use std::path::Path;

    fn page(identifier: &str) -> Page {
        Page::alone(Path::new("x.tif").into(), identifier.parse().expect("an identifier"))
    }

    #[test]
    fn each_folder_is_an_object_with_its_pages_in_natural_order() {
        let names = ["a/p10", "a/p2", "a/p1", "a/plates/1", "cover", "b/p002", "b/p2", "b/p1b"];
        let grouped = |root: Option<&Identifier>| {
            let mut pages = names.map(page);
            group_by_folder(&mut pages, root);
            let object = |pages: Vec<&Page>| {
                let names: Vec<&str> = pages.iter().map(|page| page.identifier.as_str()).collect();
                format!("{}: {}", pages[0].object, names.join(" "))
            };
            objects(&pages).into_iter().map(object).collect::<Vec<_>>()
        };
        let books = ["a: a/p1 a/p2 a/p10", "a/plates: a/plates/1", "cover: cover", "b: b/p1b b/p002 b/p2"];
        assert_eq!(grouped(None), books);
        let root: Identifier = "atlas".parse().expect("an identifier");
        assert!(grouped(Some(&root)).contains(&"atlas: cover".to_owned()));
        let mut pages = [page("books/Café/1")];
        group_by_folder(&mut pages, None);
        let label = pages[0].object_description().expect("a label").label;
        assert_eq!(label, crate::iiif::LanguageMap::new(None, "Café"));
    }
}
