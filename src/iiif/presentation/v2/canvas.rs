//! Canvases and their pictures.

use super::Texts;
use crate::iiif::plan::ApiVersion;
use crate::iiif::presentation::{Canvas, Picture, Service};
use serde::Serialize;

/// Label for canvases without a label. This version requires labels.
const NO_LABEL: &str = "[no label]";

#[derive(Serialize)]
pub(super) struct CanvasV2<'a> {
    #[serde(rename = "@id")]
    id: &'a str,
    #[serde(rename = "@type")]
    r#type: &'static str,
    label: LabelV2<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<Texts<'a>>,
    width: u32,
    height: u32,
    thumbnail: PictureV2<'a>,
    images: [AnnotationV2<'a>; 1],
}

/// A required label.
#[derive(Serialize)]
#[serde(untagged)]
enum LabelV2<'a> {
    Texts(Texts<'a>),
    Missing(&'static str),
}

#[derive(Serialize)]
struct AnnotationV2<'a> {
    #[serde(rename = "@id")]
    id: String,
    #[serde(rename = "@type")]
    r#type: &'static str,
    motivation: &'static str,
    resource: PictureV2<'a>,
    on: &'a str,
}

/// Annotation URIs start with the canvas URI.
impl<'a> From<&'a Canvas> for CanvasV2<'a> {
    fn from(canvas: &'a Canvas) -> Self {
        // Viewers for this version don't read the physical size of pixels.
        let Canvas { id, label, summary, size, thumbnail, body, scale: _ } = canvas;
        let annotation = AnnotationV2 {
            id: format!("{id}/image"),
            r#type: "oa:Annotation",
            motivation: "sc:painting",
            resource: body.into(),
            on: id,
        };
        Self {
            id,
            r#type: "sc:Canvas",
            label: Texts::unless_empty(label).map_or(LabelV2::Missing(NO_LABEL), LabelV2::Texts),
            description: Texts::unless_empty(summary),
            width: size.width(),
            height: size.height(),
            thumbnail: thumbnail.into(),
            images: [annotation],
        }
    }
}

#[derive(Serialize)]
pub(super) struct PictureV2<'a> {
    #[serde(rename = "@id")]
    id: &'a str,
    #[serde(rename = "@type")]
    r#type: &'static str,
    format: &'static str,
    width: u32,
    height: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    service: Option<ServiceV2<'a>>,
}

impl<'a> From<&'a Picture> for PictureV2<'a> {
    fn from(picture: &'a Picture) -> Self {
        let (width, height) = (picture.size.width(), picture.size.height());
        let service = picture.service.as_ref().map(ServiceV2::from);
        Self { id: &picture.id, r#type: "dctypes:Image", format: "image/jpeg", width, height, service }
    }
}

/// Reference to an image service.
#[derive(Serialize)]
struct ServiceV2<'a> {
    #[serde(rename = "@context")]
    context: &'static str,
    #[serde(rename = "@id")]
    id: &'a str,
    profile: &'static str,
}

impl<'a> From<&'a Service> for ServiceV2<'a> {
    fn from(Service { version, id, .. }: &'a Service) -> Self {
        let (context, profile) = match version {
            ApiVersion::V3 => ("http://iiif.io/api/image/3/context.json", "level0"),
            ApiVersion::V2 => ("http://iiif.io/api/image/2/context.json", "http://iiif.io/api/image/2/level0.json"),
        };
        Self { context, id, profile }
    }
}
