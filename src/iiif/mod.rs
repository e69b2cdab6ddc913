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
pub use presentation::{
    Behavior, Canvas, Collection, Description, Dimensions, LanguageMap, Manifest, Member, Metadata, Picture,
    PresentationVersion, PresentationVersionError, Service, ViewingDirection,
};
pub use pyramid::{Cell, MAX_LISTED_SIDE, Pyramid, PyramidError, PyramidShape, Rendering, RoundedSizes, Thumbnail};
pub use request::{ImageRequest, NoRequest, RegionParameter, SizeParameter};
