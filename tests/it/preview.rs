//! `preview`, as seen by a browser.

use crate::support::pictures::png_file;
use crate::support::program::{planned_keys, program};
use crate::support::some::some;
use crate::support::viewer_page::{assert_is_one_file, images_of};
use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A running preview that has printed its address; it is stopped when dropped.
struct Preview {
    child: Child,
    address: String,
}

impl Preview {
    /// Starts a preview of these images and waits until they're published.
    fn of(images: &[&std::path::Path], port: &str) -> Self {
        let mut command = program();
        command.args(["preview", "--port", port, "--progress=none"]).args(images);
        let preview = Self::run(command);
        preview.complete();
        preview
    }

    fn run(mut command: std::process::Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("built");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("piped");
        BufReader::new(stdout).read_line(&mut line).expect("an address");
        let address = line.trim().trim_start_matches("http://").trim_end_matches('/').to_owned();
        Self { child, address }
    }

    /// Waits until all images are published. Returns the final updates for the page.
    fn complete(&self) -> Value {
        let start = Instant::now();
        loop {
            let (_, body) = self.request("GET", "/preview.json");
            let updates: Value = serde_json::from_slice(&body).expect("JSON");
            if updates["done"] == true {
                return updates;
            }
            assert!(start.elapsed() < Duration::from_mins(1), "{updates}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Returns the status line with the headers, and the body.
    fn request(&self, method: &str, path: &str) -> (String, Vec<u8>) {
        self.request_to(&self.address, method, path)
    }

    fn request_to(&self, host: &str, method: &str, path: &str) -> (String, Vec<u8>) {
        let mut stream = TcpStream::connect(&self.address).expect("it listens");
        stream.set_read_timeout(Some(Duration::from_mins(1))).expect("a time limit");
        write!(stream, "{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").expect("sent");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("answered");
        let end = answer.windows(4).position(|window| window == b"\r\n\r\n").expect("a head") + 4;
        (String::from_utf8_lossy(&answer[..end]).to_lowercase(), answer[end..].to_vec())
    }
}

impl Drop for Preview {
    fn drop(&mut self) {
        // Like a user, so that it removes its folder.
        let pid = self.child.id().to_string();
        let _ = std::process::Command::new("kill").args(["-INT", &pid]).status();
        let _ = self.child.wait();
    }
}

#[test]
fn ctrl_c_quits_and_removes_the_folder() {
    let folder = TempDir::new().expect("a folder");
    let image = png_file(folder.path(), "x.png", 300, 200);
    let mut command = program();
    command.env("TMPDIR", folder.path()).args(["preview", "--port=0"]).arg(&image);
    let mut preview = Preview::run(command);
    preview.complete();
    assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 2, "the image, and what is served");
    #[cfg(unix)]
    for entry in std::fs::read_dir(folder.path()).expect("a folder").map(|entry| entry.expect("an entry")) {
        let mode = std::os::unix::fs::PermissionsExt::mode(&entry.metadata().expect("metadata").permissions());
        assert!(
            entry.path() == image || mode & 0o777 == 0o700,
            "others look into {}: {mode:o}",
            entry.path().display()
        );
    }
    let _ = std::process::Command::new("kill").args(["-INT", &preview.child.id().to_string()]).status();
    assert_eq!(preview.child.wait().expect("ended").code(), Some(0));
    assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 1, "the image alone");
}

#[test]
fn every_planned_file_is_served_with_its_type_to_any_page() {
    let folder = TempDir::new().expect("a folder");
    let image = png_file(folder.path(), "my scan.png", 800, 600);
    let preview = Preview::of(&[&image], "0");
    for key in some(planned_keys([&image])) {
        let (head, body) = preview.request("GET", &format!("/my%20scan/{key}"));
        assert!(head.starts_with("http/1.1 200"), "{key}: {head}");
        assert!(head.contains("access-control-allow-origin: *"), "{head}");
        let content_type = match key.as_str() {
            "info.json" => "application/ld+json;profile=\"http://iiif.io/api/image/3/context.json\"",
            _ => "image/jpeg",
        };
        assert!(head.contains(&format!("content-type: {content_type}")), "{key}: {head}");
        assert!(!body.is_empty());
    }
    let (_, body) = preview.request("GET", "/my%20scan/info.json");
    let info: Value = serde_json::from_slice(&body).expect("JSON");
    assert_eq!(info["id"], format!("http://{}/my%20scan", preview.address));
    let (head, _) = preview.request("GET", "/my%20scan");
    assert!(head.starts_with("http/1.1 303") && head.contains("location: /my%20scan/info.json"), "{head}");
}

#[test]
fn the_page_loads_nothing_from_other_hosts() {
    let folder = TempDir::new().expect("a folder");
    let image = png_file(folder.path(), "x.png", 300, 200);
    let preview = Preview::of(&[&image], "0");
    let (head, page) = preview.request("GET", "/");
    assert!(head.contains("content-type: text/html"), "{head}");
    let page = String::from_utf8(page).expect("UTF-8");
    assert_is_one_file(&page);
    let images = images_of(&page);
    assert_eq!(images[0]["id"], "x");
    assert_eq!(images[0]["objects"], planned_keys([&image]).len());
}

#[test]
fn the_address_is_printed_at_once_and_images_of_folders_appear_in_their_order() {
    let folder = TempDir::new().expect("a folder");
    std::fs::create_dir(folder.path().join("maps")).expect("made");
    // The first image takes the longest.
    png_file(folder.path(), "a.png", 3000, 2000);
    png_file(folder.path(), "maps/b.png", 30, 20);
    std::fs::write(folder.path().join("maps/bad.png"), b"no image").expect("written");
    let mut command = program();
    command.args(["preview", "--port=0", "--progress=none"]).arg(folder.path());
    let preview = Preview::run(command);
    let (head, page) = preview.request("GET", "/");
    let page = String::from_utf8(page).expect("UTF-8");
    assert!(head.starts_with("http/1.1 200"), "{head}");
    let is_early = images_of(&page).as_array().is_some_and(|images| images.len() < 2);
    assert_eq!(
        page.contains("data-updates=\"/preview.json\""),
        is_early,
        "it asks for more images until all are there"
    );
    let updates = preview.complete();
    let ids: Vec<&Value> = updates["images"].as_array().expect("a list").iter().map(|image| &image["id"]).collect();
    assert_eq!(ids, ["a", "maps/b"]);
    assert_eq!((&updates["total"], &updates["failed"]), (&3.into(), &1.into()));
    let (head, _) = preview.request("GET", "/preview.json");
    assert!(!head.contains("access-control"), "other sites cannot read the list: {head}");
    let page = String::from_utf8(preview.request("GET", "/").1).expect("UTF-8");
    assert!(!page.contains("data-updates") && images_of(&page).as_array().is_some_and(|images| images.len() == 2));
}

#[test]
fn a_preview_without_any_image_ends_with_an_error() {
    let folder = TempDir::new().expect("a folder");
    std::fs::write(folder.path().join("bad.png"), b"no image").expect("written");
    let output = program().args(["preview", "--port=0"]).arg(folder.path()).output().expect("built");
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn nothing_outside_the_folder_is_served_and_nothing_can_be_written() {
    let folder = TempDir::new().expect("a folder");
    let image = png_file(folder.path(), "x.png", 300, 200);
    let preview = Preview::of(&[&image], "0");
    for path in ["/../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "//etc/passwd", "/x/../../secret", "/nothing"] {
        let (head, _) = preview.request("GET", path);
        assert!(head.starts_with("http/1.1 404") || head.starts_with("http/1.1 400"), "{path}: {head}");
    }
    let (head, _) = preview.request("PUT", "/x/info.json");
    assert!(head.starts_with("http/1.1 405"), "{head}");
}

#[test]
fn other_hosts_and_other_sites_get_no_content() {
    let folder = TempDir::new().expect("a folder");
    let image = png_file(folder.path(), "x.png", 300, 200);
    let preview = Preview::of(&[&image], "0");
    for path in ["/", "/x/info.json"] {
        let (head, body) = preview.request_to("rebound.example", "GET", path);
        assert!(head.starts_with("http/1.1 421") && body.is_empty(), "{path}: {head}");
    }
    let (head, _) = preview.request("GET", "/");
    assert!(head.starts_with("http/1.1 200") && !head.contains("access-control"), "{head}");
}

#[test]
fn idle_connections_do_not_block_others() {
    let folder = TempDir::new().expect("a folder");
    let image = png_file(folder.path(), "x.png", 300, 200);
    let preview = Preview::of(&[&image], "0");
    let idle: Vec<TcpStream> = (0..100).map(|_| TcpStream::connect(&preview.address).expect("it listens")).collect();
    assert!(preview.request("GET", "/x/info.json").0.starts_with("http/1.1 200"));
    drop(idle);
}

#[test]
fn a_port_in_use_is_skipped() {
    let folder = TempDir::new().expect("a folder");
    let image = png_file(folder.path(), "x.png", 300, 200);
    let first = Preview::of(&[&image], "0");
    let port = first.address.rsplit(':').next().expect("a port");
    let second = Preview::of(&[&image], port);
    assert_ne!(first.address, second.address);
    assert!(second.request("GET", "/x/info.json").0.starts_with("http/1.1 200"));
}

#[cfg(target_os = "linux")]
#[test]
fn open_starts_the_browser_of_the_desktop() {
    use std::os::unix::fs::PermissionsExt;
    let folder = TempDir::new().expect("a folder");
    let image = png_file(folder.path(), "x.png", 300, 200);
    let (browser, asked) = (folder.path().join("xdg-open"), folder.path().join("asked"));
    // Renamed only when it is complete.
    std::fs::write(&browser, "#!/bin/sh\necho \"$1\" >\"$0.part\" && mv \"$0.part\" \"${0%/*}/asked\"\n")
        .expect("a script");
    std::fs::set_permissions(&browser, PermissionsExt::from_mode(0o755)).expect("permissions");
    let path = format!("{}:{}", folder.path().display(), std::env::var("PATH").unwrap_or_default());
    let mut command = program();
    command.env("PATH", path).args(["preview", "--port=0", "--open"]).arg(&image);
    let preview = Preview::run(command);
    let start = Instant::now();
    while !asked.exists() && start.elapsed().as_secs() < 20 {
        std::thread::sleep(Duration::from_millis(20));
    }
    let asked = std::fs::read_to_string(asked).expect("the browser was started");
    assert_eq!(asked, format!("http://{}/\n", preview.address));
}
