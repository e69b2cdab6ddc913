//! PDF. If a page is a single image, as in scans, the image itself is used. All other pages are rendered.
//!
//! ```text
//! file -> index of objects (xref, or recover) -> Document: objects on demand -> PageTree -> Page
//! Page -> content: is it one image? -> scan: the image as it's stored -> rows
//!                                   -> subset: a file with this page only -> render -> rows
//! ```
//!
//! Only objects that are actually needed are read, so large and remote files need little memory and few requests.

mod ascii;
mod bilevel;
mod color_space;
mod content;
mod crop;
mod document;
mod filter;
mod geometry;
mod index;
mod labels;
mod lexer;
mod object;
mod outline;
mod page;
mod predictor;
mod recover;
mod render;
mod run_length;
mod sample_rows;
mod scan;
mod subset;
mod survey;
mod text;
mod tree;
mod xref;

use super::page_list::PageList;
use super::{DecodeError, Input, Opened, ReadOptions, Refusal, Warning, WarningCode};
use crate::iiif::{RangePath, ViewingDirection};
use document::Document;
use index::Index;
use page::Page;
use std::collections::HashMap;
use std::sync::Arc;
use tree::PageTree;

/// Opens the page specified by the options.
pub(super) fn open(file: Input, options: ReadOptions) -> Result<Opened, Refusal> {
    let pages = PdfPages::read(&file)?;
    let mut opened = pages.open(file, options.page, options)?;
    let count = pages.count();
    if count > 1 && options.page == 1 {
        let text = format!("only the first of its {count} pages is published (publish all with `--pages all`)");
        opened.metadata.warnings.push(Warning::new(WarningCode::PagesIgnored, text));
    }
    Ok(opened)
}

/// Finds a file's pages.
pub(super) fn pages(file: &Input) -> Result<Box<dyn PageList>, Refusal> {
    let mut pages = PdfPages::read(file)?;
    pages.read_catalog(file);
    Ok(Box::new(pages))
}

/// A file's pages.
struct PdfPages {
    index: Arc<Index>,
    tree: PageTree,
    /// Labels by page number, counting from 1.
    labels: HashMap<u32, Box<str>>,
    /// Table of contents entries by page number, counting from 1.
    ranges: HashMap<u32, Vec<RangePath>>,
    /// Reading direction, if it isn't the default.
    direction: Option<ViewingDirection>,
}

impl PdfPages {
    fn read(file: &Input) -> Result<Self, Refusal> {
        // Scan the file if its index is damaged or points to the wrong objects.
        let (document, tree) = match xref::read(file).and_then(|index| find_pages(file, index)) {
            Ok(found) => found,
            Err(_) if file.failure().is_some() => return Err(Refusal::Decode("it could not be read".into())),
            Err(cause) => recover::read(file).and_then(|index| find_pages(file, index)).map_err(|_| cause)?,
        };
        if document.find(&document.index.trailer, b"Encrypt").is_some() {
            return Err(Refusal::unsupported(
                "an encrypted PDF",
                "decrypt it first, for example: `qpdf --decrypt IN.pdf OUT.pdf`",
            ));
        }
        let catalog = document.dictionary(&document.index.trailer, b"Root");
        let labels = labels::read(&document, &catalog, tree.count());
        Ok(Self { index: Arc::clone(&document.index), tree, labels, ranges: HashMap::new(), direction: None })
    }

    /// Reads what's known about the file as an object: its table of contents and reading direction.
    fn read_catalog(&mut self, file: &Input) {
        let document = Document::new(file.clone(), Arc::clone(&self.index));
        let catalog = document.dictionary(&document.index.trailer, b"Root");
        self.ranges = outline::read(&document, &catalog, &self.tree);
        // ISO 32000-2, 12.2.
        let preferences = document.dictionary(&catalog, b"ViewerPreferences");
        let is_right_to_left = document.get(&preferences, b"Direction").name() == Some(b"R2L");
        self.direction = is_right_to_left.then_some(ViewingDirection::RightToLeft);
    }
}

fn find_pages(file: &Input, index: Index) -> Result<(Document, PageTree), DecodeError> {
    let document = Document::new(file.clone(), Arc::new(index));
    let is_encrypted = document.find(&document.index.trailer, b"Encrypt").is_some();
    // The caller rejects encrypted files. Their objects may be in streams that can't be unpacked.
    let tree = if is_encrypted { PageTree::default() } else { PageTree::read(&document)? };
    Ok((document, tree))
}

impl PageList for PdfPages {
    fn count(&self) -> u32 {
        self.tree.count()
    }

    fn label(&self, page: u32) -> Option<&str> {
        self.labels.get(&page).map(AsRef::as_ref)
    }

    fn ranges(&self, page: u32) -> &[RangePath] {
        self.ranges.get(&page).map_or(&[], Vec::as_slice)
    }

    fn viewing_direction(&self) -> Option<ViewingDirection> {
        self.direction
    }

    fn open(&self, file: Input, page: u32, options: ReadOptions) -> Result<Opened, Refusal> {
        let document = Document::new(file, Arc::clone(&self.index));
        if page == 0 || page > self.count() {
            return Err(Refusal::Page { pages: self.count() });
        }
        let (number, dictionary) = self.tree.page(&document, page).ok_or_else(|| DecodeError::from("it is damaged"))?;
        let page = Page::new(&document, number, dictionary);
        if page.annotations(&document).is_empty()
            && let Some(placed) = content::only_image(&document, &page)
            && let Some(opened) = scan::open(&document, &page, &placed, options)?
        {
            return Ok(opened);
        }
        document.check_work()?;
        render::open(document, &page, options)
    }
}
