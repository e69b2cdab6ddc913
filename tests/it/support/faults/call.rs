//! A request as it is written down, and what it asks for.

use super::fault::Fault;
use hyper::Method;
use hyper::http::request::Parts;
use percent_encoding::percent_decode_str;
use std::time::Instant;

/// A request in the log.
#[derive(Clone, Debug)]
pub struct Request {
    /// Its method.
    pub method: Method,
    /// Its path, without percent-encoding: `/bucket/key`.
    pub path: String,
    /// Its query, as it came.
    pub query: String,
    /// When its head was read.
    pub at: Instant,
    /// The status of the answer; `None` where there was none, or not yet.
    pub status: Option<u16>,
    /// What the SDK calls its attempt: `attempt=1; max=10`.
    pub attempt: Option<String>,
    /// The part of an object that it asks for: `bytes=0-99`.
    pub range: Option<String>,
    /// The region that it is signed for.
    pub aws_region: Option<String>,
    /// A copy of an object, which is a put without a body.
    pub is_copy: bool,
    /// The keys that it asks to delete, all at once.
    pub deletes: Vec<String>,
    /// What befell it.
    pub faults: Vec<Fault>,
}

impl Request {
    pub(super) fn read(head: &Parts) -> Self {
        let text = |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok());
        Self {
            method: head.method.clone(),
            path: percent_decode_str(head.uri.path()).decode_utf8_lossy().into_owned(),
            query: head.uri.query().unwrap_or_default().to_owned(),
            at: Instant::now(),
            status: None,
            attempt: text("amz-sdk-request").map(str::to_owned),
            range: text("range").map(str::to_owned),
            aws_region: text("authorization").and_then(signed_region),
            is_copy: head.headers.contains_key("x-amz-copy-source"),
            deletes: Vec::new(),
            faults: Vec::new(),
        }
    }

    /// Whether it did what it asked for, and the client was told so.
    pub fn is_confirmed(&self) -> bool {
        self.status.is_some_and(|status| (200..300).contains(&status)) && !self.faults.contains(&Fault::ErrorInOk)
    }

    /// The bucket and the key in its path.
    pub(super) fn place(&self) -> (&str, &str) {
        let path = self.path.strip_prefix('/').unwrap_or(&self.path);
        path.split_once('/').unwrap_or((path, ""))
    }
}

/// The region in `AWS4-HMAC-SHA256 Credential=key/date/region/s3/aws4_request, …`.
fn signed_region(authorization: &str) -> Option<String> {
    let scope = authorization.split("Credential=").nth(1)?.split(',').next()?;
    scope.split('/').rev().nth(2).map(str::to_owned)
}

/// A parameter of a query, without percent-encoding.
pub(super) fn parameter(query: &str, name: &str) -> Option<String> {
    let decoded = |text: &str| percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned();
    let mut parameters = query.split('&').map(|parameter| parameter.split_once('=').unwrap_or((parameter, "")));
    parameters.find(|(found, _)| *found == name).map(|(_, value)| decoded(value))
}
