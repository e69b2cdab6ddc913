//! The input of a run: local and remote files, folders, lists and tables.

use super::folder::{EmptyFolder, EmptyFolders, SystemFiles, UnsupportedFiles};
use super::page::Page;
use super::table::{self, RowError, RowUnit, Table, TableError};
use crate::destination::Identifier;
use crate::location::{Location, LocationError, S3Object};
use crate::store::KeyError;
use globset::{Glob, GlobSet, GlobSetBuilder};
use std::collections::HashMap;
use std::ffi::OsStr;
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};
use unicode_normalization::UnicodeNormalization;
use walkdir::{DirEntry, WalkDir};

/// Extensions by which images in folders are selected. The content decides about the format.
const EXTENSIONS: [&str; 20] = [
    "jpg", "jpeg", "jpe", "jfif", "tif", "tiff", "ptif", "btf", "png", "jp2", "j2k", "jpx", "j2c", "webp", "gif",
    "bmp", "pnm", "ppm", "pgm", "pbm",
];

/// An error in the input.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InputError {
    /// A file or folder cannot be read.
    #[error("could not read `{input}`")]
    Read {
        /// The path.
        input: String,
        /// The error of the system.
        #[source]
        cause: io::Error,
    },
    /// A file or folder does not exist, and may have been a folder. A missing image file fails later, by itself.
    #[error("`{input}` does not exist")]
    Missing {
        /// The path.
        input: String,
    },
    /// A folder, list or table contains no images.
    #[error("there are no images in `{input}`")]
    Nothing {
        /// The path.
        input: String,
    },
    /// A URL has no bucket or no valid host.
    #[error("invalid source")]
    Location(#[from] LocationError),
    /// A list or table names a folder in a bucket.
    #[error("`{0}` is a folder; lists and tables must name images")]
    Folder(String),
    /// The folder is the publish target, whose tiles are images too.
    #[error("`{input}` is the publish target")]
    Target {
        /// The folder.
        input: String,
    },
    /// A pattern is not valid.
    #[error("invalid pattern")]
    Pattern(#[from] globset::Error),
    /// The name of a file is not a valid identifier.
    #[error("could not derive an identifier from `{input}`")]
    Identifier {
        /// The file.
        input: String,
        /// The error in the identifier.
        #[source]
        cause: Option<KeyError>,
    },
    /// Two images have the same identifier.
    #[error("`{first}` and `{second}` have the same identifier `{identifier}`")]
    Overlap {
        /// The first image.
        first: String,
        /// The second image.
        second: String,
        /// The identifier.
        identifier: Identifier,
    },
    /// The input contains an image twice.
    #[error("the input contains `{input}` twice")]
    Twice {
        /// The image.
        input: String,
    },
    /// A file is not a readable table.
    #[error("`{input}` {reason}")]
    Table {
        /// The file.
        input: String,
        /// The reason, as a predicate.
        reason: String,
        /// The hint, as an imperative clause.
        hint: &'static str,
    },
    /// A table has invalid rows.
    #[error("`{input}` has {}", invalid_rows(errors.len()))]
    Rows {
        /// The table.
        input: String,
        /// All errors in the rows.
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

fn invalid_rows(count: usize) -> String {
    if count == 1 { "1 invalid row".to_owned() } else { format!("{count} invalid rows") }
}

/// Patterns such as `**/*.tif` that select files by their paths in a folder.
#[derive(Clone, Debug)]
pub struct Patterns {
    include: Option<GlobSet>,
    exclude: GlobSet,
}

impl Patterns {
    /// Selects files that match one of `include` but none of `exclude`. If `include` is empty, selects images by
    /// extension.
    ///
    /// # Errors
    /// If a pattern is not valid.
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

/// Returns `true` for file names with the extension of an image format.
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
    /// relative paths, sorted by name. Subfolders that cannot be read are [reported at the end](Self::into_pages).
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
    fn add(&mut self, location: Location, identifier: Result<Identifier, InputError>) {
        match identifier {
            Ok(identifier) => self.pages.push(Page::alone(location, identifier)),
            Err(error) => self.unread.push(error),
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
        let text = table::read_list(list).map_err(|error| input_error(error, name))?;
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
        let mut forms = [text.nfc().collect::<String>(), text.nfd().collect()].into_iter().filter(|form| form != text);
        let found = forms.find(|form| Path::new(form).symlink_metadata().is_ok());
        self.missing_files += u64::from(found.is_none());
        Location::File(found.map_or(path, PathBuf::from))
    }

    /// Returns the number of hidden rows in spreadsheets. They are not published, but may have been published earlier.
    #[must_use]
    pub fn hidden_rows(&self) -> u64 {
        self.hidden_rows
    }

    /// Returns the empty folders found so far. It is unknown whether images published from them still exist.
    #[must_use]
    pub fn empty_folders(&self) -> &[EmptyFolder] {
        &self.empty_folders
    }

    /// Returns the number of missing files in lists and tables. The list or table may be incomplete.
    #[must_use]
    pub fn missing_files(&self) -> u64 {
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

/// Derives the identifier of a file from the `path` in the input, and of a remote image from the last segment of its
/// name.
pub(super) fn identifier_of(location: &Location, path: &Path) -> Result<Identifier, InputError> {
    match location {
        Location::File(_) => identifier(path),
        Location::Object(object) if object.is_folder() => Err(InputError::Folder(location.to_string())),
        Location::Object(_) | Location::Web(_) => {
            let name = location.file_name();
            let name = name.ok_or_else(|| InputError::Identifier { input: location.to_string(), cause: None })?;
            identifier(&name)
        }
    }
}

/// Returns a path with control characters and bytes that are not UTF-8 escaped.
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

/// Derives the identifier from the path of a file without its extension. For absolute paths and paths that leave the
/// current folder, only the file name is used.
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
