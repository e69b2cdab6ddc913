//! Requests that viewers make for an image published by another program.

use super::expected::{Expected, Measure};
use super::information::{Information, Limits, TileSet};
use crate::iiif::{ApiVersion, Format, ImageRequest, Region, RegionParameter, Size, SizeParameter};
use std::collections::HashSet;

/// Whole images and tiles listed in an `info.json`.
#[derive(Debug)]
pub(super) struct Listed {
    version: ApiVersion,
    size: Size,
    tiles: Vec<TileSet>,
    sizes: Vec<Size>,
    limits: Limits,
}

impl Listed {
    pub(super) fn new(information: &Information) -> Self {
        Self {
            version: information.version,
            size: information.size,
            tiles: information.tiles.clone(),
            sizes: information.sizes.clone(),
            limits: information.limits,
        }
    }

    /// Returns the number of tiles, or `u64::MAX` if it would overflow.
    pub(super) fn tile_count(&self) -> u64 {
        let level = |(tiles, scale): (&TileSet, u32)| {
            let count = |side: u32, tile: u32| u64::from(side).div_ceil(u64::from(tile) * u64::from(scale));
            count(self.size.width(), tiles.width) * count(self.size.height(), tiles.height)
        };
        self.levels().map(level).fold(0, u64::saturating_add)
    }

    /// Returns each request once, starting with whole images.
    ///
    /// Duplicates are only possible among requests for the full region or for a level's last tile. All other regions
    /// are unique.
    pub(super) fn expected(&self) -> impl Iterator<Item = Expected> {
        // Only requests for the full region or the last tile can occur twice, just like in `Plan`. The set therefore
        // stays small even for millions of requests.
        let mut taken = HashSet::new();
        let tiles = self.levels().flat_map(|(tiles, scale)| self.level_tiles(tiles, scale));
        self.wholes().chain(tiles).filter(move |expected| match expected.request.region {
            RegionParameter::Rectangle(region) if !self.is_last(region) => true,
            _ => taken.insert(expected.request),
        })
    }

    fn wholes(&self) -> impl Iterator<Item = Expected> {
        let full = |size| Expected { request: ImageRequest::full(size), measure: self.max_measure() };
        let of_version_2 = (self.version == ApiVersion::V2).then_some(SizeParameter::Full);
        let listed = self.sizes.iter().map(|size| self.sized(None, self.size, *size));
        std::iter::once(SizeParameter::Max).chain(of_version_2).map(full).chain(listed)
    }

    /// Returns the dimensions of `full/max`. This is the full size, or any size within the limits if there are limits.
    fn max_measure(&self) -> Measure {
        let Limits { width, height, area } = self.limits;
        if width.is_none() && height.is_none() && area.is_none() {
            return Measure::Exactly(self.size);
        }
        let side = |side: u32, limit: Option<u32>| side.min(limit.unwrap_or(side)).max(1);
        let limit = (side(self.size.width(), width), side(self.size.height(), height));
        Size::new(limit.0, limit.1).map_or(Measure::Exactly(self.size), |limit| Measure::Within(limit, self.size))
    }

    fn levels(&self) -> impl Iterator<Item = (&TileSet, u32)> {
        self.tiles.iter().flat_map(|tiles| tiles.scale_factors.iter().map(move |scale| (tiles, *scale)))
    }

    fn level_tiles(&self, tiles: &TileSet, scale: u32) -> impl Iterator<Item = Expected> {
        let (width, height) = (spans(self.size.width(), tiles.width, scale), (self.size.height(), tiles.height));
        width.flat_map(move |(x, width)| {
            spans(height.0, height.1, scale).map(move |(y, height)| {
                let size = Size::new(width, height).expect("a span is never empty, and no longer than the image");
                let tile = Size::new(width.div_ceil(scale), height.div_ceil(scale)).expect("no longer than the region");
                self.sized(Some(Region { x, y, size }), size, tile)
            })
        })
    }

    /// Returns this version's canonical request for a region of size `natural`, scaled to `size`.
    ///
    /// A region that covers the whole image becomes `full` ([Image API 3.0,
    /// 4.7](https://iiif.io/api/image/3.0/#47-canonical-uri-syntax)).
    fn sized(&self, region: Option<Region>, natural: Size, size: Size) -> Expected {
        let region = region.filter(|region| region.size != self.size);
        let region = region.map_or(RegionParameter::Full, RegionParameter::Rectangle);
        let (size, measure) = match self.version {
            ApiVersion::V3 => (SizeParameter::exactly(size), Measure::Exactly(size)),
            ApiVersion::V2 => (SizeParameter::by_width(size), Measure::ByWidth(size, natural)),
        };
        Expected { request: ImageRequest { region, size, format: Format::Jpg }, measure }
    }

    fn is_last(&self, region: Region) -> bool {
        let reaches = |start: u32, length: u32, side: u32| u64::from(start) + u64::from(length) == u64::from(side);
        reaches(region.x, region.size.width(), self.size.width())
            && reaches(region.y, region.size.height(), self.size.height())
    }
}

/// Returns each tile's start and length along one axis, in full-size pixels.
fn spans(side: u32, tile: u32, scale: u32) -> impl Iterator<Item = (u32, u32)> {
    let step = u64::from(tile) * u64::from(scale);
    // If the step doesn't fit in a `u32`, it covers the entire side.
    let step = u32::try_from(step).unwrap_or(side).min(side);
    (0..side).step_by(step as usize).map(move |start| (start, step.min(side - start)))
}
