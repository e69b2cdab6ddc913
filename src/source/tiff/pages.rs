//! Finds a page's directory among pages, pyramid levels and thumbnails.

use super::structure::{Directory, Structure};
use super::tags::{self, Tags};
use crate::source::{DecodeError, Refusal};
use std::collections::HashSet;

/// Maximum number of directories to read when looking for a page. This bounds the time spent on damaged files.
const MAX_DIRECTORIES: usize = 10_000;

/// Maximum number of `SubIFDs` to read per directory. A pyramid has fewer than 32 levels.
const MAX_CHILDREN: u64 = 64;

/// `NewSubfileType` flags for a reduced version of another image, and for a mask.
const REDUCED: u64 = 1;
const MASK: u64 = 4;
/// `SubfileType` value for a reduced version of another image. This tag was replaced by `NewSubfileType`.
const OLD_REDUCED: u64 = 2;

/// Maximum number of directories to search for a second page after the first. Pyramids have fewer levels than this.
const MAX_LOOKED_AHEAD: usize = 32;

/// A page's image.
pub(super) struct Page {
    pub(super) directory: Directory,
    /// The directory that lists this image as a child, if any.
    pub(super) parent: Option<Directory>,
    /// This is the first page, and more pages follow.
    pub(super) has_more: bool,
}

/// Finds a page's largest image, counting pages from 1. Directories marked as reduced versions of another image don't
/// count as pages unless every directory is marked.
pub(super) fn find(structure: &Structure, page: u32) -> Result<Page, Refusal> {
    let (mut seen, mut pages, mut secondary, mut fallback) = (HashSet::new(), 0_u32, 0_u32, None);
    let mut next = structure.first;
    while next != 0 {
        if !seen.insert(next) {
            let text = format!("its directories form a loop before page {page}");
            return Err(Refusal::Decode(text.into()));
        }
        if seen.len() > MAX_DIRECTORIES {
            let text = format!("page {page} is after the first {MAX_DIRECTORIES} directories, and only those are read");
            return Err(Refusal::Decode(text.into()));
        }
        let directory = structure.directory(next)?;
        next = directory.next;
        // Pyramids are stored in three different ways: levels as pages marked as reduced (libvips, GDAL), levels as
        // children of the full image (OME-TIFF), or a thumbnail with the full image as its child (cameras, DNG).
        // Allowing for all three, the remaining directories are the pages, and each page's largest image is the one to
        // publish.
        let candidate = largest(structure, directory)?;
        let (count, is_page) = if candidate.is_secondary { (&mut secondary, false) } else { (&mut pages, true) };
        *count += 1;
        match *count == page {
            true if is_page => {
                let has_more = page == 1 && has_page(structure, next, seen);
                return Ok(Page { has_more, ..candidate.into() });
            }
            true => fallback = Some(candidate.into()),
            false => {}
        }
    }
    let count = if pages == 0 { secondary } else { pages };
    fallback.filter(|_| pages == 0).ok_or(Refusal::Page { pages: count })
}

/// Returns `true` if there is another page, starting the search at directory `next`. Errors in later directories don't
/// affect the current page.
fn has_page(structure: &Structure, mut next: u64, mut seen: HashSet<u64>) -> bool {
    // The result only determines whether a warning is shown, so stop early and ignore errors. Finding every page in a
    // file with 10,000 of them would mean reading 10,000 directories, with one request each if the file is remote.
    for _ in 0..MAX_LOOKED_AHEAD {
        if next == 0 || !seen.insert(next) {
            break;
        }
        let Ok(directory) = structure.directory(next) else { break };
        next = directory.next;
        if Candidate::new(structure, directory).is_ok_and(|candidate| !candidate.is_secondary) {
            return true;
        }
    }
    false
}

/// A directory that may be a page.
struct Candidate {
    directory: Directory,
    parent: Option<Directory>,
    pixels: u64,
    /// A reduced version of another image, or a mask.
    is_secondary: bool,
}

impl Candidate {
    fn new(structure: &Structure, directory: Directory) -> Result<Self, DecodeError> {
        let tags = Tags { structure, directory: &directory };
        let kind = tags.number(tags::NEW_SUBFILE_TYPE)?.unwrap_or(0);
        let is_secondary = kind & (REDUCED | MASK) != 0 || tags.number(tags::SUBFILE_TYPE)? == Some(OLD_REDUCED);
        let side = |tag| Ok::<_, DecodeError>(tags.number(tag)?.unwrap_or(0));
        let pixels = side(tags::IMAGE_WIDTH)?.saturating_mul(side(tags::IMAGE_LENGTH)?);
        Ok(Self { directory, parent: None, pixels, is_secondary })
    }
}

/// Returns the directory itself, or its largest child if the directory is a thumbnail.
fn largest(structure: &Structure, directory: Directory) -> Result<Candidate, DecodeError> {
    let children = Tags { structure, directory: &directory }.numbers(tags::SUB_IFDS, MAX_CHILDREN)?;
    let mut largest = Candidate::new(structure, directory)?;
    let mut parent = None;
    for offset in children.unwrap_or_default() {
        // Skip unreadable children, because they aren't needed. A pyramid's largest image comes first.
        let Ok(child) = structure.directory(offset).and_then(|child| Candidate::new(structure, child)) else {
            continue;
        };
        if !child.is_secondary && child.pixels > largest.pixels {
            let secondary = std::mem::replace(&mut largest, child);
            parent.get_or_insert(secondary.directory);
        }
    }
    Ok(Candidate { parent, ..largest })
}

impl From<Candidate> for Page {
    fn from(candidate: Candidate) -> Self {
        Self { directory: candidate.directory, parent: candidate.parent, has_more: false }
    }
}
