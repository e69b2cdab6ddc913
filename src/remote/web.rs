//! Files on web servers. A `HEAD` request finds a file, and range requests read it. Without range support, a file is
//! downloaded completely.

use super::fetch;
use super::headers::{content_range, is_still, number, retry_after, revision, revision_of_whole, total};
use super::spool::Spool;
use crate::location::{Revision, WebAddress};
use crate::source::{Fetch, Remote, RemoteError, RemoteErrorKind};
use crate::store::{MinRate, TooSlow};
use reqwest::header::{ACCEPT_ENCODING, CONTENT_LENGTH, HeaderMap, IF_MATCH, RANGE};
use reqwest::{Method, Response, StatusCode, redirect};
use std::error::Error;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};
use tokio::runtime::Handle;
use tokio::sync::OnceCell;

const MAX_REDIRECTS: usize = 5;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Timeout for the response headers and for each piece of the body.
const READ_TIMEOUT: Duration = Duration::from_secs(30);

/// Initial backoff between attempts, which doubles each time up to the maximum.
const INITIAL_BACKOFF: Duration = Duration::from_secs(1);
const MAX_BACKOFF: Duration = Duration::from_secs(5);

/// Maximum attempts to connect before the first response, so that a mistyped host name fails within seconds.
const MAX_INITIAL_CONNECTS: u32 = 3;

/// The client for all web servers.
#[derive(Clone)]
pub(super) struct Web {
    client: reqwest::Client,
    retry_for: Duration,
    max_spool_bytes: u64,
}

/// A failed attempt.
enum Failure {
    /// A transient error. A retry may help, after the delay that the server requested.
    Transient {
        error: RemoteError,
        after: Option<Duration>,
        is_connect: bool,
    },
    Final(RemoteError),
}

impl From<RemoteError> for Failure {
    fn from(error: RemoteError) -> Self {
        Self::Final(error)
    }
}

impl From<TooSlow> for Failure {
    fn from(error: TooSlow) -> Self {
        transient(error.to_string())
    }
}

impl From<reqwest::Error> for Failure {
    /// Removes the URL, which may contain secrets.
    fn from(error: reqwest::Error) -> Self {
        let is_connect = error.is_connect();
        let is_timeout = error.is_timeout();
        let is_final = error.is_builder() || error.is_redirect();
        let reason =
            if is_timeout { "the server does not respond".to_owned() } else { root_cause(&error.without_url()) };
        let error = RemoteError::other(reason);
        if is_final { Self::Final(error) } else { Self::Transient { error, after: None, is_connect } }
    }
}

fn transient(reason: impl Into<Arc<str>>) -> Failure {
    Failure::Transient { error: RemoteError::other(reason), after: None, is_connect: false }
}

/// Returns the message of the root cause.
fn root_cause(error: &dyn Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

/// A request for a file.
struct Request<'a> {
    method: Method,
    address: &'a WebAddress,
    range: Option<Range<u64>>,
    /// The revision that the response must belong to.
    known: Option<&'a Revision>,
}

impl Web {
    /// Creates a client. A file on a server without range requests may use `max_spool_bytes` of temporary disk space.
    pub(super) fn new(retry_for: Duration, max_spool_bytes: u64) -> Result<Self, RemoteError> {
        let client = reqwest::Client::builder()
            .user_agent(concat!("iiif-publish/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::limited(MAX_REDIRECTS))
            .referer(false)
            // Ranges refer to the stored file, not to its compressed form.
            .gzip(false)
            .connect_timeout(CONNECT_TIMEOUT.min(retry_for))
            .read_timeout(READ_TIMEOUT.min(retry_for));
        let client = client.build().map_err(|error| RemoteError::other(root_cause(&error)))?;
        Ok(Self { client, retry_for, max_spool_bytes })
    }

    /// Finds a file by `HEAD`. If the server rejects `HEAD`, as for URLs that are signed only for `GET`, requests the
    /// first byte.
    pub(super) async fn find(&self, address: &WebAddress) -> Result<WebObject, RemoteError> {
        let head = Request { method: Method::HEAD, address, range: None, known: None };
        let head = self.send(&head).await.ok().and_then(|response| revision_of_whole(response.headers()));
        let (revision, spooled) = match head {
            Some(revision) => (revision, None),
            None => self.with_retry(MAX_INITIAL_CONNECTS, || self.request_first_byte(address)).await?,
        };
        let (web, address, spooled) = (self.clone(), address.clone(), OnceCell::new_with(spooled));
        Ok(WebObject { file: Arc::new(WebFile { web, address, revision, spooled }), runtime: Handle::current() })
    }

    async fn request_first_byte(&self, address: &WebAddress) -> Result<(Revision, Option<Spool>), Failure> {
        let response = self.send(&Request { method: Method::GET, address, range: Some(0..1), known: None }).await?;
        let headers = response.headers();
        let bytes = match response.status() {
            StatusCode::PARTIAL_CONTENT | StatusCode::RANGE_NOT_SATISFIABLE => total(headers),
            _ => number(headers, &CONTENT_LENGTH),
        };
        if let Some(bytes) = bytes {
            return Ok((revision(bytes, headers), None));
        }
        // The size is unknown until the whole file is read.
        let known = Revision { bytes: 0, ..revision(0, headers) };
        drop(response);
        let spool = self.spool(address, &known).await?;
        Ok((Revision { bytes: spool.bytes(), ..known }, Some(spool)))
    }

    /// Downloads the whole file.
    async fn spool(&self, address: &WebAddress, known: &Revision) -> Result<Spool, Failure> {
        let mut response =
            self.send(&Request { method: Method::GET, address, range: None, known: Some(known) }).await?;
        let too_large = || {
            RemoteError::other(format!(
                "the server does not support range requests, and the file is larger than {} bytes (`--max-spool-size`)",
                self.max_spool_bytes
            ))
        };
        if response.content_length().is_some_and(|bytes| bytes > self.max_spool_bytes) {
            return Err(too_large().into());
        }
        let (mut spool, mut rate) = (Spool::new()?, MinRate::new(self.retry_for));
        while let Some(piece) = response.chunk().await? {
            rate.arrived(piece.len())?;
            if spool.bytes() + piece.len() as u64 > self.max_spool_bytes {
                return Err(too_large().into());
            }
            spool.write(&piece).await?;
        }
        Ok(spool.finish().await?)
    }

    /// Sends a request. Fails on an error status or if the file has changed.
    async fn send(&self, request: &Request<'_>) -> Result<Response, Failure> {
        let mut builder = self.client.request(request.method.clone(), request.address.with_secrets());
        builder = builder.header(ACCEPT_ENCODING, "identity");
        if let Some(range) = &request.range {
            builder = builder.header(RANGE, format!("bytes={}-{}", range.start, range.end - 1));
        }
        // A weak ETag never matches (RFC 9110, 13.1.1).
        if let Some(etag) = request.known.and_then(|known| known.etag.as_ref()).filter(|etag| etag.starts_with('"')) {
            builder = builder.header(IF_MATCH, etag);
        }
        let response = builder.send().await?;
        let is_replaced = request.known.is_some_and(|known| !is_still(known, response.headers()));
        match (response.status(), request.known) {
            (status, _) if status.is_success() && !is_replaced => Ok(response),
            (StatusCode::RANGE_NOT_SATISFIABLE, None) => Ok(response),
            (StatusCode::PRECONDITION_FAILED | StatusCode::RANGE_NOT_SATISFIABLE, Some(_)) => {
                Err(RemoteError::replaced().into())
            }
            (status, _) if status.is_success() => Err(RemoteError::replaced().into()),
            (status, _) => Err(status_error(status, response.headers())),
        }
    }

    /// Retries transient errors. Connection errors are attempted at most `max_connects` times.
    async fn with_retry<T, F>(&self, max_connects: u32, attempt: impl Fn() -> F) -> Result<T, RemoteError>
    where
        F: Future<Output = Result<T, Failure>>,
    {
        let (begin, mut backoff, mut attempts) = (Instant::now(), INITIAL_BACKOFF, 1);
        loop {
            let (error, after, is_connect) = match attempt().await {
                Ok(done) => return Ok(done),
                Err(Failure::Final(error)) => return Err(error),
                Err(Failure::Transient { error, after, is_connect }) => (error, after, is_connect),
            };
            // A server may request any delay. A delay beyond the time for retries ends the attempts.
            let wait = after.unwrap_or(backoff).max(backoff).min(self.retry_for);
            if begin.elapsed() + wait > self.retry_for || (is_connect && attempts >= max_connects) {
                return Err(error);
            }
            tokio::time::sleep(wait).await;
            backoff = (backoff * 2).min(MAX_BACKOFF);
            attempts += 1;
        }
    }
}

fn status_error(status: StatusCode, headers: &HeaderMap) -> Failure {
    let message = format!("the server answered {status}");
    match status.as_u16() {
        408 | 429 | 500 | 502 | 503 | 504 => {
            let after = retry_after(headers, SystemTime::now());
            Failure::Transient { error: RemoteError::other(message), after, is_connect: false }
        }
        401 | 403 => Failure::Final(RemoteError::new(RemoteErrorKind::Denied, message)),
        404 | 410 => Failure::Final(RemoteError::new(RemoteErrorKind::Missing, message)),
        _ => Failure::Final(RemoteError::other(message)),
    }
}

/// An existing file on a web server.
pub(super) struct WebObject {
    file: Arc<WebFile>,
    runtime: Handle,
}

struct WebFile {
    web: Web,
    address: WebAddress,
    revision: Revision,
    /// The whole file, if the server does not support range requests.
    spooled: OnceCell<Spool>,
}

enum Part {
    Bytes(Vec<u8>),
    /// The server ignored the range and would send the whole file.
    NoRanges,
}

impl WebFile {
    async fn bytes(&self, range: Range<u64>) -> Result<Vec<u8>, RemoteError> {
        if let Some(spool) = self.spooled.get() {
            return spool.read(range).await;
        }
        match self.web.with_retry(u32::MAX, || self.part(&range)).await? {
            Part::Bytes(bytes) => Ok(bytes),
            Part::NoRanges => {
                let all = self.spooled.get_or_try_init(|| self.web.with_retry(u32::MAX, || self.download())).await?;
                all.read(range).await
            }
        }
    }

    async fn part(&self, range: &Range<u64>) -> Result<Part, Failure> {
        let (method, address, known) = (Method::GET, &self.address, Some(&self.revision));
        let response = self.web.send(&Request { method, address, range: Some(range.clone()), known }).await?;
        if response.status() != StatusCode::PARTIAL_CONTENT {
            let is_whole = *range == (0..self.revision.bytes);
            return if is_whole {
                self.web.collect_body(response, range).await.map(Part::Bytes)
            } else {
                Ok(Part::NoRanges)
            };
        }
        match content_range(response.headers()) {
            Some((_, Some(total))) if total != self.revision.bytes => Err(RemoteError::replaced().into()),
            Some((Some(found), _)) if found == *range => self.web.collect_body(response, range).await.map(Part::Bytes),
            _ => Err(RemoteError::other("the server returned another range than requested").into()),
        }
    }

    async fn download(&self) -> Result<Spool, Failure> {
        let spool = self.web.spool(&self.address, &self.revision).await?;
        if spool.bytes() == self.revision.bytes { Ok(spool) } else { Err(RemoteError::replaced().into()) }
    }
}

impl Web {
    /// Reads a body whose length must be the length of the range.
    async fn collect_body(&self, mut response: Response, range: &Range<u64>) -> Result<Vec<u8>, Failure> {
        let length = usize::try_from(range.end - range.start)
            .map_err(|_| RemoteError::other("the range does not fit in memory"))?;
        let (mut bytes, mut rate) = (Vec::new(), MinRate::new(self.retry_for));
        bytes.try_reserve_exact(length).map_err(|error| RemoteError::other(error.to_string()))?;
        while let Some(piece) = response.chunk().await? {
            rate.arrived(piece.len())?;
            if bytes.len() + piece.len() > length {
                return Err(RemoteError::replaced().into());
            }
            bytes.extend_from_slice(&piece);
        }
        if bytes.len() == length { Ok(bytes) } else { Err(transient("the response ended too early")) }
    }
}

impl Remote for WebObject {
    fn bytes(&self) -> u64 {
        self.file.revision.bytes
    }

    fn revision(&self) -> Option<String> {
        self.file.revision.describe()
    }

    fn fetch(&self, range: Range<u64>) -> Fetch {
        let file = Arc::clone(&self.file);
        fetch(&self.runtime, async move { file.bytes(range).await })
    }
}
