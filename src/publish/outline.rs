//! Estimates an image's objects and memory usage from its header.

use super::memory::{InFlight, peak_memory_bytes};
use super::options::Options;
use crate::destination::Identifier;
use crate::iiif::{ApiVersion, ImageInformation, Plan, Pyramid, PyramidError};
use crate::source::Header;

/// Objects needed to publish an image, and the memory required.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Outline {
    /// The image's levels, tiles and sizes.
    pub pyramid: Pyramid,
    /// One entry per Image API version, newest first.
    pub versions: Vec<VersionOutline>,
    /// Peak memory usage in bytes.
    pub memory_bytes: u64,
}

/// An image's objects for one Image API version.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct VersionOutline {
    /// Planned objects.
    pub plan: Plan,
    /// Folder below the prefix, with a trailing slash. Empty if only one version is published.
    pub folder: String,
    /// Base URI, used as the `id` in `info.json`.
    pub base_uri: String,
    /// Contents of `info.json`.
    pub information: ImageInformation,
    /// Estimated total size of all objects in bytes, accurate to within a factor of two.
    pub bytes: u64,
}

impl Outline {
    /// Creates an outline from an image header, assuming up to `concurrency` parallel uploads.
    ///
    /// # Errors
    /// Returns an error if a format doesn't support images of the required size.
    pub fn new(
        header: &Header,
        identifier: &Identifier,
        options: &Options,
        concurrency: usize,
    ) -> Result<Self, PyramidError> {
        let pyramid = Pyramid::new(header.size, options.shape);
        pyramid.check_formats()?;
        let destination = options.destination();
        let version = |((version, folder), base_uri): ((ApiVersion, Option<u8>), String)| {
            let plan = Plan::new(pyramid.clone(), version);
            let information = ImageInformation::new(&pyramid, version, base_uri.clone(), None);
            let bytes = plan.estimated_bytes() + information.to_json().len() as u64;
            let folder = folder.map(|number| format!("{number}/")).unwrap_or_default();
            VersionOutline { plan, folder, base_uri, information, bytes }
        };
        let versions =
            options.versions.folders().into_iter().zip(destination.base_uris(identifier)).map(version).collect();
        let in_flight = InFlight::new(options.jobs.get(), concurrency);
        let memory_bytes = peak_memory_bytes(header, &pyramid, options.jpeg, in_flight);
        Ok(Self { pyramid, versions, memory_bytes })
    }

    /// Returns the total number of objects.
    #[must_use]
    pub fn objects(&self) -> u64 {
        self.versions.iter().map(|version| version.plan.object_count()).sum()
    }

    /// Returns the estimated total size of all objects in bytes, accurate to within a factor of two.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.versions.iter().map(|version| version.bytes).sum()
    }

    /// Returns all keys relative to the image in upload order: each picture's keys in all versions, followed by the
    /// `info.json` files.
    pub fn keys(&self) -> impl Iterator<Item = String> {
        let of_rendering = |rendering| {
            let keys = move |version: &VersionOutline| {
                let requests = version.plan.requests(rendering).into_iter();
                requests.map(|request| format!("{}{request}", version.folder)).collect::<Vec<_>>()
            };
            self.versions.iter().flat_map(keys)
        };
        let documents = self.versions.iter().map(|version| format!("{}{}", version.folder, Plan::INFO_JSON));
        self.pyramid.renderings().flat_map(of_rendering).chain(documents)
    }
}
