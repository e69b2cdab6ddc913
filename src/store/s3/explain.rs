//! Error categories, messages and hints for SDK errors.

use super::watch::{element, last_failure};
use crate::store::{StoreError, StoreErrorKind};
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::RequestId;
use std::error::Error;
use std::fmt;

/// Creates the error for a failed `action`.
pub(super) fn failed<E>(bucket: &str, action: String, error: &SdkError<E>) -> StoreError
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
{
    let readable = ReadableError::new(error, bucket);
    let region = bucket_region(error).map(str::to_owned);
    let failed = StoreError::new(kind(error), action, readable).in_region(region);
    match hint(error) {
        Some(hint) => failed.with_hint(hint),
        None => failed,
    }
}

/// Returns a hint for errors that don't suggest a fix on their own.
fn hint<E: ProvideErrorMetadata>(error: &SdkError<E>) -> Option<&'static str> {
    if matches!(error, SdkError::TimeoutError(_)) && last_failure().is_some() {
        return Some("retry when the store accepts requests, or raise `--retry-for`");
    }
    if let SdkError::DispatchFailure(failure) = error {
        return connection_hint(&root_cause(failure.as_connector_error()?));
    }
    let SdkError::ServiceError(service) = error else { return None };
    if service.raw().status().as_u16() == 400 && speaks_tls(service.raw().body().bytes().unwrap_or_default()) {
        return Some("the port uses HTTPS: write the endpoint with `https://`");
    }
    let (code, message) = (service.err().code()?, service.err().message().unwrap_or_default());
    let asks_for_checksums = CHECKSUM_HEADERS.iter().any(|header| message.contains(header));
    if code == "SignatureDoesNotMatch" {
        return Some(
            "check the secret key (AWS_SECRET_ACCESS_KEY or the profile): it does not belong to the access key",
        );
    }
    if matches!(code, "BucketAlreadyExists" | "InvalidBucketName") {
        return Some(
            "choose another name: 3 to 63 lowercase letters, digits and hyphens, not used by any other account",
        );
    }
    (code == "InvalidRequest" && asks_for_checksums).then_some(
        "the bucket has Object Lock, which requires checksums: pass `--checksums when-supported` or use another bucket",
    )
}

/// Returns a hint for a failed connection, based on the TLS library's error message.
fn connection_hint(message: &str) -> Option<&'static str> {
    if message.contains("InvalidContentType") || message.contains("InvalidMessage") {
        return Some("the port does not use HTTPS: write the endpoint with `http://`");
    }
    if message.contains("UnknownIssuer") || message.contains("CaUsedAsEndEntity") {
        return Some(
            "the certificate authority of the endpoint is unknown: set AWS_CA_BUNDLE, or `ca_bundle` in the profile, to a PEM file \
             with its certificate",
        );
    }
    if message.contains("reset by peer") || message.contains("connection closed before message completed") {
        return Some(
            "check `--endpoint-url` and the network; if the port uses HTTPS, write the endpoint with `https://`",
        );
    }
    if message.contains("NotValidForName") {
        return Some("the certificate is for another host: use the host name of the certificate in the endpoint");
    }
    None
}

/// Recognizes the responses that Go, nginx and Apache send to plain HTTP requests on a TLS port.
fn speaks_tls(body: &[u8]) -> bool {
    let text = String::from_utf8_lossy(body).to_lowercase();
    ["http request to an https server", "plain http request was sent to https port", "speaking plain http to an ssl"]
        .iter()
        .any(|phrase| text.contains(phrase))
}

/// Headers mentioned by S3 when Object Lock rejects a put without a checksum.
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

/// Returns the bucket's actual region, if the store reports that it differs from the requested one.
fn bucket_region<E>(error: &SdkError<E>) -> Option<&str> {
    error.raw_response().and_then(|response| response.headers().get("x-amz-bucket-region"))
}

pub(super) fn kind<E: ProvideErrorMetadata>(error: &SdkError<E>) -> StoreErrorKind {
    match error {
        SdkError::DispatchFailure(failure) if failure.is_io() || failure.is_timeout() => StoreErrorKind::Unreachable,
        SdkError::TimeoutError(_) => StoreErrorKind::Unreachable,
        // A redirect that includes a region means that the bucket is in that region. Any other redirect points to a
        // different endpoint.
        SdkError::ServiceError(_) if bucket_region(error).is_none() && redirect_target(error).is_some() => {
            StoreErrorKind::Endpoint
        }
        SdkError::ServiceError(service) => match (service.err().code(), service.raw().status().as_u16()) {
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

/// Readable message for an SDK error. The SDK's own message is just `service error`.
#[derive(Debug)]
pub(super) struct ReadableError(String);

impl ReadableError {
    pub(super) fn new<E>(error: &SdkError<E>, bucket: &str) -> Self
    where
        E: ProvideErrorMetadata + Error + Send + Sync + 'static,
    {
        let message = match error {
            SdkError::ServiceError(service) => {
                let status = service.raw().status().as_u16();
                let code = service.err().code().unwrap_or("no error code");
                let message = service.err().message().map(|message| format!(": {message}")).unwrap_or_default();
                let region =
                    bucket_region(error).map(|region| format!(", `{bucket}` is in {region}")).unwrap_or_default();
                let request = service.err().meta().request_id().map(|id| format!(", request {id}")).unwrap_or_default();
                let target = redirect_target(error).map(|url| format!(", redirects to {url}")).unwrap_or_default();
                format!("the store answered {status} {code}{message}{region}{target}{request}")
            }
            // This timeout covers all attempts.
            SdkError::TimeoutError(_) if let Some(failure) = last_failure() => {
                format!("the store still answered {failure} when the time for retries ended")
            }
            other => root_cause(other),
        };
        Self(message)
    }
}

/// Returns the message of the root cause, such as `Connection refused (os error 111)`.
pub(super) fn root_cause(error: &dyn Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

impl fmt::Display for ReadableError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Doesn't implement `source`, because the message already includes the causes.
impl Error for ReadableError {}
