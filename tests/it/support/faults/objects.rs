//! Stored objects.

use bytes::Bytes;
use hyper::HeaderMap;
use hyper::header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, HeaderName, HeaderValue};
use md5::{Digest, Md5};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::time::SystemTime;

/// The handling of bodies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bodies {
    /// Bodies are kept and can be read.
    Kept,
    /// Only the sizes and MD5 digests of bodies are kept.
    Dropped,
}

/// A stored object.
#[derive(Clone, Debug)]
pub struct StoredObject {
    /// The content, which is empty if bodies are dropped.
    pub body: Bytes,
    /// The size of the content, in bytes.
    pub bytes: u64,
    /// The MD5 of the content, without quotes.
    pub etag: String,
    /// The time of the last write.
    pub modified: SystemTime,
    /// `Content-Type`, `Content-Encoding`, `Cache-Control` and `x-amz-…` headers.
    pub headers: Vec<(HeaderName, HeaderValue)>,
}

impl StoredObject {
    /// Creates an object without headers.
    pub fn new(body: Bytes, modified: SystemTime) -> Self {
        let (bytes, etag) = (body.len() as u64, hexadecimal(&Md5::digest(&body)));
        Self { bytes, etag, body, modified, headers: Vec::new() }
    }

    /// Returns the object with an ETag that is not an MD5.
    pub(super) fn with_opaque_etag(self) -> Self {
        Self { etag: format!("{}-2", self.etag.chars().rev().collect::<String>()), ..self }
    }

    /// Returns the object with the headers of a request that are kept.
    pub(super) fn with_headers(self, headers: &HeaderMap) -> Self {
        let is_kept = |name: &HeaderName| {
            [CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE].contains(name) || name.as_str().starts_with("x-amz-")
        };
        let kept = headers.iter().filter(|(name, _)| is_kept(name));
        Self { headers: kept.map(|(name, value)| (name.clone(), value.clone())).collect(), ..self }
    }

    /// Returns a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found.as_str() == name).and_then(|(_, value)| value.to_str().ok())
    }
}

/// The objects of all buckets, in the order of listings.
pub(super) struct Objects {
    bodies: Bodies,
    buckets: BTreeMap<String, BTreeMap<String, StoredObject>>,
}

impl Objects {
    pub(super) fn new(bodies: Bodies) -> Self {
        Self { bodies, buckets: BTreeMap::new() }
    }

    pub(super) fn put(&mut self, bucket: &str, key: &str, object: StoredObject) {
        let body = if self.bodies == Bodies::Kept { object.body.clone() } else { Bytes::new() };
        let object = StoredObject { body, ..object };
        if let Some(objects) = self.buckets.get_mut(bucket) {
            objects.insert(key.to_owned(), object);
        } else {
            self.buckets.insert(bucket.to_owned(), BTreeMap::from([(key.to_owned(), object)]));
        }
    }

    pub(super) fn get(&self, bucket: &str, key: &str) -> Option<&StoredObject> {
        self.buckets.get(bucket)?.get(key)
    }

    pub(super) fn delete(&mut self, bucket: &str, key: &str) {
        if let Some(objects) = self.buckets.get_mut(bucket) {
            objects.remove(key);
        }
    }

    pub(super) fn keys(&self, bucket: &str) -> BTreeSet<String> {
        self.buckets.get(bucket).into_iter().flat_map(|objects| objects.keys().cloned()).collect()
    }

    /// Returns the objects of a bucket whose keys begin with `prefix` and follow the key `after`.
    pub(super) fn listed<'a>(
        &'a self,
        bucket: &str,
        prefix: &'a str,
        after: &'a str,
    ) -> impl Iterator<Item = (&'a String, &'a StoredObject)> {
        let objects = self.buckets.get(bucket).into_iter();
        let from = std::cmp::max(prefix, after).to_owned();
        objects
            .flat_map(move |objects| objects.range(from.clone()..))
            .skip_while(move |(key, _)| !after.is_empty() && key.as_str() <= after)
            .take_while(move |(key, _)| key.starts_with(prefix))
    }
}

/// Formats bytes in hexadecimal.
pub(super) fn hexadecimal(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        write!(text, "{byte:02x}").expect("writing to a string does not fail");
    }
    text
}
