//! Atomic writes. Each file is written to a random temporary name in the target directory and then renamed.

use crate::store::ETag;
use std::ffi::OsStr;
use std::fs::{self, File, Metadata};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{self, Write};
use std::path::Path;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tempfile::{Builder, NamedTempFile};

const TEMPORARY_PREFIX: &str = ".iiif-publish-";
const TEMPORARY_SUFFIX: &str = ".tmp";

/// Temporary files older than this must have been left behind by a killed run. No write takes that long.
const STALE_AFTER: Duration = Duration::from_hours(24);

/// Maximum number of attempts to create a file in a directory that other threads may be removing at the same time
/// because it was empty.
const CREATE_ATTEMPTS: u32 = 8;

/// Range over which file timestamps are spread, in nanoseconds. This is well below the 10 ms tick of kernel clocks.
const STAMP_SPREAD_NANOS: u64 = 1_000_000;

/// Resolution of timestamps in coarse file systems, in nanoseconds.
const COARSE_NANOS: u64 = 100;

/// Number of files stamped by this process, counted from a random start.
static STAMPED: LazyLock<AtomicU64> = LazyLock::new(|| AtomicU64::new(RandomState::new().build_hasher().finish()));

/// A fully written file that still has its temporary name.
pub(super) struct Written {
    file: NamedTempFile,
    pub(super) metadata: Metadata,
    /// `true` if the directory had to be created.
    pub(super) is_in_new_directory: bool,
}

impl Written {
    /// Writes a temporary file next to `path`, creating the directory if necessary.
    pub(super) fn beside(path: &Path, bytes: &[u8]) -> io::Result<Self> {
        let (mut file, is_in_new_directory) = create_beside(path)?;
        file.write_all(bytes)?;
        let metadata = stamp(file.as_file())?;
        Ok(Self { file, metadata, is_in_new_directory })
    }

    /// Syncs the content to disk, so that a power failure after the rename can't leave an empty file.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.file.as_file().sync_all()
    }

    /// Renames the file to `path`, replacing any existing file. An existing symlink is replaced, not followed.
    pub(super) fn replace(self, path: &Path) -> io::Result<()> {
        self.file.persist(path).map(drop).map_err(|error| error.error)
    }

    /// Renames the file to `path` unless `path` already exists.
    ///
    /// # Errors
    /// Returns [`io::ErrorKind::AlreadyExists`] if `path` exists.
    pub(super) fn create(self, path: &Path) -> io::Result<()> {
        match self.file.persist_noclobber(path) {
            Ok(_) => Ok(()),
            Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => Err(error.error),
            // File systems without hard links can't check and rename in one step.
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

/// Creates a temporary file in the same directory as `path`. Also returns `true` if the directory had to be created.
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

/// Opens with `O_EXCL`, so symlinks aren't followed and existing files aren't opened.
fn create_in(directory: &Path) -> io::Result<NamedTempFile> {
    let mut builder = Builder::new();
    builder.prefix(TEMPORARY_PREFIX).suffix(TEMPORARY_SUFFIX).rand_bytes(12);
    // Use the same mode as any newly created file, before the umask is applied. Temporary files default to 0600, which
    // a web server can't read.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder.tempfile_in(directory)
}

/// Moves a file's timestamp back by a fraction of a clock tick and returns the new metadata.
///
/// Files of equal size written within the same tick then still get different entity tags. File systems that can't set
/// timestamps keep the original one.
fn stamp(file: &File) -> io::Result<Metadata> {
    let metadata = file.metadata()?;
    // The kernel clock advances every few milliseconds, and a fast machine can write two versions of the same size
    // within that time. Their timestamps would be identical, and so would their entity tags. The timestamp moves back
    // rather than forward because a time in the future would confuse `make`, rsync and the age check for marks. Each file
    // of a process moves by a different amount, and other processes start elsewhere.
    let count = STAMPED.fetch_add(1, Ordering::Relaxed) % STAMP_SPREAD_NANOS;
    // In steps of 100 ns, because some file systems, such as NTFS, don't keep smaller ones.
    let steps = STAMP_SPREAD_NANOS / COARSE_NANOS;
    let back = Duration::from_nanos(count % steps * COARSE_NANOS + count / steps);
    let stamped = metadata.modified().ok().and_then(|modified| modified.checked_sub(back));
    match stamped.map(|time| file.set_modified(time)) {
        Some(Ok(())) => file.metadata(),
        _ => Ok(metadata),
    }
}

/// Derives a file's entity tag from its size and modification time. A copy that preserves both has the same tag.
pub(super) fn etag(metadata: &Metadata) -> Option<ETag> {
    let nanos = metadata.modified().ok()?.duration_since(UNIX_EPOCH).ok()?.as_nanos();
    ETag::new(&format!("{:x}-{nanos:x}", metadata.len()))
}

/// Returns the current time according to the file system's clock. On a network drive, that is the server's clock.
pub(super) fn clock(root: &Path) -> io::Result<SystemTime> {
    let existing = root.ancestors().find(|directory| directory.exists());
    let directory = existing.filter(|directory| !directory.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // File systems have no call to query their clock, but a newly created file carries its current time. The local
    // clock won't do, because on a network drive the result is compared with timestamps set by the server, which may be
    // minutes off.
    tempfile::tempfile_in(directory)?.metadata()?.modified()
}

/// Returns `true` if `name` is the name of a temporary file.
pub(super) fn is_temporary(name: &OsStr) -> bool {
    name.to_str().is_some_and(|name| name.starts_with(TEMPORARY_PREFIX) && name.ends_with(TEMPORARY_SUFFIX))
}

/// Removes temporary files left behind by killed runs.
#[derive(Debug, Default)]
pub(super) struct Sweeper {
    /// Current time, looked up when the first temporary file is found. Most directories don't have any.
    now: Option<SystemTime>,
}

impl Sweeper {
    /// Removes the entry if it is a stale temporary file. Failures are ignored because cleanup is optional.
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

    /// Removes stale temporary files from a single directory.
    pub(super) fn sweep_directory(&mut self, root: &Path, directory: &Path) {
        for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
            if is_temporary(&entry.file_name()) {
                self.sweep(root, &entry);
            }
        }
    }
}
