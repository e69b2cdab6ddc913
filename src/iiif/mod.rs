//! The IIIF specifications as pure code: no pixels, no I/O, no async.
//!
//! [`Plan`] is the core. It derives every object that publishing an image stores from the size of the image alone.

mod document;
mod estimate;
mod format;
mod geometry;
mod info;
mod plan;
mod presentation;
mod pyramid;
mod request;

pub(crate) use document::ImageDocument;
pub use format::{Format, Formats};
pub use geometry::{GeometryError, Region, ScaleFactor, Size};
pub use info::{ImageInformation, ImageInformationError, Rights};
pub use plan::{ApiVersion, Plan};
pub(crate) use presentation::{
    Canvas, Collection, Description, LanguageMap, Manifest, Member, Metadata, Picture, Service,
};
pub use presentation::{PresentationVersion, PresentationVersionError};
pub use pyramid::{Cell, Pyramid, PyramidError, PyramidShape, Rendering, RoundedSizes, Thumbnail};
pub use request::{ImageRequest, NoRequest, RegionParameter, SizeParameter};
