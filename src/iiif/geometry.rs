//! Sizes, regions and scale factors in whole pixels.

use std::fmt;

/// A width and height in pixels. Neither can be zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Size {
    width: u32,
    height: u32,
}

/// Error returned for invalid image dimensions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum GeometryError {
    /// The width or height is zero.
    Empty,
    /// One side is longer than [`Size::MAX_SIDE`].
    TooLong(u32),
}

impl fmt::Display for GeometryError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => formatter.write_str("the width and the height must be at least one pixel"),
            Self::TooLong(side) => {
                write!(formatter, "a side of {side} pixels is more than the {} that can be tiled", Size::MAX_SIDE)
            }
        }
    }
}

impl std::error::Error for GeometryError {}

impl Size {
    /// Maximum width and height in pixels. Limited to 2³⁰ so regions at the highest scale factor still fit in a `u32`.
    pub const MAX_SIDE: u32 = 1 << 30;

    /// Creates a size from a width and height in pixels.
    ///
    /// # Errors
    /// Returns an error if either side is zero or longer than [`Size::MAX_SIDE`].
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

    /// Returns the width in pixels.
    #[must_use]
    pub fn width(self) -> u32 {
        self.width
    }

    /// Returns the height in pixels.
    #[must_use]
    pub fn height(self) -> u32 {
        self.height
    }

    /// Returns the width or height, whichever is longer.
    #[must_use]
    pub fn longer_side(self) -> u32 {
        self.width.max(self.height)
    }

    /// Returns the total number of pixels.
    #[must_use]
    pub fn pixels(self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }

    /// Returns this size scaled down: each side is divided by the scale factor and rounded up.
    ///
    /// The [Image API 3.0 implementation notes](https://iiif.io/api/image/3.0/implementation/) round up for tiles too.
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

    /// Returns the scaled width and height, rounded half up like OpenSeadragon 4.0.0. Either can be zero.
    pub(crate) fn rounded_at(self, scale: ScaleFactor) -> (u32, u32) {
        // The sum can't overflow because `side` and the scale factor are at most 2³⁰.
        let round = |side: u32| (side + scale.value() / 2) / scale.value();
        (round(self.width), round(self.height))
    }
}

impl fmt::Display for Size {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}x{}", self.width, self.height)
    }
}

/// Number of full-size pixels per level pixel along each axis: 1, 2, 4, 8, …
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ScaleFactor(u32);

impl ScaleFactor {
    /// Scale factor at full size.
    pub const ONE: Self = Self(1);

    /// Returns the next scale factor, which halves both sides again.
    pub(crate) fn doubled(self) -> Self {
        Self(self.0 * 2)
    }

    /// Returns the numeric value, as listed in `scaleFactors`.
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

/// A rectangle within the full image, in full-size pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Region {
    /// Distance from the left edge, in pixels.
    pub x: u32,
    /// Distance from the top edge, in pixels.
    pub y: u32,
    /// Width and height, in pixels.
    pub size: Size,
}

impl fmt::Display for Region {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{},{},{},{}", self.x, self.y, self.size.width, self.size.height)
    }
}
