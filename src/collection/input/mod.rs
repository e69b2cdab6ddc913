//! The input of a run: local and remote files, folders, lists and tables.

mod error;
mod patterns;
mod walk;

pub use error::InputError;
pub use patterns::Patterns;

use super::folder::{EmptyFolder, SystemFiles, UnsupportedFiles};
use super::lines::LimitedLines;
use super::naming::{NameError, identifier, identifier_of};
use super::page::Page;
use super::table::{self, RowError, RowUnit, Table};
use crate::destination::Identifier;
use crate::location::{Location, S3Object};
use error::input_error;
use std::collections::HashMap;
use std::ffi::OsStr;
use std::io::Read;
use std::path::{Path, PathBuf};
use unicode_normalization::UnicodeNormalization;
use walk::Walk;
use walkdir::{DirEntry, WalkDir};

/// The images of one run.
#[derive(Debug)]
pub struct Input {
    patterns: Patterns,
    /// The publish target.
    target: Option<Location>,
    pages: Vec<Page>,
    unread: Vec<InputError>,
    empty_folders: Vec<EmptyFolder>,
    notes: Vec<String>,
    hidden_rows: u64,
    missing_files: u64,
    system_files: SystemFiles,
    unsupported_files: UnsupportedFiles,
}

impl Input {
    /// Creates an empty input.
    #[must_use]
    pub fn new(patterns: Patterns) -> Self {
        Self {
            patterns,
            target: None,
            pages: Vec::new(),
            unread: Vec::new(),
            empty_folders: Vec::new(),
            notes: Vec::new(),
            hidden_rows: 0,
            missing_files: 0,
            system_files: SystemFiles::default(),
            unsupported_files: UnsupportedFiles::default(),
        }
    }

    /// Skips `target`, the folder that images are published to, in folders and prefixes that are added later. It
    /// contains published tiles.
    #[must_use]
    pub fn leaving_out(self, target: Option<Location>) -> Self {
        let target = match target {
            // A missing target folder needs no check.
            Some(Location::File(folder)) => folder.canonicalize().ok().map(Location::File),
            elsewhere => elsewhere,
        };
        Self { target, ..self }
    }

    fn is_target(&self, folder: &Path) -> bool {
        let target = self.target.as_ref().and_then(Location::file);
        target.is_some_and(|target| folder.canonicalize().is_ok_and(|folder| folder == target))
    }

    /// Adds a file under its name without the extension, or adds all images in a folder and its subfolders under their
    /// relative paths, sorted by name. Subfolders that cannot be read are reported at the end.
    ///
    /// # Errors
    /// If the name of a file is not a valid identifier, or the folder is the [publish target](Self::leaving_out).
    pub fn add_path(&mut self, path: &Path) -> Result<(), InputError> {
        if !path.is_dir() {
            if path.metadata().is_err() {
                self.unread.push(InputError::Missing { input: path.display().to_string() });
            }
            let name = path.file_name().map_or(path, Path::new);
            self.add(path.into(), identifier(name));
            return Ok(());
        }
        if self.is_target(path) {
            return Err(InputError::Target { input: path.display().to_string() });
        }
        self.add_folder(path);
        Ok(())
    }

    /// Adds the images in a folder and in the folders below it.
    fn add_folder(&mut self, root: &Path) {
        let mut system_files = std::mem::take(&mut self.system_files);
        let unsupported_files = std::mem::take(&mut self.unsupported_files);
        // The target may lie inside of the input, for example `masters/iiif`. Without this filter, each run would
        // publish the tiles of the one before.
        let is_shown = |entry: &DirEntry| {
            let mut is_hidden = || {
                let name = entry.file_name();
                system_files.skip(name) || name.as_encoded_bytes().starts_with(b".")
            };
            entry.depth() == 0 || !(is_hidden() || entry.file_type().is_dir() && self.is_target(entry.path()))
        };
        let mut walk = Walk { unsupported_files, ..Walk::default() };
        for entry in WalkDir::new(root).follow_links(true).sort_by_file_name().into_iter().filter_entry(is_shown) {
            walk.add(root, entry, &self.patterns);
        }
        if walk.pages.is_empty() {
            walk.unread.push(InputError::Nothing { input: root.display().to_string() });
        }
        (self.system_files, self.unsupported_files) = (system_files, walk.unsupported_files);
        self.pages.append(&mut walk.pages);
        self.unread.append(&mut walk.unread);
        self.empty_folders.append(&mut walk.empty_folders.into_folders(root));
    }

    /// Adds a remote image under the last segment of its key or URL without the extension.
    ///
    /// # Errors
    /// If the segment is not a valid identifier.
    pub fn add_remote(&mut self, location: Location) -> Result<(), InputError> {
        let identifier = identifier_of(&location, Path::new(""))?;
        self.pages.push(Page::alone(location, identifier));
        Ok(())
    }

    /// Adds an image, or records that it is skipped because of its name.
    fn add(&mut self, location: Location, identifier: Result<Identifier, NameError>) {
        match identifier {
            Ok(identifier) => self.pages.push(Page::alone(location, identifier)),
            Err(error) => self.unread.push(error.into()),
        }
    }

    /// Adds the images among the objects below a prefix, as [`add_path`](Self::add_path) does for a folder.
    ///
    /// # Errors
    /// If a key does not yield a valid identifier, or the prefix is the [publish target](Self::leaving_out).
    pub fn add_objects(&mut self, folder: &S3Object, objects: Vec<S3Object>) -> Result<(), InputError> {
        let target = match &self.target {
            Some(Location::Object(target)) if target.bucket == folder.bucket => Some(target.key.clone()),
            _ => None,
        };
        if target.as_ref().is_some_and(|target| target.trim_end_matches('/') == folder.key.trim_end_matches('/')) {
            return Err(InputError::Target { input: Location::Object(folder.clone()).to_string() });
        }
        // Sources in a folder that contains the target are not skipped.
        let target = target.filter(|target| target.starts_with(&folder.key));
        let before = self.pages.len();
        for object in objects {
            if target.as_ref().is_some_and(|target| object.key.starts_with(target)) {
                continue;
            }
            let below = object.key.strip_prefix(&folder.key).unwrap_or(&object.key).trim_start_matches('/');
            let mut names = below.split('/');
            let is_shown = names.all(|name| !self.system_files.skip(OsStr::new(name)) && !name.starts_with('.'));
            let below = Path::new(below);
            if is_shown && self.patterns.match_file(below) {
                let identifier = identifier(below);
                self.add(Location::Object(object), identifier);
            } else {
                self.unsupported_files.add_if(is_shown && self.patterns.are_silent_on(below), below);
            }
        }
        if self.pages.len() == before {
            let folder = Location::Object(folder.clone());
            self.unread.push(InputError::Nothing { input: folder.to_string() });
        }
        Ok(())
    }

    /// Adds the files of a list, one per line, under their paths as written. Remote images are added as by
    /// [`add_remote`](Self::add_remote). A line may also be a JSON table row with a `source` and an `id`. Empty lines
    /// are skipped.
    ///
    /// # Errors
    /// If the list cannot be read.
    pub fn add_list(&mut self, list: impl Read, name: &str) -> Result<(), InputError> {
        let before = self.pages.len();
        let text = table::read_list(LimitedLines::new(list)).map_err(|error| input_error(error, name))?;
        for (line, number) in text.lines().zip(1..) {
            if line.starts_with('{') {
                let row = table::parse_json_row(line, Path::new(""));
                let row = row.map_err(|reason| {
                    input_error(RowError { unit: RowUnit::Line, line: number, reason }.into(), name)
                })?;
                self.add_row(row);
                continue;
            }
            let path = Path::new(line);
            if !line.trim().is_empty() {
                let location = self.located(Location::named(path)?);
                let identifier = identifier_of(&location, path);
                self.add(location, identifier);
            }
        }
        if self.pages.len() == before {
            self.unread.push(InputError::Nothing { input: name.to_owned() });
        }
        Ok(())
    }

    /// Adds the rows of a table.
    ///
    /// # Errors
    /// If the table cannot be read, or with all errors in its rows.
    pub fn add_table(&mut self, content: impl Read, table: Table<'_>) -> Result<(), InputError> {
        let input = table.name.to_owned();
        let rows = table::read(content, table).map_err(|error| input_error(error, &input))?;
        self.notes.extend(rows.notes);
        self.hidden_rows += rows.hidden;
        if rows.pages.is_empty() {
            self.unread.push(InputError::Nothing { input });
        }
        rows.pages.into_iter().for_each(|page| self.add_row(page));
        Ok(())
    }

    fn add_row(&mut self, page: Page) {
        let source = self.located(page.source);
        self.pages.push(Page { source, ..page });
    }

    /// Returns the location with the Unicode normalization that its folder uses, because `ü` may be one character or
    /// two. Counts missing files.
    fn located(&mut self, location: Location) -> Location {
        let Location::File(path) = location else { return location };
        if path.symlink_metadata().is_ok() {
            return Location::File(path);
        }
        let text = path.to_str().unwrap_or_default();
        // macOS stores names decomposed, `u` and a diaeresis, and a table that was written elsewhere has `ü`. The two
        // look the same to everybody but the file system.
        let mut forms = [text.nfc().collect::<String>(), text.nfd().collect()].into_iter().filter(|form| form != text);
        let found = forms.find(|form| Path::new(form).symlink_metadata().is_ok());
        self.missing_files += u64::from(found.is_none());
        Location::File(found.map_or(path, PathBuf::from))
    }

    /// Returns the number of hidden rows in spreadsheets. They are not published, but may have been published earlier.
    #[must_use]
    pub(crate) fn hidden_rows(&self) -> u64 {
        self.hidden_rows
    }

    /// Returns the empty folders found so far. It is unknown whether images published from them still exist.
    #[must_use]
    pub(crate) fn empty_folders(&self) -> &[EmptyFolder] {
        &self.empty_folders
    }

    /// Returns the number of missing files in lists and tables. The list or table may be incomplete.
    #[must_use]
    pub(crate) fn missing_files(&self) -> u64 {
        self.missing_files
    }

    /// Returns notes for the user about the way the input was read.
    #[must_use]
    pub fn notes(&self) -> Vec<String> {
        self.notes.iter().cloned().chain(self.system_files.note()).chain(self.unsupported_files.note()).collect()
    }

    /// Returns the images, and the errors that make it uncertain whether the images are complete: unreadable files, and
    /// folders without images, which may be mount points of missing disks.
    ///
    /// # Errors
    /// If two images have the same identifier.
    pub(crate) fn into_pages(self) -> Result<(Vec<Page>, Vec<InputError>), InputError> {
        // Two files such as `a.tif` and `a.jpg` become one identifier. Publishing either of them would be a guess, and
        // publishing both would replace the one by the other in every run.
        let mut known: HashMap<&Identifier, &Location> = HashMap::with_capacity(self.pages.len());
        for page in &self.pages {
            if let Some(first) = known.insert(&page.identifier, &page.source) {
                if *first == page.source {
                    return Err(InputError::Twice { input: first.to_string() });
                }
                return Err(InputError::Overlap {
                    first: first.to_string(),
                    second: page.source.to_string(),
                    identifier: page.identifier.clone(),
                });
            }
        }
        drop(known);
        Ok((self.pages, self.unread))
    }
}

#[cfg(test)]
mod tests;
