//! Folder listings.

use super::marks;
use super::write::{Sweeper, etag, is_temporary};
use crate::store::{Listed, Prefix};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Number of files per listing page, as in S3.
const PAGE_FILES: usize = 1000;

/// A resumable directory tree walk.
pub(super) struct Walk {
    root: PathBuf,
    below: Prefix,
    /// Directories left to read.
    directories: Vec<PathBuf>,
    /// The directory currently being read.
    open: Option<fs::ReadDir>,
    sweeper: Sweeper,
}

impl Walk {
    pub(super) fn new(root: PathBuf, below: Prefix) -> Self {
        let directories = vec![root.join(below.to_string())];
        Self { root, below, directories, open: None, sweeper: Sweeper::default() }
    }

    /// Returns the next page of files, or `None` when done.
    pub(super) fn next_page(&mut self) -> io::Result<Option<Vec<Listed>>> {
        let mut page = Vec::new();
        // The walk pauses between two files and resumes with the next page, on whichever thread requests it. A
        // recursive function couldn't pause midway, and collecting all paths up front would use too much memory with
        // millions of tiles.
        while page.len() < PAGE_FILES {
            match self.next_entry()? {
                Some(entry) => self.visit(&entry, &mut page)?,
                None => break,
            }
        }
        Ok(Some(page).filter(|page| !page.is_empty()))
    }

    fn next_entry(&mut self) -> io::Result<Option<fs::DirEntry>> {
        loop {
            if let Some(entry) = self.open.as_mut().and_then(Iterator::next) {
                return entry.map(Some);
            }
            let Some(next) = self.directories.pop() else { return Ok(None) };
            self.open = entries(&self.root, &next)?;
        }
    }

    fn visit(&mut self, entry: &fs::DirEntry, page: &mut Vec<Listed>) -> io::Result<()> {
        let (path, name) = (entry.path(), entry.file_name());
        if entry.file_type()?.is_dir() {
            self.directories.push(path);
            return Ok(());
        }
        if is_temporary(&name) {
            self.sweeper.sweep(&self.root, entry);
            return Ok(());
        }
        // Keys are UTF-8, so files with non-UTF-8 names aren't objects.
        let key = path.strip_prefix(&self.root).ok().and_then(Path::to_str).and_then(|key| self.below.found(key));
        let Some(key) = key.filter(|_| !marks::is_mark(&name)) else { return Ok(()) };
        match entry.metadata() {
            // The file was deleted after the directory was read.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            metadata => {
                let metadata = metadata?;
                let (etag, modified) = (etag(&metadata), metadata.modified().ok());
                page.push(Listed { key, bytes: metadata.len(), etag, modified });
            }
        }
        Ok(())
    }
}

/// Opens a directory. Returns `None` if it doesn't exist or is a file, because a file can't be a key prefix.
fn entries(root: &Path, directory: &Path) -> io::Result<Option<fs::ReadDir>> {
    match fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory && directory != root => Ok(None),
        entries => entries.map(Some),
    }
}

/// Returns the names of all subdirectories, or an empty list if the directory doesn't exist.
pub(super) fn directories_in(root: &Path, directory: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in entries(root, directory)?.into_iter().flatten() {
        let entry = entry?;
        // Keys are UTF-8, so directories with non-UTF-8 names contain no objects.
        if entry.file_type()?.is_dir()
            && let Ok(name) = entry.file_name().into_string()
        {
            names.push(name);
        }
    }
    Ok(names)
}
