//! Prefixes and keys. Validation ensures that a key can't escape its prefix.

use std::fmt;
use std::str::FromStr;

/// Maximum S3 key length, in UTF-8 bytes.
const MAX_KEY_BYTES: usize = 1024;

/// Maximum length of a path under a prefix, in bytes. Prefixes are limited to leave room for it.
pub(crate) const MAX_PATH_BYTES: usize = 96;

/// Error returned when a prefix, key or URL is invalid.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// A path segment is empty, or the whole string is.
    #[error("`{0}` has an empty segment: remove leading, trailing and doubled slashes")]
    EmptySegment(String),
    /// A path segment is `.` or `..`, which could escape the prefix.
    #[error("`{0}` contains a `.` or `..` segment")]
    DotSegment(String),
    /// The string contains a control character or a backslash.
    #[error("`{}` contains a control character or a backslash", .0.escape_debug())]
    Character(String),
    /// The string is too long to be an S3 key.
    #[error("`{0}` is too long: keys are limited to 1024 bytes")]
    TooLong(String),
    /// A path segment is reserved.
    #[error("`{text}` contains a segment that is reserved for {purpose}")]
    Reserved {
        /// The rejected string.
        text: String,
        /// The purpose that the segment is reserved for.
        purpose: &'static str,
    },
    /// The string isn't an absolute URL that paths can be appended to.
    #[error("`{0}` is not a URL like https://example.org/iiif")]
    Url(String),
    /// The URL contains a username or password, which would be published. The error message omits both.
    #[error("the URL of `{0}` contains a user name or a password, which would be published")]
    Secret(String),
}

/// Validates the slash-separated path of a folder or document.
///
/// # Errors
/// Returns an error if the path is empty, could escape a prefix, or doesn't leave room for [`MAX_PATH_BYTES`] under it.
pub(crate) fn check_path(text: &str) -> Result<(), KeyError> {
    if text.chars().any(|character| character.is_control() || character == '\\') {
        return Err(KeyError::Character(text.to_owned()));
    }
    if text.split('/').any(str::is_empty) {
        return Err(KeyError::EmptySegment(text.to_owned()));
    }
    if text.split('/').any(|segment| segment == "." || segment == "..") {
        return Err(KeyError::DotSegment(text.to_owned()));
    }
    // Leave room for the longest request path so that every key under an accepted folder is valid. Without this check,
    // publishing could fail after half of the tiles are stored.
    if text.len() > MAX_KEY_BYTES - MAX_PATH_BYTES {
        return Err(KeyError::TooLong(text.to_owned()));
    }
    Ok(())
}

/// Common prefix of all keys a publisher writes. It may be empty. Leading and trailing slashes are ignored.
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
            check_path(text)?;
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

    /// Returns the prefix with a trailing slash, or an empty string if the prefix is empty. Only keys under the prefix
    /// start with it.
    #[must_use]
    pub fn with_slash(&self) -> String {
        if self.is_empty() { String::new() } else { format!("{}/", self.0) }
    }

    /// Appends a folder path to the prefix.
    ///
    /// # Errors
    /// Returns an error if the path is invalid or the combined prefix is too long.
    pub fn join(&self, path: &str) -> Result<Self, KeyError> {
        let joined = format!("{}{path}", self.with_slash());
        check_path(&joined).map(|()| Self(joined))
    }

    /// Returns the key of a document under the prefix.
    ///
    /// # Errors
    /// Returns an error if the path is invalid or the combined key is too long.
    pub fn join_key(&self, path: &str) -> Result<Key, KeyError> {
        self.join(path).map(|joined| Key(joined.0))
    }

    /// Returns the key for a short path under the prefix. This can't exceed the maximum key length.
    ///
    /// # Panics
    /// Panics if the path is longer than 96 bytes.
    #[must_use]
    pub(crate) fn short_key(&self, path: &impl fmt::Display) -> Key {
        let path = path.to_string();
        assert!(path.len() <= MAX_PATH_BYTES, "`{path}` is longer than a path below a prefix may be");
        Key(format!("{}{path}", self.with_slash()))
    }

    /// Converts a key listed by a store, or returns `None` if the key isn't under the prefix.
    #[must_use]
    pub fn found(&self, key: &str) -> Option<Key> {
        self.path_of(key).map(|_| Key(key.to_owned()))
    }

    /// Strips the prefix from a key, or returns `None` if the key isn't under the prefix.
    #[must_use]
    pub(crate) fn path_of<'a>(&self, key: &'a str) -> Option<&'a str> {
        let path = if self.is_empty() { Some(key) } else { key.strip_prefix(&self.0)?.strip_prefix('/') };
        path.filter(|path| !path.is_empty())
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Key of an object in a bucket, or its path inside a folder. Keys can only be created from a [`Prefix`], so every key
/// is under its prefix.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key(String);

impl Key {
    /// Returns the key as a string, in the form S3 expects.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_cannot_leave_their_prefix() {
        let prefix: Prefix = "p".parse().expect("a prefix");
        for hostile in ["", "..", "../x", "a/../b", "a/..", "./a", "/a", "a/", "a//b", "a\0b", "a\nb", "a\\..\\b"] {
            assert!(prefix.join(hostile).is_err() && prefix.join_key(hostile).is_err(), "{hostile:?}");
        }
        assert!(matches!(prefix.join(&"a".repeat(1000)), Err(KeyError::TooLong(_))));
        assert_eq!(
            prefix.join_key("manifests/ms 1.json").map(|key| key.to_string()),
            Ok("p/manifests/ms 1.json".into())
        );
        assert_eq!(
            Prefix::default().join_key("collection.json").map(|key| key.to_string()),
            Ok("collection.json".into())
        );
        assert_eq!(prefix.short_key(&"info.json").as_str(), "p/info.json");
    }

    #[test]
    fn dots_inside_a_name_are_allowed() {
        for harmless in ["f.2r", "...", "a..b", ".hidden", "Ünïcode name", "a+b", "50%"] {
            assert_eq!(check_path(harmless), Ok(()), "{harmless:?}");
        }
    }
}
