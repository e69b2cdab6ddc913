//! Sizes, regions and scale factors, in whole pixels.

use std::fmt;

/// The width and height of something that has pixels; neither is ever zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Size {
    width: u32,
    height: u32,
}

/// Why a size cannot be one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum GeometryError {
    /// A width or a height of zero.
    Empty,
    /// A side longer than [`Size::MAX_SIDE`].
    TooLong(u32),
}

impl fmt::Display for GeometryError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => formatter.write_str("an image needs a width and a height of at least one pixel"),
            Self::TooLong(side) => {
                write!(formatter, "a side of {side} pixels is more than the {} that can be tiled", Size::MAX_SIDE)
            }
        }
    }
}

impl std::error::Error for GeometryError {}

impl Size {
    /// The longest side that can be tiled: 2³⁰ pixels, so that the regions of the highest scale factor still fit `u32`.
    pub const MAX_SIDE: u32 = 1 << 30;

    /// A size in pixels.
    ///
    /// # Errors
    /// Where a side is zero or longer than [`Size::MAX_SIDE`].
    ///
    /// ```
    /// use iiif_publish::iiif::Size;
    /// assert_eq!(Size::new(1001, 701)?.to_string(), "1001x701");
    /// assert!(Size::new(0, 5).is_err());
    /// # Ok::<(), iiif_publish::iiif::GeometryError>(())
    /// ```
    pub fn new(width: u32, height: u32) -> Result<Self, GeometryError> {
        match width.max(height) {
            _ if width == 0 || height == 0 => Err(GeometryError::Empty),
            longer if longer > Self::MAX_SIDE => Err(GeometryError::TooLong(longer)),
            _ => Ok(Self { width, height }),
        }
    }

    /// Pixels across.
    #[must_use]
    pub fn width(self) -> u32 {
        self.width
    }

    /// Pixels down.
    #[must_use]
    pub fn height(self) -> u32 {
        self.height
    }

    /// The longer of width and height.
    #[must_use]
    pub fn longer_side(self) -> u32 {
        self.width.max(self.height)
    }

    /// Width times height.
    #[must_use]
    pub fn pixels(self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }

    /// This size seen at a scale factor: each side divided by it and rounded up.
    ///
    /// Rounding up is what the [implementation notes of Image API 3.0](https://iiif.io/api/image/3.0/implementation/)
    /// compute for tiles.
    ///
    /// ```
    /// use iiif_publish::iiif::{Pyramid, PyramidShape, Size};
    /// let size = Size::new(1001, 701)?;
    /// let scale = Pyramid::new(size, PyramidShape::default()).scale_factors()[1];
    /// assert_eq!(size.at(scale), Size::new(501, 351)?);
    /// # Ok::<(), iiif_publish::iiif::GeometryError>(())
    /// ```
    #[must_use]
    pub fn at(self, scale: ScaleFactor) -> Self {
        Self { width: self.width.div_ceil(scale.value()), height: self.height.div_ceil(scale.value()) }
    }

    /// Width and height seen at a scale factor, rounded half up, as OpenSeadragon 4.0.0 does; either can become zero.
    pub(crate) fn rounded_at(self, scale: ScaleFactor) -> (u32, u32) {
        // `side` is at most 2³⁰ and a scale factor at most 2³⁰, so the sum fits.
        let round = |side: u32| (side + scale.value() / 2) / scale.value();
        (round(self.width), round(self.height))
    }
}

impl fmt::Display for Size {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}x{}", self.width, self.height)
    }
}

/// How many pixels of the full image stand in a row behind one pixel of a level: 1, 2, 4, 8, …
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ScaleFactor(u32);

impl ScaleFactor {
    /// The full size.
    pub const ONE: Self = Self(1);

    /// The next scale factor, at which everything is half as large.
    pub(crate) fn doubled(self) -> Self {
        Self(self.0 * 2)
    }

    /// The number that stands in `scaleFactors`.
    #[must_use]
    pub fn value(self) -> u32 {
        self.0
    }
}

impl fmt::Display for ScaleFactor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// A rectangle of the full image, in its pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Region {
    /// Pixels from the left edge.
    pub x: u32,
    /// Pixels from the top edge.
    pub y: u32,
    /// Its width and height.
    pub size: Size,
}

impl fmt::Display for Region {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{},{},{},{}", self.x, self.y, self.size.width, self.size.height)
    }
}
