//! [Presentation API 2.1](https://iiif.io/api/presentation/2.1/) documents, for viewers and aggregators that don't
//! support version 3.
//!
//! Each type borrows from the document it serializes. Properties are written in field order.

mod canvas;
mod links;
mod range;

use super::{
    Behavior, Collection, Description, Kind, LanguageMap, Manifest, Member, Metadata, NO_LANGUAGE, NavDate,
    ViewingDirection,
};
use crate::iiif::info::Rights;
use canvas::{CanvasV2, PictureV2};
use links::LinkV2;
use range::{RangeV2, structures};
use serde::{Deserialize, Serialize, Serializer};

const CONTEXT: &str = "http://iiif.io/api/presentation/2/context.json";

/// Media type for manifests and collections.
pub(super) const CONTENT_TYPE: &str = "application/ld+json;profile=\"http://iiif.io/api/presentation/2/context.json\"";

/// Returns the URI of a manifest or collection, or `None` for any other document.
pub(super) fn document_uri(body: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Document {
        #[serde(rename = "@id")]
        id: String,
        #[serde(rename = "@type")]
        r#type: String,
    }
    let Document { id, r#type } = serde_json::from_slice(body).ok()?;
    [Kind::Manifest, Kind::Collection].into_iter().any(|kind| type_of(kind) == r#type).then_some(id)
}

fn type_of(kind: Kind) -> &'static str {
    match kind {
        Kind::Manifest => "sc:Manifest",
        Kind::Collection => "sc:Collection",
    }
}

/// A version 2 manifest.
#[derive(Serialize)]
pub(super) struct ManifestV2<'a> {
    #[serde(rename = "@context")]
    context: &'static str,
    #[serde(rename = "@id")]
    id: &'a str,
    #[serde(rename = "@type")]
    r#type: &'static str,
    #[serde(flatten)]
    description: DescriptionV2<'a>,
    thumbnail: PictureV2<'a>,
    sequences: [SequenceV2<'a>; 1],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    structures: Vec<RangeV2<'a>>,
}

impl<'a> From<&'a Manifest> for ManifestV2<'a> {
    fn from(manifest: &'a Manifest) -> Self {
        Self {
            context: CONTEXT,
            id: &manifest.id,
            r#type: type_of(Kind::Manifest),
            description: (&manifest.description).into(),
            thumbnail: (&manifest.thumbnail).into(),
            sequences: [manifest.into()],
            structures: structures(manifest),
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DescriptionV2<'a> {
    label: Texts<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<Texts<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    metadata: Vec<MetadataV2<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    license: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    attribution: Option<Texts<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    logo: Vec<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    viewing_direction: Option<ViewingDirection>,
    #[serde(skip_serializing_if = "Option::is_none")]
    viewing_hint: Option<Behavior>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    related: Vec<LinkV2<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    see_also: Vec<LinkV2<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    rendering: Vec<LinkV2<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    nav_date: Option<&'a str>,
}

impl<'a> From<&'a Description> for DescriptionV2<'a> {
    fn from(description: &'a Description) -> Self {
        // Without an attribution, the provider's name is the closest substitute.
        let provider = description.provider.first().map(|agent| &agent.name);
        let attribution = description.attribution.as_ref().map(|statement| &statement.value).or(provider);
        Self {
            label: Texts(&description.label),
            description: Texts::unless_empty(&description.summary),
            metadata: description.metadata.iter().map(MetadataV2::from).collect(),
            license: description.rights.as_ref().map(Rights::as_str),
            attribution: attribution.map(Texts),
            logo: description.provider.iter().filter_map(|agent| Some(agent.logo.as_ref()?.as_str())).collect(),
            viewing_direction: description.viewing_direction,
            // This version doesn't have a hint for unordered pages.
            viewing_hint: description.behavior.filter(|behavior| *behavior != Behavior::Unordered),
            related: description.homepage.iter().map(LinkV2::page).collect(),
            see_also: description.see_also.iter().map(LinkV2::data).collect(),
            rendering: description.rendering.iter().map(LinkV2::file).collect(),
            nav_date: description.nav_date.as_ref().map(NavDate::as_str),
        }
    }
}

#[derive(Serialize)]
struct MetadataV2<'a> {
    label: Texts<'a>,
    value: Texts<'a>,
}

impl<'a> From<&'a Metadata> for MetadataV2<'a> {
    fn from(metadata: &'a Metadata) -> Self {
        Self { label: Texts(&metadata.label), value: Texts(&metadata.value) }
    }
}

/// Text, serialized as a string or as a list of values with languages
/// ([4.3](https://iiif.io/api/presentation/2.1/#language-of-property-values)).
struct Texts<'a>(&'a LanguageMap);

impl<'a> Texts<'a> {
    /// Returns the text, or `None` if it's empty, which leaves out the property.
    fn unless_empty(text: &'a LanguageMap) -> Option<Self> {
        (!text.is_empty()).then_some(Self(text))
    }
}

#[derive(Serialize)]
#[serde(untagged)]
enum TextV2<'a> {
    Plain(&'a str),
    InLanguage {
        #[serde(rename = "@value")]
        value: &'a str,
        #[serde(rename = "@language")]
        language: &'a str,
    },
}

impl Serialize for Texts<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(LanguageMap(texts)) = self;
        let text = |(language, value)| match language {
            NO_LANGUAGE => TextV2::Plain(value),
            language => TextV2::InLanguage { value, language },
        };
        let values =
            texts.iter().flat_map(|(language, texts)| texts.iter().map(|text| (language.as_str(), text.as_str())));
        let mut values: Vec<TextV2> = values.map(text).collect();
        if values.len() == 1 { values.remove(0).serialize(serializer) } else { values.serialize(serializer) }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SequenceV2<'a> {
    #[serde(rename = "@id")]
    id: String,
    #[serde(rename = "@type")]
    r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    start_canvas: Option<&'a str>,
    canvases: Vec<CanvasV2<'a>>,
}

impl<'a> From<&'a Manifest> for SequenceV2<'a> {
    fn from(manifest: &'a Manifest) -> Self {
        let start = manifest.start.and_then(|page| manifest.items.get(page));
        Self {
            id: format!("{}/sequence/1", manifest.id),
            r#type: "sc:Sequence",
            start_canvas: start.map(|canvas| canvas.id.as_str()),
            canvases: manifest.items.iter().map(CanvasV2::from).collect(),
        }
    }
}

/// A version 2 collection.
#[derive(Serialize)]
pub(super) struct CollectionV2<'a> {
    #[serde(rename = "@context")]
    context: &'static str,
    #[serde(rename = "@id")]
    id: &'a str,
    #[serde(rename = "@type")]
    r#type: &'static str,
    label: Texts<'a>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    collections: Vec<MemberV2<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    manifests: Vec<MemberV2<'a>>,
}

impl<'a> From<&'a Collection> for CollectionV2<'a> {
    fn from(collection: &'a Collection) -> Self {
        let members = |kind: Kind| {
            collection.items.iter().filter(move |member| member.kind == kind).map(MemberV2::from).collect()
        };
        Self {
            context: CONTEXT,
            id: &collection.id,
            r#type: type_of(Kind::Collection),
            label: Texts(&collection.label),
            collections: members(Kind::Collection),
            manifests: members(Kind::Manifest),
        }
    }
}

#[derive(Serialize)]
struct MemberV2<'a> {
    #[serde(rename = "@id")]
    id: &'a str,
    #[serde(rename = "@type")]
    r#type: &'static str,
    label: Texts<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thumbnail: Option<PictureV2<'a>>,
}

impl<'a> From<&'a Member> for MemberV2<'a> {
    fn from(member: &'a Member) -> Self {
        let thumbnail = member.thumbnail.as_ref().map(PictureV2::from);
        Self { id: &member.id, r#type: type_of(member.kind), label: Texts(&member.label), thumbnail }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::iiif::presentation::{Agent, Canvas, Link, Picture, RangePath, Service, contents};
    use crate::iiif::{ApiVersion, PresentationVersion, Size};
    use serde_json::{Value, json};

    const ID: &str = "https://example.org/m.json";

    fn text(language: Option<&str>, value: &str) -> LanguageMap {
        LanguageMap::new(language, value)
    }

    fn canvas(number: u32, label: LanguageMap) -> Canvas {
        let size = |width, height| Size::new(width, height).expect("a size");
        let base = format!("https://example.org/2/{number}");
        let service = Service::new(ApiVersion::V2, base.clone(), [size(350, 250)]);
        let picture = |name: &str| Picture::new(format!("{base}/{name}"), size(350, 250)).of(service.clone());
        let canvas =
            Canvas::new(format!("{ID}/canvas/{number}"), label, size(7000, 5000), picture("s.jpg"), picture("b.jpg"));
        canvas.with_alternative(text(Some("en"), "A map"))
    }

    fn manifest() -> Value {
        let link = |url: &str, label| Link { url: url.parse().expect("a URL"), label };
        let agent = Agent {
            name: text(None, "City Library"),
            homepage: "https://example.org".parse().expect("a URL"),
            logo: "https://example.org/logo.png".parse().ok(),
        };
        let mut label = text(None, "ms 1");
        label.add(Some("de"), "Handschrift 1");
        let description = Description {
            label,
            summary: text(Some("en"), "A book."),
            metadata: vec![Metadata { label: text(None, "Date"), value: text(None, "1642") }],
            rights: "http://rightsstatements.org/vocab/NoC-NC/1.0/".parse().ok(),
            behavior: Some(Behavior::Unordered),
            homepage: vec![link("https://example.org/1", text(Some("de"), "Katalog"))],
            see_also: vec![link("https://example.org/1.xml", LanguageMap::default())],
            rendering: vec![link("https://example.org/1.pdf", LanguageMap::default())],
            provider: vec![agent],
            nav_date: "1642".parse().ok(),
            ..Description::default()
        };
        let path = |text: &str| vec![RangePath::parse(text, None).expect("a path")];
        let contents = contents([path("Part 1"), path("Part 1 > Chapter 1")]);
        let canvases = vec![canvas(1, LanguageMap::default()), canvas(2, text(None, "2r"))];
        let manifest = Manifest::new(ID.to_owned(), description, canvases).expect("pages");
        let manifest = manifest.starting_at(Some(1)).with_contents(contents);
        serde_json::from_str(&manifest.to_json(PresentationVersion::V2)).expect("JSON")
    }

    #[test]
    fn a_manifest_has_the_properties_of_its_version() {
        let manifest = manifest();
        let language = |value: &str, language: &str| json!({"@value": value, "@language": language});
        assert_eq!(manifest["label"], json!(["ms 1", language("Handschrift 1", "de")]));
        assert_eq!(manifest["description"], language("A book.", "en"));
        assert_eq!(manifest["metadata"], json!([{"label": "Date", "value": "1642"}]));
        assert_eq!(manifest["attribution"], "City Library", "the provider is the only attribution");
        assert_eq!(manifest["logo"], json!(["https://example.org/logo.png"]));
        assert_eq!(manifest.get("viewingHint"), None, "this version has no hint for pages without an order");
        let related =
            json!([{"@id": "https://example.org/1", "label": language("Katalog", "de"), "format": "text/html"}]);
        assert_eq!(manifest["related"], related);
        assert_eq!(manifest["seeAlso"], json!([{"@id": "https://example.org/1.xml", "format": "application/xml"}]));
        assert_eq!(manifest["rendering"][0]["label"], "1.pdf");
        assert_eq!(manifest["navDate"], "1642-01-01T00:00:00Z");
        let sequence = &manifest["sequences"][0];
        assert_eq!(sequence["startCanvas"], format!("{ID}/canvas/2"));
        let first = &sequence["canvases"][0];
        assert_eq!((&first["label"], &first["description"]), (&json!("[no label]"), &language("A map", "en")));
        let image = &first["images"][0];
        assert_eq!(
            (&image["on"], &image["resource"]["service"]["profile"]),
            (&first["@id"], &json!("http://iiif.io/api/image/2/level0.json"))
        );
    }

    #[test]
    fn ranges_are_a_flat_list() {
        let manifest = manifest();
        let range = |number: u32| format!("{ID}/range/{number}");
        let [top, part, chapter] = manifest["structures"].as_array().expect("ranges").as_slice() else {
            panic!("three")
        };
        assert_eq!((&top["viewingHint"], &top["ranges"]), (&json!("top"), &json!([range(1)])));
        assert_eq!((&part["ranges"], &part["canvases"]), (&json!([range(2)]), &json!([format!("{ID}/canvas/1")])));
        assert_eq!(
            (&chapter["label"], &chapter["canvases"]),
            (&json!("Chapter 1"), &json!([format!("{ID}/canvas/2")]))
        );
    }

    #[test]
    fn a_collection_lists_collections_and_manifests() {
        let thumbnail = Picture::new("https://example.org/s.jpg".to_owned(), Size::new(30, 20).expect("a size"));
        let members = vec![
            Member::manifest(ID.to_owned(), text(None, "ms 1")).with_thumbnail(Some(thumbnail)),
            Member::collection("https://example.org/1.json".to_owned(), text(None, "1")),
        ];
        let collection = Collection::new("https://example.org/c.json".to_owned(), text(None, "All"), members);
        let collection: Value = serde_json::from_str(&collection.to_json(PresentationVersion::V2)).expect("JSON");
        assert_eq!((&collection["@type"], &collection["label"]), (&json!("sc:Collection"), &json!("All")));
        assert_eq!(collection["collections"][0]["@id"], "https://example.org/1.json");
        let manifest = &collection["manifests"][0];
        assert_eq!((&manifest["@type"], &manifest["thumbnail"]["width"]), (&json!("sc:Manifest"), &json!(30)));
    }
}
