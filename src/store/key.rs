//! Prefixes and keys. A validated key cannot leave its prefix.

use std::fmt;
use std::str::FromStr;

/// Maximum length of a key in S3, in bytes of UTF-8.
const MAX_KEY_BYTES: usize = 1024;

/// Maximum length of a path below a prefix, in bytes. Prefixes leave room for it in their keys.
pub(crate) const MAX_PATH_BYTES: usize = 96;

/// An error in the text of a prefix, a key or a URL.
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
    /// A segment has a meaning of its own.
    #[error("`{text}` contains a segment that is reserved for {purpose}")]
    Reserved {
        /// The text.
        text: String,
        /// The use of such segments.
        purpose: &'static str,
    },
    /// The text is not an absolute URL that a path can be appended to.
    #[error("`{0}` is not a URL like https://example.org/iiif")]
    Url(String),
    /// The URL contains a user name or a password, which would be published. The error message omits both.
    #[error("the URL of `{0}` contains a user name or a password, which would be published")]
    Secret(String),
}

/// Checks the path of a folder or a document: segments that are separated by slashes.
///
/// # Errors
/// If the text is empty, could leave a prefix, or leaves no room for a path of [`MAX_PATH_BYTES`] below it.
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

    /// Returns the prefix with a trailing slash, or an empty string if the prefix is empty. Only keys below the prefix
    /// begin with it.
    #[must_use]
    pub fn with_slash(&self) -> String {
        if self.is_empty() { String::new() } else { format!("{}/", self.0) }
    }

    /// Returns the prefix of a folder below this one.
    ///
    /// # Errors
    /// If the path is not valid, or is too long together with the prefix.
    pub fn join(&self, path: &str) -> Result<Self, KeyError> {
        let joined = format!("{}{path}", self.with_slash());
        check_path(&joined).map(|()| Self(joined))
    }

    /// Returns the key of a document below the prefix.
    ///
    /// # Errors
    /// If the path is not valid, or is too long together with the prefix.
    pub fn join_key(&self, path: &str) -> Result<Key, KeyError> {
        self.join(path).map(|joined| Key(joined.0))
    }

    /// Returns the key of a short path below the prefix, which always fits.
    ///
    /// # Panics
    /// If the path is longer than 96 bytes.
    #[must_use]
    pub(crate) fn short_key(&self, path: &impl fmt::Display) -> Key {
        let path = path.to_string();
        assert!(path.len() <= MAX_PATH_BYTES, "`{path}` is longer than a path below a prefix may be");
        Key(format!("{}{path}", self.with_slash()))
    }

    /// Returns a key that was listed by a store, or `None` if the key is not below the prefix.
    #[must_use]
    pub fn found(&self, key: &str) -> Option<Key> {
        self.path_of(key).map(|_| Key(key.to_owned()))
    }

    /// Returns the path of a key relative to the prefix, or `None` if the key is not below the prefix.
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

/// The key of an object in a bucket, or its path below a folder. Only a [`Prefix`] creates keys, so every key is below
/// its prefix.
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
