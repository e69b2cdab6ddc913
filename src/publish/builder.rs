//! Builder for a publisher's options.

use super::{Identity, Layout, OnWarning, Options, RedirectOptions, Versions};
use crate::destination::PublicUrl;
use crate::encode::JpegOptions;
use crate::iiif::{Format, PyramidShape, Rights};
use crate::source::ReadOptions;
use crate::store::{OnExisting, Prefix};
use std::num::NonZeroUsize;
use std::time::Duration;

/// Error returned when a publisher's options are invalid.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OptionsError {
    /// A value that must be at least 1 is 0.
    #[error("`{0}` must be at least 1")]
    Zero(&'static str),
    /// The output format requires a crate feature that this build doesn't have.
    #[error("cannot write {format}: that requires the feature `{feature}`, which this build lacks")]
    FeatureDisabled {
        /// The unsupported format.
        format: Format,
        /// Crate feature required to write it.
        feature: &'static str,
    },
}

/// Builder for [`Options`], starting from the defaults.
///
/// ```
/// use iiif_publish::publish::{Layout, Options, OptionsError};
/// let url = "https://example.org/iiif".parse()?;
/// let options = Options::builder(url).jobs(4).layout(Layout::Versioned { keep: Some(2) }).build()?;
/// assert_eq!(options.cache_control, Options::VERSIONED_CACHE_CONTROL);
/// assert_eq!(options.into_builder().jobs(0).build().err(), Some(OptionsError::Zero("jobs")));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct OptionsBuilder {
    options: Options,
    cache_control: Option<String>,
    jobs: Option<usize>,
    concurrency: Option<usize>,
}

impl Options {
    /// Creates a builder with default options for images below a public URL.
    pub fn builder(public_url: PublicUrl) -> OptionsBuilder {
        OptionsBuilder { options: Self::new(public_url), cache_control: None, jobs: None, concurrency: None }
    }

    /// Converts these options back into a builder.
    pub fn into_builder(self) -> OptionsBuilder {
        let cache_control = Some(self.cache_control.clone());
        OptionsBuilder { options: self, cache_control, jobs: None, concurrency: None }
    }
}

impl OptionsBuilder {
    /// Sets the key prefix.
    pub fn prefix(mut self, prefix: Prefix) -> Self {
        self.options.prefix = prefix;
        self
    }

    /// Sets the Image API versions to publish.
    pub fn versions(mut self, versions: Versions) -> Self {
        self.options.versions = versions;
        self
    }

    /// Sets the options for reading sources.
    pub fn read(mut self, read: ReadOptions) -> Self {
        self.options.read = read;
        self
    }

    /// Sets the tile size, levels and formats.
    pub fn shape(mut self, shape: PyramidShape) -> Self {
        self.options.shape = shape;
        self
    }

    /// Sets the JPEG encoder options. The quality setting also applies to WebP.
    pub fn jpeg(mut self, jpeg: JpegOptions) -> Self {
        self.options.jpeg = jpeg;
        self
    }

    /// Sets the `Cache-Control` header for pictures. The default depends on the [layout](Self::layout).
    pub fn cache_control(mut self, value: impl Into<Option<String>>) -> Self {
        self.cache_control = value.into();
        self
    }

    /// Sets the `Cache-Control` header for `info.json`.
    pub fn info_cache_control(mut self, value: impl Into<String>) -> Self {
        self.options.info_cache_control = value.into();
        self
    }

    /// Sets the license or rights statement of all images.
    pub fn rights(mut self, rights: impl Into<Option<Rights>>) -> Self {
        self.options.rights = rights.into();
        self
    }

    /// Sets the maximum number of concurrent uploads across all images. Defaults to the store's own default.
    pub fn concurrency(mut self, uploads: impl Into<Option<usize>>) -> Self {
        self.concurrency = uploads.into();
        self
    }

    /// Sets the number of threads used for decoding, color conversion and encoding. Defaults to the number of cores.
    pub fn jobs(mut self, threads: usize) -> Self {
        self.jobs = Some(threads);
        self
    }

    /// Sets the behavior for images that have already been published.
    pub fn on_existing(mut self, on_existing: OnExisting) -> Self {
        self.options.on_existing = on_existing;
        self
    }

    /// Sets the memory limit for all images together, in bytes.
    pub fn max_memory_bytes(mut self, bytes: impl Into<Option<u64>>) -> Self {
        self.options.max_memory_bytes = bytes.into();
        self
    }

    /// Sets the maximum number of objects per image. Images that would exceed it are rejected before anything is
    /// stored.
    pub fn max_objects(mut self, objects: impl Into<Option<u64>>) -> Self {
        self.options.max_objects = objects.into();
        self
    }

    /// Sets the method used to detect unchanged sources.
    pub fn identity(mut self, identity: Identity) -> Self {
        self.options.identity = identity;
        self
    }

    /// Sets the behavior when a source has warnings.
    pub fn on_warning(mut self, on_warning: OnWarning) -> Self {
        self.options.on_warning = on_warning;
        self
    }

    /// Sets the [grace period](Options::settle_after).
    pub fn settle_after(mut self, period: impl Into<Option<Duration>>) -> Self {
        self.options.settle_after = period.into();
        self
    }

    /// Sets the object layout.
    pub fn layout(mut self, layout: Layout) -> Self {
        self.options.layout = layout;
        self
    }

    /// Sets the redirect options. Redirects replace duplicate objects.
    pub fn redirects(mut self, redirects: impl Into<Option<RedirectOptions>>) -> Self {
        self.options.redirects = redirects.into();
        self
    }

    /// Validates and returns the options.
    ///
    /// # Errors
    /// Returns an error if `jobs` or `concurrency` is 0, or if this build can't write one of the formats.
    pub fn build(self) -> Result<Options, OptionsError> {
        let Self { mut options, cache_control, jobs, concurrency } = self;
        let at_least_one = |name, number| NonZeroUsize::new(number).ok_or(OptionsError::Zero(name));
        if let Some(jobs) = jobs {
            options.jobs = at_least_one("jobs", jobs)?;
        }
        if let Some(uploads) = concurrency {
            options.concurrency = Some(at_least_one("concurrency", uploads)?);
        }
        let default = match options.layout {
            Layout::InPlace => Options::CACHE_CONTROL,
            Layout::Versioned { .. } => Options::VERSIONED_CACHE_CONTROL,
        };
        options.cache_control = cache_control.unwrap_or_else(|| default.to_owned());
        if !cfg!(feature = "webp") && options.shape.formats().all().any(|format| format == Format::Webp) {
            return Err(OptionsError::FeatureDisabled { format: Format::Webp, feature: "webp" });
        }
        Ok(options)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::iiif::Formats;

    fn builder() -> OptionsBuilder {
        Options::builder("https://example.org".parse().expect("a URL"))
    }

    #[test]
    fn zero_is_refused_by_name() {
        assert_eq!(builder().jobs(0).build().err(), Some(OptionsError::Zero("jobs")));
        assert_eq!(builder().concurrency(0).build().err(), Some(OptionsError::Zero("concurrency")));
        let options = builder().jobs(3).concurrency(5).build().expect("valid");
        assert_eq!((options.jobs.get(), options.concurrency.map(NonZeroUsize::get)), (3, Some(5)));
    }

    #[test]
    fn an_explicit_cache_control_outlives_a_change_of_layout() {
        let layout = Layout::Versioned { keep: None };
        let cache_control = |builder: OptionsBuilder| builder.layout(layout).build().expect("valid").cache_control;
        assert_eq!(cache_control(builder()), Options::VERSIONED_CACHE_CONTROL);
        assert_eq!(cache_control(builder().cache_control("no-store".to_owned())), "no-store");
    }

    #[test]
    fn a_format_of_a_disabled_feature_is_refused() {
        let shape = PyramidShape::default().in_formats(Formats::beside_jpg([Format::Webp]));
        let error = builder().shape(shape).build().err().map(|error| error.to_string());
        let expected = "cannot write WebP: that requires the feature `webp`, which this build lacks";
        assert_eq!(error.as_deref(), (!cfg!(feature = "webp")).then_some(expected));
    }
}
