//! What can go wrong, and when.

use hyper::Method;
use std::time::Duration;

/// One thing that goes wrong with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// An error is answered instead; nothing is stored.
    Answer(Refusal),
    /// The status is 200, but the body is an `<Error>`, and nothing is stored.
    ErrorInOk,
    /// The connection is reset before the body is read; nothing is stored.
    ResetBeforeBody,
    /// The object is stored, and the connection reset before that is answered.
    ResetAfterBody,
    /// The request is read to its end and never answered; nothing is stored.
    NeverAnswer,
    /// The answer takes so much longer.
    Slow(Duration),
    /// The port is closed for so long, all connections are reset, that of this request among them.
    Down(Duration),
    /// The object is stored, and answered with the MD5 of something else.
    WrongETag,
    /// The object is stored, and answered with an `ETag` that is no MD5, as of an object of several parts.
    OpaqueETag,
    /// One bit of the body is flipped before anyone looks at it: the SHA-256 of the request no longer fits.
    FlippedBit,
    /// One bit of the body is flipped, and no SHA-256 is checked: only the `ETag` shows it.
    FlippedBitUnnoticed,
    /// `If-None-Match` and `If-Match` count for nothing.
    IgnoreConditions,
    /// `Range` counts for nothing: all of an object is answered.
    IgnoreRanges,
    /// Requests with headers of the newer checksums (`x-amz-checksum-…`, `x-amz-sdk-checksum-algorithm`) are refused.
    RejectChecksums,
    /// Requests without this header are refused, as by a policy.
    RequireHeader(&'static str),
    /// Answers let pages of all sites read them.
    AllowAnyPage,
    /// The object is stored, and answered without an `ETag`.
    NoETag,
    /// A page of a listing says that there are more, but not how to get them.
    CutListing,
    /// A listing gives the first page again and again, each time with another token.
    RepeatPage,
    /// A listing gives the same token again and again.
    RepeatToken,
    /// A listing is of the whole bucket, whatever the prefix.
    IgnorePrefix,
    /// Listings are empty, as if nothing had been stored yet.
    OldListing,
    /// Requests that are not signed for this region are refused, with the region in `x-amz-bucket-region`.
    OnlyRegion(&'static str),
}

impl Fault {
    /// Whether the request ends with it, so that no other fault of this kind can befall it too.
    pub(super) fn is_end(self) -> bool {
        let changes_only = [
            Self::IgnoreConditions,
            Self::IgnoreRanges,
            Self::AllowAnyPage,
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

/// An error that a store answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// 500, without a reason.
    InternalError,
    /// 502 of a proxy, in HTML.
    BadGateway,
    /// 503 `SlowDown`, the throttle of AWS.
    SlowDown,
    /// 503 `ServiceUnavailable`.
    ServiceUnavailable,
    /// 429 `TooManyRequests`, the throttle of R2, GCS and B2.
    TooManyRequests,
    /// 400 `RequestTimeout`: the body came too slowly.
    RequestTimeout,
    /// 403 `RequestTimeTooSkewed`: the clocks differ.
    RequestTimeTooSkewed,
    /// 403 `ExpiredToken`: temporary credentials that have run out.
    ExpiredToken,
    /// 409 `OperationAborted`: somebody else is changing the same.
    OperationAborted,
    /// 409 `ConditionalRequestConflict`.
    ConditionalRequestConflict,
    /// 400 `BadDigest`: a checksum does not fit.
    BadDigest,
    /// 403 `AccessDenied`.
    AccessDenied,
    /// 404 `NoSuchBucket`.
    NoSuchBucket,
    /// 301 `PermanentRedirect`, with the region of the bucket in `x-amz-bucket-region`.
    PermanentRedirect(&'static str),
    /// 307 `TemporaryRedirect`, with the URL to go to in `Location`.
    TemporaryRedirect(&'static str),
    /// 400 `InvalidRequest`: Object Lock demands a checksum.
    ObjectLock,
    /// 501 `NotImplemented`.
    NotImplemented,
}

impl Refusal {
    /// Its status, code and words.
    pub(super) fn parts(self) -> (u16, &'static str, &'static str) {
        match self {
            Self::InternalError => (500, "InternalError", "We encountered an internal error. Please try again."),
            Self::BadGateway => (502, "BadGateway", "Bad Gateway"),
            Self::SlowDown => (503, "SlowDown", "Please reduce your request rate."),
            Self::ServiceUnavailable => (503, "ServiceUnavailable", "Please reduce your request rate."),
            Self::TooManyRequests => (429, "TooManyRequests", "Reduce your concurrent request rate."),
            Self::RequestTimeout => (400, "RequestTimeout", "Your socket connection to the server was not read from."),
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

/// Which requests a fault befalls: those that fit all that is said.
#[derive(Clone, Debug, Default)]
pub struct Scope {
    pub(super) method: Option<Method>,
    pub(super) key_part: Option<String>,
    pub(super) only_signed: bool,
    /// Copies of objects.
    pub(super) only_copies: bool,
    pub(super) spared: u64,
    pub(super) time: Option<Duration>,
    pub(super) one_in: Option<u64>,
    pub(super) left: Option<u64>,
}

impl Scope {
    /// All requests.
    pub fn always() -> Self {
        Self::default()
    }

    /// The requests of so long a time, which begins with the first of them.
    pub fn lasting(time: Duration) -> Self {
        Self { time: Some(time), ..Self::default() }
    }

    /// One request in so many, at random, with the same seed in every run.
    pub fn one_in(requests: u64) -> Self {
        Self { one_in: Some(requests), ..Self::default() }
    }

    /// So many requests, and no more.
    pub fn next(requests: u64) -> Self {
        Self { left: Some(requests), ..Self::default() }
    }

    /// Of these only those with this method.
    #[must_use]
    pub fn of(self, method: &Method) -> Self {
        Self { method: Some(method.clone()), ..self }
    }

    /// Of these only those whose path has this in it.
    #[must_use]
    pub fn of_keys_with(self, part: &str) -> Self {
        Self { key_part: Some(part.to_owned()), ..self }
    }

    /// Of these only those that are signed.
    #[must_use]
    pub fn of_signed(self) -> Self {
        Self { only_signed: true, ..self }
    }

    /// Of these only copies.
    #[must_use]
    pub fn of_copies(self) -> Self {
        Self { only_copies: true, ..self }
    }

    /// Not before so many that fit have gone by.
    #[must_use]
    pub fn after(self, requests: u64) -> Self {
        Self { spared: requests, ..self }
    }
}
