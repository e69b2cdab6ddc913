//! Names of one published image: its folders, keys and URLs. Pure: nothing here asks a store.

use super::PublishError;
use super::api_folder::ApiFolder;
use super::event::{Orphans, Outcome, Published};
use super::options::{Layout, Options};
use super::redirects::Redirects;
use crate::destination::{Identifier, ImageAddress, ImageFolder, VersionName};
use crate::iiif::{Format, ImageRequest, Plan, Pyramid, Rendering, Size};
use crate::store::{Key, KeyError, Traffic};
use std::time::Duration;

/// Everything that is known of a published image from its name, its size and the options.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub(super) identifier: Identifier,
    pub(super) pyramid: Pyramid,
    /// One folder for each version of the Image API.
    pub(super) folders: Vec<ApiFolder>,
    /// The name of the version of the image.
    pub(super) version: VersionName,
    /// Requests that lead to another object.
    pub(super) redirects: Redirects,
}

impl Target {
    /// Creates the target of an image.
    ///
    /// # Errors
    /// If prefix and identifier are too long together.
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
            // With versions, the objects and the `id` of the image are one level deeper than the folder that viewers
            // are given. An `info.json` is written to both; that of the parent names the folder below it, and changes
            // with each version.
            Ok(ApiFolder::new(plan, image.version(&version)?, Some(image)))
        };
        let folders: Result<Vec<_>, KeyError> =
            options.destination().images(identifier)?.into_iter().map(folder).collect();
        let redirects = Redirects::new(options.redirects.as_ref(), identifier);
        Ok(Self { identifier: identifier.clone(), folders: folders?, redirects, pyramid, version })
    }

    /// Returns `true` if each version of the image has a folder of its own.
    pub(super) fn is_versioned(&self) -> bool {
        self.folders.iter().any(|folder| folder.parent().is_some())
    }

    /// Returns the number of objects in all folders, `info.json` included.
    pub(super) fn object_count(&self) -> u64 {
        self.folders.iter().map(|folder| folder.plan.object_count()).sum()
    }

    /// Returns the number of objects that have the bytes of a picture.
    pub(super) fn picture_count(&self) -> u64 {
        match self.redirects {
            // Every object is a picture, except one `info.json` in each folder.
            Redirects::None => self.object_count() - self.folders.len() as u64,
            Redirects::Alternatives { .. } => {
                let requests =
                    |rendering| self.folders.iter().map(move |folder| self.requests(folder, rendering).count() as u64);
                self.pyramid.renderings().flat_map(requests).sum()
            }
        }
    }

    /// Returns a description of the image of which nothing has been stored yet.
    pub(super) fn published(&self) -> Published {
        Published {
            identifier: self.identifier.clone(),
            outcome: Outcome::Unchanged,
            info_urls: self.folders.iter().map(|folder| folder.objects().info_url()).collect(),
            version: Some(self.version.clone()),
            size: self.pyramid.size(),
            tiles: self.pyramid.tile_count(),
            objects: 0,
            bytes: 0,
            warnings: Vec::new(),
            orphans: Orphans::default(),
            traffic: Traffic::default(),
            duration: Duration::ZERO,
        }
    }

    /// Returns the URLs of the `info.json` that viewers are given, whatever version that is of.
    pub(super) fn current_urls(&self) -> Vec<String> {
        self.folders.iter().map(|folder| folder.current().info_url()).collect()
    }

    /// Returns the key of every request of the image; `info.json` is not one.
    pub(super) fn keys(&self) -> impl Iterator<Item = Key> {
        let of_folder = |folder: &'_ ApiFolder| {
            let requests = |rendering| folder.plan.requests(rendering);
            let keys = self.pyramid.renderings().flat_map(requests).map(|request| folder.dir().key(&request));
            keys.collect::<Vec<_>>()
        };
        self.folders.iter().flat_map(of_folder)
    }

    /// Returns the requests for a picture in a folder that have its bytes, in all formats.
    fn requests<'a>(&'a self, folder: &'a ApiFolder, rendering: Rendering) -> impl Iterator<Item = ImageRequest> + 'a {
        let stored = move |format| self.redirects.stored(&folder.plan, format, rendering);
        self.pyramid.formats().all().flat_map(stored)
    }

    /// Returns the formats in which some request for a picture has bytes.
    pub(super) fn needed_formats(&self, rendering: Rendering) -> Vec<Format> {
        let is_stored = |folder: &ApiFolder, format| !self.redirects.stored(&folder.plan, format, rendering).is_empty();
        let is_needed = |format: &Format| self.folders.iter().any(|folder| is_stored(folder, *format));
        self.pyramid.formats().all().filter(is_needed).collect()
    }
}

/// Returns the pyramid of an image of a size.
///
/// # Errors
/// If `full/max` is too large for a format.
pub(super) fn pyramid(options: &Options, identifier: &Identifier, size: Size) -> Result<Pyramid, PublishError> {
    let pyramid = Pyramid::new(size, options.shape);
    let too_large = |cause| PublishError::Formats { identifier: identifier.clone(), cause };
    pyramid.check_formats().map_err(too_large)?;
    Ok(pyramid)
}

/// Returns the request that a key is in the folder of an image; `None` for other objects.
pub(super) fn request(dir: &ImageFolder, key: &Key) -> Option<ImageRequest> {
    dir.path_of(key.as_str())?.parse().ok()
}
