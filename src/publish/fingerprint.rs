//! What says whether a published image is current: the file, the options, the program.

use super::Options;
use crate::store::Identifier;
use sha2::{Digest, Sha256};
use std::fmt;
use std::fs;
use std::io;
use std::path::Path;

/// Two publications have the same fingerprint exactly when the file (by its size and time of modification), everything
/// that decides about the objects, and the version of the program are the same.
///
/// It is kept with `info.json`, as two hashes with a dash between them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fingerprint {
    content: String,
    /// Of what an object has beside its bytes, which a listing does not show.
    headers: String,
}

/// Stands in place of the content while an image is being replaced.
const REPLACING: &str = "replacing";

impl Fingerprint {
    pub(super) fn new(path: &Path, identifier: &Identifier, options: &Options) -> io::Result<Self> {
        let metadata = fs::metadata(path)?;
        let Options { prefix, public_url, versions, shape, jpeg, cache_control, info_cache_control, rights, .. } =
            options;
        let content = format!(
            "{} {:?} {identifier} {prefix} {public_url:?} {versions:?} {shape:?} {jpeg:?} {cache_control} \
             {info_cache_control} {rights:?} {}",
            metadata.len(),
            metadata.modified()?,
            env!("CARGO_PKG_VERSION"),
        );
        Ok(Self { content: hash(&content), headers: hash(cache_control) })
    }

    /// What is kept while this publication replaces one with the `stored` fingerprint: it is current for nobody, and it has
    /// headers only where those of old and new objects are the same.
    pub(super) fn replacing(&self, stored: Option<&str>) -> String {
        let headers = if self.has_headers_of(stored) { &self.headers } else { "mixed" };
        format!("{REPLACING}-{headers}")
    }

    /// Whether objects that were put with the `stored` fingerprint have the headers that this publication gives them.
    pub(super) fn has_headers_of(&self, stored: Option<&str>) -> bool {
        stored.and_then(|stored| stored.rsplit_once('-')).is_some_and(|(_, headers)| headers == self.headers)
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}-{}", self.content, self.headers)
    }
}

fn hash(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat()
}
