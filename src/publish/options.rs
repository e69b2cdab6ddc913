//! What a publisher decides once for all its images.

use crate::encode::JpegOptions;
use crate::iiif::{ApiVersion, Format, PyramidShape, Rights};
use crate::source::{Profiles, ReadOptions};
use crate::store::{Identifier, KeyError, Prefix, PublicUrl};
use std::num::NonZeroUsize;
use std::str::FromStr;
use std::time::Duration;

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

/// What happens to an image that is there already, but from another source or with other options.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Changed {
    /// It is replaced.
    #[default]
    Replace,
    /// It is left alone.
    Keep,
}

/// How a source is known to be the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Identity {
    /// By its size and its time of modification: nothing of it is read.
    #[default]
    SizeAndTime,
    /// By its content, all of which is read. Copies on other machines and with other times are the same.
    Content,
}

/// Where the objects of an image stand, and what happens when it changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Layout {
    /// Below its identifier. A new version replaces the old one object by object.
    #[default]
    InPlace,
    /// Below its identifier and the name of the version. No object is ever replaced, but for the one `info.json` right below
    /// the identifier, which is that of the newest version.
    Versioned {
        /// How many old versions stay; `None` for all.
        keep: Option<usize>,
    },
}

/// That requests lead to another object of the same picture, where web servers are told to redirect.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RedirectOptions {
    /// Where the full images are, if they exist elsewhere: JPEG, as which alone `full/max` is not stored then.
    pub full_image_url: Option<FullImageUrl>,
}

/// The URL of a full image that exists elsewhere. `{id}` in it stands for the identifier, percent-encoded.
///
/// ```
/// use iiif_publish::publish::FullImageUrl;
/// let url: FullImageUrl = "https://media.example.org/{id}.jpg".parse()?;
/// assert_eq!(url.of(&"ms 1".parse()?), "https://media.example.org/ms%201.jpg");
/// # Ok::<(), iiif_publish::store::KeyError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FullImageUrl(String);

impl FullImageUrl {
    const IDENTIFIER: &str = "{id}";

    /// That of one image.
    #[must_use]
    pub fn of(&self, identifier: &Identifier) -> String {
        self.0.replace(Self::IDENTIFIER, &identifier.in_url())
    }

    /// Whether every image has another one.
    #[must_use]
    pub fn names_identifier(&self) -> bool {
        self.0.contains(Self::IDENTIFIER)
    }
}

impl FromStr for FullImageUrl {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let _checked: PublicUrl = text.replace(Self::IDENTIFIER, "id").parse()?;
        Ok(Self(text.to_owned()))
    }
}

/// The way of handling [warnings](crate::source::Warning) about a source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnWarning {
    /// Publish the image and report them.
    #[default]
    Report,
    /// Fail before anything of the image is visible.
    Fail,
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
    /// How sources are read.
    pub read: ReadOptions,
    /// Tile size, levels and formats.
    pub shape: PyramidShape,
    /// How pictures are encoded; the quality is that of WebP too.
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
    /// What happens to images that are there already, unchanged.
    pub unchanged: Unchanged,
    /// What happens to images that are there already, and are other ones now.
    pub changed: Changed,
    /// Memory that all images together may take, in bytes; `None` for no limit.
    pub max_memory_bytes: Option<u64>,
    /// Maximum number of objects of one image; `None` for no limit. An image with more is refused before anything is stored.
    pub max_objects: Option<u64>,
    /// How sources are known to be the same.
    pub identity: Identity,
    /// The way of handling warnings.
    pub on_warning: OnWarning,
    /// The grace period: how long after its publication an image is compared with what was stored. All runs on a prefix must use the
    /// same. `None` takes each publication for whole at once, which is only true if no two runs ever work at the same time.
    pub settle_after: Option<Duration>,
    /// Where objects stand.
    pub layout: Layout,
    /// Requests that lead to other objects; `None` where every request has an object of its own.
    pub redirects: Option<RedirectOptions>,
}

impl Options {
    /// The `Cache-Control` of pictures where none is said: a day.
    pub const CACHE_CONTROL: &str = "public, max-age=86400";
    /// The `Cache-Control` of pictures of versions that never change, where none is said: a year.
    pub const VERSIONED_CACHE_CONTROL: &str = "public, max-age=31536000, immutable";
    /// The `Cache-Control` of `info.json` where none is said: five minutes.
    pub const INFO_CACHE_CONTROL: &str = "public, max-age=300";

    /// The default grace period: longer than any run is suspended, or writes without looking.
    pub const SETTLE_AFTER: Duration = Duration::from_hours(1);

    /// How sources are read. WebP has no grey, and so no place for a profile of grey.
    pub(super) fn reading(&self) -> ReadOptions {
        let has_webp = self.shape.formats().all().any(|format| format == Format::Webp);
        match self.read.profiles {
            Profiles::Keep if has_webp => ReadOptions { profiles: Profiles::KeepOfRgb, ..self.read },
            _ => self.read,
        }
    }

    /// The defaults, for images seen below a URL.
    #[must_use]
    pub fn new(public_url: PublicUrl) -> Self {
        Self {
            prefix: Prefix::default(),
            public_url,
            versions: Versions::default(),
            read: ReadOptions::default(),
            shape: PyramidShape::default(),
            jpeg: JpegOptions::default(),
            cache_control: Self::CACHE_CONTROL.to_owned(),
            info_cache_control: Self::INFO_CACHE_CONTROL.to_owned(),
            rights: None,
            concurrency: None,
            jobs: std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
            max_memory_bytes: None,
            max_objects: None,
            unchanged: Unchanged::default(),
            changed: Changed::default(),
            identity: Identity::default(),
            on_warning: OnWarning::default(),
            settle_after: Some(Self::SETTLE_AFTER),
            layout: Layout::default(),
            redirects: None,
        }
    }
}
