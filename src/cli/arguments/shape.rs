//! Options for API versions, tile size, levels and formats.

use clap::{Args, ValueEnum};
use iiif_publish::iiif::{Format, Formats, PyramidError, PyramidShape, RoundedSizes};
use iiif_publish::publish::Versions;

#[derive(Debug, Args)]
#[command(next_help_heading = "Image API")]
pub(crate) struct VersionArguments {
    /// Set the IIIF Image API version (`both` uses the folders 3/ and 2/)
    #[arg(long, value_name = "VERSION", default_value = "3")]
    iiif_version: VersionArgument,
}

impl VersionArguments {
    pub(crate) fn versions(&self) -> Versions {
        self.iiif_version.versions()
    }
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Image API")]
pub(crate) struct ShapeArguments {
    #[command(flatten)]
    version: VersionArguments,
    /// Set the tile width and height, in pixels
    #[arg(long, value_name = "PIXELS", default_value_t = PyramidShape::DEFAULT_TILE_SIZE)]
    tile_size: u32,
    /// Also store tiles as webp, png or both
    ///
    /// The preferred format comes first. JPEG is always stored, so `webp,png` triples the number of objects.
    #[arg(long = "format", value_name = "FORMATS", value_delimiter = ',')]
    formats: Vec<FormatArgument>,
    /// Limit the longest side of full/max, in pixels
    ///
    /// Use `full` for no limit.
    #[arg(long, value_name = "PIXELS", default_value_t = MaxSize::Pixels(PyramidShape::DEFAULT_LONGEST_SIDE))]
    max_size: MaxSize,
    /// Omit the rounded sizes that only OpenSeadragon 4.0.0 requests
    ///
    /// Universal Viewer 4.2 and 4.3 bundle this OpenSeadragon version.
    #[arg(long)]
    no_rounded_sizes: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum VersionArgument {
    #[value(name = "3")]
    V3,
    #[value(name = "2")]
    V2,
    Both,
}

impl VersionArgument {
    pub(crate) fn versions(self) -> Versions {
        match self {
            Self::V2 => Versions::V2,
            Self::V3 => Versions::V3,
            Self::Both => Versions::Both,
        }
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum FormatArgument {
    /// Lossy, using the JPEG quality; up to 16,383 pixels per side
    Webp,
    /// Lossless, about ten times as large as JPEG
    Png,
}

impl FormatArgument {
    fn format(self) -> Format {
        match self {
            Self::Webp => Format::Webp,
            Self::Png => Format::Png,
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum MaxSize {
    Pixels(u32),
    Full,
}

impl std::str::FromStr for MaxSize {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "full" => Ok(Self::Full),
            text => text.parse().map(Self::Pixels).map_err(|_| "expected a number of pixels, or `full`".to_owned()),
        }
    }
}

impl std::fmt::Display for MaxSize {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Pixels(pixels) => pixels.fmt(formatter),
            Self::Full => formatter.write_str("full"),
        }
    }
}

/// Limit on the longest side of `full/max`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cap {
    /// Use the limit from the command line.
    Configured,
    /// Don't limit the size.
    None,
}

impl ShapeArguments {
    pub(crate) fn shape(&self, cap: Cap) -> Result<PyramidShape, PyramidError> {
        let longest_side = match (cap, self.max_size) {
            (Cap::Configured, MaxSize::Pixels(pixels)) => Some(pixels),
            (Cap::Configured, MaxSize::Full) | (Cap::None, _) => None,
        };
        let rounded_sizes = if self.no_rounded_sizes { RoundedSizes::LeftOut } else { RoundedSizes::Stored };
        let formats = Formats::beside_jpg(self.formats.iter().map(|format| format.format()));
        Ok(PyramidShape::new(self.tile_size, longest_side, rounded_sizes)?.in_formats(formats))
    }

    pub(crate) fn versions(&self) -> Versions {
        self.version.versions()
    }
}
