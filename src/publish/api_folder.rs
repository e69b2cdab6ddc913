//! The folder of an image in one version of the Image API.

use crate::iiif::Plan;
use crate::store::ImageFolder;

/// The folder of an image in one version of the Image API.
#[derive(Clone, Debug)]
pub(super) struct ApiFolder {
    pub(super) plan: Plan,
    /// The folder of the objects.
    pub(super) dir: ImageFolder,
    /// The URL of that folder, which is the id of the image information in it.
    pub(super) base_uri: String,
    /// The folder above, if each version of the image has a folder of its own. Its `info.json` is that of the current version.
    pub(super) parent: Option<ImageFolder>,
}

impl ApiFolder {
    /// Returns the folder of the `info.json` that viewers are given.
    pub(super) fn current_dir(&self) -> &ImageFolder {
        self.parent.as_ref().unwrap_or(&self.dir)
    }

    /// Returns the URL of [`current_dir`](Self::current_dir).
    pub(super) fn current_uri(&self) -> &str {
        match (&self.parent, self.base_uri.rsplit_once('/')) {
            (Some(_), Some((parent, _))) => parent,
            _ => &self.base_uri,
        }
    }
}
