//! A website for a collection, stored next to its images. It has a list of all objects and a page for each object.
//!
//! The pages are plain files, so they don't need a server. They work without JavaScript. Every link includes the file
//! name, because many stores don't support index documents. See [`SiteOptions`].

mod assets;
mod builder;
mod date;
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
pub(crate) use links::object_path;
pub(crate) use object::{SiteImage, SiteObject};
pub use options::{Color, Logo, SiteOptionError, SiteOptions};
pub use texts::{SiteLanguage, SiteLanguageError};
pub(crate) use writer::{SiteError, SiteWriter, is_ours};

/// Marker included in every file of a site to show that this program wrote it. It doesn't include a version, because
/// then every release would change all pages.
pub(crate) const GENERATOR: &str = "iiif-publish site";
