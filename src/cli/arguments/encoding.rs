//! Options for decoding and encoding images.

use super::limits::LimitArguments;
use clap::{Args, ValueEnum};
use iiif_publish::collection::PageSelection;
use iiif_publish::iiif::Rights;
use iiif_publish::publish::{Effort, JpegOptions, JpegTiles, Subsampling};
use iiif_publish::source::{Background, Dpi, FloatRange, Profiles, ReadOptions};
use std::num::NonZeroUsize;

#[derive(Debug, Args)]
#[command(next_help_heading = "Image encoding")]
pub(crate) struct EncodingArguments {
    /// Set JPEG and WebP quality
    #[arg(long, value_name = "1-100", default_value_t = 85, value_parser = clap::value_parser!(u8).range(1..=100))]
    quality: u8,
    /// Set JPEG chroma subsampling: 420 for photographs, 444 for line art and colored text
    #[arg(long, value_name = "420|444", default_value = "420")]
    subsampling: SubsamplingArgument,
    /// Choose how to make full-size tiles from a JPEG source
    ///
    /// A TIFF with JPEG compression, such as a slide, is a JPEG source, too. JPEG blocks can be reused only if the image
    /// needs no rotation or color conversion.
    #[arg(long, value_name = "MODE", default_value = "auto")]
    jpeg_tiles: JpegTilesArgument,
    /// Write smaller progressive JPEGs with mozjpeg (several times slower)
    #[arg(long)]
    optimize: bool,
    /// Set the license or rights statement, as a URI
    #[arg(long, value_name = "URI")]
    pub(crate) rights: Option<Rights>,
    /// Set the color behind transparent pixels: `#rrggbb`, `white` or `black`
    #[arg(long, value_name = "COLOR", default_value_t = Background::WHITE)]
    background: Background,
    /// Scale this range of floating-point or signed TIFF samples from black to white
    ///
    /// `auto` uses each image's lowest and highest sample.
    #[arg(long, value_name = "MIN..MAX|auto", default_value_t = FloatRange::Standard, allow_hyphen_values = true)]
    float_range: FloatRange,
    /// Render pages of PDFs at this many pixels per inch, unless they are scans
    ///
    /// Pages that are one image, as scanners make them, keep the pixels of that image.
    #[arg(long, value_name = "DPI", default_value_t = Dpi::default())]
    pdf_dpi: Dpi,
    /// Keep the ICC profile of RGB and gray images instead of converting to sRGB
    #[arg(long)]
    keep_profile: bool,
    /// Choose pages of a TIFF or PDF: 1, A-B or `all`
    ///
    /// Pages are counted from 1. One page is published as one image (`book`). Several pages become an object with a manifest, and their
    /// identifiers end with their numbers (`book/1`). By default, `ingest` uses all pages, except of files that are
    /// published as one image already, and the other commands use the first page.
    #[arg(long, alias = "page", value_name = "N|A-B|all")]
    pub(crate) pages: Option<PageSelection>,
    /// Encode up to N tiles in parallel [default: number of CPU cores]
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
    /// Cut tiles from the JPEG blocks without decoding, capping their quality at `--quality`
    Auto,
    /// Cut tiles from the JPEG blocks without changing them
    Lossless,
    /// Decode the source and encode every tile, as for other formats
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
            .with_page(if let Some(PageSelection::One(page)) = self.pages { page } else { 1 })
            .with_max_pixels(self.limits.max_pixels)
            .with_float_range(self.float_range)
            .with_pdf_dpi(self.pdf_dpi)
            .with_threads(self.jobs())
    }

    pub(crate) fn jobs(&self) -> NonZeroUsize {
        let jobs = self.jobs.and_then(|jobs| NonZeroUsize::new(jobs.into()));
        jobs.or_else(|| std::thread::available_parallelism().ok()).unwrap_or(NonZeroUsize::MIN)
    }
}
