//! MD5 digests. A single-part upload's ETag is the MD5 of its content, which provides a free end-to-end integrity
//! check.

use md5::{Digest as _, Md5};

/// MD5 digest of an object's content. It detects accidental corruption, not tampering.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digest([u8; 16]);

impl Digest {
    /// Computes the digest of `bytes`.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(Md5::digest(bytes).into())
    }

    /// Parses a digest from an ETag, with or without quotes. Returns `None` if the ETag isn't an MD5 digest, as is the
    /// case for multipart uploads.
    #[must_use]
    pub(crate) fn from_etag(etag: &str) -> Option<Self> {
        let hexadecimal = etag.trim_matches('"').as_bytes();
        let (pairs, rest) = hexadecimal.as_chunks::<2>();
        let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        let byte = |pair: &[u8; 2]| Some(digit(pair[0])? * 16 + digit(pair[1])?);
        let bytes: Vec<u8> = pairs.iter().map(byte).collect::<Option<_>>()?;
        bytes.try_into().ok().filter(|_| rest.is_empty()).map(Self)
    }
}

/// An entity tag: an opaque string that changes whenever an object's content changes.
///
/// ```
/// use iiif_publish::store::{Digest, ETag};
/// let etag = ETag::new("\"5d41402abc4b2a76b9719d911017c592\"").expect("not empty");
/// assert_eq!(etag.as_str(), "5d41402abc4b2a76b9719d911017c592");
/// assert_eq!(etag.md5(), Some(Digest::of(b"hello")));
/// assert_eq!(ETag::new("\"\""), None);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ETag(Box<str>);

impl ETag {
    /// Parses an `ETag` header, with or without quotes. Returns `None` if the tag is empty.
    #[must_use]
    pub fn new(header: &str) -> Option<Self> {
        let tag = header.strip_prefix("W/").unwrap_or(header).trim_matches('"');
        (!tag.is_empty()).then(|| Self(tag.into()))
    }

    /// Returns the tag without quotes.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the MD5 digest of the content, if the tag is an MD5 digest.
    #[must_use]
    pub fn md5(&self) -> Option<Digest> {
        Digest::from_etag(&self.0)
    }
}

/// Entity tag for content in a store that uses MD5 digests as tags.
impl From<Digest> for ETag {
    fn from(digest: Digest) -> Self {
        Self(format!("{:032x}", u128::from_be_bytes(digest.0)).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn etags_of_single_puts_are_digests() {
        let etag = "\"5d41402abc4b2a76b9719d911017c592\"";
        assert_eq!(Digest::from_etag(etag), Some(Digest::of(b"hello")));
        assert_eq!(Digest::from_etag("\"5d41402abc4b2a76b9719d911017c592-2\""), None);
    }
}
