//! Lists every object that a viewer requests, along with its expected dimensions.

use super::Rule;
use super::expected::{Expected, Measure};
use super::information::Information;
use super::listed::Listed;
use crate::iiif::{
    ImageInformation, ImageRequest, Plan, Pyramid, PyramidShape, Rendering, RoundedSizes, Size, SizeParameter,
};
use std::collections::HashMap;

/// Maximum number of tiles to check. No real image has this many, and they can still be counted in seconds. An image
/// of 200,000 x 200,000 pixels with 64-pixel tiles has 13 million.
const MAX_OBJECTS: u64 = 20_000_000;

/// `info.json` members that determine the stored objects.
const DECISIVE: [&str; 11] = [
    "protocol",
    "profile",
    "width",
    "height",
    "maxWidth",
    "maxHeight",
    "maxArea",
    "sizes",
    "tiles",
    "extraFormats",
    "preferredFormats",
];

/// All of an image's objects except `info.json`.
#[derive(Debug)]
pub(super) enum Coverage {
    Plan {
        plan: Plan,
        /// Sizes of thumbnails that may or may not exist. This depends on the size limit used for publishing, which
        /// `info.json` doesn't reveal.
        perhaps: HashMap<ImageRequest, Size>,
    },
    Listed(Listed),
}

impl Coverage {
    /// Determines an image's objects.
    ///
    /// # Errors
    /// Returns a message if the image has more than [`MAX_OBJECTS`] tiles.
    pub(super) fn of(information: &Information, rounded_sizes: RoundedSizes) -> Result<Self, String> {
        let listed = Listed::new(information);
        let tiles = listed.tile_count();
        if tiles > MAX_OBJECTS {
            return Err(format!("it lists {tiles} tiles, but at most {MAX_OBJECTS} can be checked"));
        }
        let plan = planned(information, rounded_sizes);
        Ok(plan.map_or(Self::Listed(listed), |plan| Self::Plan { perhaps: perhaps(&plan), plan }))
    }

    pub(super) fn rule(&self) -> Rule {
        match self {
            Self::Plan { .. } => Rule::Plan,
            Self::Listed(_) => Rule::Listed,
        }
    }

    /// Returns all objects in a fixed order. They're computed lazily because large images have millions of objects.
    pub(super) fn expected(&self) -> Box<dyn Iterator<Item = Expected> + Send + '_> {
        match self {
            Self::Listed(listed) => Box::new(listed.expected()),
            Self::Plan { plan, perhaps } => {
                Box::new(plan.pyramid().renderings().flat_map(|rendering| planned_requests(plan, rendering, perhaps)))
            }
        }
    }
}

fn planned_requests(
    plan: &Plan,
    rendering: Rendering,
    perhaps: &HashMap<ImageRequest, Size>,
) -> impl Iterator<Item = Expected> {
    let size = match rendering {
        Rendering::Tile(cell) => plan.pyramid().cell_size(cell),
        Rendering::Whole(scale) => plan.pyramid().size().at(scale),
        Rendering::Thumbnail(thumbnail) => thumbnail.size,
    };
    plan.requests(rendering).into_iter().map(move |request| {
        let other = perhaps.get(&request);
        let measure = other.map_or(Measure::Exactly(size), |other| Measure::Either(size, *other));
        Expected { request, measure }
    })
}

/// Returns the plan this program would use to publish the image, provided that it produces the same `info.json`.
fn planned(information: &Information, rounded_sizes: RoundedSizes) -> Option<Plan> {
    let [tiles] = &information.tiles[..] else { return None };
    // `maxWidth` is the width of `full/max` and may be smaller than a tile, but the publishing size limit may not.
    let longest_side = information.limits.width.map(|width| width.max(tiles.width));
    let shape = PyramidShape::new(tiles.width, longest_side, rounded_sizes).ok()?;
    let pyramid = Pyramid::new(information.size, shape.in_formats(information.formats));
    // The document doesn't reveal who published the image, but that doesn't matter. We only need to know whether all of
    // the plan's objects should exist. If this program would write the same document, they should, because viewers will
    // compute the same requests.
    let written = ImageInformation::new(&pyramid, information.version, information.id.clone(), None);
    let written = serde_json::to_value(written).ok()?;
    let is_same = |member: &str| written.get(member) == information.document.get(member);
    DECISIVE.into_iter().all(is_same).then(|| Plan::new(pyramid, information.version))
}

/// Returns thumbnails that depend on the size limit used for publishing.
///
/// Different limits can lead to the same `full/max`. These thumbnails are created with the highest of those limits, but
/// not with the lowest.
fn perhaps(plan: &Plan) -> HashMap<ImageRequest, Size> {
    let pyramid = plan.pyramid();
    let levels = pyramid.scale_factors().iter().take_while(|scale| **scale < pyramid.max_level());
    let Some(next_larger) = levels.last() else { return HashMap::new() };
    let highest_cap = pyramid.size().at(*next_larger).longer_side() - 1;
    let shape = PyramidShape::new(pyramid.tile_size(), Some(highest_cap), RoundedSizes::LeftOut);
    let Ok(shape) = shape else { return HashMap::new() };
    let drawn: Vec<_> = pyramid.thumbnails().collect();
    let more = Pyramid::new(pyramid.size(), shape);
    let more = more.thumbnails().filter(|thumbnail| !drawn.contains(thumbnail));
    let requests = more.flat_map(|thumbnail| {
        let sizes = [SizeParameter::by_width(thumbnail.size), SizeParameter::exactly(thumbnail.size)];
        let in_format = move |format| sizes.map(|size| (ImageRequest::full(size).in_format(format), thumbnail.size));
        pyramid.formats().all().flat_map(in_format)
    });
    requests.collect()
}
