//! Image requests and their paths.

use super::format::Format;
use super::geometry::{Region, Size};
use std::fmt;
use std::str::FromStr;

/// Region parameter. Static images only support these two forms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RegionParameter {
    /// `full`
    Full,
    /// `x,y,w,h`
    Rectangle(Region),
}

/// Size parameter. Only covers the forms that viewers request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SizeParameter {
    /// `max`
    Max,
    /// `full`, only valid in Image API 2
    Full,
    /// `w,`
    Width(u32),
    /// `w,h`
    WidthHeight(u32, u32),
}

impl SizeParameter {
    /// Returns a size in the form `w,h`.
    #[must_use]
    pub(crate) fn exactly(size: Size) -> Self {
        Self::WidthHeight(size.width(), size.height())
    }

    /// Returns a size in the form `w,`.
    #[must_use]
    pub(crate) fn by_width(size: Size) -> Self {
        Self::Width(size.width())
    }
}

/// A request for a static image. The rotation is always 0 and the quality is always `default`.
///
/// Displays as the path relative to the image's base URI ([Image API 3.0, Image
/// Requests](https://iiif.io/api/image/3.0/#4-image-requests)):
///
/// ```
/// use iiif_publish::iiif::{Format, ImageRequest, RegionParameter, SizeParameter};
/// let (region, size, format) = (RegionParameter::Full, SizeParameter::Max, Format::Webp);
/// assert_eq!(ImageRequest { region, size, format }.to_string(), "full/max/0/default.webp");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ImageRequest {
    /// Requested part of the image.
    pub region: RegionParameter,
    /// Requested output size.
    pub size: SizeParameter,
    /// Requested image format.
    pub format: Format,
}

impl ImageRequest {
    /// Number of path segments in a request: region, size, rotation, and quality with format.
    pub const SEGMENTS: usize = 4;

    /// Creates a JPEG request for the whole image at a given size.
    #[must_use]
    pub(crate) fn full(size: SizeParameter) -> Self {
        Self { region: RegionParameter::Full, size, format: Format::Jpg }
    }

    /// Creates a JPEG request for part of the image at a given size.
    #[must_use]
    pub(crate) fn region(region: Region, size: SizeParameter) -> Self {
        Self { region: RegionParameter::Rectangle(region), size, format: Format::Jpg }
    }

    /// Returns the same request in a different format.
    #[must_use]
    pub(crate) fn in_format(self, format: Format) -> Self {
        Self { format, ..self }
    }
}

impl ImageRequest {
    /// Returns `true` if the request is for the whole image at its maximum size.
    #[must_use]
    pub(crate) fn is_full_image(&self) -> bool {
        self.region == RegionParameter::Full && matches!(self.size, SizeParameter::Max | SizeParameter::Full)
    }
}

impl fmt::Display for ImageRequest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.region {
            RegionParameter::Full => formatter.write_str("full/")?,
            RegionParameter::Rectangle(region) => write!(formatter, "{region}/")?,
        }
        match self.size {
            SizeParameter::Max => formatter.write_str("max")?,
            SizeParameter::Full => formatter.write_str("full")?,
            SizeParameter::Width(width) => write!(formatter, "{width},")?,
            SizeParameter::WidthHeight(width, height) => write!(formatter, "{width},{height}")?,
        }
        write!(formatter, "/0/default.{}", self.format.extension())
    }
}

/// Error returned for a path that isn't a supported image request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoRequest(String);

impl fmt::Display for NoRequest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "`{}` is not a request that a static image supports", self.0)
    }
}

impl std::error::Error for NoRequest {}

impl FromStr for ImageRequest {
    type Err = NoRequest;

    /// Parses a request path. Only accepts paths that this crate generates.
    ///
    /// ```
    /// use iiif_publish::iiif::ImageRequest;
    /// for path in ["512,0,489,512/489,/0/default.jpg", "full/max/0/default.webp", "full/max/0/default.png"] {
    ///     assert_eq!(path.parse::<ImageRequest>()?.to_string(), path);
    /// }
    /// assert!("512,0,489,512/489,/90/default.jpg".parse::<ImageRequest>().is_err());
    /// # Ok::<(), iiif_publish::iiif::NoRequest>(())
    /// ```
    fn from_str(path: &str) -> Result<Self, NoRequest> {
        let mut parts = path.split('/');
        let region = parts.next().and_then(parsed_region);
        let size = parts.next().and_then(parsed_size);
        let rotation = parts.next();
        let format = parts.next().and_then(|name| Format::of_extension(name.strip_prefix("default.")?));
        // Parsing is strict and only accepts paths that we write ourselves. Deleting, pruning and comparing rely on it
        // to tell image files apart from unrelated files, so anything accepted here might get deleted.
        match (region, size, rotation, format, parts.next()) {
            (Some(region), Some(size), Some("0"), Some(format), None) => Ok(Self { region, size, format }),
            _ => Err(NoRequest(path.to_owned())),
        }
    }
}

fn parsed_region(text: &str) -> Option<RegionParameter> {
    if text == "full" {
        return Some(RegionParameter::Full);
    }
    let numbers: Vec<u32> = text.split(',').map(|number| number.parse().ok()).collect::<Option<_>>()?;
    let [x, y, width, height] = numbers.try_into().ok()?;
    Some(RegionParameter::Rectangle(Region { x, y, size: Size::new(width, height).ok()? }))
}

fn parsed_size(text: &str) -> Option<SizeParameter> {
    match text.split_once(',') {
        None if text == "max" => Some(SizeParameter::Max),
        None if text == "full" => Some(SizeParameter::Full),
        None => None,
        Some((width, "")) => Some(SizeParameter::Width(width.parse().ok()?)),
        Some((width, height)) => Some(SizeParameter::WidthHeight(width.parse().ok()?, height.parse().ok()?)),
    }
}
