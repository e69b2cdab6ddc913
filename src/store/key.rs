//! Where an object stands: prefixes, identifiers and keys that cannot leave their place.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use std::fmt;
use std::str::FromStr;

/// The longest key of S3, in bytes of UTF-8.
const MAX_KEY_BYTES: usize = 1024;

/// What a request path needs at its longest (`x,y,w,h/w,h/0/default.webp` with numbers of ten digits), with some room.
const MAX_PATH_BYTES: usize = 96;

/// What stands in a URL as it is: the unreserved characters of RFC 3986, and the slash between segments. Notably not
/// `+`, which S3 reads as a space.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

/// Why a text cannot be a prefix, an identifier or a URL.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// Nothing between two slashes, at the beginning, at the end, or at all.
    #[error("`{0}` has an empty part: it must not be empty, begin or end with a slash, or have two in a row")]
    EmptySegment(String),
    /// `.` or `..`, which would leave the place that it is given.
    #[error("`{0}` has a part `.` or `..`, which would lead elsewhere")]
    DotSegment(String),
    /// A control character or a backslash.
    #[error("`{}` has a control character or a backslash", .0.escape_debug())]
    Character(String),
    /// More bytes than a key of S3 has room for.
    #[error("`{0}` is too long: a key has 1024 bytes")]
    TooLong(String),
    /// A part of an identifier that would be taken for a version of the image above it.
    #[error("`{0}` has a part that versions are called by: `v` and twelve hexadecimal digits")]
    Version(String),
    /// Not an absolute URL that a path can be appended to.
    #[error("`{0}` is not a URL like https://example.org/iiif")]
    Url(String),
    /// A URL with a user name or a password, which would be published. The text of the error does not repeat it.
    #[error("the URL of `{0}` contains a user name or a password, which would be published")]
    Secret(String),
}

fn checked(text: &str) -> Result<(), KeyError> {
    if text.chars().any(|character| character.is_control() || character == '\\') {
        return Err(KeyError::Character(text.to_owned()));
    }
    if text.split('/').any(str::is_empty) {
        return Err(KeyError::EmptySegment(text.to_owned()));
    }
    if text.split('/').any(|segment| segment == "." || segment == "..") {
        return Err(KeyError::DotSegment(text.to_owned()));
    }
    if text.len() > MAX_KEY_BYTES - MAX_PATH_BYTES {
        return Err(KeyError::TooLong(text.to_owned()));
    }
    Ok(())
}

/// What all keys of a publisher begin with; may be empty. Slashes at either end do not count.
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
            checked(text)?;
        }
        Ok(Self(text.to_owned()))
    }
}

impl Prefix {
    /// Whether everything in the bucket is below it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What every key below the prefix begins with, and no key beside it: with a slash at its end, unless it is empty.
    #[must_use]
    pub fn with_slash(&self) -> String {
        if self.is_empty() { String::new() } else { format!("{}/", self.0) }
    }

    /// The key of an object that a store has; `None` where it is not below the prefix.
    #[must_use]
    pub fn found(&self, key: &str) -> Option<Key> {
        self.path_of(key).map(|_| Key(key.to_owned()))
    }

    /// The path of a key below the prefix; `None` where it is not below it.
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

/// What is in the folder of an image is below a prefix too.
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

/// What an image is called below the prefix. Slashes make folders of it.
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
        checked(text)?;
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
    /// As it was said.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// As it stands in a URL, percent-encoded.
    #[must_use]
    pub fn in_url(&self) -> String {
        utf8_percent_encode(&self.0, ENCODED).to_string()
    }
}

/// The folder of one image, below which every key of it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageFolder(String);

impl ImageFolder {
    /// `{prefix}/{identifier}`, or with a folder for the version of the Image API `{prefix}/3/{identifier}`.
    ///
    /// # Errors
    /// Where the two together are too long.
    pub fn new(prefix: &Prefix, version: Option<u8>, identifier: &Identifier) -> Result<Self, KeyError> {
        let version = version.map(|number| number.to_string());
        let parts = [Some(prefix.0.as_str()).filter(|prefix| !prefix.is_empty()), version.as_deref()];
        let parts: Vec<&str> = parts.into_iter().flatten().chain([identifier.0.as_str()]).collect();
        let folder = parts.join("/");
        checked(&folder)?;
        Ok(Self(folder))
    }

    /// The key of a path in the folder, such as a request or `info.json`.
    ///
    /// # Panics
    /// Where the path is longer than a request can be.
    #[must_use]
    pub fn key(&self, path: &impl fmt::Display) -> Key {
        let path = path.to_string();
        assert!(path.len() <= MAX_PATH_BYTES, "`{path}` is not a path of the Image API");
        Key(format!("{}/{path}", self.0))
    }
}

impl ImageFolder {
    /// The folder of one version of the image, below this one.
    ///
    /// # Errors
    /// Where the key gets too long.
    pub fn version(&self, name: &VersionName) -> Result<Self, KeyError> {
        let folder = format!("{}/{name}", self.0);
        checked(&folder)?;
        Ok(Self(folder))
    }

    /// The key of the folder itself, as that of the bare base URI.
    #[must_use]
    pub fn base_key(&self) -> Key {
        Key(self.0.clone())
    }

    /// The path of a key below the folder; `None` where it is not in it.
    #[must_use]
    pub fn path_of<'a>(&self, key: &'a str) -> Option<&'a str> {
        key.strip_prefix(&self.0)?.strip_prefix('/').filter(|path| !path.is_empty())
    }
}

/// The name of one version of an image, for ever the same for the same content: `v` and twelve hexadecimal digits. No path
/// of the Image API looks like it.
///
/// ```
/// use iiif_publish::store::VersionName;
/// assert!("v0123456789ab".parse::<VersionName>().is_ok());
/// assert!("v0123456789AB".parse::<VersionName>().is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct VersionName(String);

/// A text that names no version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a version is called `v` and twelve hexadecimal digits")]
pub struct VersionNameError;

impl VersionName {
    const DIGITS: usize = 12;

    /// The version whose content has this hash, given in hexadecimal.
    ///
    /// # Errors
    /// Where there are not twelve digits to take.
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

/// The name of one object in a bucket, or its path below a folder. Made by [`ImageFolder`] alone, so that no text from
/// outside becomes one unchecked.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key(String);

impl Key {
    /// The key as S3 takes it.
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
/// A password may contain any character, so every `@` in front of the query counts as the end of one, unless the host before
/// it is whole: `https://host/@user` is a path.
pub(super) fn has_user_info(url: &str) -> bool {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    // `user:pa/ss@host`: what looks like the port is none.
    let is_port = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit());
    let after_brackets = authority.rsplit(']').next().unwrap_or(authority);
    let has_broken_port = after_brackets.split_once(':').is_some_and(|(_, port)| !is_port(port));
    authority.contains('@') || has_broken_port && rest.contains('@')
}

/// Returns a URL without user name, password, query and fragment, as messages may show it.
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

/// Where viewers see what lies under the prefix.
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
    /// This URL with a prefix appended.
    #[must_use]
    pub fn below(&self, prefix: &Prefix) -> Self {
        match prefix.0.as_str() {
            "" => self.clone(),
            prefix => Self(format!("{}/{}", self.0, utf8_percent_encode(prefix, ENCODED))),
        }
    }

    /// The base URI of an image: this URL, the folder of the version where there is one, and the identifier. It has no
    /// trailing slash, because viewers append one.
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
    fn urls_with_secrets_are_refused_and_not_repeated() {
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
    fn dots_within_a_name_are_names() {
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
