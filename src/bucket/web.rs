//! How the public URL is seen from a page of another site, without credentials.

use bytes::{Bytes, BytesMut};
use reqwest::header::{
    ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_REQUEST_METHOD, CACHE_CONTROL,
    CONTENT_TYPE, HeaderName, ORIGIN,
};
use reqwest::{Method, RequestBuilder, Response, redirect};
use std::error::Error;
use std::time::Duration;

/// The page that a viewer pretends to stand on. The name can never be anyone's (RFC 2606).
pub(super) const PAGE_ORIGIN: &str = "https://viewer.invalid";

const REDIRECTS: usize = 5;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const REQUEST_TIMEOUT: Duration = Duration::from_secs(20);

/// Before the second try, where the first answer was that of a host short of breath.
const PAUSE: Duration = Duration::from_secs(1);

/// The probe, an error in XML, or the beginning of something that is neither.
const BODY_BYTES: usize = 16 << 10;

/// What came back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) content_type: Option<String>,
    pub(super) cache_control: Option<String>,
    pub(super) allow_origin: Option<String>,
    pub(super) allow_methods: Option<String>,
    /// Its beginning.
    pub(super) body: Bytes,
}

impl Answer {
    /// The status, and the code of an error of S3.
    pub(super) fn in_words(&self) -> String {
        let body = String::from_utf8_lossy(&self.body);
        let code = body.split_once("<Code>").and_then(|(_, rest)| rest.split_once("</Code>")).map(|(code, _)| code);
        match code.filter(|code| code.len() <= 64 && code.chars().all(|c| c.is_ascii_alphanumeric() || c == '.')) {
            Some(code) => format!("{} {code}", self.status),
            None => self.status.to_string(),
        }
    }

    /// Whether a page of another site may read it.
    pub(super) fn allows_any_page(&self) -> bool {
        self.allow_origin.as_deref().is_some_and(|origin| origin == "*" || origin == PAGE_ORIGIN)
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

    /// Reads as the script of a page does; the reason in words where nothing comes back.
    pub(super) async fn get(&self, url: &str) -> Result<Answer, String> {
        self.ask(|| self.0.get(url)).await
    }

    /// Asks beforehand, as a browser does for scripts that send headers of their own.
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

/// What a host says of itself, without what would upset a terminal.
fn printable(value: &[u8]) -> String {
    let escaped = |character: char| match character {
        '"' | '\'' => character.to_string(),
        _ => character.escape_debug().to_string(),
    };
    String::from_utf8_lossy(value).chars().map(escaped).collect()
}

/// The last link of a chain of errors. The outer ones repeat the URL.
fn innermost(error: &reqwest::Error) -> String {
    let mut error: &dyn Error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}
