//! The promise itself: what a viewer asks for is stored.

use super::Viewer;
use super::image::Image;
use iiif_publish::iiif::ApiVersion;
use proptest::test_runner::{Config, TestCaseError, TestCaseResult, TestRunner};
use std::collections::HashSet;

/// How many images of any size each check sees after the awkward ones: some seconds for all of them together.
const CASES: u32 = 3000;

/// Makes a check of the awkward images, then of others of any size.
pub fn for_every_image(check: impl Fn(Image) -> TestCaseResult) {
    for image in Image::awkward() {
        if let Err(error) = check(image) {
            panic!("{error}");
        }
    }
    // A message names the whole image, so there is no need for files of failures.
    let config = Config { cases: CASES, failure_persistence: None, ..Config::default() };
    if let Err(error) = TestRunner::new(config).run(&Image::any(), check) {
        panic!("{error}");
    }
}

/// Shows images to a viewer, which must find all that it asks for.
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

/// The first request of a viewer that none of these objects answers.
pub fn missing(viewer: &Viewer, image: Image, objects: &HashSet<String>) -> Option<String> {
    (viewer.requests)(&image.info()).into_iter().find(|path| !objects.contains(path))
}
