//! Prefixes, identifiers and keys. A validated key cannot leave its prefix.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use std::fmt;
use std::str::FromStr;

/// Maximum length of a key in S3, in bytes of UTF-8.
const MAX_KEY_BYTES: usize = 1024;

/// Maximum length of a request path, in bytes: `x,y,w,h/w,h/0/default.webp` with numbers of ten digits, plus a margin.
const MAX_PATH_BYTES: usize = 96;

/// Characters that are not percent-encoded in URLs: the unreserved characters of RFC 3986 and the slash. `+` is encoded
/// because S3 reads it as a space.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

/// An error in the text of a prefix, an identifier or a URL.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// A segment is empty, or the whole text is.
    #[error("`{0}` has an empty segment: remove leading, trailing and doubled slashes")]
    EmptySegment(String),
    /// A segment is `.` or `..`, which would leave the prefix.
    #[error("`{0}` contains a `.` or `..` segment")]
    DotSegment(String),
    /// The text contains a control character or a backslash.
    #[error("`{}` contains a control character or a backslash", .0.escape_debug())]
    Character(String),
    /// The text is longer than a key of S3 can be.
    #[error("`{0}` is too long: keys are limited to 1024 bytes")]
    TooLong(String),
    /// A segment of an identifier has the form of a version name.
    #[error("`{0}` contains a segment that is reserved for versions: `v` and twelve hexadecimal digits")]
    Version(String),
    /// The text is not an absolute URL that a path can be appended to.
    #[error("`{0}` is not a URL like https://example.org/iiif")]
    Url(String),
    /// The URL contains a user name or a password, which would be published. The error message omits both.
    #[error("the URL of `{0}` contains a user name or a password, which would be published")]
    Secret(String),
}

fn validate(text: &str) -> Result<(), KeyError> {
    if text.chars().any(|character| character.is_control() || character == '\\') {
        return Err(KeyError::Character(text.to_owned()));
    }
    if text.split('/').any(str::is_empty) {
        return Err(KeyError::EmptySegment(text.to_owned()));
    }
    if text.split('/').any(|segment| segment == "." || segment == "..") {
        return Err(KeyError::DotSegment(text.to_owned()));
    }
    // Room is left for the longest request path, so that a folder that is accepted can hold all of its keys. A failure
    // after half of the tiles would be the alternative.
    if text.len() > MAX_KEY_BYTES - MAX_PATH_BYTES {
        return Err(KeyError::TooLong(text.to_owned()));
    }
    Ok(())
}

/// The common prefix of all keys of a publisher, which may be empty. Leading and trailing slashes are ignored.
///
/// ```
/// use iiif_publish::store::Prefix;
/// assert_eq!("/museum/maps/".parse::<Prefix>()?.to_string(), "museum/maps");
/// assert!("museum/../maps".parse::<Prefix>().is_err());
/// # Ok::<(), iiif_publish::store::KeyError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prefix(String);

impl FromStr for Prefix {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let text = text.strip_prefix('/').unwrap_or(text);
        let text = text.strip_suffix('/').unwrap_or(text);
        if !text.is_empty() {
            validate(text)?;
        }
        Ok(Self(text.to_owned()))
    }
}

impl Prefix {
    /// Returns `true` if the prefix is empty and therefore covers the whole bucket.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the prefix with a trailing slash, or an empty string if the prefix is empty. Only keys below the prefix
    /// begin with it.
    #[must_use]
    pub fn with_slash(&self) -> String {
        if self.is_empty() { String::new() } else { format!("{}/", self.0) }
    }

    /// Returns a key that was listed by a store, or `None` if the key is not below the prefix.
    #[must_use]
    pub fn found(&self, key: &str) -> Option<Key> {
        self.path_of(key).map(|_| Key(key.to_owned()))
    }

    /// Returns the path of a key relative to the prefix, or `None` if the key is not below the prefix.
    ///
    /// ```
    /// use iiif_publish::store::Prefix;
    /// let maps: Prefix = "maps".parse()?;
    /// assert_eq!(maps.path_of("maps/atlas/info.json"), Some("atlas/info.json"));
    /// assert_eq!(maps.path_of("maps-of-rome/info.json"), None);
    /// # Ok::<(), iiif_publish::store::KeyError>(())
    /// ```
    #[must_use]
    pub fn path_of<'a>(&self, key: &'a str) -> Option<&'a str> {
        let path = if self.is_empty() { Some(key) } else { key.strip_prefix(&self.0)?.strip_prefix('/') };
        path.filter(|path| !path.is_empty())
    }
}

/// The prefix of all objects of an image.
impl From<ImageFolder> for Prefix {
    fn from(folder: ImageFolder) -> Self {
        Self(folder.0)
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// The identifier of an image below the prefix. Slashes separate folders.
///
/// ```
/// use iiif_publish::store::Identifier;
/// assert!("manuscripts/ms-1/f.2r".parse::<Identifier>().is_ok());
/// assert!("../secrets".parse::<Identifier>().is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Identifier(String);

impl FromStr for Identifier {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        validate(text)?;
        if text.split('/').any(|segment| segment.parse::<VersionName>().is_ok()) {
            return Err(KeyError::Version(text.to_owned()));
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for Identifier {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl Identifier {
    /// Returns the identifier without percent-encoding.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the identifier percent-encoded for a URL.
    #[must_use]
    pub fn in_url(&self) -> String {
        utf8_percent_encode(&self.0, ENCODED).to_string()
    }
}

/// The folder of one image, which contains all its keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageFolder(String);

impl ImageFolder {
    /// Creates the folder `{prefix}/{identifier}`, or `{prefix}/3/{identifier}` if `version` is version 3 of the Image
    /// API.
    ///
    /// # Errors
    /// If the prefix and the identifier together are too long.
    pub fn new(prefix: &Prefix, version: Option<u8>, identifier: &Identifier) -> Result<Self, KeyError> {
        let version = version.map(|number| number.to_string());
        let parts = [Some(prefix.0.as_str()).filter(|prefix| !prefix.is_empty()), version.as_deref()];
        let parts: Vec<&str> = parts.into_iter().flatten().chain([identifier.0.as_str()]).collect();
        let folder = parts.join("/");
        validate(&folder)?;
        Ok(Self(folder))
    }

    /// Returns the key of a path in the folder, such as a request path or `info.json`.
    ///
    /// # Panics
    /// If the path is longer than a request path can be.
    #[must_use]
    pub fn key(&self, path: &impl fmt::Display) -> Key {
        let path = path.to_string();
        assert!(path.len() <= MAX_PATH_BYTES, "`{path}` is not a path of the Image API");
        Key(format!("{}/{path}", self.0))
    }
}

impl ImageFolder {
    /// Returns the folder of a version of the image, which is inside this folder.
    ///
    /// # Errors
    /// If the key is too long.
    pub fn version(&self, name: &VersionName) -> Result<Self, KeyError> {
        let folder = format!("{}/{name}", self.0);
        validate(&folder)?;
        Ok(Self(folder))
    }

    /// Returns the key of the folder itself, which corresponds to the bare base URI.
    #[must_use]
    pub fn base_key(&self) -> Key {
        Key(self.0.clone())
    }

    /// Returns the path of a key relative to the folder, or `None` if the key is not in the folder.
    #[must_use]
    pub fn path_of<'a>(&self, key: &'a str) -> Option<&'a str> {
        key.strip_prefix(&self.0)?.strip_prefix('/').filter(|path| !path.is_empty())
    }
}

/// The name of a version of an image: `v` and twelve hexadecimal digits. The same content always has the same name.
///
/// No path of the Image API has this form.
///
/// ```
/// use iiif_publish::store::VersionName;
/// assert!("v0123456789ab".parse::<VersionName>().is_ok());
/// assert!("v0123456789AB".parse::<VersionName>().is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct VersionName(String);

/// The text is not the name of a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the name of a version is `v` and twelve hexadecimal digits")]
pub struct VersionNameError;

impl VersionName {
    const DIGITS: usize = 12;

    /// Returns the name of the version whose content has the hexadecimal digest `hash`.
    ///
    /// # Errors
    /// If `hash` has fewer than twelve digits.
    pub fn of_hash(hash: &str) -> Result<Self, VersionNameError> {
        format!("v{}", hash.get(..Self::DIGITS).ok_or(VersionNameError)?).parse()
    }
}

impl FromStr for VersionName {
    type Err = VersionNameError;

    fn from_str(text: &str) -> Result<Self, VersionNameError> {
        let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        let digits =
            text.strip_prefix('v').filter(|digits| digits.len() == Self::DIGITS && digits.bytes().all(is_digit));
        digits.map(|_| Self(text.to_owned())).ok_or(VersionNameError)
    }
}

impl fmt::Display for VersionName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// The key of an object in a bucket, or its path below a folder. Only [`ImageFolder`] and [`Prefix`] create keys, so
/// every key is validated.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key(String);

impl Key {
    /// Returns the key as S3 expects it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Returns `true` if a URL names a user, with or without a password.
///
/// A password may contain any character. Any `@` before the query therefore counts as the end of the user information,
/// unless the host before it is complete: in `https://host/@user`, the `@` belongs to the path.
pub(super) fn has_user_info(url: &str) -> bool {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    // In `user:pa/ss@host`, `pa` looks like a port but is not one.
    let is_port = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit());
    let after_brackets = authority.rsplit(']').next().unwrap_or(authority);
    let has_broken_port = after_brackets.split_once(':').is_some_and(|(_, port)| !is_port(port));
    authority.contains('@') || has_broken_port && rest.contains('@')
}

/// Returns a URL without user name, password, query and fragment, for use in messages.
#[must_use]
pub fn redacted_url(url: &str) -> String {
    let url_without_query = url.split(['?', '#']).next().unwrap_or_default();
    let hidden = if url_without_query.len() < url.len() { "?..." } else { "" };
    let (scheme, rest) = match url_without_query.split_once("://") {
        Some((scheme, rest)) => (format!("{scheme}://"), rest),
        None => (String::new(), url_without_query),
    };
    let rest = if has_user_info(url) { rest.rsplit('@').next().unwrap_or_default() } else { rest };
    format!("{scheme}{rest}{hidden}")
}

/// The public URL of the prefix.
///
/// ```
/// use iiif_publish::store::PublicUrl;
/// let url: PublicUrl = "https://cdn.example.org/iiif/".parse()?;
/// assert_eq!(url.base_uri(None, &"ms 1".parse()?), "https://cdn.example.org/iiif/ms%201");
/// assert_eq!(url.base_uri(Some(3), &"ms-1".parse()?), "https://cdn.example.org/iiif/3/ms-1");
/// # Ok::<(), iiif_publish::store::KeyError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicUrl(String);

impl FromStr for PublicUrl {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
        if has_user_info(text) {
            return Err(KeyError::Secret(redacted_url(text)));
        }
        let is_url = rest.is_some_and(|rest| {
            !rest.is_empty()
                && !rest.starts_with('/')
                && rest.chars().all(|c| c.is_ascii_graphic() && !matches!(c, '?' | '#' | '"' | '<' | '>' | '\\'))
        });
        if is_url { Ok(Self(text.trim_end_matches('/').to_owned())) } else { Err(KeyError::Url(redacted_url(text))) }
    }
}

impl fmt::Display for PublicUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl PublicUrl {
    /// Returns the URL of a folder below this URL.
    #[must_use]
    pub fn below(&self, prefix: &Prefix) -> Self {
        match prefix.0.as_str() {
            "" => self.clone(),
            prefix => Self(format!("{}/{}", self.0, utf8_percent_encode(prefix, ENCODED))),
        }
    }

    /// Returns the base URI of an image: this URL, the folder of the API version (if any) and the identifier.
    ///
    /// The base URI has no trailing slash, because viewers append one.
    #[must_use]
    pub fn base_uri(&self, version: Option<u8>, identifier: &Identifier) -> String {
        let version = version.map(|number| format!("{number}/")).unwrap_or_default();
        format!("{}/{version}{}", self.0, utf8_percent_encode(&identifier.0, ENCODED))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_cannot_leave_their_prefix() {
        for hostile in ["", "..", "../x", "a/../b", "a/..", "./a", "/a", "a/", "a//b", "a\0b", "a\nb", "a\\..\\b"] {
            assert!(hostile.parse::<Identifier>().is_err(), "{hostile:?}");
        }
        assert!("a".repeat(1000).parse::<Identifier>().is_err());
        assert_eq!("a/v0123456789ab".parse::<Identifier>(), Err(KeyError::Version("a/v0123456789ab".to_owned())));
    }

    #[test]
    fn urls_with_secrets_are_rejected_and_not_repeated() {
        for (text, shown) in [
            ("https://user:secret@host/iiif", "https://host/iiif"),
            ("https://secret@host", "https://host"),
            ("https://user:sec/ret@host/iiif", "https://host/iiif"),
            ("https://user:sec?ret@host/iiif", "https://user:sec?..."),
            ("https://host/iiif?token=secret", "https://host/iiif?..."),
            ("https://host/iiif#secret", "https://host/iiif?..."),
            ("user:secret@host/iiif", "host/iiif"),
        ] {
            let error = text.parse::<PublicUrl>().expect_err("refused").to_string();
            assert!(error.contains(&format!("`{shown}`")) && !error.contains("ret"), "{error}");
        }
        for text in ["https://host/@user", "http://[::1]:3000/iiif", "https://host:8443/a@b"] {
            assert!(text.parse::<PublicUrl>().is_ok(), "{text}");
        }
    }

    #[test]
    fn dots_inside_a_name_are_allowed() {
        for harmless in ["f.2r", "...", "a..b", ".hidden", "Ünïcode name", "a+b", "50%"] {
            assert!(harmless.parse::<Identifier>().is_ok(), "{harmless:?}");
        }
    }

    #[test]
    fn identifiers_are_encoded_in_urls_and_plain_in_keys() -> Result<(), KeyError> {
        let identifier: Identifier = "Plän 50%/a+b".parse()?;
        let url: PublicUrl = "http://localhost:3000".parse()?;
        assert_eq!(url.base_uri(None, &identifier), "http://localhost:3000/Pl%C3%A4n%2050%25/a%2Bb");
        let folder = ImageFolder::new(&"p".parse()?, Some(2), &identifier)?;
        assert_eq!(folder.key(&"info.json").as_str(), "p/2/Plän 50%/a+b/info.json");
        Ok(())
    }
}
