//! Collects input images from local and remote files, folders, lists and tables.

mod error;
mod grouping;
mod image_type;
mod patterns;
mod walk;

pub use error::InputError;
pub use image_type::{ImageType, ImageTypeError};
pub use patterns::Patterns;

use super::folder::{EmptyFolder, SystemFiles, UnsupportedFiles};
use super::lines::LimitedLines;
use super::naming::{NameError, identifier, identifier_of};
use super::page::Page;
use super::row_place::{RowPlace, RowUnit};
use super::table::{self, Row, RowError, Table};
use crate::destination::Identifier;
use crate::location::{Location, S3Object};
use error::input_error;
use grouping::group_by_folder;
use std::collections::HashMap;
use std::ffi::OsStr;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use unicode_normalization::UnicodeNormalization;
use walk::Walk;
use walkdir::{DirEntry, WalkDir};

/// The images to process in a run.
#[derive(Debug)]
pub struct Input {
    patterns: Patterns,
    /// Publish target, which is skipped when adding folders.
    target: Option<Location>,
    pages: Vec<Page>,
    unread: Vec<InputError>,
    empty_folders: Vec<EmptyFolder>,
    notes: Vec<String>,
    hidden_rows: u64,
    missing_files: u64,
    system_files: SystemFiles,
    unsupported_files: UnsupportedFiles,
    rename: Option<Rename>,
    groups_folders: bool,
}

/// Function that derives an identifier from another one.
type Rename = fn(&str) -> String;

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
            rename: None,
            groups_folders: false,
        }
    }

    /// Makes each folder an object with its images as pages, in natural order. This applies to images added later,
    /// except images from tables.
    #[must_use]
    pub fn grouping_folders(self) -> Self {
        Self { groups_folders: true, ..self }
    }

    /// Derives the identifiers of all images and objects with `rename`, for example to make them ASCII.
    #[must_use]
    pub fn renaming(self, rename: fn(&str) -> String) -> Self {
        Self { rename: Some(rename), ..self }
    }

    /// Sets the publish target. It contains tiles, so it is skipped when adding folders and prefixes later.
    #[must_use]
    pub fn leaving_out(self, target: Option<Location>) -> Self {
        let target = match target {
            // If the target folder doesn't exist yet, it can't be part of the input.
            Some(Location::File(folder)) => folder.canonicalize().ok().map(Location::File),
            elsewhere => elsewhere,
        };
        Self { target, ..self }
    }

    fn is_target(&self, folder: &Path) -> bool {
        let target = self.target.as_ref().and_then(Location::file);
        target.is_some_and(|target| folder.canonicalize().is_ok_and(|folder| folder == target))
    }

    /// Adds a single file or a folder. A file's identifier is its name without the extension. For a folder, all images
    /// in it and its subfolders are added in name order, with identifiers based on their relative paths. Unreadable
    /// subfolders are recorded and reported later.
    ///
    /// # Errors
    /// Returns an error if the folder is the [publish target](Self::leaving_out).
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

    /// Adds all images in a folder and its subfolders.
    fn add_folder(&mut self, root: &Path) {
        let mut system_files = std::mem::take(&mut self.system_files);
        let unsupported_files = std::mem::take(&mut self.unsupported_files);
        // The target may be inside the input, for example `masters/iiif`. Without this filter, each run would publish
        // the previous run's tiles.
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
        let canonical = root.canonicalize().ok();
        self.group(&mut walk.pages, canonical.as_ref().and_then(|root| root.file_name()?.to_str()));
        self.pages.append(&mut walk.pages);
        self.unread.append(&mut walk.unread);
        self.empty_folders.append(&mut walk.empty_folders.into_folders(root));
    }

    /// Groups images by folder, if enabled. `root` is the name of the folder that contains all of them.
    fn group<'p>(&self, pages: impl IntoIterator<Item = &'p mut Page>, root: Option<&str>) {
        if self.groups_folders {
            let root = root.and_then(|name| name.parse().ok());
            group_by_folder(pages, root.as_ref());
        }
    }

    /// Adds a remote image. Its identifier is the last segment of its key or URL without the extension.
    ///
    /// # Errors
    /// Returns an error if the segment isn't a valid identifier.
    pub fn add_remote(&mut self, location: Location) -> Result<(), InputError> {
        let identifier = identifier_of(&location, Path::new(""))?;
        self.pages.push(Page::alone(location, identifier));
        Ok(())
    }

    /// Adds an image.
    pub fn add_page(&mut self, page: Page) {
        self.pages.push(page);
    }

    /// Adds an image, or records an error if its name isn't a valid identifier.
    fn add(&mut self, location: Location, identifier: Result<Identifier, NameError>) {
        match identifier {
            Ok(identifier) => self.pages.push(Page::alone(location, identifier)),
            Err(error) => self.unread.push(error.into()),
        }
    }

    /// Adds all images from a list of objects below a prefix, like [`add_path`](Self::add_path) does for a folder.
    ///
    /// # Errors
    /// Returns an error if the prefix is the [publish target](Self::leaving_out).
    pub fn add_objects(&mut self, folder: &S3Object, objects: Vec<S3Object>) -> Result<(), InputError> {
        let target = match &self.target {
            Some(Location::Object(target)) if target.bucket == folder.bucket => Some(target.key.clone()),
            _ => None,
        };
        if target.as_ref().is_some_and(|target| target.trim_end_matches('/') == folder.key.trim_end_matches('/')) {
            return Err(InputError::Target { input: Location::Object(folder.clone()).to_string() });
        }
        // If the target contains the source folder, nothing needs to be skipped.
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
        let mut added = self.pages.split_off(before);
        self.group(&mut added, folder.key.trim_end_matches('/').rsplit('/').next());
        self.pages.append(&mut added);
        if self.pages.len() == before {
            let folder = Location::Object(folder.clone());
            self.unread.push(InputError::Nothing { input: folder.to_string() });
        }
        Ok(())
    }

    /// Adds all files in a list with one path per line. A file's identifier is its path as written, without the
    /// extension. Remote images are handled like in [`add_remote`](Self::add_remote). Lines may also be JSON table rows
    /// with a `source` and `id`. Empty lines are skipped.
    ///
    /// # Errors
    /// Returns an error if the list can't be read or contains an invalid URL or JSON row.
    pub fn add_list(&mut self, list: impl Read, name: &str) -> Result<(), InputError> {
        let before = self.pages.len();
        let text = table::read_list(LimitedLines::new(list)).map_err(|error| input_error(error, name))?;
        let (mut named, list): (_, Arc<str>) = (Vec::new(), name.into());
        for (line, number) in text.lines().zip(1..) {
            let place = || Some(RowPlace::new(Arc::clone(&list), RowUnit::Line, number));
            if line.starts_with('{') {
                let row = table::parse_json_row(line, &Table::new(name, Path::new("")));
                let refused =
                    |reason: String| input_error(RowError { unit: RowUnit::Line, line: number, reason }.into(), name);
                match row.map_err(refused)? {
                    Some(Row::Pages(pages)) => {
                        for page in pages {
                            self.add_row(Page { row: place(), ..page });
                        }
                    }
                    Some(Row::Object { .. }) | None => return Err(refused("`source` is empty".to_owned())),
                }
                continue;
            }
            let path = Path::new(line);
            if !line.trim().is_empty() {
                let location = self.located(Location::named(path)?);
                let identifier = identifier_of(&location, path);
                let count = self.pages.len();
                self.add(location, identifier);
                if let Some(page) = self.pages.get_mut(count) {
                    page.row = place();
                    named.push(count);
                }
            }
        }
        let mut added = self.pages.split_off(before);
        // Table rows specify their own objects.
        let is_named = |index: usize| named.binary_search(&(before + index)).is_ok();
        self.group(added.iter_mut().enumerate().filter(|(index, _)| is_named(*index)).map(|(_, page)| page), None);
        self.pages.append(&mut added);
        if self.pages.len() == before {
            self.unread.push(InputError::Nothing { input: name.to_owned() });
        }
        Ok(())
    }

    /// Adds all rows of a table.
    ///
    /// # Errors
    /// Returns an error if the table can't be read or if any rows are invalid.
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

    /// Adapts a path to the Unicode normalization used by the file system, because `ü` can be one character or two.
    /// Counts missing files.
    fn located(&mut self, location: Location) -> Location {
        let Location::File(path) = location else { return location };
        if path.symlink_metadata().is_ok() {
            return Location::File(path);
        }
        let text = path.to_str().unwrap_or_default();
        // macOS may store `ü` in decomposed form, as `u` followed by a combining diaeresis, while a table written on
        // another system uses a single character. Both look identical to users but not to the file system.
        let mut forms = [text.nfc().collect::<String>(), text.nfd().collect()].into_iter().filter(|form| form != text);
        let found = forms.find(|form| Path::new(form).symlink_metadata().is_ok());
        self.missing_files += u64::from(found.is_none());
        Location::File(found.map_or(path, PathBuf::from))
    }

    /// Makes identifiers what they will be in the store: in normalization form C and renamed.
    fn rename_pages(&mut self) {
        let rename = self.rename;
        let named = |identifier: &Identifier| named(identifier.as_str(), rename);
        for page in std::mem::take(&mut self.pages) {
            let renamed = named(&page.identifier).and_then(|identifier| {
                let thumbnail = page.thumbnail.as_ref().map(&named).transpose()?;
                let start = page.start.as_ref().map(&named).transpose()?;
                Ok(Page { object: named(&page.object)?, identifier, thumbnail, start, ..page })
            });
            match renamed {
                Ok(page) => self.pages.push(page),
                Err(error) => self.unread.push(error.into()),
            }
        }
    }

    /// Returns the number of hidden spreadsheet rows. They won't be published but may have been published earlier.
    #[must_use]
    pub(crate) fn hidden_rows(&self) -> u64 {
        self.hidden_rows
    }

    /// Returns all empty folders. Images published from them may or may not still exist.
    #[must_use]
    pub(crate) fn empty_folders(&self) -> Vec<EmptyFolder> {
        let renamed = |folder: &EmptyFolder| match named(&folder.identifiers, self.rename) {
            Ok(identifiers) => folder.renamed(identifiers.to_string()),
            Err(_) => folder.clone(),
        };
        self.empty_folders.iter().map(renamed).collect()
    }

    /// Returns the number of files that lists and tables refer to but that don't exist.
    #[must_use]
    pub(crate) fn missing_files(&self) -> u64 {
        self.missing_files
    }

    /// Returns user-visible notes on how the input was read.
    #[must_use]
    pub fn notes(&self) -> Vec<String> {
        self.notes.iter().cloned().chain(self.system_files.note()).chain(self.unsupported_files.notes()).collect()
    }

    /// Returns all images, along with any errors that may have caused images to be missed, such as unreadable files and
    /// folders without images. Empty folders may be mount points of missing disks.
    ///
    /// # Errors
    /// Returns an error if two images have the same identifier.
    pub(crate) fn into_pages(mut self) -> Result<(Vec<Page>, Vec<InputError>), InputError> {
        self.rename_pages();
        // Files like `a.tif` and `a.jpg` have the same identifier. Picking one of them would be a guess, and publishing
        // both would make each run overwrite one with the other.
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

/// Returns an identifier in normalization form C, because names from macOS may be decomposed, and renamed.
fn named(text: &str, rename: Option<Rename>) -> Result<Identifier, NameError> {
    let composed: String = text.nfc().collect();
    let name = rename.map_or_else(|| composed.clone(), |rename| rename(&composed));
    name.parse().map_err(|cause| NameError::NoIdentifier { name: text.to_owned(), cause: Some(cause) })
}

#[cfg(test)]
mod tests;
