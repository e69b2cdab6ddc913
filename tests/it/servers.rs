//! End-to-end tests with S3 servers: s3s-fs and the odd store run in this process, and `localstack/test.sh` adds
//! others.

use crate::support::http::Http;
use crate::support::pictures::{encoded, file, gray_waves, png_file, waves};
use crate::support::program::{Run, planned_keys, program};
use crate::support::relay::Relay;
use crate::support::s3::{MISSING_BUCKET, for_each_server, servers};
use image::ImageFormat;
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;
use tempfile::TempDir;

const V3_TYPE: &str = "application/ld+json;profile=\"http://iiif.io/api/image/3/context.json\"";

fn publish(endpoint: &str, bucket: &str, arguments: &[&str], image: &Path) -> Run {
    let mut command = program();
    command.args(["--bucket", bucket, "--endpoint-url", endpoint]).args(arguments).arg(image);
    command.output().expect("the program was built").into()
}

fn without_query(request: &str) -> &str {
    request.split('?').next().unwrap_or(request)
}

#[test]
fn the_stored_objects_are_those_of_the_plan_with_their_headers() {
    let folder = TempDir::new().expect("a folder");
    let image = file(folder.path(), "photo.jpg", &encoded(waves(1001, 701), ImageFormat::Jpeg));
    for_each_server("objects", |server, bucket| {
        let run = publish(&server.endpoint, bucket, &["--prefix", "museum/maps"], &image);
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        let base = format!("{}/{bucket}/museum/maps/photo", server.endpoint);
        assert_eq!(run.stdout, format!("{base}/info.json\n"));

        let objects = server.objects(bucket);
        let planned: BTreeSet<String> =
            planned_keys([&image]).iter().map(|key| format!("museum/maps/photo/{key}")).collect();
        assert_eq!(objects.keys().cloned().collect::<BTreeSet<_>>(), planned, "{}", server.name);
        for (key, object) in &objects {
            let (content_type, cache_control) = if key.ends_with("info.json") {
                (V3_TYPE, "public, max-age=300")
            } else {
                ("image/jpeg", "public, max-age=86400")
            };
            assert_eq!(object.content_type.as_deref(), Some(content_type), "{key} on {}", server.name);
            assert_eq!(object.cache_control.as_deref(), Some(cache_control), "{key} on {}", server.name);
        }
        let info: Value = serde_json::from_slice(&objects["museum/maps/photo/info.json"].body).expect("JSON");
        assert_eq!(info["id"], base);
        assert_eq!((&info["width"], &info["height"]), (&Value::from(1001), &Value::from(701)));
    });
}

#[test]
fn info_json_is_the_last_write_in_the_server_log() {
    let folder = TempDir::new().expect("a folder");
    let image = png_file(folder.path(), "scan.png", 1500, 1100);
    for_each_server("order", |server, bucket| {
        let relay = Relay::to(&server.endpoint);
        let arguments = ["--iiif-version", "both", "--public-url", "https://cdn.example.org/x"];
        let run = publish(&relay.endpoint(), bucket, &arguments, &image);
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        let writes: Vec<String> = relay.requests().into_iter().filter(|request| request.starts_with("PUT ")).collect();
        assert_eq!(writes.len(), planned_keys([image.as_os_str(), "--iiif-version=both".as_ref()]).len());
        let last: Vec<&str> = writes[writes.len() - 2..].iter().map(|write| without_query(write)).collect();
        assert_eq!(last, [format!("PUT /{bucket}/3/scan/info.json"), format!("PUT /{bucket}/2/scan/info.json")]);
        let others = &writes[..writes.len() - 2];
        assert!(others.iter().all(|write| !write.contains("info.json")), "{}", server.name);
    });
}

#[test]
fn both_versions_share_their_image_files_but_not_their_information() {
    let folder = TempDir::new().expect("a folder");
    let image = file(folder.path(), "gray.png", &encoded(gray_waves(600, 400), ImageFormat::Png));
    for_each_server("both", |server, bucket| {
        let run = publish(
            &server.endpoint,
            bucket,
            &["--iiif-version=both", "--rights=http://rightsstatements.org/vocab/NoC-US/1.0/"],
            &image,
        );
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        let objects = server.objects(bucket);
        assert_eq!(objects["3/gray/full/max/0/default.jpg"].body, objects["2/gray/full/full/0/default.jpg"].body);
        assert_eq!(objects["3/gray/info.json"].content_type.as_deref(), Some(V3_TYPE));
        assert_eq!(objects["2/gray/info.json"].content_type.as_deref(), Some("application/json"));
        let info = |key: &str| serde_json::from_slice::<Value>(&objects[key].body).expect("JSON");
        let (version_2, version_3) = (info("2/gray/info.json"), info("3/gray/info.json"));
        assert_eq!(version_2["@id"], format!("{}/{bucket}/2/gray", server.endpoint));
        assert!(version_2.get("id").is_none());
        assert_eq!(version_2["license"], version_3["rights"]);
    });
}

#[test]
fn an_unchanged_image_costs_one_request_and_a_changed_option_publishes_it_again() {
    let folder = TempDir::new().expect("a folder");
    let image = png_file(folder.path(), "again.png", 700, 500);
    for_each_server("again", |server, bucket| {
        let first = publish(&server.endpoint, bucket, &[], &image);
        let requests = |arguments: &[&str]| {
            let relay = Relay::to(&server.endpoint);
            let mut arguments = arguments.to_vec();
            // The relay has another address, which must not count as another publish target.
            let public_url = format!("--public-url={}/{bucket}", server.endpoint);
            arguments.push(&public_url);
            let run = publish(&relay.endpoint(), bucket, &arguments, &image);
            assert_eq!((run.code, &run.stdout), (Some(0), &first.stdout), "{}", run.stderr);
            relay.requests()
        };
        let unchanged = requests(&[]);
        assert_eq!(unchanged.len(), 2, "one to reach the bucket, one for the image: {unchanged:?}");
        let is_picture = |request: &&String| request.starts_with("PUT ") && request.contains("default.jpg");
        let pictures = |requests: Vec<String>| requests.iter().filter(is_picture).count();
        assert_eq!(pictures(requests(&["--overwrite"])), planned_keys([&image]).len() - 1);
        assert_eq!(pictures(requests(&["--quality=70"])), planned_keys([&image]).len() - 1);
        assert_eq!(pictures(requests(&["--rights=https://example.org/r"])), planned_keys([&image]).len() - 1);
        // Pictures are reused if the listing proves that they are right.
        let repeated = if server.can().list_digests { 0 } else { planned_keys([&image]).len() - 1 };
        assert_eq!(pictures(requests(&["--rights=https://example.org/s"])), repeated, "{}", server.name);
    });
}

#[test]
fn identifiers_with_special_characters_are_found_under_their_url() {
    let folder = TempDir::new().expect("a folder");
    let image = png_file(folder.path(), "x.png", 300, 200);
    for_each_server("letters", |server, bucket| {
        let run = publish(&server.endpoint, bucket, &["--id", "Größe 1/a+b & c"], &image);
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        assert_eq!(run.stdout, format!("{}/{bucket}/Gr%C3%B6%C3%9Fe%201/a%2Bb%20%26%20c/info.json\n", server.endpoint));
        assert!(server.objects(bucket).contains_key("Größe 1/a+b & c/full/max/0/default.jpg"), "{}", server.name);
    });
}

#[test]
fn configuration_errors_are_reported_at_once_and_nothing_is_stored() {
    let folder = TempDir::new().expect("a folder");
    let image = png_file(folder.path(), "x.png", 300, 200);
    for_each_server("wrong", |server, bucket| {
        let missing = publish(&server.endpoint, MISSING_BUCKET, &[], &image);
        assert_eq!(missing.code, Some(3), "{}", missing.stderr);
        assert!(
            missing.stderr.contains(MISSING_BUCKET) && missing.stderr.contains("NoSuchBucket"),
            "{}",
            missing.stderr
        );
        if server.can().check_secrets {
            let mut command = program();
            command.args(["--bucket", bucket, "--endpoint-url", &server.endpoint]).arg(&image);
            let run: Run = command.env("AWS_SECRET_ACCESS_KEY", "not-the-secret").output().expect("built").into();
            assert_eq!(run.code, Some(3), "{}", run.stderr);
            assert!(run.stderr.contains("SignatureDoesNotMatch"), "{}", run.stderr);
            assert!(!run.stderr.contains("not-the-secret"), "secrets are never shown: {}", run.stderr);
        }
        assert!(server.objects(bucket).is_empty());
    });
}

#[test]
fn a_damaged_image_leaves_no_info_json_and_does_not_stop_the_others() {
    let folder = TempDir::new().expect("a folder");
    let mut bytes = encoded(waves(1200, 900), ImageFormat::Jpeg);
    bytes.truncate(bytes.len() / 2);
    let damaged = file(folder.path(), "damaged.jpg", &bytes);
    let whole = png_file(folder.path(), "whole.png", 300, 200);
    for_each_server("damaged", |server, bucket| {
        let mut command = program();
        command.args(["--bucket", bucket, "--endpoint-url", &server.endpoint]).args([&damaged, &whole]);
        let run: Run = command.output().expect("built").into();
        assert_eq!(run.code, Some(1), "{}", run.stderr);
        assert!(run.stderr.contains("damaged.jpg"), "{}", run.stderr);
        assert_eq!(run.stdout, format!("{}/{bucket}/whole/info.json\n", server.endpoint));
        let objects = server.objects(bucket);
        assert!(objects.contains_key("whole/info.json") && !objects.contains_key("damaged/info.json"));
    });
}

#[test]
fn versions_are_stored_side_by_side_and_one_put_switches_to_the_next() {
    let folder = TempDir::new().expect("a folder");
    let images = [waves(1001, 701), waves(600, 400)].map(|picture| encoded(picture, ImageFormat::Png));
    for_each_server("versions", |server, bucket| {
        let mut urls = Vec::new();
        for image in &images {
            let image = file(folder.path(), "photo.png", image);
            let relay = Relay::to(&server.endpoint);
            let public_url = format!("--public-url={}/{bucket}", server.endpoint);
            let run = publish(&relay.endpoint(), bucket, &["--versioned", &public_url], &image);
            assert_eq!(run.code, Some(0), "{}", run.stderr);
            let last = relay.requests().pop().expect("requests");
            assert_eq!(without_query(&last), format!("PUT /{bucket}/photo/info.json"), "{}", server.name);
            urls.push(run.stdout.trim_end().to_owned());
            let again = publish(&relay.endpoint(), bucket, &["--versioned", &public_url], &image);
            assert_eq!((again.code, again.stdout), (Some(0), run.stdout), "{}", again.stderr);
        }
        let objects = server.objects(bucket);
        for url in &urls {
            let key = url.strip_prefix(&format!("{}/{bucket}/", server.endpoint)).expect("here");
            assert!(objects.contains_key(key), "{key} on {}", server.name);
        }
        let information: Value = serde_json::from_slice(&objects["photo/info.json"].body).expect("JSON");
        assert_eq!(format!("{}/info.json", information["id"].as_str().expect("an id")), urls[1], "{}", server.name);
        let picture = objects.iter().find(|(key, _)| key.ends_with("full/max/0/default.jpg")).expect("a picture").1;
        assert_eq!(picture.cache_control.as_deref(), Some("public, max-age=31536000, immutable"));
    });
}

#[test]
#[ignore = "needs a server with bucket websites, which localstack/test.sh starts"]
fn redirects_lead_to_the_stored_object_if_the_bucket_is_a_website() {
    let folder = TempDir::new().expect("a folder");
    let image = png_file(folder.path(), "photo.png", 1001, 701);
    let with_websites: Vec<_> = servers().into_iter().filter(|server| server.can().websites).collect();
    assert!(!with_websites.is_empty(), "localstack/test.sh starts a server with bucket websites");
    for server in with_websites {
        let bucket = server.bucket("redirects");
        let host = server.website_host(&bucket).expect("websites");
        let base = format!("http://{host}/photo");
        let public_url = format!("--public-url=http://{host}");
        let run = publish(&server.endpoint, &bucket, &["--redirects", &public_url], &image);
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        let mut redirects = 0;
        for path in planned_keys([&image]).iter().map(|path| format!("/photo/{path}")).chain(["/photo".to_owned()]) {
            let reply = Http::connect(server.address()).expect("up").host(&host).ask("GET", &path, &[], &[]);
            let reply = reply.expect("an answer");
            if reply.status == 301 {
                redirects += 1;
                let to =
                    reply.header("location").and_then(|to| to.strip_prefix(&base)).expect("a place here").to_owned();
                let http = Http::connect(server.address()).expect("up").host(&host);
                let picture = http.patience(Duration::from_secs(30)).ask("GET", &format!("/photo{to}"), &[], &[]);
                let picture = picture.expect("an answer");
                assert_eq!(picture.status, 200, "{path} leads to {to}");
                assert_ne!(picture.header("content-length"), Some("0"), "{path} leads to {to}");
            } else {
                assert_eq!(reply.status, 200, "{path}");
            }
        }
        assert!(redirects > 5, "{redirects} redirects");
    }
}

#[test]
fn a_smaller_replacement_leaves_no_orphan_on_any_store() {
    let folder = TempDir::new().expect("a folder");
    let (large, small) =
        (png_file(folder.path(), "large.png", 1500, 1100), png_file(folder.path(), "small.png", 500, 300));
    for_each_server("orphans", |server, bucket| {
        for image in [&large, &small] {
            let run = publish(&server.endpoint, bucket, &["--id=scan"], image);
            assert_eq!(run.code, Some(0), "{}", run.stderr);
        }
        let planned: BTreeSet<String> = planned_keys([&small]).iter().map(|key| format!("scan/{key}")).collect();
        assert_eq!(server.objects(bucket).into_keys().collect::<BTreeSet<_>>(), planned, "{}", server.name);
    });
}
