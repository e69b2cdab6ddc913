//! A web host in this process, whose every answer a test can change.

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{HeaderName, HeaderValue};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use percent_encoding::percent_decode_str;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::path::Path;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

/// The response for one path, which is not percent-encoded here.
#[derive(Clone, Debug)]
pub struct Page {
    pub status: u16,
    /// By lower-case names.
    pub headers: BTreeMap<&'static str, String>,
    pub body: Bytes,
    /// The number of requests that get a 503 before this response.
    pub busy: u32,
}

impl Page {
    /// With all that a viewer wants to see.
    pub fn new(content_type: &str, body: impl Into<Bytes>) -> Self {
        let headers = [
            ("content-type", content_type),
            ("cache-control", "public, max-age=60"),
            ("access-control-allow-origin", "*"),
        ];
        let headers = headers.map(|(name, value)| (name, value.to_owned())).into();
        Self { status: 200, headers, body: body.into(), busy: 0 }
    }

    pub fn redirect(location: &str) -> Self {
        Self { status: 302, headers: [("location", location.to_owned())].into(), body: Bytes::new(), busy: 0 }
    }

    fn response(&self) -> Response<Full<Bytes>> {
        let mut response = Response::new(Full::new(self.body.clone()));
        *response.status_mut() = StatusCode::from_u16(self.status).expect("a status");
        for (name, value) in &self.headers {
            let value = HeaderValue::from_bytes(value.as_bytes()).expect("a header");
            response.headers_mut().insert(HeaderName::from_static(name), value);
        }
        response
    }
}

#[derive(Default)]
struct State {
    pages: BTreeMap<String, Page>,
    requests: Vec<String>,
    /// The response for paths that have no page.
    everywhere: Option<Page>,
}

/// A host without pages at first.
pub struct Host {
    url: String,
    state: Arc<Mutex<State>>,
}

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().expect("threads"));

impl Host {
    pub fn start() -> Self {
        let listener = RUNTIME.block_on(TcpListener::bind("127.0.0.1:0")).expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("bound"));
        let state = Arc::new(Mutex::new(State::default()));
        let host = Self { url, state: Arc::clone(&state) };
        // Ends with the process.
        RUNTIME.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let state = Arc::clone(&state);
                let service = service_fn(move |request| {
                    let response = answer(&state, &request);
                    async { Ok::<_, Infallible>(response) }
                });
                let http = hyper::server::conn::http1::Builder::new();
                tokio::spawn(http.serve_connection(TokioIo::new(stream), service));
            }
        });
        host
    }

    /// `http://127.0.0.1:12345`
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Every file below a folder, as a good host shows it.
    pub fn show(&self, folder: &Path) {
        let mut folders = vec![folder.to_owned()];
        while let Some(next) = folders.pop() {
            for path in std::fs::read_dir(next).expect("a folder").flatten().map(|entry| entry.path()) {
                if path.is_dir() {
                    folders.push(path);
                } else {
                    let name = path.strip_prefix(folder).expect("below").to_str().expect("UTF-8").to_owned();
                    let kind = match name.rsplit('.').next() {
                        Some("jpg") => "image/jpeg",
                        Some("webp") => "image/webp",
                        Some("png") => "image/png",
                        _ => "application/json",
                    };
                    self.put(&format!("/{name}"), Page::new(kind, std::fs::read(&path).expect("readable")));
                }
            }
        }
    }

    pub fn put(&self, path: &str, page: Page) {
        self.locked().pages.insert(path.to_owned(), page);
    }

    /// Answers this under all paths that have no page, as some hosts of applications do.
    pub fn show_everywhere(&self, page: Page) {
        self.locked().everywhere = Some(page);
    }

    pub fn remove(&self, path: &str) {
        assert!(self.locked().pages.remove(path).is_some(), "{path} was there");
    }

    pub fn change(&self, path: &str, change: impl FnOnce(&mut Page)) {
        change(self.locked().pages.get_mut(path).unwrap_or_else(|| panic!("{path} is there")));
    }

    pub fn change_all(&self, change: impl FnMut(&mut Page)) {
        self.locked().pages.values_mut().for_each(change);
    }

    pub fn body(&self, path: &str) -> Bytes {
        self.locked().pages[path].body.clone()
    }

    /// Returns the requested paths, in order.
    pub fn requests(&self) -> Vec<String> {
        self.locked().requests.clone()
    }

    fn locked(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn answer<B>(state: &Mutex<State>, request: &Request<B>) -> Response<Full<Bytes>> {
    let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
    let path = percent_decode_str(request.uri().path()).decode_utf8_lossy().into_owned();
    state.requests.push(path.clone());
    match state.pages.get_mut(&path) {
        Some(page) if page.busy > 0 => {
            page.busy -= 1;
            Page { status: 503, ..Page::new("text/plain", "") }.response()
        }
        Some(page) => page.response(),
        None => {
            let missing = || Page { status: 404, ..Page::new("text/plain", "") };
            state.everywhere.clone().unwrap_or_else(missing).response()
        }
    }
}
