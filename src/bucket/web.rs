//! Anonymous requests to the public URL, as sent by a page on another site.

use crate::http::header::{
    ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_REQUEST_METHOD, CACHE_CONTROL,
    CONTENT_TYPE, HeaderName, ORIGIN,
};
use crate::http::{BodyLimit, Client, Document, Encodings, HttpError, Method, Policy, RequestBuilder, VIEWER_ORIGIN};
use bytes::Bytes;
use std::fmt;
use std::time::Duration;

/// Kept short because the user is waiting.
const POLICY: Policy = Policy::new(Duration::from_secs(20)).with_max_attempts(3);

/// Maximum number of body bytes to read. This is enough for the probe or an XML error.
const BODY: BodyLimit = BodyLimit::Start { max_bytes: 16 << 10 };

/// HTTP response.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) content_type: Option<String>,
    pub(super) cache_control: Option<String>,
    pub(super) allow_origin: Option<String>,
    pub(super) allow_methods: Option<String>,
    /// Start of the body.
    pub(super) body: Bytes,
}

impl Answer {
    /// Returns the S3 error code if the body is an XML error.
    fn error_code(&self) -> Option<String> {
        let body = String::from_utf8_lossy(&self.body);
        let (code, _) = body.split_once("<Code>")?.1.split_once("</Code>")?;
        // The body could come from any server along the way, and the code gets printed to a terminal.
        let is_code = code.len() <= 64 && code.chars().all(|c| c.is_ascii_alphanumeric() || c == '.');
        is_code.then(|| code.to_owned())
    }

    /// Returns `true` if pages on other sites can read the response.
    pub(super) fn allows_any_page(&self) -> bool {
        self.allow_origin.as_deref().is_some_and(|origin| origin == "*" || origin == VIEWER_ORIGIN)
    }
}

/// Writes the status, followed by the S3 error code if there is one.
impl fmt::Display for Answer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.status)?;
        self.error_code().map_or(Ok(()), |code| write!(formatter, " {code}"))
    }
}

impl From<Document> for Answer {
    fn from(document: Document) -> Self {
        let header = |name: &HeaderName| document.headers.get(name).map(|value| printable(value.as_bytes()));
        Self {
            status: document.status.as_u16(),
            content_type: header(&CONTENT_TYPE),
            cache_control: header(&CACHE_CONTROL),
            allow_origin: header(&ACCESS_CONTROL_ALLOW_ORIGIN),
            allow_methods: header(&ACCESS_CONTROL_ALLOW_METHODS),
            body: document.body,
        }
    }
}

/// Client that sends requests the way a script on a web page would.
#[derive(Clone, Debug)]
pub(super) struct Web(Client);

impl Web {
    pub(super) fn new() -> Result<Self, HttpError> {
        Client::new(POLICY, Encodings::Gzip).map(Self)
    }

    /// Sends a GET request. Only fails if there's no response.
    pub(super) async fn get(&self, url: &str) -> Result<Answer, HttpError> {
        self.ask(|client| client.request(Method::GET, url)).await
    }

    /// Sends a preflight request, as browsers do for scripts that set custom headers.
    pub(super) async fn preflight(&self, url: &str) -> Result<Answer, HttpError> {
        let request = |client: &Client| client.request(Method::OPTIONS, url);
        self.ask(|client| request(client).header(ACCESS_CONTROL_REQUEST_METHOD, "GET")).await
    }

    async fn ask(&self, request: impl Fn(&Client) -> RequestBuilder) -> Result<Answer, HttpError> {
        let document = self.0.read(|client| request(client).header(ORIGIN, VIEWER_ORIGIN), BODY).await?;
        Ok(document.into())
    }
}

/// Escapes a header value for printing to a terminal.
fn printable(value: &[u8]) -> String {
    let escaped = |character: char| match character {
        '"' | '\'' => character.to_string(),
        _ => character.escape_debug().to_string(),
    };
    String::from_utf8_lossy(value).chars().map(escaped).collect()
}
