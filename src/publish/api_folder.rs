//! The folder of an image in one version of the Image API.

use crate::destination::{ImageAddress, ImageFolder};
use crate::iiif::Plan;

/// The folder of an image in one version of the Image API.
#[derive(Clone, Debug)]
pub(super) struct ApiFolder {
    pub(super) plan: Plan,
    /// The address of the objects.
    objects: ImageAddress,
    /// The address above, if each version of the image has a folder of its own. Its `info.json` is that of the current version.
    parent: Option<ImageAddress>,
}

impl ApiFolder {
    /// Creates the folder of the objects at `objects`. `parent` is the address above if these are of a version.
    pub(super) fn new(plan: Plan, objects: ImageAddress, parent: Option<ImageAddress>) -> Self {
        Self { plan, objects, parent }
    }

    /// Returns the address of the objects. Its base URI is the id of the image information in it.
    pub(super) fn objects(&self) -> &ImageAddress {
        &self.objects
    }

    /// Returns the folder of the objects.
    pub(super) fn dir(&self) -> &ImageFolder {
        self.objects.folder()
    }

    /// Returns the address of the image, if each of its versions has a folder of its own.
    pub(super) fn parent(&self) -> Option<&ImageAddress> {
        self.parent.as_ref()
    }

    /// Returns the address of the `info.json` that viewers are given.
    pub(super) fn current(&self) -> &ImageAddress {
        self.parent.as_ref().unwrap_or(&self.objects)
    }

    /// Returns the folder of the `info.json` that viewers are given.
    pub(super) fn current_dir(&self) -> &ImageFolder {
        self.current().folder()
    }
}
