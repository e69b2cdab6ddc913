//! Renders pages as HTML.

mod contents;
mod list;
mod object;
mod references;

pub(super) use list::Card;

use super::GENERATOR;
use super::assets::Assets;
use super::links::{Picture, Place, pictures};
use super::markup::{Markup, setting_text};
use super::object::{SiteImage, SiteObject};
use super::options::SiteOptions;
use super::texts::Texts;
use super::value::{Value, title, values};
use crate::destination::Destination;
use crate::iiif::PyramidShape;
use crate::store::KeyError;

/// Range for the longer side of pictures in the list, in pixels.
const LIST_SIDES: std::ops::RangeInclusive<u32> = 180..=1200;

/// Longer side of the picture shown until the viewer opens, in pixels.
const STILL_SIDE: u32 = 1200;

/// Maximum length of the description for search engines, in characters.
const MAX_DESCRIPTION: usize = 300;

/// Settings shared by all pages.
pub(super) struct Pages {
    pub(super) options: SiteOptions,
    pub(super) name: String,
    pub(super) assets: Assets,
    pub(super) destination: Destination,
    pub(super) shape: PyramidShape,
}

/// Parts that every page has.
struct Layout {
    title: String,
    heading: String,
    name: String,
    description: String,
    url: String,
    kind: &'static str,
    image: Option<OpenGraphImage>,
    data: Markup,
    root: String,
    stylesheet: String,
    script: String,
    logo: Option<String>,
    footer: Option<Markup>,
    policy: String,
    generator: &'static str,
}

struct OpenGraphImage {
    url: String,
    width: u32,
    height: u32,
}

/// A picture available in several sizes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Source {
    pub(super) src: String,
    pub(super) srcset: String,
    pub(super) sizes: String,
    pub(super) width: u32,
    pub(super) height: u32,
}

impl Pages {
    pub(super) fn texts(&self) -> &'static Texts {
        self.options.language.texts()
    }

    pub(super) fn language(&self) -> &'static str {
        self.options.language.as_str()
    }

    pub(super) fn title(&self, object: &SiteObject) -> Value {
        title(&object.description.label, self.language(), object.identifier.as_str())
    }

    /// Returns a column's values as text.
    pub(super) fn column(&self, object: &SiteObject, column: &str) -> Vec<String> {
        let is_column = |label: &str| {
            label.eq_ignore_ascii_case(column.trim()) || label.to_lowercase() == column.trim().to_lowercase()
        };
        let entries = object.description.metadata.iter();
        let entry =
            entries.filter(|entry| entry.label.languages().any(|(_, texts)| texts.iter().any(|text| is_column(text))));
        entry
            .flat_map(|entry| values(&entry.value, self.language()))
            .map(|value| value.text)
            .filter(|text| !text.is_empty())
            .collect()
    }

    /// Returns the caption shown below an object's title.
    pub(super) fn caption(&self, object: &SiteObject) -> Option<String> {
        let columns = self.options.captions.iter().flat_map(|column| self.column(object, column));
        Some(columns.collect::<Vec<_>>().join(", ")).filter(|caption| !caption.is_empty())
    }

    /// Returns the sizes of an image that are suitable for the list.
    pub(super) fn list_pictures(&self, image: &SiteImage) -> Vec<Picture> {
        let all = pictures(image.size, self.shape);
        let fitting: Vec<Picture> =
            all.iter().filter(|picture| LIST_SIDES.contains(&picture.size.longer_side())).cloned().collect();
        if fitting.is_empty() { all.into_iter().take(1).collect() } else { fitting }
    }

    /// Returns the picture that other sites show when they link to the object.
    fn preview(&self, object: &SiteObject) -> Option<OpenGraphImage> {
        let image = object.shown()?;
        let all = pictures(image.size, self.shape);
        let picture = all.iter().find(|picture| picture.size.longer_side() >= STILL_SIDE / 2).or(all.last())?;
        let (width, height) = (picture.size.width(), picture.size.height());
        Some(OpenGraphImage { url: format!("{}/{}", image.base_uri, picture.path), width, height })
    }

    fn url(&self, path: &str) -> String {
        self.destination.document(path).map(|address| address.url).unwrap_or_default()
    }

    /// Returns the site's description as plain text for search engines.
    fn introduction_text(&self) -> Option<String> {
        self.options.description.as_deref().map(|text| shortened(&setting_text(text)))
    }

    fn layout(&self, place: &Place, path: &str, heading: String, kind: &'static str) -> Result<Layout, KeyError> {
        let title =
            if kind == "website" { heading.clone() } else { format!("{} – {}", shortened(&heading), self.name) };
        Ok(Layout {
            title,
            name: self.name.clone(),
            description: String::new(),
            url: self.destination.document(path)?.url,
            kind,
            image: None,
            data: Markup::default(),
            root: place.root().to_owned(),
            stylesheet: place.link(&self.assets.stylesheet.path),
            script: place.link(&self.assets.script.path),
            logo: self.assets.logo_link(place),
            footer: self.options.footer.as_deref().map(Markup::of_setting),
            policy: self.assets.policy.clone(),
            generator: GENERATOR,
            heading,
        })
    }
}

/// Returns a picture's sources. Browsers without `srcset` support load `shown`.
fn source(base: &str, pictures: &[Picture], sizes: String, shown: Option<&Picture>) -> Source {
    let all: Vec<String> =
        pictures.iter().map(|picture| format!("{base}/{} {}w", picture.path, picture.size.width())).collect();
    let Some(shown) = shown else { return Source::default() };
    let (width, height) = (shown.size.width(), shown.size.height());
    Source { src: format!("{base}/{}", shown.path), srcset: all.join(", "), sizes, width, height }
}

/// Shortens text to [`MAX_DESCRIPTION`] characters.
fn shortened(text: &str) -> String {
    match text.char_indices().nth(MAX_DESCRIPTION) {
        Some((end, _)) => format!("{}…", text[..end].trim_end()),
        None => text.to_owned(),
    }
}
