//! What says whether a published image is current: the source, the options, the program.

use super::Options;
use super::options::{Identity, Layout};
use crate::source::{Place, ReadOptions, Remote, RemoteError, SourceError};
use crate::store::{Identifier, VersionName};
use sha2::{Digest, Sha256};
use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;
use std::time::SystemTime;

/// Two publications have the same fingerprint exactly when the source (by its size and time of modification or `ETag`, or by
/// its content), everything that decides about the objects, and the version of the program are the same.
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

/// Stands before the number of old versions that were kept.
const OLD_VERSIONS: char = '+';

/// How many old versions stand at the most beside the newest one, put with the `stored` fingerprint; `None` where all may.
pub(super) fn kept_old_versions(stored: Option<&str>) -> Option<usize> {
    stored?.split_once(OLD_VERSIONS)?.1.parse().ok()
}

/// Bytes of a source that are hashed at a time.
const BLOCK_BYTES: usize = 1 << 20;

impl Fingerprint {
    /// The fingerprint of an image in a store that gives every object such `attributes`.
    ///
    /// # Errors
    /// Where the source cannot be read.
    pub(super) fn new(
        identifier: &Identifier,
        place: &Place,
        options: &Options,
        attributes: &str,
    ) -> Result<Self, SourceError> {
        let source = source(place, options.identity)?;
        let Options { prefix, public_url, versions, read, shape, jpeg, redirects, .. } = options;
        let Options { cache_control, info_cache_control, rights, .. } = options;
        let ReadOptions { background, profiles, page, max_pixels: _, float_range } = read;
        // In place or versioned makes no difference to the objects, but to where they stand.
        let is_versioned = matches!(options.layout, Layout::Versioned { .. });
        // Redirects name the place that they lead to.
        let places = redirects.as_ref().map(|redirects| (redirects, prefix, public_url));
        let headers = format!("{cache_control} {attributes} {places:?}");
        let content = format!(
            "{source} {identifier} {prefix} {public_url:?} {versions:?} {background} {profiles:?} {page} {float_range} {shape:?} {jpeg:?} {info_cache_control} \
             {rights:?} {is_versioned} {headers} {}",
            env!("CARGO_PKG_VERSION"),
        );
        Ok(Self { content: hash(&content), headers: hash(&headers) })
    }

    /// What is kept with every picture: a hash of the headers that it was put with.
    pub(super) fn headers(&self) -> &str {
        &self.headers
    }

    /// What is kept while this publication replaces one with the `stored` fingerprint: it is current for nobody, and it has
    /// headers only where those of old and new objects are the same.
    pub(super) fn replacing(&self, stored: Option<&str>) -> String {
        let headers = if self.has_headers_of(stored) { &self.headers } else { "mixed" };
        format!("{REPLACING}-{headers}")
    }

    /// What is kept while the objects are those of this publication, but others are still there too.
    pub(super) fn unsettled(&self) -> String {
        self.replacing(Some(&self.to_string()))
    }

    /// Whether objects that were put with the `stored` fingerprint have the headers that this publication gives them.
    pub(super) fn has_headers_of(&self, stored: Option<&str>) -> bool {
        stored.and_then(|stored| stored.rsplit_once('-')).is_some_and(|(_, headers)| headers == self.headers)
    }

    /// What is kept with the `info.json` of the newest version once no more than `keep` old ones stand beside it.
    pub(super) fn with_old_versions(&self, keep: usize) -> String {
        format!("{self}{OLD_VERSIONS}{keep}")
    }

    /// Whether this is the fingerprint of what was put with the `stored` one.
    pub(super) fn is(&self, stored: Option<&str>) -> bool {
        stored.and_then(|stored| stored.split(OLD_VERSIONS).next()) == Some(&self.to_string())
    }

    /// The name of the version that has this fingerprint.
    pub(super) fn version_name(&self) -> VersionName {
        VersionName::of_hash(&self.content).expect("a SHA-256 has 64 digits")
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}-{}", self.content, self.headers)
    }
}

/// Words that differ where the source differs.
fn source(place: &Place, identity: Identity) -> Result<String, SourceError> {
    let input = place.to_string();
    match place {
        Place::File(path) => of_file(path, identity).map_err(|cause| SourceError::Open { input, cause }),
        Place::Remote { object, .. } => {
            of_object(&**object, identity).map_err(|cause| SourceError::Remote { input, cause })
        }
    }
}

fn of_object(object: &dyn Remote, identity: Identity) -> Result<String, RemoteError> {
    match (identity, object.revision()) {
        (Identity::SizeAndTime, Some(revision)) => Ok(revision),
        // Some servers say nothing of what they have.
        (Identity::SizeAndTime, None) | (Identity::Content, _) => hash_of_object(object),
    }
}

fn of_file(path: &Path, identity: Identity) -> io::Result<String> {
    let metadata = fs::metadata(path)?;
    let modified = metadata.modified().ok().and_then(|time| time.duration_since(SystemTime::UNIX_EPOCH).ok());
    match (identity, modified) {
        (Identity::SizeAndTime, Some(modified)) => Ok(format!("{} {modified:?}", metadata.len())),
        // Some file systems keep no times.
        (Identity::SizeAndTime, None) | (Identity::Content, _) => hash_of_file(path),
    }
}

fn hash_of_file(path: &Path) -> io::Result<String> {
    let (mut file, mut hash, mut block) = (File::open(path)?, Sha256::new(), vec![0; BLOCK_BYTES]);
    loop {
        match file.read(&mut block)? {
            0 => return Ok(hexadecimal(&hash.finalize())),
            length => hash.update(&block[..length]),
        }
    }
}

/// While one block is hashed, the next one is fetched.
fn hash_of_object(object: &dyn Remote) -> Result<String, RemoteError> {
    let fetch = |from: u64| {
        let to = object.bytes().min(from.saturating_add(BLOCK_BYTES as u64));
        (from < to).then(|| (object.fetch(from..to), to))
    };
    let (mut hash, mut next) = (Sha256::new(), fetch(0));
    while let Some((block, end)) = next {
        next = fetch(end);
        hash.update(block.wait()?);
    }
    Ok(hexadecimal(&hash.finalize()))
}

fn hash(text: &str) -> String {
    hexadecimal(&Sha256::digest(text.as_bytes()))
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat()
}
