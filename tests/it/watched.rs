//! A viewer looks at an image while another one takes its place.

use crate::support::child::short_or_long;
use crate::support::pictures::png_file;
use crate::support::program::{planned_keys, program};
use crate::support::s3::{Server, block_on, servers};
use crate::viewers::requests;
use aws_sdk_s3::Client;
use aws_sdk_s3::operation::head_object::HeadObjectError;
use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// Objects that the viewer asks for before it reads `info.json` again.
const SAMPLE: usize = 16;

/// A viewer of one image, which asks for one object after the other of those that `info.json` promises.
struct Viewer {
    client: Client,
    bucket: String,
    identifier: String,
    /// Objects asked for so far.
    asked: usize,
    misses: Vec<String>,
    /// Each `info.json` that it saw, in order.
    infos: Vec<String>,
}

impl Viewer {
    fn new(server: &Server, bucket: &str, identifier: &str) -> Self {
        let (bucket, identifier) = (bucket.to_owned(), identifier.to_owned());
        Self { client: server.client(), bucket, identifier, asked: 0, misses: Vec::new(), infos: Vec::new() }
    }

    fn info(&self) -> String {
        let object = self.client.get_object().bucket(&self.bucket).key(format!("{}/info.json", self.identifier));
        let body = block_on(async { object.send().await.expect("an info.json").body.collect().await });
        String::from_utf8(body.expect("the body comes to its end").to_vec()).expect("JSON")
    }

    fn finds(&self, request: &str) -> bool {
        let object = self.client.head_object().bucket(&self.bucket).key(format!("{}/{request}", self.identifier));
        match block_on(object.send()) {
            Ok(_) => true,
            Err(error) if error.as_service_error().is_some_and(HeadObjectError::is_not_found) => false,
            Err(error) => panic!("{request}: {error:?}"),
        }
    }

    /// Reads `info.json`, and asks for some of what it promises, each time for others. A miss is one while the promise stands.
    fn look(&mut self) {
        let info = self.info();
        let promised = requests(&info);
        for request in promised.iter().cycle().skip(self.asked % promised.len()).take(SAMPLE) {
            self.asked += 1;
            if !self.finds(request) && self.info() == info {
                self.misses.push(request.clone());
            }
        }
        if self.infos.last() != Some(&info) {
            self.infos.push(info);
        }
    }
}

fn publishing(server: &Server, bucket: &str, identifier: &str, image: &Path) -> Command {
    let mut command = program();
    command.args(["--bucket", bucket, "--endpoint-url", &server.endpoint, "--id", identifier, "--tile-size=128"]);
    command.arg(image).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// Replaces the larger image by the smaller one, before the eyes of a viewer.
fn replace(server: &Server, bucket: &str, identifier: &str, larger: &Path, smaller: &Path) {
    assert!(publishing(server, bucket, identifier, larger).status().expect("built").success());
    let mut viewer = Viewer::new(server, bucket, identifier);
    let mut replacing = publishing(server, bucket, identifier, smaller).arg("--max-rps=80").spawn().expect("built");
    while replacing.try_wait().expect("it is ours").is_none() {
        viewer.look();
    }
    assert!(replacing.wait().expect("it is ours").success());
    let asked_meanwhile = viewer.asked;
    viewer.look();
    eprintln!("{} objects asked for on {} while they were replaced", asked_meanwhile, server.name);
    assert!(viewer.misses.is_empty(), "{identifier} on {}: {:?}", server.name, viewer.misses);
    assert_eq!(viewer.infos.len(), 2, "{identifier} on {}: the old one, then the new one", server.name);
    assert!(asked_meanwhile >= SAMPLE, "the viewer has hardly looked");
}

#[test]
fn a_viewer_misses_nothing_while_a_smaller_image_takes_the_place_of_a_larger_one() {
    let folder = TempDir::new().expect("a folder");
    let (larger, smaller) =
        (png_file(folder.path(), "larger.png", 900, 700), png_file(folder.path(), "smaller.png", 760, 520));
    let planned = planned_keys([smaller.as_os_str(), "--tile-size=128".as_ref()]);
    for server in servers() {
        let bucket = server.bucket("watched");
        for number in 0..short_or_long(2, 20) {
            let identifier = format!("scan-{number}");
            replace(&server, &bucket, &identifier, &larger, &smaller);
            let found: BTreeSet<String> =
                server.objects_below(&bucket, &format!("{identifier}/")).into_keys().collect();
            let planned: BTreeSet<String> = planned.iter().map(|key| format!("{identifier}/{key}")).collect();
            assert_eq!(found, planned, "no orphan is left on {}", server.name);
        }
    }
}
