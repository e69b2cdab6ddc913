//! Request handling for files and pages.

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{self, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use percent_encoding::percent_decode_str;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// `Content-Type` header for HTML pages.
const HTML: &str = "text/html; charset=utf-8";

/// A page that isn't backed by a file in the folder.
#[derive(Clone)]
pub struct Page {
    path: &'static str,
    content_type: &'static str,
    body: Arc<dyn Fn() -> Bytes + Send + Sync>,
}

impl Page {
    /// Creates a page at a URL path, including the leading slash. `body` is called for each request and must not block.
    #[must_use]
    pub fn new(
        path: &'static str,
        content_type: &'static str,
        body: impl Fn() -> Bytes + Send + Sync + 'static,
    ) -> Self {
        Self { path, content_type, body: Arc::new(body) }
    }
}

impl fmt::Debug for Page {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Page").field("path", &self.path).finish_non_exhaustive()
    }
}

/// A folder of published images, plus additional pages.
#[derive(Clone, Debug)]
pub struct Site {
    /// Root folder.
    pub root: PathBuf,
    /// Additional pages, which take precedence over files with the same path.
    pub pages: Vec<Page>,
    /// URLs to replace in JSON documents, along with their replacements. This lets the server host a folder that was
    /// published for other URLs.
    pub moved: Vec<(String, String)>,
}

impl Site {
    /// Responds to a request. `/` is `index.html`, unless a page has that path. CORS headers let any website read the
    /// images, but not the pages that list them.
    pub(super) async fn respond<B>(&self, request: &Request<B>) -> Response<Full<Bytes>> {
        if !is_to_loopback(request) {
            return empty(StatusCode::MISDIRECTED_REQUEST);
        }
        let mut response = match *request.method() {
            Method::GET | Method::HEAD => self.find(request.uri().path()).await,
            Method::OPTIONS => empty(StatusCode::NO_CONTENT),
            _ => empty(StatusCode::METHOD_NOT_ALLOWED),
        };
        let headers = response.headers_mut();
        let is_page = self.pages.iter().any(|page| page.path == request.uri().path())
            || headers.get(header::CONTENT_TYPE).is_some_and(|content_type| content_type == HTML);
        if !is_page {
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
            headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("*"));
            headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, HEAD"));
        }
        // Users often publish images again while previewing them.
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        response
    }

    async fn find(&self, path: &str) -> Response<Full<Bytes>> {
        if let Some(page) = self.pages.iter().find(|page| page.path == path) {
            return with_body(page.content_type, (page.body)());
        }
        let path = if path == "/" { "/index.html" } else { path };
        let Some(file) = path_below(&self.root, path) else { return empty(StatusCode::NOT_FOUND) };
        match tokio::fs::read(&file).await {
            Ok(bytes) => {
                let content_type = content_type(&file, &bytes);
                with_body(
                    content_type,
                    if content_type.contains("json") { self.relocated(bytes) } else { bytes.into() },
                )
            }
            Err(_) if tokio::fs::try_exists(file.join("info.json")).await.unwrap_or(false) => to_information(path),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => empty(StatusCode::FORBIDDEN),
            Err(_) => empty(StatusCode::NOT_FOUND),
        }
    }

    /// Replaces the URLs that a JSON document was published with.
    fn relocated(&self, document: Vec<u8>) -> Bytes {
        if self.moved.is_empty() {
            return document.into();
        }
        let text = match String::from_utf8(document) {
            Ok(text) => text,
            Err(error) => return error.into_bytes().into(),
        };
        // Only replace whole strings and path prefixes, because `https://example.org` could be followed by `.uk`.
        let replace = |text: String, (from, to): &(String, String)| {
            let with = |end: char| (format!("\"{from}{end}"), format!("\"{to}{end}"));
            ['/', '"'].map(with).iter().fold(text, |text, (from, to)| text.replace(from.as_str(), to))
        };
        self.moved.iter().fold(text, replace).into()
    }
}

/// Returns `true` if the request's host is this machine. This protects against DNS rebinding, in which an attacker
/// points their own domain to this machine. Such requests still contain the attacker's host name.
fn is_to_loopback<B>(request: &Request<B>) -> bool {
    let is_loopback = |host: &str| {
        let name = if host.starts_with('[') { host.split_inclusive(']').next() } else { host.split(':').next() };
        name.is_some_and(|name| name.eq_ignore_ascii_case("localhost") || matches!(name, "127.0.0.1" | "[::1]"))
    };
    let mut named = request.headers().get_all(header::HOST).iter();
    let (host, further) = (named.next(), named.next());
    let is_host_loopback = host.and_then(|host| host.to_str().ok()).is_some_and(is_loopback);
    is_host_loopback && further.is_none() && request.uri().authority().is_none_or(|it| is_loopback(it.as_str()))
}

/// Returns the file for a URL path, or `None` if the path would escape the root folder.
fn path_below(root: &Path, path: &str) -> Option<PathBuf> {
    let path = percent_decode_str(path.strip_prefix('/')?).decode_utf8().ok()?;
    let path = path.strip_suffix('/').unwrap_or(&path);
    // Check after decoding so that `%2e%2e` can't escape the root folder. Reject backslashes because they are path
    // separators on Windows.
    let is_name = |segment: &str| !matches!(segment, "" | "." | "..") && !segment.contains(['\\', '\0']);
    path.split('/').all(is_name).then(|| root.join(path))
}

fn content_type(file: &Path, bytes: &[u8]) -> &'static str {
    const VERSION_3: &[u8] = b"http://iiif.io/api/image/3/context.json";
    match file.extension().and_then(|extension| extension.to_str()) {
        Some("jpg") => "image/jpeg",
        Some("webp") => "image/webp",
        Some("png") => "image/png",
        Some("svg") => "image/svg+xml",
        Some("html") => HTML,
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("xml") => "application/xml",
        Some("json") if bytes.windows(VERSION_3.len()).any(|window| window == VERSION_3) => {
            "application/ld+json;profile=\"http://iiif.io/api/image/3/context.json\""
        }
        Some("json") => "application/json",
        _ => "application/octet-stream",
    }
}

/// Redirects an image's base URI to its `info.json` ([Image API 3.0, Image Information
/// Request](https://iiif.io/api/image/3.0/#22-image-information-request-uri-syntax)).
fn to_information(path: &str) -> Response<Full<Bytes>> {
    let mut response = empty(StatusCode::SEE_OTHER);
    let location = format!("{}/info.json", path.trim_end_matches('/'));
    if let Ok(location) = HeaderValue::from_str(&location) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}

fn empty(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    response
}

fn with_body(content_type: &'static str, body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_requests_to_this_machine_are_answered() {
        let request = |hosts: &[&str], uri: &str| {
            let request = hosts.iter().fold(Request::builder().uri(uri), |it, host| it.header(header::HOST, *host));
            is_to_loopback(&request.body(()).expect("a request"))
        };
        for host in ["localhost", "LocalHost:3000", "127.0.0.1:3000", "[::1]:3000", "[::1]"] {
            assert!(request(&[host], "/"), "{host}");
        }
        for host in [
            "rebound.example",
            "localhost.example:3000",
            "127.0.0.1.example",
            "10.0.0.1",
            "",
            "[::2]",
            "user@localhost",
        ] {
            assert!(!request(&[host], "/"), "{host}");
        }
        assert!(!request(&[], "/") && !request(&["localhost", "rebound.example"], "/"));
        assert!(!request(&["localhost"], "http://rebound.example/") && request(&["localhost"], "http://localhost/"));
    }

    #[test]
    fn documents_name_the_address_of_the_server() {
        let moved = vec![("https://example.org/iiif".to_owned(), "http://localhost:3000".to_owned())];
        let site = Site { root: PathBuf::new(), pages: Vec::new(), moved };
        let relocated = |text: &str| String::from_utf8(site.relocated(text.into()).to_vec()).expect("UTF-8");
        assert_eq!(
            relocated(r#"["https://example.org/iiif/x","https://example.org/iiif","https://example.org/iiif2/x"]"#),
            r#"["http://localhost:3000/x","http://localhost:3000","https://example.org/iiif2/x"]"#
        );
        assert_eq!(site.relocated(vec![0xff]).to_vec(), [0xff]);
    }

    #[test]
    fn pages_in_the_folder_open_in_a_browser() {
        for (name, wanted) in
            [("viewer.html", HTML), ("info.json", "application/json"), ("x", "application/octet-stream")]
        {
            assert_eq!(content_type(Path::new(name), b"{}"), wanted, "{name}");
        }
    }

    #[test]
    fn no_path_leaves_the_folder() {
        let root = Path::new("/srv/tiles");
        for hostile in
            ["/..", "/../etc/passwd", "/a/%2e%2e/b", "/a//b", "/%2e%2e%2fetc", "/a/..%2f..%2fb", "a", "/a%00b", "/"]
        {
            assert_eq!(path_below(root, hostile), None, "{hostile}");
        }
        assert_eq!(path_below(root, "/my%20photo/info.json"), Some(root.join("my photo/info.json")));
        assert_eq!(path_below(root, "/photo/"), Some(root.join("photo")));
    }
}
