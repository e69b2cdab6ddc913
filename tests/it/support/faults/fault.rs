//! Faults and their scopes.

use hyper::Method;
use std::time::Duration;

/// A fault that can be applied to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Returns an error and stores nothing.
    Answer(Refusal),
    /// Returns status 200 with an `<Error>` body and stores nothing.
    ErrorInOk,
    /// Resets the connection before the body is read, and stores nothing.
    ResetBeforeBody,
    /// Stores the object and resets the connection before the response.
    ResetAfterBody,
    /// Reads the request, never responds, and stores nothing.
    NeverAnswer,
    /// Delays the response.
    Slow(Duration),
    /// Closes the port for a time and resets all connections, including that of this request.
    Down(Duration),
    /// Stores the object and returns the MD5 of other content.
    WrongETag,
    /// Stores the object and returns an `ETag` that is not an MD5, as for a multipart object.
    OpaqueETag,
    /// Flips one bit of the body before the SHA-256 is checked.
    FlippedBit,
    /// Flips one bit of the body without checking the SHA-256, so that only the `ETag` shows it.
    FlippedBitUnnoticed,
    /// Ignores `If-None-Match` and `If-Match`.
    IgnoreConditions,
    /// Ignores `Range` and returns the whole object.
    IgnoreRanges,
    /// Rejects requests with the newer checksum headers (`x-amz-checksum-…`, `x-amz-sdk-checksum-algorithm`).
    RejectChecksums,
    /// Rejects requests without this header, as a policy can.
    RequireHeader(&'static str),
    /// Keeps the settings of buckets, and allows anonymous access and access by pages only as the settings say.
    KeepSettings,
    /// Allows pages of all websites to read responses.
    AllowAnyPage,
    /// Stores the object and returns no `ETag`.
    NoETag,
    /// Truncates a page of a listing without a continuation token.
    CutListing,
    /// Returns the first page of a listing again and again, with different tokens.
    RepeatPage,
    /// Returns the same continuation token again and again.
    RepeatToken,
    /// Lists the whole bucket and ignores the prefix.
    IgnorePrefix,
    /// Returns empty listings, as if nothing had been stored yet.
    OldListing,
    /// Rejects requests that are not signed for this region, and names the region in `x-amz-bucket-region`.
    OnlyRegion(&'static str),
}

impl Fault {
    /// Returns `true` if the fault ends the request, so that no other ending fault is applied.
    pub(super) fn is_end(self) -> bool {
        let changes_only = [
            Self::IgnoreConditions,
            Self::IgnoreRanges,
            Self::AllowAnyPage,
            Self::KeepSettings,
            Self::OldListing,
            Self::RejectChecksums,
            Self::CutListing,
            Self::RepeatPage,
            Self::RepeatToken,
            Self::IgnorePrefix,
        ]
        .contains(&self);
        !changes_only && !matches!(self, Self::Slow(_) | Self::OnlyRegion(_) | Self::RequireHeader(_))
    }
}

/// An error response of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// 500 without a reason.
    InternalError,
    /// 502 of a proxy, in HTML.
    BadGateway,
    /// 503 `SlowDown`, the throttling error of AWS.
    SlowDown,
    /// 503 `ServiceUnavailable`.
    ServiceUnavailable,
    /// 429 `TooManyRequests`, the throttling error of R2, GCS and B2.
    TooManyRequests,
    /// 400 `RequestTimeout`: the body arrived too slowly.
    RequestTimeout,
    /// 403 `RequestTimeTooSkewed`: the clocks differ.
    RequestTimeTooSkewed,
    /// 403 `ExpiredToken`: temporary credentials expired.
    ExpiredToken,
    /// 409 `OperationAborted`: a concurrent change of the same object.
    OperationAborted,
    /// 409 `ConditionalRequestConflict`.
    ConditionalRequestConflict,
    /// 400 `BadDigest`: a checksum does not match.
    BadDigest,
    /// 403 `AccessDenied`.
    AccessDenied,
    /// 404 `NoSuchBucket`.
    NoSuchBucket,
    /// 409 `BucketAlreadyOwnedByYou`.
    BucketAlreadyOwnedByYou,
    /// 301 `PermanentRedirect`, with the region of the bucket in `x-amz-bucket-region`.
    PermanentRedirect(&'static str),
    /// 307 `TemporaryRedirect`, with the target URL in `Location`.
    TemporaryRedirect(&'static str),
    /// 400 `InvalidRequest`: Object Lock requires a checksum.
    ObjectLock,
    /// 501 `NotImplemented`.
    NotImplemented,
}

impl Refusal {
    /// Returns the status, the code and the message.
    pub(super) fn parts(self) -> (u16, &'static str, &'static str) {
        match self {
            Self::InternalError => (500, "InternalError", "We encountered an internal error. Please try again."),
            Self::BadGateway => (502, "BadGateway", "Bad Gateway"),
            Self::SlowDown => (503, "SlowDown", "Please reduce your request rate."),
            Self::ServiceUnavailable => (503, "ServiceUnavailable", "Please reduce your request rate."),
            Self::TooManyRequests => (429, "TooManyRequests", "Reduce your concurrent request rate."),
            Self::RequestTimeout => (400, "RequestTimeout", "Your socket connection to the server was not read from."),
            Self::BucketAlreadyOwnedByYou => (409, "BucketAlreadyOwnedByYou", "You already own it."),
            Self::RequestTimeTooSkewed => {
                (403, "RequestTimeTooSkewed", "The difference between the times is too large.")
            }
            Self::ExpiredToken => (403, "ExpiredToken", "The provided token has expired."),
            Self::OperationAborted => (409, "OperationAborted", "A conflicting operation is in progress. Try again."),
            Self::ConditionalRequestConflict => {
                (409, "ConditionalRequestConflict", "A conflicting operation occurred.")
            }
            Self::BadDigest => (400, "BadDigest", "The checksum you specified did not match what we received."),
            Self::AccessDenied => (403, "AccessDenied", "Access Denied"),
            Self::NoSuchBucket => (404, "NoSuchBucket", "The specified bucket does not exist"),
            Self::TemporaryRedirect(_) => (307, "TemporaryRedirect", "Please re-send this request elsewhere."),
            Self::ObjectLock => (
                400,
                "InvalidRequest",
                "Content-MD5 OR x-amz-checksum- HTTP header is required for Put Object requests with Object Lock parameters",
            ),
            Self::NotImplemented => {
                (501, "NotImplemented", "A header you provided implies functionality that is not there.")
            }
            Self::PermanentRedirect(_) => (301, "PermanentRedirect", "The bucket must be addressed elsewhere."),
        }
    }
}

/// The requests that a fault applies to. All conditions must match.
#[derive(Clone, Debug, Default)]
pub struct Scope {
    pub(super) method: Option<Method>,
    pub(super) key_part: Option<String>,
    pub(super) only_signed: bool,
    /// `true` to match only copies of objects.
    pub(super) only_copies: bool,
    pub(super) spared: u64,
    pub(super) time: Option<Duration>,
    pub(super) one_in: Option<u64>,
    pub(super) left: Option<u64>,
}

impl Scope {
    /// Matches all requests.
    pub fn always() -> Self {
        Self::default()
    }

    /// Matches requests for a time that begins with the first one.
    pub fn lasting(time: Duration) -> Self {
        Self { time: Some(time), ..Self::default() }
    }

    /// Matches one in `requests` requests at random, with the same seed in every run.
    pub fn one_in(requests: u64) -> Self {
        Self { one_in: Some(requests), ..Self::default() }
    }

    /// Matches only the next `requests` requests.
    pub fn next(requests: u64) -> Self {
        Self { left: Some(requests), ..Self::default() }
    }

    /// Restricts the scope to a method.
    #[must_use]
    pub fn of(self, method: &Method) -> Self {
        Self { method: Some(method.clone()), ..self }
    }

    /// Restricts the scope to paths that contain `part`.
    #[must_use]
    pub fn of_keys_with(self, part: &str) -> Self {
        Self { key_part: Some(part.to_owned()), ..self }
    }

    /// Restricts the scope to signed requests.
    #[must_use]
    pub fn of_signed(self) -> Self {
        Self { only_signed: true, ..self }
    }

    /// Restricts the scope to copies.
    #[must_use]
    pub fn of_copies(self) -> Self {
        Self { only_copies: true, ..self }
    }

    /// Skips the first `requests` matching requests.
    #[must_use]
    pub fn after(self, requests: u64) -> Self {
        Self { spared: requests, ..self }
    }
}
