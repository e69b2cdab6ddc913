//! The IIIF specification as pure code: no pixels, no input or output, no async.
//!
//! [`Plan`] is the heart: from the size of an image alone it says every object that publishing it will store.

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
pub use presentation::{
    Behavior, Canvas, Collection, Description, Dimensions, LanguageMap, Manifest, Member, Metadata, Picture, Service,
    ViewingDirection,
};
pub use pyramid::{Cell, MAX_LISTED_SIDE, Pyramid, PyramidError, PyramidShape, Rendering, RoundedSizes, Thumbnail};
pub use request::{ImageRequest, NoRequest, RegionParameter, SizeParameter};
