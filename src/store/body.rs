//! An object's content together with its digests.

use super::Digest;
use bytes::Bytes;
use sha2::{Digest as _, Sha256};
use std::fmt::Write;
use std::ops::Deref;
use std::sync::{Arc, OnceLock};

/// An object's content.
///
/// Clones share the content and its digests, so a picture that's stored under several keys is only hashed once.
///
/// ```
/// use iiif_publish::store::{Body, Digest};
/// let body = Body::from("hello");
/// assert_eq!(body.md5(), Digest::of(b"hello"));
/// assert_eq!(body.len(), 5);
/// ```
#[derive(Clone)]
pub struct Body(Arc<Content>);

struct Content {
    bytes: Bytes,
    md5: OnceLock<Digest>,
    sha256: OnceLock<String>,
}

impl Body {
    /// Returns the content's MD5 digest.
    #[must_use]
    pub fn md5(&self) -> Digest {
        *self.0.md5.get_or_init(|| Digest::of(&self.0.bytes))
    }

    /// Returns the content's SHA-256 digest in lowercase hexadecimal, as used in signed requests.
    #[must_use]
    pub fn sha256(&self) -> &str {
        self.0.sha256.get_or_init(|| hexadecimal(&Sha256::digest(&self.0.bytes)))
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut digits, byte| {
        write!(digits, "{byte:02x}").expect("a string accepts all characters");
        digits
    })
}

impl Deref for Body {
    type Target = Bytes;

    fn deref(&self) -> &Bytes {
        &self.0.bytes
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        Self(Arc::new(Content { bytes, md5: OnceLock::new(), sha256: OnceLock::new() }))
    }
}

impl From<Vec<u8>> for Body {
    fn from(bytes: Vec<u8>) -> Self {
        Bytes::from(bytes).into()
    }
}

impl From<&'static [u8]> for Body {
    fn from(bytes: &'static [u8]) -> Self {
        Bytes::from(bytes).into()
    }
}

impl From<&'static str> for Body {
    fn from(text: &'static str) -> Self {
        Bytes::from(text).into()
    }
}

impl From<String> for Body {
    fn from(text: String) -> Self {
        Bytes::from(text).into()
    }
}

impl From<Body> for Bytes {
    fn from(body: Body) -> Self {
        body.0.bytes.clone()
    }
}

impl PartialEq for Body {
    fn eq(&self, other: &Self) -> bool {
        self.0.bytes == other.0.bytes
    }
}

impl Eq for Body {}

impl std::fmt::Debug for Body {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.bytes.fmt(formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_computed_once_for_all_clones() {
        let body = Body::from("hello");
        let clone = body.clone();
        assert_eq!(clone.sha256(), "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824");
        assert!(std::ptr::eq(clone.sha256(), body.sha256()));
        assert_eq!(body.md5(), Digest::of(b"hello"));
        assert_eq!(clone.0.md5.get(), Some(&body.md5()));
    }
}
