//! `OpenSeadragon`, which Mirador, Universal Viewer, TIFY and Clover use: the requests of `IIIFTileSource`.
//!
//! No static image supports the releases before 2.4. Each later one matches the constructor, `getNumTiles` and
//! `getTileUrl` of one of the releases below. None of them falls back to one image per level
//! (`emulateLegacyImagePyramid`): for level 0, they do so only if `tiles` is missing.

use super::checks::{finds_everything, missing};
use super::image::Image;
use super::info::{Dimensions, Info};
use super::{Viewer, cells, path};
use iiif_publish::iiif::{ApiVersion, RoundedSizes};

/// The differences between releases.
struct Release {
    wording: Wording,
    rounding: Rounding,
    level_sizes: LevelSizes,
}

/// The form of `getTileUrl` requests for the whole image, or for as many pixels as the image is wide.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wording {
    /// 2.4.0: a cell is never `full`, and a size is always `w,`. It needs `@id`, so it cannot read version 3.
    ByWidth,
    /// 2.4.1 and 2.4.2: `max`. (2.4.1 cannot read version 3 either. For version 2, both agree.)
    Max,
    /// From 3.0.0: `full` in version 2, `max` in version 3.
    Full,
}

/// The rounding of `getTileUrl` when it divides by a scale factor.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rounding {
    /// `Math.ceil`, as in the specification.
    Up,
    /// `Math.round`: only 4.0.0.
    Nearest,
}

/// The source of the level sizes in the constructor (`levelSizes`).
#[derive(Clone, Copy, PartialEq, Eq)]
enum LevelSizes {
    /// Up to 4.0.0: computed.
    Computed,
    /// 4.1.0 to 5.0.1: `sizes`, if there are as many as levels, or one fewer.
    Listed,
    /// From 6.0: `sizes`, if every level has one and each fits its scale factor.
    ListedAndChecked,
}

const VERSION_2_4_0: Release =
    Release { wording: Wording::ByWidth, rounding: Rounding::Up, level_sizes: LevelSizes::Computed };
const VERSION_2_4_2: Release = Release { wording: Wording::Max, ..VERSION_2_4_0 };
const VERSION_3_0_0: Release = Release { wording: Wording::Full, ..VERSION_2_4_0 };
const VERSION_4_0_0: Release = Release { rounding: Rounding::Nearest, ..VERSION_3_0_0 };
const VERSION_5_0_1: Release = Release { level_sizes: LevelSizes::Listed, ..VERSION_3_0_0 };
const VERSION_6_1_1: Release = Release { level_sizes: LevelSizes::ListedAndChecked, ..VERSION_3_0_0 };

/// The release that Universal Viewer 4.2 and 4.3 contain.
const OPENSEADRAGON_4_0_0: Viewer =
    Viewer { name: "OpenSeadragon 4.0.0", requests: |info| TileSource::new(info, &VERSION_4_0_0).requests() };

/// Returns every tile request of the current release.
pub fn requests(info: &Info) -> Vec<String> {
    TileSource::new(info, &VERSION_6_1_1).requests()
}

/// An `IIIFTileSource` after its constructor.
struct TileSource<'a> {
    info: &'a Info,
    release: &'a Release,
    /// The level of the full size. Level 0 is the smallest.
    max_level: u32,
    level_sizes: Option<Vec<Dimensions>>,
}

impl<'a> TileSource<'a> {
    fn new(info: &'a Info, release: &'a Release) -> Self {
        // All scale factors are powers of two. The constructor takes and rounds their logarithm.
        let max_level = info.scale_factors.iter().max().expect("a scale factor").ilog2();
        let level_sizes = match release.level_sizes {
            LevelSizes::Computed => None,
            LevelSizes::Listed => listed_sizes(info, u64::from(max_level)),
            LevelSizes::ListedAndChecked => checked_sizes(info, u64::from(max_level)),
        };
        Self { info, release, max_level, level_sizes }
    }

    /// `getTileUrl` for every tile of every level.
    fn requests(&self) -> Vec<String> {
        if self.release.wording == Wording::ByWidth && self.info.version == 3 {
            return Vec::new();
        }
        let mut requests = Vec::new();
        for level in 0..=self.max_level {
            let (columns, rows) = self.tile_counts(level);
            let tiles = cells(columns, rows);
            requests.extend(tiles.filter_map(|(column, row)| self.tile_url(level, column, row)));
        }
        requests
    }

    fn scale_factor(&self, level: u32) -> u64 {
        1 << (self.max_level - level)
    }

    /// `getNumTiles`
    fn tile_counts(&self, level: u32) -> (u64, u64) {
        let Dimensions { width, height } = self.info.tile;
        if let Some(sizes) = &self.level_sizes {
            let size = sizes[level as usize];
            return (size.width.div_ceil(width), size.height.div_ceil(height));
        }
        let scale_factor = self.scale_factor(level);
        (self.info.image.width.div_ceil(width * scale_factor), self.info.image.height.div_ceil(height * scale_factor))
    }

    fn level_size(&self, level: u32) -> Dimensions {
        match &self.level_sizes {
            Some(sizes) => sizes[level as usize],
            None => self.divided(self.info.image, self.scale_factor(level)),
        }
    }

    fn divided(&self, Dimensions { width, height }: Dimensions, scale_factor: u64) -> Dimensions {
        let divide = |side: u64| match self.release.rounding {
            Rounding::Up => side.div_ceil(scale_factor),
            Rounding::Nearest => rounded_quotient(side, scale_factor),
        };
        Dimensions { width: divide(width), height: divide(height) }
    }

    /// `getTileUrl`; `None` if it requests zero pixels, which is an error on any server.
    fn tile_url(&self, level: u32, column: u64, row: u64) -> Option<String> {
        let (image, tile) = (self.info.image, self.info.tile);
        let level_size = self.level_size(level);
        if level_size.width < tile.width && level_size.height < tile.height {
            return Some(path("full", &self.size_parameter(level_size)?));
        }
        let scale_factor = self.scale_factor(level);
        let (x, y) = (column * tile.width * scale_factor, row * tile.height * scale_factor);
        let region = Dimensions {
            width: (tile.width * scale_factor).min(image.width - x),
            height: (tile.height * scale_factor).min(image.height - y),
        };
        let size = match self.release.level_sizes {
            LevelSizes::Computed => self.divided(region, scale_factor),
            LevelSizes::Listed | LevelSizes::ListedAndChecked => Dimensions {
                width: tile.width.min(level_size.width - column * tile.width),
                height: tile.height.min(level_size.height - row * tile.height),
            },
        };
        let size = self.size_parameter(size)?;
        if region == image && self.release.wording != Wording::ByWidth {
            return Some(path("full", &size));
        }
        Some(path(&format!("{x},{y},{},{}", region.width, region.height), &size))
    }

    fn size_parameter(&self, size: Dimensions) -> Option<String> {
        let Dimensions { width, height } = size;
        match (self.info.version, self.release.wording) {
            (2, Wording::Max) if width == self.info.image.width => Some("max".to_owned()),
            (2, Wording::Full) if width == self.info.image.width => Some("full".to_owned()),
            (2, _) => (width > 0).then(|| format!("{width},")),
            (_, _) if size == self.info.image => Some("max".to_owned()),
            (_, _) => (width > 0 && height > 0).then(|| format!("{width},{height}")),
        }
    }
}

/// The constructor of 4.1.0 to 5.0.1. (4.1.0 does not sort; `sizes` are ascending as they are.)
fn listed_sizes(info: &Info, max_level: u64) -> Option<Vec<Dimensions>> {
    let mut sizes = sorted_sizes(info);
    let listed = sizes.len() as u64;
    if listed == max_level {
        sizes.push(info.image);
    }
    (listed == max_level || listed == max_level + 1).then_some(sizes)
}

/// The constructor of 6.0.1 to 6.1.1.
fn checked_sizes(info: &Info, max_level: u64) -> Option<Vec<Dimensions>> {
    let mut sizes = sorted_sizes(info);
    let largest = sizes.last()?;
    if largest.width < info.image.width && largest.height < info.image.height {
        sizes.push(info.image);
    }
    if sizes.len() as u64 != max_level + 1 {
        return None;
    }
    let fits = |(size, factor): (&Dimensions, &u64)| {
        rounded_quotient(info.image.width, size.width) == *factor
            && rounded_quotient(info.image.height, size.height) == *factor
    };
    let all_fit =
        info.scale_factors.len() != sizes.len() || sizes.iter().zip(info.scale_factors.iter().rev()).all(fits);
    all_fit.then_some(sizes)
}

fn sorted_sizes(info: &Info) -> Vec<Dimensions> {
    let mut sizes = info.sizes.clone();
    sizes.sort_by_key(|size| size.width);
    sizes
}

/// `Math.round(dividend / divisor)`: half up.
fn rounded_quotient(dividend: u64, divisor: u64) -> u64 {
    (2 * dividend + divisor) / (2 * divisor)
}

#[test]
fn openseadragon_2_4_0_finds_every_tile_it_requests() {
    let requests = |info: &Info| TileSource::new(info, &VERSION_2_4_0).requests();
    finds_everything(&Viewer { name: "OpenSeadragon 2.4.0", requests });
}

#[test]
fn openseadragon_2_4_1_and_2_4_2_find_every_tile_they_request() {
    let requests = |info: &Info| TileSource::new(info, &VERSION_2_4_2).requests();
    finds_everything(&Viewer { name: "OpenSeadragon 2.4.2", requests });
}

#[test]
fn openseadragon_3_0_0_and_3_1_0_find_every_tile_they_request() {
    let requests = |info: &Info| TileSource::new(info, &VERSION_3_0_0).requests();
    finds_everything(&Viewer { name: "OpenSeadragon 3.0.0", requests });
}

#[test]
fn openseadragon_4_0_0_finds_every_tile_it_requests() {
    finds_everything(&OPENSEADRAGON_4_0_0);
}

#[test]
fn openseadragon_4_1_0_to_5_0_1_find_every_tile_they_request() {
    let requests = |info: &Info| TileSource::new(info, &VERSION_5_0_1).requests();
    finds_everything(&Viewer { name: "OpenSeadragon 5.0.1", requests });
}

#[test]
fn openseadragon_6_finds_every_tile_it_requests() {
    let requests = |info: &Info| TileSource::new(info, &VERSION_6_1_1).requests();
    finds_everything(&Viewer { name: "OpenSeadragon 6.1.1", requests });
}

#[test]
fn without_rounded_sizes_openseadragon_4_0_0_misses_a_level() {
    let first_missing = |version| {
        let image = Image { rounded_sizes: RoundedSizes::LeftOut, ..Image::new(1001, 701, version) };
        missing(&OPENSEADRAGON_4_0_0, image, &image.paths())
    };
    assert_eq!(first_missing(ApiVersion::V2).as_deref(), Some("full/125,/0/default.jpg"));
    assert_eq!(first_missing(ApiVersion::V3).as_deref(), Some("full/125,88/0/default.jpg"));
}

#[test]
fn a_thumbnail_in_sizes_breaks_openseadragon_4_1_0_to_5_0_1() {
    let image = Image::new(6000, 4000, ApiVersion::V3);
    let (mut info, objects) = (image.info(), image.paths());
    info.sizes.push(Dimensions { width: 200, height: 133 });
    let finds_everything =
        |release| TileSource::new(&info, release).requests().iter().all(|path| objects.contains(path));
    assert!(!finds_everything(&VERSION_5_0_1));
    assert!(finds_everything(&VERSION_6_1_1));
}
