//! Responses to requests for files and pages.

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{self, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use percent_encoding::percent_decode_str;
use std::io;
use std::path::{Path, PathBuf};

/// A page that is not a file in the folder.
#[derive(Clone, Debug)]
pub struct Page {
    /// The path, with a leading slash.
    pub path: &'static str,
    /// The `Content-Type`.
    pub content_type: &'static str,
    /// The content of the page.
    pub body: Bytes,
}

/// A folder of published images, with additional pages.
#[derive(Clone, Debug)]
pub struct Site {
    /// The folder.
    pub root: PathBuf,
    /// The pages. They take precedence over files with the same path.
    pub pages: Vec<Page>,
}

impl Site {
    /// Answers one request. All sites may read (CORS), and only reading is allowed.
    pub(super) async fn respond<B>(&self, request: &Request<B>) -> Response<Full<Bytes>> {
        let mut response = match *request.method() {
            Method::GET | Method::HEAD => self.find(request.uri().path()).await,
            Method::OPTIONS => empty(StatusCode::NO_CONTENT),
            _ => empty(StatusCode::METHOD_NOT_ALLOWED),
        };
        let headers = response.headers_mut();
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("*"));
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, HEAD"));
        // Previewed images are often published again a minute later.
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        response
    }

    async fn find(&self, path: &str) -> Response<Full<Bytes>> {
        if let Some(page) = self.pages.iter().find(|page| page.path == path) {
            return with_body(page.content_type, page.body.clone());
        }
        let Some(file) = path_below(&self.root, path) else { return empty(StatusCode::NOT_FOUND) };
        match tokio::fs::read(&file).await {
            Ok(bytes) => with_body(content_type(&file, &bytes), bytes.into()),
            Err(_) if tokio::fs::try_exists(file.join("info.json")).await.unwrap_or(false) => to_information(path),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => empty(StatusCode::FORBIDDEN),
            Err(_) => empty(StatusCode::NOT_FOUND),
        }
    }
}

/// Returns the file for a path, or `None` if the path would leave the folder.
fn path_below(root: &Path, path: &str) -> Option<PathBuf> {
    let path = percent_decode_str(path.strip_prefix('/')?).decode_utf8().ok()?;
    let path = path.strip_suffix('/').unwrap_or(&path);
    let is_name = |segment: &str| !matches!(segment, "" | "." | "..") && !segment.contains(['\\', '\0']);
    path.split('/').all(is_name).then(|| root.join(path))
}

fn content_type(file: &Path, bytes: &[u8]) -> &'static str {
    const VERSION_3: &[u8] = b"http://iiif.io/api/image/3/context.json";
    match file.extension().and_then(|extension| extension.to_str()) {
        Some("jpg") => "image/jpeg",
        Some("webp") => "image/webp",
        Some("png") => "image/png",
        Some("json") if bytes.windows(VERSION_3.len()).any(|window| window == VERSION_3) => {
            "application/ld+json;profile=\"http://iiif.io/api/image/3/context.json\""
        }
        Some("json") => "application/json",
        _ => "application/octet-stream",
    }
}

/// Redirects the base URI of an image to its information ([Image API 3.0, Image Information
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
