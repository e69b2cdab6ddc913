//! The file `_redirects` of a folder, which the images of a run share.
//!
//! Writing it anew for each image would take a time that grows with the square of their number. So the lines of an image that has
//! none yet are appended, and the file is written anew only if old lines must go. What it has is read once, and again only if
//! another process has changed it.

use crate::store::redirects::{SLASHES_OF_REQUEST, path, replaced};
use crate::store::{Key, Redirect};
use std::collections::HashSet;
use std::fs::{self, File, Metadata};
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Write};
use std::path::Path;
use std::time::SystemTime;

/// What is known of the file.
#[derive(Debug, Default)]
pub(super) struct RedirectFile {
    /// The size and the time of the file as it is described here; `None` if nothing is known.
    stamp: Option<(u64, SystemTime)>,
    /// Hashes of the paths that may be bases of images with lines in the file. One too many costs writing the file anew.
    bases: HashSet<u64>,
    hasher: RandomState,
    ends_with_line_feed: bool,
}

/// What the redirects of an image change.
pub(super) enum Change {
    None,
    /// Lines were appended.
    Appended,
    /// The file must be replaced by this text, and then [noted](RedirectFile::forget).
    Replace(String),
}

impl RedirectFile {
    /// Appends the redirects of one image, or returns the whole text if old lines of the image must go.
    pub(super) fn add(&mut self, file: &Path, base: (&Key, &str), redirects: &[Redirect]) -> io::Result<Change> {
        let metadata = match fs::symlink_metadata(file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            metadata => Some(metadata?),
        };
        if self.stamp.is_none() || self.stamp != metadata.as_ref().and_then(stamp) {
            self.read(file, metadata.as_ref())?;
        }
        let is_known = self.bases.contains(&self.hash(path(base.1)));
        if is_known || !self.ends_with_line_feed || metadata.is_none_or(|metadata| !metadata.is_file()) {
            let text = read_or_empty(file)?;
            let new = replaced(&text, base, redirects);
            return Ok(if new == text { Change::None } else { Change::Replace(new) });
        }
        let lines = replaced("", base, redirects);
        if lines.is_empty() {
            return Ok(Change::None);
        }
        let mut file = File::options().append(true).open(file)?;
        // In one call: whoever reads meanwhile sees whole lines.
        file.write_all(lines.as_bytes())?;
        self.note(&lines);
        self.stamp = stamp(&file.metadata()?);
        Ok(Change::Appended)
    }

    /// Forgets what the file had, because it was replaced.
    pub(super) fn forget(&mut self) {
        self.stamp = None;
    }

    fn read(&mut self, file: &Path, metadata: Option<&Metadata>) -> io::Result<()> {
        let text = read_or_empty(file)?;
        self.bases.clear();
        self.ends_with_line_feed = text.ends_with('\n');
        self.note(&text);
        self.stamp = metadata.and_then(stamp);
        Ok(())
    }

    /// Notes the paths that these lines may be of: each itself, as a bare base URI, and without the end that a request has.
    fn note(&mut self, text: &str) {
        for from in text.lines().filter_map(|line| line.split_whitespace().next()) {
            let hash = self.hash(from);
            self.bases.insert(hash);
            if let Some((at, _)) = from.rmatch_indices('/').nth(SLASHES_OF_REQUEST - 1) {
                let hash = self.hash(&from[..at]);
                self.bases.insert(hash);
            }
        }
    }

    fn hash(&self, text: &str) -> u64 {
        self.hasher.hash_one(text)
    }
}

fn stamp(metadata: &Metadata) -> Option<(u64, SystemTime)> {
    metadata.modified().ok().map(|modified| (metadata.len(), modified))
}

fn read_or_empty(file: &Path) -> io::Result<String> {
    match fs::read_to_string(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
        text => text,
    }
}
