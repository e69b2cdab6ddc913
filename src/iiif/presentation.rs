//! Manifests and collections: manifests present images as the pages of an object, collections group objects.
//!
//! The types cover the part of [Presentation API 3.0](https://iiif.io/api/presentation/3.0/) that this program writes.

mod version;

pub use version::{PresentationVersion, PresentationVersionError};

use super::geometry::Size;
use super::info::Rights;
use super::plan::ApiVersion;
use serde::{Deserialize, Serialize, Serializer};

const CONTEXT: &str = "http://iiif.io/api/presentation/3/context.json";

/// The language key of a text in an unknown language.
const NO_LANGUAGE: &str = "none";

/// A text in one or more languages, each with one or more values ([4.2, Language of Property
/// Values](https://iiif.io/api/presentation/3.0/#language-of-property-values)).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LanguageMap(Vec<(String, Vec<String>)>);

impl LanguageMap {
    /// Creates a map with one text. `language` is a BCP 47 tag, or `None` if the language is unknown.
    #[must_use]
    pub(crate) fn new(language: Option<&str>, text: impl Into<String>) -> Self {
        let mut map = Self::default();
        map.add(language, text);
        map
    }

    /// Adds a text.
    pub(crate) fn add(&mut self, language: Option<&str>, text: impl Into<String>) {
        let language = language.unwrap_or(NO_LANGUAGE);
        match self.0.iter_mut().find(|(known, _)| known == language) {
            Some((_, texts)) => texts.push(text.into()),
            None => self.0.push((language.to_owned(), vec![text.into()])),
        }
    }

    /// Returns `true` if the map has no text.
    #[must_use]
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Serialize for LanguageMap {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(language, texts)| (language, texts)))
    }
}

/// A label and a value, such as `Date` and `1642`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Metadata {
    /// The name of the field.
    pub label: LanguageMap,
    /// The value of the field.
    pub value: LanguageMap,
}

/// The descriptive properties of an object or a page.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Description {
    /// The title.
    pub label: LanguageMap,
    /// A summary of a sentence or two.
    #[serde(skip_serializing_if = "LanguageMap::is_empty")]
    pub summary: LanguageMap,
    /// Labels and values, in display order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub metadata: Vec<Metadata>,
    /// The license or rights statement.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rights: Option<Rights>,
    /// The required attribution.
    #[serde(rename = "requiredStatement", skip_serializing_if = "Option::is_none")]
    pub attribution: Option<Metadata>,
    /// The viewing direction. Viewers default to left to right.
    #[serde(rename = "viewingDirection", skip_serializing_if = "Option::is_none")]
    pub viewing_direction: Option<ViewingDirection>,
    /// The behavior. The default for several pages is [`Behavior::Paged`].
    #[serde(skip)]
    pub behavior: Option<Behavior>,
}

/// The direction of the page order ([viewingDirection](https://iiif.io/api/presentation/3.0/#viewingdirection)).
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

/// The relation of pages to each other ([behavior](https://iiif.io/api/presentation/3.0/#behavior)).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Behavior {
    /// Pages of a book, shown two at a time.
    Paged,
    /// Parts of one image, such as a scroll.
    Continuous,
    /// Separate views of one thing, such as the sides of a statue.
    Individuals,
    /// Pages without an order.
    Unordered,
}

/// An image resource with its own URI.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Picture {
    id: String,
    #[serde(rename = "type")]
    kind: &'static str,
    format: &'static str,
    width: u32,
    height: u32,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    service: Vec<Service>,
}

impl Picture {
    /// Creates a JPEG image resource of this size, in pixels.
    #[must_use]
    pub(crate) fn new(id: String, size: Size) -> Self {
        let (width, height) = (size.width(), size.height());
        Self { id, kind: "Image", format: "image/jpeg", width, height, service: Vec::new() }
    }

    /// Adds the image service, which lets viewers zoom.
    #[must_use]
    pub(crate) fn of(self, service: Service) -> Self {
        Self { service: vec![service], ..self }
    }
}

/// An image service, as referenced by a manifest. It has no width and height, because Mirador would then request
/// `full//0/default.jpg`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Service {
    /// A service of Image API 3.
    V3 {
        /// The base URI.
        id: String,
        /// `ImageService3`
        #[serde(rename = "type")]
        kind: &'static str,
        /// `level0`
        profile: &'static str,
        /// The sizes that its `info.json` lists.
        sizes: Vec<Dimensions>,
    },
    /// A service of Image API 2.
    V2 {
        /// The base URI.
        #[serde(rename = "@id")]
        id: String,
        /// `ImageService2`
        #[serde(rename = "@type")]
        kind: &'static str,
        /// The URI of Level 0.
        profile: &'static str,
        /// The sizes that its `info.json` lists.
        sizes: Vec<Dimensions>,
    },
}

impl Service {
    /// Creates the service of the image with this base URI. `id` has no trailing slash.
    #[must_use]
    pub(crate) fn new(version: ApiVersion, id: String, sizes: impl IntoIterator<Item = Size>) -> Self {
        let sizes = sizes.into_iter().map(Dimensions::from).collect();
        match version {
            ApiVersion::V3 => Self::V3 { id, kind: "ImageService3", profile: "level0", sizes },
            ApiVersion::V2 => {
                Self::V2 { id, kind: "ImageService2", profile: "http://iiif.io/api/image/2/level0.json", sizes }
            }
        }
    }
}

/// A width and a height.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Dimensions {
    width: u32,
    height: u32,
}

impl From<Size> for Dimensions {
    fn from(size: Size) -> Self {
        Self { width: size.width(), height: size.height() }
    }
}

/// A page: one image on a canvas of its size.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Canvas {
    id: String,
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "LanguageMap::is_empty")]
    label: LanguageMap,
    width: u32,
    height: u32,
    thumbnail: [Picture; 1],
    items: [AnnotationPage; 1],
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct AnnotationPage {
    id: String,
    #[serde(rename = "type")]
    kind: &'static str,
    items: [Annotation; 1],
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Annotation {
    id: String,
    #[serde(rename = "type")]
    kind: &'static str,
    motivation: &'static str,
    body: Picture,
    target: String,
}

impl Canvas {
    /// Creates a canvas of `size` pixels with one painted image, which may be smaller than the canvas.
    ///
    /// The URIs of its parts are below the URI of the canvas.
    #[must_use]
    pub(crate) fn new(id: String, label: LanguageMap, size: Size, thumbnail: Picture, body: Picture) -> Self {
        let annotation = Annotation {
            id: format!("{id}/page/image"),
            kind: "Annotation",
            motivation: "painting",
            body,
            target: id.clone(),
        };
        let page = AnnotationPage { id: format!("{id}/page"), kind: "AnnotationPage", items: [annotation] };
        let (width, height) = (size.width(), size.height());
        Self { id, kind: "Canvas", label, width, height, thumbnail: [thumbnail], items: [page] }
    }
}

/// A manifest: an object with its pages and its description.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Manifest {
    #[serde(rename = "@context")]
    context: &'static str,
    id: String,
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(flatten)]
    description: Description,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    behavior: Vec<Behavior>,
    thumbnail: [Picture; 1],
    items: Vec<Canvas>,
}

impl Manifest {
    /// Creates a manifest; returns `None` if there are no pages.
    #[must_use]
    pub(crate) fn new(id: String, description: Description, items: Vec<Canvas>) -> Option<Self> {
        let thumbnail = items.first()?.thumbnail.clone();
        let book = (items.len() > 1).then_some(Behavior::Paged);
        let behavior = description.behavior.or(book).into_iter().collect();
        Some(Self { context: CONTEXT, id, kind: "Manifest", description, behavior, thumbnail, items })
    }

    /// Uses the thumbnail of the page with this index. Keeps the current thumbnail if there is no such page.
    #[must_use]
    pub(crate) fn shown_by(self, page: usize) -> Self {
        let thumbnail = self.items.get(page).map_or(self.thumbnail, |canvas| canvas.thumbnail.clone());
        Self { thumbnail, ..self }
    }

    /// Returns the document of this version as JSON that ends with a newline.
    #[must_use]
    pub(crate) fn to_json(&self, version: PresentationVersion) -> String {
        version.manifest_json(self)
    }
}

/// An entry of a collection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Member {
    id: String,
    #[serde(rename = "type")]
    kind: &'static str,
    label: LanguageMap,
}

impl Member {
    /// Creates an entry for a manifest.
    #[must_use]
    pub(crate) fn manifest(id: String, label: LanguageMap) -> Self {
        Self { id, kind: "Manifest", label }
    }

    /// Creates an entry for a nested collection.
    #[must_use]
    pub(crate) fn collection(id: String, label: LanguageMap) -> Self {
        Self { id, kind: "Collection", label }
    }
}

/// A list of manifests and nested collections.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Collection {
    #[serde(rename = "@context")]
    context: &'static str,
    id: String,
    #[serde(rename = "type")]
    kind: &'static str,
    label: LanguageMap,
    items: Vec<Member>,
}

impl Collection {
    /// Creates a collection. Its items keep their order.
    #[must_use]
    pub(crate) fn new(id: String, label: LanguageMap, items: Vec<Member>) -> Self {
        Self { context: CONTEXT, id, kind: "Collection", label, items }
    }

    /// Returns the document of this version as JSON that ends with a newline.
    #[must_use]
    pub(crate) fn to_json(&self, version: PresentationVersion) -> String {
        version.collection_json(self)
    }
}
