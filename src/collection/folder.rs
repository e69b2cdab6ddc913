//! Empty, system, and unsupported files and folders found in the input.

use crate::destination::Identifier;
use crate::source;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// Files and folders created by operating systems, network storage and file managers. None of them are source images.
const SYSTEM_NAMES: [&str; 14] = [
    "@eaDir",
    "@Recycle",
    "@Recently-Snapshot",
    "#recycle",
    "#snapshot",
    "$RECYCLE.BIN",
    "RECYCLER",
    "System Volume Information",
    "lost+found",
    "__MACOSX",
    ".DS_Store",
    "Thumbs.db",
    "ehthumbs.db",
    "desktop.ini",
];

/// Returns the [`SYSTEM_NAMES`] entry that matches a file name, or `._*` for `AppleDouble` files.
fn system_name(name: &str) -> Option<&'static str> {
    if name.starts_with("._") {
        return Some("._*");
    }
    SYSTEM_NAMES.into_iter().find(|known| known.eq_ignore_ascii_case(name))
}

/// Skipped system files and folders, counted by name.
#[derive(Debug, Default)]
pub(super) struct SystemFiles(BTreeMap<&'static str, u64>);

impl SystemFiles {
    /// Counts the file or folder and returns `true` if it has a system file name.
    pub(super) fn skip(&mut self, name: &OsStr) -> bool {
        let Some(kind) = name.to_str().and_then(system_name) else { return false };
        *self.0.entry(kind).or_default() += 1;
        true
    }

    /// Returns a note listing all skipped files, or `None` if nothing was skipped.
    pub(super) fn note(&self) -> Option<String> {
        if self.0.is_empty() {
            return None;
        }
        let mut note = "skipped system files and folders:".to_owned();
        for (place, (kind, count)) in self.0.iter().enumerate() {
            let comma = if place == 0 { "" } else { "," };
            let times = if *count == 1 { String::new() } else { format!(" ({count} times)") };
            write!(note, "{comma} `{kind}`{times}").ok()?;
        }
        Some(note)
    }
}

/// File extensions of unsupported image and document formats that users might expect to be published.
const UNSUPPORTED_EXTENSIONS: [&str; 23] = [
    "ai", "arw", "cr2", "cr3", "dcm", "djvu", "dng", "eps", "exr", "hdr", "ico", "jph", "jxr", "nef", "orf", "pef",
    "qoi", "raf", "raw", "rw2", "svg", "svs", "xcf",
];

/// The same for formats that this build lacks. Only HEIC isn't part of the program by default.
const DISABLED_EXTENSIONS: &[&str] = if cfg!(feature = "heic") { &[] } else { &["heic", "heif", "hif"] };

/// Files that look like images but aren't published, counted by extension.
#[derive(Debug, Default)]
pub(super) struct UnsupportedFiles {
    /// Files whose format isn't supported.
    unsupported: BTreeMap<&'static str, u64>,
    /// Files in supported formats that are only published on request. The next field has the names of these formats.
    optional: BTreeMap<&'static str, u64>,
    optional_types: BTreeSet<&'static str>,
}

impl UnsupportedFiles {
    /// Counts the file if its extension belongs to an unsupported or optional format. Does nothing unless `is_unasked`
    /// is set, which means that no pattern excluded the file.
    pub(super) fn add_if(&mut self, is_unasked: bool, path: &Path) {
        if !is_unasked {
            return;
        }
        let extension = path.extension().and_then(OsStr::to_str).unwrap_or_default();
        let is_extension = |known: &&str| known.eq_ignore_ascii_case(extension);
        let mut unsupported = UNSUPPORTED_EXTENSIONS.iter().chain(DISABLED_EXTENSIONS);
        if let Some(known) = unsupported.find(|known| is_extension(known)) {
            *self.unsupported.entry(known).or_default() += 1;
            return;
        }
        for (name, extensions) in source::optional_formats() {
            if let Some(known) = extensions.iter().find(|known| is_extension(known)) {
                *self.optional.entry(known).or_default() += 1;
                self.optional_types.insert(name);
            }
        }
    }

    /// Returns warnings listing these files.
    pub(super) fn notes(&self) -> impl Iterator<Item = String> {
        let unsupported = counts(&self.unsupported).map(|counts| {
            let hint = "`iiif-publish plan FILE` names a command that converts one";
            format!("warning: left out files in formats that are not supported: {counts}; {hint}")
        });
        let types = self.optional_types.iter().copied().collect::<Vec<_>>().join(",");
        let optional = counts(&self.optional).map(|counts| {
            format!("warning: left out files in formats that are published on request: {counts}; add `--types {types}`")
        });
        unsupported.into_iter().chain(optional)
    }
}

/// Formats file counts by extension. Returns `None` if there aren't any files.
fn counts(files: &BTreeMap<&'static str, u64>) -> Option<String> {
    let counts: Vec<_> = files.iter().map(|(extension, count)| format!("{count} `.{extension}`")).collect();
    (!counts.is_empty()).then(|| counts.join(", "))
}

/// An input folder that contains no files at all. It may be the mount point of a missing disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EmptyFolder {
    path: PathBuf,
    /// Identifier prefix shared by all images in this folder, without the trailing slash.
    pub(super) identifiers: String,
}

impl EmptyFolder {
    /// Returns the folder's path.
    #[must_use]
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the folder with another start of its images' identifiers.
    pub(super) fn renamed(&self, identifiers: String) -> Self {
        Self { path: self.path.clone(), identifiers }
    }

    /// Returns `true` if `identifier` could belong to an image in this folder.
    #[must_use]
    pub(crate) fn may_name(&self, identifier: &Identifier) -> bool {
        identifier.as_str().strip_prefix(&self.identifiers).is_some_and(|rest| rest.starts_with('/'))
    }
}

/// Folders visited during a walk that haven't yielded any files yet.
#[derive(Default)]
pub(super) struct EmptyFolders(BTreeSet<PathBuf>);

impl EmptyFolders {
    pub(super) fn add(&mut self, folder: &Path) {
        self.0.insert(folder.to_owned());
    }

    /// Removes all parent folders of a file. Stops at the first folder that is already gone, because its parents were
    /// removed along with it.
    pub(super) fn remove_around(&mut self, file: &Path) {
        let is_removed = |folder: &&Path| self.0.remove(*folder);
        let _ = file.ancestors().skip(1).take_while(is_removed).count();
    }

    /// Returns the outermost empty folders below `root`.
    pub(super) fn into_folders(self, root: &Path) -> Vec<EmptyFolder> {
        // An empty folder tree is reported once, by its root. Identifiers come from file names, so a folder with a
        // non-Unicode name can't have any and is left out.
        let is_outermost = |folder: &&PathBuf| folder.parent().is_none_or(|parent| !self.0.contains(parent));
        let folder = |path: &PathBuf| {
            let names = path.strip_prefix(root).ok()?.components().map(|component| component.as_os_str().to_str());
            let identifiers = names.collect::<Option<Vec<_>>>()?.join("/");
            Some(EmptyFolder { path: path.clone(), identifiers })
        };
        self.0.iter().filter(is_outermost).filter_map(folder).collect()
    }
}
