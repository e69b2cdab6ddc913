//! Options for reading files.

use crate::pixel::PixelFormat;
use std::fmt;
use std::num::NonZeroUsize;
use std::str::FromStr;

/// Background color shown behind transparent pixels.
///
/// ```
/// use iiif_publish::source::Background;
/// assert_eq!("#ff8000".parse::<Background>()?, Background::new(255, 128, 0));
/// assert!("orange".parse::<Background>().is_err());
/// # Ok::<(), iiif_publish::source::BackgroundError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Background([u8; 3]);

/// Error returned when parsing a color fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a color like #ffffff, `white` or `black`")]
pub struct BackgroundError;

impl Background {
    /// White.
    pub const WHITE: Self = Self([255; 3]);

    /// Creates a background color from sRGB components.
    #[must_use]
    pub fn new(red: u8, green: u8, blue: u8) -> Self {
        Self([red, green, blue])
    }

    /// Returns the sRGB components.
    #[cfg(feature = "pdf")]
    pub(super) fn components(self) -> [u8; 3] {
        self.0
    }

    /// Returns the background in the given pixel format. Gray is computed as BT.601 luma, like JPEG.
    pub(super) fn channels_in(self, format: PixelFormat) -> [u8; 3] {
        let [red, green, blue] = self.0.map(u32::from);
        match format {
            PixelFormat::Rgb8 => self.0,
            PixelFormat::Gray8 => {
                let gray = (299 * red + 587 * green + 114 * blue + 500) / 1000;
                [u8::try_from(gray).expect("the weights sum up to 1"); 3]
            }
        }
    }
}

impl FromStr for Background {
    type Err = BackgroundError;

    fn from_str(text: &str) -> Result<Self, BackgroundError> {
        match text {
            "white" => return Ok(Self::WHITE),
            "black" => return Ok(Self([0; 3])),
            _ => {}
        }
        let digits = text.strip_prefix('#').filter(|digits| digits.len() == 6).ok_or(BackgroundError)?;
        let channel = |at: usize| digits.get(at..at + 2).and_then(|pair| u8::from_str_radix(pair, 16).ok());
        match [channel(0), channel(2), channel(4)] {
            [Some(red), Some(green), Some(blue)] if digits.bytes().all(|digit| digit.is_ascii_hexdigit()) => {
                Ok(Self([red, green, blue]))
            }
            _ => Err(BackgroundError),
        }
    }
}

impl fmt::Display for Background {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [red, green, blue] = self.0;
        write!(formatter, "#{red:02x}{green:02x}{blue:02x}")
    }
}

/// Controls how ICC profiles in RGB and gray images are handled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Profiles {
    /// Convert colors to sRGB, which every viewer displays correctly.
    #[default]
    Convert,
    /// Leave the colors alone and embed the profile in every rendition.
    Keep,
    /// Keep RGB profiles, but convert gray images.
    KeepOfRgb,
}

/// Lower and upper bounds of a range. Both are finite, and the lower bound comes first.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bounds {
    min: f64,
    max: f64,
}

impl Bounds {
    /// Creates bounds. Returns `None` unless both values are finite and `min` is less than `max`.
    #[must_use]
    pub fn new(min: f64, max: f64) -> Option<Self> {
        (min.is_finite() && max.is_finite() && min < max).then_some(Self { min, max })
    }

    /// Returns the lower bound.
    #[must_use]
    pub(crate) fn min(self) -> f64 {
        self.min
    }

    /// Returns the upper bound.
    #[must_use]
    pub(crate) fn max(self) -> f64 {
        self.max
    }
}

// Bounds are never NaN.
impl Eq for Bounds {}

/// Sample values to map to black and white in floating-point and signed TIFF files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum FloatRange {
    /// Use 0 to 1 for floating-point samples, and the type's full range for signed samples.
    #[default]
    Standard,
    /// Use these sample values, regardless of type.
    Between(Bounds),
    /// Use each image's lowest and highest sample. This requires reading the pixels twice.
    Auto,
}

/// Error returned when parsing a range fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected `auto`, or two numbers like 0..255, the lower one first")]
pub struct FloatRangeError;

impl FromStr for FloatRange {
    type Err = FloatRangeError;

    fn from_str(text: &str) -> Result<Self, FloatRangeError> {
        if text == "auto" {
            return Ok(Self::Auto);
        }
        let (min, max) = text.split_once("..").ok_or(FloatRangeError)?;
        let number = |text: &str| text.parse().map_err(|_| FloatRangeError);
        let bounds = Bounds::new(number(min)?, number(max)?).ok_or(FloatRangeError)?;
        Ok(if Bounds::new(0.0, 1.0) == Some(bounds) { Self::Standard } else { Self::Between(bounds) })
    }
}

impl fmt::Display for FloatRange {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Standard => formatter.write_str("0..1"),
            Self::Between(Bounds { min, max }) => write!(formatter, "{min}..{max}"),
            Self::Auto => formatter.write_str("auto"),
        }
    }
}

/// Resolution for rendering PDF pages, in pixels per inch.
///
/// ```
/// use iiif_publish::source::Dpi;
/// assert_eq!("300".parse::<Dpi>()?, Dpi::default());
/// assert!("10".parse::<Dpi>().is_err());
/// # Ok::<(), iiif_publish::source::DpiError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dpi(u16);

/// Error returned when parsing a resolution fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a number of pixels per inch from {} to {}", Dpi::MIN, Dpi::MAX)]
pub struct DpiError;

impl Dpi {
    /// Minimum resolution, which reduces a printed page to a thumbnail.
    pub const MIN: u16 = 36;

    /// Maximum resolution.
    pub const MAX: u16 = 2400;

    /// Creates a resolution in pixels per inch. Returns `None` if it's not between [`MIN`](Self::MIN) and
    /// [`MAX`](Self::MAX).
    #[must_use]
    pub fn new(pixels_per_inch: u16) -> Option<Self> {
        (Self::MIN..=Self::MAX).contains(&pixels_per_inch).then_some(Self(pixels_per_inch))
    }

    /// Returns the resolution in pixels per inch.
    #[must_use]
    pub fn value(self) -> u16 {
        self.0
    }
}

impl Default for Dpi {
    /// Returns 300 pixels per inch, which libraries use when scanning text.
    fn default() -> Self {
        Self(300)
    }
}

impl FromStr for Dpi {
    type Err = DpiError;

    fn from_str(text: &str) -> Result<Self, DpiError> {
        text.parse().ok().and_then(Self::new).ok_or(DpiError)
    }
}

impl fmt::Display for Dpi {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// Options for reading files. [`ReadOptions::default`] is fine for most uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReadOptions {
    /// Background color shown behind transparent pixels.
    pub background: Background,
    /// ICC profile handling.
    pub profiles: Profiles,
    /// Page to read if the file contains multiple images, starting at 1. Reduced-size copies, such as pyramid levels,
    /// don't count as pages.
    pub page: u32,
    /// Maximum number of pixels allowed in an image.
    pub max_pixels: u64,
    /// Sample values to map to black and white in floating-point and signed images.
    pub float_range: FloatRange,
    /// Resolution for PDF pages that aren't scans. Scans keep their own resolution.
    pub pdf_dpi: Dpi,
    /// Number of threads used to decode a single image, when it's read by a publisher. More threads use more memory.
    pub threads: NonZeroUsize,
}

impl ReadOptions {
    /// Sets the number of threads used to decode a single image.
    #[must_use]
    pub const fn with_threads(mut self, threads: NonZeroUsize) -> Self {
        self.threads = threads;
        self
    }

    /// Sets the background color shown behind transparent pixels.
    #[must_use]
    pub const fn with_background(mut self, background: Background) -> Self {
        self.background = background;
        self
    }

    /// Sets how ICC profiles are handled.
    #[must_use]
    pub const fn with_profiles(mut self, profiles: Profiles) -> Self {
        self.profiles = profiles;
        self
    }

    /// Sets the page to read from a file with multiple images, starting at 1.
    #[must_use]
    pub const fn with_page(mut self, page: u32) -> Self {
        self.page = page;
        self
    }

    /// Sets the maximum number of pixels allowed in an image.
    #[must_use]
    pub const fn with_max_pixels(mut self, max_pixels: u64) -> Self {
        self.max_pixels = max_pixels;
        self
    }

    /// Sets the sample values to map to black and white in floating-point and signed images.
    #[must_use]
    pub const fn with_float_range(mut self, float_range: FloatRange) -> Self {
        self.float_range = float_range;
        self
    }

    /// Sets the resolution for PDF pages that aren't scans.
    #[must_use]
    pub const fn with_pdf_dpi(mut self, pdf_dpi: Dpi) -> Self {
        self.pdf_dpi = pdf_dpi;
        self
    }

    /// Default pixel limit. A file of only a few kilobytes can claim to be even larger and then take hours to decode.
    pub const MAX_PIXELS: u64 = 3_000_000_000;
}

impl Default for ReadOptions {
    fn default() -> Self {
        Self {
            background: Background::WHITE,
            profiles: Profiles::default(),
            page: 1,
            max_pixels: Self::MAX_PIXELS,
            float_range: FloatRange::default(),
            pdf_dpi: Dpi::default(),
            threads: std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
        }
    }
}
