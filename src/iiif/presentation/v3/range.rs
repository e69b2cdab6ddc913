//! Tables of contents and references to canvases.

use super::Texts;
use crate::iiif::presentation::range::RangeItem;
use crate::iiif::presentation::{Canvas, Manifest, Range};
use serde::Serialize;

/// Value of `type` for canvases.
pub(super) const CANVAS_TYPE: &str = "Canvas";

/// Reference to a canvas in the same manifest.
#[derive(Serialize)]
pub(super) struct CanvasReference<'a> {
    id: &'a str,
    r#type: &'static str,
}

impl<'a> CanvasReference<'a> {
    pub(super) fn new(canvas: &'a Canvas) -> Self {
        Self { id: &canvas.id, r#type: CANVAS_TYPE }
    }
}

#[derive(Serialize)]
pub(super) struct RangeV3<'a> {
    id: String,
    r#type: &'static str,
    label: Texts<'a>,
    items: Vec<RangeItemV3<'a>>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum RangeItemV3<'a> {
    Canvas(CanvasReference<'a>),
    Range(RangeV3<'a>),
}

impl<'a> RangeV3<'a> {
    pub(super) fn new(manifest: &'a Manifest, range: &'a Range) -> Self {
        let item = |item: &'a RangeItem| match item {
            RangeItem::Canvas(page) => {
                manifest.items.get(*page).map(|canvas| RangeItemV3::Canvas(CanvasReference::new(canvas)))
            }
            RangeItem::Range(inner) => Some(RangeItemV3::Range(Self::new(manifest, inner))),
        };
        Self {
            id: format!("{}/range/{}", manifest.id, range.number),
            r#type: "Range",
            label: Texts(&range.label),
            items: range.items.iter().filter_map(item).collect(),
        }
    }
}
