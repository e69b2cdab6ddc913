//! A folder's `_redirects` file, shared by all base keys.
//!
//! Rewriting the file for every base key would take quadratic time overall. Instead, lines for a new base key are
//! appended, and the file is rewritten only when old lines have to go. The file is read once, and then again only if
//! another process has changed it.

use super::redirect_lines::{path, replaced};
use crate::store::Redirects;
use std::collections::HashSet;
use std::fs::{self, File, Metadata};
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Write};
use std::path::Path;
use std::time::SystemTime;

/// Cached state of the file.
#[derive(Debug, Default)]
pub(super) struct RedirectFile {
    /// File size and time when this state was recorded, or `None` if the state is unknown.
    stamp: Option<(u64, SystemTime)>,
    /// Hashes of paths that may be base keys with lines in the file. A false positive only causes a needless rewrite.
    bases: HashSet<u64>,
    hasher: RandomState,
    ends_with_line_feed: bool,
}

/// Change needed to apply the redirects for a base key.
pub(super) enum Change {
    None,
    /// Lines have already been appended.
    Appended,
    /// The file must be replaced with this text, and then [`forget`](RedirectFile::forget) must be called.
    Replace(String),
}

impl RedirectFile {
    /// Appends the redirects for one base key, or returns new file contents if old lines for that key have to be
    /// removed.
    pub(super) fn add(&mut self, file: &Path, redirects: &Redirects) -> io::Result<Change> {
        let metadata = match fs::symlink_metadata(file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            metadata => Some(metadata?),
        };
        if self.stamp.is_none() || self.stamp != metadata.as_ref().and_then(stamp) {
            self.read(file, metadata.as_ref(), redirects.depth)?;
        }
        // The state is a set of hashes, which takes 8 bytes per base key instead of the whole string. A lookup returns
        // "maybe" or "no", and a wrong "maybe" only leads to a rewrite that finds nothing to change.
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
        // Use a single write so that concurrent readers see only complete lines.
        file.write_all(lines.as_bytes())?;
        self.note(&lines, redirects.depth);
        self.stamp = stamp(&file.metadata()?);
        Ok(Change::Appended)
    }

    /// Discards the cached state after the file is replaced.
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

    /// Records every base path that these lines could belong to: each line's path, and the path `depth` segments above
    /// it.
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
