//! Parses an `info.json` written by any program and reports anything invalid in it.

use super::fetch::Answer;
use super::finding::{Problem, shortened};
use super::{Described, InfoUrl, Rule};
use crate::iiif::{ApiVersion, Format, Formats, Size};
use serde_json::Value;

const JSON: &str = "application/json";
const JSON_LD: &str = "application/ld+json";

/// Image information from any server.
#[derive(Debug)]
pub(super) struct Information {
    pub(super) version: ApiVersion,
    level: Option<u8>,
    pub(super) id: String,
    pub(super) size: Size,
    pub(super) tiles: Vec<TileSet>,
    pub(super) sizes: Vec<Size>,
    pub(super) limits: Limits,
    /// Formats that this program supports.
    pub(super) formats: Formats,
    /// The complete document as received.
    pub(super) document: Value,
    complaints: Vec<String>,
}

/// An entry in `tiles`.
#[derive(Clone, Debug)]
pub(super) struct TileSet {
    pub(super) width: u32,
    pub(super) height: u32,
    /// Scale factors in ascending order, without duplicates.
    pub(super) scale_factors: Vec<u32>,
}

/// Size limits for image requests.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Limits {
    pub(super) width: Option<u32>,
    pub(super) height: Option<u32>,
    pub(super) area: Option<u64>,
}

impl Limits {
    fn of(document: &Value) -> Self {
        // Version 3 stores these members in the document itself, version 2 in an entry of `profile`.
        let profile = document["profile"].as_array().map(Vec::as_slice).unwrap_or_default();
        let member = |name| std::iter::once(document).chain(profile).find_map(|holder| holder[name].as_u64());
        let side = |name| member(name).and_then(|side| u32::try_from(side).ok());
        let width = side("maxWidth");
        Self { width, height: side("maxHeight").or(width), area: member("maxArea") }
    }
}

impl Information {
    /// Parses an `info.json`.
    ///
    /// # Errors
    /// Returns a message if the document isn't JSON or doesn't specify a version or size.
    pub(super) fn read(body: &[u8]) -> Result<Self, String> {
        let document: Value = serde_json::from_slice(body).map_err(|error| format!("not JSON: {error}"))?;
        let version = version(&document)?;
        let size = size_in(&document, "the image")?;
        let mut complaints = Vec::new();
        let tiles = entries(&document, "tiles", tile_set, &mut complaints);
        let sizes = entries(&document, "sizes", |entry| size_in(entry, "an entry of `sizes`"), &mut complaints);
        if !sizes.is_sorted_by_key(|size| size.pixels()) {
            complaints.push("`sizes` are not in ascending order".to_owned());
        }
        let name = if version == ApiVersion::V2 { "@id" } else { "id" };
        let id = document[name].as_str().unwrap_or_default().to_owned();
        let (level, limits) = (level(&document["profile"]), Limits::of(&document));
        let formats = formats(&document);
        Ok(Self { version, level, id, size, tiles, sizes, limits, formats, document, complaints })
    }

    pub(super) fn described(&self, rule: Rule) -> Described {
        Described { version: self.version, level: self.level, size: self.size, rule }
    }

    /// Returns the current version's URL if `id` is a folder directly below `url`.
    pub(super) fn version_below(&self, url: &InfoUrl) -> Option<InfoUrl> {
        let name = self.id.strip_prefix(url.base_uri())?.strip_prefix('/')?;
        let is_name = !name.is_empty() && !name.contains('/');
        self.id.parse().ok().filter(|_| is_name)
    }

    /// Returns everything wrong with a document that was fetched from one of these base URIs.
    pub(super) fn complaints(&self, base_uris: [&str; 2]) -> impl Iterator<Item = String> {
        self.id_complaint(base_uris).into_iter().chain(self.complaints.iter().cloned())
    }

    fn id_complaint(&self, base_uris: [&str; 2]) -> Option<String> {
        let id = shortened(&self.id);
        match self.id.strip_suffix('/') {
            _ if base_uris.contains(&self.id.as_str()) => None,
            _ if id.is_empty() => Some("it has no id".to_owned()),
            Some(base) if base_uris.contains(&base) => {
                Some(format!("id `{id}` ends with a slash, but viewers append one"))
            }
            _ => {
                Some(format!("id `{id}` differs from the base URI `{}`; viewers send requests to the id", base_uris[0]))
            }
        }
    }
}

/// Checks an `info.json` response's headers.
pub(super) fn header_problems(answer: &Answer) -> Vec<Problem> {
    let mut problems = Vec::new();
    if !is_media_type(answer, JSON) && !is_media_type(answer, JSON_LD) {
        problems.push(Problem::MediaType { found: answer.content_type.clone(), expected: JSON });
    }
    if !answer.allows_any_page {
        problems.push(Problem::InformationCors);
    }
    if !answer.has_cache_control {
        problems.push(Problem::CacheControl);
    }
    problems
}

/// Returns `true` if a response has the given media type, ignoring any parameters.
pub(super) fn is_media_type(answer: &Answer, expected: &str) -> bool {
    let found = answer.content_type.as_deref().and_then(|found| found.split(';').next());
    found.is_some_and(|found| found.trim().eq_ignore_ascii_case(expected))
}

/// Returns the API version, based on the context or on the type, which only exists in version 3.
fn version(document: &Value) -> Result<ApiVersion, String> {
    let context = &document["@context"];
    let contexts = context.as_array().map_or(std::slice::from_ref(context), Vec::as_slice);
    let names = |part: &str| contexts.iter().filter_map(Value::as_str).any(|context| context.contains(part));
    if names("/image/3/") || document["type"] == "ImageService3" {
        Ok(ApiVersion::V3)
    } else if names("/image/2/") {
        Ok(ApiVersion::V2)
    } else {
        Err("not an `info.json` of Image API version 2 or 3".to_owned())
    }
}

/// Returns the compliance level. It's given by `level0` or a URI ending in that, either alone or first in a list.
fn level(profile: &Value) -> Option<u8> {
    let name = profile.as_str().or_else(|| profile[0].as_str())?;
    let name = name.strip_suffix(".json").unwrap_or(name);
    (0..=2).find(|level| name.ends_with(&format!("level{level}")))
}

/// Returns the formats, listed as `extraFormats` in version 3 or as `formats` in a version 2 `profile` entry.
fn formats(document: &Value) -> Formats {
    let profile = document["profile"].as_array().map(Vec::as_slice).unwrap_or_default();
    let of_version_2 = profile.iter().map(|entry| &entry["formats"]);
    let lists = std::iter::once(&document["extraFormats"]).chain(of_version_2).filter_map(Value::as_array);
    Formats::beside_jpg(lists.flatten().filter_map(Value::as_str).filter_map(Format::of_extension))
}

/// Returns a list's valid entries. Adds a complaint for each invalid entry.
fn entries<T>(
    document: &Value,
    name: &str,
    read: impl Fn(&Value) -> Result<T, String>,
    complaints: &mut Vec<String>,
) -> Vec<T> {
    let entries: &[Value] = match &document[name] {
        Value::Null => &[],
        Value::Array(entries) => entries,
        _ => {
            complaints.push(format!("`{name}` is not a list"));
            &[]
        }
    };
    entries.iter().filter_map(|entry| read(entry).map_err(|words| complaints.push(words)).ok()).collect()
}

fn size_in(holder: &Value, what: &str) -> Result<Size, String> {
    let side = |name: &str| holder[name].as_u64().and_then(|side| u32::try_from(side).ok());
    match (side("width"), side("height")) {
        (Some(width), Some(height)) => Size::new(width, height).map_err(|error| format!("{what}: {error}")),
        _ => Err(format!("{what} has no width and height in whole pixels")),
    }
}

fn tile_set(entry: &Value) -> Result<TileSet, String> {
    let positive =
        |value: &Value| value.as_u64().and_then(|value| u32::try_from(value).ok()).filter(|value| *value > 0);
    let width = positive(&entry["width"]).ok_or("an entry of `tiles` has no width in whole pixels")?;
    let factors = entry["scaleFactors"].as_array().ok_or("an entry of `tiles` has no `scaleFactors`")?;
    let scale_factors: Option<Vec<u32>> = factors.iter().map(positive).collect();
    let mut scale_factors = scale_factors.ok_or("an entry of `scaleFactors` is not a positive whole number")?;
    scale_factors.sort_unstable();
    scale_factors.dedup();
    // Tiles are square if the height is missing (Image API 3.0, section 5.4).
    Ok(TileSet { width, height: positive(&entry["height"]).unwrap_or(width), scale_factors })
}
