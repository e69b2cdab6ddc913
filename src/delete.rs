//! Takes published images away again: first the promise, every `info.json`, then what it promised.
//!
//! Only what publishing can have stored is deleted: every Level 0 image looks alike, whoever published it. What else stands
//! beside it is counted and left alone.
//!
//! ```
//! use iiif_publish::delete::{Subject, delete};
//! use iiif_publish::store::{FolderStore, Prefix};
//! # let runtime = tokio::runtime::Runtime::new()?;
//! # let folder = tempfile::tempdir()?;
//! # std::fs::create_dir_all(folder.path().join("maps/rome/full/max/0"))?;
//! # for path in ["info.json", "full/max/0/default.jpg", "notes.txt"] {
//! #     std::fs::write(folder.path().join("maps/rome").join(path), "{}")?;
//! # }
//!
//! # runtime.block_on(async {
//! let store = FolderStore::new(folder.path().to_owned());
//! let rome = Subject::image(&Prefix::default(), [None], "maps/rome".parse()?)?;
//! let found = delete(&store, &rome, |objects| println!("{objects} are gone")).await?;
//! assert_eq!(found.objects(), 2);
//! assert!(folder.path().join("maps/rome/notes.txt").exists(), "it is somebody else's");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use crate::iiif::{ImageRequest, Plan};
use crate::store::{Identifier, ImageFolder, Key, KeyError, Listed, Prefix, Store, StoreError, VersionName};
use futures::stream::TryChunksError;
use futures::{Stream, StreamExt, TryStreamExt, stream};
use std::borrow::Borrow;
use std::collections::HashSet;
use std::fmt;
use std::future::ready;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Keys that are handed to the store at once: as many as S3 deletes in one request.
const BATCH: usize = 1000;

/// Batches in flight: the next page is listed while the last ones are deleted.
const BATCHES_IN_FLIGHT: usize = 4;

/// What is to be deleted: an image, or all images below a prefix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    extent: Extent,
    /// Where to look for its objects.
    places: Vec<Prefix>,
    /// Keys of bare base URIs outside these places, under which there may be redirects.
    bases: Vec<Key>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Extent {
    Image(Identifier),
    AllImages(Prefix),
}

impl Subject {
    /// An image in each of the folders of its versions, as [`ImageFolder::new`] takes them. Other images further down
    /// (`atlas/1` below `atlas`) are none of it.
    ///
    /// # Errors
    /// Where prefix and identifier are too long together.
    pub fn image(
        prefix: &Prefix,
        versions: impl IntoIterator<Item = Option<u8>>,
        identifier: Identifier,
    ) -> Result<Self, KeyError> {
        let folder = |version| ImageFolder::new(prefix, version, &identifier);
        let folders = versions.into_iter().map(folder).collect::<Result<Vec<_>, _>>()?;
        let bases = folders.iter().map(ImageFolder::base_key).collect();
        let places = folders.into_iter().map(Prefix::from).collect();
        Ok(Self { extent: Extent::Image(identifier), places, bases })
    }

    /// All images below a prefix, whatever their versions; `None` where the prefix is empty, because a whole bucket is
    /// more than anyone means.
    #[must_use]
    pub fn all_images(prefix: &Prefix) -> Option<Self> {
        let extent = Extent::AllImages(prefix.clone());
        (!prefix.is_empty()).then(|| Self { extent, places: vec![prefix.clone()], bases: Vec::new() })
    }

    fn part(&self, path: &str, bytes: u64) -> Part {
        let path = match self.extent {
            Extent::Image(_) => Some(below_version(path)),
            Extent::AllImages(_) => below_any_identifier(path),
        };
        match path {
            Some(Plan::INFO_JSON) => Part::Information,
            Some(path) if path.parse::<ImageRequest>().is_ok() => Part::Picture,
            _ if bytes == 0 => Part::Empty,
            _ => Part::Other,
        }
    }

    /// Every object, as what it is.
    fn objects<'a>(&'a self, store: &'a dyn Store) -> impl Stream<Item = Result<(Part, Key), DeleteError>> + 'a {
        let pages = |place: &'a Prefix| {
            store.pages(place).map_ok(move |page| stream::iter(page.into_iter().map(move |object| Ok((place, object)))))
        };
        let objects = stream::iter(&self.places).flat_map(pages).map_err(DeleteError::List).try_flatten();
        let objects = objects.try_filter_map(move |(place, object)| ready(Ok(self.object(place, object))));
        let has_redirects = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&has_redirects);
        let seen = move |(part, _, bytes): &(Part, Key, u64)| {
            if *part == Part::Picture && *bytes == 0 {
                seen.store(true, Ordering::Relaxed);
            }
        };
        let objects = objects.inspect_ok(seen).map_ok(|(part, key, _)| (part, key));
        with_redirects(objects).chain(self.bases(store, has_redirects))
    }

    /// Some stores keep objects for folders; they are nobody's.
    fn object(&self, place: &Prefix, Listed { key, bytes, .. }: Listed) -> Option<(Part, Key, u64)> {
        let path = place.path_of(key.as_str()).filter(|path| bytes > 0 || !path.ends_with('/'))?;
        Some((self.part(path, bytes), key, bytes))
    }

    /// The redirects of bare base URIs outside the places: objects without bytes. They are only looked for where there are other
    /// redirects, because stores that keep objects in folders do not like to be asked for a folder.
    fn bases<'a>(
        &'a self,
        store: &'a dyn Store,
        has_redirects: Arc<AtomicBool>,
    ) -> impl Stream<Item = Result<(Part, Key), DeleteError>> + 'a {
        let redirect = async move |key: &'a Key| {
            let stored = store.get(key).await.map_err(DeleteError::List)?;
            Ok(stored.filter(|stored| stored.body.is_empty()).map(|_| (Part::Redirect, key.clone())))
        };
        let bases = stream::iter(&self.bases).take_while(move |_| ready(has_redirects.load(Ordering::Relaxed)));
        bases.then(redirect).try_filter_map(|found| ready(Ok(found)))
    }
}

/// Tells redirects of bare base URIs from other empty objects, which are nobody's: there is an `info.json` in the folder of the
/// same name. A listing in order has them shortly before it, so that few are remembered.
fn with_redirects<'a>(
    objects: impl Stream<Item = Result<(Part, Key), DeleteError>> + 'a,
) -> impl Stream<Item = Result<(Part, Key), DeleteError>> + 'a {
    let mut empty = HashSet::new();
    let told = move |(part, key): (Part, Key)| {
        let folder = key.as_str().rsplit_once('/').map(|(folder, _)| folder).filter(|_| part == Part::Information);
        let redirect = folder.and_then(|folder| empty.take(folder));
        let redirect = redirect.map(|EmptyObject(key)| (Part::Redirect, key));
        let object = if part == Part::Empty {
            empty.insert(EmptyObject(key));
            None
        } else {
            Some((part, key))
        };
        stream::iter(redirect.into_iter().chain(object).map(Ok))
    };
    objects.map_ok(told).try_flatten()
}

/// The key of an object without bytes, found by its text.
#[derive(PartialEq, Eq, Hash)]
struct EmptyObject(Key);

impl Borrow<str> for EmptyObject {
    fn borrow(&self) -> &str {
        self.0.as_str()
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.extent {
            Extent::Image(identifier) => write!(formatter, "`{identifier}`"),
            Extent::AllImages(prefix) => write!(formatter, "all images below `{prefix}`"),
        }
    }
}

/// The path in the folder of an image, or in that of one of its versions there.
fn below_version(path: &str) -> &str {
    match path.split_once('/') {
        Some((folder, path)) if folder.parse::<VersionName>().is_ok() => path,
        _ => path,
    }
}

/// The path in the folder of an image whose identifier may be anything, but not nothing.
fn below_any_identifier(path: &str) -> Option<&str> {
    let slashes: Vec<usize> = path.rmatch_indices('/').map(|(index, _)| index).take(4).collect();
    let last = |segments: usize| slashes.get(segments - 1).map(|slash| &path[slash + 1..]);
    // A request has always four segments.
    last(1).filter(|name| *name == Plan::INFO_JSON).or_else(|| last(4))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Information,
    /// From a bare base URI to an `info.json`.
    Redirect,
    Picture,
    /// No bytes, and no place among the pictures: a redirect perhaps.
    Empty,
    Other,
}

impl Part {
    /// What goes before any picture does: it would lead to nothing.
    fn is_promise(self) -> bool {
        matches!(self, Self::Information | Self::Redirect)
    }
}

/// How many objects there are, or were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Each `info.json`.
    pub information: u64,
    /// What they promise, and redirects to them.
    pub pictures: u64,
    /// Objects that publishing has not stored. They stay.
    pub others: u64,
}

impl Found {
    /// All objects of images.
    #[must_use]
    pub fn objects(&self) -> u64 {
        self.information + self.pictures
    }

    fn and(self, part: Part) -> Self {
        match part {
            Part::Information => Self { information: self.information + 1, ..self },
            Part::Picture | Part::Redirect => Self { pictures: self.pictures + 1, ..self },
            Part::Empty | Part::Other => Self { others: self.others + 1, ..self },
        }
    }

    fn or_nothing(self, subject: &Subject) -> Result<Self, DeleteError> {
        match self.objects() {
            0 => Err(DeleteError::Nothing { subject: subject.to_string(), others: self.others }),
            _ => Ok(self),
        }
    }
}

/// Why objects were not deleted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DeleteError {
    /// There is nothing to delete.
    #[error("there are no objects of {subject}{}", left(*.others))]
    Nothing {
        /// What was looked for.
        subject: String,
        /// How many objects of another kind are there.
        others: u64,
    },
    /// It cannot be found out what there is.
    #[error(transparent)]
    List(StoreError),
    /// The store refused. Where pictures are gone, their `info.json` is.
    #[error(transparent)]
    Delete(StoreError),
}

fn left(others: u64) -> String {
    match others {
        0 => String::new(),
        1 => ", but for 1 object that publishing has not stored".to_owned(),
        _ => format!(", but for {others} objects that publishing has not stored"),
    }
}

/// Counts what would be deleted.
///
/// # Errors
/// Where it cannot be listed, or there is nothing.
pub async fn survey(store: &dyn Store, subject: &Subject) -> Result<Found, DeleteError> {
    let found =
        subject.objects(store).try_fold(Found::default(), |found, (part, _)| ready(Ok(found.and(part)))).await?;
    found.or_nothing(subject)
}

/// The keys that would be deleted, in that order.
pub fn keys<'a>(store: &'a dyn Store, subject: &'a Subject) -> impl Stream<Item = Result<Key, DeleteError>> + 'a {
    let of = move |is_wanted: fn(Part) -> bool| {
        subject.objects(store).try_filter_map(move |(part, key)| ready(Ok(is_wanted(part).then_some(key))))
    };
    of(Part::is_promise).chain(of(|part| part == Part::Picture))
}

/// Deletes each `info.json`, and when they are gone, all that they promised. Wherever it is stopped, no `info.json` is left
/// without its pictures, and it can be begun again. `deleted` is told of every batch how many objects it had.
///
/// # Errors
/// Where it cannot be listed or deleted, or there is nothing.
pub async fn delete(store: &dyn Store, subject: &Subject, deleted: impl Fn(u64)) -> Result<Found, DeleteError> {
    let found = delete_parts(store, subject, Part::is_promise, &deleted).await?.or_nothing(subject)?;
    delete_parts(store, subject, |part| part == Part::Picture, &deleted).await?;
    Ok(found)
}

/// Deletes some parts; what there was of each.
async fn delete_parts(
    store: &dyn Store,
    subject: &Subject,
    is_wanted: fn(Part) -> bool,
    deleted: &impl Fn(u64),
) -> Result<Found, DeleteError> {
    let mut found = Found::default();
    let keys = subject.objects(store).try_filter_map(|(part, key)| {
        found = found.and(part);
        ready(Ok(is_wanted(part).then_some(key)))
    });
    let batches = keys.try_chunks(BATCH).map_err(|TryChunksError(_, error)| error);
    let delete = async |keys: Vec<Key>| {
        let count = keys.len() as u64;
        store.delete(keys).await.map_err(DeleteError::Delete)?;
        deleted(count);
        Ok(())
    };
    batches.try_for_each_concurrent(BATCHES_IN_FLIGHT, delete).await?;
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image() -> Subject {
        Subject::image(&Prefix::default(), [None], "atlas".parse().expect("an identifier")).expect("short")
    }

    #[test]
    fn only_what_publishing_stores_is_of_an_image() {
        for (path, part) in [
            ("info.json", Part::Information),
            ("full/max/0/default.jpg", Part::Picture),
            ("0,0,512,512/512,/0/default.jpg", Part::Picture),
            ("v0123456789ab/full/max/0/default.jpg", Part::Picture),
            ("v0123456789ab/info.json", Part::Information),
            ("v0123456789AB/full/max/0/default.jpg", Part::Other),
            ("v0123456789a/full/max/0/default.jpg", Part::Other),
            ("v0123456789ab/notes.txt", Part::Other),
            ("1/info.json", Part::Other),
            ("1/full/max/0/default.jpg", Part::Other),
            ("manifest.json", Part::Other),
            ("full/max/90/default.jpg", Part::Other),
            ("info.json/", Part::Other),
        ] {
            assert_eq!(image().part(path, 1), part, "{path}");
        }
    }

    #[test]
    fn all_images_are_those_with_any_identifier() {
        let all = Subject::all_images(&"maps".parse().expect("a prefix")).expect("not empty");
        for (path, part) in [
            ("atlas/info.json", Part::Information),
            ("3/a/b/info.json", Part::Information),
            ("a/full/max/0/default.jpg", Part::Picture),
            ("a/b/v0123456789ab/0,0,512,512/512,/0/default.jpg", Part::Picture),
            ("info.json", Part::Other),
            ("full/max/0/default.jpg", Part::Other),
            ("a/manifest.json", Part::Other),
            ("index.html", Part::Other),
        ] {
            assert_eq!(all.part(path, 1), part, "{path}");
        }
        assert_eq!(Subject::all_images(&Prefix::default()), None);
    }
}
