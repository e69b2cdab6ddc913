//! Requests to the public URL, without credentials, as from a page of another site.

use bytes::{Bytes, BytesMut};
use reqwest::header::{
    ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_REQUEST_METHOD, CACHE_CONTROL,
    CONTENT_TYPE, HeaderName, ORIGIN,
};
use reqwest::{Method, RequestBuilder, Response, redirect};
use std::error::Error;
use std::fmt;
use std::time::Duration;

/// The origin of a viewer's page. The name cannot belong to anyone (RFC 2606).
pub(super) const PAGE_ORIGIN: &str = "https://viewer.invalid";

const REDIRECTS: usize = 5;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const REQUEST_TIMEOUT: Duration = Duration::from_secs(20);

/// The delay before the second attempt, if the first failed with a transient error.
const PAUSE: Duration = Duration::from_secs(1);

/// The maximum number of body bytes to read: enough for the probe or an XML error.
const BODY_BYTES: usize = 16 << 10;

/// A response.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) content_type: Option<String>,
    pub(super) cache_control: Option<String>,
    pub(super) allow_origin: Option<String>,
    pub(super) allow_methods: Option<String>,
    /// The beginning of the body.
    pub(super) body: Bytes,
}

impl Answer {
    /// Returns the error code of S3, if the body is an error in XML.
    fn error_code(&self) -> Option<String> {
        let body = String::from_utf8_lossy(&self.body);
        let (code, _) = body.split_once("<Code>")?.1.split_once("</Code>")?;
        let is_code = code.len() <= 64 && code.chars().all(|c| c.is_ascii_alphanumeric() || c == '.');
        is_code.then(|| code.to_owned())
    }

    /// Returns `true` if pages of other sites can read the response.
    pub(super) fn allows_any_page(&self) -> bool {
        self.allow_origin.as_deref().is_some_and(|origin| origin == "*" || origin == PAGE_ORIGIN)
    }
}

/// Writes the status and the error code of S3, if there is one.
impl fmt::Display for Answer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.status)?;
        self.error_code().map_or(Ok(()), |code| write!(formatter, " {code}"))
    }
}

#[derive(Clone, Debug)]
pub(super) struct Web(reqwest::Client);

impl Web {
    pub(super) fn new() -> reqwest::Result<Self> {
        let client = reqwest::Client::builder()
            .user_agent(concat!("iiif-publish/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::limited(REDIRECTS))
            .referer(false)
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(REQUEST_TIMEOUT);
        Ok(Self(client.build()?))
    }

    /// Sends a GET request as a script in a page would. Returns the reason if there is no response.
    pub(super) async fn get(&self, url: &str) -> Result<Answer, String> {
        self.ask(|| self.0.get(url)).await
    }

    /// Sends a preflight request, as a browser does for scripts that set custom headers.
    pub(super) async fn preflight(&self, url: &str) -> Result<Answer, String> {
        self.ask(|| self.0.request(Method::OPTIONS, url).header(ACCESS_CONTROL_REQUEST_METHOD, "GET")).await
    }

    async fn ask(&self, request: impl Fn() -> RequestBuilder) -> Result<Answer, String> {
        let once = async || answer(request().header(ORIGIN, PAGE_ORIGIN).send().await?).await;
        let first = once().await;
        if first.as_ref().is_ok_and(|answer| !matches!(answer.status, 429 | 500..=504)) {
            return first.map_err(|error| innermost(&error));
        }
        tokio::time::sleep(PAUSE).await;
        once().await.map_err(|error| innermost(&error))
    }
}

async fn answer(mut response: Response) -> reqwest::Result<Answer> {
    let header = |name: &HeaderName| response.headers().get(name).map(|value| printable(value.as_bytes()));
    let answer = Answer {
        status: response.status().as_u16(),
        content_type: header(&CONTENT_TYPE),
        cache_control: header(&CACHE_CONTROL),
        allow_origin: header(&ACCESS_CONTROL_ALLOW_ORIGIN),
        allow_methods: header(&ACCESS_CONTROL_ALLOW_METHODS),
        body: Bytes::new(),
    };
    let mut body = BytesMut::new();
    while body.len() < BODY_BYTES {
        let Some(chunk) = response.chunk().await? else { break };
        body.extend_from_slice(&chunk);
    }
    Ok(Answer { body: body.freeze(), ..answer })
}

/// Escapes a header value for a terminal.
fn printable(value: &[u8]) -> String {
    let escaped = |character: char| match character {
        '"' | '\'' => character.to_string(),
        _ => character.escape_debug().to_string(),
    };
    String::from_utf8_lossy(value).chars().map(escaped).collect()
}

/// Returns the innermost source of an error, because the outer ones repeat the URL.
fn innermost(error: &reqwest::Error) -> String {
    let mut error: &dyn Error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}
