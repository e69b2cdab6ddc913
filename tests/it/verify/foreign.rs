//! Images of other programs, written by hand.

use super::{problems, report, verify_on};
use crate::support::host::{Host, Page};
use crate::support::pictures::{encoded, waves};
use image::ImageFormat;
use serde_json::{Value, json};

fn put_picture(host: &Host, path: &str, width: u32, height: u32) {
    let picture = encoded(waves(width, height), ImageFormat::Jpeg);
    host.put(&format!("/x/{path}/0/default.jpg"), Page::new("image/jpeg", picture));
}

fn put_info(host: &Host, mut info: Value, id: &str) {
    let name = if info["type"].is_null() { "@id" } else { "id" };
    info[name] = format!("{}{id}", host.url()).into();
    host.put("/x/info.json", Page::new("application/json", info.to_string()));
}

/// Image API 2, 600 x 400 in tiles of 256: without `sizes`, tile height and one scale factor.
fn version_2() -> Host {
    let host = Host::start();
    let info = json!({
        "@context": "http://iiif.io/api/image/2/context.json",
        "protocol": "http://iiif.io/api/image",
        "width": 600,
        "height": 400,
        "tiles": [{"width": 256, "scaleFactors": [4, 1]}],
        "profile": ["http://iiif.io/api/image/2/level0.json"],
    });
    put_info(&host, info, "/x");
    for (path, width, height) in [
        ("full/full", 600, 400),
        ("full/max", 600, 400),
        ("0,0,256,256/256,", 256, 256),
        ("256,0,256,256/256,", 256, 256),
        ("512,0,88,256/88,", 88, 256),
        ("0,256,256,144/256,", 256, 144),
        ("256,256,256,144/256,", 256, 144),
        ("512,256,88,144/88,", 88, 144),
        ("full/150,", 150, 100),
    ] {
        put_picture(&host, path, width, height);
    }
    host
}

/// Image API 3 from a server, with non-square tiles, `sizes` and a size limit.
fn version_3() -> Host {
    let host = Host::start();
    let info = json!({
        "@context": ["http://example.org/extension.json", "http://iiif.io/api/image/3/context.json"],
        "type": "ImageService3",
        "protocol": "http://iiif.io/api/image",
        "profile": "level1",
        "width": 500,
        "height": 300,
        "maxWidth": 250,
        "sizes": [{"width": 125, "height": 75}, {"width": 250, "height": 150}],
        "tiles": [{"width": 250, "height": 200, "scaleFactors": [1, 2]}],
    });
    put_info(&host, info, "/x");
    for (path, width, height) in [
        ("full/max", 250, 150),
        ("full/125,75", 125, 75),
        ("full/250,150", 250, 150),
        ("0,0,250,200/250,200", 250, 200),
        ("250,0,250,200/250,200", 250, 200),
        ("0,200,250,100/250,100", 250, 100),
        ("250,200,250,100/250,100", 250, 100),
    ] {
        put_picture(&host, path, width, height);
    }
    host
}

#[test]
fn a_complete_image_of_another_program_has_no_findings() {
    for (host, objects) in [(version_2(), 10), (version_3(), 8)] {
        let report = report(&host, &[]);
        assert_eq!(report["problems"], json!([]), "{report:#}");
        assert_eq!((&report["rule"], &report["objects"]), (&"listed".into(), &objects.into()));
        let mut asked = host.requests();
        asked.sort();
        asked.dedup();
        assert_eq!(asked.len(), objects, "each object once");
    }
}

#[test]
fn only_listed_objects_of_a_server_are_checked_and_the_report_says_so() {
    let run = verify_on(&version_3(), &[]);
    assert_eq!(run.code, Some(0), "{}", run.stdout);
    assert!(
        run.stderr.contains("listed in its info.json (level 1 server: images generated on demand are not checked)"),
        "{}",
        run.stderr
    );
    assert!(!verify_on(&version_2(), &[]).stderr.contains("on demand"));
}

#[test]
fn a_missing_tile_of_another_program_is_named() {
    let host = version_2();
    host.remove("/x/512,256,88,144/88,/0/default.jpg");
    assert_eq!(problems(&host), ["/512,256,88,144/88,/0/default.jpg: missing (404)"]);
}

#[test]
fn servers_may_only_round_heights_that_were_not_requested() {
    let host = version_2();
    put_picture(&host, "full/150,", 150, 99);
    assert_eq!(verify_on(&host, &[]).code, Some(0));
    put_picture(&host, "full/150,", 150, 98);
    assert_eq!(problems(&host), ["/full/150,/0/default.jpg: 150x98 pixels instead of 150x100"]);

    let host = version_3();
    put_picture(&host, "full/125,75", 125, 76);
    put_picture(&host, "full/max", 250, 140);
    assert_eq!(
        problems(&host),
        [
            "/full/max/0/default.jpg: 250x140 pixels instead of at most 250x250 in the proportions of the image",
            "/full/125,75/0/default.jpg: 125x76 pixels instead of 125x75",
        ]
    );
}

#[test]
fn errors_in_info_json_are_reported() {
    let original: Value = serde_json::from_slice(&version_3().body("/x/info.json")).expect("JSON");
    let found = |change: &dyn Fn(&mut Value), id: &str| {
        let host = version_3();
        let mut info = original.clone();
        change(&mut info);
        put_info(&host, info, id);
        problems(&host).into_iter().map(|line| line.replace(host.url(), "HOST")).collect::<Vec<_>>()
    };
    assert_eq!(found(&|_| (), "/x/"), ["/info.json: id `HOST/x/` ends with a slash, but viewers append one"]);
    assert_eq!(
        found(&|_| (), "/y"),
        ["/info.json: id `HOST/y` differs from the base URI `HOST/x`; viewers send requests to the id"],
        "objects are looked for beside the info.json"
    );
    assert_eq!(
        found(&|info| info["sizes"].as_array_mut().expect("a list").reverse(), "/x"),
        ["/info.json: `sizes` are not in ascending order"]
    );
    assert_eq!(
        found(&|info| info["tiles"][0]["scaleFactors"] = json!([0, 1]), "/x"),
        ["/info.json: an entry of `scaleFactors` is not a positive whole number"]
    );
    assert_eq!(
        found(&|info| info["width"] = json!("500"), "/x"),
        ["/info.json: the image has no width and height in whole pixels"]
    );
}

#[test]
fn an_impossible_number_of_tiles_is_not_requested() {
    let host = Host::start();
    let info = json!({
        "@context": "http://iiif.io/api/image/3/context.json",
        "type": "ImageService3",
        "profile": "level0",
        "width": 1_000_000_000,
        "height": 1_000_000_000,
        "tiles": [{"width": 1, "scaleFactors": [1, 2, 3]}],
    });
    put_info(&host, info, "/x");
    let found = problems(&host);
    assert!(found[0].ends_with("tiles, but at most 20000000 can be checked"), "{found:?}");
    assert_eq!(host.requests(), ["/x/info.json"]);
}
