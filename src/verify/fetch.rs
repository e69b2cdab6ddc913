//! Requests published objects the way a viewer on a web page would.

use super::finding::Problem;
use crate::http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, CONTENT_TYPE, HeaderName, ORIGIN};
use crate::http::{BodyLimit, Client, Document, Encodings, HttpError, Method, Policy, VIEWER_ORIGIN};
use bytes::Bytes;
use std::time::Duration;

/// Retry policy. Retries keep an overloaded server's objects from being reported as missing, but the limits ensure that
/// a broken host doesn't hold up the report for long.
const POLICY: Policy = Policy::new(Duration::from_secs(30)).with_max_attempts(3);

/// Requests objects the way a viewer does.
#[derive(Clone, Debug)]
pub(super) struct Viewer(Client);

/// A response with any status. The body is only read if the status is 200.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    /// URL after following redirects.
    pub(super) final_url: String,
    pub(super) content_type: Option<String>,
    pub(super) has_cache_control: bool,
    /// `true` if pages on any site may read the response (CORS).
    pub(super) allows_any_page: bool,
    pub(super) body: Bytes,
}

impl Answer {
    pub(super) fn found(self) -> Result<Self, Problem> {
        match self.status {
            200 => Ok(self),
            // S3 responds with 403 to requests for missing objects if the client isn't allowed to list the bucket.
            status @ (401 | 403 | 404 | 410) => Err(Problem::Missing { status }),
            status => Err(Problem::Status { status }),
        }
    }
}

impl From<Document> for Answer {
    fn from(document: Document) -> Self {
        let header =
            |name: &HeaderName| document.headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()));
        let allowed = header(&ACCESS_CONTROL_ALLOW_ORIGIN);
        Self {
            status: document.status.as_u16(),
            content_type: header(&CONTENT_TYPE).map(Into::into),
            has_cache_control: document.headers.contains_key(CACHE_CONTROL),
            allows_any_page: allowed.is_some_and(|origin| origin == "*" || origin == VIEWER_ORIGIN),
            final_url: document.final_url,
            body: document.body,
        }
    }
}

/// Errors that can occur when fetching an object.
#[derive(Debug)]
pub(super) enum FetchError {
    /// The host refused the connection or didn't respond.
    Unreachable(String),
    /// The object's response isn't usable.
    Object(Problem),
}

impl From<FetchError> for Problem {
    fn from(error: FetchError) -> Self {
        match error {
            FetchError::Unreachable(reason) => Self::Unanswered { reason },
            FetchError::Object(problem) => problem,
        }
    }
}

impl From<HttpError> for FetchError {
    fn from(error: HttpError) -> Self {
        match error {
            HttpError::Connect(reason) | HttpError::NoResponse(reason) => Self::Unreachable(reason),
            HttpError::TooLarge { max_bytes } => Self::Object(Problem::TooLarge { limit_bytes: max_bytes }),
            error => Self::Object(Problem::Unanswered { reason: error.to_string() }),
        }
    }
}

impl Viewer {
    pub(super) fn new() -> Result<Self, HttpError> {
        Client::new(POLICY, Encodings::Gzip).map(Self)
    }

    /// Sends a GET request, retrying transient errors. Stops reading the body after `max_bytes`.
    pub(super) async fn get(&self, url: &str, max_bytes: u64) -> Result<Answer, FetchError> {
        let request = |client: &Client| client.request(Method::GET, url).header(ORIGIN, VIEWER_ORIGIN);
        Ok(self.0.read(request, BodyLimit::Whole { max_bytes }).await?.into())
    }
}
