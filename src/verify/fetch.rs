//! HTTP requests with limits on redirects, retries, time and bytes.

use super::finding::Problem;
use bytes::{Bytes, BytesMut};
use reqwest::header::{ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderName, ORIGIN};
use reqwest::{Response, redirect};
use std::error::Error;
use std::time::Duration;

/// The origin of a viewer's page. The name cannot belong to anyone (RFC 2606).
const PROBE_ORIGIN: &str = "https://viewer.invalid";

const REDIRECTS: usize = 5;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// The maximum time between two chunks of a response.
const READ_TIMEOUT: Duration = Duration::from_secs(30);
/// The maximum time of a request, including its body.
const REQUEST_TIMEOUT: Duration = Duration::from_mins(5);

/// Delays before the second and the third attempt: an overloaded server does not mean a missing object.
const PAUSES: [Duration; 2] = [Duration::from_millis(300), Duration::from_secs(2)];

#[derive(Clone, Debug)]
pub(super) struct Client(reqwest::Client);

/// A response with any status. The body is read only if the status is 200.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    /// The URL after redirects.
    pub(super) final_url: String,
    pub(super) content_type: Option<String>,
    pub(super) has_cache_control: bool,
    /// `true` if pages of any site may read the response (CORS).
    pub(super) allows_any_page: bool,
    pub(super) body: Bytes,
}

impl Answer {
    pub(super) fn found(self) -> Result<Self, Problem> {
        match self.status {
            200 => Ok(self),
            status @ (401 | 403 | 404 | 410) => Err(Problem::Missing { status }),
            status => Err(Problem::Status { status }),
        }
    }
}

/// A failure to get a response.
#[derive(Debug)]
pub(super) enum FetchError {
    /// The host refuses the connection or does not respond.
    Unreachable(String),
    /// The response was cut off.
    Broken(String),
    /// There are too many redirects, or a redirect to a URL that is not HTTP or HTTPS.
    Redirects(String),
    TooLarge {
        limit_bytes: u64,
    },
}

impl From<FetchError> for Problem {
    fn from(error: FetchError) -> Self {
        match error {
            FetchError::Unreachable(reason) | FetchError::Broken(reason) | FetchError::Redirects(reason) => {
                Self::Unanswered { reason }
            }
            FetchError::TooLarge { limit_bytes } => Self::TooLarge { limit_bytes },
        }
    }
}

impl From<reqwest::Error> for FetchError {
    fn from(error: reqwest::Error) -> Self {
        let reason = innermost(&error);
        if error.is_redirect() || error.is_builder() {
            Self::Redirects(reason)
        } else if error.is_body() || error.is_decode() {
            Self::Broken(reason)
        } else {
            Self::Unreachable(reason)
        }
    }
}

/// Returns the innermost source of an error, because the outer ones repeat the URL.
fn innermost(error: &dyn Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

impl Client {
    pub(super) fn new() -> reqwest::Result<Self> {
        let client = reqwest::Client::builder()
            .user_agent(concat!("iiif-publish/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::limited(REDIRECTS))
            .referer(false)
            .connect_timeout(CONNECT_TIMEOUT)
            .read_timeout(READ_TIMEOUT)
            .timeout(REQUEST_TIMEOUT);
        Ok(Self(client.build()?))
    }

    /// Sends a GET request and retries transient errors. Stops reading a body after `limit_bytes`.
    pub(super) async fn get(&self, url: &str, limit_bytes: u64) -> Result<Answer, FetchError> {
        for pause in PAUSES {
            match self.get_once(url, limit_bytes).await {
                Ok(answer) if !is_passing(answer.status) => return Ok(answer),
                Err(error @ (FetchError::TooLarge { .. } | FetchError::Redirects(_))) => return Err(error),
                _ => tokio::time::sleep(pause).await,
            }
        }
        self.get_once(url, limit_bytes).await
    }

    async fn get_once(&self, url: &str, limit_bytes: u64) -> Result<Answer, FetchError> {
        let response = self.0.get(url).header(ORIGIN, PROBE_ORIGIN).send().await?;
        let headers = response.headers();
        let mut answer = Answer {
            status: response.status().as_u16(),
            final_url: response.url().to_string(),
            content_type: header(headers, &CONTENT_TYPE),
            has_cache_control: headers.contains_key(CACHE_CONTROL),
            allows_any_page: header(headers, &ACCESS_CONTROL_ALLOW_ORIGIN)
                .is_some_and(|origin| origin == "*" || origin == PROBE_ORIGIN),
            body: Bytes::new(),
        };
        if answer.status == 200 {
            answer.body = body(response, limit_bytes).await?;
        }
        Ok(answer)
    }
}

/// Returns `true` for statuses of a busy or temporarily broken server or proxy.
fn is_passing(status: u16) -> bool {
    matches!(status, 429 | 500 | 502 | 503 | 504)
}

fn header(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
}

async fn body(mut response: Response, limit_bytes: u64) -> Result<Bytes, FetchError> {
    let mut body = BytesMut::new();
    // Checks the declared length first, then counts the received bytes, because the declaration can be wrong.
    let mut length = response.content_length().unwrap_or(0);
    loop {
        if length > limit_bytes {
            return Err(FetchError::TooLarge { limit_bytes });
        }
        let Some(chunk) = response.chunk().await? else { return Ok(body.freeze()) };
        body.extend_from_slice(&chunk);
        length = body.len() as u64;
    }
}
