//! Arguments that several commands share.

use super::limits::LimitArguments;
use clap::{Args, ValueEnum};
use iiif_publish::bucket::quoted;
use iiif_publish::destination::{Identifier, PublicUrl};
use iiif_publish::encode::{Effort, JpegOptions, JpegTiles, Subsampling};
use iiif_publish::iiif::{Format, Formats, PyramidError, PyramidShape, Rights, RoundedSizes};
use iiif_publish::location::{Location, LocationError};
use iiif_publish::publish::{Image, Versions};
use iiif_publish::source::{Background, FloatRange, Profiles, ReadOptions};
use iiif_publish::store::{BucketAddress, KeyError, Payer, Prefix, S3Settings};
use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::path::PathBuf;

#[derive(Debug, Args)]
#[command(next_help_heading = "Image API")]
pub(super) struct VersionArguments {
    /// Set the version of the IIIF Image API (`both`: folders 3/ and 2/)
    #[arg(long, value_name = "VERSION", default_value = "3")]
    iiif_version: VersionArgument,
}

impl VersionArguments {
    pub(super) fn versions(&self) -> Versions {
        self.iiif_version.versions()
    }
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Image API")]
pub(super) struct ShapeArguments {
    #[command(flatten)]
    version: VersionArguments,
    /// Set the width and height of a tile, in pixels
    #[arg(long, value_name = "PIXELS", default_value_t = PyramidShape::DEFAULT_TILE_SIZE)]
    tile_size: u32,
    /// Store every tile in these formats too, the preferred one first
    ///
    /// JPEG is always stored: `webp,png` stores three times as many objects.
    #[arg(long = "format", value_name = "FORMATS", value_delimiter = ',')]
    formats: Vec<FormatArgument>,
    /// Limit the longest side of full/max, in pixels (`full`: no limit)
    #[arg(long, value_name = "PIXELS", default_value_t = MaxSize::Pixels(PyramidShape::DEFAULT_LONGEST_SIDE))]
    max_size: MaxSize,
    /// Omit the rounded sizes that only OpenSeadragon 4.0.0 requests
    ///
    /// Universal Viewer 4.2 and 4.3 include this version of OpenSeadragon.
    #[arg(long)]
    no_rounded_sizes: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum VersionArgument {
    #[value(name = "3")]
    V3,
    #[value(name = "2")]
    V2,
    Both,
}

impl VersionArgument {
    pub(super) fn versions(self) -> Versions {
        match self {
            Self::V2 => Versions::V2,
            Self::V3 => Versions::V3,
            Self::Both => Versions::Both,
        }
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum FormatArgument {
    /// Lossy, at the quality of the JPEG; up to 16,383 pixels per side
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

/// The limit of the longest side of full/max.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cap {
    /// The limit of the arguments.
    Configured,
    /// No limit.
    None,
}

impl ShapeArguments {
    pub(super) fn shape(&self, cap: Cap) -> Result<PyramidShape, PyramidError> {
        let longest_side = match (cap, self.max_size) {
            (Cap::Configured, MaxSize::Pixels(pixels)) => Some(pixels),
            (Cap::Configured, MaxSize::Full) | (Cap::None, _) => None,
        };
        let rounded_sizes = if self.no_rounded_sizes { RoundedSizes::LeftOut } else { RoundedSizes::Stored };
        let formats = Formats::beside_jpg(self.formats.iter().map(|format| format.format()));
        Ok(PyramidShape::new(self.tile_size, longest_side, rounded_sizes)?.in_formats(formats))
    }

    pub(super) fn versions(&self) -> Versions {
        self.version.versions()
    }
}

#[derive(Debug, Args)]
pub(super) struct PageArgument {
    /// Use this page of a multi-page TIFF, counted from 1
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) page: u32,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Image encoding")]
pub(super) struct PictureArguments {
    /// Set the quality of JPEG and WebP
    #[arg(long, value_name = "1-100", default_value_t = 85, value_parser = clap::value_parser!(u8).range(1..=100))]
    quality: u8,
    /// Set the chroma subsampling of JPEG: 420 for photographs, 444 for line art and colored text
    #[arg(long, value_name = "420|444", default_value = "420")]
    subsampling: SubsamplingArgument,
    /// Choose how to make full-size tiles from a JPEG source
    ///
    /// The blocks of a JPEG can be used only if the image is not rotated and its colors are not converted.
    #[arg(long, value_name = "MODE", default_value = "auto")]
    jpeg_tiles: JpegTilesArgument,
    /// Write smaller progressive JPEGs (mozjpeg); several times slower
    #[arg(long)]
    optimize: bool,
    /// Set the license or rights statement, as a URI
    #[arg(long, value_name = "URI")]
    pub(super) rights: Option<Rights>,
    /// Set the color behind transparent pixels: `#rrggbb`, `white` or `black`
    #[arg(long, value_name = "COLOR", default_value_t = Background::WHITE)]
    background: Background,
    /// Map this range of floating-point or signed TIFF samples to black and white
    ///
    /// `auto` uses the lowest and the highest sample of each image.
    #[arg(long, value_name = "MIN..MAX|auto", default_value_t = FloatRange::Standard, allow_hyphen_values = true)]
    float_range: FloatRange,
    /// Embed the ICC profile of RGB and gray images instead of converting them to sRGB
    #[arg(long)]
    keep_profile: bool,
    #[command(flatten)]
    page: PageArgument,
    /// Encode up to N tiles in parallel [default: number of cores]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    jobs: Option<u16>,
    #[command(flatten)]
    pub(super) limits: LimitArguments,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum SubsamplingArgument {
    #[value(name = "420")]
    Half,
    #[value(name = "444")]
    None,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum JpegTilesArgument {
    /// Cut tiles from the JPEG blocks without decoding them, at no more than `--quality`
    Auto,
    /// Cut tiles from the JPEG blocks unchanged
    Lossless,
    /// Decode the source and encode tiles, as for other formats
    Reencode,
}

impl PictureArguments {
    pub(super) fn jpeg(&self) -> JpegOptions {
        let subsampling = match self.subsampling {
            SubsamplingArgument::Half => Subsampling::Half,
            SubsamplingArgument::None => Subsampling::None,
        };
        let tiles = match self.jpeg_tiles {
            JpegTilesArgument::Auto => JpegTiles::Auto,
            JpegTilesArgument::Lossless => JpegTiles::Lossless,
            JpegTilesArgument::Reencode => JpegTiles::Reencode,
        };
        let effort = if self.optimize { Effort::Small } else { Effort::Fast };
        JpegOptions { quality: self.quality, subsampling, tiles, effort }
    }

    pub(super) fn read(&self) -> ReadOptions {
        let profiles = if self.keep_profile { Profiles::Keep } else { Profiles::Convert };
        ReadOptions {
            background: self.background,
            profiles,
            page: self.page.page,
            max_pixels: self.limits.max_pixels,
            float_range: self.float_range,
        }
    }

    pub(super) fn jobs(&self) -> NonZeroUsize {
        let jobs = self.jobs.and_then(|jobs| NonZeroUsize::new(jobs.into()));
        jobs.or_else(|| std::thread::available_parallelism().ok()).unwrap_or(NonZeroUsize::MIN)
    }
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Names")]
pub(super) struct NameArguments {
    /// Set the identifier (one image only) [default: file name without extension]
    #[arg(long, value_name = "IDENTIFIER")]
    pub(super) id: Option<Identifier>,
    #[command(flatten)]
    pub(super) place: PlaceArguments,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Names")]
pub(super) struct PlaceArguments {
    /// Set the folder inside the bucket or output folder
    #[arg(long, value_name = "PREFIX", default_value_t)]
    pub(super) prefix: Prefix,
    /// Set the public base URL of the prefix, such as your CDN [default: URL of the bucket]
    ///
    /// The identifier is appended. The default includes the prefix; with `--output`, it is `http://localhost:3000`.
    #[arg(long, value_name = "URL")]
    pub(super) public_url: Option<PublicUrl>,
}

/// The error if images on the command line have no valid or unique identifiers.
#[derive(Debug, thiserror::Error)]
pub(super) enum NameError {
    #[error("`--id` applies to one image, but {0} were passed")]
    IdForMany(usize),
    #[error("could not derive an identifier from `{0}`")]
    Stem(String, #[source] Option<KeyError>),
    #[error(transparent)]
    Location(#[from] LocationError),
    #[error("`{0}` is not a local file")]
    NotLocal(String),
    #[error("`{0}` and `{1}` would both write to `{2}`")]
    Overlap(String, String, Identifier),
}

/// Returns the images with their identifiers.
///
/// # Errors
/// If an identifier is invalid, or two images have the same one.
pub(super) fn named(paths: Vec<PathBuf>, id: Option<&Identifier>) -> Result<Vec<Image>, NameError> {
    if id.is_some() && paths.len() > 1 {
        return Err(NameError::IdForMany(paths.len()));
    }
    let image = |path: PathBuf| -> Result<Image, NameError> {
        let location = Location::named(path)?;
        let identifier = id.cloned().map_or_else(|| stem(&location), Ok)?;
        Ok(Image { location, identifier })
    };
    let images: Vec<Image> = paths.into_iter().map(image).collect::<Result<_, NameError>>()?;
    let mut sorted: Vec<&Image> = images.iter().collect();
    sorted.sort_by_key(|image| &image.identifier);
    if let Some([a, b]) = sorted.array_windows().find(|[a, b]| a.identifier == b.identifier) {
        let (first, second) = (a.location.to_string(), b.location.to_string());
        return Err(NameError::Overlap(first, second, a.identifier.clone()));
    }
    Ok(images)
}

/// Returns the images with their identifiers, which must be local files.
///
/// # Errors
/// As [`named`], and if an image is not a local file.
pub(super) fn named_files(paths: Vec<PathBuf>, id: Option<&Identifier>) -> Result<Vec<Image>, NameError> {
    let images = named(paths, id)?;
    match images.iter().find(|image| image.location.file().is_none()) {
        Some(image) => Err(NameError::NotLocal(image.location.to_string())),
        None => Ok(images),
    }
}

fn stem(location: &Location) -> Result<Identifier, NameError> {
    let name = || location.to_string();
    let file = location.file_name().ok_or_else(|| NameError::Stem(name(), None))?;
    let stem = file.file_stem().and_then(|stem| stem.to_str()).ok_or_else(|| NameError::Stem(name(), None))?;
    stem.parse().map_err(|error| NameError::Stem(name(), Some(error)))
}

#[derive(Debug, Args)]
#[command(next_help_heading = "S3")]
pub(super) struct S3Arguments {
    /// Use this endpoint of an S3-compatible store [default: `AWS_ENDPOINT_URL_S3`, or AWS]
    #[arg(long, value_name = "URL")]
    endpoint_url: Option<String>,
    /// Use this region [default: `AWS_REGION`, or the region of the profile]
    #[arg(long, value_name = "REGION")]
    aws_region: Option<String>,
    /// Use this profile of the AWS configuration files [default: `AWS_PROFILE`]
    #[arg(long, value_name = "PROFILE")]
    profile: Option<String>,
    /// Pay for requests to "requester pays" buckets
    #[arg(long)]
    request_payer: bool,
}

impl S3Arguments {
    /// Returns the options that select the same bucket on another command line, of this program or of the AWS CLI.
    pub(super) fn command_options(&self) -> String {
        let option =
            |name: &str, value: &Option<String>| value.as_ref().map(|value| format!("{name} {}", quoted(value)));
        let options = [option("--endpoint-url", &self.endpoint_url), option("--profile", &self.profile)];
        options.into_iter().flatten().collect::<Vec<_>>().join(" ")
    }

    pub(super) fn settings(&self, bucket: String) -> S3Settings {
        // The ARN of an access point names its region.
        let address = bucket.parse::<BucketAddress>().ok();
        let region = || address.as_ref().and_then(BucketAddress::region).map(str::to_owned);
        S3Settings {
            bucket,
            endpoint_url: self.endpoint_url.clone(),
            aws_region: self.aws_region.clone().or_else(region),
            profile: self.profile.clone(),
            payer: if self.request_payer { Payer::Requester } else { Payer::Owner },
            ..S3Settings::default()
        }
    }
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub(super) struct ReportArguments {
    /// Choose how to show progress on stderr
    #[arg(long, value_name = "FORMAT", default_value = "auto")]
    progress: ProgressArgument,
    /// Choose the format of all messages on stderr, including errors (`json`: same as `--progress json`)
    #[arg(long, value_name = "FORMAT", default_value = "text", conflicts_with = "progress")]
    log_format: LogFormatArgument,
    /// Print errors only (same as `--progress none`)
    #[arg(long, short, conflicts_with_all = ["progress", "log_format", "verbose"])]
    quiet: bool,
    /// Print one line per image, also with progress bars
    #[arg(long, short)]
    pub(super) verbose: bool,
}

impl ReportArguments {
    /// Returns the format of progress and errors.
    pub(super) fn how(&self) -> ProgressArgument {
        match self.log_format {
            _ if self.quiet => ProgressArgument::None,
            LogFormatArgument::Text => self.progress,
            LogFormatArgument::Json => ProgressArgument::Json,
        }
    }
}

/// Returns the output format of a command line that may be invalid.
pub(super) fn reports_of(words: &[OsString]) -> ProgressArgument {
    let is_json = |name: &str| {
        let is_whole = words.iter().any(|word| word.to_str().and_then(|word| word.strip_prefix(name)) == Some("=json"));
        is_whole || words.windows(2).any(|pair| pair[0] == name && pair[1] == "json")
    };
    if is_json("--log-format") || is_json("--progress") { ProgressArgument::Json } else { ProgressArgument::Plain }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum LogFormatArgument {
    /// Plain text
    Text,
    /// One JSON event per line
    Json,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum ProgressArgument {
    /// Bars on a terminal, plain lines elsewhere
    Auto,
    /// Plain lines
    Plain,
    /// One JSON event per line
    Json,
    /// Errors only
    None,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_images_never_share_an_identifier() {
        let paths = |names: &[&str]| names.iter().map(PathBuf::from).collect::<Vec<_>>();
        assert!(matches!(named(paths(&["x/photo.jpg", "y/photo.tif"]), None), Err(NameError::Overlap(..))));
        assert!(named(paths(&["photo-1.jpg", "photo.jpg", "photo.1.jpg"]), None).is_ok());
        let id = "a".parse().expect("an identifier");
        assert!(matches!(named(paths(&["x.jpg", "y.jpg"]), Some(&id)), Err(NameError::IdForMany(2))));
    }

    #[test]
    fn the_file_stem_is_the_identifier() -> Result<(), NameError> {
        let images = named(vec![PathBuf::from("scans/f.2r.tif")], None)?;
        assert_eq!(images[0].identifier.to_string(), "f.2r");
        Ok(())
    }
}
