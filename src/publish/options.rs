//! What a publisher decides once for all its images.

use crate::encode::JpegOptions;
use crate::iiif::{ApiVersion, PyramidShape, Rights};
use crate::store::{Prefix, PublicUrl};
use std::num::NonZeroUsize;

/// Which versions of the Image API are published.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Versions {
    /// Version 2 alone.
    V2,
    /// Version 3 alone.
    #[default]
    V3,
    /// Both, from one decoding and one encoding, in the folders `3` and `2` below the prefix.
    Both,
}

impl Versions {
    /// Each version with the folder it stands in, newest first.
    #[must_use]
    pub fn folders(self) -> Vec<(ApiVersion, Option<u8>)> {
        match self {
            Self::V2 => vec![(ApiVersion::V2, None)],
            Self::V3 => vec![(ApiVersion::V3, None)],
            Self::Both => [ApiVersion::V3, ApiVersion::V2].map(|version| (version, Some(version.number()))).to_vec(),
        }
    }
}

/// What happens to an image that is there already, from the same file and with the same options.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unchanged {
    /// It is left alone.
    #[default]
    Skip,
    /// It is published again.
    PublishAgain,
}

/// How images are published. [`Options::new`] has the defaults.
#[derive(Clone, Debug)]
pub struct Options {
    /// What all keys begin with.
    pub prefix: Prefix,
    /// Where viewers see what lies under the prefix.
    pub public_url: PublicUrl,
    /// The versions of the Image API.
    pub versions: Versions,
    /// Tile size and levels.
    pub shape: PyramidShape,
    /// How pictures are encoded.
    pub jpeg: JpegOptions,
    /// The `Cache-Control` of pictures.
    pub cache_control: String,
    /// The `Cache-Control` of `info.json`: short, because it is what changes when an image is replaced.
    pub info_cache_control: String,
    /// The licence or rights statement of the images.
    pub rights: Option<Rights>,
    /// Puts in flight, of all images together; `None` for what the store works best with.
    pub concurrency: Option<NonZeroUsize>,
    /// Pictures that are encoded at the same time, of all images together.
    pub jobs: NonZeroUsize,
    /// What happens to images that are there already.
    pub unchanged: Unchanged,
}

impl Options {
    /// The `Cache-Control` of pictures where none is said: a day.
    pub const CACHE_CONTROL: &str = "public, max-age=86400";
    /// The `Cache-Control` of `info.json` where none is said: five minutes.
    pub const INFO_CACHE_CONTROL: &str = "public, max-age=300";

    /// The defaults, for images seen below a URL.
    #[must_use]
    pub fn new(public_url: PublicUrl) -> Self {
        Self {
            prefix: Prefix::default(),
            public_url,
            versions: Versions::default(),
            shape: PyramidShape::default(),
            jpeg: JpegOptions::default(),
            cache_control: Self::CACHE_CONTROL.to_owned(),
            info_cache_control: Self::INFO_CACHE_CONTROL.to_owned(),
            rights: None,
            concurrency: None,
            jobs: std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
            unchanged: Unchanged::default(),
        }
    }
}
