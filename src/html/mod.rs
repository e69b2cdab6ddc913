//! The page beside the images that shows them in a browser.
//!
//! [`page`] writes it, and [`Gallery`] keeps one in a store up to date.

mod gallery;
mod page;

pub use gallery::{Gallery, GalleryError, GalleryOutcome, KeptReason};
pub use page::{CONTENT_TYPE, PageImage, PageName, PageNameError, in_order, page};
