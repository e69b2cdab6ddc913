//! Options for reading files.

use crate::pixel::PixelFormat;
use std::fmt;
use std::num::NonZeroUsize;
use std::str::FromStr;

/// Background color of transparent pixels.
///
/// ```
/// use iiif_publish::source::Background;
/// assert_eq!("#ff8000".parse::<Background>()?, Background::new(255, 128, 0));
/// assert!("orange".parse::<Background>().is_err());
/// # Ok::<(), iiif_publish::source::BackgroundError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Background([u8; 3]);

/// The error for a text that is not a color.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a color like #ffffff, `white` or `black`")]
pub struct BackgroundError;

impl Background {
    /// White.
    pub const WHITE: Self = Self([255; 3]);

    /// Creates an sRGB color.
    #[must_use]
    pub fn new(red: u8, green: u8, blue: u8) -> Self {
        Self([red, green, blue])
    }

    /// Returns the channels in a pixel format. Gray is the luma of BT.601, as in JPEG.
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

/// Treatment of ICC profiles of RGB and gray images.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Profiles {
    /// Converts colors to sRGB, which every viewer displays correctly.
    #[default]
    Convert,
    /// Keeps colors, and embeds the profile into every rendition.
    Keep,
    /// Keeps the profiles of RGB, and converts gray.
    KeepOfRgb,
}

/// The bounds of a range: finite numbers, the lower one first.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bounds {
    min: f64,
    max: f64,
}

impl Bounds {
    /// Creates bounds; `None` unless both are finite and `min` is less than `max`.
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

// Neither bound is NaN.
impl Eq for Bounds {}

/// Sample values that become black and white, for floating-point and signed TIFF files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum FloatRange {
    /// 0 to 1 for floating-point samples, and the full range of the type for signed samples.
    #[default]
    Standard,
    /// These samples, whatever their type.
    Between(Bounds),
    /// The lowest and the highest sample of each image. Reads the pixels of the image twice.
    Auto,
}

/// The error for a text that is not a range.
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

/// Options for reading files. [`ReadOptions::default`] suits most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReadOptions {
    /// Background color of transparent pixels.
    pub background: Background,
    /// Treatment of ICC profiles.
    pub profiles: Profiles,
    /// Page of a file with several images, from 1. Reduced versions of other images, as in pyramids, are not counted.
    pub page: u32,
    /// Maximum pixels of an image.
    pub max_pixels: u64,
    /// Sample values that become black and white, for floating-point and signed samples.
    pub float_range: FloatRange,
    /// Threads that decode one image together, if a publisher reads it. More threads need more memory.
    pub threads: NonZeroUsize,
}

impl ReadOptions {
    /// Sets the number of threads that decode one image together.
    #[must_use]
    pub const fn with_threads(mut self, threads: NonZeroUsize) -> Self {
        self.threads = threads;
        self
    }

    /// Sets the background color of transparent pixels.
    #[must_use]
    pub const fn with_background(mut self, background: Background) -> Self {
        self.background = background;
        self
    }

    /// Sets the treatment of ICC profiles.
    #[must_use]
    pub const fn with_profiles(mut self, profiles: Profiles) -> Self {
        self.profiles = profiles;
        self
    }

    /// Sets the page of a file with several images, from 1.
    #[must_use]
    pub const fn with_page(mut self, page: u32) -> Self {
        self.page = page;
        self
    }

    /// Sets the maximum pixels of an image.
    #[must_use]
    pub const fn with_max_pixels(mut self, max_pixels: u64) -> Self {
        self.max_pixels = max_pixels;
        self
    }

    /// Sets the sample values that become black and white, for floating-point and signed samples.
    #[must_use]
    pub const fn with_float_range(mut self, float_range: FloatRange) -> Self {
        self.float_range = float_range;
        self
    }

    /// Default maximum of pixels. A few kilobytes can declare more, and then take hours.
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
            threads: std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
        }
    }
}
