//! The place that images are published to again and again. It stays the same, because its name is part of the stored objects.

use crate::support::pictures::{encoded, file, noise, png_file};
use crate::support::program::{Run, program};
use crate::support::relay::Relay;
use crate::support::s3::Server;
use image::ImageFormat;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// The relay has another address than the server, and a new one each time.
const PUBLIC_URL: &str = "https://iiif.example.org/x";

/// Puts a second: a run lasts for a third of a second and more, wherever its objects go.
const PACE: &str = "--max-rps=200";

/// Objects by their keys.
pub type Objects = BTreeMap<String, Vec<u8>>;

/// Images of some dozen objects each.
pub struct Images {
    pub larger: PathBuf,
    pub smaller: PathBuf,
    _folder: TempDir,
}

impl Images {
    /// Two images that have no tile in common.
    pub fn new() -> Self {
        let folder = TempDir::new().expect("a folder");
        let larger = file(folder.path(), "larger.png", &encoded(noise(900, 700), ImageFormat::Png));
        Self { larger, smaller: png_file(folder.path(), "smaller.png", 760, 520), _folder: folder }
    }
}

/// A bucket, how to publish into it, and how to read it.
pub struct Place<'a> {
    server: &'a Server,
    bucket: String,
    arguments: &'a [&'a str],
    relay: Relay,
}

impl<'a> Place<'a> {
    pub fn new(server: &'a Server, test: &str, arguments: &'a [&'a str]) -> Self {
        Self { server, bucket: server.bucket(test), arguments, relay: Relay::to(&server.endpoint) }
    }

    fn publishing(&self, image: &Path) -> Command {
        let mut command = program();
        command.args(["--bucket", &self.bucket, "--endpoint-url", &self.relay.endpoint(), "--public-url", PUBLIC_URL]);
        command.args(["--id=scan", "--tile-size=128"]).args(self.arguments).arg(image);
        command
    }

    /// The program, slow enough to be interrupted.
    pub fn publishing_slowly(&self, image: &Path) -> Command {
        let mut command = self.publishing(image);
        command.arg(PACE);
        command
    }

    /// Publishes to the end; the pictures that were put.
    pub fn publish(&self, image: &Path) -> usize {
        let before = self.request_count();
        let run: Run = self.publishing(image).output().expect("the program was built").into();
        assert_eq!(run.code, Some(0), "on {}: {}", self.server.name, run.stderr);
        let requests = self.relay.requests().split_off(before);
        let is_picture = |request: &&String| request.starts_with("PUT ") && request.contains("default.jpg");
        requests.iter().filter(is_picture).count()
    }

    /// Requests that have been sent so far.
    pub fn request_count(&self) -> usize {
        self.relay.request_count()
    }

    /// Returns the stored objects.
    pub fn objects(&self) -> Objects {
        self.server.objects(&self.bucket).into_iter().map(|(key, object)| (key, object.body)).collect()
    }

    /// Deletes everything.
    pub fn clear(&self) {
        self.server.clear(&self.bucket);
    }
}
