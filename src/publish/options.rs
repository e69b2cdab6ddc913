//! Options that apply to all images of a publisher.

use crate::destination::{Destination, Identifier, PublicUrl, Versions};
use crate::encode::JpegOptions;
use crate::iiif::{Format, PyramidShape, Rights};
use crate::source::{Profiles, ReadOptions};
use crate::store::{KeyError, OnExisting, Prefix};
use std::num::NonZeroUsize;
use std::str::FromStr;
use std::time::Duration;

/// Method used to detect unchanged sources.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Identity {
    /// Compares the size and modification time, without reading the source.
    #[default]
    SizeAndTime,
    /// Compares the content, which requires reading the entire source. Copies on other machines or with different times
    /// count as unchanged.
    Content,
}

/// Object layout, which determines how a new version of an image replaces the old one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Layout {
    /// Objects are stored directly below the identifier. A new version overwrites the old one object by object.
    #[default]
    InPlace,
    /// Each version is stored in a separate folder below the identifier. Objects never change, except for the top-level
    /// `info.json`, which describes the current version.
    Versioned {
        /// Number of old versions to keep, or `None` to keep all of them.
        keep: Option<usize>,
    },
}

/// Redirects that replace duplicate pictures, for stores with a web server that supports redirects.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RedirectOptions {
    /// URL of the full-size JPEGs, if they are already hosted elsewhere. In that case, `full/max` isn't stored as JPEG.
    pub full_image_url: Option<FullImageUrl>,
}

impl RedirectOptions {
    /// Creates redirects to stored pictures. Requests for the full image redirect to `full_image_url` if it is set.
    #[must_use]
    pub fn new(full_image_url: Option<FullImageUrl>) -> Self {
        Self { full_image_url }
    }
}

/// URL of a full-size image hosted elsewhere. `{id}` is replaced with the percent-encoded identifier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FullImageUrl(String);

impl FullImageUrl {
    const IDENTIFIER: &str = "{id}";

    /// Returns the URL for an image.
    #[must_use]
    pub(crate) fn of(&self, identifier: &Identifier) -> String {
        self.0.replace(Self::IDENTIFIER, &identifier.in_url())
    }

    /// Returns `true` if the URL contains `{id}`.
    #[must_use]
    pub fn names_identifier(&self) -> bool {
        self.0.contains(Self::IDENTIFIER)
    }
}

impl FromStr for FullImageUrl {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        // Validate the URL in its final form, with an identifier in place of the placeholder.
        let _checked: PublicUrl = text.replace(Self::IDENTIFIER, "id").parse()?;
        Ok(Self(text.to_owned()))
    }
}

/// Behavior when a source has [warnings](crate::source::Warning).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnWarning {
    /// Publish the image and report the warnings.
    #[default]
    Report,
    /// Fail before any part of the image becomes visible.
    Fail,
}

/// Options for a publisher. [`Options::new`] returns the defaults.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Options {
    /// Prefix added to all keys.
    pub prefix: Prefix,
    /// Public URL of the prefix.
    pub public_url: PublicUrl,
    /// Image API versions to publish.
    pub versions: Versions,
    /// Options for reading sources.
    pub read: ReadOptions,
    /// Tile size, levels and formats.
    pub shape: PyramidShape,
    /// JPEG encoder options. The quality setting also applies to WebP.
    pub jpeg: JpegOptions,
    /// `Cache-Control` header for pictures.
    pub cache_control: String,
    /// `Cache-Control` header for `info.json`. Use a short time, because viewers don't notice a replaced image until
    /// they reload this file.
    pub info_cache_control: String,
    /// License or rights statement of all images.
    pub rights: Option<Rights>,
    /// Maximum number of concurrent uploads across all images, or `None` to use the store's default.
    pub concurrency: Option<NonZeroUsize>,
    /// Maximum number of pictures to encode concurrently across all images.
    pub jobs: NonZeroUsize,
    /// Behavior for images that have already been published.
    pub on_existing: OnExisting,
    /// Memory limit for all images together, in bytes, or `None` for no limit.
    pub max_memory_bytes: Option<u64>,
    /// Maximum number of objects per image, or `None` for no limit. Images that would exceed it are rejected before
    /// anything is stored.
    pub max_objects: Option<u64>,
    /// Method used to detect unchanged sources.
    pub identity: Identity,
    /// Behavior when a source has warnings.
    pub on_warning: OnWarning,
    /// Grace period after publishing, before a later run compares the image with its digest. All runs on a prefix must
    /// use the same value. `None` disables the comparison, which is only safe if runs never overlap.
    pub settle_after: Option<Duration>,
    /// Object layout.
    pub layout: Layout,
    /// Redirect options, or `None` to store an object for every request.
    pub redirects: Option<RedirectOptions>,
}

impl Options {
    /// Default `Cache-Control` header for pictures (one day).
    pub const CACHE_CONTROL: &str = "public, max-age=86400";
    /// Default `Cache-Control` header for pictures with [`Layout::Versioned`] (one year).
    pub const VERSIONED_CACHE_CONTROL: &str = "public, max-age=31536000, immutable";
    /// Default `Cache-Control` header for `info.json` (five minutes).
    pub const INFO_CACHE_CONTROL: &str = "public, max-age=300";

    /// Default grace period. No run is expected to be suspended, or to write without checking the image, for this long.
    pub const SETTLE_AFTER: Duration = Duration::from_hours(1);

    /// Returns the destination for the images.
    #[must_use]
    pub fn destination(&self) -> Destination {
        Destination::new(self.prefix.clone(), self.public_url.clone(), self.versions)
    }

    /// Returns the options for reading sources. WebP doesn't support grayscale, so gray profiles are converted when
    /// writing WebP.
    pub(super) fn reading(&self) -> ReadOptions {
        let has_webp = self.shape.formats().all().any(|format| format == Format::Webp);
        let profiles = match self.read.profiles {
            Profiles::Keep if has_webp => Profiles::KeepOfRgb,
            profiles => profiles,
        };
        ReadOptions { profiles, threads: self.jobs, ..self.read }
    }

    /// Creates default options for images below a public URL.
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
