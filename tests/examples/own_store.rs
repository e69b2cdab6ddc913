//! Publishes images into a store of its own: a map in memory, which stands for a database or an archive.
//!
//! ```sh
//! cargo run --no-default-features --example own_store -- one.jpg two.tif
//! ```

use futures::future::BoxFuture;
use futures::stream::{self, BoxStream};
use futures::{FutureExt, StreamExt};
use iiif_publish::publish::{Image, Options, Publisher};
use iiif_publish::store::{Key, Listed, Object, Prefix, Receipt, Store, StoreError, Stored};
use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::error::Error;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A store that keeps objects in a map.
#[derive(Default)]
struct MapStore(Mutex<BTreeMap<String, Object>>);

impl MapStore {
    fn objects(&self) -> MutexGuard<'_, BTreeMap<String, Object>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store for MapStore {
    fn put(&self, object: Object) -> BoxFuture<'_, Result<Receipt, StoreError>> {
        let receipt = Receipt { key: object.key.clone(), bytes: object.body.len() as u64, etag: None };
        self.objects().insert(object.key.to_string(), object);
        async { Ok(receipt) }.boxed()
    }

    fn check(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        async { Ok(()) }.boxed()
    }

    fn get<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<Option<Stored>, StoreError>> {
        let stored = self.objects().get(key.as_str()).map(|object| Stored {
            body: object.body.clone().into(),
            mark: object.mark.as_deref().map(str::to_owned),
            etag: None,
            modified: None,
        });
        async { Ok(stored) }.boxed()
    }

    fn pages<'a>(&'a self, below: &'a Prefix) -> BoxStream<'a, Result<Vec<Listed>, StoreError>> {
        let listed = |object: &Object| Listed {
            key: object.key.clone(),
            bytes: object.body.len() as u64,
            etag: None,
            modified: None,
        };
        let start = below.with_slash();
        let objects = self.objects();
        let page = objects.values().filter(|object| object.key.as_str().starts_with(&start)).map(listed).collect();
        stream::iter([Ok(page)]).boxed()
    }

    fn folders<'a>(&'a self, below: &'a Prefix) -> BoxFuture<'a, Result<Vec<String>, StoreError>> {
        let start = below.with_slash();
        let objects = self.objects();
        let folder = |key: &String| Some(key.strip_prefix(&start)?.split_once('/')?.0.to_owned());
        let folders: BTreeSet<String> = objects.keys().filter_map(folder).collect();
        async { Ok(folders.into_iter().collect()) }.boxed()
    }

    fn delete(&self, keys: Vec<Key>) -> BoxFuture<'_, Result<(), StoreError>> {
        self.objects().retain(|key, _| keys.iter().all(|deleted| deleted.as_str() != key));
        async { Ok(()) }.boxed()
    }

    fn default_concurrency(&self) -> usize {
        4
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let store = Arc::new(MapStore::default());
    let options = Options::builder("https://example.org/iiif".parse()?).build()?;
    let publisher = Publisher::new(Arc::clone(&store) as Arc<dyn Store>, options, |_| {});

    // An iterator may also find images while others are published.
    let images = env::args().skip(1).map(|path| {
        let stem = PathBuf::from(&path).file_stem().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Image::new(PathBuf::from(path), stem.parse()?))
    });
    let images = images.collect::<Result<Vec<Image>, Box<dyn Error>>>()?;
    let mut results = pin!(publisher.publish_all(images));
    while let Some((image, result)) = results.next().await {
        match result {
            Ok(done) => println!("{}: {} objects", image.identifier, done.objects),
            Err(error) => println!("{}: {error}", image.identifier),
        }
    }
    println!("{} objects in the store", store.objects().len());
    Ok(())
}
