//! Durability. A flush ensures that earlier writes survive a power failure.
//!
//! On Linux, a flush is one `syncfs` call per file system, shared by all waiting callers, so publishing a thousand
//! small images doesn't mean a thousand syncs. On other systems, every file and directory is synced when it is written.

use super::write::Written;
use std::fs::{File, Metadata};
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

/// Result of a sync, cloned for each caller that shares it.
type Outcome = Result<(), Failure>;

/// A cloneable version of [`io::Error`].
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

/// Coordinates syncs for one folder store.
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
    /// The first failure. The kernel reports a disk error only once, so a later success says nothing about earlier
    /// writes.
    failure: Option<Failure>,
}

impl Syncer {
    /// Records a change in a directory. `metadata` describes the directory or a file in it.
    pub(super) fn touch(&self, directory: &Path, metadata: &Metadata) -> io::Result<()> {
        self.disks.touch(directory, metadata)
    }

    /// Waits until all recorded changes are on disk, joining a sync that starts after this call.
    ///
    /// `run` executes a blocking job on another thread.
    pub(super) async fn flush(&self, run: impl AsyncFnOnce(Disks) -> io::Result<()>) -> io::Result<()> {
        // A sync covers every write that finished before it started, across all images. A caller can therefore share a
        // sync that starts after this line, but not one already in progress. Everyone who arrives during a sync waits
        // for the lock. The first one to get it runs the next sync, and the rest see that its number is higher than the
        // one they read. Two syncs are enough for any number of callers. With one sync per caller, syncing took up most
        // of the time when publishing a collection of small images.
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

/// `true` on systems that can't sync all files in one call.
const SYNCS_EACH_FILE: bool = cfg!(not(target_os = "linux"));

/// Syncs a file's content before it is renamed, unless a later flush takes care of it.
pub(super) fn sync_file(written: &Written) -> io::Result<()> {
    if SYNCS_EACH_FILE { written.sync() } else { Ok(()) }
}

/// Syncs a directory's entries, unless a later flush takes care of it. Windows doesn't support or need this.
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

    /// One directory per file system that has been written to, because parts of a folder can be mount points.
    ///
    /// The handles stay open because each one only reports disk errors that occur after it was opened.
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
            // `syncfs` rather than `fsync` on every file, because publishing an image with 10,000 tiles would then wait
            // for the disk 10,000 times. It also covers directory entries, which `fsync` on a file doesn't.
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
        // Polled in this order so that the other callers arrive while the first sync is running.
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
