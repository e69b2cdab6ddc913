//! HTML pages that show published images in a browser.
//!
//! [`page`] renders a page, and [`Gallery`] keeps it up to date in a store.

mod embed;
mod gallery;
mod page;

pub use embed::embed_code;
pub use gallery::{Gallery, GalleryError, GalleryOutcome, KeptReason};
pub use page::{CONTENT_TYPE, PageImage, PageName, PageNameError, in_order, page};
pub(crate) use page::{OPENSEADRAGON, OPENSEADRAGON_LICENSE};
