//! Every object of one image in one version of the Image API.

use super::format::Format;
use super::geometry::{ScaleFactor, Size};
use super::pyramid::{Cell, Pyramid, Rendering, RoundedSizes};
use super::request::{ImageRequest, SizeParameter};
use std::collections::HashSet;

/// A version of the IIIF Image API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ApiVersion {
    /// [Image API 2.1](https://iiif.io/api/image/2.1/), canonical sizes written `w,`
    V2,
    /// [Image API 3.0](https://iiif.io/api/image/3.0/), canonical sizes written `w,h`
    V3,
}

impl ApiVersion {
    /// Its number, as it stands in paths and contexts.
    #[must_use]
    pub fn number(self) -> u8 {
        match self {
            Self::V2 => 2,
            Self::V3 => 3,
        }
    }

    /// A size in this version's canonical form.
    fn canonical(self, size: Size) -> SizeParameter {
        match self {
            Self::V2 => SizeParameter::by_width(size),
            Self::V3 => SizeParameter::exactly(size),
        }
    }

    /// A size as OpenSeadragon 4.0.0 writes it at a scale factor; `None` where it writes a zero, which no server answers.
    fn rounded(self, size: Size, scale: ScaleFactor) -> Option<SizeParameter> {
        match (self, size.rounded_at(scale)) {
            (_, (0, _)) | (Self::V3, (_, 0)) => None,
            // Of version 2 the height is not written, so it may be zero.
            (Self::V2, (width, _)) => Some(SizeParameter::Width(width)),
            (Self::V3, (width, height)) => Some(SizeParameter::WidthHeight(width, height)),
        }
    }
}

/// Every request that a viewer of one image makes, and the picture that answers it.
///
/// Pure: the size of the image decides all of it before the first pixel is read. A request is planned once. On slim
/// images one request can belong to several levels; the smallest scale factor answers it.
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
    /// The requests that more than one picture could answer, each with the one that does, in the order of precedence; as
    /// JPEG, because a picture answers the same requests in every format.
    contested: Vec<(ImageRequest, Rendering)>,
}

impl Plan {
    /// The name of the image information, below the image's base URI.
    pub const INFO_JSON: &str = "info.json";

    /// The plan of a pyramid in a version of the Image API.
    #[must_use]
    pub fn new(pyramid: Pyramid, version: ApiVersion) -> Self {
        let mut plan = Self { pyramid, version, contested: Vec::new() };
        let mut taken = HashSet::new();
        let mut contested = plan.contested_requests();
        contested.retain(|(request, _)| taken.insert(*request));
        plan.contested = contested;
        plan
    }

    /// The levels and pictures.
    #[must_use]
    pub fn pyramid(&self) -> &Pyramid {
        &self.pyramid
    }

    /// The version of the Image API.
    #[must_use]
    pub fn version(&self) -> ApiVersion {
        self.version
    }

    /// The requests that a picture answers in all formats; none where another one answers all of them already.
    #[must_use]
    pub fn requests(&self, rendering: Rendering) -> Vec<ImageRequest> {
        let requests = self.requests_as_jpg(rendering);
        let in_format = |format| requests.iter().map(move |request| request.in_format(format));
        self.pyramid.formats().all().flat_map(in_format).collect()
    }

    /// The requests that a picture answers in one format.
    #[must_use]
    pub fn requests_in(&self, format: Format, rendering: Rendering) -> Vec<ImageRequest> {
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

    /// The path of every object below the image's base URI, in publishing order: `info.json` last.
    pub fn paths(&self) -> impl Iterator<Item = String> {
        let requests = self.pyramid.renderings().flat_map(|rendering| self.requests(rendering));
        requests.map(|request| request.to_string()).chain(std::iter::once(Self::INFO_JSON.to_owned()))
    }

    /// How many objects there are, `info.json` included: by arithmetic, however many it are.
    #[must_use]
    pub fn object_count(&self) -> u64 {
        let tiles = self.pyramid.scale_factors().iter().map(|scale| self.uncontested_requests(*scale));
        (tiles.sum::<u64>() + self.contested.len() as u64) * self.pyramid.formats().count() + 1
    }

    /// The requests in one format for all cells of a level but the last. Inner cells are alike, and so are those of the right and of
    /// the bottom edge.
    fn uncontested_requests(&self, scale: ScaleFactor) -> u64 {
        let last = self.pyramid.last_cell(scale);
        let (above, before) = (u64::from(last.row), u64::from(last.column));
        let requests = |column, row, count: u64| match count {
            0 => 0,
            count => count * self.requests_as_jpg(Rendering::Tile(Cell { scale, column, row })).len() as u64,
        };
        requests(0, 0, above * before) + requests(last.column, 0, above) + requests(0, last.row, before)
    }

    /// The requests that name the full region, and those of each level's last cell, in the order of precedence.
    ///
    /// No others can meet: a region belongs to two levels only where it is cut off by the right and the bottom edge.
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

    /// The sizes under which a level is asked for as the full region: both forms in both versions, because Mirador asks
    /// for `w,h` even of version 2, Clover and Universal Viewer for `w,` even of version 3.
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

    /// A cell under its canonical size, and what OpenSeadragon writes of version 2 where a tile is as wide as the image.
    fn cell_requests(&self, cell: Cell) -> Vec<ImageRequest> {
        let region = self.pyramid.cell_region(cell);
        let size = self.pyramid.cell_size(cell);
        let mut sizes = vec![self.version.canonical(size)];
        if self.version == ApiVersion::V2 && region.x == 0 && size.width() == self.pyramid.size().width() {
            sizes.extend([SizeParameter::Full, SizeParameter::Max]);
        }
        sizes.into_iter().map(|size| ImageRequest::region(region, size)).collect()
    }

    /// The same cell as OpenSeadragon 4.0.0 asks for it, where that differs.
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
