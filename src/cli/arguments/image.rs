//! Options for an image's levels, formats and encoding.

use super::encoding::EncodingArguments;
use super::shape::{Cap, ShapeArguments};
use crate::cli::error::Fatal;
use crate::cli::exit::Exit;
use clap::Args;
use iiif_publish::collection::PageSelection;
use iiif_publish::destination::PublicUrl;
use iiif_publish::iiif::{PyramidError, PyramidShape};
use iiif_publish::publish::{Options, OptionsBuilder};
use std::num::NonZeroUsize;

#[derive(Debug, Args)]
pub(crate) struct ImageArguments {
    #[command(flatten)]
    shape: ShapeArguments,
    #[command(flatten)]
    encoding: EncodingArguments,
}

impl ImageArguments {
    /// Returns the number of threads for CPU work, which also limits the threads for requests.
    pub(crate) fn jobs(&self) -> NonZeroUsize {
        self.encoding.jobs()
    }

    /// Returns the pages to publish from files with several pages.
    pub(crate) fn pages(&self) -> PageSelection {
        self.encoding.pages.unwrap_or_default()
    }

    /// Checks that only one page is selected.
    pub(crate) fn check_one_page(&self) -> Result<(), Fatal> {
        match self.pages() {
            PageSelection::Auto | PageSelection::One(_) => Ok(()),
            pages => Err(Fatal::new(
                Exit::Usage,
                format!("this command shows one page of a file, not `--pages {pages}`"),
                "choose a page, for example with `--pages 1`",
            )),
        }
    }

    pub(crate) fn shape(&self) -> Result<PyramidShape, PyramidError> {
        self.shape.shape(Cap::Configured)
    }

    /// Returns the pyramid shape without a size limit for `full/max`.
    pub(super) fn uncapped_shape(&self) -> Result<PyramidShape, PyramidError> {
        self.shape.shape(Cap::None)
    }

    /// Returns a builder for publishing options with this pyramid shape.
    pub(crate) fn options(&self, shape: PyramidShape, public_url: PublicUrl) -> OptionsBuilder {
        let limits = &self.encoding.limits;
        Options::builder(public_url)
            .shape(shape)
            .versions(self.shape.versions())
            .read(self.encoding.read())
            .jpeg(self.encoding.jpeg())
            .rights(self.encoding.rights.clone())
            .jobs(self.encoding.jobs().get())
            .max_memory_bytes(limits.max_memory_bytes())
            .max_objects(limits.max_objects)
    }
}
