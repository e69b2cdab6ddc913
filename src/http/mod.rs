//! The only HTTP client, with the only retry loop.
//!
//! A [`Client`] sends requests without credentials or a referrer. [`Client::read`] reads an entire document, up to a
//! size limit. Callers that stream a body wrap [`Client::request`] in [`Client::with_retry`].

mod error;
mod retry;

pub(crate) use error::HttpError;
pub(crate) use reqwest::{Method, RequestBuilder, Response, StatusCode, Url, header};
pub(crate) use retry::{Failure, Policy};

use bytes::{Bytes, BytesMut};
use header::HeaderMap;
use reqwest::redirect;
use std::time::{Duration, Instant};

/// Origin of a viewer's page. The domain is guaranteed not to exist (RFC 2606).
pub(crate) const VIEWER_ORIGIN: &str = "https://viewer.invalid";

const MAX_REDIRECTS: usize = 5;
/// Timeout for DNS lookup, TCP and TLS. It leaves room for three lost SYN packets.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Timeout for receiving the response headers and each chunk of the body.
const READ_TIMEOUT: Duration = Duration::from_secs(30);
/// Timeout for an entire document. Streamed bodies have a minimum transfer rate instead.
const DOCUMENT_TIMEOUT: Duration = Duration::from_mins(5);

/// An HTTP client with a retry policy. Clones share the same connections.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    client: reqwest::Client,
    policy: Policy,
}

/// Content encodings to accept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encodings {
    /// No compression, because ranges and sizes refer to the stored bytes.
    Identity,
    /// Gzip, which is decoded transparently.
    Gzip,
}

/// Limits how much of a body is read.
#[derive(Clone, Copy, Debug)]
pub(crate) enum BodyLimit {
    /// The entire body of a successful response. Exceeding the limit is an error. The bodies of other responses are
    /// skipped.
    Whole { max_bytes: u64 },
    /// The first bytes of any response.
    #[cfg(feature = "s3")]
    Start { max_bytes: u64 },
}

/// A complete response with any status.
#[derive(Clone, Debug)]
pub(crate) struct Document {
    pub(crate) status: StatusCode,
    /// URL after following redirects.
    pub(crate) final_url: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// A failed attempt.
#[derive(Debug)]
pub(crate) struct Attempt<E> {
    error: E,
    /// `None` if retrying won't help.
    failure: Option<Failure>,
}

impl<E> Attempt<E> {
    /// Creates a failed attempt. If `failure` is `None`, the attempt isn't retried.
    pub(crate) fn new(error: E, failure: impl Into<Option<Failure>>) -> Self {
        Self { error, failure: failure.into() }
    }
}

impl<E> From<E> for Attempt<E> {
    /// Creates a failed attempt that is never retried.
    fn from(error: E) -> Self {
        Self { error, failure: None }
    }
}

impl Client {
    /// Creates a client without sending any requests. Connect and read timeouts never exceed the policy's retry time.
    ///
    /// # Errors
    /// Returns an error if TLS can't be set up.
    pub(crate) fn new(policy: Policy, encodings: Encodings) -> Result<Self, HttpError> {
        use_ring();
        let client = reqwest::Client::builder()
            .user_agent(concat!("iiif-publish/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::limited(MAX_REDIRECTS))
            .referer(false)
            .gzip(encodings == Encodings::Gzip)
            .connect_timeout(CONNECT_TIMEOUT.min(policy.retry_for()))
            .read_timeout(READ_TIMEOUT.min(policy.retry_for()));
        Ok(Self { client: client.build()?, policy })
    }

    /// Returns the retry policy.
    pub(crate) fn policy(&self) -> Policy {
        self.policy
    }

    /// Starts building a request.
    pub(crate) fn request(&self, method: Method, url: &str) -> RequestBuilder {
        self.client.request(method, url)
    }

    /// Reads a document, retrying if necessary. If every attempt gets a transient status, returns the last response.
    ///
    /// # Errors
    /// Returns an error if no attempt gets a complete response or the body exceeds the limit.
    pub(crate) async fn read(
        &self,
        request: impl Fn(&Self) -> RequestBuilder,
        limit: BodyLimit,
    ) -> Result<Document, HttpError> {
        let read = self.with_retry(self.policy, || async {
            match Self::read_once(request(self), limit).await {
                Ok(document) => match Failure::of_response(document.status, &document.headers) {
                    None => Ok(document),
                    Some(failure) => Err(Attempt::new(Ok(document), failure)),
                },
                Err(error) => {
                    let failure = error.failure();
                    Err(Attempt::new(Err(error), failure))
                }
            }
        });
        // The retry loop treats a transient status as an error. To the caller, it's a response like any other.
        read.await.or_else(|last| last)
    }

    async fn read_once(request: RequestBuilder, limit: BodyLimit) -> Result<Document, HttpError> {
        let response = request.timeout(DOCUMENT_TIMEOUT).send().await?;
        document(response, limit).await
    }

    /// Repeats an attempt for as long as the policy allows.
    pub(crate) async fn with_retry<T, E, F>(&self, policy: Policy, attempt: impl Fn() -> F) -> Result<T, E>
    where
        F: Future<Output = Result<T, Attempt<E>>>,
    {
        let (begin, mut attempts) = (Instant::now(), 1);
        loop {
            let failed = match attempt().await {
                Ok(done) => return Ok(done),
                Err(failed) => failed,
            };
            let wait = failed.failure.and_then(|failure| policy.decide(failure, attempts, begin.elapsed()));
            let Some(wait) = wait else { return Err(failed.error) };
            tokio::time::sleep(wait).await;
            attempts += 1;
        }
    }
}

/// Sets the process's TLS implementation to `ring`, unless the program that uses this library has chosen one.
fn use_ring() {
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        // Fails if another thread has just set it.
        let _ = rustls::crypto::ring::default_provider().install_default();
    }
}

async fn document(mut response: Response, limit: BodyLimit) -> Result<Document, HttpError> {
    let mut document = Document {
        status: response.status(),
        final_url: response.url().to_string(),
        headers: response.headers().clone(),
        body: Bytes::new(),
    };
    document.body = match limit {
        BodyLimit::Whole { max_bytes } if document.status == StatusCode::OK => whole(&mut response, max_bytes).await?,
        BodyLimit::Whole { .. } => Bytes::new(),
        #[cfg(feature = "s3")]
        BodyLimit::Start { max_bytes } => start(&mut response, max_bytes).await?,
    };
    Ok(document)
}

async fn whole(response: &mut Response, max_bytes: u64) -> Result<Bytes, HttpError> {
    let mut body = BytesMut::new();
    // Check the declared length first and then count the received bytes, because the declared length can be wrong.
    let mut length = response.content_length().unwrap_or(0);
    loop {
        if length > max_bytes {
            return Err(HttpError::TooLarge { max_bytes });
        }
        let Some(piece) = response.chunk().await? else { return Ok(body.freeze()) };
        body.extend_from_slice(&piece);
        length = body.len() as u64;
    }
}

#[cfg(feature = "s3")]
async fn start(response: &mut Response, max_bytes: u64) -> Result<Bytes, HttpError> {
    let mut body = BytesMut::new();
    while (body.len() as u64) < max_bytes {
        let Some(piece) = response.chunk().await? else { break };
        body.extend_from_slice(&piece);
    }
    Ok(body.freeze())
}
