//! Other runs publish the images that are being deleted.

use crate::support::pictures::png_file;
use futures::future::BoxFuture;
use futures::stream::{self, BoxStream};
use futures::{FutureExt, StreamExt};
use iiif_publish::delete::{DEFAULT_SETTLE_AFTER, DeleteError, Subject, delete};
use iiif_publish::publish::{Image, Options, Publisher};
use iiif_publish::store::{
    Key, Listed, MemoryStore, Object, Prefix, Receipt, RedirectStore, Store, StoreError, StoreErrorKind, Stored,
};
use serde_json::json;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};
use tempfile::TempDir;
use tokio::sync::Barrier;
use tokio::time::timeout;

/// A store to which another program puts objects, just before one of the operations.
struct Shared {
    store: Arc<MemoryStore>,
    operations: AtomicUsize,
    /// The number of the operation before which they are put, or from which every operation fails.
    moment: usize,
    puts: Vec<Object>,
    is_killed: bool,
    /// Waits end when as many have begun as this barrier is for.
    together: Option<Barrier>,
}

impl Shared {
    fn new(store: &Arc<MemoryStore>, moment: usize) -> Self {
        let store = Arc::clone(store);
        Self { store, operations: AtomicUsize::new(0), moment, puts: Vec::new(), is_killed: false, together: None }
    }

    async fn operation(&self) -> Result<(), StoreError> {
        let number = self.operations.fetch_add(1, Ordering::Relaxed);
        if number == self.moment {
            for object in &self.puts {
                self.store.put(object.clone()).await?;
            }
        }
        if self.is_killed && number >= self.moment {
            return Err(StoreError::new(StoreErrorKind::Other, "could not go on".to_owned(), "killed"));
        }
        Ok(())
    }

    fn was_disturbed(&self) -> bool {
        self.operations.load(Ordering::Relaxed) > self.moment
    }
}

impl Store for Shared {
    fn put(&self, object: Object) -> BoxFuture<'_, Result<Receipt, StoreError>> {
        async move {
            self.operation().await?;
            self.store.put(object).await
        }
        .boxed()
    }

    fn check(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        self.store.check()
    }

    fn get<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<Option<Stored>, StoreError>> {
        async move {
            self.operation().await?;
            self.store.get(key).await
        }
        .boxed()
    }

    fn pages<'a>(&'a self, below: &'a Prefix) -> BoxStream<'a, Result<Vec<Listed>, StoreError>> {
        let pages = async move {
            match self.operation().await {
                Ok(()) => self.store.pages(below),
                Err(error) => stream::iter([Err(error)]).boxed(),
            }
        };
        stream::once(pages).flatten().boxed()
    }

    fn folders<'a>(&'a self, below: &'a Prefix) -> BoxFuture<'a, Result<Vec<String>, StoreError>> {
        self.store.folders(below)
    }

    fn delete(&self, keys: Vec<Key>) -> BoxFuture<'_, Result<(), StoreError>> {
        async move {
            self.operation().await?;
            self.store.delete(keys).await
        }
        .boxed()
    }

    fn redirect_store(&self) -> Option<&dyn RedirectStore> {
        self.store.redirect_store()
    }

    fn now(&self) -> BoxFuture<'_, Result<SystemTime, StoreError>> {
        self.store.now()
    }

    fn wait(&self, time: Duration) -> BoxFuture<'_, ()> {
        match &self.together {
            Some(together) => together.wait().map(drop).boxed(),
            None => self.store.wait(time),
        }
    }

    fn default_concurrency(&self) -> usize {
        8
    }
}

fn options() -> Options {
    let options = Options::new("https://example.org/maps".parse().expect("a URL"));
    options.into_builder().prefix("maps".parse().expect("a prefix")).build().expect("valid options")
}

async fn publish(store: &Arc<MemoryStore>, path: &Path) {
    let publisher = Publisher::new(Arc::clone(store) as Arc<dyn Store>, options(), |_| ());
    let image = Image::new(path.to_owned(), "atlas".parse().expect("an identifier"));
    publisher.publish(&image).await.expect("published");
}

fn keys(store: &MemoryStore) -> BTreeSet<String> {
    store.objects().iter().map(|object| object.key.to_string()).collect()
}

fn subjects() -> [Subject; 2] {
    let prefix = options().prefix;
    let atlas = Subject::image(&prefix, [None], "atlas".parse().expect("an identifier")).expect("short");
    [atlas, Subject::all_images(&prefix).expect("not empty")]
}

#[tokio::test]
async fn a_publisher_that_commits_while_its_image_is_deleted_leaves_nothing_and_publishes_all_of_it_again() {
    let folder = TempDir::new().expect("a folder");
    let path = png_file(folder.path(), "atlas.png", 700, 500);
    let published = Arc::new(MemoryStore::default());
    publish(&published, &path).await;
    let puts = published.puts();
    let mut moments = 0;
    for subject in subjects() {
        // It puts the `info.json` alone, or its last pictures too.
        for late in [1, 10] {
            for moment in 0.. {
                let store = Arc::new(MemoryStore::default());
                publish(&store, &path).await;
                let late = puts[puts.len() - late..].to_vec();
                let shared = Shared { puts: late.clone(), ..Shared::new(&store, moment) };
                delete(&shared, &subject, DEFAULT_SETTLE_AFTER, |_| ()).await.expect("deleted");
                let left = keys(&store);
                assert!(!left.contains("maps/atlas/info.json"), "{subject}, before operation {moment}: {left:?}");
                publish(&store, &path).await;
                assert_eq!(keys(&store), keys(&published), "{subject}, before operation {moment}");
                if !shared.was_disturbed() {
                    break;
                }
                moments += 1;
            }
        }
    }
    assert!(moments > 30, "{moments}");
}

#[tokio::test]
async fn a_publisher_that_commits_after_its_image_was_deleted_is_made_up_for_by_the_next_run() {
    let folder = TempDir::new().expect("a folder");
    let path = png_file(folder.path(), "atlas.png", 700, 500);
    let published = Arc::new(MemoryStore::default());
    publish(&published, &path).await;
    let puts = published.puts();
    for subject in subjects() {
        let store = Arc::new(MemoryStore::default());
        publish(&store, &path).await;
        delete(&*store, &subject, DEFAULT_SETTLE_AFTER, |_| ()).await.expect("deleted");
        for object in &puts[puts.len() - 10..] {
            store.put(object.clone()).await.expect("memory");
        }
        store.advance(2 * DEFAULT_SETTLE_AFTER);
        publish(&store, &path).await;
        assert_eq!(keys(&store), keys(&published), "{subject}");
    }
}

#[tokio::test]
async fn a_delete_that_is_killed_at_any_moment_leaves_nothing_that_is_believed_and_can_be_run_again() {
    let folder = TempDir::new().expect("a folder");
    let path = png_file(folder.path(), "atlas.png", 700, 500);
    for subject in subjects() {
        for moment in 0.. {
            let store = Arc::new(MemoryStore::default());
            publish(&store, &path).await;
            let all = keys(&store);
            let shared = Shared { is_killed: true, ..Shared::new(&store, moment) };
            let is_done = delete(&shared, &subject, DEFAULT_SETTLE_AFTER, |_| ()).await.is_ok();
            let information = store.objects().into_iter().find(|object| object.key.as_str().ends_with("info.json"));
            let is_whole = keys(&store) == all;
            assert!(information.is_none() || is_whole, "{subject}, killed at operation {moment}");
            // Pictures without an `info.json` are only deleted when they are too old to be of an image in the making.
            store.advance(2 * DEFAULT_SETTLE_AFTER);
            match delete(&*store, &subject, DEFAULT_SETTLE_AFTER, |_| ()).await {
                Ok(_) | Err(DeleteError::Nothing { .. }) => {}
                Err(error) => panic!("{error}"),
            }
            assert!(keys(&store).is_empty(), "{subject}, killed at operation {moment}: {:?}", keys(&store));
            if is_done {
                break;
            }
        }
    }
}

#[tokio::test]
async fn images_that_may_be_confirmed_at_this_moment_share_one_wait() {
    let store = Arc::new(MemoryStore::default());
    let prefix = options().prefix;
    let settle_after = Duration::from_millis(500);
    for number in 0..50 {
        let id = format!("https://example.org/maps/{number}");
        let document =
            json!({"id": id, "type": "ImageService3", "protocol": "http://iiif.io/api/image", "profile": "level0"});
        let object = |path: &str, body: String, mark: &str| Object {
            key: prefix.found(&format!("maps/{number}/{path}")).expect("a key"),
            body: body.into(),
            content_encoding: None,
            content_type: "application/json",
            cache_control: "no-cache".into(),
            mark: Some(mark.into()),
        };
        store.put(object("full/max/0/default.jpg", "JPEG".to_owned(), "headers")).await.expect("memory");
        let settling = "1;state=settling;headers=";
        store.put(object("info.json", document.to_string(), settling)).await.expect("memory");
    }
    // One wait after the other would never end.
    let store = Shared { together: Some(Barrier::new(50)), ..Shared::new(&store, usize::MAX) };
    let all = Subject::all_images(&prefix).expect("not empty");
    let deletion = delete(&store, &all, settle_after, |_| ());
    let found = timeout(Duration::from_mins(1), deletion).await.expect("one wait for all").expect("deleted");
    assert_eq!((found.information, found.pictures), (50, 50));
}
