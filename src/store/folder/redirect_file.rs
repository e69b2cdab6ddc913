//! The file `_redirects` of a folder, which all bases share.
//!
//! Rewriting the file for each base would take quadratic time in the number of bases. The lines of a new base are
//! therefore appended, and the file is rewritten only if old lines must be removed. The file is read once, and again
//! only if another process has changed it.

use super::redirect_lines::{path, replaced};
use crate::store::Redirects;
use std::collections::HashSet;
use std::fs::{self, File, Metadata};
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Write};
use std::path::Path;
use std::time::SystemTime;

/// The known state of the file.
#[derive(Debug, Default)]
pub(super) struct RedirectFile {
    /// The size and time of the file in this state, or `None` if the state is unknown.
    stamp: Option<(u64, SystemTime)>,
    /// Hashes of paths that may be bases with lines in the file. A false positive only causes a rewrite.
    bases: HashSet<u64>,
    hasher: RandomState,
    ends_with_line_feed: bool,
}

/// The change that the redirects of a base require.
pub(super) enum Change {
    None,
    /// Lines were appended.
    Appended,
    /// The file must be replaced by this text, and the state then [forgotten](RedirectFile::forget).
    Replace(String),
}

impl RedirectFile {
    /// Appends the redirects of one base, or returns the new text of the file if old lines of the base must be
    /// removed.
    pub(super) fn add(&mut self, file: &Path, redirects: &Redirects) -> io::Result<Change> {
        let metadata = match fs::symlink_metadata(file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            metadata => Some(metadata?),
        };
        if self.stamp.is_none() || self.stamp != metadata.as_ref().and_then(stamp) {
            self.read(file, metadata.as_ref(), redirects.depth)?;
        }
        // The state is a set of hashes: 8 bytes for each base instead of its text. It answers "perhaps" or "no", and
        // "perhaps" only leads to a rewrite that finds nothing to change.
        let is_known = self.bases.contains(&self.hash(path(&redirects.base_url)));
        if is_known || !self.ends_with_line_feed || metadata.is_none_or(|metadata| !metadata.is_file()) {
            let text = read_or_empty(file)?;
            let new = replaced(&text, redirects);
            return Ok(if new == text { Change::None } else { Change::Replace(new) });
        }
        let lines = replaced("", redirects);
        if lines.is_empty() {
            return Ok(Change::None);
        }
        let mut file = File::options().append(true).open(file)?;
        // A single write, so that concurrent readers see complete lines.
        file.write_all(lines.as_bytes())?;
        self.note(&lines, redirects.depth);
        self.stamp = stamp(&file.metadata()?);
        Ok(Change::Appended)
    }

    /// Forgets the state after the file was replaced.
    pub(super) fn forget(&mut self) {
        self.stamp = None;
    }

    fn read(&mut self, file: &Path, metadata: Option<&Metadata>, depth: usize) -> io::Result<()> {
        let text = read_or_empty(file)?;
        self.bases.clear();
        self.ends_with_line_feed = text.ends_with('\n');
        self.note(&text, depth);
        self.stamp = metadata.and_then(stamp);
        Ok(())
    }

    /// Records the paths of bases that these lines may belong to: each path, and the path `depth` segments above it.
    fn note(&mut self, text: &str, depth: usize) {
        for from in text.lines().filter_map(|line| line.split_whitespace().next()) {
            let hash = self.hash(from);
            self.bases.insert(hash);
            if let Some((at, _)) = from.rmatch_indices('/').nth(depth.saturating_sub(1)) {
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
