//! Pure implementation of the IIIF specifications, with no pixels, I/O or async code.
//!
//! [`Plan`] is the core type. It works out every object to publish from the image size alone.

pub(crate) mod discovery;
mod document;
mod estimate;
mod format;
mod geometry;
mod info;
mod physical_scale;
mod plan;
mod presentation;
mod pyramid;
mod request;

pub(crate) use discovery::{Activity, ActivityKind, Timestamp};
pub(crate) use document::ImageDocument;
pub use format::{Format, Formats};
pub use geometry::{GeometryError, Region, ScaleFactor, Size};
pub use info::{ImageInformation, ImageInformationError, Rights};
pub use physical_scale::{LengthUnit, PhysicalScale};
pub use plan::{ApiVersion, Plan};
pub(crate) use presentation::{
    Agent, Behavior, Canvas, Collection, Description, LanguageMap, Link, Manifest, Member, Metadata, NavDate, Picture,
    Range, RangePath, Service, StoredCanvas, ViewingDirection, WebUrl, contents,
};
pub use presentation::{PresentationVersion, PresentationVersionError};
pub use pyramid::{Cell, Pyramid, PyramidError, PyramidShape, Rendering, RoundedSizes, Thumbnail};
pub use request::{ImageRequest, NoRequest, RegionParameter, SizeParameter};
