//! Which pictures are drawn of one image: its levels, their cells, the whole-image renditions and the thumbnails.

use super::format::{Format, Formats};
use super::geometry::{Region, ScaleFactor, Size};
use std::fmt;

/// The longest side of a level that `sizes` lists.
pub const MAX_LISTED_SIDE: u32 = 2048;

/// The lowest level is the first whose longer side is at most this: Leaflet asks below one tile at negative zooms.
const LOWEST_LEVEL_SIDE: u32 = 128;

/// The thumbnail widths that viewers ask for whatever `sizes` says: Universal Viewer 90 and 200, TIFY 96 and 100,
/// Clover 200; 400 is what gallery pages show on dense screens.
const THUMBNAIL_WIDTHS: [u32; 5] = [90, 96, 100, 200, 400];

/// What TIFY 0.35 asks for where the image is narrower than that; of others it takes the thumbnail of the manifest or a size that is
/// listed.
const SLIM_THUMBNAIL_WIDTH: u32 = 98;

/// Whether the sizes that OpenSeadragon 4.0.0 computes are stored too.
///
/// It rounds to nearest where the specification rounds up, and Universal Viewer 4.2 and 4.3 contain it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RoundedSizes {
    /// Both forms are stored.
    #[default]
    Stored,
    /// Only what the specification computes is stored.
    LeftOut,
}

/// The choices that decide which pictures are drawn of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PyramidShape {
    tile_size: u32,
    longest_side: u32,
    rounded_sizes: RoundedSizes,
    formats: Formats,
}

/// Why a shape cannot be one, or does not suit an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PyramidError {
    /// A tile size outside [`PyramidShape::TILE_SIZES`].
    TileSize(u32),
    /// A longest side of `full/max` that is less than the tile size: every level of one tile is asked for whole.
    LongestSide {
        /// What was asked for.
        longest_side: u32,
        /// The least that is possible.
        tile_size: u32,
    },
    /// A `full/max` with a longer side than a format can have.
    FormatSide {
        /// The longer side of `full/max`.
        side: u32,
        /// The format.
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
                write!(formatter, "full/max would be {side} pixels long, and {format} ends at {}", format.max_side())
            }
        }
    }
}

impl std::error::Error for PyramidError {}

impl PyramidShape {
    /// Tile widths, in pixels, for which tiles are still tiles.
    pub const TILE_SIZES: std::ops::RangeInclusive<u32> = 16..=8192;
    /// The tile width where none is said: a third of the requests and of the objects of 256.
    pub const DEFAULT_TILE_SIZE: u32 = 512;
    /// The longest side of `full/max` where none is said.
    pub const DEFAULT_LONGEST_SIDE: u32 = 4096;

    /// A shape with square tiles of `tile_size` pixels and a `full/max` whose longer side is at most `longest_side`
    /// (`None`: as large as the image, as far as a JPEG file can be).
    ///
    /// # Errors
    /// Where the tile size is out of range, or `longest_side` is less than it.
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

    /// The same with pictures in such formats.
    #[must_use]
    pub fn in_formats(self, formats: Formats) -> Self {
        Self { formats, ..self }
    }

    /// The width and height of a tile, in pixels.
    #[must_use]
    pub fn tile_size(self) -> u32 {
        self.tile_size
    }

    /// Returns the longest side of `full/max`, in pixels.
    #[must_use]
    pub fn longest_side(self) -> u32 {
        self.longest_side
    }

    /// The formats of the pictures.
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

/// One tile's place: a column and a row of one level, counted from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Cell {
    /// The level.
    pub scale: ScaleFactor,
    /// Tiles to the left of it.
    pub column: u32,
    /// Tiles above it.
    pub row: u32,
}

/// A small picture of the whole image at a width that viewers ask for unasked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Thumbnail {
    /// What it measures.
    pub size: Size,
    /// The lowest level that is at least as large: it is resampled from there.
    pub source: ScaleFactor,
}

/// One picture that is drawn and encoded once, under however many requests it is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Rendering {
    /// A tile. The only tile of a level is the whole level as well.
    Tile(Cell),
    /// A whole level that is larger than one tile.
    Whole(ScaleFactor),
    /// A thumbnail between two levels.
    Thumbnail(Thumbnail),
}

/// The levels of one image and every picture drawn of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pyramid {
    size: Size,
    shape: PyramidShape,
    scale_factors: Vec<ScaleFactor>,
}

impl Pyramid {
    /// The pyramid of an image.
    ///
    /// The last scale factor is the first at which the image fits one tile and is at most 128 pixels on its longer side.
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
        while size.at(scale).longer_side() > lowest {
            scale = scale.doubled();
            scale_factors.push(scale);
        }
        Self { size, shape, scale_factors }
    }

    /// The size of the image.
    #[must_use]
    pub fn size(&self) -> Size {
        self.size
    }

    /// The width and height of a tile, in pixels.
    #[must_use]
    pub fn tile_size(&self) -> u32 {
        self.shape.tile_size
    }

    /// The formats of the pictures.
    #[must_use]
    pub fn formats(&self) -> Formats {
        self.shape.formats
    }

    /// Whether every picture can be encoded in every format. Only `full/max` can be too large: tiles and listed sizes end
    /// at 8192 pixels.
    ///
    /// # Errors
    /// [`PyramidError::FormatSide`] where `full/max` is too large for a format.
    pub fn check_formats(&self) -> Result<(), PyramidError> {
        let side = self.size.at(self.max_level()).longer_side();
        let too_small = self.formats().all().find(|format| side > format.max_side());
        too_small.map_or(Ok(()), |format| Err(PyramidError::FormatSide { side, format }))
    }

    pub(crate) fn rounded_sizes(&self) -> RoundedSizes {
        self.shape.rounded_sizes()
    }

    /// Every scale factor, ascending from 1.
    #[must_use]
    pub fn scale_factors(&self) -> &[ScaleFactor] {
        &self.scale_factors
    }

    /// Whether a whole level fits one tile.
    #[must_use]
    pub fn fits_one_tile(&self, scale: ScaleFactor) -> bool {
        self.size.at(scale).longer_side() <= self.shape.tile_size
    }

    /// The level that `full/max` shows: the largest whose longer side is within the cap.
    #[must_use]
    pub fn max_level(&self) -> ScaleFactor {
        let within = |scale: &&ScaleFactor| self.size.at(**scale).longer_side() <= self.shape.longest_side;
        *self.scale_factors.iter().find(within).expect("the lowest level fits one tile, and no cap is less than a tile")
    }

    /// The levels that `sizes` lists, ascending by size: the lowest ones, as far as 2048 pixels and the cap.
    pub fn listed_levels(&self) -> impl Iterator<Item = ScaleFactor> {
        let limit = MAX_LISTED_SIDE.min(self.shape.longest_side);
        self.scale_factors.iter().rev().copied().take_while(move |scale| self.size.at(*scale).longer_side() <= limit)
    }

    /// Whether a level is stored as one picture: because it fits one tile, is listed in `sizes`, or is `full/max`.
    #[must_use]
    pub fn is_stored_whole(&self, scale: ScaleFactor) -> bool {
        self.fits_one_tile(scale) || self.is_requested_by_size(scale) || scale == self.max_level()
    }

    /// Whether a level is asked for as the full region in its own size.
    pub(crate) fn is_requested_by_size(&self, scale: ScaleFactor) -> bool {
        self.fits_one_tile(scale) || self.size.at(scale).longer_side() <= MAX_LISTED_SIDE.min(self.shape.longest_side)
    }

    /// Tiles in a row of a level.
    #[must_use]
    pub fn columns(&self, scale: ScaleFactor) -> u32 {
        self.size.at(scale).width().div_ceil(self.shape.tile_size)
    }

    /// Rows of tiles of a level.
    #[must_use]
    pub fn rows(&self, scale: ScaleFactor) -> u32 {
        self.size.at(scale).height().div_ceil(self.shape.tile_size)
    }

    /// Tiles of all levels together.
    #[must_use]
    pub fn tile_count(&self) -> u64 {
        self.scale_factors.iter().map(|scale| u64::from(self.columns(*scale)) * u64::from(self.rows(*scale))).sum()
    }

    /// The pixels of the full image that a cell shows.
    #[must_use]
    pub fn cell_region(&self, cell: Cell) -> Region {
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

    /// What a cell measures as a tile.
    #[must_use]
    pub fn cell_size(&self, cell: Cell) -> Size {
        self.cell_region(cell).size.at(cell.scale)
    }

    /// The last cell of a level: the only one whose region can also be that of another level's cell.
    pub(crate) fn last_cell(&self, scale: ScaleFactor) -> Cell {
        Cell { scale, column: self.columns(scale) - 1, row: self.rows(scale) - 1 }
    }

    /// The picture of a whole level.
    #[must_use]
    pub fn whole(&self, scale: ScaleFactor) -> Rendering {
        if self.fits_one_tile(scale) {
            Rendering::Tile(Cell { scale, column: 0, row: 0 })
        } else {
            Rendering::Whole(scale)
        }
    }

    /// The sizes under which thumbnails are asked for, each with the picture that answers.
    ///
    /// Nothing is enlarged and nothing exceeds the cap: where a thumbnail would, `full/max` answers.
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

    /// The thumbnails that are drawn.
    pub fn thumbnails(&self) -> impl Iterator<Item = Thumbnail> {
        self.thumbnail_requests().filter_map(|(_, _, answer)| match answer {
            Rendering::Thumbnail(thumbnail) => Some(thumbnail),
            Rendering::Tile(_) | Rendering::Whole(_) => None,
        })
    }

    /// The levels that are drawn whole although they are larger than one tile, largest first.
    pub fn whole_levels(&self) -> impl Iterator<Item = ScaleFactor> {
        self.scale_factors.iter().copied().filter(|scale| !self.fits_one_tile(*scale) && self.is_stored_whole(*scale))
    }

    /// Every picture, in the order in which one pass over the rows of the image completes them.
    pub fn renderings(&self) -> impl Iterator<Item = Rendering> {
        let last = self.rows(ScaleFactor::ONE) - 1;
        let tiles = (0..=last).flat_map(move |row| {
            // A row of tiles at scale factor s is complete with the s-th row of tiles of the full size, or at the end.
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

/// The height that goes with a width, rounded half up; at least one pixel.
fn scaled_height(size: Size, width: u32) -> u32 {
    let (image_width, image_height) = (u64::from(size.width()), u64::from(size.height()));
    let height = (2 * image_height * u64::from(width) + image_width) / (2 * image_width);
    // Only the name of a request: what is drawn under it is within the cap.
    u32::try_from(height.max(1)).unwrap_or(u32::MAX)
}
