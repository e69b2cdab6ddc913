//! Objects, bytes and memory of an image, from its header alone.

use super::memory::{InFlight, peak_memory_bytes};
use super::options::Options;
use crate::destination::Identifier;
use crate::iiif::{ApiVersion, ImageInformation, Plan, Pyramid, PyramidError};
use crate::source::Header;

/// The objects that an image would become, and the memory that publishing it would take.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Outline {
    /// The levels, tiles and sizes of the image.
    pub pyramid: Pyramid,
    /// One for each version of the Image API, newest first.
    pub versions: Vec<VersionOutline>,
    /// The peak memory, in bytes.
    pub memory_bytes: u64,
}

/// The objects of an image in one version of the Image API.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct VersionOutline {
    /// The objects.
    pub plan: Plan,
    /// The folder below the prefix, with a slash at its end; empty if there is one version only.
    pub folder: String,
    /// The base URI, which is the id of the image information.
    pub base_uri: String,
    /// The image information.
    pub information: ImageInformation,
    /// An estimate of the bytes of all objects, within a factor of two.
    pub bytes: u64,
}

impl Outline {
    /// Creates the outline of an image with this header, with up to `concurrency` parallel uploads.
    ///
    /// # Errors
    /// If a format cannot hold the image in the sizes that the options ask for.
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

    /// Returns the number of objects.
    #[must_use]
    pub fn objects(&self) -> u64 {
        self.versions.iter().map(|version| version.plan.object_count()).sum()
    }

    /// Returns an estimate of the bytes of all objects, within a factor of two.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.versions.iter().map(|version| version.bytes).sum()
    }

    /// Returns every key relative to the image, in the order of publishing: the URLs of each tile in all versions, then
    /// each `info.json`.
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
