//! Marks of documents, in a hidden file beside each: `.info.json.mark` beside `info.json`.
//!
//! A mark file says to which content it belongs. It is put in place before its document, so that a crash or another writer in
//! between can lose a mark, but never attribute it to other content.

use super::write::{self, Written, write_whole};
use crate::store::{Digest, ETag};
use std::ffi::OsStr;
use std::fs::{self, Metadata};
use std::io;
use std::path::{Path, PathBuf};

const FORMAT: &str = "iiif-publish-mark 1";
const DOCUMENT_EXTENSION: &str = "json";
const MARK_SUFFIX: &str = ".json.mark";

/// The longest mark file that is read; marks are metadata of objects, which S3 limits to 2 kB.
const MAX_BYTES: u64 = 16 << 10;

/// Returns the path of the mark file, if marks are kept for this file.
pub(super) fn path(document: &Path) -> Option<PathBuf> {
    document.extension().filter(|extension| *extension == DOCUMENT_EXTENSION)?;
    let name = document.file_name()?.to_str()?;
    Some(document.with_file_name(format!(".{name}.mark")))
}

/// Returns `true` if the name is one of a mark file.
pub(super) fn is_mark(name: &OsStr) -> bool {
    name.to_str().is_some_and(|name| name.starts_with('.') && name.ends_with(MARK_SUFFIX))
}

/// Returns the name of the document that a mark file of this name belongs to.
fn document_of(name: &OsStr) -> Option<&str> {
    name.to_str()?.strip_prefix('.')?.strip_suffix(".mark")
}

/// The mark file of a document that is written but not yet in place.
pub(super) struct Mark(Option<String>);

impl Mark {
    /// Creates the mark file of what is written for `target`; none unless that is a document.
    ///
    /// The digest is for file systems whose times are too coarse to tell two versions of one size apart.
    pub(super) fn new(target: &Path, written: &Written, body: &[u8], mark: Option<&str>) -> Self {
        // To hash a picture costs as much as to write it.
        let mark = mark.filter(|_| path(target).is_some());
        let text = |(mark, tag): (&str, ETag)| {
            format!("{FORMAT}\n{}\n{}\n{mark}\n", tag.as_str(), ETag::from(Digest::of(body)).as_str())
        };
        Self(mark.zip(write::etag(&written.metadata)).map(text))
    }

    /// Puts the mark file in place, or removes that of the predecessor if the document has no mark.
    pub(super) fn write(self, document: &Path) -> io::Result<()> {
        match (path(document), self.0) {
            (Some(path), Some(text)) => write_whole(&path, text.as_bytes()).map(drop),
            (Some(path), None) => remove_if_there(&path),
            (None, _) => Ok(()),
        }
    }
}

/// Returns the mark of a document, if it was put with this very content.
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
    // The line feed at the end shows that the file is whole.
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

/// Removes marks whose documents are gone, if nothing else is in the directory. A writer that has put its mark in place still has
/// the temporary file of its document there.
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
