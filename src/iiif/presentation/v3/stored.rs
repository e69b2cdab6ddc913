//! Reads stored manifests and collections.

use super::canvas::DIMENSIONS_PROFILE;
use super::range::CANVAS_TYPE;
use super::type_of;
use crate::iiif::geometry::Size;
use crate::iiif::physical_scale::{LengthUnit, PhysicalScale};
use crate::iiif::presentation::{Kind, LanguageMap, Picture, RangePath, StoredCanvas};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, HashMap};

/// Returns the canvases of a manifest, or `None` for any other document.
pub(in crate::iiif::presentation) fn canvases(body: &[u8]) -> Option<Vec<StoredCanvas>> {
    #[derive(Deserialize)]
    struct Document {
        r#type: String,
        items: Vec<Item>,
        #[serde(default)]
        structures: Vec<StoredRange>,
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
    let Document { r#type, items, structures } = serde_json::from_slice(body).ok()?;
    let mut ranges = HashMap::new();
    StoredRange::collect(structures, &[], &mut ranges);
    let mut canvas = |Item { id, label, width, height, thumbnail, service }: Item| {
        let label = label.into_values().flatten().next();
        let base_uri = thumbnail.into_iter().flat_map(|it| it.service).next().map(|service| service.id);
        let (size, scale) = (Size::new(width, height).ok()?, service.iter().find_map(scale));
        let ranges = ranges.remove(&id).unwrap_or_default();
        Some(StoredCanvas { id, label, size, scale, base_uri, ranges })
    };
    if r#type == type_of(Kind::Manifest) { items.into_iter().map(&mut canvas).collect() } else { None }
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
    let map = language_map(label)?;
    (r#type == type_of(Kind::Collection) && !map.is_empty()).then_some(map)
}

/// Returns a stored label or value.
fn language_map(values: Map<String, Value>) -> Option<LanguageMap> {
    let mut map = LanguageMap::default();
    for (language, texts) in values {
        let texts: Vec<String> = serde_json::from_value(texts).ok()?;
        for text in texts {
            map.add(Some(&language), text);
        }
    }
    Some(map)
}

/// A range of a table of contents, or a canvas in it.
#[derive(Deserialize)]
struct StoredRange {
    id: String,
    r#type: String,
    #[serde(default)]
    label: Map<String, Value>,
    #[serde(default)]
    items: Vec<Self>,
}

impl StoredRange {
    /// Collects the paths to each canvas, by the canvas's `id`.
    fn collect(ranges: Vec<Self>, above: &[LanguageMap], paths: &mut HashMap<String, Vec<RangePath>>) {
        for Self { id, r#type, label, items } in ranges {
            if r#type == CANVAS_TYPE {
                paths.entry(id).or_default().push(RangePath::from_stored(above.to_vec()));
                continue;
            }
            let path = [above, &[language_map(label).unwrap_or_default()]].concat();
            Self::collect(items, &path, paths);
        }
    }
}

/// Returns the scale from a physical dimensions service, or `None` for any other service.
fn scale(service: &Value) -> Option<PhysicalScale> {
    let text = |key| service.get(key)?.as_str();
    let length = service.get("physicalScale")?.as_f64().filter(|_| text("profile") == Some(DIMENSIONS_PROFILE))?;
    PhysicalScale::new(length, LengthUnit::from_abbreviation(text("physicalUnits")?)?)
}
