//! The image information document, `info.json`. Viewers load it first.

use super::format::{Format, Formats};
use super::geometry::Size;
use super::plan::ApiVersion;
use super::pyramid::Pyramid;
use serde::Serialize;
use std::fmt;

/// A license or rights statement, given as an absolute `http` or `https` URI.
///
/// Version 3 calls it [`rights`](https://iiif.io/api/image/3.0/#56-rights), and version 2 calls it
/// [`license`](https://iiif.io/api/image/2.1/#rights-related-properties).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Rights(String);

/// Error returned for invalid `info.json` values.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ImageInformationError {
    /// The rights statement isn't an absolute URI.
    Rights(String),
}

impl fmt::Display for ImageInformationError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rights(rights) => write!(
                formatter,
                "rights `{rights}` are not a URI, such as http://creativecommons.org/publicdomain/mark/1.0/"
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

/// Image information for one published image.
///
/// Serializes as [image information in Image API 3.0](https://iiif.io/api/image/3.0/#5-image-information) or
/// [2.1](https://iiif.io/api/image/2.1/#image-information). Properties are always written in the same order.
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
    /// Formats in order of preference. All image files are available in each of them.
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

/// Tile size and scale factors. The height is always written because OpenLayers 10 stretches version 3 tiles without
/// it.
#[derive(Clone, Debug, Serialize)]
struct Tiles {
    width: u32,
    height: u32,
    #[serde(rename = "scaleFactors")]
    scale_factors: Vec<u32>,
}

const PROTOCOL: &str = "http://iiif.io/api/image";

/// Properties shared by both versions, which use different names for some of them.
struct Members {
    id: String,
    size: Size,
    max_width: Option<u32>,
    sizes: Vec<Dimensions>,
    tiles: [Tiles; 1],
    formats: Formats,
    rights: Option<Rights>,
}

impl Members {
    fn new(pyramid: &Pyramid, id: String, rights: Option<Rights>) -> Self {
        let size = pyramid.size();
        let max_size = size.at(pyramid.max_level());
        let listed = pyramid.listed_levels().map(|scale| size.at(scale));
        let scale_factors = pyramid.scale_factors().iter().map(|scale| scale.value()).collect();
        Self {
            id,
            size,
            // Don't limit the height. Allmaps rejects whole images whose tiles exceed `maxHeight`.
            max_width: (max_size != size).then_some(max_size.longer_side()),
            sizes: listed.map(|size| Dimensions { width: size.width(), height: size.height() }).collect(),
            tiles: [Tiles { width: pyramid.tile_size(), height: pyramid.tile_size(), scale_factors }],
            formats: pyramid.formats(),
            rights,
        }
    }

    fn into_version2(self) -> Version2 {
        let formats = self.formats.all().map(Format::extension).collect();
        let profile = Profile2 { formats, qualities: ["default"], max_width: self.max_width };
        Version2 {
            context: "http://iiif.io/api/image/2/context.json",
            id: self.id,
            protocol: PROTOCOL,
            width: self.size.width(),
            height: self.size.height(),
            sizes: self.sizes,
            tiles: self.tiles,
            profile: ("http://iiif.io/api/image/2/level0.json", profile),
            license: self.rights,
        }
    }

    fn into_version3(self) -> Version3 {
        let extra_formats: Vec<_> = self.formats.extra().map(Format::extension).collect();
        Version3 {
            context: "http://iiif.io/api/image/3/context.json",
            id: self.id,
            kind: "ImageService3",
            protocol: PROTOCOL,
            profile: "level0",
            width: self.size.width(),
            height: self.size.height(),
            max_width: self.max_width,
            sizes: self.sizes,
            tiles: self.tiles,
            preferred_formats: preferred(&extra_formats),
            extra_formats,
            rights: self.rights,
        }
    }
}

impl ImageInformation {
    /// Creates the image information for a pyramid.
    ///
    /// `base_uri` must not have a trailing slash because viewers append one.
    #[must_use]
    pub fn new(pyramid: &Pyramid, version: ApiVersion, base_uri: String, rights: Option<Rights>) -> Self {
        let members = Members::new(pyramid, base_uri, rights);
        Self(match version {
            ApiVersion::V2 => Document::V2(members.into_version2()),
            ApiVersion::V3 => Document::V3(members.into_version3()),
        })
    }

    /// Returns the document's media type.
    #[must_use]
    pub fn content_type(version: ApiVersion) -> &'static str {
        match version {
            ApiVersion::V2 => "application/json",
            ApiVersion::V3 => "application/ld+json;profile=\"http://iiif.io/api/image/3/context.json\"",
        }
    }

    /// Returns the document as indented JSON with a trailing newline.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut json = serde_json::to_string_pretty(self).expect("strings and numbers always serialize");
        json.push('\n');
        json
    }
}

/// Returns the preferred formats with JPEG last. The list is empty if JPEG is the only format.
fn preferred(extra_formats: &[&'static str]) -> Vec<&'static str> {
    if extra_formats.is_empty() { Vec::new() } else { [extra_formats, &[Format::Jpg.extension()]].concat() }
}
