//! Document marks. Each one is a hidden file next to its document, such as `.info.json.mark` for `info.json`.
//!
//! A mark file identifies the content it belongs to and is written before the document. If the process crashes or
//! another writer gets in between, the mark may be lost, but it never ends up attached to different content.

use super::write::{self, Written, write_whole};
use crate::store::{Digest, ETag};
use std::ffi::OsStr;
use std::fs::{self, Metadata};
use std::io;
use std::path::{Path, PathBuf};

const FORMAT: &str = "iiif-publish-mark 1";
const DOCUMENT_EXTENSION: &str = "json";
const MARK_SUFFIX: &str = ".json.mark";

/// Maximum size of a mark file, in bytes. Marks double as object metadata, which S3 limits to 2 KB.
const MAX_BYTES: u64 = 16 << 10;

/// Returns the path of a document's mark file, or `None` if the file can't have a mark.
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

/// Mark file for a document that has been written but not yet renamed to its final path.
pub(super) struct Mark(Option<String>);

impl Mark {
    /// Builds the mark file for `target`. The result is empty if `target` isn't a document.
    ///
    /// The digest tells apart versions of equal size on file systems with coarse timestamps.
    pub(super) fn new(target: &Path, written: &Written, body: &[u8], mark: Option<&str>) -> Self {
        // Skip other files, because hashing a large file takes as long as writing it.
        let mark = mark.filter(|_| path(target).is_some());
        let text = |(mark, tag): (&str, ETag)| {
            format!("{FORMAT}\n{}\n{}\n{mark}\n", tag.as_str(), ETag::from(Digest::of(body)).as_str())
        };
        Self(mark.zip(write::etag(&written.metadata)).map(text))
    }

    /// Writes the mark file, or removes a stale one if the document has no mark.
    pub(super) fn write(self, document: &Path) -> io::Result<()> {
        match (path(document), self.0) {
            (Some(path), Some(text)) => write_whole(&path, text.as_bytes()).map(drop),
            (Some(path), None) => remove_if_there(&path),
            (None, _) => Ok(()),
        }
    }
}

/// Returns a document's mark, provided that it was stored with exactly this content.
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
    // Without the trailing newline, the file is incomplete.
    lines.next().filter(|_| is_of_content)?.strip_suffix('\n').map(str::to_owned)
}

/// Removes the mark of a deleted document.
pub(super) fn remove(document: &Path) -> io::Result<()> {
    path(document).map_or(Ok(()), |path| remove_if_there(&path))
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Removes orphaned marks if the directory contains nothing else. A concurrent writer that has already written its mark
/// still has a temporary file in the directory, which protects the mark.
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
