//! Places for the [navPlace extension](https://iiif.io/api/extension/navplace/).

use super::Texts;
use crate::iiif::presentation::{Manifest, Place};
use serde::Serialize;
use serde_json::Number;

/// GeoJSON for the navPlace extension.
#[derive(Serialize)]
pub(super) struct FeatureCollection<'a> {
    id: String,
    r#type: &'static str,
    features: [Feature<'a>; 1],
}

#[derive(Serialize)]
struct Feature<'a> {
    id: String,
    r#type: &'static str,
    properties: FeatureProperties<'a>,
    geometry: Point<'a>,
}

#[derive(Serialize)]
struct FeatureProperties<'a> {
    label: Texts<'a>,
}

#[derive(Serialize)]
struct Point<'a> {
    r#type: &'static str,
    /// Longitude and latitude.
    coordinates: [&'a Number; 2],
}

impl<'a> FeatureCollection<'a> {
    pub(super) fn new(manifest: &'a Manifest, place: &'a Place) -> Self {
        let geometry = Point { r#type: "Point", coordinates: [&place.longitude, &place.latitude] };
        let properties = FeatureProperties { label: Texts(&manifest.description.label) };
        let id = format!("{}/place", manifest.id);
        let feature = Feature { id: format!("{id}/1"), r#type: "Feature", properties, geometry };
        Self { id, r#type: "FeatureCollection", features: [feature] }
    }
}
