//! Versions of an image beside each other, sources known by their content, images that are not to be replaced, and
//! redirects.

use crate::support::pictures::{encoded, file, gray_waves, png_file, waves};
use crate::support::publishing::{image, publish};
use crate::support::some::some;
use iiif_publish::destination::VersionName;
use iiif_publish::iiif::{ApiVersion, Plan, Pyramid, PyramidShape, RoundedSizes};
use iiif_publish::publish::{Event, Identity, Layout, Options, Publisher, RedirectOptions, Versions};
use iiif_publish::store::{FolderStore, MemoryStore, Object, OnExisting};
use image::ImageFormat;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};
use tempfile::TempDir;

const PUBLIC_URL: &str = "https://example.org/iiif";

fn options() -> Options {
    Options::new(PUBLIC_URL.parse().expect("a URL"))
}

fn versioned(keep: Option<usize>) -> Options {
    options().into_builder().layout(Layout::Versioned { keep }).build().expect("valid options")
}

/// The last object under each key.
fn stored(store: &MemoryStore) -> BTreeMap<String, Object> {
    store.puts().into_iter().map(|object| (object.key.to_string(), object)).collect()
}

/// The names of the versions that are there.
fn version_names(store: &MemoryStore) -> BTreeSet<String> {
    let name = |key: &String| Some(key.strip_prefix("image/")?.split_once('/')?.0.to_owned());
    stored(store).keys().filter_map(name).filter(|name| name.parse::<VersionName>().is_ok()).collect()
}

/// Returns the base URI in the image's own `info.json`.
fn pointed_to(store: &MemoryStore) -> String {
    let information: Value = serde_json::from_slice(&stored(store)["image/info.json"].body).expect("JSON");
    information["id"].as_str().expect("an id").to_owned()
}

/// Longer than all grace periods.
const A_DAY: Duration = Duration::from_hours(25);

fn pictures(folder: &TempDir) -> [PathBuf; 3] {
    let gray = encoded(gray_waves(700, 500), ImageFormat::Png);
    [
        png_file(folder.path(), "first.png", 1300, 900),
        file(folder.path(), "second.png", &gray),
        png_file(folder.path(), "third.png", 600, 400),
    ]
}

#[tokio::test]
async fn a_version_has_a_folder_of_its_own_and_nothing_in_it_is_ever_replaced() {
    let folder = TempDir::new().expect("a folder");
    let store = Arc::new(MemoryStore::default());
    let mut urls = Vec::new();
    for path in pictures(&folder) {
        let before = store.puts();
        let published = publish(Arc::clone(&store) as _, versioned(None), path).await.expect("published");
        urls.push(published.info_urls[0].trim_end_matches("/info.json").to_owned());
        let puts = store.puts().split_off(before.len());
        let last: Vec<&str> = puts[puts.len() - 2..].iter().map(|put| put.key.as_str()).collect();
        let name = urls.last().and_then(|url| url.rsplit('/').next()).expect("a version");
        assert_eq!(last, [format!("image/{name}/info.json").as_str(), "image/info.json"], "the pointer moves last");
        assert_eq!(&pointed_to(&store), urls.last().expect("one"), "with one put, which is the printed URL");
        let pyramid = Pyramid::new(published.size, options().shape);
        let planned: BTreeSet<String> =
            Plan::new(pyramid, ApiVersion::V3).paths().map(|path| format!("image/{name}/{path}")).collect();
        let keys = puts.iter().map(|put| put.key.to_string()).filter(|key| key != "image/info.json");
        assert_eq!(keys.collect::<BTreeSet<_>>(), planned);
    }
    assert_eq!(version_names(&store).len(), 3);
    let puts = store.puts();
    let keys: Vec<&str> = puts.iter().map(|put| put.key.as_str()).filter(|key| *key != "image/info.json").collect();
    assert_eq!(keys.iter().collect::<BTreeSet<_>>().len(), keys.len(), "but for the pointer, every key was put once");
}

#[tokio::test]
async fn an_image_that_becomes_again_what_it_was_costs_three_puts() {
    let folder = TempDir::new().expect("a folder");
    let store = Arc::new(MemoryStore::default());
    let [first, second, _] = pictures(&folder);
    let url = publish(Arc::clone(&store) as _, versioned(None), first.clone()).await.expect("published").info_urls;
    publish(Arc::clone(&store) as _, versioned(None), second).await.expect("published");
    let before = store.puts().len();
    let again = publish(Arc::clone(&store) as _, versioned(None), first.clone()).await.expect("published");
    assert_eq!(again.objects, 1, "what was put of this version");
    assert_eq!(
        (store.puts().len() - before, again.info_urls),
        (3, url),
        "the pointer is invalidated, its promise makes it new, and the pointer leads to it"
    );
    publish(Arc::clone(&store) as _, versioned(None), first).await.expect("unchanged");
    assert_eq!(store.puts().len() - before, 3, "and nothing after that");
}

#[tokio::test]
async fn so_many_old_versions_stay_as_are_to_be_kept() {
    let folder = TempDir::new().expect("a folder");
    let store = Arc::new(MemoryStore::default());
    let mut names = Vec::new();
    let paths = pictures(&folder);
    for path in paths.clone() {
        store.advance(A_DAY);
        let published = publish(Arc::clone(&store) as _, versioned(Some(1)), path).await.expect("published");
        let url = published.info_urls[0].trim_end_matches("/info.json").to_owned();
        names.push(url.rsplit('/').next().expect("a version").to_owned());
    }
    assert_eq!(version_names(&store).len(), 3, "viewers may still show what has just been replaced");
    store.advance(A_DAY);
    publish(Arc::clone(&store) as _, versioned(Some(1)), paths[2].clone()).await.expect("unchanged");
    assert_eq!(version_names(&store), names[1..].iter().cloned().collect(), "the newest and one more");
}

#[tokio::test]
async fn a_version_that_became_current_again_is_not_taken_for_an_old_one() {
    let folder = TempDir::new().expect("a folder");
    let store = Arc::new(MemoryStore::default());
    let [first, second, third] = pictures(&folder);
    let mut names = Vec::new();
    for path in [&first, &second, &first, &third] {
        store.advance(A_DAY);
        let keep = (path == &third).then_some(1);
        let published = publish(Arc::clone(&store) as _, versioned(keep), path.clone()).await.expect("published");
        let url = published.info_urls[0].trim_end_matches("/info.json").to_owned();
        names.push(url.rsplit('/').next().expect("a version").to_owned());
    }
    store.advance(A_DAY);
    publish(Arc::clone(&store) as _, versioned(Some(1)), third).await.expect("unchanged");
    assert_eq!(version_names(&store), [names[0].clone(), names[3].clone()].into(), "the last two that were seen");
}

#[tokio::test]
async fn fewer_old_versions_of_an_unchanged_image_can_be_kept_afterwards() {
    let folder = TempDir::new().expect("a folder");
    let store = Arc::new(MemoryStore::default());
    let paths = pictures(&folder);
    for path in &paths {
        publish(Arc::clone(&store) as _, versioned(None), path.clone()).await.expect("published");
    }
    assert_eq!(version_names(&store).len(), 3);
    let newest = &paths[2];
    for (keep, left) in [(Some(2), 3), (Some(1), 2), (Some(2), 2), (None, 2), (Some(0), 1)] {
        store.advance(A_DAY);
        let was_there = version_names(&store).len();
        let published = publish(Arc::clone(&store) as _, versioned(keep), newest.clone()).await.expect("published");
        assert_eq!((version_names(&store).len(), published.orphans.deleted > 0), (left, left < was_there), "{keep:?}");
    }
    // The note about the deletion is confirmed once.
    store.advance(A_DAY);
    assert!(matches!(event(&store, versioned(Some(0)), newest).await, Event::Unchanged(_)));
    let puts = store.puts().len();
    store.advance(A_DAY);
    assert!(matches!(event(&store, versioned(Some(0)), newest).await, Event::Unchanged(_)));
    assert_eq!(store.puts().len(), puts, "which is done once");
}

#[tokio::test]
async fn what_was_published_in_place_becomes_versioned_without_a_moment_of_nothing() {
    let folder = TempDir::new().expect("a folder");
    let store = Arc::new(MemoryStore::default());
    let [first, second, _] = pictures(&folder);
    publish(Arc::clone(&store) as _, options(), first).await.expect("published");
    let published = publish(Arc::clone(&store) as _, versioned(Some(3)), second).await.expect("published");
    assert_eq!(pointed_to(&store), published.info_urls[0].trim_end_matches("/info.json"));
    assert!(published.orphans.deleted > 0, "no `info.json` refers to the pictures in place");
    assert_eq!(stored(&store).len() as u64, published.objects + 1, "the version and the pointer");
}

#[tokio::test]
async fn versions_may_be_cached_for_ever_in_both_apis() {
    let folder = TempDir::new().expect("a folder");
    let store = Arc::new(MemoryStore::default());
    let options = versioned(None)
        .into_builder()
        .cache_control(Options::VERSIONED_CACHE_CONTROL.to_owned())
        .versions(Versions::Both)
        .build()
        .expect("valid options");
    let published = publish(Arc::clone(&store) as _, options, pictures(&folder)[2].clone()).await.expect("published");
    assert_eq!(published.info_urls.len(), 2);
    let objects = stored(&store);
    for pointer in ["3/image/info.json", "2/image/info.json"] {
        assert_eq!(&*objects[pointer].cache_control, Options::INFO_CACHE_CONTROL);
    }
    let is_immutable = |object: &Object| object.cache_control.contains("immutable");
    let pictures = objects.iter().filter(|(key, _)| key.ends_with(".jpg"));
    assert!(some(pictures).all(|(_, object)| is_immutable(object)));
}

/// Makes every file below a folder a day older.
fn age(folder: &Path) {
    for entry in std::fs::read_dir(folder).expect("readable").flatten() {
        let path = entry.path();
        if path.is_dir() {
            age(&path);
        } else {
            let file = std::fs::File::options().write(true).open(path).expect("writable");
            file.set_modified(SystemTime::now() - A_DAY).expect("a time");
        }
    }
}

#[tokio::test]
async fn old_versions_in_a_folder_are_deleted_by_the_times_of_their_files() {
    let (folder, output) = (TempDir::new().expect("a folder"), TempDir::new().expect("a folder"));
    let store = Arc::new(FolderStore::new(output.path().to_owned()));
    let [first, second, third] = pictures(&folder);
    let versions = || {
        let names = std::fs::read_dir(output.path().join("image")).expect("readable").flatten();
        names.filter(|entry| entry.file_name().to_string_lossy().parse::<VersionName>().is_ok()).collect::<Vec<_>>()
    };
    for path in [first, second, third.clone()] {
        publish(Arc::clone(&store) as _, versioned(Some(0)), path).await.expect("published");
    }
    assert_eq!(versions().len(), 3, "all of them are fresh");
    for version in versions() {
        age(&version.path());
    }
    let published = publish(Arc::clone(&store) as _, versioned(Some(0)), third).await.expect("unchanged");
    assert!(published.orphans.deleted > 0);
    assert_eq!(versions().len(), 1);
}

/// Makes a file older, which changes nothing of its content.
fn touch(path: &Path) {
    let file = std::fs::File::options().write(true).open(path).expect("writable");
    file.set_modified(SystemTime::now() - Duration::from_secs(1000)).expect("a time");
}

/// Returns the result of publishing an image again.
async fn event(store: &Arc<MemoryStore>, options: Options, path: &Path) -> Event {
    let events = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&events);
    let publisher =
        Publisher::new(Arc::clone(store) as _, options, move |event| seen.lock().expect("whole").push(event));
    publisher.publish(&image(path.to_owned())).await.expect("published");
    let last = events.lock().expect("whole").pop();
    last.expect("an event")
}

#[tokio::test]
async fn a_source_is_known_by_size_and_time_or_by_its_content() {
    let folder = TempDir::new().expect("a folder");
    let path = png_file(folder.path(), "x.png", 600, 400);
    for (identity, is_same) in [(Identity::SizeAndTime, false), (Identity::Content, true)] {
        let store = Arc::new(MemoryStore::default());
        let options = options().into_builder().identity(identity).build().expect("valid options");
        assert!(matches!(event(&store, options.clone(), &path).await, Event::Published(_)));
        assert!(matches!(event(&store, options.clone(), &path).await, Event::Unchanged(_)));
        touch(&path);
        let again = event(&store, options.clone(), &path).await;
        assert_eq!(matches!(again, Event::Unchanged(_)), is_same, "{identity:?}");
    }
    let store = Arc::new(MemoryStore::default());
    let by_content = options().into_builder().identity(Identity::Content).build().expect("valid options");
    event(&store, by_content.clone(), &path).await;
    let bytes = std::fs::read(&path).expect("readable");
    let modified = std::fs::metadata(&path).and_then(|metadata| metadata.modified()).expect("a time");
    let other = encoded(waves(600, 401), ImageFormat::Png);
    std::fs::write(&path, &other).expect("writable");
    let file = std::fs::File::options().write(true).open(&path).expect("writable");
    file.set_modified(modified).expect("a time");
    assert_ne!(bytes, other);
    assert!(matches!(event(&store, by_content, &path).await, Event::Published(_)), "another content, the same time");
}

#[tokio::test]
async fn an_image_that_is_not_to_be_replaced_is_left_alone() {
    let folder = TempDir::new().expect("a folder");
    let store = Arc::new(MemoryStore::default());
    let keeping = options().into_builder().on_existing(OnExisting::Keep).build().expect("valid options");
    let [first, second, _] = pictures(&folder);
    assert!(matches!(event(&store, keeping.clone(), &first).await, Event::Published(_)));
    let before = store.puts();
    assert!(matches!(event(&store, keeping.clone(), &second).await, Event::Kept(_)));
    assert_eq!(store.puts(), before);
    let keeping = keeping.into_builder().layout(Layout::Versioned { keep: None }).build().expect("valid options");
    let Event::Kept(kept) = event(&store, keeping, &second).await else { panic!("left alone") };
    assert_eq!(kept.info_urls, [format!("{PUBLIC_URL}/image/info.json")], "where something is, not where nothing is");
}

fn redirecting(full_image_url: Option<&str>) -> Options {
    let full_image_url = full_image_url.map(|url| url.parse().expect("a URL"));
    options().into_builder().redirects(Some(RedirectOptions::new(full_image_url))).build().expect("valid options")
}

#[tokio::test]
async fn every_request_has_an_object_or_a_redirect_to_one() {
    let folder = TempDir::new().expect("a folder");
    let path = png_file(folder.path(), "x.png", 1300, 900);
    let store = Arc::new(MemoryStore::default());
    let published = publish(Arc::clone(&store) as _, redirecting(None), path).await.expect("published");
    let objects = stored(&store);
    let redirects: BTreeMap<String, String> =
        store.redirects().into_iter().map(|redirect| (redirect.from.to_string(), redirect.to)).collect();
    let plan = Plan::new(Pyramid::new(published.size, options().shape), ApiVersion::V3);
    for path in plan.paths().map(|path| format!("image/{path}")) {
        let to = redirects.get(&path).map(|to| to.strip_prefix(PUBLIC_URL).expect("here").trim_start_matches('/'));
        assert_ne!(objects.contains_key(&path), to.is_some(), "{path}: the one or the other");
        assert!(to.is_none_or(|to| objects.contains_key(to)), "{path} leads to {to:?}");
    }
    assert_eq!(redirects["image"], format!("{PUBLIC_URL}/image/info.json"));
    assert_eq!(published.objects, (objects.len() + redirects.len()) as u64);
    let bodies: BTreeSet<_> = objects.values().map(|object| object.body.to_vec()).collect();
    assert_eq!(bodies.len(), objects.len(), "no picture is stored twice");
}

#[tokio::test]
async fn the_bare_uri_of_an_image_with_versions_leads_for_ever_to_the_newest() {
    let folder = TempDir::new().expect("a folder");
    let store = Arc::new(MemoryStore::default());
    let options =
        redirecting(None).into_builder().layout(Layout::Versioned { keep: None }).build().expect("valid options");
    publish(Arc::clone(&store) as _, options, pictures(&folder)[0].clone()).await.expect("published");
    let redirects = store.redirects();
    let bare = redirects.iter().find(|redirect| redirect.from.as_str() == "image").expect("a redirect");
    assert_eq!(bare.to, format!("{PUBLIC_URL}/image/info.json"), "browsers may remember it for ever");
}

#[tokio::test]
async fn full_max_can_be_a_full_image_elsewhere_and_is_not_encoded_then() {
    let folder = TempDir::new().expect("a folder");
    let path = png_file(folder.path(), "x.png", 3000, 900);
    let store = Arc::new(MemoryStore::default());
    let mut options = redirecting(Some("https://media.example.org/{id}.jpg"));
    options.shape = PyramidShape::new(512, None, RoundedSizes::Stored).expect("a shape");
    publish(Arc::clone(&store) as _, options, path).await.expect("published");
    let full = store.redirects().into_iter().find(|redirect| redirect.from.as_str().contains("full/max"));
    assert_eq!(full.expect("a redirect").to, "https://media.example.org/image.jpg");
    assert!(!stored(&store).contains_key("image/full/max/0/default.jpg"));
    let information: Value = serde_json::from_slice(&stored(&store)["image/info.json"].body).expect("JSON");
    assert!(information.get("maxWidth").is_none(), "what is elsewhere is not capped");
}

#[tokio::test]
async fn a_folder_gets_its_redirects_in_a_file_and_no_second_copies() {
    let folder = TempDir::new().expect("a folder");
    let path = png_file(folder.path(), "x.png", 700, 500);
    let root = folder.path().join("out");
    let store = || Arc::new(FolderStore::new(root.clone()));
    publish(store() as _, options(), path.clone()).await.expect("published");
    assert!(root.join("image/full/175,/0/default.jpg").is_file());
    for _ in 0..2 {
        publish(store() as _, redirecting(None), path.clone()).await.expect("published");
        let file = std::fs::read_to_string(root.join("_redirects")).expect("a file");
        assert!(file.contains("/iiif/image /iiif/image/info.json 302\n"), "{file}");
        assert!(file.contains("/iiif/image/full/max/0/default.jpg /iiif/image/"), "{file}");
        assert_eq!(file.lines().collect::<BTreeSet<_>>().len(), file.lines().count(), "each once: {file}");
        assert!(!root.join("image/full/175,/0/default.jpg").is_file(), "a file would stand before its redirect");
    }
    publish(store() as _, options(), path).await.expect("published");
    let file = std::fs::read_to_string(root.join("_redirects")).expect("a file");
    assert_eq!(file, "", "without redirects there are none");
}
