//! Selects the objects to check when only a sample is requested.

use super::expected::Expected;
use crate::iiif::{ImageRequest, RegionParameter, Size, SizeParameter};

/// An evenly distributed sample that is the same on every run. `info.json` counts toward the requested number of
/// objects.
#[derive(Clone, Debug)]
pub(super) struct Sample {
    size: Size,
    always: u64,
    others: u64,
    wanted: u64,
    seen: u64,
}

impl Sample {
    pub(super) fn new(expected: impl Iterator<Item = Expected>, size: Size, objects: Option<u64>) -> Self {
        let (mut always, mut others) = (0, 0);
        for expected in expected {
            *if is_always_checked(expected.request, size) { &mut always } else { &mut others } += 1;
        }
        let wanted = objects.map_or(others, |objects| objects.saturating_sub(always + 1).min(others));
        Self { size, always, others, wanted, seen: 0 }
    }

    /// Returns the total number of image files.
    pub(super) fn total(&self) -> u64 {
        self.always + self.others
    }

    /// Returns the number of selected image files.
    pub(super) fn checked(&self) -> u64 {
        self.always + self.wanted
    }

    /// Returns `true` if the next image file is selected. Must be called once per image file, in order.
    pub(super) fn takes(&mut self, expected: &Expected) -> bool {
        if is_always_checked(expected.request, self.size) {
            return true;
        }
        // Both factors are at most a few million, so the product can't overflow. Like Bresenham's line algorithm, this
        // follows a line with slope `wanted / others` and selects an object at each step. It's reproducible and
        // doesn't require random numbers or a list of all objects.
        let due = |seen: u64| seen * self.wanted / self.others;
        self.seen += 1;
        due(self.seen) > due(self.seen - 1)
    }
}

/// Returns `true` for `full/max` and the corner tiles at scale factor 1.
fn is_always_checked(request: ImageRequest, image: Size) -> bool {
    let RegionParameter::Rectangle(region) = request.region else { return request.size == SizeParameter::Max };
    let is_unscaled =
        [SizeParameter::by_width(region.size), SizeParameter::exactly(region.size)].contains(&request.size);
    let is_edge = |start: u32, length: u32, side: u32| start == 0 || length == side - start;
    is_unscaled
        && is_edge(region.x, region.size.width(), image.width())
        && is_edge(region.y, region.size.height(), image.height())
}
