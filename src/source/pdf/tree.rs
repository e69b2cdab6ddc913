//! Lists a file's pages in order (ISO 32000-2, 7.7.3).

use super::document::Document;
use super::object::{Dictionary, Object};
use crate::source::DecodeError;
use std::collections::HashSet;

/// Maximum number of pages in a file.
const MAX_PAGES: usize = 200_000;

/// Maximum tree depth. A balanced tree of 100,000 pages has fewer than 10 levels.
const MAX_DEPTH: usize = 256;

/// Attributes that pages inherit from their ancestors.
const INHERITED: [&[u8]; 4] = [b"Resources", b"MediaBox", b"CropBox", b"Rotate"];

/// The pages' object numbers.
#[derive(Default)]
pub(super) struct PageTree {
    pages: Vec<Leaf>,
    nodes: Vec<Node>,
}

#[derive(Clone, Copy)]
struct Leaf {
    number: u32,
    /// Index of the parent node.
    parent: u32,
}

struct Node {
    number: u32,
    /// Index of the parent node. The root is its own parent.
    parent: u32,
}

impl PageTree {
    /// Finds all pages.
    ///
    /// # Errors
    /// Returns an error if any pages are damaged or missing.
    pub(super) fn read(document: &Document) -> Result<Self, DecodeError> {
        let catalog = document.dictionary(&document.index.trailer, b"Root");
        let root = catalog.raw(b"Pages").and_then(Object::reference).ok_or("it has no list of pages")?;
        let mut tree = Self { pages: Vec::new(), nodes: vec![Node { number: root, parent: 0 }] };
        // Open nodes, along with their remaining children in reverse order.
        let mut seen = HashSet::from([root]);
        let mut open = vec![(0, children(document, root)?)];
        while let Some((node, remaining)) = open.last_mut() {
            let (node, Some(child)) = (*node, remaining.pop()) else {
                open.pop();
                continue;
            };
            if !seen.insert(child) {
                return Err("its list of pages contains a page twice".into());
            }
            if tree.add(document, node, child)? {
                if open.len() == MAX_DEPTH {
                    return Err("its list of pages is nested too deeply".into());
                }
                let node = u32::try_from(tree.nodes.len() - 1)?;
                open.push((node, children(document, child)?));
            }
            if tree.pages.len() > MAX_PAGES {
                return Err(format!("it has more than {MAX_PAGES} pages").into());
            }
        }
        document.check_work()?;
        Ok(tree)
    }

    /// Adds a node's child. Returns `true` if the child is also a node.
    fn add(&mut self, document: &Document, parent: u32, number: u32) -> Result<bool, DecodeError> {
        let object = document.load(number);
        let dictionary = object
            .dictionary()
            .ok_or_else(|| format!("page {} is damaged: its object {number} is missing", self.pages.len() + 1))?;
        // Some files omit the type or get it wrong.
        let is_node = dictionary.raw(b"Kids").is_some();
        if is_node {
            self.nodes.push(Node { number, parent });
        } else {
            self.pages.push(Leaf { number, parent });
        }
        Ok(is_node)
    }

    pub(super) fn count(&self) -> u32 {
        u32::try_from(self.pages.len()).unwrap_or(u32::MAX)
    }

    /// Returns the object number and page number of each page. Page numbers start at 1.
    pub(super) fn numbers(&self) -> impl Iterator<Item = (u32, u32)> {
        self.pages.iter().map(|leaf| leaf.number).zip(1..)
    }

    /// Returns a page's object number and attributes, including inherited attributes. Page numbers start at 1.
    pub(super) fn page(&self, document: &Document, page: u32) -> Option<(u32, Dictionary)> {
        let leaf = *self.pages.get(page.checked_sub(1)? as usize)?;
        let mut dictionary = document.load(leaf.number).dictionary()?.clone();
        let mut parent = leaf.parent;
        loop {
            let missing: Vec<_> = INHERITED.into_iter().filter(|key| dictionary.raw(key).is_none()).collect();
            if missing.is_empty() {
                break;
            }
            let node = self.nodes.get(parent as usize)?;
            let above = document.load(node.number);
            for key in missing {
                if let Some(value) = above.dictionary().and_then(|above| above.raw(key)) {
                    dictionary.set(key, value.clone());
                }
            }
            if node.parent == parent {
                break;
            }
            parent = node.parent;
        }
        Some((leaf.number, dictionary))
    }
}

/// Returns the object numbers of a node's children in reverse order. Skips children that aren't references.
fn children(document: &Document, node: u32) -> Result<Vec<u32>, DecodeError> {
    let node = document.load(node);
    let dictionary = node.dictionary().ok_or("its list of pages is missing")?;
    let kids = document.get(dictionary, b"Kids");
    Ok(kids.array().unwrap_or_default().iter().rev().filter_map(Object::reference).collect())
}
