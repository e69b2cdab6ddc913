//! Table of contents.

use super::Texts;
use crate::iiif::presentation::range::RangeItem;
use crate::iiif::presentation::{Manifest, Range};
use serde::Serialize;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RangeV2<'a> {
    #[serde(rename = "@id")]
    id: String,
    #[serde(rename = "@type")]
    r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    viewing_hint: Option<&'static str>,
    label: Texts<'a>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    ranges: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    canvases: Vec<&'a str>,
}

/// Returns all of a manifest's ranges in a flat list that starts with the root.
pub(super) fn structures(manifest: &Manifest) -> Vec<RangeV2<'_>> {
    if manifest.contents.is_empty() {
        return Vec::new();
    }
    let mut ranges = vec![RangeV2 {
        id: range_id(manifest, 0),
        r#type: "sc:Range",
        viewing_hint: Some("top"),
        label: Texts(&manifest.description.label),
        ranges: manifest.contents.iter().map(|range| range_id(manifest, range.number)).collect(),
        canvases: Vec::new(),
    }];
    manifest.contents.iter().for_each(|range| add_range(manifest, range, &mut ranges));
    ranges
}

fn add_range<'a>(manifest: &'a Manifest, range: &'a Range, ranges: &mut Vec<RangeV2<'a>>) {
    let inner = || {
        range.items.iter().filter_map(|item| match item {
            RangeItem::Range(inner) => Some(inner),
            RangeItem::Canvas(_) => None,
        })
    };
    let canvas = |item: &RangeItem| match item {
        RangeItem::Canvas(page) => manifest.items.get(*page).map(|canvas| canvas.id.as_str()),
        RangeItem::Range(_) => None,
    };
    ranges.push(RangeV2 {
        id: range_id(manifest, range.number),
        r#type: "sc:Range",
        viewing_hint: None,
        label: Texts(&range.label),
        ranges: inner().map(|inner| range_id(manifest, inner.number)).collect(),
        canvases: range.items.iter().filter_map(canvas).collect(),
    });
    inner().for_each(|inner| add_range(manifest, inner, ranges));
}

fn range_id(manifest: &Manifest, number: usize) -> String {
    format!("{}/range/{number}", manifest.id)
}
