//! Finds pages among the directories of pages, pyramid levels and thumbnails.

use super::description::Aside;
use super::slide::{LeftOut, Slide};
use super::structure::{Directory, Structure};
use super::tags::{self, Tags};
use crate::source::{DecodeError, Refusal};
use std::collections::{HashMap, HashSet};

/// Maximum number of directories to read. This bounds the time spent on damaged files.
const MAX_DIRECTORIES: usize = 200_000;

/// Maximum number of entries in all directories together. Real directories have about 20.
const MAX_ENTRIES: usize = 8_000_000;

/// Maximum number of `SubIFDs` to read per directory. A pyramid has fewer than 32 levels.
const MAX_CHILDREN: u64 = 64;

/// `NewSubfileType` flags for a reduced version of another image, and for a mask.
const REDUCED: u64 = 1;
const MASK: u64 = 4;
/// `SubfileType` value for a reduced version of another image. This tag was replaced by `NewSubfileType`.
const OLD_REDUCED: u64 = 2;

/// Maximum number of directories of a remote file to read only to count its pages, because each may take a request.
const MAX_COUNTED_REMOTELY: usize = 32;

/// Maximum length of a page's name in bytes.
const MAX_LABEL_BYTES: u64 = 256;

/// Maximum length of all names together, in bytes. The names of further pages are ignored.
const MAX_LABELS_BYTES: usize = 4 << 20;

/// A page's image.
pub(super) struct Page {
    pub(super) directory: Directory,
    /// The directory that lists this image as a child, if any.
    pub(super) parent: Option<Directory>,
    /// The file's other images, if this is the first page.
    pub(super) others: Option<Others>,
}

/// Summary of a file's images.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Others {
    /// Number of pages that are or could be published.
    pub(super) pages: Count,
    /// Images that aren't pages.
    pub(super) left_out: LeftOut,
}

/// Number of pages in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Count {
    Exactly(u32),
    /// There are at least this many.
    AtLeast(u32),
}

/// Finds a page's largest image, counting pages from 1. Directories marked as reduced versions of another image don't
/// count as pages unless every directory is marked.
pub(super) fn find(structure: &Structure, page: u32) -> Result<Page, Refusal> {
    let mut chain = Chain::new(structure);
    let (mut pages, mut secondary, mut fallback) = (0_u32, 0_u32, None);
    while let Some(candidate) = chain.next_candidate().map_err(|cause| damaged(cause, pages))? {
        let (count, is_page) = if candidate.is_secondary { (&mut secondary, false) } else { (&mut pages, true) };
        *count += 1;
        match *count == page {
            true if is_page => {
                let others = (page == 1).then(|| Others { pages: chain.count_from(1), left_out: chain.left_out });
                return Ok(Page { others, ..candidate.into() });
            }
            true => fallback = Some(candidate.into()),
            false => {}
        }
    }
    let count = if pages == 0 { secondary } else { pages };
    fallback.filter(|_| pages == 0).ok_or(Refusal::Page { pages: count })
}

/// The offsets and names of a file's pages.
#[derive(Default)]
pub(super) struct PageOffsets {
    /// Offset of each page's directory, and of the directory that lists it as a child.
    pages: Vec<(u64, Option<u64>)>,
    /// Names by page, counting from 1.
    labels: HashMap<u32, Box<str>>,
    labels_bytes: usize,
    /// Images that aren't pages.
    left_out: LeftOut,
}

/// Finds all pages in a single pass.
pub(super) fn list(structure: &Structure) -> Result<PageOffsets, Refusal> {
    let mut chain = Chain::new(structure);
    let (mut pages, mut secondary) = (PageOffsets::default(), PageOffsets::default());
    while let Some(candidate) = chain.next_candidate().map_err(|cause| damaged(cause, pages.count()))? {
        let list = if candidate.is_secondary { &mut secondary } else { &mut pages };
        list.add(structure, &candidate);
    }
    pages.left_out = chain.left_out;
    Ok(if pages.pages.is_empty() { secondary } else { pages })
}

/// Returns the error for a list of directories that is damaged after page `last`.
fn damaged(cause: DecodeError, last: u32) -> Refusal {
    Refusal::Decode(if last == 0 { cause } else { format!("after page {last}: {cause}").into() })
}

impl PageOffsets {
    pub(super) fn count(&self) -> u32 {
        u32::try_from(self.pages.len()).unwrap_or(u32::MAX)
    }

    pub(super) fn label(&self, page: u32) -> Option<&str> {
        self.labels.get(&page).map(AsRef::as_ref)
    }

    /// Reads the directory of a page, counting from 1.
    pub(super) fn read(&self, structure: &Structure, page: u32) -> Result<Page, Refusal> {
        let at = page.checked_sub(1).and_then(|at| self.pages.get(at as usize));
        let (offset, parent) = at.ok_or(Refusal::Page { pages: self.count() })?;
        let parent = parent.map(|parent| structure.directory(parent)).transpose()?;
        // The other pages are either published as well or were deliberately excluded.
        let others = (page == 1).then_some(Others { pages: Count::Exactly(1), left_out: self.left_out });
        Ok(Page { directory: structure.directory(*offset)?, parent, others })
    }

    fn add(&mut self, structure: &Structure, candidate: &Candidate) {
        let parent = candidate.parent.as_ref();
        self.pages.push((candidate.offset, parent.map(|(offset, _)| *offset)));
        let label = label_of(structure, &candidate.directory);
        let label = label.or_else(|| parent.and_then(|(_, directory)| label_of(structure, directory)));
        let Some(label) = label.filter(|label| self.labels_bytes + label.len() <= MAX_LABELS_BYTES) else { return };
        self.labels_bytes += label.len();
        self.labels.insert(self.count(), label);
    }
}

/// Returns a page's name, or `None` if it has none or its name can't be read.
fn label_of(structure: &Structure, directory: &Directory) -> Option<Box<str>> {
    let bytes = Tags { structure, directory }.bytes(tags::PAGE_NAME, MAX_LABEL_BYTES).ok().flatten()?;
    // The specification allows ASCII only. Programs write UTF-8, or whatever encoding the system has.
    let bytes = bytes.split(|byte| *byte == 0).next().unwrap_or_default();
    let text = match str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => bytes.iter().copied().map(char::from).collect(),
    };
    let text: String = text.chars().filter(|character| !character.is_control()).collect();
    let text = text.trim();
    (!text.is_empty()).then(|| text.into())
}

/// The main list of directories, each of which links to the next.
struct Chain<'a> {
    structure: &'a Structure,
    /// Offset of the next directory, or 0 at the end.
    next: u64,
    seen: HashSet<u64>,
    /// Number of directories read, including children.
    directories: usize,
    /// Number of entries read.
    entries: usize,
    /// Properties of the first image, once it's been read.
    slide: Option<Slide>,
    /// Non-page images read so far.
    left_out: LeftOut,
}

impl<'a> Chain<'a> {
    fn new(structure: &'a Structure) -> Self {
        Self {
            structure,
            next: structure.first,
            seen: HashSet::new(),
            directories: 0,
            entries: 0,
            slide: None,
            left_out: LeftOut::default(),
        }
    }

    /// Reads the next directory. Returns `None` at the end.
    fn next_candidate(&mut self) -> Result<Option<Candidate>, DecodeError> {
        let offset = self.next;
        if offset == 0 {
            return Ok(None);
        }
        if !self.seen.insert(offset) {
            return Err("its directories form a loop".into());
        }
        let directory = self.read(offset)?;
        self.next = directory.next;
        // Pyramids are stored in three different ways: levels as pages marked as reduced (libvips, GDAL), levels as
        // children of the full image (OME-TIFF), or a thumbnail with the full image as its child (cameras, DNG).
        // Allowing for all three, the remaining directories are the pages, and each page's largest image is the one to
        // publish.
        let candidate = self.largest(offset, directory)?;
        Ok(Some(self.classified(candidate)))
    }

    /// Marks a candidate as secondary if it only accompanies a slide's main image.
    fn classified(&mut self, mut candidate: Candidate) -> Candidate {
        let (structure, index) = (self.structure, self.seen.len() - 1);
        let directory = &candidate.directory;
        let slide = self.slide.get_or_insert_with(|| Slide::new(structure, directory));
        let aside = slide.aside(structure, directory, index);
        let is_marked = candidate.is_secondary;
        if let Some(aside) = aside.or(is_marked.then_some(Aside::Copy)) {
            self.left_out.add(aside, is_marked);
            candidate.is_secondary = true;
        }
        candidate
    }

    fn read(&mut self, offset: u64) -> Result<Directory, DecodeError> {
        self.directories += 1;
        if self.directories > MAX_DIRECTORIES || self.entries > MAX_ENTRIES {
            return Err(format!("only the first {MAX_DIRECTORIES} directories are read").into());
        }
        let directory = self.structure.directory(offset)?;
        self.entries += directory.len();
        Ok(directory)
    }

    /// Returns the directory itself, or its largest child if the directory is a thumbnail.
    fn largest(&mut self, offset: u64, directory: Directory) -> Result<Candidate, DecodeError> {
        let structure = self.structure;
        let children = Tags { structure, directory: &directory }.numbers(tags::SUB_IFDS, MAX_CHILDREN)?;
        let mut largest = Candidate::new(structure, offset, directory)?;
        let mut parent = None;
        for offset in children.unwrap_or_default() {
            // Skip unreadable children, because they aren't needed. A pyramid's largest image comes first.
            let Ok(child) = self.read(offset).and_then(|child| Candidate::new(structure, offset, child)) else {
                continue;
            };
            if !child.is_secondary && child.pixels > largest.pixels {
                let secondary = std::mem::replace(&mut largest, child);
                parent.get_or_insert((secondary.offset, secondary.directory));
            }
        }
        Ok(Candidate { parent, ..largest })
    }

    /// Counts the remaining pages, after the first `count`. Errors in later directories don't affect the current page.
    fn count_from(&mut self, mut count: u32) -> Count {
        // The result is only shown in a warning. A local file with 10,000 pages takes a few milliseconds, but a remote
        // one may take 10,000 requests.
        let max = if self.structure.input.is_remote() { MAX_COUNTED_REMOTELY } else { MAX_DIRECTORIES };
        for _ in 0..max {
            match self.next_candidate() {
                Ok(None) => return Count::Exactly(count),
                Ok(Some(candidate)) => count += u32::from(!candidate.is_secondary),
                Err(_) => break,
            }
        }
        if self.next == 0 { Count::Exactly(count) } else { Count::AtLeast(count) }
    }
}

/// A directory that may be a page.
struct Candidate {
    offset: u64,
    directory: Directory,
    /// The directory that lists this one as a child, with its offset.
    parent: Option<(u64, Directory)>,
    pixels: u64,
    /// A reduced version of another image, or a mask.
    is_secondary: bool,
}

impl Candidate {
    fn new(structure: &Structure, offset: u64, directory: Directory) -> Result<Self, DecodeError> {
        let tags = Tags { structure, directory: &directory };
        let kind = tags.number(tags::NEW_SUBFILE_TYPE)?.unwrap_or(0);
        let is_secondary = kind & (REDUCED | MASK) != 0 || tags.number(tags::SUBFILE_TYPE)? == Some(OLD_REDUCED);
        let side = |tag| Ok::<_, DecodeError>(tags.number(tag)?.unwrap_or(0));
        let pixels = side(tags::IMAGE_WIDTH)?.saturating_mul(side(tags::IMAGE_LENGTH)?);
        Ok(Self { offset, directory, parent: None, pixels, is_secondary })
    }
}

impl From<Candidate> for Page {
    fn from(candidate: Candidate) -> Self {
        let parent = candidate.parent.map(|(_, directory)| directory);
        Self { directory: candidate.directory, parent, others: None }
    }
}
