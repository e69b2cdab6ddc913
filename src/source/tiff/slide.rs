//! Identifies the directories of a slide or pyramid that only accompany its main image. These are labels, macro images,
//! thumbnails, and smaller copies that aren't marked as such.

use super::description::{Aside, Description};
use super::structure::{Directory, Structure};
use super::tags::{self, Tags};
use std::fmt;

/// Maximum number of pyramid levels. Each level is half as wide and high as the previous level.
const MAX_LEVELS: u32 = 32;

/// Properties of a file's first image that affect how other directories are classified.
pub(super) struct Slide {
    width: u64,
    height: u64,
    samples: u64,
    is_tiled: bool,
    is_aperio: bool,
    /// Directories that aren't main images according to OME-XML, counting from 0.
    ome: Vec<(usize, Aside)>,
}

impl Slide {
    /// Reads the first image's properties.
    pub(super) fn new(structure: &Structure, directory: &Directory) -> Self {
        let tags = Tags { structure, directory };
        let [width, height] = size(tags);
        let is_tiled = tags.has(tags::TILE_WIDTH);
        let description = Description::read(tags);
        let is_aperio = description.as_ref().is_some_and(Description::is_aperio);
        let ome = description.map(|description| description.ome_asides()).unwrap_or_default();
        Self { width, height, samples: samples(tags), is_tiled, is_aperio, ome }
    }

    /// Returns a directory's contents if it isn't a page. `index` counts all directories except for children.
    pub(super) fn aside(&self, structure: &Structure, directory: &Directory, index: usize) -> Option<Aside> {
        let tags = Tags { structure, directory };
        if let Some((_, aside)) = self.ome.iter().find(|(number, _)| *number == index) {
            return Some(*aside);
        }
        // Descriptions are only meaningful in slides, where the main image is always tiled. Reading them in other files
        // would take time because some have thousands of pages.
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

    /// Returns `true` if the image's width and height are those of the first image divided by the same power of two.
    fn is_smaller_copy(&self, tags: Tags<'_>) -> bool {
        let [width, height] = size(tags);
        // Programs round up or down, and some round at each level.
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

/// Images in a file that aren't published.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct LeftOut {
    /// Number of images of each kind.
    counts: [u32; Aside::COUNT],
    /// `true` if any image isn't marked as a copy and could therefore have been a page.
    is_notable: bool,
}

impl LeftOut {
    /// Adds an image. `is_marked` is set if its directory declares it to be a smaller copy of another image.
    pub(super) fn add(&mut self, aside: Aside, is_marked: bool) {
        self.counts[aside as usize] += 1;
        self.is_notable |= !is_marked || aside != Aside::Copy;
    }

    /// Returns a description of the images, or `None` if they're all marked copies, which don't add anything.
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
