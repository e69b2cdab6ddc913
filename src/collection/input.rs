//! What is to be published: files, folders, lists and tables, here and elsewhere.

use super::folder::{EmptyFolder, EmptyFolders, SystemFiles, UnsupportedFiles};
use super::page::Page;
use super::table::{self, RowError, RowUnit, Table, TableError};
use crate::location::{Location, LocationError, S3Object};
use crate::store::{Identifier, KeyError};
use globset::{Glob, GlobSet, GlobSetBuilder};
use std::collections::HashMap;
use std::ffi::OsStr;
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};
use unicode_normalization::UnicodeNormalization;
use walkdir::{DirEntry, WalkDir};

/// The extensions of images, by which files in folders are chosen. What they are, their content decides.
const EXTENSIONS: [&str; 20] = [
    "jpg", "jpeg", "jpe", "jfif", "tif", "tiff", "ptif", "btf", "png", "jp2", "j2k", "jpx", "j2c", "webp", "gif",
    "bmp", "pnm", "ppm", "pgm", "pbm",
];

/// Why the input cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InputError {
    /// A file or folder cannot be read.
    #[error("could not read `{input}`")]
    Read {
        /// The path that was named.
        input: String,
        /// What the system says.
        #[source]
        cause: io::Error,
    },
    /// A file or folder that is not there: it may have been a folder. As an image, it fails by itself.
    #[error("there is no `{input}`")]
    Missing {
        /// The path that was named.
        input: String,
    },
    /// A folder, list or table has no images in it.
    #[error("there are no images in `{input}`")]
    Nothing {
        /// The path that was named.
        input: String,
    },
    /// A URL names no bucket or no host.
    #[error("could not understand a source")]
    Location(#[from] LocationError),
    /// A list names a folder of a bucket.
    #[error("`{0}` is a folder, and a list or a table has images")]
    Folder(String),
    /// It is where all is published to: tiles are images too.
    #[error("`{input}` is where this publishes to")]
    Target {
        /// The folder.
        input: String,
    },
    /// A pattern is none.
    #[error("could not understand a pattern")]
    Pattern(#[from] globset::Error),
    /// A file has a name that is no identifier.
    #[error("`{input}` gives no identifier")]
    Identifier {
        /// The file.
        input: String,
        /// Why.
        #[source]
        cause: Option<KeyError>,
    },
    /// Two images would be called the same.
    #[error("`{first}` and `{second}` would both be called `{identifier}`")]
    Overlap {
        /// The one.
        first: String,
        /// The other.
        second: String,
        /// Their name.
        identifier: Identifier,
    },
    /// An image is named twice.
    #[error("the input names `{input}` twice")]
    Twice {
        /// The image.
        input: String,
    },
    /// A file is not a table that can be read.
    #[error("`{input}` {reason}")]
    Table {
        /// The file.
        input: String,
        /// A predicate.
        reason: String,
        /// An imperative clause.
        hint: &'static str,
    },
    /// Rows of a table cannot be used.
    #[error("{} of `{input}` cannot be used", rows_of(errors.len()))]
    Rows {
        /// The table.
        input: String,
        /// All that is wrong.
        errors: Vec<RowError>,
    },
}

fn input_error(error: TableError, input: &str) -> InputError {
    let input = input.to_owned();
    match error {
        TableError::Read(cause) => InputError::Read { input, cause },
        TableError::Refused(reason, hint) => InputError::Table { input, reason, hint },
        TableError::Rows(errors) => InputError::Rows { input, errors },
    }
}

fn rows_of(count: usize) -> String {
    if count == 1 { "1 row".to_owned() } else { format!("{count} rows") }
}

/// Which files of a folder are meant, by their paths in it: `**/*.tif`.
#[derive(Clone, Debug)]
pub struct Patterns {
    include: Option<GlobSet>,
    exclude: GlobSet,
}

impl Patterns {
    /// All that match one of `include` (without any: all images by their extensions), but for those that match one of `exclude`.
    ///
    /// # Errors
    /// Where one cannot be understood.
    pub fn new(include: &[String], exclude: &[String]) -> Result<Self, InputError> {
        let set = |patterns: &[String]| -> Result<GlobSet, globset::Error> {
            let mut set = GlobSetBuilder::new();
            for pattern in patterns {
                set.add(Glob::new(pattern)?);
            }
            set.build()
        };
        let included = if include.is_empty() { None } else { Some(set(include)?) };
        Ok(Self { include: included, exclude: set(exclude)? })
    }

    /// Returns `true` if the user has neither included nor excluded a file by a pattern.
    fn are_silent_on(&self, path: &Path) -> bool {
        self.include.is_none() && !self.exclude.is_match(path)
    }

    fn match_file(&self, path: &Path) -> bool {
        self.include.as_ref().map_or_else(|| is_image_name(path), |include| include.is_match(path))
            && !self.exclude.is_match(path)
    }
}

/// Returns `true` for names with the extension of an image.
pub(super) fn is_image_name(path: impl AsRef<Path>) -> bool {
    let extension = path.as_ref().extension().and_then(OsStr::to_str).map(str::to_lowercase);
    extension.is_some_and(|extension| EXTENSIONS.contains(&extension.as_str()))
}

/// The result of walking through a folder.
#[derive(Default)]
struct Walk {
    pages: Vec<Page>,
    unread: Vec<InputError>,
    empty_folders: EmptyFolders,
    unsupported_files: UnsupportedFiles,
}

impl Walk {
    fn add(&mut self, root: &Path, entry: walkdir::Result<DirEntry>, patterns: &Patterns) {
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
            Err(error) => self.unread.push(error),
        }
    }
}

/// The images of one run, gathered.
#[derive(Debug)]
pub struct Input {
    patterns: Patterns,
    /// Where images are published to.
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
    /// Nothing yet.
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

    /// The same without what lies below `target`, a folder, in the folders and prefixes that are still to be added: where images
    /// are published to, there are images of theirs.
    #[must_use]
    pub fn leaving_out(self, target: Option<Location>) -> Self {
        let target = match target {
            // Where there is no such folder yet, there is nothing to leave out.
            Some(Location::File(folder)) => folder.canonicalize().ok().map(Location::File),
            elsewhere => elsewhere,
        };
        Self { target, ..self }
    }

    fn is_target(&self, folder: &Path) -> bool {
        let target = self.target.as_ref().and_then(Location::file);
        target.is_some_and(|target| folder.canonicalize().is_ok_and(|folder| folder == target))
    }

    /// Adds a file, called by its name without the extension; or all images in a folder and the folders in it, in the
    /// order of their names, called by their paths in it. What cannot be read of a folder is [told of at the end](Self::into_pages).
    ///
    /// # Errors
    /// Where a file has a name that is no identifier, or the folder is [left out](Self::leaving_out).
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
        let is_shown = |entry: &DirEntry| {
            let mut is_hidden = || {
                let name = entry.file_name();
                system_files.leave_out(name) || name.as_encoded_bytes().starts_with(b".")
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

    /// Adds an image that is elsewhere, called by the last part of its key or address without the extension.
    ///
    /// # Errors
    /// Where that gives no identifier.
    pub fn add_remote(&mut self, location: Location) -> Result<(), InputError> {
        let identifier = identifier_of(&location, Path::new(""))?;
        self.pages.push(Page::alone(location, identifier));
        Ok(())
    }

    /// Adds an image, or notes that it is skipped because of its name.
    fn add(&mut self, location: Location, identifier: Result<Identifier, InputError>) {
        match identifier {
            Ok(identifier) => self.pages.push(Page::alone(location, identifier)),
            Err(error) => self.unread.push(error),
        }
    }

    /// Adds the images among all objects below a prefix, as [`add_path`](Self::add_path) adds those of a folder.
    ///
    /// # Errors
    /// Where a key gives no identifier, or the prefix is [left out](Self::leaving_out).
    pub fn add_objects(&mut self, folder: &S3Object, objects: Vec<S3Object>) -> Result<(), InputError> {
        let target = match &self.target {
            Some(Location::Object(target)) if target.bucket == folder.bucket => Some(target.key.clone()),
            _ => None,
        };
        if target.as_ref().is_some_and(|target| target.trim_end_matches('/') == folder.key.trim_end_matches('/')) {
            return Err(InputError::Target { input: Location::Object(folder.clone()).to_string() });
        }
        // Masters in a folder below the target are none of what is published.
        let target = target.filter(|target| target.starts_with(&folder.key));
        let before = self.pages.len();
        for object in objects {
            if target.as_ref().is_some_and(|target| object.key.starts_with(target)) {
                continue;
            }
            let below = object.key.strip_prefix(&folder.key).unwrap_or(&object.key).trim_start_matches('/');
            let mut names = below.split('/');
            let is_shown = names.all(|name| !self.system_files.leave_out(OsStr::new(name)) && !name.starts_with('.'));
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

    /// Adds the files of a list, one on each line, called by their paths as they stand there; what is elsewhere, as
    /// [`add_remote`](Self::add_remote) does. A line may also be a row of a table in JSON, with a `source` and an `id`. Empty lines say nothing.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub fn add_list(&mut self, list: impl Read, name: &str) -> Result<(), InputError> {
        let before = self.pages.len();
        let text = table::text_of_list(list).map_err(|error| input_error(error, name))?;
        for (line, number) in text.lines().zip(1..) {
            if line.starts_with('{') {
                let row = table::row_of_json(line, Path::new(""));
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
    /// If it cannot be read, or everything that is wrong with its rows.
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

    /// Finds a file under the composition of its characters that its folder has: `ü` may be one character or two. Counts files that
    /// are missing.
    fn located(&mut self, location: Location) -> Location {
        let Location::File(path) = location else { return location };
        if path.symlink_metadata().is_ok() {
            return Location::File(path);
        }
        let text = path.to_str().unwrap_or_default();
        let mut forms = [text.nfc().collect::<String>(), text.nfd().collect()].into_iter().filter(|form| form != text);
        let found = forms.find(|form| Path::new(form).symlink_metadata().is_ok());
        self.missing_files += u64::from(found.is_none());
        Location::File(found.map_or(path, PathBuf::from))
    }

    /// Returns the number of hidden rows of spreadsheets. They are not published, but they may have been.
    #[must_use]
    pub fn hidden_rows(&self) -> u64 {
        self.hidden_rows
    }

    /// Returns the folders in those added so far that are empty. Nothing can be said of images that were published from them.
    #[must_use]
    pub fn empty_folders(&self) -> &[EmptyFolder] {
        &self.empty_folders
    }

    /// Returns the number of files in lists and tables that are not there: what names them may be cut off.
    #[must_use]
    pub fn missing_files(&self) -> u64 {
        self.missing_files
    }

    /// Returns what people should know of how the input was read.
    #[must_use]
    pub fn notes(&self) -> Vec<String> {
        self.notes.iter().cloned().chain(self.system_files.note()).chain(self.unsupported_files.note()).collect()
    }

    /// The images, no two of which are called the same; and why it is not certain that these are all: what could not be read, and
    /// folders without any image, which may be those of disks that are not mounted.
    ///
    /// # Errors
    /// Where two are.
    pub fn into_pages(self) -> Result<(Vec<Page>, Vec<InputError>), InputError> {
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

/// What an image is called by what was `said` of it: a file by that path, anything else by the last part of its name.
pub(super) fn identifier_of(location: &Location, said: &Path) -> Result<Identifier, InputError> {
    match location {
        Location::File(_) => identifier(said),
        Location::Object(object) if object.is_folder() => Err(InputError::Folder(location.to_string())),
        Location::Object(_) | Location::Web(_) => {
            let name = location.file_name();
            let name = name.ok_or_else(|| InputError::Identifier { input: location.to_string(), cause: None })?;
            identifier(&name)
        }
    }
}

/// Returns a path with its control characters and bytes that are not UTF-8 escaped.
fn visible(path: &Path) -> String {
    let mut text = String::new();
    for chunk in path.as_os_str().as_encoded_bytes().utf8_chunks() {
        for character in chunk.valid().chars() {
            if character.is_control() { text.extend(character.escape_default()) } else { text.push(character) }
        }
        for byte in chunk.invalid() {
            text.push_str("\\x");
            text.extend([byte >> 4, byte & 15].map(|digit| char::from(b"0123456789abcdef"[usize::from(digit)])));
        }
    }
    text
}

/// What a file is called by its path: that path without the extension. Of a path from the root, or out of the folder that it is
/// relative to, only the name of the file.
pub(super) fn identifier(path: &Path) -> Result<Identifier, InputError> {
    let refused = |cause| InputError::Identifier { input: visible(path), cause };
    let is_below = |component: &Component| matches!(component, Component::Normal(_) | Component::CurDir);
    let path = if path.components().all(|component| is_below(&component)) {
        path.with_extension("")
    } else {
        PathBuf::from(path.file_stem().unwrap_or_default())
    };
    let names: Option<Vec<&str>> = path
        .components()
        .filter(|component| *component != Component::CurDir)
        .map(|component| component.as_os_str().to_str())
        .collect();
    names.ok_or_else(|| refused(None))?.join("/").parse().map_err(|error| refused(Some(error)))
}

#[cfg(test)]
mod tests;
