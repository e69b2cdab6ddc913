//! Checks that every request of a viewer has a stored object.

use super::Viewer;
use super::image::Image;
use iiif_publish::iiif::ApiVersion;
use proptest::test_runner::{Config, TestCaseError, TestCaseResult, TestRunner};
use std::collections::HashSet;

/// The number of random images per check, after the special sizes. All of them together take some seconds.
const CASES: u32 = 3000;

/// Runs a check on images of special sizes, then on random images.
pub fn for_every_image(check: impl Fn(Image) -> TestCaseResult) {
    for image in Image::awkward() {
        if let Err(error) = check(image) {
            panic!("{error}");
        }
    }
    // The message of a failure names the whole image, so regression files are not needed.
    let config = Config { cases: CASES, failure_persistence: None, ..Config::default() };
    if let Err(error) = TestRunner::new(config).run(&Image::any(), check) {
        panic!("{error}");
    }
}

/// Checks that a viewer finds every object that it requests.
pub fn finds_everything(viewer: &Viewer) {
    let image = Image::new(1001, 701, ApiVersion::V2);
    assert!(missing(viewer, image, &HashSet::new()).is_some(), "{} asks for nothing", viewer.name);
    for_every_image(|image| match missing(viewer, image, &image.paths()) {
        Some(path) => {
            Err(TestCaseError::fail(format!("{} asks for `{path}`, which is not stored of {image}", viewer.name)))
        }
        None => Ok(()),
    });
}

/// Returns the first request of a viewer that none of these objects answers.
pub fn missing(viewer: &Viewer, image: Image, objects: &HashSet<String>) -> Option<String> {
    (viewer.requests)(&image.info()).into_iter().find(|path| !objects.contains(path))
}
