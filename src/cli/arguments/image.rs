//! Levels, formats and encoding of an image.

use super::encoding::EncodingArguments;
use super::limits::LimitArguments;
use super::shape::{Cap, ShapeArguments};
use clap::Args;
use iiif_publish::destination::PublicUrl;
use iiif_publish::encode::JpegOptions;
use iiif_publish::iiif::{PyramidError, PyramidShape};
use iiif_publish::publish::{Options, Versions};
use iiif_publish::source::ReadOptions;
use std::num::NonZeroUsize;

#[derive(Debug, Args)]
pub(crate) struct ImageArguments {
    #[command(flatten)]
    shape: ShapeArguments,
    #[command(flatten)]
    encoding: EncodingArguments,
}

impl ImageArguments {
    pub(crate) fn shape(&self) -> Result<PyramidShape, PyramidError> {
        self.shape.shape(Cap::Configured)
    }

    /// Returns the shape without a limit of the longest side of full/max.
    pub(super) fn uncapped_shape(&self) -> Result<PyramidShape, PyramidError> {
        self.shape.shape(Cap::None)
    }

    pub(crate) fn versions(&self) -> Versions {
        self.shape.versions()
    }

    pub(crate) fn read(&self) -> ReadOptions {
        self.encoding.read()
    }

    pub(crate) fn jpeg(&self) -> JpegOptions {
        self.encoding.jpeg()
    }

    pub(crate) fn jobs(&self) -> NonZeroUsize {
        self.encoding.jobs()
    }

    pub(crate) fn limits(&self) -> &LimitArguments {
        &self.encoding.limits
    }

    /// Returns the options of publishing images of this shape.
    pub(crate) fn options(&self, shape: PyramidShape, public_url: PublicUrl) -> Options {
        Options {
            shape,
            versions: self.versions(),
            read: self.read(),
            jpeg: self.jpeg(),
            rights: self.encoding.rights.clone(),
            jobs: self.jobs(),
            max_memory_bytes: self.limits().max_memory_bytes(),
            max_objects: self.limits().max_objects,
            ..Options::new(public_url)
        }
    }
}
