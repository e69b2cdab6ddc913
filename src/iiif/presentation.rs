//! Manifests and collections. A manifest presents images as the pages of an object, and a collection groups objects.
//!
//! Only covers the parts of [Presentation API 3.0](https://iiif.io/api/presentation/3.0/) that are needed for
//! publishing.

mod version;

pub use version::{PresentationVersion, PresentationVersionError};

use super::geometry::Size;
use super::info::Rights;
use super::plan::ApiVersion;
use serde::{Deserialize, Serialize, Serializer};

const CONTEXT: &str = "http://iiif.io/api/presentation/3/context.json";

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

    /// Returns `true` if the map is empty.
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

/// A label and value, such as `Date` and `1642`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Metadata {
    /// Field name.
    pub label: LanguageMap,
    /// Field value.
    pub value: LanguageMap,
}

/// Descriptive properties of an object or page.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Description {
    /// Title.
    pub label: LanguageMap,
    /// Summary in a sentence or two.
    #[serde(skip_serializing_if = "LanguageMap::is_empty")]
    pub summary: LanguageMap,
    /// Labels and values, in display order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub metadata: Vec<Metadata>,
    /// License or rights statement.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rights: Option<Rights>,
    /// Attribution that viewers are required to show.
    #[serde(rename = "requiredStatement", skip_serializing_if = "Option::is_none")]
    pub attribution: Option<Metadata>,
    /// Viewing direction. Viewers default to left to right.
    #[serde(rename = "viewingDirection", skip_serializing_if = "Option::is_none")]
    pub viewing_direction: Option<ViewingDirection>,
    /// Display behavior. Defaults to [`Behavior::Paged`] if there is more than one page.
    #[serde(skip)]
    pub behavior: Option<Behavior>,
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
    /// Creates a JPEG image resource.
    #[must_use]
    pub(crate) fn new(id: String, size: Size) -> Self {
        let (width, height) = (size.width(), size.height());
        Self { id, kind: "Image", format: "image/jpeg", width, height, service: Vec::new() }
    }

    /// Adds an image service, which lets viewers zoom.
    #[must_use]
    pub(crate) fn of(self, service: Service) -> Self {
        Self { service: vec![service], ..self }
    }
}

/// An image service referenced by a manifest. Width and height are omitted because they would make Mirador request
/// `full//0/default.jpg`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Service {
    /// Image API 3 service.
    V3 {
        /// Base URI.
        id: String,
        /// Always `ImageService3`.
        #[serde(rename = "type")]
        kind: &'static str,
        /// Always `level0`.
        profile: &'static str,
        /// Sizes listed in `info.json`.
        sizes: Vec<Dimensions>,
    },
    /// Image API 2 service.
    V2 {
        /// Base URI.
        #[serde(rename = "@id")]
        id: String,
        /// Always `ImageService2`.
        #[serde(rename = "@type")]
        kind: &'static str,
        /// URI for Level 0.
        profile: &'static str,
        /// Sizes listed in `info.json`.
        sizes: Vec<Dimensions>,
    },
}

impl Service {
    /// Creates a service for the image with the given base URI. `id` must not have a trailing slash.
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

/// Width and height in pixels.
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

/// A page, represented by a canvas with a single image.
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
    /// Creates a canvas with a single image, which may be smaller than the canvas. `size` is in pixels.
    ///
    /// The URIs of nested resources start with the canvas URI.
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

/// A manifest, which describes an object and lists its pages.
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
    /// Creates a manifest. Returns `None` if there are no pages.
    #[must_use]
    pub(crate) fn new(id: String, description: Description, items: Vec<Canvas>) -> Option<Self> {
        let thumbnail = items.first()?.thumbnail.clone();
        let book = (items.len() > 1).then_some(Behavior::Paged);
        let behavior = description.behavior.or(book).into_iter().collect();
        Some(Self { context: CONTEXT, id, kind: "Manifest", description, behavior, thumbnail, items })
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
    /// Creates a collection. The order of items is preserved.
    #[must_use]
    pub(crate) fn new(id: String, label: LanguageMap, items: Vec<Member>) -> Self {
        Self { context: CONTEXT, id, kind: "Collection", label, items }
    }

    /// Serializes the collection as JSON with a trailing newline.
    #[must_use]
    pub(crate) fn to_json(&self, version: PresentationVersion) -> String {
        version.collection_json(self)
    }
}
