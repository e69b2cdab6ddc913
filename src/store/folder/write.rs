//! Atomic writes: each file is written under a random temporary name in the same directory and then renamed.

use crate::store::ETag;
use std::ffi::OsStr;
use std::fs::{self, File, Metadata};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{self, Write};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tempfile::{Builder, NamedTempFile};

const TEMPORARY_PREFIX: &str = ".iiif-publish-";
const TEMPORARY_SUFFIX: &str = ".tmp";

/// Age after which a temporary file must belong to a killed run. No write takes that long.
const STALE_AFTER: Duration = Duration::from_hours(24);

/// Maximum attempts to create a file in a directory that other threads may remove at the same time because it was
/// empty.
const CREATE_ATTEMPTS: u32 = 8;

/// Width of the range, in nanoseconds, over which timestamps of files are spread. It is far below the 10 ms tick of
/// kernel clocks.
const STAMP_SPREAD_NANOS: u64 = 1_000_000;

/// A complete file under a temporary name.
pub(super) struct Written {
    file: NamedTempFile,
    pub(super) metadata: Metadata,
    /// `true` if the directory had to be created.
    pub(super) is_in_new_directory: bool,
}

impl Written {
    /// Writes a temporary file beside `path`, and creates the directory if necessary.
    pub(super) fn beside(path: &Path, bytes: &[u8]) -> io::Result<Self> {
        let (mut file, is_in_new_directory) = create_beside(path)?;
        file.write_all(bytes)?;
        let metadata = stamp(file.as_file())?;
        Ok(Self { file, metadata, is_in_new_directory })
    }

    /// Syncs the content to the disk, so that a power failure after the rename cannot leave an empty file.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.file.as_file().sync_all()
    }

    /// Renames the file to `path` and replaces an existing file. An existing symlink is itself replaced, not followed.
    pub(super) fn replace(self, path: &Path) -> io::Result<()> {
        self.file.persist(path).map(drop).map_err(|error| error.error)
    }

    /// Renames the file to `path` unless `path` exists.
    ///
    /// # Errors
    /// [`io::ErrorKind::AlreadyExists`] if `path` exists.
    pub(super) fn create(self, path: &Path) -> io::Result<()> {
        match self.file.persist_noclobber(path) {
            Ok(_) => Ok(()),
            Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => Err(error.error),
            // File systems without hard links cannot check and rename in one step.
            Err(error) if fs::symlink_metadata(path).is_err() => {
                error.file.persist(path).map(drop).map_err(|error| error.error)
            }
            Err(error) => Err(error.error),
        }
    }
}

/// Writes a complete file atomically.
pub(super) fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<Metadata> {
    let written = Written::beside(path, bytes)?;
    let metadata = written.metadata.clone();
    written.replace(path).map(|()| metadata)
}

/// Creates a temporary file in the directory of `path`. Also returns `true` if the directory is new.
fn create_beside(path: &Path) -> io::Result<(NamedTempFile, bool)> {
    let directory = path.parent().unwrap_or(Path::new("."));
    let mut is_new = false;
    for _ in 1..CREATE_ATTEMPTS {
        match create_in(directory) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                fs::create_dir_all(directory)?;
                is_new = true;
            }
            created => return created.map(|file| (file, is_new)),
        }
    }
    create_in(directory).map(|file| (file, is_new))
}

/// Opens with `O_EXCL`, which neither follows symlinks nor opens existing files.
fn create_in(directory: &Path) -> io::Result<NamedTempFile> {
    let mut builder = Builder::new();
    builder.prefix(TEMPORARY_PREFIX).suffix(TEMPORARY_SUFFIX).rand_bytes(12);
    // The same mode as for any new file, before the umask. Temporary files default to 0600, which no web server can
    // read.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder.tempfile_in(directory)
}

/// Moves the timestamp of the file back by a random fraction of a tick and returns the metadata.
///
/// Files of equal size that are written within one tick then still have different entity tags. File systems that cannot
/// set timestamps keep the original one.
fn stamp(file: &File) -> io::Result<Metadata> {
    let metadata = file.metadata()?;
    // The clock of the kernel advances every few milliseconds, within which a fast machine can write two versions of a
    // file of the same size. Their times would be equal, and so would their entity tags. The time is moved back and not
    // forward, because a time in the future would confuse `make`, rsync and the age of a mark.
    let random = RandomState::new().build_hasher().finish();
    let back = Duration::from_nanos(random % STAMP_SPREAD_NANOS);
    let stamped = metadata.modified().ok().and_then(|modified| modified.checked_sub(back));
    match stamped.map(|time| file.set_modified(time)) {
        Some(Ok(())) => file.metadata(),
        _ => Ok(metadata),
    }
}

/// Returns the entity tag of a file, derived from its size and time. A copy that preserves both has the same tag.
pub(super) fn etag(metadata: &Metadata) -> Option<ETag> {
    let nanos = metadata.modified().ok()?.duration_since(UNIX_EPOCH).ok()?.as_nanos();
    ETag::new(&format!("{:x}-{nanos:x}", metadata.len()))
}

/// Returns the current time by the clock of the file system. On network drives, that is the clock of the server.
pub(super) fn clock(root: &Path) -> io::Result<SystemTime> {
    let existing = root.ancestors().find(|directory| directory.exists());
    let directory = existing.filter(|directory| !directory.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // There is no call that asks a file system for its time. A file that is created now has it. The local clock is not
    // an alternative: the times that it would be compared with come from the server of a network drive, which may be
    // minutes off.
    tempfile::tempfile_in(directory)?.metadata()?.modified()
}

/// Returns `true` if `name` is the name of a temporary file.
pub(super) fn is_temporary(name: &OsStr) -> bool {
    name.to_str().is_some_and(|name| name.starts_with(TEMPORARY_PREFIX) && name.ends_with(TEMPORARY_SUFFIX))
}

/// Removes temporary files that a killed run left behind.
#[derive(Debug, Default)]
pub(super) struct Sweeper {
    /// The current time, determined when the first temporary file is found. Most directories have none.
    now: Option<SystemTime>,
}

impl Sweeper {
    /// Removes the entry if it is a stale temporary file. Failures are ignored, because cleaning up is optional.
    pub(super) fn sweep(&mut self, root: &Path, entry: &fs::DirEntry) {
        let Ok(metadata) = entry.metadata() else { return };
        if self.now.is_none() {
            self.now = clock(root).ok();
        }
        let age = self.now.zip(metadata.modified().ok()).and_then(|(now, then)| now.duration_since(then).ok());
        if metadata.is_file() && age.is_some_and(|age| age > STALE_AFTER) {
            let _ = fs::remove_file(entry.path());
        }
    }

    /// Removes the stale temporary files of one directory.
    pub(super) fn sweep_directory(&mut self, root: &Path, directory: &Path) {
        for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
            if is_temporary(&entry.file_name()) {
                self.sweep(root, &entry);
            }
        }
    }
}
