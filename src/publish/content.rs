//! An order-independent digest of an image's pictures, computed from upload receipts or from a listing.

use crate::store::{ETag, Key};
use sha2::{Digest, Sha256};
use std::fmt;

/// Sum of SHA-256 hashes, as little-endian words.
///
/// A sum is independent of order and doesn't require keeping a list of entries. It detects accidents, not tampering:
/// anyone able to forge a listing could also write the objects.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct HashSum([u64; 4]);

impl HashSum {
    fn add(&mut self, parts: [&[u8]; 2]) {
        // Prefix each part with its length. Without it, the pairs (`a`, `bc`) and (`ab`, `c`) would hash to the same
        // value.
        let mut hash = Sha256::new();
        for part in parts {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        let hash = hash.finalize();
        for (sum, word) in self.0.iter_mut().zip(hash.as_chunks::<8>().0) {
            // Use addition instead of XOR. With XOR, an object that is listed twice would cancel itself out and look
            // like a missing one.
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

/// Number of pictures, and digests of their (key, entity tag) and (key, size) pairs.
///
/// Sizes are compared if the store doesn't list entity tags.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct ContentDigest {
    objects: u64,
    etags: HashSum,
    sizes: HashSum,
    /// Number of pictures without an entity tag.
    untagged: u64,
}

impl ContentDigest {
    /// Returns the number of pictures.
    pub(super) fn objects(&self) -> u64 {
        self.objects
    }

    /// Adds one object. The path is relative to the image's folder, so a copy of the folder has the same digest.
    pub(super) fn add(&mut self, path: &str, etag: Option<&ETag>, bytes: u64) {
        self.objects += 1;
        self.sizes.add([path.as_bytes(), &bytes.to_le_bytes()]);
        match etag {
            Some(etag) => self.etags.add([path.as_bytes(), etag.as_str().as_bytes()]),
            None => self.untagged += 1,
        }
    }

    /// Returns `true` if a listing matches this digest, by entity tag if both sides have all tags and by size if not.
    pub(super) fn is_of(&self, listed: &Self) -> bool {
        // Sizes are the only option if either side lacks entity tags, for example because the store doesn't list them.
        // Two encodings of a tile rarely have the same size, but two solid-color tiles often do. That's why the caller
        // warns the user that images were compared by size only.
        let by_tags = self.untagged == 0 && listed.untagged == 0;
        let is_same = if by_tags { self.etags == listed.etags } else { self.sizes == listed.sizes };
        self.objects == listed.objects && is_same
    }

    /// Returns `true` if any object lacks an entity tag.
    pub(super) fn has_untagged(&self) -> bool {
        self.untagged > 0
    }

    /// Parses the corresponding fields of a mark.
    pub(super) fn from_fields(objects: &str, etags: &str, sizes: &str) -> Option<Self> {
        let objects = objects.parse().ok()?;
        let untagged = if etags == Self::UNTAGGED { objects } else { 0 };
        let etags = if untagged > 0 { HashSum::default() } else { HashSum::from_hexadecimal(etags)? };
        Some(Self { objects, etags, sizes: HashSum::from_hexadecimal(sizes)?, untagged })
    }

    /// Placeholder for the entity tag digest if the store didn't return any tags.
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

/// Returns a key's path relative to its image's folder, or the full key if it isn't in that folder.
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
