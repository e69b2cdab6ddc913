//! Images that this program published.

use super::{problems, published, report, verify, verify_on};
use crate::support::host::Host;
use crate::support::pictures::{encoded, png_file, waves};
use crate::support::program::{planned_keys, run_well};
use iiif_publish::serve::{Server, Site};
use iiif_publish::verify::{InfoUrl, Options, Rule, Verifier};
use image::ImageFormat;
use tempfile::TempDir;

/// The last tile of scale factor 1 of an image of 1001 x 701 pixels, in version 3.
const TILE: &str = "/512,512,489,189/489,189/0/default.jpg";

fn of(path: &str) -> String {
    format!("/x{path}")
}

#[test]
fn a_complete_image_has_no_findings_in_either_version_or_both() {
    for (version, folders) in [("3", &[""][..]), ("2", &[""]), ("both", &["3/", "2/"])] {
        let host = published(1001, 701, &["--iiif-version", version]);
        let urls: Vec<String> = folders.iter().map(|folder| format!("{}/{folder}x/info.json", host.url())).collect();
        let run = verify(&urls.iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!((run.code, run.stdout.as_str()), (Some(0), ""), "{}", run.stderr);
        assert_eq!(run.stderr.matches("that iiif-publish writes for this image: no problems").count(), urls.len());
        assert_eq!(run.stderr.lines().count(), urls.len(), "{}", run.stderr);
    }
}

#[test]
fn exactly_the_planned_objects_are_requested() {
    let host = published(700, 1300, &["--iiif-version=2"]);
    let run = verify_on(&host, &[]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let mut planned = planned_keys(["--size=700x1300", "--iiif-version=2"]);
    for key in &mut planned {
        key.insert_str(0, "/x/");
    }
    planned.sort();
    let mut asked = host.requests();
    asked.sort();
    assert_eq!(asked, planned);
}

#[test]
fn unusual_sizes_and_shapes_have_no_findings() {
    for (size, arguments) in [
        ((1, 1), &[][..]),
        ((1, 3000), &["--iiif-version=2"]),
        ((1, 3000), &[]),
        ((3000, 1), &["--iiif-version=2"]),
        ((90, 70), &["--rights=http://rightsstatements.org/vocab/NoC-US/1.0/"]),
        ((600, 500), &["--tile-size=64", "--max-size=256"]),
        ((520, 100), &["--max-size=512"]),
        ((600, 500), &["--format=webp,png"]),
        ((600, 500), &["--format=png", "--iiif-version=2"]),
        ((300, 1200), &["--format=webp", "--tile-size=64", "--max-size=310"]),
        // `full/max` is 300 pixels high, and the size limit allows thumbnails of 360, 384 and 400 pixels.
        ((300, 1200), &["--tile-size=64", "--max-size=512"]),
        ((300, 1200), &["--tile-size=64", "--max-size=310"]),
    ] {
        let host = published(size.0, size.1, arguments);
        let report = report(&host, &[]);
        assert_eq!(report["problems"].as_array().map(Vec::len), Some(0), "{size:?} {arguments:?}: {report:#}");
        assert_eq!(report["rule"], "plan", "{size:?} {arguments:?}");
    }
}

#[test]
fn missing_rounded_sizes_are_reported_unless_they_were_disabled() {
    let host = published(1001, 701, &["--no-rounded-sizes"]);
    let missing = problems(&host);
    assert!(missing.contains(&"/full/125,88/0/default.jpg: missing (404)".to_owned()), "{missing:#?}");
    assert_eq!(verify_on(&host, &["--no-rounded-sizes"]).code, Some(0));
}

#[test]
fn problems_of_an_image_file_are_reported_with_its_path() {
    type Change<'a> = &'a dyn Fn(&Host);

    let picture = |width, height| encoded(waves(width, height), ImageFormat::Jpeg);
    let cases: [(Change, &str); 7] = [
        (&|host| host.remove(&of(TILE)), "missing (404)"),
        (&|host| host.change(&of(TILE), |page| page.status = 500), "unexpected status 500"),
        (
            &|host| host.change(&of(TILE), |page| page.body = page.body.slice(..page.body.len() - 40)),
            "not a complete JPEG: the file ends before the image does",
        ),
        (
            &|host| host.change(&of(TILE), |page| page.body = picture(489, 190).into()),
            "489x190 pixels instead of 489x189",
        ),
        (
            &|host| {
                let png = encoded(waves(489, 189), ImageFormat::Png);
                host.change(&of(TILE), |page| page.body = png.into());
            },
            "not a complete JPEG: Not a JPEG file: starts with 0x89 0x50",
        ),
        (
            &|host| {
                host.change(&of(TILE), |page| {
                    page.headers.insert("content-type", "binary/octet-stream".to_owned());
                });
            },
            "`Content-Type: binary/octet-stream` instead of image/jpeg",
        ),
        (
            &|host| {
                host.change(&of(TILE), |page| {
                    page.headers.remove("cache-control");
                });
            },
            "no `Cache-Control`",
        ),
    ];
    for (change, problem) in cases {
        let host = published(1001, 701, &[]);
        change(&host);
        assert_eq!(problems(&host), [format!("{TILE}: {problem}")]);
    }
}

#[test]
fn image_files_in_other_formats_are_checked_as_thoroughly() {
    for (extension, format) in [("webp", "WebP"), ("png", "PNG")] {
        let tile = TILE.replace("jpg", extension);
        let damaged = |change: &dyn Fn(&Host)| {
            let host = published(1001, 701, &["--format=webp,png"]);
            change(&host);
            problems(&host)
        };
        let shortened = damaged(&|host| {
            host.change(&of(&tile), |page| page.body = page.body.slice(..page.body.len() - 100));
        });
        assert!(shortened[0].starts_with(&format!("{tile}: not a complete {format}: ")), "{shortened:?}");
        let other = damaged(&|host| {
            let body = host.body(&of(TILE));
            host.change(&of(&tile), |page| page.body = body);
        });
        assert!(other[0].starts_with(&format!("{tile}: not a complete {format}: ")), "{other:?}");
        let larger = damaged(&|host| {
            let body = host.body(&of(&tile.replace("512,512,489,189/489,189", "0,0,512,512/512,512")));
            host.change(&of(&tile), |page| page.body = body);
        });
        assert_eq!(larger, [format!("{tile}: 512x512 pixels instead of 489x189")]);
        let missing = damaged(&|host| host.remove(&of(&tile)));
        assert_eq!(missing, [format!("{tile}: missing (404)")]);
        let media_type = damaged(&|host| {
            host.change(&of(&tile), |page| drop(page.headers.insert("content-type", "image/jpeg".to_owned())));
        });
        assert_eq!(media_type, [format!("{tile}: `Content-Type: image/jpeg` instead of image/{extension}")]);
    }
}

#[test]
fn problems_of_all_image_files_are_reported_once() {
    let host = published(600, 400, &[]);
    host.change_all(|page| {
        page.headers.remove("access-control-allow-origin");
        page.headers.remove("cache-control");
    });
    let pictures = planned_keys(["--size=600x400"]).len() - 1;
    assert_eq!(
        problems(&host),
        [
            "/info.json: no `Access-Control-Allow-Origin` for other sites".to_owned(),
            format!(": {pictures} of {pictures} image files have no `Access-Control-Allow-Origin` for other sites"),
            format!(": none of {pictures} image files has a `Cache-Control`"),
            "/info.json: no `Cache-Control`".to_owned(),
        ]
    );
}

#[test]
fn findings_have_a_stable_order_and_a_json_form() {
    let host = published(1001, 701, &[]);
    host.remove(&of(TILE));
    host.remove("/x/0,0,512,512/512,512/0/default.jpg");
    host.change("/x/full/max/0/default.jpg", |page| page.body = page.body.slice(..100));
    let report = report(&host, &[]);
    let found: Vec<_> =
        report["problems"].as_array().into_iter().flatten().map(|finding| &finding["problem"]).collect();
    assert_eq!(found, ["missing", "missing", "damaged"]);
    assert_eq!(report["problems"][1]["key"], format!("{}/x{TILE}", host.url()));
    assert_eq!(report["problems"][1]["key"], report["problems"][1]["url"]);
    assert_eq!((&report["objects"], &report["checked"]), (&31.into(), &31.into()));
    assert_eq!((&report["version"], &report["level"], &report["well"]), (&3.into(), &0.into(), &false.into()));
}

#[test]
fn a_sample_is_evenly_distributed_and_includes_the_corners() {
    let host = published(3000, 2000, &["--tile-size=256"]);
    let report = report(&host, &["--sample", "40"]);
    assert_eq!((&report["checked"], &report["well"]), (&40.into(), &true.into()));
    let asked = host.requests();
    assert_eq!(asked.len(), 40);
    for path in [
        "/x/info.json",
        "/x/full/max/0/default.jpg",
        "/x/0,0,256,256/256,256/0/default.jpg",
        "/x/2816,0,184,256/184,256/0/default.jpg",
        "/x/0,1792,256,208/256,208/0/default.jpg",
        "/x/2816,1792,184,208/184,208/0/default.jpg",
    ] {
        assert!(asked.contains(&path.to_owned()), "{path}");
    }
    for level in ["256,256/256,256/", "512,512/256,256/", "/full/"] {
        assert!(asked.iter().any(|path| path.contains(level)), "of each level some: {asked:#?}");
    }

    let again = verify_on(&host, &["--sample", "40"]);
    assert!(again.stderr.contains("checked 40 of "), "{}", again.stderr);
    let mut halves = host.requests();
    let mut second = halves.split_off(40);
    halves.sort();
    second.sort();
    assert_eq!(halves, second, "the same objects again");
}

#[test]
fn a_bucket_and_an_identifier_give_the_published_url() {
    // Path style, as in stores other than AWS: the bucket is a folder of the host.
    let folder = TempDir::new().expect("a folder");
    let image = png_file(folder.path(), "x.png", 300, 200);
    let host = Host::start();
    let base = format!("{}/tiles/maps", host.url());
    let output = folder.path().join("out");
    let arguments = ["--id=Plan 1", "--iiif-version=both", "--prefix=tiles/maps", "--public-url", &base, "--output"];
    run_well(arguments.iter().map(AsRef::as_ref).chain([output.as_os_str(), image.as_os_str()]));
    host.show(&output);
    let bucket = ["--bucket=tiles", "--prefix=maps", "--id=Plan 1", "--iiif-version=both"];
    let endpoint = format!("--endpoint-url={}", host.url());
    let run = verify(&[&bucket[..], &[&endpoint]].concat());
    assert_eq!((run.code, run.stdout.as_str()), (Some(0), ""), "{}", run.stderr);

    host.remove("/tiles/maps/2/Plan 1/full/full/0/default.jpg");
    let public_url = format!("--public-url={base}");
    let run = verify(&[&bucket[..], &[&public_url]].concat());
    assert_eq!(run.code, Some(1), "{}", run.stderr);
    assert_eq!(run.stdout, "maps/2/Plan 1/full/full/0/default.jpg: missing (404)\n", "by its key in the bucket");
}

#[test]
fn images_served_by_preview_have_no_findings() {
    let runtime = tokio::runtime::Runtime::new().expect("threads");
    runtime.block_on(async {
        let folder = TempDir::new().expect("a folder");
        let image = png_file(folder.path(), "x.png", 640, 480);
        let server = Server::bind(0).await.expect("a free port");
        let base = format!("http://127.0.0.1:{}", server.port());
        let output = folder.path().join("out");
        let output_text = output.to_str().expect("UTF-8");
        run_well(["--public-url", &base, "--output", output_text, image.to_str().expect("UTF-8")]);
        let serving = tokio::spawn(server.serve(Site { root: output, pages: Vec::new(), moved: Vec::new() }));
        let url: InfoUrl = format!("{base}/x").parse().expect("a URL");
        let verified = Verifier::new(Options::default()).expect("HTTPS").verify(&url).await.expect("reachable");
        assert!(verified.passed(), "{:#?}", verified.findings);
        assert_eq!(verified.described.map(|described| described.rule), Some(Rule::Plan));
        assert_eq!(verified.objects, planned_keys(["--size=640x480"]).len() as u64);
        serving.abort();
    });
}

#[test]
fn verification_follows_info_json_to_the_newest_version() {
    let host = published(1001, 701, &["--versioned"]);
    let run = verify_on(&host, &[]);
    assert_eq!((run.code, run.stdout.as_str()), (Some(0), ""), "{}", run.stderr);
    assert!(run.stderr.contains("/x/v"), "it says which version: {}", run.stderr);
    let tile = host.requests().into_iter().find(|path| path.ends_with(TILE)).expect("the last tile");
    host.remove(&tile);
    let lines = problems(&host);
    assert_eq!(lines, [format!("{}: missing (404)", tile.strip_prefix("/x").expect("of the image"))]);
}

#[test]
fn the_newest_version_and_the_headers_of_the_main_info_json_are_checked() {
    let host = published(700, 500, &["--versioned"]);
    let run = verify_on(&host, &[]);
    assert_eq!((run.code, run.stdout.as_str()), (Some(0), ""), "{}", run.stderr);
    host.change("/x/info.json", |page| {
        page.headers.remove("cache-control");
    });
    let report = report(&host, &[]);
    assert_eq!(report["problems"].as_array().map(Vec::len), Some(1), "{report}");
    assert_eq!(report["problems"][0]["url"], format!("{}/x/info.json", host.url()), "{report}");
}
