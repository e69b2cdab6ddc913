//! The images of a run.

use super::IngestError;
use crate::collection::{EmptyFolder, Input, InputError, Page, Shard};
use crate::destination::Destination;

/// The input of a run: its images, and what is known about their completeness, which decides if images may be deleted.
#[derive(Debug)]
pub struct IngestInput {
    pages: Vec<Page>,
    unread: Vec<InputError>,
    pub(super) empty_folders: Vec<EmptyFolder>,
    pub(super) hidden_rows: u64,
    pub(super) missing_files: u64,
}

impl IngestInput {
    /// Takes the images of an input.
    ///
    /// # Errors
    /// If two images have the same identifier.
    pub fn new(input: Input) -> Result<Self, InputError> {
        let empty_folders = input.empty_folders().to_vec();
        let (hidden_rows, missing_files) = (input.hidden_rows(), input.missing_files());
        let (pages, unread) = input.into_pages()?;
        Ok(Self { pages, unread, empty_folders, hidden_rows, missing_files })
    }

    /// Returns all images.
    #[must_use]
    pub fn pages(&self) -> &[Page] {
        &self.pages
    }

    /// Returns the images of a shard.
    #[must_use]
    pub fn pages_of(&self, shard: Shard) -> Vec<&Page> {
        self.pages.iter().filter(|page| shard.has(&page.object)).collect()
    }

    /// Returns the parts of the input that could not be read. Images may be missing because of them.
    #[must_use]
    pub fn unread(&self) -> &[InputError] {
        &self.unread
    }

    /// Returns `true` if no image is missing that may have been published before. A file without an identifier never was.
    pub(super) fn is_complete(&self) -> bool {
        self.unread.iter().all(|error| matches!(error, InputError::Identifier { .. }))
    }

    /// Refuses identifiers that would put the objects of an image where the manifests and the collection are.
    pub(super) fn check_identifiers(&self, destination: &Destination) -> Result<(), IngestError> {
        let reserved =
            |page: &Page| Some((page.identifier.clone(), destination.reserved_name(&page.identifier)?.to_owned()));
        match self.pages.iter().find_map(reserved) {
            Some((identifier, folder)) => Err(IngestError::ReservedIdentifier { identifier, folder }),
            None => Ok(()),
        }
    }
}
