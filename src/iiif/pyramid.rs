//! Levels, tiles, whole-image renditions and thumbnails of an image.

use super::format::{Format, Formats};
use super::geometry::{Region, ScaleFactor, Size};
use std::fmt;

/// Maximum longer side, in pixels, for levels listed in `sizes`.
pub const MAX_LISTED_SIDE: u32 = 2048;

/// Maximum longer side of the lowest level, in pixels. Leaflet requests levels smaller than a tile at negative zoom
/// levels.
const LOWEST_LEVEL_SIDE: u32 = 128;

/// Thumbnail widths, in pixels, that viewers request regardless of `sizes`. Universal Viewer uses 90 and 200, TIFY uses
/// 96 and 100, Clover uses 200, and gallery pages use 400 on high-density screens.
const THUMBNAIL_WIDTHS: [u32; 5] = [90, 96, 100, 200, 400];

/// Thumbnail width that TIFY 0.35 requests for images narrower than this. For wider images, it uses the manifest's
/// thumbnail or one of the listed sizes.
const SLIM_THUMBNAIL_WIDTH: u32 = 98;

/// Controls whether renditions are also stored under the sizes that OpenSeadragon 4.0.0 computes.
///
/// OpenSeadragon 4.0.0, which is bundled with Universal Viewer 4.2 and 4.3, rounds to nearest even though the
/// specification rounds up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum RoundedSizes {
    /// Store both the rounded and the specified sizes.
    #[default]
    Stored,
    /// Store only the sizes required by the specification.
    LeftOut,
}

/// Options that determine an image's renditions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PyramidShape {
    tile_size: u32,
    longest_side: u32,
    rounded_sizes: RoundedSizes,
    formats: Formats,
}

/// Error returned if a pyramid's shape is invalid or doesn't suit an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PyramidError {
    /// The tile size is outside [`PyramidShape::TILE_SIZES`].
    TileSize(u32),
    /// The longest side of `full/max` is less than the tile size. Viewers request single-tile levels as whole images.
    LongestSide {
        /// Requested longest side, in pixels.
        longest_side: u32,
        /// Minimum in pixels, equal to the tile size.
        tile_size: u32,
    },
    /// The longer side of `full/max` exceeds a format's limit.
    FormatSide {
        /// Longer side of `full/max`, in pixels.
        side: u32,
        /// Format that imposes the limit.
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
    /// Range of valid tile sizes, in pixels.
    pub const TILE_SIZES: std::ops::RangeInclusive<u32> = 16..=8192;
    /// Default tile size in pixels. Needs only a third as many requests and objects as 256.
    pub const DEFAULT_TILE_SIZE: u32 = 512;
    /// Default maximum side of `full/max`, in pixels.
    pub const DEFAULT_LONGEST_SIDE: u32 = 4096;

    /// Creates a shape with square tiles of `tile_size` pixels.
    ///
    /// `longest_side` limits the longer side of `full/max`, in pixels. `None` allows the full image size, up to JPEG's
    /// limit.
    ///
    /// # Errors
    /// Returns an error if the tile size is out of range or `longest_side` is less than the tile size.
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

    /// Replaces the formats.
    #[must_use]
    pub fn in_formats(self, formats: Formats) -> Self {
        Self { formats, ..self }
    }

    /// Returns the tile width and height, in pixels.
    #[must_use]
    pub(crate) fn tile_size(self) -> u32 {
        self.tile_size
    }

    /// Returns the maximum side of `full/max`, in pixels.
    #[must_use]
    pub(crate) fn longest_side(self) -> u32 {
        self.longest_side
    }

    /// Returns the formats.
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

/// Position of a tile within a level, by column and row. Both are counted from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Cell {
    /// Scale factor of the tile's level.
    pub scale: ScaleFactor,
    /// Column index, counting from the left.
    pub column: u32,
    /// Row index, counting from the top.
    pub row: u32,
}

/// A small whole-image rendition at a width that viewers request even though it isn't listed in `sizes`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Thumbnail {
    /// Thumbnail size in pixels.
    pub size: Size,
    /// Level to resize the thumbnail from. This is the smallest level that is at least as large as the thumbnail.
    pub source: ScaleFactor,
}

/// An image to encode. It's only encoded once, even if it is stored under several request paths.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Rendering {
    /// A tile. If a level has only one tile, the tile also serves as the whole level.
    Tile(Cell),
    /// A whole level that is larger than one tile.
    Whole(ScaleFactor),
    /// A thumbnail with a size between two levels.
    Thumbnail(Thumbnail),
}

/// An image's levels and renditions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pyramid {
    size: Size,
    shape: PyramidShape,
    scale_factors: Vec<ScaleFactor>,
}

impl Pyramid {
    /// Creates the pyramid for an image.
    ///
    /// The last scale factor is the first one where the image fits in one tile and its longer side is at most 128
    /// pixels.
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
        // Keep halving even below one tile. Viewers don't need these levels for zooming, but they serve as thumbnails:
        // `sizes` lists them, and Leaflet requests them at negative zoom levels.
        while size.at(scale).longer_side() > lowest {
            scale = scale.doubled();
            scale_factors.push(scale);
        }
        Self { size, shape, scale_factors }
    }

    /// Returns the image size in pixels.
    #[must_use]
    pub fn size(&self) -> Size {
        self.size
    }

    /// Returns the tile width and height, in pixels.
    #[must_use]
    pub(crate) fn tile_size(&self) -> u32 {
        self.shape.tile_size
    }

    /// Returns the formats.
    #[must_use]
    pub(crate) fn formats(&self) -> Formats {
        self.shape.formats
    }

    /// Checks that every rendition can be encoded in every format.
    ///
    /// Only `full/max` can be too large because tiles and listed sizes never exceed 8192 pixels per side.
    ///
    /// # Errors
    /// Returns [`PyramidError::FormatSide`] if `full/max` is too large for one of the formats.
    pub fn check_formats(&self) -> Result<(), PyramidError> {
        let side = self.size.at(self.max_level()).longer_side();
        let too_small = self.formats().all().find(|format| side > format.max_side());
        too_small.map_or(Ok(()), |format| Err(PyramidError::FormatSide { side, format }))
    }

    pub(crate) fn rounded_sizes(&self) -> RoundedSizes {
        self.shape.rounded_sizes()
    }

    /// Returns all scale factors in ascending order, starting at 1.
    #[must_use]
    pub fn scale_factors(&self) -> &[ScaleFactor] {
        &self.scale_factors
    }

    /// Returns `true` if the whole level fits in one tile.
    #[must_use]
    pub(crate) fn fits_one_tile(&self, scale: ScaleFactor) -> bool {
        self.size.at(scale).longer_side() <= self.shape.tile_size
    }

    /// Returns the level to use for `full/max`. This is the largest level within the size limit.
    #[must_use]
    pub fn max_level(&self) -> ScaleFactor {
        let within = |scale: &&ScaleFactor| self.size.at(**scale).longer_side() <= self.shape.longest_side;
        *self.scale_factors.iter().find(within).expect("the lowest level fits one tile, and no cap is less than a tile")
    }

    /// Returns the levels to list in `sizes`, smallest first. Their longer side is at most 2048 pixels and never
    /// exceeds the limit for `full/max`.
    pub(crate) fn listed_levels(&self) -> impl Iterator<Item = ScaleFactor> {
        let limit = MAX_LISTED_SIDE.min(self.shape.longest_side);
        self.scale_factors.iter().rev().copied().take_while(move |scale| self.size.at(*scale).longer_side() <= limit)
    }

    /// Returns `true` if a level is stored as a single image because it fits in one tile, is listed in `sizes`, or is
    /// `full/max`.
    #[must_use]
    fn is_stored_whole(&self, scale: ScaleFactor) -> bool {
        self.fits_one_tile(scale) || self.is_requested_by_size(scale) || scale == self.max_level()
    }

    /// Returns `true` if viewers request the whole level by its exact size.
    pub(crate) fn is_requested_by_size(&self, scale: ScaleFactor) -> bool {
        self.fits_one_tile(scale) || self.size.at(scale).longer_side() <= MAX_LISTED_SIDE.min(self.shape.longest_side)
    }

    /// Returns the number of tile columns in a level.
    #[must_use]
    pub(crate) fn columns(&self, scale: ScaleFactor) -> u32 {
        self.size.at(scale).width().div_ceil(self.shape.tile_size)
    }

    /// Returns the number of tile rows in a level.
    #[must_use]
    pub(crate) fn rows(&self, scale: ScaleFactor) -> u32 {
        self.size.at(scale).height().div_ceil(self.shape.tile_size)
    }

    /// Returns the total number of tiles across all levels.
    #[must_use]
    pub(crate) fn tile_count(&self) -> u64 {
        self.scale_factors.iter().map(|scale| u64::from(self.columns(*scale)) * u64::from(self.rows(*scale))).sum()
    }

    /// Returns the region that a cell covers in the full image.
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

    /// Returns a level's last cell. This is the only cell that can cover the same region as a cell in another level.
    pub(crate) fn last_cell(&self, scale: ScaleFactor) -> Cell {
        Cell { scale, column: self.columns(scale) - 1, row: self.rows(scale) - 1 }
    }

    /// Returns the rendition for a whole level.
    #[must_use]
    pub(crate) fn whole(&self, scale: ScaleFactor) -> Rendering {
        if self.fits_one_tile(scale) {
            Rendering::Tile(Cell { scale, column: 0, row: 0 })
        } else {
            Rendering::Whole(scale)
        }
    }

    /// Returns the width and height of each thumbnail request, along with the rendition that satisfies it.
    ///
    /// Thumbnails are never enlarged and never exceed the size limit. `full/max` is used instead.
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

    /// Returns the thumbnails to create.
    pub(crate) fn thumbnails(&self) -> impl Iterator<Item = Thumbnail> {
        self.thumbnail_requests().filter_map(|(_, _, answer)| match answer {
            Rendering::Thumbnail(thumbnail) => Some(thumbnail),
            Rendering::Tile(_) | Rendering::Whole(_) => None,
        })
    }

    /// Returns the levels larger than one tile that are also stored as whole images, largest first.
    pub(crate) fn whole_levels(&self) -> impl Iterator<Item = ScaleFactor> {
        self.scale_factors.iter().copied().filter(|scale| !self.fits_one_tile(*scale) && self.is_stored_whole(*scale))
    }

    /// Returns all renditions in the order they are completed during a single pass over the image's rows.
    pub fn renderings(&self) -> impl Iterator<Item = Rendering> {
        let last = self.rows(ScaleFactor::ONE) - 1;
        let tiles = (0..=last).flat_map(move |row| {
            // A tile row at scale factor `s` is complete after `s` full-size tile rows, or at the end of the image.
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

/// Returns the height for a given width, rounded half up. Always at least one pixel.
fn scaled_height(size: Size, width: u32) -> u32 {
    let (image_width, image_height) = (u64::from(size.width()), u64::from(size.height()));
    // Viewers compute this in floating point with `Math.round`. Doubling the numerator and denominator gives exact
    // half-up rounding with integers.
    let height = (2 * image_height * u64::from(width) + image_width) / (2 * image_width);
    // The height is only used in the request path. The rendition itself stays within the limit.
    u32::try_from(height.max(1)).unwrap_or(u32::MAX)
}
