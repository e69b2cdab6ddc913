//! The images to publish in a run.

use super::IngestError;
use crate::collection::{EmptyFolder, Input, InputError, Page, Shard};
use crate::destination::{Destination, Identifier};

/// Input for a run. Tracks signs of an incomplete input along with the images, because pruning based on an incomplete
/// input would delete images that still exist.
#[derive(Debug)]
pub struct IngestInput {
    pages: Vec<Page>,
    unread: Vec<InputError>,
    pub(super) empty_folders: Vec<EmptyFolder>,
    pub(super) hidden_rows: u64,
    pub(super) missing_files: u64,
}

impl IngestInput {
    /// Creates the input for a run from `input`.
    ///
    /// # Errors
    /// Returns an error if two images have the same identifier.
    pub fn new(input: Input) -> Result<Self, InputError> {
        let empty_folders = input.empty_folders();
        let (hidden_rows, missing_files) = (input.hidden_rows(), input.missing_files());
        let (pages, unread) = input.into_pages()?;
        Ok(Self { pages, unread, empty_folders, hidden_rows, missing_files })
    }

    /// Returns all images.
    #[must_use]
    pub fn pages(&self) -> &[Page] {
        &self.pages
    }

    /// Returns the images in a shard.
    #[must_use]
    pub fn pages_of(&self, shard: Shard) -> Vec<&Page> {
        self.pages.iter().filter(|page| shard.has(&page.object)).collect()
    }

    /// Returns errors for the parts of the input that couldn't be read. Images may be missing because of them.
    #[must_use]
    pub fn unread(&self) -> &[InputError] {
        &self.unread
    }

    /// Returns `true` if every image that could have been published before is present. Files with invalid identifiers
    /// don't count because they can't have been published.
    pub(super) fn is_complete(&self) -> bool {
        self.unread.iter().all(|error| matches!(error, InputError::Identifier { .. }))
    }

    /// Returns an error if an image's identifier would place its objects in a folder reserved for manifests or
    /// collections.
    pub(super) fn check_identifiers(&self, destination: &Destination) -> Result<(), IngestError> {
        let reserved =
            |page: &Page| Some((page.identifier.clone(), destination.reserved_name(&page.identifier)?.to_owned()));
        match self.pages.iter().find_map(reserved) {
            Some((identifier, folder)) => Err(IngestError::ReservedIdentifier { identifier, folder }),
            None => Ok(()),
        }
    }

    /// Returns an error if an image's identifier would place its objects in this document folder.
    pub(super) fn check_folder(&self, destination: &Destination, folder: &str) -> Result<(), IngestError> {
        let page = self.pages.iter().find(|page| destination.may_collide_with(folder, &page.identifier));
        match page {
            Some(page) => {
                Err(IngestError::ReservedIdentifier { identifier: page.identifier.clone(), folder: folder.to_owned() })
            }
            None => Ok(()),
        }
    }

    /// Returns an error if an image or object identifier would collide with a site's files.
    pub(super) fn check_identifiers_for_site(&self, destination: &Destination) -> Result<(), IngestError> {
        let identifiers = self.pages.iter().flat_map(|page| [&page.identifier, &page.object]);
        let reserved = |identifier: &Identifier| {
            Some((identifier.clone(), destination.name_reserved_for_site(identifier)?.to_owned()))
        };
        match identifiers.into_iter().find_map(reserved) {
            Some((identifier, name)) => Err(IngestError::ReservedForSite { identifier, name }),
            None => Ok(()),
        }
    }
}
