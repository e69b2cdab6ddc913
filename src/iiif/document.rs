//! Detects `info.json` documents, including those written by other programs.

use super::plan::ApiVersion;
use serde_json::Value;

/// Value of `protocol` in image information since version 2, without the scheme.
const PROTOCOL: &str = "iiif.io/api/image";

/// JSON-LD context for version 1, which has no `protocol` property.
const CONTEXT_1: &str = "library.stanford.edu/iiif/image-api";

/// Identifying properties of an `info.json` document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ImageDocument {
    id: String,
    version: Option<ApiVersion>,
    is_static: bool,
}

impl ImageDocument {
    /// Parses image information. Returns `None` for any other document.
    pub(crate) fn read(body: &[u8]) -> Option<Self> {
        let document: Value = serde_json::from_slice(body).ok()?;
        let id = document["id"].as_str().or_else(|| document["@id"].as_str())?.to_owned();
        let has_protocol = document["protocol"].as_str().is_some_and(|protocol| without_scheme(protocol) == PROTOCOL);
        let contexts: Vec<&str> = one_or_many(&document["@context"]).collect();
        let has_context =
            contexts.iter().any(|context| [PROTOCOL, CONTEXT_1].iter().any(|known| context.contains(known)));
        // Manifests also have an id and a context, but their `type` is different.
        let kind = document["type"].as_str().or_else(|| document["@type"].as_str());
        let is_image = kind.is_none_or(|kind| ["ImageService2", "ImageService3", "iiif:Image"].contains(&kind));
        if !is_image || !(has_protocol || has_context) {
            return None;
        }
        let is_static = has_protocol && one_or_many(&document["profile"]).any(is_level0);
        Some(Self { version: version(kind, &contexts), id, is_static })
    }

    /// Returns `true` for Level 0, the compliance level for static files.
    pub(crate) fn is_static(&self) -> bool {
        self.is_static
    }

    /// Returns the Image API version, if the document specifies one.
    pub(crate) fn version(&self) -> Option<ApiVersion> {
        self.version
    }

    /// Returns the image's base URI.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// Returns the base URI without percent-encoding, or `None` if the result isn't valid UTF-8.
    pub(crate) fn decoded_id(&self) -> Option<String> {
        percent_encoding::percent_decode_str(&self.id).decode_utf8().ok().map(std::borrow::Cow::into_owned)
    }
}

fn one_or_many(value: &Value) -> impl Iterator<Item = &str> {
    let many = value.as_array().map(Vec::as_slice).unwrap_or_default();
    value.as_str().into_iter().chain(many.iter().filter_map(Value::as_str))
}

fn without_scheme(uri: &str) -> &str {
    uri.strip_prefix("http://").or_else(|| uri.strip_prefix("https://")).unwrap_or(uri)
}

/// Checks whether a profile is Level 0. Version 3 uses a short name, and earlier versions use a URI.
fn is_level0(profile: &str) -> bool {
    profile == "level0" || profile.ends_with("/level0.json") || profile.ends_with("#level0")
}

fn version(kind: Option<&str>, contexts: &[&str]) -> Option<ApiVersion> {
    let is_of = |number: u8| {
        kind.is_some_and(|kind| kind.strip_prefix("ImageService") == Some(&number.to_string()))
            || contexts.iter().any(|context| context.contains(&format!("{PROTOCOL}/{number}/")))
    };
    [ApiVersion::V3, ApiVersion::V2].into_iter().find(|version| is_of(version.number()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::iiif::{ImageInformation, Pyramid, PyramidShape, Size};
    use serde_json::json;

    fn read(document: &Value) -> Option<ImageDocument> {
        ImageDocument::read(document.to_string().as_bytes())
    }

    #[test]
    fn own_info_json_is_recognized() {
        let pyramid = Pyramid::new(Size::new(700, 500).expect("a size"), PyramidShape::default());
        for version in [ApiVersion::V2, ApiVersion::V3] {
            let json = ImageInformation::new(&pyramid, version, "https://example.org/a%20b".to_owned(), None).to_json();
            let document = ImageDocument::read(json.as_bytes()).expect("image information");
            assert!(document.is_static());
            assert_eq!(document.version(), Some(version));
            assert_eq!(document.decoded_id().as_deref(), Some("https://example.org/a b"));
        }
    }

    #[test]
    fn info_json_of_other_programs_is_recognized() {
        let vips = json!({"@context": "http://iiif.io/api/image/2/context.json", "@id": "https://example.com/iiif/vips",
            "protocol": "http://iiif.io/api/image", "profile": ["http://iiif.io/api/image/2/level0.json", {"formats": ["jpg"]}]});
        assert!(read(&vips).is_some_and(|document| document.is_static()));
        let server = json!({"@context": ["http://iiif.io/api/image/3/context.json"], "id": "https://example.com/x",
            "type": "ImageService3", "protocol": "http://iiif.io/api/image", "profile": "level2"});
        assert!(read(&server).is_some_and(|document| !document.is_static()));
        let old = json!({"@context": "http://library.stanford.edu/iiif/image-api/1.1/context.json", "@id": "https://x/y",
            "profile": "http://library.stanford.edu/iiif/image-api/1.1/compliance.html#level0"});
        assert!(read(&old).is_some_and(|document| !document.is_static() && document.version().is_none()));
    }

    #[test]
    fn other_documents_are_not_image_information() {
        for document in [
            json!({}),
            json!([1]),
            json!({"id": "settings", "profile": "level0"}),
            json!({"id": "https://x/info.json", "type": "Manifest", "@context": "http://iiif.io/api/presentation/3/context.json"}),
            json!({"id": "https://x/info.json", "type": "Manifest", "protocol": "http://iiif.io/api/image"}),
            json!({"protocol": "http://iiif.io/api/image", "profile": "level0"}),
        ] {
            assert_eq!(read(&document), None, "{document}");
        }
        for body in ["", "{", "null", "\u{0}"] {
            assert_eq!(ImageDocument::read(body.as_bytes()), None);
        }
    }
}
