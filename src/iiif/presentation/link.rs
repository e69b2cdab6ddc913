//! Links from objects to web pages, files and providers.

use super::LanguageMap;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use std::str::FromStr;

/// Characters that aren't allowed in URLs, or that could end an HTML attribute or text.
const UNSAFE: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'\'')
    .add(b'<')
    .add(b'>')
    .add(b'\\')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// An absolute `http` or `https` URL without a password. Characters that aren't allowed in URLs are percent-encoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebUrl(String);

/// Error returned for a link that isn't a [`WebUrl`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an http:// or https:// URL")]
pub struct WebUrlError(String);

impl FromStr for WebUrl {
    type Err = WebUrlError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refused = || WebUrlError(text.to_owned());
        let (scheme, rest) = text.split_once("://").ok_or_else(refused)?;
        let scheme = scheme.to_ascii_lowercase();
        let (host, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        let is_host = |c: char| c.is_ascii_alphanumeric() || ".-:[]".contains(c);
        let is_valid = ["http", "https"].contains(&scheme.as_str())
            && host.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '[')
            && host.chars().all(is_host);
        let has_space = text.contains(|c: char| c.is_whitespace() || c.is_control());
        if !is_valid || has_space {
            return Err(refused());
        }
        Ok(Self(format!("{scheme}://{host}{}", utf8_percent_encode(path, UNSAFE))))
    }
}

impl WebUrl {
    /// Returns the URL as a string slice.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the host, without a port.
    fn host(&self) -> &str {
        let rest = self.0.split_once("://").map_or("", |(_, rest)| rest);
        let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
        host.rsplit_once(':')
            .filter(|(_, port)| port.bytes().all(|b| b.is_ascii_digit()))
            .map_or(host, |(host, _)| host)
    }

    /// Returns the path's last segment, decoded.
    fn file_name(&self) -> Option<String> {
        let rest = self.0.split_once("://")?.1;
        let path = rest.split(['?', '#']).next()?.split_once('/')?.1;
        let name = path.rsplit('/').next().filter(|name| !name.is_empty())?;
        percent_encoding::percent_decode_str(name).decode_utf8().ok().map(std::borrow::Cow::into_owned)
    }

    /// Returns the media type and resource type based on the file extension.
    pub(super) fn media(&self) -> Option<(&'static str, &'static str)> {
        let name = self.file_name()?.to_lowercase();
        let (_, extension) = name.rsplit_once('.')?;
        MEDIA.iter().find(|(known, ..)| *known == extension).map(|(_, format, kind)| (*format, *kind))
    }
}

/// File extensions with their media types and resource types.
const MEDIA: [(&str, &str, &str); 34] = [
    ("pdf", "application/pdf", "Text"),
    ("epub", "application/epub+zip", "Text"),
    ("txt", "text/plain", "Text"),
    ("md", "text/markdown", "Text"),
    ("htm", "text/html", "Text"),
    ("html", "text/html", "Text"),
    ("json", "application/json", "Dataset"),
    ("jsonld", "application/ld+json", "Dataset"),
    ("xml", "application/xml", "Dataset"),
    ("rdf", "application/rdf+xml", "Dataset"),
    ("ttl", "text/turtle", "Dataset"),
    ("csv", "text/csv", "Dataset"),
    ("zip", "application/zip", "Dataset"),
    ("ods", "application/vnd.oasis.opendocument.spreadsheet", "Dataset"),
    ("xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "Dataset"),
    ("jpg", "image/jpeg", "Image"),
    ("jpeg", "image/jpeg", "Image"),
    ("png", "image/png", "Image"),
    ("gif", "image/gif", "Image"),
    ("svg", "image/svg+xml", "Image"),
    ("tif", "image/tiff", "Image"),
    ("tiff", "image/tiff", "Image"),
    ("webp", "image/webp", "Image"),
    ("mp3", "audio/mpeg", "Sound"),
    ("m4a", "audio/mp4", "Sound"),
    ("ogg", "audio/ogg", "Sound"),
    ("wav", "audio/wav", "Sound"),
    ("flac", "audio/flac", "Sound"),
    ("mp4", "video/mp4", "Video"),
    ("webm", "video/webm", "Video"),
    ("mov", "video/quicktime", "Video"),
    ("glb", "model/gltf-binary", "Model"),
    ("gltf", "model/gltf+json", "Model"),
    ("stl", "model/stl", "Model"),
];

/// A link with a label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// The link's target.
    pub url: WebUrl,
    /// Label, which may be empty.
    pub label: LanguageMap,
}

impl Link {
    /// Returns the label for a link to a file. Defaults to the file name.
    pub(crate) fn file_label(&self) -> LanguageMap {
        let name = || self.url.file_name().unwrap_or_else(|| self.url.host().to_owned());
        if self.label.is_empty() { LanguageMap::new(None, name()) } else { self.label.clone() }
    }

    /// Returns the label for a link to a page. Defaults to the host name.
    pub(crate) fn page_label(&self) -> LanguageMap {
        if self.label.is_empty() { LanguageMap::new(None, self.url.host()) } else { self.label.clone() }
    }
}

/// An organization or person that provides an object
/// ([provider](https://iiif.io/api/presentation/3.0/#provider)).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agent {
    /// Name.
    pub name: LanguageMap,
    /// Home page. Its URL also identifies the agent.
    pub homepage: WebUrl,
    /// URL of a logo image.
    pub logo: Option<WebUrl>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_web_urls_are_links_and_no_character_leaves_an_attribute() {
        for (text, url) in [
            ("https://example.org", Some("https://example.org")),
            ("HTTP://example.org:8080/a?b#c", Some("http://example.org:8080/a?b#c")),
            ("https://example.org/Größe|1", Some("https://example.org/Gr%C3%B6%C3%9Fe%7C1")),
            ("https://example.org/\"><script>", Some("https://example.org/%22%3E%3Cscript%3E")),
            ("https://example.org/'x%20y", Some("https://example.org/%27x%20y")),
            ("https://[2001:db8::1]/", Some("https://[2001:db8::1]/")),
            ("javascript://example.org/%0aalert(1)", None),
            ("javascript:alert(1)", None),
            ("data:text/html,x", None),
            ("//example.org", None),
            ("https://", None),
            ("https:///x", None),
            ("https://user:secret@example.org/", None),
            ("https://exämple.org/", None),
            ("https://example.org/a b", None),
            ("https://example.org\\@evil.example/", None),
            ("www.example.org", None),
        ] {
            assert_eq!(text.parse::<WebUrl>().ok().as_ref().map(WebUrl::as_str), url, "{text}");
        }
    }

    #[test]
    fn links_have_a_label_and_a_type() {
        let link = |url: &str| Link { url: url.parse().expect("a URL"), label: LanguageMap::default() };
        let atlas = link("https://example.org:80/files/World%20atlas.PDF?x=.zip");
        assert_eq!(atlas.url.media(), Some(("application/pdf", "Text")));
        assert_eq!(atlas.file_label(), LanguageMap::new(None, "World atlas.PDF"));
        assert_eq!(atlas.page_label(), LanguageMap::new(None, "example.org"));
        assert_eq!(link("https://example.org").file_label(), LanguageMap::new(None, "example.org"));
        assert_eq!(link("https://example.org/pdf").url.media(), None);
    }
}
