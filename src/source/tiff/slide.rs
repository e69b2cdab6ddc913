//! Finds out which directories of a slide or pyramid are beside its main image: label, macro image, thumbnail, and
//! smaller copies that aren't marked as such.

use super::description::{Aside, Description};
use super::structure::{Directory, Structure};
use super::tags::{self, Tags};
use std::fmt;

/// Maximum number of levels of a pyramid. Each has half the sides of the one before.
const MAX_LEVELS: u32 = 32;

/// Properties of a file's first image that decide about the other directories.
pub(super) struct Slide {
    width: u64,
    height: u64,
    samples: u64,
    is_tiled: bool,
    is_aperio: bool,
    /// Directories that aren't main images according to OME-XML, counted from 0.
    ome: Vec<(usize, Aside)>,
}

impl Slide {
    /// Reads the properties of the first image.
    pub(super) fn new(structure: &Structure, directory: &Directory) -> Self {
        let tags = Tags { structure, directory };
        let [width, height] = size(tags);
        let is_tiled = tags.has(tags::TILE_WIDTH);
        let description = Description::read(tags);
        let is_aperio = description.as_ref().is_some_and(Description::is_aperio);
        let ome = description.map(|description| description.ome_asides()).unwrap_or_default();
        Self { width, height, samples: samples(tags), is_tiled, is_aperio, ome }
    }

    /// Returns what a directory holds if it isn't a page. `index` counts all directories but the children of others.
    pub(super) fn aside(&self, structure: &Structure, directory: &Directory, index: usize) -> Option<Aside> {
        let tags = Tags { structure, directory };
        if let Some((_, aside)) = self.ome.iter().find(|(number, _)| *number == index) {
            return Some(*aside);
        }
        // Descriptions mean something only in slides, whose main image always has tiles. Reading those of other files
        // would take time: some have thousands of pages.
        if !self.is_tiled || index == 0 {
            return None;
        }
        if let Some(aside) = Description::read(tags).and_then(|description| description.aside()) {
            return Some(aside);
        }
        if tags.has(tags::TILE_WIDTH) {
            self.is_smaller_copy(tags).then_some(Aside::Copy)
        } else {
            self.is_aperio.then_some(Aside::Thumbnail)
        }
    }

    /// Returns `true` if an image has the sides of the first one divided by a power of two.
    fn is_smaller_copy(&self, tags: Tags<'_>) -> bool {
        let [width, height] = size(tags);
        // Programs round up or down, and some do that for each level.
        let is_near = |whole: u64, part: u64, level: u32| part > 0 && (whole >> level).abs_diff(part) <= 1;
        let is_level = |level: u32| is_near(self.width, width, level) && is_near(self.height, height, level);
        (1..MAX_LEVELS).any(is_level) && samples(tags) == self.samples
    }
}

fn size(tags: Tags<'_>) -> [u64; 2] {
    [tags::IMAGE_WIDTH, tags::IMAGE_LENGTH].map(|tag| tags.number(tag).ok().flatten().unwrap_or(0))
}

fn samples(tags: Tags<'_>) -> u64 {
    tags.number(tags::SAMPLES_PER_PIXEL).ok().flatten().unwrap_or(1)
}

/// Images of a file that aren't published.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct LeftOut {
    /// Number of images by their kind.
    counts: [u32; Aside::COUNT],
    /// `true` if any image isn't marked as a copy, so that it could have been a page.
    is_notable: bool,
}

impl LeftOut {
    /// Adds an image. A directory `is_marked` if it says that it's a smaller copy of another image.
    pub(super) fn add(&mut self, aside: Aside, is_marked: bool) {
        self.counts[aside as usize] += 1;
        self.is_notable |= !is_marked || aside != Aside::Copy;
    }

    /// Returns the images as text, or `None` if there are only marked copies of others, which add nothing.
    pub(super) fn named(&self) -> Option<String> {
        self.is_notable.then(|| self.to_string())
    }
}

impl fmt::Display for LeftOut {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = |aside: Aside| match (aside, self.counts[aside as usize]) {
            (_, 0) => None,
            (Aside::Label, _) => Some("label".to_owned()),
            (Aside::Macro, _) => Some("macro image".to_owned()),
            (Aside::Thumbnail, _) => Some("thumbnail".to_owned()),
            (Aside::Copy, 1) => Some("smaller copy".to_owned()),
            (Aside::Copy, count) => Some(format!("{count} smaller copies")),
        };
        let names: Vec<_> = Aside::ALL.into_iter().filter_map(name).collect();
        match &names[..] {
            [] => Ok(()),
            [name] => formatter.write_str(name),
            [names @ .., last] => write!(formatter, "{} and {last}", names.join(", ")),
        }
    }
}
