//! A digest over the stored pictures of an image, which receipts and listings can compute in any order.

use crate::store::{ETag, Key};
use sha2::{Digest, Sha256};
use std::fmt;

/// A sum of SHA-256 hashes, in little-endian words.
///
/// A sum does not depend on the order and needs no list of what was added. It detects accidents, not forgery: whoever can
/// forge a listing can write the objects.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct HashSum([u64; 4]);

impl HashSum {
    fn add(&mut self, parts: [&[u8]; 2]) {
        // Each part is preceded by its length. Otherwise the pairs (`a`, `bc`) and (`ab`, `c`) would have the same
        // hash.
        let mut hash = Sha256::new();
        for part in parts {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        let hash = hash.finalize();
        for (sum, word) in self.0.iter_mut().zip(hash.as_chunks::<8>().0) {
            // A sum and not an exclusive or: two equal entries would cancel out, so that an object that is listed twice
            // would count as one that is missing.
            *sum = sum.wrapping_add(u64::from_le_bytes(*word));
        }
    }

    fn from_hexadecimal(text: &str) -> Option<Self> {
        let mut words = [0; 4];
        for (index, word) in words.iter_mut().enumerate() {
            *word = u64::from_str_radix(text.get(16 * index..16 * (index + 1))?, 16).ok()?;
        }
        (text.len() == 64).then_some(Self(words))
    }
}

impl fmt::Display for HashSum {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|word| write!(formatter, "{word:016x}"))
    }
}

/// The number of pictures, and digests over the pairs of key and entity tag and of key and size.
///
/// Not every store lists entity tags; then the sizes are compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct ContentDigest {
    objects: u64,
    etags: HashSum,
    sizes: HashSum,
    /// Pictures without an entity tag.
    untagged: u64,
}

impl ContentDigest {
    /// Adds one object. Its key counts relative to the folder of the image, so that a copy of the folder has the same digest.
    pub(super) fn add(&mut self, path: &str, etag: Option<&ETag>, bytes: u64) {
        self.objects += 1;
        self.sizes.add([path.as_bytes(), &bytes.to_le_bytes()]);
        match etag {
            Some(etag) => self.etags.add([path.as_bytes(), etag.as_str().as_bytes()]),
            None => self.untagged += 1,
        }
    }

    /// Returns `true` if a listing has the objects of this digest: by entity tags, or by sizes if either side has none.
    pub(super) fn is_of(&self, listed: &Self) -> bool {
        // If one side has no entity tags, for example because the store lists none, sizes are all that is left. Two
        // encodings of one tile rarely have the same size, but a replaced tile of one color does. That is why the
        // caller tells people that an image was compared by size only.
        let by_tags = self.untagged == 0 && listed.untagged == 0;
        let is_same = if by_tags { self.etags == listed.etags } else { self.sizes == listed.sizes };
        self.objects == listed.objects && is_same
    }

    /// Returns `true` if some object has no entity tag.
    pub(super) fn has_untagged(&self) -> bool {
        self.untagged > 0
    }

    /// Parses the fields of a mark.
    pub(super) fn from_fields(objects: &str, etags: &str, sizes: &str) -> Option<Self> {
        let objects = objects.parse().ok()?;
        let untagged = if etags == Self::UNTAGGED { objects } else { 0 };
        let etags = if untagged > 0 { HashSum::default() } else { HashSum::from_hexadecimal(etags)? };
        Some(Self { objects, etags, sizes: HashSum::from_hexadecimal(sizes)?, untagged })
    }

    /// Stands for the digest of entity tags if the store returned none.
    const UNTAGGED: &str = "none";
}

impl fmt::Display for ContentDigest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { objects, etags, sizes, untagged } = self;
        if *untagged > 0 {
            return write!(formatter, "objects={objects};etags={};sizes={sizes}", Self::UNTAGGED);
        }
        write!(formatter, "objects={objects};etags={etags};sizes={sizes}")
    }
}

/// Returns the path of a key below the folder of its image, or the whole key if it is elsewhere.
pub(super) fn path_in<'a>(folder: &crate::destination::ImageFolder, key: &'a Key) -> &'a str {
    folder.path_of(key.as_str()).unwrap_or(key.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(objects: &[(&str, &str, u64)]) -> ContentDigest {
        let mut digest = ContentDigest::default();
        for (path, etag, bytes) in objects {
            digest.add(path, ETag::new(etag).as_ref(), *bytes);
        }
        digest
    }

    #[test]
    fn the_order_does_not_matter_and_every_difference_does() {
        let stored = digest(&[("a", "1", 10), ("b", "2", 20)]);
        assert!(stored.is_of(&digest(&[("b", "2", 20), ("a", "1", 10)])));
        for (name, other) in [
            ("missing", digest(&[("a", "1", 10)])),
            ("changed", digest(&[("a", "1", 10), ("b", "3", 20)])),
            ("exchanged", digest(&[("a", "2", 10), ("b", "1", 20)])),
            ("more", digest(&[("a", "1", 10), ("b", "2", 20), ("c", "3", 30)])),
            ("none", digest(&[])),
        ] {
            assert!(!stored.is_of(&other), "{name}");
        }
    }

    #[test]
    fn without_entity_tags_the_sizes_are_compared() {
        let stored = digest(&[("a", "1", 10), ("b", "2", 20)]);
        assert!(stored.is_of(&digest(&[("a", "", 10), ("b", "", 20)])));
        assert!(!stored.is_of(&digest(&[("a", "", 10), ("b", "", 21)])));
    }

    #[test]
    fn fields_are_read_as_they_are_written() {
        for digest in [digest(&[("a", "1", 10)]), digest(&[("a", "", 10)]), digest(&[])] {
            let text = digest.to_string();
            let field = |name: &str| text.split(';').find_map(|field| field.strip_prefix(name)).expect("a field");
            let read = ContentDigest::from_fields(field("objects="), field("etags="), field("sizes="));
            assert_eq!(read, Some(digest), "{text}");
        }
    }
}
