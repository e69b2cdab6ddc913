//! Logged requests and their parameters.

use super::fault::Fault;
use hyper::Method;
use hyper::http::request::Parts;
use percent_encoding::percent_decode_str;
use std::time::Instant;

/// A logged request.
#[derive(Clone, Debug)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// The path without percent-encoding, such as `/bucket/key`.
    pub path: String,
    /// The query, as received.
    pub query: String,
    /// The time at which the request headers were read.
    pub at: Instant,
    /// The number of requests that were in flight when this one arrived, including this one.
    pub in_flight: usize,
    /// The status of the response, or `None` if there is none yet.
    pub status: Option<u16>,
    /// The attempt number of the SDK, such as `attempt=1; max=10`.
    pub attempt: Option<String>,
    /// The requested range, such as `bytes=0-99`.
    pub range: Option<String>,
    /// The region of the signature.
    pub aws_region: Option<String>,
    /// `true` for a copy of an object, which is a put without a body.
    pub is_copy: bool,
    /// The keys of a batch deletion.
    pub deletes: Vec<String>,
    /// The faults that were applied.
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
            in_flight: 0,
            status: None,
            attempt: text("amz-sdk-request").map(str::to_owned),
            range: text("range").map(str::to_owned),
            aws_region: text("authorization").and_then(signed_region),
            is_copy: head.headers.contains_key("x-amz-copy-source"),
            deletes: Vec::new(),
            faults: Vec::new(),
        }
    }

    /// Returns `true` if the request succeeded and the client received the response.
    pub fn is_confirmed(&self) -> bool {
        self.status.is_some_and(|status| (200..300).contains(&status)) && !self.faults.contains(&Fault::ErrorInOk)
    }

    /// Returns the bucket and the key in the path.
    pub(super) fn place(&self) -> (&str, &str) {
        let path = self.path.strip_prefix('/').unwrap_or(&self.path);
        path.split_once('/').unwrap_or((path, ""))
    }
}

/// Returns the region in `AWS4-HMAC-SHA256 Credential=key/date/region/s3/aws4_request, …`.
fn signed_region(authorization: &str) -> Option<String> {
    let scope = authorization.split("Credential=").nth(1)?.split(',').next()?;
    scope.split('/').rev().nth(2).map(str::to_owned)
}

/// Returns a query parameter without percent-encoding.
pub(super) fn parameter(query: &str, name: &str) -> Option<String> {
    let decoded = |text: &str| percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned();
    let mut parameters = query.split('&').map(|parameter| parameter.split_once('=').unwrap_or((parameter, "")));
    parameters.find(|(found, _)| *found == name).map(|(_, value)| decoded(value))
}
