//! The pipeline with stores in memory: order, failure, pixels.

use crate::support::pictures::{encoded, file, gray_waves, mean_difference, png_file, waves};
use crate::support::publishing::publish;
use futures::future::BoxFuture;
use futures::stream::{self, BoxStream};
use futures::{FutureExt, StreamExt};
use iiif_publish::iiif::{Plan, Pyramid, Size};
use iiif_publish::publish::{JpegOptions, Options, PublishError, RedirectOptions, Subsampling, Versions};
use iiif_publish::store::{
    Key, Listed, MemoryStore, Object, Prefix, Receipt, RedirectStore, Store, StoreError, StoreErrorKind, Stored,
};
use image::{ColorType, DynamicImage, ImageFormat, RgbImage};
use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tempfile::TempDir;

fn options() -> Options {
    Options::new("https://example.org/iiif".parse().expect("a URL"))
}

/// The last object under each key, without the folder of the image.
fn by_path(store: &MemoryStore) -> BTreeMap<String, Object> {
    let path = |object: &Object| object.key.as_str().trim_start_matches("image/").to_owned();
    store.puts().into_iter().map(|object| (path(&object), object)).collect()
}

fn decoded(object: &Object) -> DynamicImage {
    image::load_from_memory_with_format(&object.body, ImageFormat::Jpeg).expect("an independent decoder reads it")
}

#[tokio::test]
async fn info_json_comes_last_and_every_key_once() {
    let folder = TempDir::new().expect("a folder");
    let store = Arc::new(MemoryStore::default());
    let options = options().into_builder().versions(Versions::Both).build().expect("valid options");
    let path = png_file(folder.path(), "x.png", 1300, 900);
    let published = publish(Arc::clone(&store) as _, options, path).await.expect("published");
    let keys: Vec<String> = store.puts().iter().map(|object| object.key.to_string()).collect();
    assert_eq!(keys.iter().collect::<HashSet<_>>().len(), keys.len(), "each key is put once");
    assert_eq!(keys[keys.len() - 2..], ["3/image/info.json", "2/image/info.json"]);
    assert_eq!(keys.iter().filter(|key| key.ends_with("info.json")).count(), 2);
    assert_eq!(published.objects, keys.len() as u64);
    assert_eq!(published.bytes, store.puts().iter().map(|object| object.body.len() as u64).sum::<u64>());
}

#[tokio::test]
async fn every_picture_has_the_size_that_its_request_names() {
    let folder = TempDir::new().expect("a folder");
    for (width, height) in [(1, 1), (1, 3000), (513, 511), (1024, 512), (2500, 700)] {
        let store = Arc::new(MemoryStore::default());
        let path = png_file(folder.path(), "x.png", width, height);
        let published = publish(Arc::clone(&store) as _, options(), path).await.expect("published");
        let size = published.size;
        let pyramid = Pyramid::new(size, options().shape);
        let full_max = size.at(pyramid.max_level());
        let plan = Plan::new(pyramid.clone(), iiif_publish::iiif::ApiVersion::V3);
        for (path, object) in by_path(&store).iter().filter(|(path, _)| path.ends_with(".jpg")) {
            let picture = decoded(object);
            let real = Size::new(picture.width(), picture.height()).expect("not empty");
            let parts: Vec<&str> = path.split('/').collect();
            let expected = expected_size(parts[1], size, full_max);
            assert!(expected.contains(&real), "{path} of {size} is {real}");
        }
        assert_eq!(store.puts().len() as u64, plan.object_count());
    }
}

/// The sizes that an answer may have: what was asked for; one pixel more for the rounded sizes; never enlarged.
fn expected_size(parameter: &str, image: Size, full_max: Size) -> Vec<Size> {
    if parameter == "max" {
        return vec![full_max];
    }
    let (width, height) = parameter.split_once(',').expect("w,h or w,");
    let width: u32 = width.parse().expect("a width");
    if width > image.width() || height.parse::<u32>().is_ok_and(|height| height > full_max.longer_side()) {
        return vec![full_max];
    }
    let (near_w, near_h) = ([width, width + 1], |h: u32| [h, h + 1]);
    let heights: Vec<u32> = match height.parse::<u32>() {
        Ok(height) => near_h(height).to_vec(),
        Err(_) => (1..=image.height()).collect(),
    };
    let sizes = near_w.iter().flat_map(|w| heights.iter().map(move |h| Size::new(*w, *h).expect("not empty")));
    sizes.chain([full_max]).collect()
}

#[tokio::test]
async fn the_tiles_of_the_full_size_make_the_picture_again() {
    let folder = TempDir::new().expect("a folder");
    let (width, height) = (1001, 701);
    let source = waves(width, height);
    let path = file(folder.path(), "x.png", &encoded(source.clone(), ImageFormat::Png));
    let store = Arc::new(MemoryStore::default());
    let jpeg = JpegOptions::default().with_quality(95).with_subsampling(Subsampling::None);
    publish(Arc::clone(&store) as _, options().into_builder().jpeg(jpeg).build().expect("valid options"), path)
        .await
        .expect("published");
    let objects = by_path(&store);
    let mut whole = RgbImage::new(width, height);
    for (x, y, w, h) in [(0, 0, 512, 512), (512, 0, 489, 512), (0, 512, 512, 189), (512, 512, 489, 189)] {
        let tile = decoded(&objects[&format!("{x},{y},{w},{h}/{w},{h}/0/default.jpg")]).into_rgb8();
        image::imageops::replace(&mut whole, &tile, x.into(), y.into());
    }
    let difference = mean_difference(&whole, &source);
    assert!(difference < 1.0, "the mean difference is {difference}");
    let rendition = decoded(&objects["full/max/0/default.jpg"]).into_rgb8();
    assert!(mean_difference(&rendition, &source) < 1.0);
}

#[tokio::test]
async fn a_thumbnail_looks_like_the_picture() {
    let folder = TempDir::new().expect("a folder");
    let source = waves(1000, 700);
    let path = file(folder.path(), "x.png", &encoded(source.clone(), ImageFormat::Png));
    let store = Arc::new(MemoryStore::default());
    publish(Arc::clone(&store) as _, options(), path).await.expect("published");
    let thumbnail = decoded(&by_path(&store)["full/400,280/0/default.jpg"]).into_rgb8();
    let expected = image::imageops::resize(&source, 400, 280, image::imageops::FilterType::Lanczos3);
    let difference = mean_difference(&thumbnail, &expected);
    assert!(difference < 4.0, "the mean difference is {difference}");
}

#[tokio::test]
async fn gray_stays_gray() {
    let folder = TempDir::new().expect("a folder");
    let path = file(folder.path(), "x.png", &encoded(gray_waves(700, 500), ImageFormat::Png));
    let store = Arc::new(MemoryStore::default());
    publish(Arc::clone(&store) as _, options(), path).await.expect("published");
    for (path, object) in by_path(&store).iter().filter(|(path, _)| path.ends_with(".jpg")) {
        assert_eq!(decoded(object).color(), ColorType::L8, "{path}");
    }
}

#[tokio::test]
async fn the_same_source_gives_the_same_bytes_on_any_number_of_threads() {
    let folder = TempDir::new().expect("a folder");
    let path = png_file(folder.path(), "x.png", 1300, 900);
    let mut all = Vec::new();
    for (jobs, concurrency) in [(1, 1), (4, 3), (16, 64)] {
        let store = Arc::new(MemoryStore::default());
        let options = options()
            .into_builder()
            .jobs(jobs.try_into().expect("not 0"))
            .concurrency(Some(concurrency.try_into().expect("not 0")))
            .build()
            .expect("valid options");
        publish(Arc::clone(&store) as _, options, path.clone()).await.expect("published");
        all.push(by_path(&store));
    }
    assert!(all.windows(2).all(|two| two[0] == two[1]));
}

/// A store that accepts a limited number of objects.
struct FullStore {
    inner: MemoryStore,
    room: AtomicUsize,
}

impl FullStore {
    fn new(room: usize) -> Self {
        Self { inner: MemoryStore::default(), room: room.into() }
    }
}

impl Store for FullStore {
    fn put(&self, object: Object) -> BoxFuture<'_, Result<Receipt, StoreError>> {
        async move {
            let room = self.room.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |room| room.checked_sub(1));
            if room.is_err() {
                let action = format!("could not put `{}`", object.key);
                return Err(StoreError::new(StoreErrorKind::Other, action, "the disk is full"));
            }
            self.inner.put(object).await
        }
        .boxed()
    }

    fn check(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        self.inner.check()
    }

    fn get<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<Option<Stored>, StoreError>> {
        self.inner.get(key)
    }

    fn pages<'a>(&'a self, below: &'a Prefix) -> BoxStream<'a, Result<Vec<Listed>, StoreError>> {
        self.inner.pages(below)
    }

    fn folders<'a>(&'a self, below: &'a Prefix) -> BoxFuture<'a, Result<Vec<String>, StoreError>> {
        self.inner.folders(below)
    }

    fn delete(&self, keys: Vec<Key>) -> BoxFuture<'_, Result<(), StoreError>> {
        self.inner.delete(keys)
    }

    fn redirect_store(&self) -> Option<&dyn RedirectStore> {
        self.inner.redirect_store()
    }

    fn default_concurrency(&self) -> usize {
        4
    }
}

#[tokio::test]
async fn a_failed_put_leaves_no_info_json() {
    let folder = TempDir::new().expect("a folder");
    let path = png_file(folder.path(), "x.png", 1300, 900);
    let probe = Arc::new(MemoryStore::default());
    publish(Arc::clone(&probe) as _, options(), path.clone()).await.expect("published");
    let objects = probe.puts().len();
    for room in [0, 1, objects / 2, objects - 2, objects - 1] {
        let store = Arc::new(FullStore::new(room));
        let error = publish(Arc::clone(&store) as _, options(), path.clone()).await.expect_err("no room");
        assert!(error.to_string().starts_with("could not put `image/"), "{error}");
        assert!(!store.inner.puts().iter().any(|object| object.key.as_str().ends_with("info.json")), "{room}");
    }
}

#[tokio::test]
async fn the_next_run_puts_only_what_an_unfinished_one_has_not() {
    let folder = TempDir::new().expect("a folder");
    let path = png_file(folder.path(), "x.png", 1300, 900);
    let store = Arc::new(FullStore::new(20));
    publish(Arc::clone(&store) as _, options(), path.clone()).await.expect_err("no room");
    store.room.store(1000, Ordering::SeqCst);
    let published = publish(Arc::clone(&store) as _, options(), path).await.expect("published");
    let keys: Vec<String> = store.inner.puts().iter().map(|object| object.key.to_string()).collect();
    assert_eq!(keys.len() as u64, published.objects, "nothing was put twice: {keys:?}");
    assert_eq!(keys.last().map(String::as_str), Some("image/info.json"));
}

#[tokio::test]
async fn other_headers_reach_every_picture_without_a_put() {
    let folder = TempDir::new().expect("a folder");
    let path = png_file(folder.path(), "x.png", 1300, 900);
    let store = Arc::new(MemoryStore::default());
    publish(Arc::clone(&store) as _, options(), path.clone()).await.expect("published");
    let before = store.puts().len();
    let other = options().into_builder().cache_control("no-store".to_owned()).build().expect("valid options");
    publish(Arc::clone(&store) as _, other, path).await.expect("updated");
    let objects = store.objects();
    let pictures: Vec<_> = objects.iter().filter(|object| object.key.as_str().ends_with(".jpg")).collect();
    assert_eq!(
        (store.puts().len() - before, store.header_updates().len()),
        (2, pictures.len()),
        "info.json alone is put"
    );
    for object in pictures {
        assert_eq!(&*object.cache_control, "no-store", "{}", object.key);
    }
}

#[tokio::test]
async fn what_an_unfinished_run_has_put_with_other_headers_is_put_again() {
    let folder = TempDir::new().expect("a folder");
    let path = png_file(folder.path(), "x.png", 1300, 900);
    let store = Arc::new(FullStore::new(20));
    publish(Arc::clone(&store) as _, options(), path.clone()).await.expect_err("no room");
    store.room.store(1000, Ordering::SeqCst);
    let other = options().into_builder().cache_control("no-store".to_owned()).build().expect("valid options");
    publish(Arc::clone(&store) as _, other, path).await.expect("published");
    for (path, object) in by_path(&store.inner).iter().filter(|(path, _)| path.ends_with(".jpg")) {
        assert_eq!(&*object.cache_control, "no-store", "{path}");
    }
}

#[tokio::test]
async fn a_smaller_replacement_leaves_no_orphan_and_the_old_image_whole_until_its_end() {
    let folder = TempDir::new().expect("a folder");
    let large = png_file(folder.path(), "large.png", 1300, 900);
    let small = png_file(folder.path(), "small.png", 600, 400);
    let store = Arc::new(FullStore::new(usize::MAX));
    publish(Arc::clone(&store) as _, options(), large).await.expect("published");
    let old = by_path(&store.inner);
    // The note is taken back with one put, some pictures are replaced, and then there is no more room.
    store.room.store(5, Ordering::SeqCst);
    publish(Arc::clone(&store) as _, options(), small.clone()).await.expect_err("no room");
    let present = by_path(&store.inner);
    let missing: Vec<&String> = old.keys().filter(|path| !present.contains_key(*path)).collect();
    assert!(missing.is_empty(), "a viewer of the old image misses {missing:?}");
    store.room.store(usize::MAX, Ordering::SeqCst);
    let second = publish(Arc::clone(&store) as _, options(), small).await.expect("published");
    let left = by_path(&store.inner);
    assert_eq!(left.len() as u64, second.objects);
    assert!(second.orphans.deleted > 0 && second.orphans.left == 0);
}

#[tokio::test]
async fn a_failed_replacement_is_never_taken_for_current() {
    let folder = TempDir::new().expect("a folder");
    let one = png_file(folder.path(), "one.png", 1300, 900);
    let other = file(folder.path(), "other.png", &encoded(gray_waves(1300, 900), ImageFormat::Png));
    let store = Arc::new(FullStore::new(usize::MAX));
    publish(Arc::clone(&store) as _, options(), one.clone()).await.expect("published");
    let wanted = by_path(&store.inner);
    store.room.store(10, Ordering::SeqCst);
    publish(Arc::clone(&store) as _, options(), other).await.expect_err("no room");
    assert!(by_path(&store.inner) != wanted);
    store.room.store(usize::MAX, Ordering::SeqCst);
    publish(Arc::clone(&store) as _, options(), one).await.expect("published");
    let present = by_path(&store.inner);
    let wrong: Vec<&String> = wanted.keys().filter(|path| present.get(*path) != wanted.get(*path)).collect();
    assert!(wrong.is_empty() && present.len() == wanted.len(), "still of the other image: {wrong:?}");
}

/// A store in which nothing ever ends, but which counts what begins.
struct SilentStore {
    begun: AtomicUsize,
}

impl Store for SilentStore {
    fn put(&self, _: Object) -> BoxFuture<'_, Result<Receipt, StoreError>> {
        self.begun.fetch_add(1, Ordering::SeqCst);
        std::future::pending().boxed()
    }

    fn check(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        async { Ok(()) }.boxed()
    }

    fn get<'a>(&'a self, _: &'a Key) -> BoxFuture<'a, Result<Option<Stored>, StoreError>> {
        async { Ok(None) }.boxed()
    }

    fn pages<'a>(&'a self, _: &'a Prefix) -> BoxStream<'a, Result<Vec<Listed>, StoreError>> {
        stream::empty().boxed()
    }

    fn folders<'a>(&'a self, _: &'a Prefix) -> BoxFuture<'a, Result<Vec<String>, StoreError>> {
        async { Ok(Vec::new()) }.boxed()
    }

    fn delete(&self, _: Vec<Key>) -> BoxFuture<'_, Result<(), StoreError>> {
        async { Ok(()) }.boxed()
    }

    fn default_concurrency(&self) -> usize {
        5
    }
}

#[tokio::test]
async fn no_more_puts_are_in_flight_than_allowed_and_a_dropped_publish_stops() {
    let folder = TempDir::new().expect("a folder");
    let path = png_file(folder.path(), "x.png", 1300, 900);
    let store = Arc::new(SilentStore { begun: AtomicUsize::new(0) });
    let publishing = publish(Arc::clone(&store) as _, options(), path);
    let stopped = tokio::time::timeout(std::time::Duration::from_millis(700), publishing).await;
    assert!(stopped.is_err(), "nothing was ever stored");
    assert_eq!(store.begun.load(Ordering::SeqCst), 5);
}

#[tokio::test]
async fn a_store_without_redirects_refuses_them_before_any_put() {
    let folder = TempDir::new().expect("a folder");
    let path = png_file(folder.path(), "x.png", 130, 90);
    let store = Arc::new(SilentStore { begun: AtomicUsize::new(0) });
    let options = options().into_builder().redirects(Some(RedirectOptions::default())).build().expect("valid options");
    let error = publish(Arc::clone(&store) as _, options, path).await.expect_err("refused");
    assert!(matches!(&error, PublishError::Store(error) if error.kind() == StoreErrorKind::Unsupported), "{error:?}");
    assert_eq!(store.begun.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_file_that_ends_early_is_an_error_and_never_a_blank_tile() {
    let folder = TempDir::new().expect("a folder");
    let jpeg = encoded(waves(1300, 900), ImageFormat::Jpeg);
    let png = encoded(waves(1300, 900), ImageFormat::Png);
    let tiff = encoded(waves(1300, 900), ImageFormat::Tiff);
    for (name, bytes) in [("x.jpg", jpeg), ("x.png", png), ("x.tif", tiff)] {
        for keep in [bytes.len() / 3, bytes.len() - 100] {
            if name == "x.tif" && keep > bytes.len() / 2 {
                // Its directory stands at the end: without it there is nothing to begin with.
                continue;
            }
            let path = file(folder.path(), name, &bytes[..keep]);
            refused_without_information(&path).await;
        }
    }
}

async fn refused_without_information(path: &Path) {
    let store = Arc::new(MemoryStore::default());
    let error = publish(Arc::clone(&store) as _, options(), path.to_owned()).await.expect_err("damaged");
    assert!(matches!(error, PublishError::Source(_)), "{error:?}");
    assert!(!by_path(&store).contains_key("info.json"), "{}", path.display());
}
