//! Pictures in WebP and PNG beside JPEG: every request in each, and everything that knows of requests knows of them.

use crate::support::pictures::{encoded, file, gray_waves, mean_difference, noise, png_file, waves};
use crate::support::program::{planned_keys, run};
use crate::support::publishing::publish;
use crate::support::some::some;
use iiif_publish::delete::{DEFAULT_SETTLE_AFTER, Subject, delete};
use iiif_publish::iiif::{ApiVersion, Format, Formats, Plan, Pyramid, PyramidShape, RoundedSizes};
use iiif_publish::publish::{Options, PublishError, Published, RedirectOptions, Versions};
use iiif_publish::store::{MemoryStore, Object, Prefix, Store};
use image::{ColorType, DynamicImage, ImageFormat};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use tempfile::TempDir;

const BOTH: [Format; 2] = [Format::Webp, Format::Png];
const PUBLIC_URL: &str = "https://example.org/iiif";

fn options(formats: &[Format]) -> Options {
    let shape = PyramidShape::default().in_formats(Formats::beside_jpg(formats.iter().copied()));
    Options::builder(PUBLIC_URL.parse().expect("a URL")).shape(shape).build().expect("valid options")
}

async fn published(store: &Arc<MemoryStore>, options: Options, path: PathBuf) -> Published {
    publish(Arc::clone(store) as _, options, path).await.expect("published")
}

/// The objects by their paths below the image.
fn stored(store: &MemoryStore) -> BTreeMap<String, Object> {
    let path = |object: &Object| object.key.as_str().trim_start_matches("image/").to_owned();
    store.puts().into_iter().map(|object| (path(&object), object)).collect()
}

fn decoded(object: &Object, format: ImageFormat) -> DynamicImage {
    image::load_from_memory_with_format(&object.body, format).expect("an independent decoder reads it")
}

#[tokio::test]
async fn every_request_is_answered_in_each_format_by_the_same_picture() {
    let folder = TempDir::new().expect("a folder");
    for (width, height) in [(1, 1), (1, 700), (1100, 900)] {
        let store = Arc::new(MemoryStore::default());
        let path = png_file(folder.path(), "x.png", width, height);
        let published = published(&store, options(&BOTH), path).await;
        let objects = stored(&store);
        let pyramid = Pyramid::new(published.size, options(&BOTH).shape);
        let plan = Plan::new(pyramid, ApiVersion::V3);
        assert_eq!(objects.keys().cloned().collect::<BTreeSet<_>>(), plan.paths().collect());
        assert_eq!((objects.len() as u64, published.objects), (plan.object_count(), plan.object_count()));
        for (path, jpeg) in objects.iter().filter(|(path, _)| path.ends_with(".jpg")) {
            let (webp, png) = (&objects[&path.replace(".jpg", ".webp")], &objects[&path.replace(".jpg", ".png")]);
            assert_eq!([jpeg, webp, png].map(|it| it.content_type), ["image/jpeg", "image/webp", "image/png"]);
            let [jpeg, webp, png] = [(jpeg, ImageFormat::Jpeg), (webp, ImageFormat::WebP), (png, ImageFormat::Png)]
                .map(|(object, format)| decoded(object, format).into_rgb8());
            assert!(jpeg.dimensions() == webp.dimensions() && webp.dimensions() == png.dimensions(), "{path}");
            let differences = (mean_difference(&jpeg, &png), mean_difference(&webp, &png));
            assert!(differences.0 < 8.0 && differences.1 < 8.0, "{path}: {differences:?}");
        }
    }
}

#[tokio::test]
async fn png_is_the_source_itself_and_gray_where_that_is_gray() {
    let folder = TempDir::new().expect("a folder");
    let color = file(folder.path(), "color.png", &encoded(noise(600, 500), ImageFormat::Png));
    let gray = file(folder.path(), "gray.png", &encoded(gray_waves(600, 500), ImageFormat::Png));
    let store = Arc::new(MemoryStore::default());
    published(&store, options(&[Format::Png]), color).await;
    let objects = stored(&store);
    let tile = decoded(&objects["512,0,88,500/88,500/0/default.png"], ImageFormat::Png).into_rgb8();
    assert!(tile == image::imageops::crop_imm(&noise(600, 500), 512, 0, 88, 500).to_image());
    let whole = &objects["full/max/0/default.png"];
    assert!(decoded(whole, ImageFormat::Png).into_rgb8() == noise(600, 500));
    assert!(whole.body.len() < 600 * 500 * 5, "noise takes no more than is planned: {}", whole.body.len());
    published(&store, options(&BOTH), gray).await;
    let objects = stored(&store);
    let png = decoded(&objects["full/max/0/default.png"], ImageFormat::Png);
    assert_eq!((png.color(), png.into_luma8()), (ColorType::L8, gray_waves(600, 500)));
    let webp = decoded(&objects["full/max/0/default.webp"], ImageFormat::WebP).into_luma8();
    assert!(mean_difference(&webp, &gray_waves(600, 500)) < 2.0);
}

#[tokio::test]
async fn info_json_names_the_formats_in_the_order_of_preference() {
    let folder = TempDir::new().expect("a folder");
    let store = Arc::new(MemoryStore::default());
    let options =
        options(&[Format::Png, Format::Webp]).into_builder().versions(Versions::Both).build().expect("valid options");
    published(&store, options, png_file(folder.path(), "x.png", 90, 70)).await;
    let information = |path: &str| -> Value {
        let objects: BTreeMap<_, _> = store.puts().into_iter().map(|it| (it.key.to_string(), it.body)).collect();
        serde_json::from_slice(&objects[path]).expect("JSON")
    };
    let (of_3, of_2) = (information("3/image/info.json"), information("2/image/info.json"));
    assert_eq!(of_3["extraFormats"], json!(["png", "webp"]));
    assert_eq!(of_3["preferredFormats"], json!(["png", "webp", "jpg"]));
    assert_eq!(of_2["profile"][1]["formats"], json!(["jpg", "png", "webp"]));
    assert!(of_2.get("extraFormats").is_none() && of_2.get("preferredFormats").is_none());
}

#[tokio::test]
async fn a_format_that_is_left_out_again_is_deleted() {
    let folder = TempDir::new().expect("a folder");
    let path = png_file(folder.path(), "x.png", 700, 500);
    let store = Arc::new(MemoryStore::default());
    published(&store, options(&BOTH), path.clone()).await;
    let all = stored(&store).len();
    let again = published(&store, options(&[Format::Png]), path.clone()).await;
    assert_eq!(again.orphans.deleted as usize, (all - 1) / 3, "another format is another publication");
    assert!(some(stored(&store).keys()).all(|key| !key.ends_with(".webp")));
    let before = store.puts().len();
    published(&store, options(&[Format::Png]), path).await;
    assert_eq!(store.puts().len(), before, "nothing has changed");
}

#[tokio::test]
async fn an_unfinished_run_is_continued_in_every_format() {
    let folder = TempDir::new().expect("a folder");
    let path = png_file(folder.path(), "x.png", 700, 500);
    let store = Arc::new(MemoryStore::default());
    published(&store, options(&BOTH), path.clone()).await;
    let lost = ["full/max/0/default.webp", "full/max/0/default.png", "info.json"];
    let keys = store.puts().into_iter().map(|object| object.key);
    let lost = keys.filter(|key| lost.iter().any(|lost| key.as_str() == format!("image/{lost}"))).collect();
    store.delete(lost).await.expect("deleted");
    let before = store.puts().len();
    published(&store, options(&BOTH), path).await;
    assert_eq!(store.puts().len() - before, 3, "only what was lost is put");
}

#[tokio::test]
async fn delete_takes_every_format() {
    let folder = TempDir::new().expect("a folder");
    let store = Arc::new(MemoryStore::default());
    published(&store, options(&BOTH), png_file(folder.path(), "x.png", 700, 500)).await;
    let identifier = "image".parse().expect("an identifier");
    let subject = Subject::image(&Prefix::default(), [None], identifier).expect("short");
    delete(&*store, &subject, DEFAULT_SETTLE_AFTER, |_| ()).await.expect("deleted");
    assert_eq!(stored(&store).len(), 0);
}

#[tokio::test]
async fn redirects_stay_within_their_format() {
    let folder = TempDir::new().expect("a folder");
    let path = png_file(folder.path(), "x.png", 1300, 900);
    for full_image_url in [None, Some("https://media.example.org/{id}.jpg")] {
        let store = Arc::new(MemoryStore::default());
        let url = full_image_url.map(|url| url.parse().expect("a URL"));
        let options =
            options(&BOTH).into_builder().redirects(Some(RedirectOptions::new(url))).build().expect("valid options");
        let published = published(&store, options.clone(), path.clone()).await;
        let objects = stored(&store);
        let redirects: BTreeMap<String, String> = store
            .redirects()
            .into_iter()
            .map(|it| (it.from.to_string().trim_start_matches("image/").to_owned(), it.to))
            .collect();
        let plan = Plan::new(Pyramid::new(published.size, options.shape), ApiVersion::V3);
        for path in plan.paths() {
            let to = redirects.get(&path);
            assert_ne!(objects.contains_key(&path), to.is_some(), "{path}: the one or the other");
            let to_here = to.and_then(|to| to.strip_prefix("https://example.org/iiif/image/"));
            let extension = path.rsplit('.').next().expect("one");
            assert!(to_here.is_none_or(|to| objects.contains_key(to) && to.ends_with(extension)), "{path} to {to:?}");
        }
        let elsewhere: Vec<_> = redirects.iter().filter(|(_, to)| to.contains("media.example.org")).collect();
        let expected = full_image_url.map(|_| "full/max/0/default.jpg");
        assert_eq!(elsewhere.iter().map(|(from, _)| from.as_str()).collect::<Vec<_>>(), Vec::from_iter(expected));
        assert_eq!(published.objects, (objects.len() + redirects.len()) as u64);
        let bodies: BTreeSet<_> = objects.values().map(|object| object.body.to_vec()).collect();
        assert_eq!(bodies.len(), objects.len(), "no picture is stored twice");
    }
}

#[tokio::test]
async fn what_webp_cannot_hold_is_refused_before_anything_is_put() {
    let folder = TempDir::new().expect("a folder");
    let path = png_file(folder.path(), "x.png", 16_384, 2);
    let store = Arc::new(MemoryStore::default());
    let mut options = options(&BOTH);
    options.shape =
        PyramidShape::new(512, None, RoundedSizes::Stored).expect("a shape").in_formats(options.shape.formats());
    let error = publish(Arc::clone(&store) as _, options.clone(), path.clone()).await.expect_err("too large");
    assert!(matches!(error, PublishError::Formats { .. }), "{error}");
    assert!(store.puts().is_empty());
    let formats = options.shape.formats();
    options.shape = PyramidShape::new(512, Some(16_383), RoundedSizes::Stored).expect("a shape").in_formats(formats);
    published(&store, options.clone(), path).await;
    let png = encoded(waves(16_383, 2), ImageFormat::Png);
    published(&store, options, file(folder.path(), "y.png", &png)).await;
    assert_eq!(decoded(&stored(&store)["full/max/0/default.webp"], ImageFormat::WebP).width(), 16_383);
}

#[test]
fn the_command_line_takes_a_list_and_plans_all_of_it() {
    let count = |formats: &str| planned_keys(["--size=1001x701", formats]).len();
    assert_eq!(count("--format=webp,png"), 3 * (count("--format=png") - 1) / 2 + 1);
    let keys = planned_keys(["--size=1001x701", "--format=webp"]);
    assert_eq!(keys[..2], ["0,0,512,512/512,512/0/default.jpg", "0,0,512,512/512,512/0/default.webp"]);
    let refused = run(["plan", "--size=20000x9", "--format=webp", "--max-size=full"]);
    assert_eq!(refused.code, Some(2), "{}", refused.stderr);
    let words = ["full/max would be 20000 pixels long, but WebP allows at most 16383", "--max-size"];
    assert!(words.iter().all(|word| refused.stderr.contains(word)), "{}", refused.stderr);
    let unknown = run(["--output=o", "--format=gif", "missing.jpg"]);
    assert_eq!(unknown.code, Some(2), "{}", unknown.stderr);
}
