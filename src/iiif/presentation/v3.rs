//! Documents of [Presentation API 3.0](https://iiif.io/api/presentation/3.0/).
//!
//! Each type borrows from the document it serializes. Properties are written in the order of the fields.

mod canvas;
mod links;
mod place;
mod range;
mod stored;

use super::{
    Behavior, Collection, Description, Kind, LanguageMap, Manifest, Member, Metadata, NavDate, ViewingDirection,
};
use crate::iiif::info::Rights;
use canvas::{CanvasV3, PictureV3};
use links::{AgentV3, LinkV3};
use place::FeatureCollection;
use range::{CanvasReference, RangeV3};
use serde::{Deserialize, Serialize, Serializer};
pub(super) use stored::{canvases, collection_label, manifest_thumbnail};

const CONTEXT: &str = "http://iiif.io/api/presentation/3/context.json";

/// JSON-LD context of the navPlace extension.
const NAV_PLACE_CONTEXT: &str = "http://iiif.io/api/extension/navplace/context.json";

/// Media type of manifests and collections.
pub(super) const CONTENT_TYPE: &str = "application/ld+json;profile=\"http://iiif.io/api/presentation/3/context.json\"";

/// Returns the URI of a manifest or collection, or `None` for any other document.
pub(super) fn document_uri(body: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Document {
        id: String,
        r#type: String,
    }
    let Document { id, r#type } = serde_json::from_slice(body).ok()?;
    [Kind::Manifest, Kind::Collection].into_iter().any(|kind| type_of(kind) == r#type).then_some(id)
}

fn type_of(kind: Kind) -> &'static str {
    match kind {
        Kind::Manifest => "Manifest",
        Kind::Collection => "Collection",
    }
}

/// A document's JSON-LD context. Extensions come before this version's context.
#[derive(Serialize)]
#[serde(untagged)]
enum Context {
    Version(&'static str),
    Extended([&'static str; 2]),
}

/// Manifest in version 3.
#[derive(Serialize)]
pub(super) struct ManifestV3<'a> {
    #[serde(rename = "@context")]
    context: Context,
    id: &'a str,
    r#type: &'static str,
    #[serde(flatten)]
    description: DescriptionV3<'a>,
    #[serde(rename = "navPlace", skip_serializing_if = "Option::is_none")]
    nav_place: Option<FeatureCollection<'a>>,
    thumbnail: [PictureV3<'a>; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    start: Option<CanvasReference<'a>>,
    items: Vec<CanvasV3<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    structures: Vec<RangeV3<'a>>,
}

impl<'a> From<&'a Manifest> for ManifestV3<'a> {
    fn from(manifest: &'a Manifest) -> Self {
        let nav_place = manifest.description.nav_place.as_ref();
        let context = Context::Version(CONTEXT);
        Self {
            context: nav_place.map_or(context, |_| Context::Extended([NAV_PLACE_CONTEXT, CONTEXT])),
            id: &manifest.id,
            r#type: type_of(Kind::Manifest),
            description: (&manifest.description).into(),
            nav_place: nav_place.map(|place| FeatureCollection::new(manifest, place)),
            thumbnail: [(&manifest.thumbnail).into()],
            start: manifest.start.and_then(|page| manifest.items.get(page)).map(CanvasReference::new),
            items: manifest.items.iter().map(CanvasV3::from).collect(),
            structures: manifest.contents.iter().map(|range| RangeV3::new(manifest, range)).collect(),
        }
    }
}

/// Collection in version 3.
#[derive(Serialize)]
pub(super) struct CollectionV3<'a> {
    #[serde(rename = "@context")]
    context: &'static str,
    id: &'a str,
    r#type: &'static str,
    label: Texts<'a>,
    items: Vec<MemberV3<'a>>,
}

impl<'a> From<&'a Collection> for CollectionV3<'a> {
    fn from(collection: &'a Collection) -> Self {
        Self {
            context: CONTEXT,
            id: &collection.id,
            r#type: type_of(Kind::Collection),
            label: Texts(&collection.label),
            items: collection.items.iter().map(MemberV3::from).collect(),
        }
    }
}

#[derive(Serialize)]
struct MemberV3<'a> {
    id: &'a str,
    r#type: &'static str,
    label: Texts<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thumbnail: Option<[PictureV3<'a>; 1]>,
}

impl<'a> From<&'a Member> for MemberV3<'a> {
    fn from(member: &'a Member) -> Self {
        let thumbnail = member.thumbnail.as_ref().map(|picture| [picture.into()]);
        Self { id: &member.id, r#type: type_of(member.kind), label: Texts(&member.label), thumbnail }
    }
}

/// Text as a [language map](https://iiif.io/api/presentation/3.0/#44-language-of-property-values).
struct Texts<'a>(&'a LanguageMap);

impl<'a> Texts<'a> {
    /// Returns `None` for an empty text, which is left out.
    fn unless_empty(text: &'a LanguageMap) -> Option<Self> {
        (!text.is_empty()).then_some(Self(text))
    }
}

impl Serialize for Texts<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(LanguageMap(texts)) = self;
        serializer.collect_map(texts.iter().map(|(language, texts)| (language, texts)))
    }
}

#[derive(Serialize)]
struct MetadataV3<'a> {
    label: Texts<'a>,
    value: Texts<'a>,
}

impl<'a> From<&'a Metadata> for MetadataV3<'a> {
    fn from(metadata: &'a Metadata) -> Self {
        Self { label: Texts(&metadata.label), value: Texts(&metadata.value) }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DescriptionV3<'a> {
    label: Texts<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    summary: Option<Texts<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    metadata: Vec<MetadataV3<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rights: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    required_statement: Option<MetadataV3<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    viewing_direction: Option<ViewingDirection>,
    #[serde(skip_serializing_if = "Option::is_none")]
    behavior: Option<[Behavior; 1]>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    homepage: Vec<LinkV3<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    see_also: Vec<LinkV3<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    rendering: Vec<LinkV3<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    provider: Vec<AgentV3<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    nav_date: Option<&'a str>,
}

impl<'a> From<&'a Description> for DescriptionV3<'a> {
    fn from(description: &'a Description) -> Self {
        Self {
            label: Texts(&description.label),
            summary: Texts::unless_empty(&description.summary),
            metadata: description.metadata.iter().map(MetadataV3::from).collect(),
            rights: description.rights.as_ref().map(Rights::as_str),
            required_statement: description.attribution.as_ref().map(MetadataV3::from),
            viewing_direction: description.viewing_direction,
            behavior: description.behavior.map(|behavior| [behavior]),
            homepage: description.homepage.iter().map(LinkV3::page).collect(),
            see_also: description.see_also.iter().map(LinkV3::data).collect(),
            rendering: description.rendering.iter().map(LinkV3::file).collect(),
            provider: description.provider.iter().map(AgentV3::from).collect(),
            nav_date: description.nav_date.as_ref().map(NavDate::as_str),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::iiif::physical_scale::{LengthUnit, PhysicalScale};
    use crate::iiif::presentation::{Canvas, Picture, Service};
    use crate::iiif::{ApiVersion, PresentationVersion, Size};
    use serde_json::Value;

    fn text(language: Option<&str>, value: &str) -> LanguageMap {
        LanguageMap::new(language, value)
    }

    fn canvas(number: u32) -> Canvas {
        let size = |width, height| Size::new(width, height).expect("a size");
        let base = format!("https://example.org/iiif/{number}");
        let service = |version| Service::new(version, base.clone(), [size(350, 250)]);
        let thumbnail = Picture::new(format!("{base}/full/350,250/0/default.jpg"), size(350, 250));
        let body = Picture::new(format!("{base}/full/max/0/default.jpg"), size(700, 500));
        let (thumbnail, body) = (thumbnail.of(service(ApiVersion::V3)), body.of(service(ApiVersion::V2)));
        let label = if number == 1 { text(Some("en"), "Folio 1") } else { LanguageMap::default() };
        Canvas::new(format!("https://example.org/m.json/canvas/{number}"), label, size(7000, 5000), thumbnail, body)
    }

    #[test]
    fn every_byte_of_a_manifest_is_known() {
        let description = Description {
            label: text(None, "ms 1"),
            summary: text(Some("en"), "A book."),
            metadata: vec![Metadata { label: text(None, "Date"), value: text(Some("en"), "1642") }],
            rights: Some("http://rightsstatements.org/vocab/NoC-NC/1.0/".parse().expect("a URI")),
            attribution: Some(Metadata {
                label: text(Some("en"), "Attribution"),
                value: text(Some("en"), "A library"),
            }),
            viewing_direction: Some(ViewingDirection::RightToLeft),
            ..Description::default()
        };
        let id = "https://example.org/m.json".to_owned();
        let manifest = Manifest::new(id, description, vec![canvas(1), canvas(2)]).expect("pages");
        assert_eq!(
            manifest.to_json(PresentationVersion::V3),
            include_str!("../../../tests/fixtures/presentation/manifest-3.json")
        );
    }

    #[test]
    fn the_scale_of_a_canvas_is_a_service_that_is_read_again() {
        let id = "https://example.org/m.json".to_owned();
        let scale = PhysicalScale::new(0.000_499, LengthUnit::Millimeter);
        let pages = vec![canvas(1).measured(scale), canvas(2)];
        let json = Manifest::new(id, Description::default(), pages).expect("pages").to_json(PresentationVersion::V3);
        let manifest: Value = serde_json::from_str(&json).expect("JSON");
        assert_eq!(
            manifest["items"][0]["service"],
            serde_json::json!([{
                "@context": "http://iiif.io/api/annex/services/physdim/1/context.json",
                "@id": "https://example.org/m.json/canvas/1/dimensions",
                "@type": "Service",
                "profile": "http://iiif.io/api/annex/services/physdim",
                "physicalScale": 0.000_499,
                "physicalUnits": "mm",
            }])
        );
        assert!(manifest["items"][1].get("service").is_none());
        let scales: Vec<_> = canvases(json.as_bytes()).expect("a manifest").iter().map(|it| it.scale).collect();
        assert_eq!(scales, [scale, None]);
    }

    #[test]
    fn every_byte_of_a_collection_is_known() {
        let members = vec![
            Member::manifest("https://example.org/m.json".to_owned(), text(None, "ms 1")),
            Member::collection("https://example.org/collections/1.json".to_owned(), text(None, "1")),
        ];
        let collection = Collection::new("https://example.org/c.json".to_owned(), text(Some("en"), "All"), members);
        assert_eq!(
            collection.to_json(PresentationVersion::V3),
            include_str!("../../../tests/fixtures/presentation/collection-3.json")
        );
    }
}
