//! Answers of a web server, with a limit on everything: redirects, tries, seconds and bytes.

use super::finding::Problem;
use bytes::{Bytes, BytesMut};
use reqwest::header::{ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderName, ORIGIN};
use reqwest::{Response, redirect};
use std::error::Error;
use std::time::Duration;

/// The page that a viewer pretends to stand on. The name can never be anyone's (RFC 2606).
const PROBE_ORIGIN: &str = "https://viewer.invalid";

const REDIRECTS: usize = 5;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Between two pieces of an answer.
const READ_TIMEOUT: Duration = Duration::from_secs(30);
/// For a whole request, its body included.
const REQUEST_TIMEOUT: Duration = Duration::from_mins(5);

/// Pauses before the second try and the third: a server that is short of breath is no missing object.
const PAUSES: [Duration; 2] = [Duration::from_millis(300), Duration::from_secs(2)];

#[derive(Clone, Debug)]
pub(super) struct Client(reqwest::Client);

/// What came back, whatever its status. The body is read of a 200 only.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    /// After redirects.
    pub(super) final_url: String,
    pub(super) content_type: Option<String>,
    pub(super) has_cache_control: bool,
    /// Whether a page of another site may read it.
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

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum FetchError {
    /// Nobody listens, or says nothing.
    Unreachable(String),
    /// The answer is cut off.
    Broken(String),
    /// Redirects that go on for ever, or lead out of the web.
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

/// The last link of a chain of errors. The outer ones repeat the URL.
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

    /// Gets a URL, again after failures that may pass. A body of more than `limit_bytes` is not read to its end.
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

/// Too many requests, and what a server or the one in front of it says when it is busy or broken.
fn is_passing(status: u16) -> bool {
    matches!(status, 429 | 500 | 502 | 503 | 504)
}

fn header(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
}

async fn body(mut response: Response, limit_bytes: u64) -> Result<Bytes, FetchError> {
    let mut body = BytesMut::new();
    // What it says of its length is checked first, what comes is counted all the same.
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
