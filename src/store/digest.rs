//! MD5, because that is what the ETag of a single put is: a check from end to end that costs nothing.

use md5::{Digest as _, Md5};

/// The MD5 of an object's content. It tells accidents, not attacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digest([u8; 16]);

impl Digest {
    /// The digest of some bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(Md5::digest(bytes).into())
    }

    /// The digest that an ETag is, with or without its quotes; `None` for ETags of another shape, such as those of
    /// multipart uploads.
    ///
    /// ```
    /// use iiif_publish::store::Digest;
    /// let etag = "\"5d41402abc4b2a76b9719d911017c592\"";
    /// assert_eq!(Digest::from_etag(etag), Some(Digest::of(b"hello")));
    /// assert_eq!(Digest::from_etag("\"5d41402abc4b2a76b9719d911017c592-2\""), None);
    /// ```
    #[must_use]
    pub fn from_etag(etag: &str) -> Option<Self> {
        let hexadecimal = etag.trim_matches('"').as_bytes();
        let (pairs, rest) = hexadecimal.as_chunks::<2>();
        let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        let byte = |pair: &[u8; 2]| Some(digit(pair[0])? * 16 + digit(pair[1])?);
        let bytes: Vec<u8> = pairs.iter().map(byte).collect::<Option<_>>()?;
        bytes.try_into().ok().filter(|_| rest.is_empty()).map(Self)
    }
}
