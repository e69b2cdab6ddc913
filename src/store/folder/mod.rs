//! A store backed by a local folder, which any static web server can serve.

mod marks;
mod redirect_file;
mod redirect_lines;
mod sync;
mod walk;
mod write;

use super::{
    Key, Listed, Object, Prefix, Receipt, RedirectStore, Redirects, Store, StoreError, StoreErrorKind, Stored,
};
use futures::future::BoxFuture;
use futures::stream::{self, BoxStream};
use futures::{FutureExt, StreamExt, TryStreamExt};
use marks::Mark;
use redirect_file::{Change, RedirectFile};
use std::collections::HashSet;
use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::SystemTime;
use sync::Syncer;
use walk::Walk;
use write::{Sweeper, Written, etag};

/// Maximum number of swept directories to remember. Forgetting one only costs another directory listing.
const MAX_SWEPT: usize = 1024;

/// Maximum size of a file to read into memory, in bytes. Only documents and small files from an interrupted run are
/// read.
const MAX_READ_BYTES: u64 = 1 << 30;

/// A store that keeps objects as files in a folder.
///
/// Headers aren't saved, because the web server sets them. Marks are saved only for keys ending in `.json`.
#[derive(Clone, Debug)]
pub struct FolderStore(Arc<Folder>);

#[derive(Debug)]
struct Folder {
    root: PathBuf,
    syncer: Syncer,
    /// Locked while updating the redirect file, because all base keys share that file.
    redirecting: Mutex<RedirectFile>,
    /// Directories this store has written to and already cleared of stale temporary files.
    swept: Mutex<HashSet<PathBuf>>,
}

impl FolderStore {
    /// Creates a store in `root`. The folder is created on the first write.
    #[must_use]
    pub fn new(root: PathBuf) -> Self {
        let folder = Folder { root, syncer: Syncer::default(), redirecting: Mutex::default(), swept: Mutex::default() };
        Self(Arc::new(folder))
    }

    /// Returns the root folder.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.0.root
    }

    /// Runs a job on a single blocking thread. `tokio::fs` would hop threads on every system call.
    async fn blocking<T: Send + 'static>(
        &self,
        action: &str,
        job: impl FnOnce(&Folder) -> io::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let folder = Arc::clone(&self.0);
        let done = tokio::task::spawn_blocking(move || job(&folder)).await;
        done.map_err(io::Error::other).flatten().map_err(|error| self.failed(action, error))
    }

    fn failed(&self, action: &str, error: io::Error) -> StoreError {
        let kind = match error.kind() {
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => StoreErrorKind::Denied,
            io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => StoreErrorKind::Missing,
            _ => StoreErrorKind::Other,
        };
        let error = StoreError::new(kind, format!("{action} `{}`", self.root().display()), error);
        match kind {
            StoreErrorKind::Missing => error.with_hint("a file is in the way: pass another folder with `--output`"),
            StoreErrorKind::Denied => {
                error.with_hint("grant write permission on the folder, or pass another one with `--output`")
            }
            _ => error,
        }
    }
}

impl Folder {
    /// Returns the path for a key. Keys have no leading slash and no empty, `.` or `..` segments, so the path can't
    /// escape the root.
    fn path(&self, key: &Key) -> PathBuf {
        self.root.join(key.as_str())
    }

    /// Writes a mark and then its file, replacing any existing one. If `caller` is gone, gives up before replacing
    /// anything, because a blocking thread can't be canceled.
    fn put(&self, object: &Object, caller: &Weak<()>) -> io::Result<Receipt> {
        let path = self.path(&object.key);
        let written = self.write(&path, &object.body)?;
        let receipt = receipt(&object.key, &written.metadata);
        // Blocking threads can't be canceled. If the future was dropped because the process is stopping or a
        // confirmation timed out, this thread must not write minutes later. The protocol relies on abandoned puts never
        // landing.
        if caller.strong_count() == 0 {
            return Err(io::ErrorKind::Interrupted.into());
        }
        // The order is what makes a crash harmless. The mark is written first and identifies its content by size, time
        // and digest. Between the two renames, the old document has a mark for different content. Readers treat that as
        // no mark, so the image is published again. In the opposite order, the new document would briefly have the old
        // one's mark.
        //
        // Both can't be renamed in a single step because they are separate files. Extended attributes would keep them
        // together, but rsync without `-X` and many network drives drop those.
        Mark::new(&path, &written, &object.body, object.mark.as_deref()).write(&path)?;
        written.replace(&path)?;
        sync::sync_directory(directory_of(&path))?;
        Ok(receipt)
    }

    /// Creates a file, or accepts an existing one with the same content. Returns `None` if the existing file differs.
    fn put_new(&self, object: &Object) -> io::Result<Option<Receipt>> {
        let path = self.path(&object.key);
        if let Some(existing) = self.existing(&path, object)? {
            return Ok(existing);
        }
        let written = self.write(&path, &object.body)?;
        let receipt = receipt(&object.key, &written.metadata);
        // Create the document before its mark. If another writer creates the document first, that writer's mark must
        // stay.
        let mark = Mark::new(&path, &written, &object.body, object.mark.as_deref());
        match written.create(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                return Ok(self.existing(&path, object)?.flatten());
            }
            created => created?,
        }
        mark.write(&path)?;
        sync::sync_directory(directory_of(&path))?;
        Ok(Some(receipt))
    }

    /// Compares an object with the existing file. Returns `None` if there isn't one, and `Some(None)` if the content
    /// differs.
    #[expect(clippy::option_option, reason = "three outcomes of a private function, taken apart by its two callers")]
    fn existing(&self, path: &Path, object: &Object) -> io::Result<Option<Option<Receipt>>> {
        let Some((metadata, body)) = self.read(path)? else { return Ok(None) };
        Ok(Some((body == **object.body).then(|| receipt(&object.key, &metadata))))
    }

    /// Writes a temporary file, ready to be renamed to `path`.
    fn write(&self, path: &Path, body: &[u8]) -> io::Result<Written> {
        let written = Written::beside(path, body)?;
        let directory = directory_of(path);
        self.syncer.touch(directory, &written.metadata)?;
        if !written.is_in_new_directory && self.is_unswept(directory) {
            Sweeper::default().sweep_directory(&self.root, directory);
        }
        // Tiles become durable when the whole file system is flushed before `info.json` is written. There's no such
        // flush between writing the content of `info.json` and renaming it, so sync the content first. If a file system
        // wrote the new name to disk before the content, a power failure would leave an empty file that advertises an
        // image.
        if marks::path(path).is_some() {
            // Documents refer to other files, so they must never appear empty.
            written.sync()?;
        } else {
            sync::sync_file(&written)?;
        }
        Ok(written)
    }

    fn is_unswept(&self, directory: &Path) -> bool {
        let mut swept = self.swept.lock().unwrap_or_else(PoisonError::into_inner);
        if swept.len() == MAX_SWEPT {
            swept.clear();
        }
        swept.insert(directory.to_owned())
    }

    fn get(&self, key: &Key) -> io::Result<Option<Stored>> {
        let path = self.path(key);
        let Some((metadata, body)) = self.read(&path)? else { return Ok(None) };
        let mark = marks::read(&path, &metadata, &body);
        Ok(Some(Stored { mark, etag: etag(&metadata), modified: metadata.modified().ok(), body: body.into() }))
    }

    /// Reads a file and its metadata through a single handle, so that both describe the same version.
    fn read(&self, path: &Path) -> io::Result<Option<(Metadata, Vec<u8>)>> {
        let file = match File::open(path) {
            Err(error) if self.is_absent(error.kind()) => return Ok(None),
            file => file?,
        };
        let metadata = file.metadata()?;
        if metadata.is_dir() {
            return Ok(None);
        }
        if metadata.len() > MAX_READ_BYTES {
            return Err(io::Error::other(format!("`{}` is larger than {MAX_READ_BYTES} bytes", path.display())));
        }
        let mut body = Vec::new();
        file.take(MAX_READ_BYTES).read_to_end(&mut body)?;
        Ok(Some((metadata, body)))
    }

    /// Returns `true` if an error means that the file doesn't exist. A key can also name a directory or have a file as
    /// one of its parents.
    fn is_absent(&self, error: io::ErrorKind) -> bool {
        match error {
            io::ErrorKind::NotFound | io::ErrorKind::IsADirectory => true,
            io::ErrorKind::NotADirectory => self.root.is_dir(),
            _ => false,
        }
    }

    /// Removes a file, its mark, and any directories that become empty, except for the root.
    fn remove(&self, path: &Path) -> io::Result<()> {
        let directory = directory_of(path);
        let metadata = match fs::metadata(directory) {
            Err(error) if self.is_absent(error.kind()) => return Ok(()),
            metadata => metadata?,
        };
        self.syncer.touch(directory, &metadata)?;
        match fs::remove_file(path) {
            Err(error) if !self.is_absent(error.kind()) && !path.is_dir() => return Err(error),
            _ => marks::remove(path)?,
        }
        sync::sync_directory(directory)?;
        // Stop at the first non-empty directory. Object stores have no folders, so deleting an image leaves none
        // behind. Here, each tile has two directories to itself, and thousands of empty ones would pile up.
        let is_removed = |directory: &&Path| **directory != self.root && remove_empty(directory);
        let _ = path.ancestors().skip(1).take_while(is_removed).count();
        Ok(())
    }

    /// Writes the redirects for one base key to the shared file and removes any files that would shadow them.
    fn redirect(&self, redirects: &Redirects) -> io::Result<()> {
        let mut file = self.redirecting.lock().unwrap_or_else(PoisonError::into_inner);
        let _lock = lock(&self.root);
        let path = self.root.join(redirect_lines::FILE_NAME);
        match file.add(&path, redirects)? {
            Change::None => {}
            Change::Appended => self.syncer.touch(&self.root, &fs::metadata(&path)?)?,
            Change::Replace(text) => {
                file.forget();
                self.write(&path, text.as_bytes())?.replace(&path)?;
                sync::sync_directory(&self.root)?;
            }
        }
        let files = redirects.redirects.iter().map(|redirect| self.path(&redirect.from)).filter(|path| path.is_file());
        files.into_iter().try_for_each(|path| self.remove(&path))
    }
}

fn receipt(key: &Key, metadata: &Metadata) -> Receipt {
    Receipt { key: key.clone(), bytes: metadata.len(), etag: etag(metadata) }
}

fn directory_of(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new("."))
}

/// Checks that files can be created in a folder or its closest existing ancestor. Leaves nothing behind.
fn check_writable(root: &Path) -> io::Result<()> {
    write::clock(root).map(drop)
}

/// Removes a directory if it contains nothing but orphaned marks.
fn remove_empty(directory: &Path) -> bool {
    fs::remove_dir(directory).is_ok() || {
        marks::remove_orphans(directory);
        fs::remove_dir(directory).is_ok()
    }
}

/// Locks the redirect file against other processes until the handle is dropped.
///
/// Some folders can't be locked, such as those on Windows and some network drives. In that case, only threads in this
/// process exclude one another.
fn lock(root: &Path) -> Option<File> {
    let folder = File::open(root).ok()?;
    folder.lock().ok().map(|()| folder)
}

impl Store for FolderStore {
    fn put(&self, object: Object) -> BoxFuture<'_, Result<Receipt, StoreError>> {
        async move {
            let caller = Arc::new(());
            let seen = Arc::downgrade(&caller);
            self.blocking("could not write below", move |folder| folder.put(&object, &seen)).await
        }
        .boxed()
    }

    fn put_new(&self, object: Object) -> BoxFuture<'_, Result<Receipt, StoreError>> {
        async move {
            let key = object.key.clone();
            let put = self.blocking("could not write below", move |folder| folder.put_new(&object)).await?;
            put.ok_or_else(|| StoreError::exists(&key))
        }
        .boxed()
    }

    fn check(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        self.blocking("could not write to", |folder| check_writable(&folder.root)).boxed()
    }

    fn get<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<Option<Stored>, StoreError>> {
        let key = key.clone();
        self.blocking("could not read below", move |folder| folder.get(&key)).boxed()
    }

    /// Derives entity tags from sizes and times, because hashing a file takes as long as writing it.
    fn pages<'a>(&'a self, below: &'a Prefix) -> BoxStream<'a, Result<Vec<Listed>, StoreError>> {
        let walk = Walk::new(self.root().to_owned(), below.clone());
        let pages = stream::try_unfold(walk, async |mut walk| {
            let step = tokio::task::spawn_blocking(move || walk.next_page().map(|page| page.map(|page| (page, walk))));
            step.await.map_err(io::Error::other).flatten()
        });
        pages.map_err(|error| self.failed("could not list", error)).boxed()
    }

    fn folders<'a>(&'a self, below: &'a Prefix) -> BoxFuture<'a, Result<Vec<String>, StoreError>> {
        let directory = self.root().join(below.to_string());
        self.blocking("could not list", move |folder| walk::directories_in(&folder.root, &directory)).boxed()
    }

    fn delete(&self, keys: Vec<Key>) -> BoxFuture<'_, Result<(), StoreError>> {
        let delete = move |folder: &Folder| keys.iter().try_for_each(|key| folder.remove(&folder.path(key)));
        self.blocking("could not delete below", delete).boxed()
    }

    fn redirect_store(&self) -> Option<&dyn RedirectStore> {
        Some(self)
    }

    /// Asks the file system, because network drives use the server's clock.
    fn now(&self) -> BoxFuture<'_, Result<SystemTime, StoreError>> {
        self.blocking("could not write to", |folder| write::clock(&folder.root)).boxed()
    }

    fn flush(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        async move {
            let run = async |disks: sync::Disks| {
                tokio::task::spawn_blocking(move || disks.sync()).await.map_err(io::Error::other).flatten()
            };
            self.0.syncer.flush(run).await.map_err(|error| self.failed("could not write to the disk of", error))
        }
        .boxed()
    }

    fn keeps_headers(&self) -> bool {
        false
    }

    /// Returns the number of concurrent writes. More threads don't speed up file writes.
    fn default_concurrency(&self) -> usize {
        8
    }
}

impl RedirectStore for FolderStore {
    /// Writes the redirects to a file named `_redirects` in the root folder, which some static hosts support.
    fn set_redirects(&self, redirects: Redirects) -> BoxFuture<'_, Result<(), StoreError>> {
        let write = move |folder: &Folder| folder.redirect(&redirects);
        self.blocking("could not write redirects below", write).boxed()
    }
}

#[cfg(test)]
mod tests;
