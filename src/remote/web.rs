//! Files on web servers. A `HEAD` request finds a file, and range requests read it. If the server doesn't support
//! ranges, the entire file is downloaded.

use super::fetch;
use super::headers::{content_range, is_still, number, revision, revision_of_whole, total};
use super::spool::Spool;
use crate::http::header::{ACCEPT_ENCODING, CONTENT_LENGTH, IF_MATCH, RANGE};
use crate::http::{Attempt, BodyLimit, Client, Encodings, Failure, HttpError, Method, Policy, Response, StatusCode};
use crate::location::{Revision, WebAddress};
use crate::source::{Fetch, Remote, RemoteError, RemoteErrorKind};
use crate::store::{MinRate, TooSlow};
use bytes::Bytes;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::OnceCell;

/// Client shared by all web servers.
#[derive(Clone)]
pub(super) struct Web {
    client: Client,
    max_spool_bytes: u64,
}

/// Result of one attempt.
type Attempted<T> = Result<T, Attempt<RemoteError>>;

impl From<TooSlow> for Attempt<RemoteError> {
    fn from(error: TooSlow) -> Self {
        Self::new(RemoteError::other(error.to_string()), Failure::Exchange)
    }
}

impl From<HttpError> for Attempt<RemoteError> {
    fn from(error: HttpError) -> Self {
        Self::new(RemoteError::other(error.to_string()), error.failure())
    }
}

/// A request for a file.
struct Request<'a> {
    method: Method,
    address: &'a WebAddress,
    range: Option<Range<u64>>,
    /// Revision that the response must belong to.
    known: Option<&'a Revision>,
}

impl Web {
    /// Creates a client. Each file on a server without range requests may use up to `max_spool_bytes` of temporary disk
    /// space.
    pub(super) fn new(retry_for: Duration, max_spool_bytes: u64) -> Result<Self, RemoteError> {
        let client = Client::new(Policy::new(retry_for), Encodings::Identity)
            .map_err(|error| RemoteError::other(error.to_string()))?;
        Ok(Self { client, max_spool_bytes })
    }

    /// Finds a file using `HEAD`. Falls back to requesting the first byte, because some servers reject `HEAD`, for
    /// example when a URL is signed only for `GET`.
    pub(super) async fn find(&self, address: &WebAddress) -> Result<WebObject, RemoteError> {
        let head = Request { method: Method::HEAD, address, range: None, known: None };
        let head = self.send(&head).await.ok().and_then(|response| revision_of_whole(response.headers()));
        let (revision, spooled) = match head {
            Some(revision) => (revision, None),
            None => self.client.with_retry(self.client.policy(), || self.request_first_byte(address)).await?,
        };
        let (web, address, spooled) = (self.clone(), address.clone(), OnceCell::new_with(spooled));
        Ok(WebObject { file: Arc::new(WebFile { web, address, revision, spooled }), runtime: Handle::current() })
    }

    /// Downloads a document into memory.
    pub(super) async fn read(&self, address: &WebAddress, max_bytes: u64) -> Result<Bytes, RemoteError> {
        let limit = BodyLimit::Whole { max_bytes };
        let request = |client: &Client| client.request(Method::GET, address.with_secrets());
        let document = self.client.read(request, limit).await;
        let document = document.map_err(|error| RemoteError::other(error.to_string()))?;
        match document.status {
            StatusCode::OK => Ok(document.body),
            status => Err(RemoteError::new(kind_of(status), format!("the server answered {status}"))),
        }
    }

    async fn request_first_byte(&self, address: &WebAddress) -> Attempted<(Revision, Option<Spool>)> {
        let response = self.send(&Request { method: Method::GET, address, range: Some(0..1), known: None }).await?;
        let headers = response.headers();
        let bytes = match response.status() {
            StatusCode::PARTIAL_CONTENT | StatusCode::RANGE_NOT_SATISFIABLE => total(headers),
            _ => number(headers, &CONTENT_LENGTH),
        };
        if let Some(bytes) = bytes {
            return Ok((revision(bytes, headers), None));
        }
        // The size is unknown until the entire file has been read.
        let known = Revision { bytes: 0, ..revision(0, headers) };
        drop(response);
        let spool = self.spool(address, &known).await?;
        Ok((Revision { bytes: spool.bytes(), ..known }, Some(spool)))
    }

    /// Downloads the entire file.
    async fn spool(&self, address: &WebAddress, known: &Revision) -> Attempted<Spool> {
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
        let (mut spool, mut rate) = (Spool::new()?, self.min_rate());
        while let Some(piece) = piece(&mut response).await? {
            rate.arrived(piece.len())?;
            if spool.bytes() + piece.len() as u64 > self.max_spool_bytes {
                return Err(too_large().into());
            }
            spool.write(&piece).await?;
        }
        Ok(spool.finish().await?)
    }

    fn min_rate(&self) -> MinRate {
        MinRate::new(self.client.policy().retry_for())
    }

    /// Sends a request. Fails if the server returns an error status or the file has changed.
    async fn send(&self, request: &Request<'_>) -> Attempted<Response> {
        let mut builder = self.client.request(request.method.clone(), request.address.with_secrets());
        builder = builder.header(ACCEPT_ENCODING, "identity");
        if let Some(range) = &request.range {
            builder = builder.header(RANGE, format!("bytes={}-{}", range.start, range.end - 1));
        }
        // A weak ETag never matches (RFC 9110, section 13.1.1).
        if let Some(etag) = request.known.and_then(|known| known.etag.as_ref()).filter(|etag| etag.starts_with('"')) {
            builder = builder.header(IF_MATCH, etag);
        }
        let response = builder.send().await.map_err(HttpError::from)?;
        let is_replaced = request.known.is_some_and(|known| !is_still(known, response.headers()));
        match (response.status(), request.known) {
            (status, _) if status.is_success() && !is_replaced => Ok(response),
            (StatusCode::RANGE_NOT_SATISFIABLE, None) => Ok(response),
            (StatusCode::PRECONDITION_FAILED | StatusCode::RANGE_NOT_SATISFIABLE, Some(_)) => {
                Err(RemoteError::replaced().into())
            }
            (status, _) if status.is_success() => Err(RemoteError::replaced().into()),
            _ => Err(status_error(&response)),
        }
    }
}

/// Reads the next chunk of a body.
async fn piece(response: &mut Response) -> Result<Option<Bytes>, HttpError> {
    Ok(response.chunk().await?)
}

fn status_error(response: &Response) -> Attempt<RemoteError> {
    let status = response.status();
    let message = format!("the server answered {status}");
    Attempt::new(RemoteError::new(kind_of(status), message), Failure::of_response(status, response.headers()))
}

fn kind_of(status: StatusCode) -> RemoteErrorKind {
    match status.as_u16() {
        401 | 403 => RemoteErrorKind::Denied,
        404 | 410 => RemoteErrorKind::Missing,
        _ => RemoteErrorKind::Other,
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
    /// The entire file, if the server doesn't support range requests.
    spooled: OnceCell<Spool>,
}

enum Part {
    Bytes(Vec<u8>),
    /// The server ignored the range and would send the entire file.
    NoRanges,
}

impl WebFile {
    /// Retries transient errors. The server already responded once, when the file was found.
    async fn with_retry<T, F>(&self, attempt: impl Fn() -> F) -> Result<T, RemoteError>
    where
        F: Future<Output = Attempted<T>>,
    {
        let client = &self.web.client;
        client.with_retry(client.policy().for_known_host(), attempt).await
    }

    async fn bytes(&self, range: Range<u64>) -> Result<Vec<u8>, RemoteError> {
        if let Some(spool) = self.spooled.get() {
            return spool.read(range).await;
        }
        match self.with_retry(|| self.part(&range)).await? {
            Part::Bytes(bytes) => Ok(bytes),
            Part::NoRanges => {
                let all = self.spooled.get_or_try_init(|| self.with_retry(|| self.download())).await?;
                all.read(range).await
            }
        }
    }

    async fn part(&self, range: &Range<u64>) -> Attempted<Part> {
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

    async fn download(&self) -> Attempted<Spool> {
        let spool = self.web.spool(&self.address, &self.revision).await?;
        if spool.bytes() == self.revision.bytes { Ok(spool) } else { Err(RemoteError::replaced().into()) }
    }
}

impl Web {
    /// Reads a body, which must be exactly as long as the range.
    async fn collect_body(&self, mut response: Response, range: &Range<u64>) -> Attempted<Vec<u8>> {
        let length = usize::try_from(range.end - range.start)
            .map_err(|_| RemoteError::other("the range does not fit in memory"))?;
        let (mut bytes, mut rate) = (Vec::new(), self.min_rate());
        bytes.try_reserve_exact(length).map_err(|error| RemoteError::other(error.to_string()))?;
        while let Some(piece) = piece(&mut response).await? {
            rate.arrived(piece.len())?;
            if bytes.len() + piece.len() > length {
                return Err(RemoteError::replaced().into());
            }
            bytes.extend_from_slice(&piece);
        }
        if bytes.len() == length {
            Ok(bytes)
        } else {
            Err(Attempt::new(RemoteError::other("the response ended too early"), Failure::Exchange))
        }
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
