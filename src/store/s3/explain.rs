//! Errors of the SDK: what kind they are, and what they say.

use super::watch::{element, last_failure};
use crate::store::{StoreError, StoreErrorKind};
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::RequestId;
use std::error::Error;
use std::fmt;

/// A failure to do `action`, in words.
pub(super) fn failed<E>(bucket: &str, action: String, error: &SdkError<E>) -> StoreError
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
{
    let explained = Explained::new(error, bucket);
    let region = bucket_region(error).map(str::to_owned);
    let failed = StoreError::new(kind(error), action, explained).in_region(region);
    match hint(error) {
        Some(hint) => failed.with_hint(hint),
        None => failed,
    }
}

/// Returns advice on refusals whose words are about something else than what is to be done.
fn hint<E: ProvideErrorMetadata>(error: &SdkError<E>) -> Option<&'static str> {
    if matches!(error, SdkError::TimeoutError(_)) && last_failure().is_some() {
        return Some("try again when the store accepts requests, or raise `--retry-for`");
    }
    if let SdkError::DispatchFailure(failure) = error {
        return connection_hint(&innermost(failure.as_connector_error()?));
    }
    let SdkError::ServiceError(refusal) = error else { return None };
    if refusal.raw().status().as_u16() == 400 && speaks_tls(refusal.raw().body().bytes().unwrap_or_default()) {
        return Some("the port speaks HTTPS: write the endpoint with `https://`");
    }
    let (code, message) = (refusal.err().code()?, refusal.err().message().unwrap_or_default());
    let asks_for_checksums = CHECKSUM_HEADERS.iter().any(|header| message.contains(header));
    if code == "SignatureDoesNotMatch" {
        return Some(
            "check the secret key (AWS_SECRET_ACCESS_KEY, or that of the profile): it does not belong to the access key",
        );
    }
    (code == "InvalidRequest" && asks_for_checksums).then_some(
        "the bucket has Object Lock, which demands checksums: use `--checksums when-supported`, or a bucket without Object Lock",
    )
}

/// Returns advice on a connection that was not made, by the words of the TLS library.
fn connection_hint(words: &str) -> Option<&'static str> {
    if words.contains("InvalidContentType") || words.contains("InvalidMessage") {
        return Some("the port does not speak HTTPS: write the endpoint with `http://`");
    }
    if words.contains("UnknownIssuer") || words.contains("CaUsedAsEndEntity") {
        return Some(
            "the certificate is signed by an authority that is not known here: name a file with its certificate in AWS_CA_BUNDLE, or in \
             `ca_bundle` of the profile",
        );
    }
    if words.contains("reset by peer") || words.contains("connection closed before message completed") {
        return Some(
            "check `--endpoint-url` and the network; if the port speaks HTTPS, write the endpoint with `https://`",
        );
    }
    if words.contains("NotValidForName") {
        return Some("the certificate is for another host: write the endpoint with the name in the certificate");
    }
    None
}

/// Returns `true` for what servers answer to plain requests on a port for TLS: Go, nginx, Apache.
fn speaks_tls(body: &[u8]) -> bool {
    let text = String::from_utf8_lossy(body).to_lowercase();
    ["http request to an https server", "plain http request was sent to https port", "speaking plain http to an ssl"]
        .iter()
        .any(|words| text.contains(words))
}

/// Headers that S3 names when Object Lock refuses a put without a checksum.
const CHECKSUM_HEADERS: [&str; 2] = ["Content-MD5", "x-amz-checksum-"];

/// Returns the endpoint that the store redirects to, if it names one.
fn redirect_target<E>(error: &SdkError<E>) -> Option<String> {
    let response = error.raw_response().filter(|response| (300..400).contains(&response.status().as_u16()))?;
    if let Some(location) = response.headers().get("location") {
        let (scheme, rest) = location.split_once("://")?;
        return Some(format!("{scheme}://{}", rest.split(['/', '?']).next().unwrap_or(rest)));
    }
    let body = String::from_utf8_lossy(response.body().bytes()?);
    element(&body, "Endpoint").map(str::to_owned)
}

/// The region that the store names, where the bucket is in another one than was asked.
fn bucket_region<E>(error: &SdkError<E>) -> Option<&str> {
    error.raw_response().and_then(|response| response.headers().get("x-amz-bucket-region"))
}

pub(super) fn kind<E: ProvideErrorMetadata>(error: &SdkError<E>) -> StoreErrorKind {
    match error {
        SdkError::DispatchFailure(failure) if failure.is_io() || failure.is_timeout() => StoreErrorKind::Unreachable,
        SdkError::TimeoutError(_) => StoreErrorKind::Unreachable,
        // A bucket in another region is asked for there; any other redirect is to another endpoint.
        SdkError::ServiceError(_) if bucket_region(error).is_none() && redirect_target(error).is_some() => {
            StoreErrorKind::Endpoint
        }
        SdkError::ServiceError(refusal) => match (refusal.err().code(), refusal.raw().status().as_u16()) {
            (Some("NoSuchBucket"), _) => StoreErrorKind::Missing,
            (
                Some(
                    "InvalidAccessKeyId"
                    | "SignatureDoesNotMatch"
                    | "ExpiredToken"
                    | "InvalidToken"
                    | "TokenRefreshRequired"
                    | "InvalidSecurity",
                ),
                _,
            ) => StoreErrorKind::Credentials,
            (
                Some(
                    "PermanentRedirect"
                    | "AuthorizationHeaderMalformed"
                    | "IllegalLocationConstraintException"
                    | "TemporaryRedirect",
                ),
                _,
            )
            | (_, 301) => StoreErrorKind::Region,
            (Some("AccessDenied" | "AllAccessDisabled" | "AccountProblem"), _) | (_, 401 | 403) => {
                StoreErrorKind::Denied
            }
            _ => StoreErrorKind::Other,
        },
        _ => StoreErrorKind::Other,
    }
}

/// An error of the SDK in words: its own text is only `service error`.
#[derive(Debug)]
pub(super) struct Explained(String);

impl Explained {
    pub(super) fn new<E>(error: &SdkError<E>, bucket: &str) -> Self
    where
        E: ProvideErrorMetadata + Error + Send + Sync + 'static,
    {
        let words = match error {
            SdkError::ServiceError(refusal) => {
                let status = refusal.raw().status().as_u16();
                let code = refusal.err().code().unwrap_or("no error code");
                let message = refusal.err().message().map(|message| format!(": {message}")).unwrap_or_default();
                let region =
                    bucket_region(error).map(|region| format!(", `{bucket}` is in {region}")).unwrap_or_default();
                let request = refusal.err().meta().request_id().map(|id| format!(", request {id}")).unwrap_or_default();
                let target = redirect_target(error).map(|url| format!(", redirects to {url}")).unwrap_or_default();
                format!("the store answered {status} {code}{message}{region}{target}{request}")
            }
            // Of all attempts together.
            SdkError::TimeoutError(_) if let Some(failure) = last_failure() => {
                format!("the store still answered {failure} when the time for retries was over")
            }
            other => innermost(other),
        };
        Self(words)
    }
}

/// The last link of a chain of errors: `Connection refused (os error 111)` and the like.
pub(super) fn innermost(error: &dyn Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

impl fmt::Display for Explained {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// No `source`: the words already say what its links would.
impl Error for Explained {}
