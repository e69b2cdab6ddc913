//! A website for a collection, which is stored beside its images: a page with all objects, and a page for each of them.
//!
//! The pages are plain files that need no server. They work without JavaScript, and every link names its file, because
//! many stores don't have index documents. See [`SiteOptions`].

mod assets;
mod builder;
mod language;
mod links;
mod markup;
mod object;
mod options;
mod page;
mod rights;
mod search;
mod texts;
mod value;
mod writer;

pub(crate) use builder::{SiteBuilder, SiteCounts};
pub(crate) use object::{SiteImage, SiteObject};
pub use options::{Color, Logo, SiteOptionError, SiteOptions};
pub use texts::{SiteLanguage, SiteLanguageError};
pub(crate) use writer::{SiteError, SiteWriter, is_ours};

/// Text in every file of a site, which identifies it as a work of this program. It has no version, because otherwise each
/// release would change all pages.
pub(crate) const GENERATOR: &str = "iiif-publish site";
