//! The renditions of one image: levels, tiles, whole-image renditions and thumbnails.

use super::format::{Format, Formats};
use super::geometry::{Region, ScaleFactor, Size};
use std::fmt;

/// The maximum longer side of a level that `sizes` lists, in pixels.
pub const MAX_LISTED_SIDE: u32 = 2048;

/// The maximum longer side of the lowest level, in pixels. Leaflet requests levels below one tile at negative zooms.
const LOWEST_LEVEL_SIDE: u32 = 128;

/// Thumbnail widths, in pixels, that viewers request regardless of `sizes`: Universal Viewer 90 and 200, TIFY 96 and
/// 100, Clover 200. Gallery pages use 400 on high-density screens.
const THUMBNAIL_WIDTHS: [u32; 5] = [90, 96, 100, 200, 400];

/// The thumbnail width that TIFY 0.35 requests if the image is narrower. For wider images, it uses the thumbnail of the
/// manifest or a listed size.
const SLIM_THUMBNAIL_WIDTH: u32 = 98;

/// Selects if renditions are also stored under the sizes that OpenSeadragon 4.0.0 computes.
///
/// OpenSeadragon 4.0.0 rounds to nearest, but the specification rounds up. Universal Viewer 4.2 and 4.3 contain it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum RoundedSizes {
    /// Stores both forms.
    #[default]
    Stored,
    /// Stores only the sizes that the specification computes.
    LeftOut,
}

/// The options that determine the renditions of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PyramidShape {
    tile_size: u32,
    longest_side: u32,
    rounded_sizes: RoundedSizes,
    formats: Formats,
}

/// An error in the shape of a pyramid, or a shape that does not fit an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PyramidError {
    /// The tile size is outside [`PyramidShape::TILE_SIZES`].
    TileSize(u32),
    /// The longest side of `full/max` is less than the tile size. Viewers request levels of one tile as a whole.
    LongestSide {
        /// The requested longest side, in pixels.
        longest_side: u32,
        /// The minimum: the tile size, in pixels.
        tile_size: u32,
    },
    /// The longer side of `full/max` exceeds the limit of a format.
    FormatSide {
        /// The longer side of `full/max`, in pixels.
        side: u32,
        /// The format whose limit is exceeded.
        format: Format,
    },
}

impl fmt::Display for PyramidError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TileSize(tile_size) => write!(
                formatter,
                "a tile size of {tile_size} pixels is not between {} and {}",
                PyramidShape::TILE_SIZES.start(),
                PyramidShape::TILE_SIZES.end()
            ),
            Self::LongestSide { longest_side, tile_size } => {
                write!(formatter, "a maximum size of {longest_side} pixels is less than the tile size of {tile_size}")
            }
            Self::FormatSide { side, format } => {
                write!(
                    formatter,
                    "full/max would be {side} pixels long, but {format} allows at most {}",
                    format.max_side()
                )
            }
        }
    }
}

impl std::error::Error for PyramidError {}

impl PyramidShape {
    /// The range of valid tile sizes, in pixels.
    pub const TILE_SIZES: std::ops::RangeInclusive<u32> = 16..=8192;
    /// The default tile size, in pixels. It needs a third of the requests and objects of 256.
    pub const DEFAULT_TILE_SIZE: u32 = 512;
    /// The default longest side of `full/max`, in pixels.
    pub const DEFAULT_LONGEST_SIDE: u32 = 4096;

    /// Creates a shape with square tiles of `tile_size` pixels.
    ///
    /// The longer side of `full/max` is at most `longest_side` pixels. `None` allows the full size of the image, up to
    /// the limit of JPEG.
    ///
    /// # Errors
    /// Returns an error if the tile size is out of range, or if `longest_side` is less than the tile size.
    pub fn new(tile_size: u32, longest_side: Option<u32>, rounded_sizes: RoundedSizes) -> Result<Self, PyramidError> {
        if !Self::TILE_SIZES.contains(&tile_size) {
            return Err(PyramidError::TileSize(tile_size));
        }
        let longest_side = longest_side.map_or(Format::Jpg.max_side(), |side| side.min(Format::Jpg.max_side()));
        if longest_side < tile_size {
            return Err(PyramidError::LongestSide { longest_side, tile_size });
        }
        Ok(Self { tile_size, longest_side, rounded_sizes, formats: Formats::default() })
    }

    /// Returns this shape with renditions in other formats.
    #[must_use]
    pub fn in_formats(self, formats: Formats) -> Self {
        Self { formats, ..self }
    }

    /// Returns the width and height of a tile, in pixels.
    #[must_use]
    pub(crate) fn tile_size(self) -> u32 {
        self.tile_size
    }

    /// Returns the longest side of `full/max`, in pixels.
    #[must_use]
    pub(crate) fn longest_side(self) -> u32 {
        self.longest_side
    }

    /// Returns the formats of the renditions.
    #[must_use]
    pub fn formats(self) -> Formats {
        self.formats
    }

    pub(crate) fn rounded_sizes(self) -> RoundedSizes {
        self.rounded_sizes
    }
}

impl Default for PyramidShape {
    fn default() -> Self {
        Self {
            tile_size: Self::DEFAULT_TILE_SIZE,
            longest_side: Self::DEFAULT_LONGEST_SIDE,
            rounded_sizes: RoundedSizes::default(),
            formats: Formats::default(),
        }
    }
}

/// The position of a tile: a column and a row of one level, counted from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Cell {
    /// The scale factor of the level.
    pub scale: ScaleFactor,
    /// The column: the number of tiles to the left.
    pub column: u32,
    /// The row: the number of tiles above.
    pub row: u32,
}

/// A small rendition of the whole image, at a width that viewers request without finding it in `sizes`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Thumbnail {
    /// The size in pixels.
    pub size: Size,
    /// The lowest level that is at least as large. The thumbnail is resampled from it.
    pub source: ScaleFactor,
}

/// One rendition. It is drawn and encoded once, even if it is stored under several requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Rendering {
    /// A tile. If a level has only one tile, that tile is also the whole level.
    Tile(Cell),
    /// A whole level that is larger than one tile.
    Whole(ScaleFactor),
    /// A thumbnail with a size between two levels.
    Thumbnail(Thumbnail),
}

/// The levels and renditions of one image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pyramid {
    size: Size,
    shape: PyramidShape,
    scale_factors: Vec<ScaleFactor>,
}

impl Pyramid {
    /// Creates the pyramid of an image.
    ///
    /// The last scale factor is the first at which the image fits one tile and its longer side is at most 128 pixels.
    ///
    /// ```
    /// use iiif_publish::iiif::{Pyramid, PyramidShape, Size};
    /// let pyramid = Pyramid::new(Size::new(1001, 701)?, PyramidShape::default());
    /// let factors: Vec<u32> = pyramid.scale_factors().iter().map(|scale| scale.value()).collect();
    /// assert_eq!(factors, [1, 2, 4, 8]);
    /// # Ok::<(), iiif_publish::iiif::GeometryError>(())
    /// ```
    #[must_use]
    pub fn new(size: Size, shape: PyramidShape) -> Self {
        let lowest = shape.tile_size.min(LOWEST_LEVEL_SIDE);
        let mut scale_factors = vec![ScaleFactor::ONE];
        let mut scale = ScaleFactor::ONE;
        // Halving goes on below one tile, although no viewer needs such levels for zooming. They are the thumbnails:
        // `sizes` lists them, and Leaflet asks for them at negative zoom levels.
        while size.at(scale).longer_side() > lowest {
            scale = scale.doubled();
            scale_factors.push(scale);
        }
        Self { size, shape, scale_factors }
    }

    /// Returns the size of the image, in pixels.
    #[must_use]
    pub fn size(&self) -> Size {
        self.size
    }

    /// Returns the width and height of a tile, in pixels.
    #[must_use]
    pub(crate) fn tile_size(&self) -> u32 {
        self.shape.tile_size
    }

    /// Returns the formats of the renditions.
    #[must_use]
    pub(crate) fn formats(&self) -> Formats {
        self.shape.formats
    }

    /// Checks that every rendition can be encoded in every format.
    ///
    /// Only `full/max` can be too large: tiles and listed sizes have at most 8192 pixels per side.
    ///
    /// # Errors
    /// Returns [`PyramidError::FormatSide`] if `full/max` is too large for a format.
    pub fn check_formats(&self) -> Result<(), PyramidError> {
        let side = self.size.at(self.max_level()).longer_side();
        let too_small = self.formats().all().find(|format| side > format.max_side());
        too_small.map_or(Ok(()), |format| Err(PyramidError::FormatSide { side, format }))
    }

    pub(crate) fn rounded_sizes(&self) -> RoundedSizes {
        self.shape.rounded_sizes()
    }

    /// Returns all scale factors in ascending order, starting with 1.
    #[must_use]
    pub fn scale_factors(&self) -> &[ScaleFactor] {
        &self.scale_factors
    }

    /// Returns `true` if a whole level fits one tile.
    #[must_use]
    pub(crate) fn fits_one_tile(&self, scale: ScaleFactor) -> bool {
        self.size.at(scale).longer_side() <= self.shape.tile_size
    }

    /// Returns the level of `full/max`: the largest one whose longer side is within the limit.
    #[must_use]
    pub fn max_level(&self) -> ScaleFactor {
        let within = |scale: &&ScaleFactor| self.size.at(**scale).longer_side() <= self.shape.longest_side;
        *self.scale_factors.iter().find(within).expect("the lowest level fits one tile, and no cap is less than a tile")
    }

    /// Returns the levels that `sizes` lists, smallest first. Their longer side is at most 2048 pixels and within the
    /// limit of `full/max`.
    pub(crate) fn listed_levels(&self) -> impl Iterator<Item = ScaleFactor> {
        let limit = MAX_LISTED_SIDE.min(self.shape.longest_side);
        self.scale_factors.iter().rev().copied().take_while(move |scale| self.size.at(*scale).longer_side() <= limit)
    }

    /// Returns `true` if a level is stored as a single image: if it fits one tile, is listed in `sizes`, or is
    /// `full/max`.
    #[must_use]
    fn is_stored_whole(&self, scale: ScaleFactor) -> bool {
        self.fits_one_tile(scale) || self.is_requested_by_size(scale) || scale == self.max_level()
    }

    /// Returns `true` if viewers request a level as the full region in its own size.
    pub(crate) fn is_requested_by_size(&self, scale: ScaleFactor) -> bool {
        self.fits_one_tile(scale) || self.size.at(scale).longer_side() <= MAX_LISTED_SIDE.min(self.shape.longest_side)
    }

    /// Returns the number of tile columns of a level.
    #[must_use]
    pub(crate) fn columns(&self, scale: ScaleFactor) -> u32 {
        self.size.at(scale).width().div_ceil(self.shape.tile_size)
    }

    /// Returns the number of tile rows of a level.
    #[must_use]
    pub(crate) fn rows(&self, scale: ScaleFactor) -> u32 {
        self.size.at(scale).height().div_ceil(self.shape.tile_size)
    }

    /// Returns the number of tiles of all levels together.
    #[must_use]
    pub(crate) fn tile_count(&self) -> u64 {
        self.scale_factors.iter().map(|scale| u64::from(self.columns(*scale)) * u64::from(self.rows(*scale))).sum()
    }

    /// Returns the region of the full image that a cell covers.
    #[must_use]
    pub(crate) fn cell_region(&self, cell: Cell) -> Region {
        let step = u64::from(self.shape.tile_size) * u64::from(cell.scale.value());
        let span = |index: u32, side: u32| {
            let start = u64::from(index) * step;
            let length = step.min(u64::from(side) - start);
            // Both are at most `side`, which is a `u32`.
            (u32::try_from(start).expect("within the image"), u32::try_from(length).expect("within the image"))
        };
        let (x, width) = span(cell.column, self.size.width());
        let (y, height) = span(cell.row, self.size.height());
        Region { x, y, size: Size::new(width, height).expect("a cell begins inside the image") }
    }

    /// Returns the size of a cell's tile, in pixels.
    #[must_use]
    pub fn cell_size(&self, cell: Cell) -> Size {
        self.cell_region(cell).size.at(cell.scale)
    }

    /// Returns the last cell of a level. It is the only one whose region can equal that of another level's cell.
    pub(crate) fn last_cell(&self, scale: ScaleFactor) -> Cell {
        Cell { scale, column: self.columns(scale) - 1, row: self.rows(scale) - 1 }
    }

    /// Returns the rendition of a whole level.
    #[must_use]
    pub(crate) fn whole(&self, scale: ScaleFactor) -> Rendering {
        if self.fits_one_tile(scale) {
            Rendering::Tile(Cell { scale, column: 0, row: 0 })
        } else {
            Rendering::Whole(scale)
        }
    }

    /// Returns the widths and heights of thumbnail requests, each with the rendition that answers it.
    ///
    /// Nothing is enlarged and nothing exceeds the size limit: `full/max` answers instead of such a thumbnail.
    pub(crate) fn thumbnail_requests(&self) -> impl Iterator<Item = (u32, u32, Rendering)> {
        let slim = Some(SLIM_THUMBNAIL_WIDTH).filter(|width| *width > self.size.width());
        THUMBNAIL_WIDTHS.into_iter().chain(slim).map(|width| {
            let height = scaled_height(self.size, width);
            let answer = self.thumbnail(width, height).map_or(self.whole(self.max_level()), Rendering::Thumbnail);
            (width, height, answer)
        })
    }

    fn thumbnail(&self, width: u32, height: u32) -> Option<Thumbnail> {
        if width > self.size.width() || width.max(height) > self.shape.longest_side {
            return None;
        }
        let large_enough = |scale: &&ScaleFactor| {
            let level = self.size.at(**scale);
            level.width() >= width && level.height() >= height
        };
        let source = *self.scale_factors.iter().rev().find(large_enough)?;
        Some(Thumbnail { size: Size::new(width, height).ok()?, source })
    }

    /// Returns the thumbnails to draw.
    pub(crate) fn thumbnails(&self) -> impl Iterator<Item = Thumbnail> {
        self.thumbnail_requests().filter_map(|(_, _, answer)| match answer {
            Rendering::Thumbnail(thumbnail) => Some(thumbnail),
            Rendering::Tile(_) | Rendering::Whole(_) => None,
        })
    }

    /// Returns the levels that are larger than one tile and are also drawn as a whole, largest first.
    pub(crate) fn whole_levels(&self) -> impl Iterator<Item = ScaleFactor> {
        self.scale_factors.iter().copied().filter(|scale| !self.fits_one_tile(*scale) && self.is_stored_whole(*scale))
    }

    /// Returns all renditions in the order in which one pass over the rows of the image completes them.
    pub fn renderings(&self) -> impl Iterator<Item = Rendering> {
        let last = self.rows(ScaleFactor::ONE) - 1;
        let tiles = (0..=last).flat_map(move |row| {
            // A tile row at scale factor s is complete after s tile rows of the full size, or at the end of the image.
            let complete = move |scale: &&ScaleFactor| row == last || (row + 1).is_multiple_of(scale.value());
            self.scale_factors.iter().filter(complete).flat_map(move |scale| self.tile_row(*scale, row / scale.value()))
        });
        let wholes = self.whole_levels().map(Rendering::Whole);
        tiles.chain(wholes).chain(self.thumbnails().map(Rendering::Thumbnail))
    }

    fn tile_row(&self, scale: ScaleFactor, row: u32) -> impl Iterator<Item = Rendering> {
        (0..self.columns(scale)).map(move |column| Rendering::Tile(Cell { scale, column, row }))
    }
}

/// Returns the height for a width, rounded half up: at least one pixel.
fn scaled_height(size: Size, width: u32) -> u32 {
    let (image_width, image_height) = (u64::from(size.width()), u64::from(size.height()));
    // Viewers compute this in floating point with `Math.round`. Doubling numerator and denominator makes rounding half
    // up exact in integers.
    let height = (2 * image_height * u64::from(width) + image_width) / (2 * image_width);
    // The height only names the request; the rendition that answers it is within the limit.
    u32::try_from(height.max(1)).unwrap_or(u32::MAX)
}
