//! The table of contents (ISO 32000-2, 12.3.3).

use super::document::Document;
use super::object::{Dictionary, Object};
use super::text;
use super::tree::PageTree;
use crate::iiif::RangePath;
use std::collections::{HashMap, HashSet};

/// Maximum number of entries to read. A dictionary can have a few thousand.
const MAX_ENTRIES: usize = 20_000;

/// Maximum combined length of all titles in bytes. A title counts again for every entry nested in it.
const MAX_TITLES_BYTES: usize = 4 << 20;

/// Maximum depth of a name tree.
const MAX_NAME_DEPTH: usize = 16;

/// Returns the entries that start on each page, by page number, counting from 1. Skips entries nested too deeply.
pub(super) fn read(document: &Document, catalog: &Dictionary, tree: &PageTree) -> HashMap<u32, Vec<RangePath>> {
    let Some(root) = document.find(catalog, b"Outlines") else { return HashMap::new() };
    let pages = tree.numbers().collect();
    let mut reader = Reader { document, catalog, pages, seen: HashSet::new(), entries: HashMap::new(), bytes: 0 };
    reader.read(&root);
    reader.entries
}

struct Reader<'a> {
    document: &'a Document,
    catalog: &'a Dictionary,
    /// Pages by object number.
    pages: HashMap<u32, u32>,
    seen: HashSet<u32>,
    entries: HashMap<u32, Vec<RangePath>>,
    bytes: usize,
}

impl Reader<'_> {
    fn read(&mut self, root: &Object) {
        // The next entry of each level, along with the titles above it.
        let mut open = vec![(child(root), Vec::<Box<str>>::new())];
        while let Some((next, above)) = open.pop() {
            let Some(number) = next.filter(|number| self.seen.len() < MAX_ENTRIES && self.seen.insert(*number)) else {
                continue;
            };
            let entry = self.document.load(number);
            let Some(dictionary) = entry.dictionary() else { continue };
            open.push((dictionary.raw(b"Next").and_then(Object::reference), above.clone()));
            let mut path = above;
            let title = self.document.get(dictionary, b"Title").string().map(text::decode).unwrap_or_default();
            path.push(title.into());
            self.bytes += path.iter().map(|title| title.len()).sum::<usize>();
            let Some(range) = RangePath::from_labels(&path, None).ok().filter(|_| self.bytes <= MAX_TITLES_BYTES)
            else {
                continue;
            };
            if let Some(page) = self.page(dictionary) {
                self.entries.entry(page).or_default().push(range);
            }
            open.push((child(&entry), path));
        }
    }

    /// Returns the number of the page that an entry points to.
    fn page(&self, entry: &Dictionary) -> Option<u32> {
        let destination = self.document.find(entry, b"Dest").or_else(|| {
            let action = self.document.dictionary(entry, b"A");
            let is_within = self.document.get(&action, b"S").name() == Some(b"GoTo");
            if is_within { self.document.find(&action, b"D") } else { None }
        })?;
        let destination = match destination {
            Object::Name(name) | Object::String(name) => self.named(&name)?,
            other => other,
        };
        let array = match &destination {
            Object::Dictionary(dictionary) => self.document.get(dictionary, b"D"),
            other => other.clone(),
        };
        match array.array()?.first()? {
            Object::Reference(number) => self.pages.get(number).copied(),
            // Numbers are meant for links to other files, but some writers use them within a file.
            number => {
                let page = u32::try_from(number.integer()?).ok()?.checked_add(1)?;
                (page as usize <= self.pages.len()).then_some(page)
            }
        }
    }

    /// Returns a named destination.
    fn named(&self, name: &[u8]) -> Option<Object> {
        let old = self.document.dictionary(self.catalog, b"Dests");
        if let Some(found) = self.document.find(&old, name) {
            return Some(found);
        }
        let names = self.document.dictionary(self.catalog, b"Names");
        let mut node = self.document.find(&names, b"Dests")?;
        for _ in 0..MAX_NAME_DEPTH {
            let dictionary = node.dictionary()?;
            let pairs = self.document.get(dictionary, b"Names");
            if let Some(pairs) = pairs.array() {
                let is_name = |pair: &&[Object]| self.document.resolve(&pair[0]).string() == Some(name);
                return pairs.chunks_exact(2).find(is_name).map(|pair| self.document.resolve(&pair[1]));
            }
            let kids = self.document.get(dictionary, b"Kids");
            let kids = kids.array()?.iter().map(|kid| self.document.resolve(kid));
            node = kids.into_iter().find(|kid| self.has_name(kid, name))?;
        }
        None
    }

    /// Returns `true` if this node of a name tree could contain the name.
    fn has_name(&self, node: &Object, name: &[u8]) -> bool {
        let limits = node.dictionary().map(|node| self.document.get(node, b"Limits"));
        let limit = |at: usize| Some(self.document.resolve(limits.as_ref()?.array()?.get(at)?));
        let (first, last) = (limit(0), limit(1));
        let is_before = |limit: &Option<Object>| limit.as_ref().and_then(Object::string).is_none_or(|it| it <= name);
        let is_after = |limit: &Option<Object>| limit.as_ref().and_then(Object::string).is_none_or(|it| it >= name);
        is_before(&first) && is_after(&last)
    }
}

/// Returns the object number of an entry's first child.
fn child(entry: &Object) -> Option<u32> {
    entry.dictionary()?.raw(b"First")?.reference()
}
