//! Marks of documents, each in a hidden file beside its document: `.info.json.mark` for `info.json`.
//!
//! A mark file names the content that it belongs to. The mark is written before its document, so that a crash or
//! another writer in between can lose a mark but never attach it to other content.

use super::write::{self, Written, write_whole};
use crate::store::{Digest, ETag};
use std::ffi::OsStr;
use std::fs::{self, Metadata};
use std::io;
use std::path::{Path, PathBuf};

const FORMAT: &str = "iiif-publish-mark 1";
const DOCUMENT_EXTENSION: &str = "json";
const MARK_SUFFIX: &str = ".json.mark";

/// Maximum size of a mark file, in bytes. Marks are object metadata, which S3 limits to 2 kB.
const MAX_BYTES: u64 = 16 << 10;

/// Returns the path of the mark file, or `None` if the file cannot have a mark.
pub(super) fn path(document: &Path) -> Option<PathBuf> {
    document.extension().filter(|extension| *extension == DOCUMENT_EXTENSION)?;
    let name = document.file_name()?.to_str()?;
    Some(document.with_file_name(format!(".{name}.mark")))
}

/// Returns `true` if `name` is the name of a mark file.
pub(super) fn is_mark(name: &OsStr) -> bool {
    name.to_str().is_some_and(|name| name.starts_with('.') && name.ends_with(MARK_SUFFIX))
}

/// Returns the name of the document that a mark file belongs to.
fn document_of(name: &OsStr) -> Option<&str> {
    name.to_str()?.strip_prefix('.')?.strip_suffix(".mark")
}

/// The mark file of a document that is written but not yet in its final place.
pub(super) struct Mark(Option<String>);

impl Mark {
    /// Creates the content of the mark file for `target`, or nothing if `target` is not a document.
    ///
    /// The digest distinguishes versions of equal size on file systems with coarse timestamps.
    pub(super) fn new(target: &Path, written: &Written, body: &[u8], mark: Option<&str>) -> Self {
        // Only for documents: hashing a large file costs as much as writing it.
        let mark = mark.filter(|_| path(target).is_some());
        let text = |(mark, tag): (&str, ETag)| {
            format!("{FORMAT}\n{}\n{}\n{mark}\n", tag.as_str(), ETag::from(Digest::of(body)).as_str())
        };
        Self(mark.zip(write::etag(&written.metadata)).map(text))
    }

    /// Writes the mark file, or removes an old one if the document has no mark.
    pub(super) fn write(self, document: &Path) -> io::Result<()> {
        match (path(document), self.0) {
            (Some(path), Some(text)) => write_whole(&path, text.as_bytes()).map(drop),
            (Some(path), None) => remove_if_there(&path),
            (None, _) => Ok(()),
        }
    }
}

/// Returns the mark of a document, if the mark was stored with exactly this content.
pub(super) fn read(document: &Path, metadata: &Metadata, body: &[u8]) -> Option<String> {
    let path = path(document)?;
    if fs::symlink_metadata(&path).ok()?.len() > MAX_BYTES {
        return None;
    }
    let kept = fs::read_to_string(path).ok()?;
    let mut lines = kept.splitn(4, '\n');
    let is_of_content = lines.next() == Some(FORMAT)
        && lines.next() == write::etag(metadata).as_ref().map(ETag::as_str)
        && lines.next() == Some(ETag::from(Digest::of(body)).as_str());
    // The trailing line feed shows that the file is complete.
    lines.next().filter(|_| is_of_content)?.strip_suffix('\n').map(str::to_owned)
}

/// Removes the mark of a document that was deleted.
pub(super) fn remove(document: &Path) -> io::Result<()> {
    path(document).map_or(Ok(()), |path| remove_if_there(&path))
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Removes marks without documents if the directory contains nothing else. A concurrent writer that has written its
/// mark still has a temporary file in the directory.
pub(super) fn remove_orphans(directory: &Path) {
    let names: Vec<_> =
        fs::read_dir(directory).into_iter().flatten().flatten().map(|entry| entry.file_name()).collect();
    let is_orphan = |name: &std::ffi::OsString| {
        is_mark(name) && document_of(name).is_some_and(|document| !names.iter().any(|other| other == document))
    };
    if names.iter().all(is_orphan) {
        for name in &names {
            let _ = fs::remove_file(directory.join(name));
        }
    }
}
