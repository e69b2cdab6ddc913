//! Manifests and collections: what lets a viewer show images as the pages of an object, and objects as a collection.
//!
//! The documents of [Presentation API 3.0](https://iiif.io/api/presentation/3.0/), as far as this program writes them.

use super::geometry::Size;
use super::info::Rights;
use super::plan::ApiVersion;
use serde::{Deserialize, Serialize, Serializer};

const CONTEXT: &str = "http://iiif.io/api/presentation/3/context.json";

/// The language of a text of which none is known.
const NO_LANGUAGE: &str = "none";

/// A text in some languages, each with one or more values
/// ([4.2, Language of Property Values](https://iiif.io/api/presentation/3.0/#language-of-property-values)).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LanguageMap(Vec<(String, Vec<String>)>);

impl LanguageMap {
    /// One text, in a language (BCP 47) or in none.
    #[must_use]
    pub fn new(language: Option<&str>, text: impl Into<String>) -> Self {
        let mut map = Self::default();
        map.add(language, text);
        map
    }

    /// Adds a text.
    pub fn add(&mut self, language: Option<&str>, text: impl Into<String>) {
        let language = language.unwrap_or(NO_LANGUAGE);
        match self.0.iter_mut().find(|(known, _)| known == language) {
            Some((_, texts)) => texts.push(text.into()),
            None => self.0.push((language.to_owned(), vec![text.into()])),
        }
    }

    /// Whether there is no text.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Serialize for LanguageMap {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(language, texts)| (language, texts)))
    }
}

/// A name and what it stands for: `Date`, `1642`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Metadata {
    /// What it is.
    pub label: LanguageMap,
    /// What is known of it.
    pub value: LanguageMap,
}

/// What is said of an object, or of one of its pages.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Description {
    /// What it is called.
    pub label: LanguageMap,
    /// A sentence or two.
    #[serde(skip_serializing_if = "LanguageMap::is_empty")]
    pub summary: LanguageMap,
    /// Names and values, in their order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub metadata: Vec<Metadata>,
    /// The licence or rights statement.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rights: Option<Rights>,
    /// Who must be named.
    #[serde(rename = "requiredStatement", skip_serializing_if = "Option::is_none")]
    pub attribution: Option<Metadata>,
    /// In which direction its pages are turned; of none, viewers take left to right.
    #[serde(rename = "viewingDirection", skip_serializing_if = "Option::is_none")]
    pub viewing_direction: Option<ViewingDirection>,
    /// How its pages belong together; of none, several pages are those of a book.
    #[serde(skip)]
    pub behavior: Option<Behavior>,
}

/// Where the next page is ([viewingDirection](https://iiif.io/api/presentation/3.0/#viewingdirection)).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ViewingDirection {
    /// As in Latin script.
    LeftToRight,
    /// As in Hebrew and Arabic script.
    RightToLeft,
    /// As on a scroll that hangs.
    TopToBottom,
    /// The other way round.
    BottomToTop,
}

/// How pages belong together ([behavior](https://iiif.io/api/presentation/3.0/#behavior)).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Behavior {
    /// Pages of a book, two at a time.
    Paged,
    /// Parts of one picture, such as a scroll.
    Continuous,
    /// Views of one thing, each by itself.
    Individuals,
    /// In no order.
    Unordered,
}

/// A picture under its own URI.
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
    /// A JPEG of this size.
    #[must_use]
    pub fn new(id: String, size: Size) -> Self {
        let (width, height) = (size.width(), size.height());
        Self { id, kind: "Image", format: "image/jpeg", width, height, service: Vec::new() }
    }

    /// The same, with the image that it is a picture of, for viewers to zoom.
    #[must_use]
    pub fn of(self, service: Service) -> Self {
        Self { service: vec![service], ..self }
    }
}

/// A published image, as a manifest refers to it. Without width and height: Mirador then asks for `full//0/default.jpg`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Service {
    /// Of Image API 3.
    V3 {
        /// Its base URI.
        id: String,
        /// `ImageService3`
        #[serde(rename = "type")]
        kind: &'static str,
        /// `level0`
        profile: &'static str,
        /// As its `info.json` lists them.
        sizes: Vec<Dimensions>,
    },
    /// Of Image API 2.
    V2 {
        /// Its base URI.
        #[serde(rename = "@id")]
        id: String,
        /// `ImageService2`
        #[serde(rename = "@type")]
        kind: &'static str,
        /// Level 0.
        profile: &'static str,
        /// As its `info.json` lists them.
        sizes: Vec<Dimensions>,
    },
}

impl Service {
    /// The image with this base URI.
    #[must_use]
    pub fn new(version: ApiVersion, id: String, sizes: impl IntoIterator<Item = Size>) -> Self {
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

/// A page: one image, on a canvas of its size.
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
    /// A canvas of `size`, onto which a picture is painted that may be smaller. What is in it gets URIs below its own.
    #[must_use]
    pub fn new(id: String, label: LanguageMap, size: Size, thumbnail: Picture, body: Picture) -> Self {
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

/// An object: its pages in their order, and what is said of it.
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
    /// The media type to serve it with.
    pub const CONTENT_TYPE: &str = "application/ld+json;profile=\"http://iiif.io/api/presentation/3/context.json\"";

    /// A manifest of at least one page; `None` of none.
    #[must_use]
    pub fn new(id: String, description: Description, items: Vec<Canvas>) -> Option<Self> {
        let thumbnail = items.first()?.thumbnail.clone();
        let book = (items.len() > 1).then_some(Behavior::Paged);
        let behavior = description.behavior.or(book).into_iter().collect();
        Some(Self { context: CONTEXT, id, kind: "Manifest", description, behavior, thumbnail, items })
    }

    /// The same, with the thumbnail of another page than the first, by its index; as it is where there is no such page.
    #[must_use]
    pub fn shown_by(self, page: usize) -> Self {
        let thumbnail = self.items.get(page).map_or(self.thumbnail, |canvas| canvas.thumbnail.clone());
        Self { thumbnail, ..self }
    }

    /// The document, with a newline at its end.
    #[must_use]
    pub fn to_json(&self) -> String {
        document(self)
    }
}

/// What stands in a collection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Member {
    id: String,
    #[serde(rename = "type")]
    kind: &'static str,
    label: LanguageMap,
}

impl Member {
    /// An object.
    #[must_use]
    pub fn manifest(id: String, label: LanguageMap) -> Self {
        Self { id, kind: "Manifest", label }
    }

    /// A smaller collection.
    #[must_use]
    pub fn collection(id: String, label: LanguageMap) -> Self {
        Self { id, kind: "Collection", label }
    }
}

/// Objects, or smaller collections.
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
    /// A collection in this order.
    #[must_use]
    pub fn new(id: String, label: LanguageMap, items: Vec<Member>) -> Self {
        Self { context: CONTEXT, id, kind: "Collection", label, items }
    }

    /// The document, with a newline at its end.
    #[must_use]
    pub fn to_json(&self) -> String {
        document(self)
    }
}

fn document(value: &impl Serialize) -> String {
    let mut json = serde_json::to_string_pretty(value).expect("strings and numbers always serialise");
    json.push('\n');
    json
}
