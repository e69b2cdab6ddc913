//! Folders of the input: empty folders, and files of the operating system.

use crate::destination::Identifier;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// Folders and files that operating systems, network storage and file managers create. None of them is a source image.
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

/// Returns the kind of a system file, based on its name.
fn system_name(name: &str) -> Option<&'static str> {
    if name.starts_with("._") {
        return Some("._*");
    }
    SYSTEM_NAMES.into_iter().find(|known| known.eq_ignore_ascii_case(name))
}

/// Counts of skipped system files and folders.
#[derive(Debug, Default)]
pub(super) struct SystemFiles(BTreeMap<&'static str, u64>);

impl SystemFiles {
    /// Returns `true` and counts the file or folder if its name is that of a system file.
    pub(super) fn skip(&mut self, name: &OsStr) -> bool {
        let Some(kind) = name.to_str().and_then(system_name) else { return false };
        *self.0.entry(kind).or_default() += 1;
        true
    }

    /// Returns a note about all skipped files, if there are any.
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

/// Extensions of images and documents in formats that are not supported, which people expect to be published.
const UNSUPPORTED_EXTENSIONS: [&str; 30] = [
    "ai", "arw", "avif", "cr2", "cr3", "dcm", "djvu", "dng", "eps", "exr", "hdr", "heic", "heif", "ico", "jph", "jxl",
    "jxr", "nef", "orf", "pdf", "pef", "psb", "psd", "qoi", "raf", "raw", "rw2", "svg", "svs", "xcf",
];

/// Counts files that look like images but are left out, because their formats are not supported.
#[derive(Debug, Default)]
pub(super) struct UnsupportedFiles(BTreeMap<&'static str, u64>);

impl UnsupportedFiles {
    /// Counts a file that is left out without the user's choice, if its extension is one of an unsupported format.
    pub(super) fn add_if(&mut self, is_unasked: bool, path: &Path) {
        let extension = path.extension().and_then(OsStr::to_str).unwrap_or_default();
        let known = UNSUPPORTED_EXTENSIONS.into_iter().find(|known| known.eq_ignore_ascii_case(extension));
        if let Some(known) = known.filter(|_| is_unasked) {
            *self.0.entry(known).or_default() += 1;
        }
    }

    /// Returns a note on all of them, if there are any.
    pub(super) fn note(&self) -> Option<String> {
        let counts: Vec<_> = self.0.iter().map(|(extension, count)| format!("{count} `.{extension}`")).collect();
        let note = "warning: left out files in formats that are not supported";
        let hint = "`iiif-publish plan FILE` names a command that converts one";
        (!counts.is_empty()).then(|| format!("{note}: {}; {hint}", counts.join(", ")))
    }
}

/// A folder of the input that contains no files at all. It may be the mount point of a missing disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EmptyFolder {
    path: PathBuf,
    /// The common prefix of the identifiers of its images, without the slash.
    pub(super) identifiers: String,
}

impl EmptyFolder {
    /// Returns the path of the folder.
    #[must_use]
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns `true` if an image in this folder could have the identifier.
    #[must_use]
    pub(crate) fn may_name(&self, identifier: &Identifier) -> bool {
        identifier.as_str().strip_prefix(&self.identifiers).is_some_and(|rest| rest.starts_with('/'))
    }
}

/// The folders of a walk without any file so far.
#[derive(Default)]
pub(super) struct EmptyFolders(BTreeSet<PathBuf>);

impl EmptyFolders {
    pub(super) fn add(&mut self, folder: &Path) {
        self.0.insert(folder.to_owned());
    }

    /// Removes the parent folders of a file. A folder is always removed together with its parents, so the search ends
    /// at the first folder that is missing.
    pub(super) fn remove_around(&mut self, file: &Path) {
        let is_removed = |folder: &&Path| self.0.remove(*folder);
        let _ = file.ancestors().skip(1).take_while(is_removed).count();
    }

    /// Returns the outermost folders, all of them below `root`.
    pub(super) fn into_folders(self, root: &Path) -> Vec<EmptyFolder> {
        // An empty tree of folders is reported once, by its root. Identifiers are taken from names, so a folder whose
        // name is not Unicode has none and is left out.
        let is_outermost = |folder: &&PathBuf| folder.parent().is_none_or(|parent| !self.0.contains(parent));
        let folder = |path: &PathBuf| {
            let names = path.strip_prefix(root).ok()?.components().map(|component| component.as_os_str().to_str());
            let identifiers = names.collect::<Option<Vec<_>>>()?.join("/");
            Some(EmptyFolder { path: path.clone(), identifiers })
        };
        self.0.iter().filter(is_outermost).filter_map(folder).collect()
    }
}
