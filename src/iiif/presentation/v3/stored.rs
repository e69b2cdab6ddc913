//! Reads stored manifests and collections.

use super::canvas::DIMENSIONS_PROFILE;
use super::type_of;
use crate::iiif::geometry::Size;
use crate::iiif::physical_scale::{LengthUnit, PhysicalScale};
use crate::iiif::presentation::{Kind, LanguageMap, Picture, StoredCanvas};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Returns the canvases of a manifest, or `None` for any other document.
pub(in crate::iiif::presentation) fn canvases(body: &[u8]) -> Option<Vec<StoredCanvas>> {
    #[derive(Deserialize)]
    struct Document {
        r#type: String,
        items: Vec<Item>,
    }
    #[derive(Deserialize)]
    struct Item {
        id: String,
        #[serde(default)]
        label: BTreeMap<String, Vec<String>>,
        width: u32,
        height: u32,
        #[serde(default)]
        thumbnail: Vec<Thumbnail>,
        #[serde(default)]
        service: Vec<Value>,
    }
    #[derive(Deserialize)]
    struct Thumbnail {
        #[serde(default)]
        service: Vec<ImageService>,
    }
    #[derive(Deserialize)]
    struct ImageService {
        #[serde(alias = "@id")]
        id: String,
    }
    let Document { r#type, items } = serde_json::from_slice(body).ok()?;
    let canvas = |Item { id, label, width, height, thumbnail, service }: Item| {
        let label = label.into_values().flatten().next();
        let base_uri = thumbnail.into_iter().flat_map(|it| it.service).next().map(|service| service.id);
        let (size, scale) = (Size::new(width, height).ok()?, service.iter().find_map(scale));
        Some(StoredCanvas { id, label, size, scale, base_uri })
    };
    if r#type == type_of(Kind::Manifest) { items.into_iter().map(canvas).collect() } else { None }
}

/// Returns a manifest's thumbnail without its image service, or `None` if the document isn't a manifest.
pub(in crate::iiif::presentation) fn manifest_thumbnail(body: &[u8]) -> Option<Picture> {
    #[derive(Deserialize)]
    struct Document {
        r#type: String,
        thumbnail: Vec<Thumbnail>,
    }
    #[derive(Deserialize)]
    struct Thumbnail {
        id: String,
        width: u32,
        height: u32,
    }
    let Document { r#type, thumbnail } = serde_json::from_slice(body).ok()?;
    let Thumbnail { id, width, height } = thumbnail.into_iter().next().filter(|_| r#type == type_of(Kind::Manifest))?;
    Some(Picture::new(id, Size::new(width, height).ok()?))
}

/// Returns a collection's label, or `None` if the document isn't a collection.
pub(in crate::iiif::presentation) fn collection_label(body: &[u8]) -> Option<LanguageMap> {
    #[derive(Deserialize)]
    struct Document {
        r#type: String,
        label: Map<String, Value>,
    }
    let Document { r#type, label } = serde_json::from_slice(body).ok()?;
    let mut map = LanguageMap::default();
    for (language, texts) in label {
        let texts: Vec<String> = serde_json::from_value(texts).ok()?;
        for text in texts {
            map.add(Some(&language), text);
        }
    }
    (r#type == type_of(Kind::Collection) && !map.is_empty()).then_some(map)
}

/// Returns the scale from a physical dimensions service, or `None` for any other service.
fn scale(service: &Value) -> Option<PhysicalScale> {
    let text = |key| service.get(key)?.as_str();
    let length = service.get("physicalScale")?.as_f64().filter(|_| text("profile") == Some(DIMENSIONS_PROFILE))?;
    PhysicalScale::new(length, LengthUnit::from_abbreviation(text("physicalUnits")?)?)
}
