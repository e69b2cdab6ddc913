//! Durability: a flush makes earlier writes survive a power failure.
//!
//! On Linux, a flush is one `syncfs` call per file system, which all waiting callers share. A thousand small images are
//! therefore not synced one by one. On other systems, each file and directory is synced when it is written.

use super::write::Written;
use std::fs::{File, Metadata};
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

/// The result of a sync, for each caller that shares it.
type Outcome = Result<(), Failure>;

/// A cloneable copy of an [`io::Error`].
#[derive(Clone, Debug)]
struct Failure {
    kind: io::ErrorKind,
    message: String,
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self { kind: error.kind(), message: error.to_string() }
    }
}

impl From<Failure> for io::Error {
    fn from(failure: Failure) -> Self {
        Self::new(failure.kind, failure.message)
    }
}

/// Coordinates the syncs of one folder store.
#[derive(Debug, Default)]
pub(super) struct Syncer {
    disks: Disks,
    /// Number of syncs started.
    begun: AtomicU64,
    last: tokio::sync::Mutex<LastSync>,
}

#[derive(Debug, Default)]
struct LastSync {
    number: u64,
    /// The first failure. The kernel reports a disk error once, so a later success proves nothing about earlier writes.
    failure: Option<Failure>,
}

impl Syncer {
    /// Records a change in a directory. `metadata` belongs to the directory or to a file in it.
    pub(super) fn touch(&self, directory: &Path, metadata: &Metadata) -> io::Result<()> {
        self.disks.touch(directory, metadata)
    }

    /// Waits until all recorded changes are on the disk. Joins a sync that starts after this call.
    ///
    /// `run` executes a blocking job on another thread.
    pub(super) async fn flush(&self, run: impl AsyncFnOnce(Disks) -> io::Result<()>) -> io::Result<()> {
        // A sync covers all writes that ended before it began, of all images. So a caller may share the result of one
        // that begins after this line, but not of one that is under way already. Everyone who arrives during a sync
        // waits for the lock; the first of them runs the next sync, and all the others find that its number is higher
        // than the one that they have read. Two syncs are enough for any number of callers, where one for each took
        // most of the time of a collection of small images.
        let begun_before = self.begun.load(Ordering::SeqCst);
        let mut last = self.last.lock().await;
        if last.number <= begun_before {
            let number = self.begun.fetch_add(1, Ordering::SeqCst) + 1;
            let outcome: Outcome = run(self.disks.clone()).await.map_err(Failure::from);
            last.number = number;
            last.failure = last.failure.take().or(outcome.err());
        }
        last.failure.clone().map_or(Ok(()), |failure| Err(failure.into()))
    }
}

pub(super) use disks::Disks;

/// `true` on systems without a call that syncs all files at once.
const SYNCS_EACH_FILE: bool = cfg!(not(target_os = "linux"));

/// Syncs the content of a file before it is renamed, unless a flush does that.
pub(super) fn sync_file(written: &Written) -> io::Result<()> {
    if SYNCS_EACH_FILE { written.sync() } else { Ok(()) }
}

/// Syncs the entries of a directory, unless a flush does that. Windows neither has nor needs such a call.
pub(super) fn sync_directory(directory: &Path) -> io::Result<()> {
    if SYNCS_EACH_FILE && cfg!(unix) { File::open(directory)?.sync_all() } else { Ok(()) }
}

#[cfg(target_os = "linux")]
mod disks {
    use std::collections::HashMap;
    use std::collections::hash_map::Entry;
    use std::fs::{File, Metadata};
    use std::io;
    use std::os::unix::fs::MetadataExt;
    use std::path::Path;
    use std::sync::{Arc, Mutex, PoisonError};

    /// A directory on each file system with writes, because parts of a folder may be mount points.
    ///
    /// The handles stay open, because a handle reports only disk errors that occurred after it was opened.
    #[derive(Clone, Debug, Default)]
    pub(in crate::store::folder) struct Disks(Arc<Mutex<HashMap<u64, Arc<File>>>>);

    impl Disks {
        pub(super) fn touch(&self, directory: &Path, metadata: &Metadata) -> io::Result<()> {
            let mut disks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if let Entry::Vacant(disk) = disks.entry(metadata.dev()) {
                disk.insert(Arc::new(File::open(directory)?));
            }
            Ok(())
        }

        pub(in crate::store::folder) fn sync(&self) -> io::Result<()> {
            let disks: Vec<_> = self.0.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect();
            // `syncfs` and not `fsync` of each file: for an image of 10,000 tiles, the latter waits for the disk 10,000
            // times. It also covers the directory entries, which `fsync` of a file does not.
            disks.iter().try_for_each(|disk| Ok(rustix::fs::syncfs(disk)?))
        }
    }
}

#[cfg(not(target_os = "linux"))]
#[allow(clippy::unnecessary_wraps, clippy::unused_self, reason = "the same interface as on Linux")]
mod disks {
    use std::fs::Metadata;
    use std::io;
    use std::path::Path;

    /// Empty, because files and directories are synced as they are written.
    #[derive(Clone, Debug, Default)]
    pub(in crate::store::folder) struct Disks;

    impl Disks {
        pub(super) fn touch(&self, _: &Path, _: &Metadata) -> io::Result<()> {
            Ok(())
        }

        pub(in crate::store::folder) fn sync(&self) -> io::Result<()> {
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::future::join_all;
    use std::sync::atomic::AtomicUsize;
    use tokio::sync::Semaphore;

    #[tokio::test]
    async fn callers_that_wait_at_the_same_time_share_one_sync() {
        let (syncer, syncs, gate) = (Syncer::default(), AtomicUsize::new(0), Semaphore::new(0));
        let flush = || {
            syncer.flush(async |_| {
                gate.acquire().await.expect("open").forget();
                syncs.fetch_add(1, Ordering::SeqCst);
                Ok(())
            })
        };
        // Polled in this order, so that the other callers arrive while the first sync is running.
        let (first, others, ()) =
            tokio::join!(flush(), join_all((0..100).map(|_| flush())), async { gate.add_permits(2) });
        assert!(first.is_ok() && others.iter().all(Result::is_ok));
        assert_eq!(
            syncs.load(Ordering::SeqCst),
            2,
            "a sync that started before a caller's writes ended does not cover them"
        );
    }

    #[tokio::test]
    async fn a_failed_sync_fails_all_later_ones() {
        let syncer = Syncer::default();
        let failed = syncer.flush(async |_| Err(io::Error::other("bad disk"))).await.expect_err("failed");
        assert_eq!(failed.to_string(), "bad disk");
        let later = syncer.flush(async |_| Ok(())).await.expect_err("lost writes stay lost");
        assert_eq!(later.to_string(), "bad disk");
    }
}
