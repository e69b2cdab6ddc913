//! HTML pages that show published images in a browser.
//!
//! [`ViewerPage`] renders a page, and [`Gallery`] keeps it up to date in a store.

mod assets;
mod embed;
mod gallery;
mod image;
mod name;
mod page;

pub(crate) use assets::{OPENSEADRAGON, OPENSEADRAGON_LICENSE};
pub use embed::embed_code;
pub use gallery::{Gallery, GalleryError, GalleryOutcome};
pub use image::{PageImage, in_order};
pub use name::{PageName, PageNameError};
pub use page::{CONTENT_TYPE, ViewerPage};
