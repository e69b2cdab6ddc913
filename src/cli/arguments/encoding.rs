//! Reading and encoding of images.

use super::limits::LimitArguments;
use clap::{Args, ValueEnum};
use iiif_publish::iiif::Rights;
use iiif_publish::publish::{Effort, JpegOptions, JpegTiles, Subsampling};
use iiif_publish::source::{Background, FloatRange, Profiles, ReadOptions};
use std::num::NonZeroUsize;

#[derive(Debug, Args)]
pub(crate) struct PageArgument {
    /// Use this page of a multi-page TIFF, counted from 1
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    page: u32,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Image encoding")]
pub(crate) struct EncodingArguments {
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
    pub(crate) rights: Option<Rights>,
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
    pub(crate) limits: LimitArguments,
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

impl EncodingArguments {
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
        JpegOptions::default()
            .with_quality(self.quality)
            .with_subsampling(subsampling)
            .with_tiles(tiles)
            .with_effort(effort)
    }

    pub(crate) fn read(&self) -> ReadOptions {
        let profiles = if self.keep_profile { Profiles::Keep } else { Profiles::Convert };
        ReadOptions::default()
            .with_background(self.background)
            .with_profiles(profiles)
            .with_page(self.page.page)
            .with_max_pixels(self.limits.max_pixels)
            .with_float_range(self.float_range)
            .with_threads(self.jobs())
    }

    pub(crate) fn jobs(&self) -> NonZeroUsize {
        let jobs = self.jobs.and_then(|jobs| NonZeroUsize::new(jobs.into()));
        jobs.or_else(|| std::thread::available_parallelism().ok()).unwrap_or(NonZeroUsize::MIN)
    }
}
