//! Options that a publisher applies to all of its images.

use crate::destination::{Destination, Identifier, PublicUrl, Versions};
use crate::encode::JpegOptions;
use crate::iiif::{Format, PyramidShape, Rights};
use crate::source::{Profiles, ReadOptions};
use crate::store::{KeyError, OnExisting, Prefix};
use std::num::NonZeroUsize;
use std::str::FromStr;
use std::time::Duration;

/// The properties by which an unchanged source is recognized.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Identity {
    /// Its size and modification time. The source is not read.
    #[default]
    SizeAndTime,
    /// Its content, which is read completely. Copies on other machines and with other times count as unchanged.
    Content,
}

/// The layout of the objects of an image, which decides how a changed image replaces the old one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Layout {
    /// Below its identifier. A new version replaces the old one object by object.
    #[default]
    InPlace,
    /// Below its identifier and the name of the version. Objects never change, except for the one `info.json` directly below the
    /// identifier, which describes the newest version.
    Versioned {
        /// Number of old versions to keep; `None` keeps all.
        keep: Option<usize>,
    },
}

/// Redirects instead of second copies of a picture, for stores whose web servers can redirect.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RedirectOptions {
    /// The URL of the full images, if they exist elsewhere as JPEG. `full/max` is then not stored as JPEG.
    pub full_image_url: Option<FullImageUrl>,
}

impl RedirectOptions {
    /// Redirects requests for full images to `full_image_url`, if they exist elsewhere, and other requests to stored pictures.
    #[must_use]
    pub fn new(full_image_url: Option<FullImageUrl>) -> Self {
        Self { full_image_url }
    }
}

/// The URL of a full image that exists elsewhere. `{id}` is replaced by the percent-encoded identifier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FullImageUrl(String);

impl FullImageUrl {
    const IDENTIFIER: &str = "{id}";

    /// Returns the URL of one image.
    #[must_use]
    pub(crate) fn of(&self, identifier: &Identifier) -> String {
        self.0.replace(Self::IDENTIFIER, &identifier.in_url())
    }

    /// Returns `true` if each image has its own URL.
    #[must_use]
    pub fn names_identifier(&self) -> bool {
        self.0.contains(Self::IDENTIFIER)
    }
}

impl FromStr for FullImageUrl {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        // Checked as it will be used, with an identifier in place of the braces.
        let _checked: PublicUrl = text.replace(Self::IDENTIFIER, "id").parse()?;
        Ok(Self(text.to_owned()))
    }
}

/// The way of handling [warnings](crate::source::Warning) about a source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnWarning {
    /// Publish the image and report them.
    #[default]
    Report,
    /// Fail before anything of the image is visible.
    Fail,
}

/// Options of a publisher. [`Options::new`] returns the defaults.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Options {
    /// The prefix of all keys.
    pub prefix: Prefix,
    /// The public URL of the prefix.
    pub public_url: PublicUrl,
    /// The versions of the Image API.
    pub versions: Versions,
    /// Options for reading sources.
    pub read: ReadOptions,
    /// Tile size, levels and formats.
    pub shape: PyramidShape,
    /// Encoder options. The quality also applies to WebP.
    pub jpeg: JpegOptions,
    /// The `Cache-Control` of pictures.
    pub cache_control: String,
    /// The `Cache-Control` of `info.json`. It should be short: viewers learn from `info.json` that an image was replaced.
    pub info_cache_control: String,
    /// The license or rights statement of the images.
    pub rights: Option<Rights>,
    /// Maximum number of uploads in flight, of all images together; `None` for the default of the store.
    pub concurrency: Option<NonZeroUsize>,
    /// Maximum number of pictures that are encoded at the same time, of all images together.
    pub jobs: NonZeroUsize,
    /// The handling of images that are published already.
    pub on_existing: OnExisting,
    /// Maximum memory of all images together, in bytes; `None` for no limit.
    pub max_memory_bytes: Option<u64>,
    /// Maximum number of objects of one image; `None` for no limit. An image with more is refused before anything is stored.
    pub max_objects: Option<u64>,
    /// The properties by which unchanged sources are recognized.
    pub identity: Identity,
    /// The way of handling warnings.
    pub on_warning: OnWarning,
    /// The grace period: the time from publication until a later run compares the image with its digest. All runs on a prefix must
    /// use the same. `None` skips the comparison, which is safe only if no two runs ever overlap.
    pub settle_after: Option<Duration>,
    /// The layout of objects.
    pub layout: Layout,
    /// Redirects; `None` stores an object for each request.
    pub redirects: Option<RedirectOptions>,
}

impl Options {
    /// The default `Cache-Control` of pictures: a day.
    pub const CACHE_CONTROL: &str = "public, max-age=86400";
    /// The default `Cache-Control` of pictures with [`Layout::Versioned`]: a year.
    pub const VERSIONED_CACHE_CONTROL: &str = "public, max-age=31536000, immutable";
    /// The default `Cache-Control` of `info.json`: five minutes.
    pub const INFO_CACHE_CONTROL: &str = "public, max-age=300";

    /// The default grace period. It is longer than a run is ever suspended, or writes without looking at the image again.
    pub const SETTLE_AFTER: Duration = Duration::from_hours(1);

    /// Returns the destination of the images.
    #[must_use]
    pub fn destination(&self) -> Destination {
        Destination::new(self.prefix.clone(), self.public_url.clone(), self.versions)
    }

    /// Returns the options for reading sources. WebP cannot store gray, so gray profiles are converted if it is written.
    pub(super) fn reading(&self) -> ReadOptions {
        let has_webp = self.shape.formats().all().any(|format| format == Format::Webp);
        let profiles = match self.read.profiles {
            Profiles::Keep if has_webp => Profiles::KeepOfRgb,
            profiles => profiles,
        };
        ReadOptions { profiles, threads: self.jobs, ..self.read }
    }

    /// Creates the default options for images below a public URL.
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
            on_existing: OnExisting::default(),
            identity: Identity::default(),
            on_warning: OnWarning::default(),
            settle_after: Some(Self::SETTLE_AFTER),
            layout: Layout::default(),
            redirects: None,
        }
    }
}
