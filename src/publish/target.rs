//! Folders, keys and URLs of a published image, computed without accessing the store.

use super::PublishError;
use super::api_folder::ApiFolder;
use super::event::{Orphans, Outcome, Published};
use super::options::{Layout, Options};
use super::redirects::Redirects;
use crate::destination::{Identifier, ImageAddress, ImageFolder, VersionName};
use crate::iiif::{Format, ImageRequest, PhysicalScale, Plan, Pyramid, Rendering, Size};
use crate::store::{Key, KeyError, Traffic};
use std::time::Duration;

/// Everything that can be derived from an image's name, size and options.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub(super) identifier: Identifier,
    pub(super) pyramid: Pyramid,
    /// One folder per Image API version.
    pub(super) folders: Vec<ApiFolder>,
    /// Name of this version of the image.
    pub(super) version: VersionName,
    /// Redirects for requests without an object of their own.
    pub(super) redirects: Redirects,
    /// Physical pixel size, if the source specifies it.
    pub(super) scale: Option<PhysicalScale>,
}

impl Target {
    /// Creates the target for an image.
    ///
    /// # Errors
    /// Returns an error if the prefix and identifier are too long when combined.
    pub(super) fn new(
        options: &Options,
        identifier: &Identifier,
        pyramid: Pyramid,
        version: VersionName,
    ) -> Result<Self, KeyError> {
        let is_versioned = matches!(options.layout, Layout::Versioned { .. });
        let folder = |(api, image): (_, ImageAddress)| {
            let plan = Plan::new(pyramid.clone(), api);
            if !is_versioned {
                return Ok(ApiFolder::new(plan, image, None));
            }
            // For versioned images, the objects and the image's `id` are one level below the folder used by viewers.
            // Both folders have an `info.json`. The one in the parent folder points to the version's folder and changes
            // with every version.
            Ok(ApiFolder::new(plan, image.version(&version)?, Some(image)))
        };
        let folders: Result<Vec<_>, KeyError> =
            options.destination().images(identifier)?.into_iter().map(folder).collect();
        let redirects = Redirects::new(options.redirects.as_ref(), identifier);
        Ok(Self { identifier: identifier.clone(), folders: folders?, redirects, pyramid, version, scale: None })
    }

    /// Returns `true` if each version of the image has its own folder.
    pub(super) fn is_versioned(&self) -> bool {
        self.folders.iter().any(|folder| folder.parent().is_some())
    }

    /// Returns the total number of objects in all folders, including `info.json`.
    pub(super) fn object_count(&self) -> u64 {
        self.folders.iter().map(|folder| folder.plan.object_count()).sum()
    }

    /// Returns the number of objects that contain pictures.
    pub(super) fn picture_count(&self) -> u64 {
        match self.redirects {
            // All objects are pictures, except for one `info.json` per folder.
            Redirects::None => self.object_count() - self.folders.len() as u64,
            Redirects::Alternatives { .. } => {
                let requests =
                    |rendering| self.folders.iter().map(move |folder| self.requests(folder, rendering).count() as u64);
                self.pyramid.renderings().flat_map(requests).sum()
            }
        }
    }

    /// Describes the image before anything has been stored.
    pub(super) fn published(&self) -> Published {
        Published {
            identifier: self.identifier.clone(),
            outcome: Outcome::Unchanged,
            info_urls: self.folders.iter().map(|folder| folder.objects().info_url()).collect(),
            version: Some(self.version.clone()),
            size: self.pyramid.size(),
            scale: self.scale,
            tiles: self.pyramid.tile_count(),
            objects: 0,
            bytes: 0,
            warnings: Vec::new(),
            orphans: Orphans::default(),
            traffic: Traffic::default(),
            duration: Duration::ZERO,
            is_settled: false,
        }
    }

    /// Returns the URLs of the `info.json` files that viewers load, regardless of the current version.
    pub(super) fn current_urls(&self) -> Vec<String> {
        self.folders.iter().map(|folder| folder.current().info_url()).collect()
    }

    /// Returns the keys of all requests for the image, excluding `info.json`.
    pub(super) fn keys(&self) -> impl Iterator<Item = Key> {
        let of_folder = |folder: &'_ ApiFolder| {
            let requests = |rendering| folder.plan.requests(rendering);
            let keys = self.pyramid.renderings().flat_map(requests).map(|request| folder.dir().key(&request));
            keys.collect::<Vec<_>>()
        };
        self.folders.iter().flat_map(of_folder)
    }

    /// Returns the requests for a picture that are stored as objects in a folder, in all formats.
    fn requests<'a>(&'a self, folder: &'a ApiFolder, rendering: Rendering) -> impl Iterator<Item = ImageRequest> + 'a {
        let stored = move |format| self.redirects.stored(&folder.plan, format, rendering);
        self.pyramid.formats().all().flat_map(stored)
    }

    /// Returns the formats in which a picture must be encoded.
    pub(super) fn needed_formats(&self, rendering: Rendering) -> Vec<Format> {
        let is_stored = |folder: &ApiFolder, format| !self.redirects.stored(&folder.plan, format, rendering).is_empty();
        let is_needed = |format: &Format| self.folders.iter().any(|folder| is_stored(folder, *format));
        self.pyramid.formats().all().filter(is_needed).collect()
    }
}

/// Creates the pyramid for an image of the given size.
///
/// # Errors
/// Returns an error if `full/max` exceeds the maximum dimensions of a format.
pub(super) fn pyramid(options: &Options, identifier: &Identifier, size: Size) -> Result<Pyramid, PublishError> {
    let pyramid = Pyramid::new(size, options.shape);
    let too_large = |cause| PublishError::Formats { identifier: identifier.clone(), cause };
    pyramid.check_formats().map_err(too_large)?;
    Ok(pyramid)
}

/// Parses a key in an image's folder as a request. Returns `None` for other objects.
pub(super) fn request(dir: &ImageFolder, key: &Key) -> Option<ImageRequest> {
    dir.path_of(key.as_str())?.parse().ok()
}
