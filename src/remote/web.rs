//! Files of web servers: found by `HEAD`, read in ranges; or kept, where a server knows no ranges.

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

const REDIRECTS: usize = 5;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Until the head of an answer, and between two pieces of its body.
const READ_TIMEOUT: Duration = Duration::from_secs(30);

/// The first pause before another try, which doubles each time up to the longest.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Tries to connect to a server from which nothing has come yet: a mistyped name should not take minutes to be found out.
const FIRST_CONNECTS: u32 = 3;

/// The servers of the web, with one client for all.
#[derive(Clone)]
pub(super) struct Web {
    client: reqwest::Client,
    retry_for: Duration,
    max_spool_bytes: u64,
}

/// Why one try came to nothing.
enum Failure {
    /// Another one may help, after so long.
    Passing {
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
        passing(error.to_string())
    }
}

impl From<reqwest::Error> for Failure {
    /// The URL, which may have secrets, is left out.
    fn from(error: reqwest::Error) -> Self {
        let is_connect = error.is_connect();
        let is_timeout = error.is_timeout();
        let is_final = error.is_builder() || error.is_redirect();
        let reason = if is_timeout { "the server does not answer".to_owned() } else { innermost(&error.without_url()) };
        let error = RemoteError::other(reason);
        if is_final { Self::Final(error) } else { Self::Passing { error, after: None, is_connect } }
    }
}

fn passing(reason: impl Into<Arc<str>>) -> Failure {
    Failure::Passing { error: RemoteError::other(reason), after: None, is_connect: false }
}

/// The last link of a chain of errors.
fn innermost(error: &dyn Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

/// What is asked for.
struct Question<'a> {
    method: Method,
    address: &'a WebAddress,
    range: Option<Range<u64>>,
    /// What it must still be.
    known: Option<&'a Revision>,
}

impl Web {
    /// Creates a client. What a server gives only as a whole may take `max_spool_bytes` of temporary disk space.
    pub(super) fn new(retry_for: Duration, max_spool_bytes: u64) -> Result<Self, RemoteError> {
        let client = reqwest::Client::builder()
            .user_agent(concat!("iiif-publish/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::limited(REDIRECTS))
            .referer(false)
            // Ranges are of what is stored, and not of what is packed on the way.
            .gzip(false)
            .connect_timeout(CONNECT_TIMEOUT.min(retry_for))
            .read_timeout(READ_TIMEOUT.min(retry_for));
        let client = client.build().map_err(|error| RemoteError::other(innermost(&error)))?;
        Ok(Self { client, retry_for, max_spool_bytes })
    }

    /// Finds out what a server has. Where it does not answer to `HEAD`, as for URLs that are signed for `GET` alone, it is
    /// asked for the first byte.
    pub(super) async fn find(&self, address: &WebAddress) -> Result<WebObject, RemoteError> {
        let head = Question { method: Method::HEAD, address, range: None, known: None };
        let head = self.ask(&head).await.ok().and_then(|answer| revision_of_whole(answer.headers()));
        let (revision, spooled) = match head {
            Some(revision) => (revision, None),
            None => self.patiently(FIRST_CONNECTS, || self.look_at_first_byte(address)).await?,
        };
        let (web, address, spooled) = (self.clone(), address.clone(), OnceCell::new_with(spooled));
        Ok(WebObject { file: Arc::new(WebFile { web, address, revision, spooled }), runtime: Handle::current() })
    }

    async fn look_at_first_byte(&self, address: &WebAddress) -> Result<(Revision, Option<Spool>), Failure> {
        let answer = self.ask(&Question { method: Method::GET, address, range: Some(0..1), known: None }).await?;
        let headers = answer.headers();
        let bytes = match answer.status() {
            StatusCode::PARTIAL_CONTENT | StatusCode::RANGE_NOT_SATISFIABLE => total(headers),
            _ => number(headers, &CONTENT_LENGTH),
        };
        if let Some(bytes) = bytes {
            return Ok((revision(bytes, headers), None));
        }
        // Nobody knows its size before it is read.
        let known = Revision { bytes: 0, ..revision(0, headers) };
        drop(answer);
        let spool = self.spool(address, &known).await?;
        Ok((Revision { bytes: spool.bytes(), ..known }, Some(spool)))
    }

    /// Keeps all of it.
    async fn spool(&self, address: &WebAddress, known: &Revision) -> Result<Spool, Failure> {
        let mut answer = self.ask(&Question { method: Method::GET, address, range: None, known: Some(known) }).await?;
        let too_large = || {
            RemoteError::other(format!(
                "the server gives no parts of it, and it is larger than {} bytes (`--max-spool-size`)",
                self.max_spool_bytes
            ))
        };
        if answer.content_length().is_some_and(|bytes| bytes > self.max_spool_bytes) {
            return Err(too_large().into());
        }
        let (mut spool, mut rate) = (Spool::new()?, MinRate::new(self.retry_for));
        while let Some(piece) = answer.chunk().await? {
            rate.arrived(piece.len())?;
            if spool.bytes() + piece.len() as u64 > self.max_spool_bytes {
                return Err(too_large().into());
            }
            spool.write(&piece).await?;
        }
        Ok(spool.finish().await?)
    }

    /// An answer that is none of an error, and of the revision that is known.
    async fn ask(&self, question: &Question<'_>) -> Result<Response, Failure> {
        let mut request = self.client.request(question.method.clone(), question.address.with_secrets());
        request = request.header(ACCEPT_ENCODING, "identity");
        if let Some(range) = &question.range {
            request = request.header(RANGE, format!("bytes={}-{}", range.start, range.end - 1));
        }
        // A weak ETag never matches (RFC 9110, 13.1.1).
        if let Some(etag) = question.known.and_then(|known| known.etag.as_ref()).filter(|etag| etag.starts_with('"')) {
            request = request.header(IF_MATCH, etag);
        }
        let answer = request.send().await?;
        let is_replaced = question.known.is_some_and(|known| !is_still(known, answer.headers()));
        match (answer.status(), question.known) {
            (status, _) if status.is_success() && !is_replaced => Ok(answer),
            (StatusCode::RANGE_NOT_SATISFIABLE, None) => Ok(answer),
            (StatusCode::PRECONDITION_FAILED | StatusCode::RANGE_NOT_SATISFIABLE, Some(_)) => {
                Err(RemoteError::replaced().into())
            }
            (status, _) if status.is_success() => Err(RemoteError::replaced().into()),
            (status, _) => Err(refused(status, answer.headers())),
        }
    }

    /// Tries again for as long as failures may pass; `connects` times where nobody listens.
    async fn patiently<T, F>(&self, connects: u32, attempt: impl Fn() -> F) -> Result<T, RemoteError>
    where
        F: Future<Output = Result<T, Failure>>,
    {
        let (begin, mut pause, mut tries) = (Instant::now(), FIRST_PAUSE, 1);
        loop {
            let (error, after, is_connect) = match attempt().await {
                Ok(done) => return Ok(done),
                Err(Failure::Final(error)) => return Err(error),
                Err(Failure::Passing { error, after, is_connect }) => (error, after, is_connect),
            };
            // A server may ask for any pause. One that is longer than all retries ends them.
            let wait = after.unwrap_or(pause).max(pause).min(self.retry_for);
            if begin.elapsed() + wait > self.retry_for || (is_connect && tries >= connects) {
                return Err(error);
            }
            tokio::time::sleep(wait).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
            tries += 1;
        }
    }
}

fn refused(status: StatusCode, headers: &HeaderMap) -> Failure {
    let words = format!("the server answered {status}");
    match status.as_u16() {
        408 | 429 | 500 | 502 | 503 | 504 => {
            let after = retry_after(headers, SystemTime::now());
            Failure::Passing { error: RemoteError::other(words), after, is_connect: false }
        }
        401 | 403 => Failure::Final(RemoteError::new(RemoteErrorKind::Denied, words)),
        404 | 410 => Failure::Final(RemoteError::new(RemoteErrorKind::Missing, words)),
        _ => Failure::Final(RemoteError::other(words)),
    }
}

/// A file of a web server that has been found.
pub(super) struct WebObject {
    file: Arc<WebFile>,
    runtime: Handle,
}

struct WebFile {
    web: Web,
    address: WebAddress,
    revision: Revision,
    /// All of it, where the server knows no ranges.
    spooled: OnceCell<Spool>,
}

enum Part {
    Bytes(Vec<u8>),
    /// The server would send all of it.
    NoRanges,
}

impl WebFile {
    async fn bytes(&self, range: Range<u64>) -> Result<Vec<u8>, RemoteError> {
        if let Some(spool) = self.spooled.get() {
            return spool.read(range).await;
        }
        match self.web.patiently(u32::MAX, || self.part(&range)).await? {
            Part::Bytes(bytes) => Ok(bytes),
            Part::NoRanges => {
                let all = self.spooled.get_or_try_init(|| self.web.patiently(u32::MAX, || self.all())).await?;
                all.read(range).await
            }
        }
    }

    async fn part(&self, range: &Range<u64>) -> Result<Part, Failure> {
        let (method, address, known) = (Method::GET, &self.address, Some(&self.revision));
        let answer = self.web.ask(&Question { method, address, range: Some(range.clone()), known }).await?;
        if answer.status() != StatusCode::PARTIAL_CONTENT {
            let is_whole = *range == (0..self.revision.bytes);
            return if is_whole {
                self.web.collected(answer, range).await.map(Part::Bytes)
            } else {
                Ok(Part::NoRanges)
            };
        }
        match content_range(answer.headers()) {
            Some((_, Some(total))) if total != self.revision.bytes => Err(RemoteError::replaced().into()),
            Some((Some(found), _)) if found == *range => self.web.collected(answer, range).await.map(Part::Bytes),
            _ => Err(RemoteError::other("the server answered with another range than was asked for").into()),
        }
    }

    async fn all(&self) -> Result<Spool, Failure> {
        let spool = self.web.spool(&self.address, &self.revision).await?;
        if spool.bytes() == self.revision.bytes { Ok(spool) } else { Err(RemoteError::replaced().into()) }
    }
}

impl Web {
    /// Reads a body that is no longer than what was asked for.
    async fn collected(&self, mut answer: Response, range: &Range<u64>) -> Result<Vec<u8>, Failure> {
        let most =
            usize::try_from(range.end - range.start).map_err(|_| RemoteError::other("it does not fit memory"))?;
        let (mut bytes, mut rate) = (Vec::new(), MinRate::new(self.retry_for));
        bytes.try_reserve_exact(most).map_err(|error| RemoteError::other(error.to_string()))?;
        while let Some(piece) = answer.chunk().await? {
            rate.arrived(piece.len())?;
            if bytes.len() + piece.len() > most {
                return Err(RemoteError::replaced().into());
            }
            bytes.extend_from_slice(&piece);
        }
        if bytes.len() == most { Ok(bytes) } else { Err(passing("the answer ends too early")) }
    }
}

impl Remote for WebObject {
    fn bytes(&self) -> u64 {
        self.file.revision.bytes
    }

    fn revision(&self) -> Option<String> {
        self.file.revision.in_words()
    }

    fn fetch(&self, range: Range<u64>) -> Fetch {
        let file = Arc::clone(&self.file);
        fetch(&self.runtime, async move { file.bytes(range).await })
    }
}
