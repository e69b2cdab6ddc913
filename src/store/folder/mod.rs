//! A store in a local folder, for use with any static web server.

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

/// Maximum number of directories remembered as swept. Sweeping a directory again costs one listing.
const MAX_SWEPT: usize = 1024;

/// Maximum size of a file that is read into memory, in bytes. Documents and small files of an interrupted run are read.
const MAX_READ_BYTES: u64 = 1 << 30;

/// A store that keeps objects as files below a folder.
///
/// The store keeps no headers, because the web server sets them. It keeps marks only for keys that end in `.json`.
#[derive(Clone, Debug)]
pub struct FolderStore(Arc<Folder>);

#[derive(Debug)]
struct Folder {
    root: PathBuf,
    syncer: Syncer,
    /// Locked while the redirect file is updated, because all bases share it.
    redirecting: Mutex<RedirectFile>,
    /// Directories that this store has written to and cleared of stale temporary files.
    swept: Mutex<HashSet<PathBuf>>,
}

impl FolderStore {
    /// Creates a store below `root`. The first write creates the folder.
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

    /// Runs a job on one blocking thread. `tokio::fs` would switch threads for every system call.
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
    /// Returns the path of a key. Keys have no empty, `.` or `..` segments and no leading slash, so the path stays
    /// below the root.
    fn path(&self, key: &Key) -> PathBuf {
        self.root.join(key.as_str())
    }

    /// Replaces a file, after its mark. Does nothing if the caller has been dropped, which cannot cancel this thread.
    fn put(&self, object: &Object, caller: &Weak<()>) -> io::Result<Receipt> {
        let path = self.path(&object.key);
        let written = self.write(&path, &object.body)?;
        let receipt = receipt(&object.key, &written.metadata);
        // A blocking thread cannot be canceled. If the future was dropped, because the process stops or a confirmation
        // took too long, this thread must not write minutes later: the protocol counts on a PUT that was given up not
        // to arrive.
        if caller.strong_count() == 0 {
            return Err(io::ErrorKind::Interrupted.into());
        }
        // The order is what makes a crash harmless. The mark comes first and names the content that it belongs to, by
        // size, time and digest. Between the two renames, the old document has a mark of other content, which reads as
        // no mark: the image is published again. In the other order, the new document would have the mark of the old
        // one for a moment.
        //
        // A single rename for both is not possible, because they are two files. Extended attributes would keep them
        // together, but rsync without `-X` and many network drives lose those.
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
        // The document is created before its mark, because another writer may create the file first and its mark must
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

    /// Compares an object with the existing file. Returns `None` if there is no file and `Some(None)` if the file
    /// differs.
    #[expect(clippy::option_option, reason = "three outcomes of a private function, taken apart by its two callers")]
    fn existing(&self, path: &Path, object: &Object) -> io::Result<Option<Option<Receipt>>> {
        let Some((metadata, body)) = self.read(path)? else { return Ok(None) };
        Ok(Some((body == object.body).then(|| receipt(&object.key, &metadata))))
    }

    /// Writes a temporary file, ready to be renamed to `path`.
    fn write(&self, path: &Path, body: &[u8]) -> io::Result<Written> {
        let written = Written::beside(path, body)?;
        let directory = directory_of(path);
        self.syncer.touch(directory, &written.metadata)?;
        if !written.is_in_new_directory && self.is_unswept(directory) {
            Sweeper::default().sweep_directory(&self.root, directory);
        }
        // Tiles are made durable by a flush of the whole file system before `info.json` is written. The rename of
        // `info.json` itself has no flush between its content and its name, so its content is synced first; otherwise a
        // file system may write the name to disk before the bytes, and a power failure leaves an empty file that
        // promises an image.
        if marks::path(path).is_some() {
            // A document refers to other files, so it must never appear empty.
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

    /// Reads a file and its metadata through one handle, so that both belong to the same version.
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

    /// Returns `true` if an error means that the file does not exist. A key may name a directory or lead through a
    /// file.
    fn is_absent(&self, error: io::ErrorKind) -> bool {
        match error {
            io::ErrorKind::NotFound | io::ErrorKind::IsADirectory => true,
            io::ErrorKind::NotADirectory => self.root.is_dir(),
            _ => false,
        }
    }

    /// Removes a file, its mark, and directories below the root that become empty.
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
        // Stops at the first directory that is not empty.
        // Object stores have no folders, so an image that is deleted leaves none behind. Here, each tile has two
        // directories of its own, and thousands of empty ones would stay.
        let is_removed = |directory: &&Path| **directory != self.root && remove_empty(directory);
        let _ = path.ancestors().skip(1).take_while(is_removed).count();
        Ok(())
    }

    /// Writes the redirects of one base key to the shared file, and removes files that would shadow them.
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

/// Checks that files can be created in a folder or its nearest existing ancestor. Leaves nothing behind.
fn check_writable(root: &Path) -> io::Result<()> {
    write::clock(root).map(drop)
}

/// Removes a directory that contains nothing but marks without documents.
fn remove_empty(directory: &Path) -> bool {
    fs::remove_dir(directory).is_ok() || {
        marks::remove_orphans(directory);
        fs::remove_dir(directory).is_ok()
    }
}

/// Locks the redirect file against other processes until the handle is dropped.
///
/// Some folders cannot be locked, for example on Windows and on some network drives. Then only the threads of this
/// process exclude each other.
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

    /// Derives entity tags from sizes and times, because hashing a file costs as much as writing it.
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

    /// Asks the file system, because a network drive uses the clock of its server.
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

    /// Returns the number of parallel writes. More threads do not make file writes faster.
    fn default_concurrency(&self) -> usize {
        8
    }
}

impl RedirectStore for FolderStore {
    /// Writes the redirects to the file `_redirects` in the root folder, which some static hosts read.
    fn set_redirects(&self, redirects: Redirects) -> BoxFuture<'_, Result<(), StoreError>> {
        let write = move |folder: &Folder| folder.redirect(&redirects);
        self.blocking("could not write redirects below", write).boxed()
    }
}

#[cfg(test)]
mod tests;
