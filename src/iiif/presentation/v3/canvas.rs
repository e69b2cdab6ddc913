//! Canvases and their pictures.

use super::Texts;
use super::range::CANVAS_TYPE;
use crate::iiif::geometry::Size;
use crate::iiif::physical_scale::PhysicalScale;
use crate::iiif::plan::ApiVersion;
use crate::iiif::presentation::{Canvas, Picture, Service};
use serde::Serialize;

/// JSON-LD context and profile of the [physical dimensions
/// service](https://iiif.io/api/annex/services/#physical-dimensions).
pub(super) const DIMENSIONS_CONTEXT: &str = "http://iiif.io/api/annex/services/physdim/1/context.json";
pub(super) const DIMENSIONS_PROFILE: &str = "http://iiif.io/api/annex/services/physdim";

#[derive(Serialize)]
pub(super) struct CanvasV3<'a> {
    id: &'a str,
    r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<Texts<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    summary: Option<Texts<'a>>,
    width: u32,
    height: u32,
    thumbnail: [PictureV3<'a>; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    service: Option<[DimensionsV3; 1]>,
    items: [AnnotationPage<'a>; 1],
}

/// Physical dimensions service. It uses version 2 keys, like all services defined before version 3, and has an `@id`
/// because version 3 requires one.
#[derive(Serialize)]
struct DimensionsV3 {
    #[serde(rename = "@context")]
    context: &'static str,
    #[serde(rename = "@id")]
    id: String,
    #[serde(rename = "@type")]
    r#type: &'static str,
    profile: &'static str,
    #[serde(rename = "physicalScale")]
    scale: f64,
    #[serde(rename = "physicalUnits")]
    units: &'static str,
}

impl DimensionsV3 {
    fn new(canvas: &str, scale: PhysicalScale) -> Self {
        Self {
            context: DIMENSIONS_CONTEXT,
            id: format!("{canvas}/dimensions"),
            r#type: "Service",
            profile: DIMENSIONS_PROFILE,
            scale: scale.length(),
            units: scale.unit().abbreviation(),
        }
    }
}

#[derive(Serialize)]
struct AnnotationPage<'a> {
    id: String,
    r#type: &'static str,
    items: [Annotation<'a>; 1],
}

#[derive(Serialize)]
struct Annotation<'a> {
    id: String,
    r#type: &'static str,
    motivation: &'static str,
    body: PictureV3<'a>,
    target: &'a str,
}

/// The URIs of nested resources start with the canvas URI.
impl<'a> From<&'a Canvas> for CanvasV3<'a> {
    fn from(canvas: &'a Canvas) -> Self {
        let Canvas { id, label, summary, size, thumbnail, body, scale } = canvas;
        let annotation = Annotation {
            id: format!("{id}/page/image"),
            r#type: "Annotation",
            motivation: "painting",
            body: body.into(),
            target: id,
        };
        let page = AnnotationPage { id: format!("{id}/page"), r#type: "AnnotationPage", items: [annotation] };
        Self {
            id,
            r#type: CANVAS_TYPE,
            label: Texts::unless_empty(label),
            summary: Texts::unless_empty(summary),
            width: size.width(),
            height: size.height(),
            thumbnail: [thumbnail.into()],
            service: scale.map(|scale| [DimensionsV3::new(id, scale)]),
            items: [page],
        }
    }
}

#[derive(Serialize)]
pub(super) struct PictureV3<'a> {
    id: &'a str,
    r#type: &'static str,
    format: &'static str,
    width: u32,
    height: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    service: Option<[ServiceV3<'a>; 1]>,
}

impl<'a> From<&'a Picture> for PictureV3<'a> {
    fn from(picture: &'a Picture) -> Self {
        let (width, height) = (picture.size.width(), picture.size.height());
        let service = picture.service.as_ref().map(|service| [service.into()]);
        Self { id: &picture.id, r#type: "Image", format: "image/jpeg", width, height, service }
    }
}

/// Reference to an image service. A service of Image API 2 has [the keys of that
/// version](https://iiif.io/api/presentation/3.0/#service).
///
/// Width and height are omitted because they would make Mirador request `full//0/default.jpg`.
#[derive(Serialize)]
#[serde(untagged)]
enum ServiceV3<'a> {
    Image3 {
        id: &'a str,
        r#type: &'static str,
        profile: &'static str,
        sizes: Vec<Dimensions>,
    },
    Image2 {
        #[serde(rename = "@id")]
        id: &'a str,
        #[serde(rename = "@type")]
        r#type: &'static str,
        profile: &'static str,
        sizes: Vec<Dimensions>,
    },
}

impl<'a> From<&'a Service> for ServiceV3<'a> {
    fn from(Service { version, id, sizes }: &'a Service) -> Self {
        let sizes = sizes.iter().copied().map(Dimensions::from).collect();
        match version {
            ApiVersion::V3 => Self::Image3 { id, r#type: "ImageService3", profile: "level0", sizes },
            ApiVersion::V2 => {
                Self::Image2 { id, r#type: "ImageService2", profile: "http://iiif.io/api/image/2/level0.json", sizes }
            }
        }
    }
}

#[derive(Serialize)]
struct Dimensions {
    width: u32,
    height: u32,
}

impl From<Size> for Dimensions {
    fn from(size: Size) -> Self {
        Self { width: size.width(), height: size.height() }
    }
}
