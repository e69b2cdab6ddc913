//! Options for an image's levels, formats and encoding.

use super::encoding::EncodingArguments;
use super::shape::{Cap, ShapeArguments};
use clap::Args;
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
