//! Manifests and collections. A manifest presents images as the pages of an object, and a collection groups objects.
//!
//! These types don't depend on a version of the Presentation API. Each version has a module that serializes them, such as
//! `v3`. They only cover what's needed for publishing, and use the terms of [version
//! 3.0](https://iiif.io/api/presentation/3.0/).

mod facts;
mod link;
mod range;
mod v2;
mod v3;
mod version;

pub use facts::{NavDate, Place};
pub use link::{Agent, Link, WebUrl};
pub(crate) use range::contents;
pub use range::{Range, RangePath};
pub use version::{PresentationVersion, PresentationVersionError};

use super::geometry::Size;
use super::info::Rights;
use super::physical_scale::PhysicalScale;
use super::plan::ApiVersion;
use serde::{Deserialize, Serialize};

/// Language key for text in an unknown language.
const NO_LANGUAGE: &str = "none";

/// Text in one or more languages, each with one or more values ([4.2, Language of Property
/// Values](https://iiif.io/api/presentation/3.0/#language-of-property-values)).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LanguageMap(Vec<(String, Vec<String>)>);

impl LanguageMap {
    /// Creates a map with a single value. `language` is a BCP 47 tag, or `None` if the language is unknown.
    #[must_use]
    pub(crate) fn new(language: Option<&str>, text: impl Into<String>) -> Self {
        let mut map = Self::default();
        map.add(language, text);
        map
    }

    /// Adds a value in the given language.
    pub(crate) fn add(&mut self, language: Option<&str>, text: impl Into<String>) {
        let language = language.unwrap_or(NO_LANGUAGE);
        match self.0.iter_mut().find(|(known, _)| known == language) {
            Some((_, texts)) => texts.push(text.into()),
            None => self.0.push((language.to_owned(), vec![text.into()])),
        }
    }

    /// Returns the values in each language. An unknown language is `none`.
    pub(crate) fn languages(&self) -> impl Iterator<Item = (&str, &[String])> {
        self.0.iter().map(|(language, texts)| (language.as_str(), texts.as_slice()))
    }

    /// Returns `true` if the map is empty.
    #[must_use]
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// A label and value, such as `Date` and `1642`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metadata {
    /// Field name.
    pub label: LanguageMap,
    /// Field value.
    pub value: LanguageMap,
}

/// Descriptive properties of an object or page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Description {
    /// Title.
    pub label: LanguageMap,
    /// Summary in a sentence or two.
    pub summary: LanguageMap,
    /// Labels and values, in display order.
    pub metadata: Vec<Metadata>,
    /// License or rights statement.
    pub rights: Option<Rights>,
    /// Attribution that viewers are required to show.
    pub attribution: Option<Metadata>,
    /// Viewing direction. Viewers default to left to right.
    pub viewing_direction: Option<ViewingDirection>,
    /// Display behavior. Defaults to [`Behavior::Paged`] if there is more than one page.
    pub behavior: Option<Behavior>,
    /// Web pages about the object.
    pub homepage: Vec<Link>,
    /// Machine-readable descriptions of the object.
    pub see_also: Vec<Link>,
    /// Other forms of the object, such as a PDF file.
    pub rendering: Vec<Link>,
    /// Organizations and people that provide the object.
    pub provider: Vec<Agent>,
    /// Date to show on timelines.
    pub nav_date: Option<NavDate>,
    /// Place to show on maps.
    pub nav_place: Option<Place>,
    /// Alternative text for people who can't see the page.
    pub alt: LanguageMap,
    /// Table of contents entries that the page belongs to.
    pub ranges: Vec<RangePath>,
}

/// Order in which pages are displayed ([viewingDirection](https://iiif.io/api/presentation/3.0/#viewingdirection)).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ViewingDirection {
    /// Left to right, as in Latin script.
    LeftToRight,
    /// Right to left, as in Hebrew and Arabic script.
    RightToLeft,
    /// Top to bottom, as on a hanging scroll.
    TopToBottom,
    /// Bottom to top.
    BottomToTop,
}

impl ViewingDirection {
    const ALL: [Self; 4] = [Self::LeftToRight, Self::RightToLeft, Self::TopToBottom, Self::BottomToTop];

    /// Returns the value used in manifests.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::LeftToRight => "left-to-right",
            Self::RightToLeft => "right-to-left",
            Self::TopToBottom => "top-to-bottom",
            Self::BottomToTop => "bottom-to-top",
        }
    }

    /// Parses a value used in manifests. Returns `None` if it's invalid.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|direction| direction.as_str() == text)
    }
}

/// Display behavior for a sequence of pages ([behavior](https://iiif.io/api/presentation/3.0/#behavior)).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Behavior {
    /// Book pages, shown two at a time.
    Paged,
    /// Parts of a single image, such as a scroll.
    Continuous,
    /// Separate views of an object, such as different sides of a statue.
    Individuals,
    /// Pages in no particular order.
    Unordered,
}

/// Type of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Manifest,
    Collection,
}

/// A JPEG image with its own URI.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    id: String,
    size: Size,
    service: Option<Service>,
}

impl Picture {
    /// Creates a JPEG image resource.
    #[must_use]
    pub(crate) fn new(id: String, size: Size) -> Self {
        Self { id, size, service: None }
    }

    /// Returns the URI.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// Replaces the URI.
    #[must_use]
    pub(crate) fn with_id(self, id: String) -> Self {
        Self { id, ..self }
    }

    /// Removes the image service.
    #[must_use]
    pub(crate) fn without_service(self) -> Self {
        Self { service: None, ..self }
    }

    /// Adds an image service, which lets viewers zoom.
    #[must_use]
    pub(crate) fn of(self, service: Service) -> Self {
        Self { service: Some(service), ..self }
    }
}

/// A Level 0 image service referenced by a manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// Version of the Image API.
    version: ApiVersion,
    /// Base URI.
    id: String,
    /// Sizes listed in `info.json`.
    sizes: Vec<Size>,
}

impl Service {
    /// Creates a service for the image with the given base URI. `id` must not have a trailing slash.
    #[must_use]
    pub(crate) fn new(version: ApiVersion, id: String, sizes: impl IntoIterator<Item = Size>) -> Self {
        Self { version, id, sizes: sizes.into_iter().collect() }
    }
}

/// A page, represented by a canvas with a single image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Canvas {
    id: String,
    label: LanguageMap,
    /// Alternative text, which may be empty.
    summary: LanguageMap,
    size: Size,
    thumbnail: Picture,
    body: Picture,
    scale: Option<PhysicalScale>,
}

impl Canvas {
    /// Creates a canvas with a single image, which may be smaller than the canvas. `size` is in pixels.
    #[must_use]
    pub(crate) fn new(id: String, label: LanguageMap, size: Size, thumbnail: Picture, body: Picture) -> Self {
        Self { id, label, summary: LanguageMap::default(), size, thumbnail, body, scale: None }
    }

    /// Adds alternative text for people who can't see the image.
    #[must_use]
    pub(crate) fn with_alternative(self, summary: LanguageMap) -> Self {
        Self { summary, ..self }
    }

    /// Sets the physical size of the canvas's pixels, if known.
    #[must_use]
    pub(crate) fn measured(self, scale: Option<PhysicalScale>) -> Self {
        Self { scale, ..self }
    }
}

/// A canvas, as a stored manifest describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StoredCanvas {
    pub(crate) id: String,
    /// First value of the label, in any language.
    pub(crate) label: Option<String>,
    pub(crate) size: Size,
    pub(crate) scale: Option<PhysicalScale>,
    /// Base URI of the image, if it has an image service.
    pub(crate) base_uri: Option<String>,
    /// Table of contents entries that list the canvas, in table of contents order.
    pub(crate) ranges: Vec<RangePath>,
}

/// A manifest, which describes an object and lists its pages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    id: String,
    description: Description,
    thumbnail: Picture,
    /// Index of the page to show first, if it isn't the first page.
    start: Option<usize>,
    items: Vec<Canvas>,
    contents: Vec<Range>,
}

impl Manifest {
    /// Creates a manifest. Returns `None` if there are no pages.
    #[must_use]
    pub(crate) fn new(id: String, mut description: Description, items: Vec<Canvas>) -> Option<Self> {
        let thumbnail = items.first()?.thumbnail.clone();
        let book = (items.len() > 1).then_some(Behavior::Paged);
        description.behavior = description.behavior.or(book);
        Some(Self { id, description, thumbnail, start: None, items, contents: Vec::new() })
    }

    /// Sets the index of the page to show first. Does nothing if the index is out of range.
    #[must_use]
    pub(crate) fn starting_at(self, page: Option<usize>) -> Self {
        Self { start: page.filter(|page| *page < self.items.len()), ..self }
    }

    /// Adds a table of contents.
    #[must_use]
    pub(crate) fn with_contents(self, contents: Vec<Range>) -> Self {
        Self { contents, ..self }
    }

    /// Uses the thumbnail of the page at this index. Keeps the current thumbnail if the index is out of range.
    #[must_use]
    pub(crate) fn shown_by(self, page: usize) -> Self {
        let thumbnail = self.items.get(page).map_or(self.thumbnail, |canvas| canvas.thumbnail.clone());
        Self { thumbnail, ..self }
    }

    /// Serializes the manifest as JSON with a trailing newline.
    #[must_use]
    pub(crate) fn to_json(&self, version: PresentationVersion) -> String {
        version.manifest_json(self)
    }
}

/// An entry in a collection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    id: String,
    kind: Kind,
    label: LanguageMap,
    thumbnail: Option<Picture>,
}

impl Member {
    /// Creates an entry for a manifest.
    #[must_use]
    pub(crate) fn manifest(id: String, label: LanguageMap) -> Self {
        Self { id, kind: Kind::Manifest, label, thumbnail: None }
    }

    /// Returns the ID.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// Adds a thumbnail.
    #[must_use]
    pub(crate) fn with_thumbnail(self, thumbnail: Option<Picture>) -> Self {
        Self { thumbnail, ..self }
    }

    /// Creates an entry for a nested collection.
    #[must_use]
    pub(crate) fn collection(id: String, label: LanguageMap) -> Self {
        Self { id, kind: Kind::Collection, label, thumbnail: None }
    }
}

/// A list of manifests and nested collections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Collection {
    id: String,
    label: LanguageMap,
    items: Vec<Member>,
}

impl Collection {
    /// Creates a collection. The order of items is preserved.
    #[must_use]
    pub(crate) fn new(id: String, label: LanguageMap, items: Vec<Member>) -> Self {
        Self { id, label, items }
    }

    /// Returns the IDs of the items.
    pub(crate) fn items(&self) -> impl Iterator<Item = &str> {
        self.items.iter().map(|item| item.id.as_str())
    }

    /// Adds thumbnails to items. `of` returns the thumbnail for an item's ID.
    #[must_use]
    pub(crate) fn with_thumbnails(self, of: impl Fn(&str) -> Option<Picture>) -> Self {
        let items = self.items.into_iter().map(|item| {
            let thumbnail = of(&item.id);
            item.with_thumbnail(thumbnail)
        });
        Self { items: items.collect(), ..self }
    }

    /// Serializes the collection as JSON with a trailing newline.
    #[must_use]
    pub(crate) fn to_json(&self, version: PresentationVersion) -> String {
        version.collection_json(self)
    }
}
