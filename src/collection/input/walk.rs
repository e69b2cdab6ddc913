//! Walks a directory tree.

use super::{InputError, Patterns};
use crate::collection::folder::{EmptyFolders, UnsupportedFiles};
use crate::collection::naming::identifier;
use crate::collection::page::Page;
use std::path::Path;
use walkdir::DirEntry;

/// Everything found during a directory walk.
#[derive(Default)]
pub(super) struct Walk {
    pub(super) pages: Vec<Page>,
    pub(super) unread: Vec<InputError>,
    pub(super) empty_folders: EmptyFolders,
    pub(super) unsupported_files: UnsupportedFiles,
}

impl Walk {
    pub(super) fn add(&mut self, root: &Path, entry: walkdir::Result<DirEntry>, patterns: &Patterns) {
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) => {
                let input = error.path().unwrap_or(root).display().to_string();
                return self.unread.push(InputError::Read { input, cause: error.into() });
            }
        };
        match entry.file_type().is_dir() {
            true if entry.depth() > 0 => self.empty_folders.add(entry.path()),
            true => {}
            false => self.empty_folders.remove_around(entry.path()),
        }
        let below = entry.path().strip_prefix(root).unwrap_or(entry.path());
        if !entry.file_type().is_file() {
            return;
        }
        if !patterns.match_file(below) {
            return self.unsupported_files.add_if(patterns.are_silent_on(below), below);
        }
        match identifier(below) {
            Ok(identifier) => self.pages.push(Page::alone(entry.path().into(), identifier)),
            Err(error) => self.unread.push(error.into()),
        }
    }
}
