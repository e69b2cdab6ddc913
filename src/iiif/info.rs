//! `info.json`: what a viewer reads first, and all that it believes.

use super::format::Format;
use super::plan::ApiVersion;
use super::pyramid::Pyramid;
use serde::Serialize;
use std::fmt;

/// The licence or rights statement of an image: an absolute `http` or `https` URI.
///
/// Version 3 writes it as [`rights`](https://iiif.io/api/image/3.0/#56-rights), version 2 as
/// [`license`](https://iiif.io/api/image/2.1/#rights-related-properties).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Rights(String);

/// Why an `info.json` cannot be written.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ImageInformationError {
    /// Rights that are not an absolute URI.
    Rights(String),
}

impl fmt::Display for ImageInformationError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rights(rights) => write!(
                formatter,
                "rights `{rights}` are not a URI like http://creativecommons.org/publicdomain/mark/1.0/"
            ),
        }
    }
}

impl std::error::Error for ImageInformationError {}

impl Rights {
    /// Returns the URI.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::str::FromStr for Rights {
    type Err = ImageInformationError;

    fn from_str(rights: &str) -> Result<Self, Self::Err> {
        let rest = rights.strip_prefix("https://").or_else(|| rights.strip_prefix("http://"));
        let is_uri = rest.is_some_and(|rest| !rest.is_empty() && rest.chars().all(|c| c.is_ascii_graphic()));
        if is_uri { Ok(Self(rights.to_owned())) } else { Err(ImageInformationError::Rights(rights.to_owned())) }
    }
}

/// The image information of one published image.
///
/// Serialises to the document that
/// [Image API 3.0, Image Information](https://iiif.io/api/image/3.0/#5-image-information) or its counterpart in
/// [2.1](https://iiif.io/api/image/2.1/#image-information) describes, members in a fixed order.
#[derive(Clone, Debug, Serialize)]
pub struct ImageInformation(Document);

#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
enum Document {
    V2(Version2),
    V3(Version3),
}

#[derive(Clone, Debug, Serialize)]
struct Version2 {
    #[serde(rename = "@context")]
    context: &'static str,
    #[serde(rename = "@id")]
    id: String,
    protocol: &'static str,
    width: u32,
    height: u32,
    sizes: Vec<Dimensions>,
    tiles: [Tiles; 1],
    profile: (&'static str, Profile2),
    #[serde(skip_serializing_if = "Option::is_none")]
    license: Option<Rights>,
}

#[derive(Clone, Debug, Serialize)]
struct Profile2 {
    formats: Vec<&'static str>,
    qualities: [&'static str; 1],
    #[serde(rename = "maxWidth", skip_serializing_if = "Option::is_none")]
    max_width: Option<u32>,
}

#[derive(Clone, Debug, Serialize)]
struct Version3 {
    #[serde(rename = "@context")]
    context: &'static str,
    id: String,
    #[serde(rename = "type")]
    kind: &'static str,
    protocol: &'static str,
    profile: &'static str,
    width: u32,
    height: u32,
    #[serde(rename = "maxWidth", skip_serializing_if = "Option::is_none")]
    max_width: Option<u32>,
    sizes: Vec<Dimensions>,
    tiles: [Tiles; 1],
    #[serde(rename = "extraFormats", skip_serializing_if = "Vec::is_empty")]
    extra_formats: Vec<&'static str>,
    /// Only of formats that every object exists in, which is so of all.
    #[serde(rename = "preferredFormats", skip_serializing_if = "Vec::is_empty")]
    preferred_formats: Vec<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rights: Option<Rights>,
}

#[derive(Clone, Debug, Serialize)]
struct Dimensions {
    width: u32,
    height: u32,
}

/// Always with a height: OpenLayers 10 draws version 3 stretched where it is missing.
#[derive(Clone, Debug, Serialize)]
struct Tiles {
    width: u32,
    height: u32,
    #[serde(rename = "scaleFactors")]
    scale_factors: Vec<u32>,
}

const PROTOCOL: &str = "http://iiif.io/api/image";

impl ImageInformation {
    /// The image information of a pyramid whose base URI is `base_uri` (no trailing slash: viewers append one).
    #[must_use]
    pub fn new(pyramid: &Pyramid, version: ApiVersion, base_uri: String, rights: Option<Rights>) -> Self {
        let (width, height) = (pyramid.size().width(), pyramid.size().height());
        let max_size = pyramid.size().at(pyramid.max_level());
        // Only the width is limited: Allmaps refuses whole images whose tiles exceed a `maxHeight`.
        let max_width = (max_size != pyramid.size()).then_some(max_size.longer_side());
        let sizes = pyramid.listed_levels().map(|scale| pyramid.size().at(scale));
        let sizes = sizes.map(|size| Dimensions { width: size.width(), height: size.height() }).collect();
        let scale_factors = pyramid.scale_factors().iter().map(|scale| scale.value()).collect();
        let tiles = [Tiles { width: pyramid.tile_size(), height: pyramid.tile_size(), scale_factors }];
        let formats = pyramid.formats();
        let extra_formats: Vec<_> = formats.extra().map(Format::extension).collect();
        Self(match version {
            ApiVersion::V2 => Document::V2(Version2 {
                context: "http://iiif.io/api/image/2/context.json",
                id: base_uri,
                protocol: PROTOCOL,
                width,
                height,
                sizes,
                tiles,
                profile: (
                    "http://iiif.io/api/image/2/level0.json",
                    Profile2 {
                        formats: formats.all().map(Format::extension).collect(),
                        qualities: ["default"],
                        max_width,
                    },
                ),
                license: rights,
            }),
            ApiVersion::V3 => Document::V3(Version3 {
                context: "http://iiif.io/api/image/3/context.json",
                id: base_uri,
                kind: "ImageService3",
                protocol: PROTOCOL,
                profile: "level0",
                width,
                height,
                max_width,
                sizes,
                tiles,
                preferred_formats: preferred(&extra_formats),
                extra_formats,
                rights,
            }),
        })
    }

    /// The media type to serve it with.
    #[must_use]
    pub fn content_type(version: ApiVersion) -> &'static str {
        match version {
            ApiVersion::V2 => "application/json",
            ApiVersion::V3 => "application/ld+json;profile=\"http://iiif.io/api/image/3/context.json\"",
        }
    }

    /// The document, indented for people, with a newline at its end.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut json = serde_json::to_string_pretty(self).expect("strings and numbers always serialise");
        json.push('\n');
        json
    }
}

/// The formats in the order of preference, JPEG last; nothing where it is the only one.
fn preferred(extra_formats: &[&'static str]) -> Vec<&'static str> {
    if extra_formats.is_empty() { Vec::new() } else { [extra_formats, &[Format::Jpg.extension()]].concat() }
}
