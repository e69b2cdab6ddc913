//! Hashes that determine which parts of a published image are out of date.
//!
//! | Hash | Covers | If it changes |
//! |---|---|---|
//! | pixels | source, decoding, shape, encoding | the image is published again |
//! | headers | picture headers and attributes | pictures are copied in place |
//! | document | public URL, rights, redirects, `info.json` headers | `info.json` is rewritten |
//!
//! Each hash is computed from a JSON string with explicit names and values. The strings are a stable format and don't
//! change with new releases, renamed types or reordered fields. Options added later are omitted while they have their
//! default value.

use super::Options;
use super::options::{Identity, Layout, RedirectOptions};
use super::revision::Revisions;
use crate::destination::{Identifier, VersionName};
use crate::encode::{Effort, JpegTiles, Subsampling};
use crate::iiif::RoundedSizes;
use crate::source::{Dpi, FloatRange, Profiles, Remote, RemoteError, ResolvedSource, SourceError};
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;
use std::time::SystemTime;

/// Number of bytes to hash at a time.
const BLOCK_BYTES: usize = 1 << 20;

/// Error message used when hashing is interrupted. Its result is discarded.
const STOPPED: &str = "reading was stopped";

/// Number of hexadecimal digits of the SHA-256 hash to keep. This is enough to distinguish images and still lets the
/// mark fit in a header.
const HASH_DIGITS: usize = 32;

/// Hashes of an image as it would be published now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fingerprint {
    pub(super) pixels: String,
    pub(super) headers: String,
    /// One hash per folder, in the order of [`Versions::folders`](crate::destination::Versions::folders).
    pub(super) documents: Vec<String>,
}

impl Fingerprint {
    /// Computes the fingerprint of a page of the source with this [identity](source). The store adds `attributes` to
    /// every object, or doesn't support headers if this is `None`.
    pub(super) fn new(
        identifier: &Identifier,
        source: &str,
        page: u32,
        options: &Options,
        attributes: Option<&str>,
    ) -> Self {
        let base_uris = options.destination().base_uris(identifier);
        let document = |base_uri| hash(&document(options, identifier, base_uri, attributes));
        Self {
            pixels: hash(&pixels(options, source.to_owned(), page)),
            headers: hash(&headers(options, attributes)),
            documents: base_uris.into_iter().map(document).collect(),
        }
    }

    /// Combines this file fingerprint with a page selection into a single hash. `pdf_dpi` is the resolution if any
    /// pages might be rendered.
    pub(super) fn of_pages(&self, pages: &str, pdf_dpi: Option<Dpi>) -> String {
        let Self { pixels, headers, documents } = self;
        let pdf_dpi = pdf_dpi.filter(|dpi| *dpi != Dpi::default()).map(Dpi::value);
        hash(&FilePages { pixels, headers, documents, pages, code: super::revision::all(), pdf_dpi })
    }
}

/// Everything that decides whether any page of a file is outdated.
#[derive(Debug, Serialize)]
struct FilePages<'a> {
    pixels: &'a str,
    headers: &'a str,
    documents: &'a [String],
    pages: &'a str,
    /// Revisions of all code. The pages may be of any kind.
    code: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pdf_dpi: Option<u16>,
}

/// Returns the version name for the given pixel hash and revisions.
pub(super) fn version_name(pixels: &str, revisions: &Revisions) -> VersionName {
    let name = hash(&format!("{pixels} {}", revisions.of_pixels()));
    VersionName::of_hash(&name).expect("a hash has more digits than a name")
}

/// All inputs that affect the pixels or keys of the pictures.
#[derive(Debug, Serialize)]
struct Pixels {
    source: String,
    page: u32,
    background: String,
    profiles: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    float_range: Option<String>,
    api: Vec<u8>,
    layout: &'static str,
    tile_size: u32,
    longest_side: u32,
    rounded_sizes: bool,
    formats: Vec<&'static str>,
    quality: u8,
    subsampling: &'static str,
    jpeg_tiles: &'static str,
    effort: &'static str,
    redirects: &'static str,
}

fn pixels(options: &Options, source: String, page: u32) -> Pixels {
    let (read, shape, jpeg) = (options.reading(), options.shape, options.jpeg);
    Pixels {
        source,
        page,
        background: read.background.to_string(),
        profiles: match read.profiles {
            Profiles::Convert => "convert",
            Profiles::Keep => "keep",
            Profiles::KeepOfRgb => "keep-rgb",
        },
        float_range: (read.float_range != FloatRange::default()).then(|| read.float_range.to_string()),
        api: options.versions.folders().into_iter().map(|(version, _)| version.number()).collect(),
        // Versioned images use different keys.
        layout: match options.layout {
            Layout::InPlace => "in-place",
            Layout::Versioned { .. } => "versioned",
        },
        tile_size: shape.tile_size(),
        longest_side: shape.longest_side(),
        rounded_sizes: shape.rounded_sizes() == RoundedSizes::Stored,
        formats: shape.formats().all().map(crate::iiif::Format::extension).collect(),
        quality: jpeg.quality,
        subsampling: match jpeg.subsampling {
            Subsampling::None => "4:4:4",
            Subsampling::Half => "4:2:0",
        },
        jpeg_tiles: match jpeg.tiles {
            JpegTiles::Auto => "auto",
            JpegTiles::Lossless => "lossless",
            JpegTiles::Reencode => "reencode",
        },
        effort: match jpeg.effort {
            Effort::Fast => "fast",
            Effort::Small => "small",
        },
        // This only covers which requests have their own objects. Redirect targets belong to the document hash.
        redirects: match &options.redirects {
            None => "none",
            Some(RedirectOptions { full_image_url: None }) => "alternatives",
            Some(RedirectOptions { full_image_url: Some(_) }) => "alternatives-and-full",
        },
    }
}

/// Headers of the pictures.
#[derive(Debug, Serialize)]
struct Headers<'a> {
    cache_control: &'a str,
    attributes: &'a str,
}

/// Returns `None` if the store doesn't support headers, so changing them has no effect.
fn headers<'a>(options: &'a Options, attributes: Option<&'a str>) -> Option<Headers<'a>> {
    attributes.map(|attributes| Headers { cache_control: &options.cache_control, attributes })
}

/// Contents and headers of `info.json`, except for anything that depends on the image itself.
#[derive(Debug, Serialize)]
struct Document<'a> {
    /// Incremented when the program writes different contents for the same image.
    revision: u32,
    id: String,
    rights: Option<String>,
    cache_control: Option<&'a str>,
    redirects: Option<Redirected>,
}

#[derive(Debug, Serialize)]
struct Redirected {
    full_image: Option<String>,
}

fn document<'a>(options: &'a Options, identifier: &Identifier, id: String, attributes: Option<&str>) -> Document<'a> {
    let redirected = |redirects: &RedirectOptions| Redirected {
        full_image: redirects.full_image_url.as_ref().map(|url| url.of(identifier)),
    };
    Document {
        revision: super::revision::of_document(),
        id,
        rights: options.rights.as_ref().map(|rights| rights.as_str().to_owned()),
        cache_control: attributes.map(|_| options.info_cache_control.as_str()),
        redirects: options.redirects.as_ref().map(redirected),
    }
}

fn hash(description: &impl Serialize) -> String {
    let text = serde_json::to_string(description).expect("texts and numbers are JSON");
    // Never hash `{:?}`. The `Debug` output may change with any Rust or crate release, and every user would have to
    // republish every image.
    hexadecimal(&Sha256::digest(text.as_bytes()))[..HASH_DIGITS].to_owned()
}

/// Describes the source by its size and modification time, its entity tag, or a hash of its content. Gives up when
/// `is_stopping` returns `true`.
///
/// # Errors
/// Returns an error if the source can't be read or hashing was interrupted.
pub(super) fn source(
    resolved: &ResolvedSource,
    identity: Identity,
    is_stopping: &dyn Fn() -> bool,
) -> Result<String, SourceError> {
    let input = resolved.to_string();
    match resolved {
        ResolvedSource::File(path) => {
            of_file(path, identity, is_stopping).map_err(|cause| SourceError::Open { input, cause })
        }
        ResolvedSource::Remote { object, .. } => {
            of_object(&**object, identity, is_stopping).map_err(|cause| SourceError::Remote { input, cause })
        }
    }
}

fn of_object(object: &dyn Remote, identity: Identity, is_stopping: &dyn Fn() -> bool) -> Result<String, RemoteError> {
    match (identity, object.revision()) {
        (Identity::SizeAndTime, Some(revision)) => Ok(format!("revision={revision}")),
        // Some servers return neither an entity tag nor a modification time.
        (Identity::SizeAndTime, None) | (Identity::Content, _) => hash_of_object(object, is_stopping),
    }
}

fn of_file(path: &Path, identity: Identity, is_stopping: &dyn Fn() -> bool) -> io::Result<String> {
    let metadata = fs::metadata(path)?;
    let modified = metadata.modified().ok().and_then(|time| time.duration_since(SystemTime::UNIX_EPOCH).ok());
    match (identity, modified) {
        (Identity::SizeAndTime, Some(modified)) => {
            Ok(format!("bytes={} modified={}.{:09}", metadata.len(), modified.as_secs(), modified.subsec_nanos()))
        }
        // Some file systems don't store modification times.
        (Identity::SizeAndTime, None) | (Identity::Content, _) => hash_of_file(path, is_stopping),
    }
}

fn hash_of_file(path: &Path, is_stopping: &dyn Fn() -> bool) -> io::Result<String> {
    let (mut file, mut hash, mut block) = (File::open(path)?, Sha256::new(), vec![0; BLOCK_BYTES]);
    loop {
        if is_stopping() {
            return Err(io::Error::other(STOPPED));
        }
        match file.read(&mut block)? {
            0 => return Ok(format!("sha256={}", hexadecimal(&hash.finalize()))),
            length => hash.update(&block[..length]),
        }
    }
}

/// Hashes a remote object, fetching the next block while hashing the current one.
fn hash_of_object(object: &dyn Remote, is_stopping: &dyn Fn() -> bool) -> Result<String, RemoteError> {
    let fetch = |from: u64| {
        let to = object.bytes().min(from.saturating_add(BLOCK_BYTES as u64));
        (from < to).then(|| (object.fetch(from..to), to))
    };
    let (mut hash, mut next) = (Sha256::new(), fetch(0));
    while let Some((block, end)) = next {
        if is_stopping() {
            return Err(RemoteError::other(STOPPED));
        }
        next = fetch(end);
        hash.update(block.wait()?);
    }
    Ok(format!("sha256={}", hexadecimal(&hash.finalize())))
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options() -> Options {
        Options::new("https://example.org/iiif".parse().expect("a URL"))
    }

    #[test]
    fn the_texts_are_what_earlier_versions_hashed() {
        let options = options();
        assert_eq!(
            text(&pixels(&options, "bytes=1 modified=2.000000003".to_owned(), 1)),
            "{\"source\":\"bytes=1 modified=2.000000003\",\"page\":1,\"background\":\"#ffffff\",\"profiles\":\"convert\",\"api\":[3],\
             \"layout\":\"in-place\",\"tile_size\":512,\"longest_side\":4096,\"rounded_sizes\":true,\"formats\":[\"jpg\"],\"quality\":85,\
             \"subsampling\":\"4:2:0\",\"jpeg_tiles\":\"auto\",\"effort\":\"fast\",\"redirects\":\"none\"}"
        );
        assert_eq!(
            text(&headers(&options, Some(""))),
            "{\"cache_control\":\"public, max-age=86400\",\"attributes\":\"\"}"
        );
        let identifier = "a b".parse().expect("an identifier");
        assert_eq!(
            text(&document(&options, &identifier, "https://example.org/iiif/a%20b".to_owned(), Some(""))),
            "{\"revision\":1,\"id\":\"https://example.org/iiif/a%20b\",\"rights\":null,\"cache_control\":\"public, max-age=300\",\"redirects\":null}"
        );
    }

    #[test]
    fn the_hash_of_pages_covers_the_file_and_the_selection() {
        let identifier = "book".parse().expect("an identifier");
        let hash_at = |source: &str, pages: &str, dpi: Option<Dpi>| {
            Fingerprint::new(&identifier, source, 1, &options(), Some("")).of_pages(pages, dpi)
        };
        let hash = |source: &str, pages: &str| hash_at(source, pages, None);
        let all = hash("bytes=1", "all");
        assert_eq!(all, hash_at("bytes=1", "all", Some(Dpi::default())));
        assert_ne!(all, hash_at("bytes=1", "all", Dpi::new(400)));
        assert_eq!(all, hash("bytes=1", "all"));
        assert_ne!(all, hash("bytes=2", "all"));
        assert_ne!(all, hash("bytes=1", "1-2"));
    }

    fn text(description: &impl Serialize) -> String {
        serde_json::to_string(description).expect("JSON")
    }
}
