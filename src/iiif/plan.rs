//! Plans all objects to publish for an image in one Image API version.

use super::format::Format;
use super::geometry::{ScaleFactor, Size};
use super::pyramid::{Cell, Pyramid, Rendering, RoundedSizes};
use super::request::{ImageRequest, SizeParameter};
use std::collections::HashSet;

/// An IIIF Image API version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum ApiVersion {
    /// [Image API 2.1](https://iiif.io/api/image/2.1/). Canonical sizes use the form `w,`.
    V2,
    /// [Image API 3.0](https://iiif.io/api/image/3.0/). Canonical sizes use the form `w,h`.
    V3,
}

impl ApiVersion {
    /// Returns the major version number, as used in paths and contexts.
    #[must_use]
    pub fn number(self) -> u8 {
        match self {
            Self::V2 => 2,
            Self::V3 => 3,
        }
    }

    /// Returns the canonical size parameter in this version.
    fn canonical(self, size: Size) -> SizeParameter {
        match self {
            Self::V2 => SizeParameter::by_width(size),
            Self::V3 => SizeParameter::exactly(size),
        }
    }

    /// Returns the size parameter that OpenSeadragon 4.0.0 requests at a scale factor.
    ///
    /// Returns `None` if the parameter would contain a zero, since servers can't respond to it.
    fn rounded(self, size: Size, scale: ScaleFactor) -> Option<SizeParameter> {
        match (self, size.rounded_at(scale)) {
            // A 1500 x 1 strip has levels with an exact height of less than half a pixel. The specification rounds the
            // height up to 1, but OpenSeadragon 4.0.0 rounds it to 0.
            (_, (0, _)) | (Self::V3, (_, 0)) => None,
            // Version 2 requests leave out the height, so it can be zero.
            (Self::V2, (width, _)) => Some(SizeParameter::Width(width)),
            (Self::V3, (width, height)) => Some(SizeParameter::WidthHeight(width, height)),
        }
    }
}

/// All requests that viewers make for an image, along with the rendition that satisfies each one.
///
/// A plan depends only on the image size, so it's available before any pixels are read. Each request is planned once.
/// If several levels of a narrow image match the same request, the smallest scale factor is used.
///
/// ```
/// use iiif_publish::iiif::{ApiVersion, Plan, Pyramid, PyramidShape, Size};
/// let pyramid = Pyramid::new(Size::new(1001, 701)?, PyramidShape::default());
/// let plan = Plan::new(pyramid, ApiVersion::V3);
/// let paths: Vec<String> = plan.paths().collect();
/// assert_eq!(paths.first().map(String::as_str), Some("0,0,512,512/512,512/0/default.jpg"));
/// assert!(paths.contains(&"full/max/0/default.jpg".to_owned()));
/// assert_eq!(paths.last().map(String::as_str), Some("info.json"));
/// # Ok::<(), iiif_publish::iiif::GeometryError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Plan {
    pyramid: Pyramid,
    version: ApiVersion,
    /// Requests that match more than one rendition, along with the chosen rendition, in order of precedence.
    ///
    /// Stored as JPEG requests because each rendition satisfies the same requests in every format.
    contested: Vec<(ImageRequest, Rendering)>,
}

impl Plan {
    /// Path of the image information relative to the image's base URI.
    pub const INFO_JSON: &str = "info.json";

    /// Creates a plan for a pyramid in the given Image API version.
    #[must_use]
    pub fn new(pyramid: Pyramid, version: ApiVersion) -> Self {
        let mut plan = Self { pyramid, version, contested: Vec::new() };
        // In a narrow image, the last tiles of several levels can cover the same region and round to the same size, so
        // they compete for one path. The first candidate has the smallest scale factor and the most detail, so it wins.
        // Only last cells and whole levels can collide, so a small set is enough. A set of all requests could have
        // millions of entries.
        let mut taken = HashSet::new();
        let mut contested = plan.contested_requests();
        contested.retain(|(request, _)| taken.insert(*request));
        plan.contested = contested;
        plan
    }

    /// Returns the image's pyramid.
    #[must_use]
    pub fn pyramid(&self) -> &Pyramid {
        &self.pyramid
    }

    /// Returns the Image API version.
    #[must_use]
    pub fn version(&self) -> ApiVersion {
        self.version
    }

    /// Returns the requests that a rendition satisfies, in all formats.
    ///
    /// The list is empty if other renditions already satisfy all of them.
    #[must_use]
    pub fn requests(&self, rendering: Rendering) -> Vec<ImageRequest> {
        let requests = self.requests_as_jpg(rendering);
        let in_format = |format| requests.iter().map(move |request| request.in_format(format));
        self.pyramid.formats().all().flat_map(in_format).collect()
    }

    /// Returns the requests that a rendition satisfies in a single format.
    #[must_use]
    pub(crate) fn requests_in(&self, format: Format, rendering: Rendering) -> Vec<ImageRequest> {
        self.requests(rendering).into_iter().filter(|request| request.format == format).collect()
    }

    fn requests_as_jpg(&self, rendering: Rendering) -> Vec<ImageRequest> {
        match rendering {
            Rendering::Tile(cell) if cell != self.pyramid.last_cell(cell.scale) => {
                let mut requests = self.cell_requests(cell);
                requests.extend(self.rounded_cell_request(cell));
                requests
            }
            _ => {
                let answered = self.contested.iter().filter(|(_, answer)| *answer == rendering);
                answered.map(|(request, _)| *request).collect()
            }
        }
    }

    /// Returns the path of every object relative to the image's base URI, in publishing order. `info.json` comes last.
    pub fn paths(&self) -> impl Iterator<Item = String> {
        let requests = self.pyramid.renderings().flat_map(|rendering| self.requests(rendering));
        requests.map(|request| request.to_string()).chain(std::iter::once(Self::INFO_JSON.to_owned()))
    }

    /// Returns the number of objects, including `info.json`.
    ///
    /// Takes constant time per level because objects are counted without being listed.
    #[must_use]
    pub fn object_count(&self) -> u64 {
        let tiles = self.pyramid.scale_factors().iter().map(|scale| self.uncontested_requests(*scale));
        (tiles.sum::<u64>() + self.contested.len() as u64) * self.pyramid.formats().count() + 1
    }

    /// Counts single-format requests for all cells of a level except the last one.
    ///
    /// All inner cells have the same number of requests. So do all right-edge cells and all bottom-edge cells, so it's
    /// enough to check one cell of each kind.
    fn uncontested_requests(&self, scale: ScaleFactor) -> u64 {
        let last = self.pyramid.last_cell(scale);
        let (above, before) = (u64::from(last.row), u64::from(last.column));
        let requests = |column, row, count: u64| match count {
            0 => 0,
            count => count * self.requests_as_jpg(Rendering::Tile(Cell { scale, column, row })).len() as u64,
        };
        requests(0, 0, above * before) + requests(last.column, 0, above) + requests(0, last.row, before)
    }

    /// Lists requests for the full region and for each level's last cell, in order of precedence.
    ///
    /// Other requests can't be contested. Two levels can only share a region if the image's right and bottom edges cut
    /// it off.
    fn contested_requests(&self) -> Vec<(ImageRequest, Rendering)> {
        let mut requests = Vec::new();
        for &scale in self.pyramid.scale_factors() {
            let last = self.pyramid.last_cell(scale);
            requests.extend(self.cell_requests(last).into_iter().map(|request| (request, Rendering::Tile(last))));
            let whole = self.pyramid.whole(scale);
            let sizes = self.whole_level_sizes(scale);
            requests.extend(sizes.into_iter().map(|size| (ImageRequest::full(size), whole)));
        }
        for (width, height, answer) in self.pyramid.thumbnail_requests() {
            let sizes = [SizeParameter::Width(width), SizeParameter::WidthHeight(width, height)];
            requests.extend(sizes.map(|size| (ImageRequest::full(size), answer)));
        }
        if self.pyramid.rounded_sizes() == RoundedSizes::Stored {
            requests.extend(self.contested_rounded_requests());
        }
        requests
    }

    /// Returns the size parameters that viewers use to request a whole level.
    ///
    /// Both forms are stored for both versions. Mirador requests `w,h` even in version 2, and Clover and Universal
    /// Viewer request `w,` even in version 3.
    fn whole_level_sizes(&self, scale: ScaleFactor) -> Vec<SizeParameter> {
        let mut sizes = Vec::new();
        if self.pyramid.is_requested_by_size(scale) {
            let size = self.pyramid.size().at(scale);
            sizes.extend([SizeParameter::exactly(size), SizeParameter::by_width(size)]);
        }
        if scale == self.pyramid.max_level() {
            sizes.push(SizeParameter::Max);
            if self.version == ApiVersion::V2 {
                sizes.push(SizeParameter::Full);
            }
        }
        sizes
    }

    /// Returns the requests for a cell. In addition to the canonical size, this includes the forms that OpenSeadragon
    /// uses in version 2 for tiles as wide as the image.
    fn cell_requests(&self, cell: Cell) -> Vec<ImageRequest> {
        let region = self.pyramid.cell_region(cell);
        let size = self.pyramid.cell_size(cell);
        let mut sizes = vec![self.version.canonical(size)];
        if self.version == ApiVersion::V2 && region.x == 0 && size.width() == self.pyramid.size().width() {
            sizes.extend([SizeParameter::Full, SizeParameter::Max]);
        }
        sizes.into_iter().map(|size| ImageRequest::region(region, size)).collect()
    }

    /// Returns the request that OpenSeadragon 4.0.0 makes for a cell, unless it matches the canonical request.
    fn rounded_cell_request(&self, cell: Cell) -> Option<ImageRequest> {
        if self.pyramid.rounded_sizes() == RoundedSizes::LeftOut {
            return None;
        }
        let region = self.pyramid.cell_region(cell);
        let rounded = self.version.rounded(region.size, cell.scale)?;
        let differs = rounded != self.version.canonical(self.pyramid.cell_size(cell));
        differs.then_some(ImageRequest::region(region, rounded))
    }

    fn contested_rounded_requests(&self) -> Vec<(ImageRequest, Rendering)> {
        let mut requests = Vec::new();
        for &scale in self.pyramid.scale_factors() {
            let last = self.pyramid.last_cell(scale);
            requests.extend(self.rounded_cell_request(last).map(|request| (request, Rendering::Tile(last))));
            if self.pyramid.fits_one_tile(scale) {
                let rounded = self.version.rounded(self.pyramid.size(), scale);
                requests.extend(rounded.map(|size| (ImageRequest::full(size), self.pyramid.whole(scale))));
            }
        }
        requests
    }
}
