//! `--html`: the page that shows the images.

use crate::support::faults::{Fault, FaultServer, Refusal, Scope};
use crate::support::pictures::{file, png_file};
use crate::support::program::{Run, planned_keys, program, run, run_well};
use crate::support::s3::{Server, for_each_server, in_process};
use crate::support::viewer_page::{assert_is_one_file, images_of};
use hyper::Method;
use iiif_publish::store::{FolderStore, MemoryStore, Object, Prefix, Store, StoreErrorKind};
use serde_json::Value;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

fn two_images(folder: &TempDir) -> [PathBuf; 2] {
    [png_file(folder.path(), "my second.png", 700, 500), png_file(folder.path(), "first.png", 300, 200)]
}

fn publish(server: &Server, bucket: &str, options: &[&str], images: &[PathBuf]) -> Run {
    let images = images.iter().map(|image| image.to_str().expect("UTF-8"));
    run(["--bucket", bucket, "--endpoint-url", &server.endpoint]
        .into_iter()
        .chain(options.iter().copied())
        .chain(images))
}

fn page(server: &Server, bucket: &str, key: &str) -> String {
    let mut pages = server.objects_below(bucket, key);
    String::from_utf8(pages.remove(key).expect("a page").body).expect("UTF-8")
}

#[test]
fn the_page_shows_the_images_of_a_run_in_their_order() {
    for_each_server("html", |server, bucket| {
        let folder = TempDir::new().expect("a folder");
        let images = two_images(&folder);
        let options = ["--html", "--prefix", "iiif"];
        let first = publish(server, bucket, &options, &images);
        assert_eq!(first.code, Some(0), "{}", first.stderr);
        let base = format!("{}/{bucket}/iiif", server.endpoint);
        assert_eq!(first.stdout.lines().last(), Some(format!("{base}/viewer.html").as_str()));
        let mut stored = server.objects_below(bucket, "iiif/viewer.html");
        let stored = stored.remove("iiif/viewer.html").expect("a page");
        assert_eq!(stored.content_type.as_deref(), Some("text/html; charset=utf-8"));
        assert_eq!(stored.cache_control.as_deref(), Some("public, max-age=300"));
        let body = String::from_utf8(stored.body).expect("UTF-8");
        assert_is_one_file(&body);
        let shown = images_of(&body);
        let infos: Vec<&Value> = shown.as_array().expect("a list").iter().map(|image| &image["info"]).collect();
        assert_eq!(infos, [&format!("{base}/my%20second/info.json"), &format!("{base}/first/info.json")]);
        assert_eq!((&shown[0]["width"], &shown[0]["height"]), (&700.into(), &500.into()));
        assert_eq!(shown[0]["objects"], planned_keys([&images[0]]).len());
        let objects = server.objects_below(bucket, "iiif/my second/");
        assert_eq!(shown[0]["bytes"], objects.values().map(|object| object.body.len()).sum::<usize>());

        let again = publish(server, bucket, &options, &images);
        assert_eq!(again.code, Some(0), "{}", again.stderr);
        assert!(again.stderr.contains("2 images unchanged"), "{}", again.stderr);
        assert_eq!(page(server, bucket, "iiif/viewer.html"), body, "with the bytes that only the first run knew");
    });
}

#[test]
fn a_page_of_another_program_is_not_replaced_and_nothing_is_published() {
    let (server, folder) = (in_process(), TempDir::new().expect("a folder"));
    let bucket = server.bucket("html-foreign");
    server.put(&bucket, "index.html", b"<h1>Our museum</h1>");
    let refused = publish(&server, &bucket, &["--html=index.html"], &two_images(&folder));
    assert_eq!(refused.code, Some(2), "{}", refused.stderr);
    assert!(refused.stderr.contains("`index.html`") && refused.stderr.contains("--html="), "{}", refused.stderr);
    assert_eq!(server.objects(&bucket).len(), 1, "not even an image");
    let named = publish(&server, &bucket, &["--html=images.html"], &two_images(&folder));
    assert_eq!(named.code, Some(0), "{}", named.stderr);
    assert_eq!(server.objects(&bucket)["index.html"].body, b"<h1>Our museum</h1>");
    assert_is_one_file(&page(&server, &bucket, "images.html"));
}

/// Returns the identifiers of a page's images in order.
fn ids(page: &str) -> Vec<String> {
    let id = |image: &Value| image["id"].as_str().expect("a text").to_owned();
    images_of(page).as_array().expect("a list").iter().map(id).collect()
}

#[test]
fn a_later_run_adds_to_the_page_and_deleted_images_leave_it() {
    let (server, folder) = (in_process(), TempDir::new().expect("a folder"));
    let bucket = server.bucket("html-added");
    let image = |name: &str| png_file(folder.path(), name, 300, 200);
    let ids_after = |images: &[PathBuf]| {
        let run = publish(&server, &bucket, &["--html"], images);
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        ids(&page(&server, &bucket, "viewer.html"))
    };
    assert_eq!(ids_after(&[image("b.png"), image("a.png")]), ["b", "a"]);
    assert_eq!(ids_after(&[image("c.png"), image("a.png")]), ["b", "a", "c"]);
    let delete = ["delete", "--id=a", "--yes", "--bucket", &bucket, "--endpoint-url", &server.endpoint];
    run_well(delete);
    assert_eq!(ids_after(&[image("d.png")]), ["b", "c", "d"]);
    assert_eq!(ids_after(&[image("a.png")]), ["b", "c", "d", "a"]);
}

#[test]
fn a_page_without_a_public_url_is_printed_as_a_path() {
    let folder = TempDir::new().expect("a folder");
    let image = png_file(folder.path(), "x.png", 300, 200);
    let output = folder.path().join("out");
    let arguments =
        ["--html".as_ref(), "--prefix=p".as_ref(), "--output".as_ref(), output.as_os_str(), image.as_os_str()];
    let run = run(arguments);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let path = output.join("p/viewer.html");
    assert_eq!(run.stdout.lines().last(), path.to_str());
    assert!(run.stderr.contains("iiif-publish serve"), "{}", run.stderr);
    let page = std::fs::read_to_string(path).expect("a page");
    assert!(page.contains("data-page=\"http://localhost:3000/p/viewer.html\" data-base=\"http://localhost:3000/p\""));
    assert!(page.contains("href=\"x/full/max/0/default.jpg\""), "links are relative");
}

#[test]
fn the_page_knows_the_license() {
    let folder = TempDir::new().expect("a folder");
    let image = png_file(folder.path(), "x.png", 300, 200);
    let output = folder.path().join("out");
    let license = "https://creativecommons.org/licenses/by/4.0/";
    let options = ["--html", "--public-url=https://example.org", "--rights", license, "--output"];
    run_well(options.iter().map(AsRef::as_ref).chain([output.as_os_str(), image.as_os_str()]));
    let page = std::fs::read_to_string(output.join("viewer.html")).expect("a page");
    assert_eq!(images_of(&page)[0]["rights"], license);
    assert!(page.contains(&format!("<a rel=\"license\" href=\"{license}\">")));
}

#[test]
fn an_image_that_fails_leaves_the_others_on_the_page_and_overwriting_can_be_forbidden() {
    let (server, folder) = (in_process(), TempDir::new().expect("a folder"));
    let bucket = server.bucket("html-failed");
    let mut images = two_images(&folder).to_vec();
    images.push(file(folder.path(), "bad.png", b"no image"));
    let first = publish(&server, &bucket, &["--html"], &images);
    assert_eq!(first.code, Some(1), "{}", first.stderr);
    let shown = page(&server, &bucket, "viewer.html");
    assert_eq!(images_of(&shown).as_array().map(Vec::len), Some(2), "published images are shown");
    let none = publish(&server, &bucket, &["--html=none.html"], &images[2..]);
    assert_eq!(none.code, Some(1), "{}", none.stderr);
    assert!(none.stderr.contains("`none.html` was not written because no image was published"), "{}", none.stderr);
    images[0] = png_file(folder.path(), "third.png", 30, 20);
    let second = publish(&server, &bucket, &["--html"], &images);
    assert_eq!(second.code, Some(1), "{}", second.stderr);
    let shown = page(&server, &bucket, "viewer.html");
    assert_eq!(ids(&shown), ["my second", "first", "third"]);
    images[0] = png_file(folder.path(), "fourth.png", 30, 20);
    let third = publish(&server, &bucket, &["--html", "--no-clobber"], &images[..1]);
    assert_eq!(third.code, Some(0), "{}", third.stderr);
    assert!(third.stderr.contains("`viewer.html` was not changed (`--no-clobber`)"), "{}", third.stderr);
    assert_eq!(page(&server, &bucket, "viewer.html"), shown);
}

#[test]
fn a_page_shows_the_newest_version() {
    let folder = TempDir::new().expect("a folder");
    let [_, image] = two_images(&folder);
    let output = folder.path().join("out");
    let publish = |output: &Path| {
        let options = ["--versioned", "--html", "--public-url", "https://example.org/iiif", "--output"];
        run_well(options.iter().map(AsRef::as_ref).chain([output.as_os_str(), image.as_os_str()]))
    };
    assert!(publish(&output).ends_with("https://example.org/iiif/viewer.html\n"));
    let shown = images_of(&std::fs::read_to_string(output.join("viewer.html")).expect("a page"));
    assert_eq!(shown[0]["info"], "https://example.org/iiif/first/info.json");
    assert_eq!(shown[0]["moves"], true);
}

#[test]
fn the_name_of_a_page_differs_from_all_objects_of_images() {
    for name in ["photo/info.json", "../x.html", "a/b.html", "photo.jpg", ""] {
        let page = format!("--html={name}");
        let wrong = run(["--bucket", "art-tiles", "--endpoint-url", "http://127.0.0.1:1", &page, "photo.jpg"]);
        assert_eq!(wrong.code, Some(2), "{name}: {}", wrong.stderr);
        assert!(wrong.stderr.contains("--html"), "{name}: {}", wrong.stderr);
    }
    let folder = TempDir::new().expect("a folder");
    let image = png_file(folder.path(), "viewer.html.png", 30, 20);
    let output = folder.path().join("out");
    let wrong = run(["--html".as_ref(), "--output".as_ref(), output.as_os_str(), image.as_os_str()]);
    assert_eq!(wrong.code, Some(2), "{}", wrong.stderr);
    assert!(wrong.stderr.contains("would both be called `viewer.html`"), "{}", wrong.stderr);
    assert!(!output.exists(), "before anything is published");
}

#[test]
fn the_figures_of_an_image_match_the_stored_objects() {
    let (server, folder) = (in_process(), TempDir::new().expect("a folder"));
    let bucket = server.bucket("html-figures");
    let image = [png_file(folder.path(), "x.png", 300, 200)];
    let figures = |options: &[&str]| {
        let run = publish(&server, &bucket, options, &image);
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        let shown = images_of(&page(&server, &bucket, "viewer.html"));
        let bytes = server.objects_below(&bucket, "x/").values().map(|object| object.body.len()).sum::<usize>();
        (shown[0].clone(), bytes)
    };
    let (shown, bytes) = figures(&["--html"]);
    assert_eq!(shown["bytes"], bytes);
    png_file(folder.path(), "x.png", 900, 600);
    assert_eq!(publish(&server, &bucket, &[], &image).code, Some(0));
    let (shown, _) = figures(&["--html"]);
    assert_eq!((&shown["width"], &shown["bytes"]), (&900.into(), &Value::Null), "the page knows another image");
    let (shown, bytes) = figures(&["--html", "--overwrite"]);
    assert_eq!(shown["bytes"], bytes);
    let run = publish(&server, &bucket, &["--html=kept.html", "--no-clobber", "--tile-size", "128"], &image);
    assert!(run.stderr.contains("skipped, already exists"), "{}", run.stderr);
    let kept = images_of(&page(&server, &bucket, "kept.html"));
    assert_eq!((&kept[0]["tiles"], &kept[0]["objects"], &kept[0]["width"]), (&Value::Null, &Value::Null, &900.into()));
}

/// If the page cannot be read, its owner is unknown.
#[test]
fn a_page_that_cannot_be_read_is_not_replaced() {
    let (server, folder) = (FaultServer::start(), TempDir::new().expect("a folder"));
    let image = png_file(folder.path(), "x.png", 300, 200);
    let publish = || {
        let mut command = program();
        command.args(["--bucket=tiles", "--html=index.html", "--endpoint-url", &server.endpoint()]).arg(&image);
        Run::from(command.output().expect("built"))
    };
    assert_eq!(publish().code, Some(0));
    let first = server.puts().len();
    server.fail(Fault::Answer(Refusal::AccessDenied), Scope::always().of(&Method::GET));
    // Another image would change the page.
    png_file(folder.path(), "x.png", 301, 200);
    let second = publish();
    assert_eq!(second.code, Some(1), "{}", second.stderr);
    assert!(second.stderr.contains("a different object") && second.stderr.contains("--html="), "{}", second.stderr);
    assert!(server.puts().len() > first, "the image is published");
}

#[test]
fn a_configuration_file_enables_the_page_and_the_command_line_disables_it() {
    let folder = TempDir::new().expect("a folder");
    let image = png_file(folder.path(), "x.png", 30, 20);
    let configuration = file(folder.path(), "own.toml", b"[publish]\nhtml = true\n");
    for (name, more, has_page) in [("a", &[][..], true), ("b", &["--html=false"][..], false)] {
        let output = folder.path().join(name);
        let arguments = ["--config".as_ref(), configuration.as_os_str(), "--output".as_ref(), output.as_os_str()];
        run_well(arguments.into_iter().chain(more.iter().map(AsRef::as_ref)).chain([image.as_os_str()]));
        assert_eq!(output.join("viewer.html").exists(), has_page, "{name}");
    }
}

#[tokio::test]
async fn a_new_object_replaces_only_itself() -> Result<(), Box<dyn std::error::Error>> {
    let folder = TempDir::new()?;
    let stores: [Box<dyn Store>; 2] =
        [Box::new(MemoryStore::default()), Box::new(FolderStore::new(folder.path().to_owned()))];
    let key = Prefix::default().join_key("viewer.html")?;
    for store in stores {
        let object = |body: &'static [u8]| Object {
            key: key.clone(),
            body: body.into(),
            content_encoding: None,
            content_type: "text/html",
            cache_control: "no-cache".into(),
            mark: None,
        };
        store.put_new(object(b"one")).await?;
        store.put_new(object(b"one")).await?;
        let refused = store.put_new(object(b"another")).await.expect_err("there is another one");
        assert_eq!(refused.kind(), StoreErrorKind::Exists);
        assert_eq!(store.get(&key).await?.expect("stored").body, "one");
    }
    Ok(())
}
