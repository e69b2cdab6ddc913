//! Which directory is the image: pages, pyramids, thumbnails.

use super::structure::{Directory, Structure};
use super::tags::{self, Tags};
use crate::source::{DecodeError, Refusal};
use std::collections::HashSet;

/// Directories that are looked at for a page. What claims to have more would take its time.
const MOST_DIRECTORIES: usize = 10_000;

/// `SubIFDs` of one directory that are looked at: the levels of a pyramid are half as many.
const MOST_CHILDREN: u64 = 64;

/// `NewSubfileType`: a smaller version of another image, and a mask.
const REDUCED: u64 = 1;
const MASK: u64 = 4;
/// The same in `SubfileType`, its predecessor.
const OLD_REDUCED: u64 = 2;

/// Directories behind the first page that are looked at for a second one: more than a pyramid has.
const MAX_LOOKED_AHEAD: usize = 32;

/// An image of a file.
pub(super) struct Page {
    pub(super) directory: Directory,
    /// The directory that the image is a child of, if it is one.
    pub(super) parent: Option<Directory>,
    /// It is the first page, and others follow.
    pub(super) has_more: bool,
}

/// The largest image of a page, counted from 1. Directories that are marked as smaller versions of others are no pages,
/// unless all are.
pub(super) fn find(structure: &Structure, page: u32) -> Result<Page, Refusal> {
    let (mut seen, mut pages, mut lesser, mut fallback) = (HashSet::new(), 0_u32, 0_u32, None);
    let mut next = structure.first;
    while next != 0 {
        if !seen.insert(next) {
            let text = format!("its directories lead in a circle before page {page}");
            return Err(Refusal::Decode(text.into()));
        }
        if seen.len() > MOST_DIRECTORIES {
            let text = format!(
                "page {page} lies behind the first {MOST_DIRECTORIES} directories, which are all that are read"
            );
            return Err(Refusal::Decode(text.into()));
        }
        let directory = structure.directory(next)?;
        next = directory.next;
        let candidate = largest(structure, directory)?;
        let (count, is_page) = if candidate.is_lesser { (&mut lesser, false) } else { (&mut pages, true) };
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
    let count = if pages == 0 { lesser } else { pages };
    fallback.filter(|_| pages == 0).ok_or(Refusal::Page { pages: count })
}

/// Returns `true` if there is a page from a directory on. Damage there does not matter to the page before it.
fn has_page(structure: &Structure, mut next: u64, mut seen: HashSet<u64>) -> bool {
    for _ in 0..MAX_LOOKED_AHEAD {
        if next == 0 || !seen.insert(next) {
            break;
        }
        let Ok(directory) = structure.directory(next) else { break };
        next = directory.next;
        if Candidate::new(structure, directory).is_ok_and(|candidate| !candidate.is_lesser) {
            return true;
        }
    }
    false
}

/// A directory that may be an image of its own.
struct Candidate {
    directory: Directory,
    parent: Option<Directory>,
    pixels: u64,
    /// A smaller version of another one, or a mask.
    is_lesser: bool,
}

impl Candidate {
    fn new(structure: &Structure, directory: Directory) -> Result<Self, DecodeError> {
        let tags = Tags { structure, directory: &directory };
        let kind = tags.number(tags::NEW_SUBFILE_TYPE)?.unwrap_or(0);
        let is_lesser = kind & (REDUCED | MASK) != 0 || tags.number(tags::SUBFILE_TYPE)? == Some(OLD_REDUCED);
        let side = |tag| Ok::<_, DecodeError>(tags.number(tag)?.unwrap_or(0));
        let pixels = side(tags::IMAGE_WIDTH)?.saturating_mul(side(tags::IMAGE_LENGTH)?);
        Ok(Self { directory, parent: None, pixels, is_lesser })
    }
}

/// The directory, or the child of it that is the image where it is a thumbnail itself.
fn largest(structure: &Structure, directory: Directory) -> Result<Candidate, DecodeError> {
    let children = Tags { structure, directory: &directory }.numbers(tags::SUB_IFDS, MOST_CHILDREN)?;
    let mut largest = Candidate::new(structure, directory)?;
    let mut parent = None;
    for offset in children.unwrap_or_default() {
        // A child that cannot be read is none that is needed: pyramids begin with their largest image.
        let Ok(child) = structure.directory(offset).and_then(|child| Candidate::new(structure, child)) else {
            continue;
        };
        if !child.is_lesser && child.pixels > largest.pixels {
            let lesser = std::mem::replace(&mut largest, child);
            parent.get_or_insert(lesser.directory);
        }
    }
    Ok(Candidate { parent, ..largest })
}

impl From<Candidate> for Page {
    fn from(candidate: Candidate) -> Self {
        Self { directory: candidate.directory, parent: candidate.parent, has_more: false }
    }
}
