//! Folder that holds an image's objects for one Image API version.

use crate::destination::{ImageAddress, ImageFolder};
use crate::iiif::Plan;

/// Folder that holds an image's objects for one Image API version.
#[derive(Clone, Debug)]
pub(super) struct ApiFolder {
    pub(super) plan: Plan,
    /// Address where the image's objects are stored.
    objects: ImageAddress,
    /// Parent address, if each version of the image has its own folder. The `info.json` there describes the current
    /// version.
    parent: Option<ImageAddress>,
}

impl ApiFolder {
    /// Creates a folder for the objects at `objects`. `parent` is the address one level up if versions have their own
    /// folders.
    pub(super) fn new(plan: Plan, objects: ImageAddress, parent: Option<ImageAddress>) -> Self {
        Self { plan, objects, parent }
    }

    /// Returns the address of the image's objects. Its base URI is the `id` in `info.json`.
    pub(super) fn objects(&self) -> &ImageAddress {
        &self.objects
    }

    /// Returns the folder that holds the objects.
    pub(super) fn dir(&self) -> &ImageFolder {
        self.objects.folder()
    }

    /// Returns the image's own address if each of its versions has a separate folder.
    pub(super) fn parent(&self) -> Option<&ImageAddress> {
        self.parent.as_ref()
    }

    /// Returns the address of the `info.json` that viewers load.
    pub(super) fn current(&self) -> &ImageAddress {
        self.parent.as_ref().unwrap_or(&self.objects)
    }

    /// Returns the folder of the `info.json` that viewers load.
    pub(super) fn current_dir(&self) -> &ImageFolder {
        self.current().folder()
    }
}
