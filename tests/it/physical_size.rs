//! Physical pixel sizes in manifests. They're read from the file and stored with the image, but don't cause existing
//! manifests to be rewritten.

use crate::support::pictures::{encoded, file, waves};
use crate::support::program::run_well;
use crate::support::tiff::{self, Layout, Order, Values, Variant};
use image::ImageFormat;
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use tempfile::TempDir;

fn scanned(folder: &Path, pixels_per_inch: u32) {
    let density = Values::Fractions(vec![(pixels_per_inch, 1)]);
    let more = vec![(282, density.clone()), (283, density), (296, Values::Shorts(vec![2]))];
    let page = Layout { more, ..Layout::rgb(90, 60) }.page(|x, y, _| u64::from(x ^ y));
    file(folder, "scan.tif", &tiff::file(&[page], Order::Little, Variant::Classic));
}

fn ingest(output: &Path, masters: &Path) -> String {
    let arguments = ["ingest", "--public-url=https://example.org", "--progress=none", "--output"];
    run_well(arguments.map(AsRef::as_ref).into_iter().chain([output.as_os_str(), masters.as_os_str()]))
}

fn manifest(output: &Path, name: &str) -> Value {
    serde_json::from_slice(&fs::read(output.join("manifests").join(name)).expect("a manifest")).expect("JSON")
}

#[test]
fn manifests_have_the_physical_size_that_the_file_has() {
    let folder = TempDir::new().expect("a folder");
    let (masters, output) = (folder.path().join("masters"), folder.path().join("output"));
    fs::create_dir(&masters).expect("a folder");
    scanned(&masters, 400);
    file(&masters, "plain.png", &encoded(waves(40, 30), ImageFormat::Png));
    ingest(&output, &masters);
    let expected = json!([{
        "@context": "http://iiif.io/api/annex/services/physdim/1/context.json",
        "@id": "https://example.org/manifests/scan.json/canvas/scan/dimensions",
        "@type": "Service",
        "profile": "http://iiif.io/api/annex/services/physdim",
        "physicalScale": 0.0025,
        "physicalUnits": "in",
    }]);
    assert_eq!(manifest(&output, "scan.json")["items"][0]["service"], expected);
    assert!(manifest(&output, "plain.json")["items"][0].get("service").is_none());
    // An unchanged image keeps its scale even though the file isn't opened.
    let written = || fs::metadata(output.join("manifests/scan.json")).and_then(|it| it.modified()).expect("a time");
    let before = written();
    ingest(&output, &masters);
    assert_eq!((written(), &manifest(&output, "scan.json")["items"][0]["service"]), (before, &expected));
}

#[test]
fn images_of_earlier_versions_keep_their_manifests_until_they_change() {
    let folder = TempDir::new().expect("a folder");
    let (masters, output) = (folder.path().join("masters"), folder.path().join("output"));
    fs::create_dir(&masters).expect("a folder");
    scanned(&masters, 400);
    ingest(&output, &masters);
    // In earlier versions, neither the mark nor the manifest contained a scale.
    let mark = output.join("scan/.info.json.mark");
    let text = fs::read_to_string(&mark).expect("a mark");
    assert!(text.contains(";scale=0.0025in"), "{text}");
    fs::write(&mark, text.replace(";scale=0.0025in", "")).expect("written");
    let path = output.join("manifests/scan.json");
    let mut earlier = manifest(&output, "scan.json");
    earlier["items"][0].as_object_mut().expect("a canvas").remove("service");
    // Edit the text directly to preserve the key order.
    let with_scale = fs::read_to_string(&path).expect("a manifest");
    let context = with_scale.find("http://iiif.io/api/annex").expect("the service");
    let start = with_scale[..context].rfind("\"service\"").expect("the service");
    let end = start + with_scale[start..].find(']').expect("its end") + 1;
    let end = end + with_scale[end..].find(|it: char| it != ',' && !it.is_whitespace()).expect("more");
    let without = format!("{}{}", &with_scale[..start], &with_scale[end..]);
    assert_eq!(serde_json::from_str::<Value>(&without).expect("JSON"), earlier);
    fs::write(&path, &without).expect("written");
    let info = fs::metadata(output.join("scan/info.json")).and_then(|it| it.modified()).expect("a time");
    ingest(&output, &masters);
    assert_eq!(fs::read_to_string(&path).expect("a manifest"), without);
    let now = fs::metadata(output.join("scan/info.json")).and_then(|it| it.modified()).expect("a time");
    assert_eq!(now, info, "the image is unchanged");
    // A changed image updates its manifest.
    scanned(&masters, 600);
    ingest(&output, &masters);
    assert_eq!(manifest(&output, "scan.json")["items"][0]["service"][0]["physicalScale"], json!(0.001_666_67));
}
