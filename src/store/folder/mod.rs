//! A local folder, for any static web server.

use super::{
    ImageFolder, Key, Listed, Object, Prefix, Receipt, Redirect, Store, StoreError, StoreErrorKind, Stored, redirects,
};
use futures::future::BoxFuture;
use futures::stream::{self, BoxStream};
use futures::{FutureExt, StreamExt, TryStreamExt};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// Files of one page of a listing, as many as S3 gives.
const PAGE_FILES: usize = 1000;

/// Objects as files below a folder. Headers are not kept: the web server sets them.
#[derive(Clone, Debug)]
pub struct FolderStore {
    root: PathBuf,
    /// Held while the file of redirects is read and written again: all images share it.
    redirecting: Arc<Mutex<()>>,
}

impl FolderStore {
    /// A store below `root`, which is made when it is not there yet.
    #[must_use]
    pub fn new(root: PathBuf) -> Self {
        Self { root, redirecting: Arc::default() }
    }

    /// Where it is.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    fn path(&self, key: &Key) -> PathBuf {
        // A key has no empty, `.` or `..` segments and no leading slash: the path stays below the root.
        self.root.join(key.as_str())
    }
}

/// Writes a file under another name and moves it into place, so that nobody ever reads half of it.
fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut part = path.as_os_str().to_owned();
    part.push(".part");
    let part = PathBuf::from(part);
    let written = match fs::write(&part, bytes) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            fs::create_dir_all(path.parent().unwrap_or(Path::new(".")))?;
            fs::write(&part, bytes)
        }
        result => result,
    };
    written.and_then(|()| fs::rename(&part, path)).inspect_err(|_| {
        // What could be written of it is of no use; that it may not even be removed adds nothing to the error.
        let _ = fs::remove_file(&part);
    })
}

/// That files can be made in a folder, or in the nearest one above it that is there; leaves nothing behind.
fn check_writable(root: &Path) -> io::Result<()> {
    let folder = root.ancestors().find(|folder| folder.exists()).filter(|folder| !folder.as_os_str().is_empty());
    tempfile::tempfile_in(folder.unwrap_or(Path::new("."))).map(drop)
}

/// A walk through the folders below one, which can be interrupted.
struct Walk {
    root: PathBuf,
    below: Prefix,
    /// Folders that are still to be read.
    folders: Vec<PathBuf>,
}

impl Walk {
    fn new(root: PathBuf, below: Prefix) -> Self {
        let folders = vec![root.join(below.to_string())];
        Self { root, below, folders }
    }

    /// The files of the next folders, until there are enough; `None` at the end.
    fn next_page(&mut self) -> io::Result<Option<Vec<Listed>>> {
        let mut page = Vec::new();
        while page.len() < PAGE_FILES {
            let Some(next) = self.folders.pop() else { break };
            match fs::read_dir(next) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                entries => entries?.try_for_each(|entry| self.visit(&entry?, &mut page))?,
            }
        }
        Ok(Some(page).filter(|page| !page.is_empty()))
    }

    fn visit(&mut self, entry: &fs::DirEntry, page: &mut Vec<Listed>) -> io::Result<()> {
        let path = entry.path();
        if entry.file_type()?.is_dir() {
            self.folders.push(path);
            return Ok(());
        }
        // Names that are not UTF-8 are none of ours.
        let key = path.strip_prefix(&self.root).ok().and_then(Path::to_str).and_then(|key| self.below.found(key));
        if let Some(key) = key {
            let metadata = entry.metadata()?;
            page.push(Listed { key, bytes: metadata.len(), etag: None, modified: metadata.modified().ok() });
        }
        Ok(())
    }
}

/// The names of the folders in a folder; none where there is no such folder.
fn folders_in(folder: &Path) -> io::Result<Vec<String>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry?;
        // Names that are not UTF-8 are none of ours.
        if entry.file_type()?.is_dir()
            && let Ok(name) = entry.file_name().into_string()
        {
            names.push(name);
        }
    }
    Ok(names)
}

/// Removes a file, and the folders between it and the root that it leaves empty.
fn removed(root: &Path, path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    // Fails at the first folder that is not empty, which is where to stop.
    let is_removed = |folder: &&Path| *folder != root && fs::remove_dir(folder).is_ok();
    let _ = path.ancestors().skip(1).take_while(is_removed).count();
    Ok(())
}

/// Keeps other processes from changing the file of redirects too, until it is dropped. Where a folder cannot be locked (on
/// Windows, on some network drives), only the threads of this process wait for each other.
fn locked(root: &Path) -> Option<fs::File> {
    let folder = fs::File::open(root).ok()?;
    folder.lock().ok().map(|()| folder)
}

/// Writes the redirects of one image into the file of all, and removes the files that would stand before them.
fn redirected(root: &Path, base: (&Key, &str), redirects: &[Redirect]) -> io::Result<()> {
    let path = root.join(redirects::FILE_NAME);
    let file = match fs::read_to_string(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        file => file?,
    };
    let replaced = redirects::replaced(&file, base, redirects);
    if replaced != file {
        write_whole(&path, replaced.as_bytes())?;
    }
    let files = redirects.iter().map(|redirect| root.join(redirect.from.as_str())).filter(|path| path.is_file());
    files.into_iter().try_for_each(|path| removed(root, &path))
}

impl Store for FolderStore {
    fn put(&self, object: Object) -> BoxFuture<'_, Result<Receipt, StoreError>> {
        let path = self.path(&object.key);
        async move {
            let bytes = object.body.len() as u64;
            // One hop to a blocking thread for the whole file; `tokio::fs` makes one of every system call.
            let write = move || {
                write_whole(&path, &object.body).map(|()| Receipt { key: object.key.clone(), bytes, etag: None })
            };
            let written = tokio::task::spawn_blocking(write).await.map_err(io::Error::other).flatten();
            written.map_err(|error| self.failed("could not write below", error))
        }
        .boxed()
    }

    fn check(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        async move {
            let root = self.root.clone();
            let checked = tokio::task::spawn_blocking(move || check_writable(&root)).await;
            checked.map_err(io::Error::other).flatten().map_err(|error| self.failed("could not write to", error))
        }
        .boxed()
    }

    fn get<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<Option<Stored>, StoreError>> {
        async move {
            match tokio::fs::read(self.path(key)).await {
                Ok(body) => Ok(Some(Stored { body: body.into(), mark: None, etag: None, modified: None })),
                Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::IsADirectory) => Ok(None),
                Err(error) => Err(self.failed("could not read below", error)),
            }
        }
        .boxed()
    }

    /// Without digests: to compare a file costs as much as to write it.
    fn pages<'a>(&'a self, below: &'a Prefix) -> BoxStream<'a, Result<Vec<Listed>, StoreError>> {
        self.walk(below.clone())
    }

    fn folders<'a>(&'a self, below: &'a Prefix) -> BoxFuture<'a, Result<Vec<String>, StoreError>> {
        let folder = self.root.join(below.to_string());
        async move {
            let listed = tokio::task::spawn_blocking(move || folders_in(&folder)).await;
            listed.map_err(io::Error::other).flatten().map_err(|error| self.failed("could not list", error))
        }
        .boxed()
    }

    fn delete(&self, keys: Vec<Key>) -> BoxFuture<'_, Result<(), StoreError>> {
        let root = self.root.clone();
        let paths: Vec<PathBuf> = keys.iter().map(|key| self.path(key)).collect();
        async move {
            let delete = move || paths.iter().try_for_each(|path| removed(&root, path));
            let deleted = tokio::task::spawn_blocking(delete).await;
            deleted.map_err(io::Error::other).flatten().map_err(|error| self.failed("could not delete below", error))
        }
        .boxed()
    }

    /// In the file `_redirects` below the root, which some static hosts read.
    fn redirect<'a>(
        &'a self,
        folder: &'a ImageFolder,
        base_uri: &'a str,
        redirects: Vec<Redirect>,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        let (root, redirecting) = (self.root.clone(), Arc::clone(&self.redirecting));
        let (base_key, base_uri) = (folder.base_key(), base_uri.to_owned());
        let write = move || {
            let _guard = redirecting.lock().unwrap_or_else(PoisonError::into_inner);
            let _lock = locked(&root);
            redirected(&root, (&base_key, &base_uri), &redirects)
        };
        async move {
            let written = tokio::task::spawn_blocking(write).await;
            written
                .map_err(io::Error::other)
                .flatten()
                .map_err(|error| self.failed("could not write redirects below", error))
        }
        .boxed()
    }

    /// Files are written by threads, which are no faster for being many.
    fn default_concurrency(&self) -> usize {
        8
    }
}

impl FolderStore {
    /// The pages of a walk, each read on a blocking thread.
    fn walk(&self, below: Prefix) -> BoxStream<'_, Result<Vec<Listed>, StoreError>> {
        let walk = Walk::new(self.root.clone(), below);
        let pages = stream::try_unfold(walk, async |mut walk| {
            let step = tokio::task::spawn_blocking(move || walk.next_page().map(|page| page.map(|page| (page, walk))));
            step.await.map_err(io::Error::other).flatten()
        });
        pages.map_err(|error| self.failed("could not list", error)).boxed()
    }

    fn failed(&self, action: &str, error: io::Error) -> StoreError {
        let kind = match error.kind() {
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => StoreErrorKind::Denied,
            io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => StoreErrorKind::Missing,
            _ => StoreErrorKind::Other,
        };
        StoreError::new(kind, format!("{action} `{}`", self.root.display()), error)
    }
}
