//! Observes responses to track retries, throttling, the store's clock and the last error.

use super::limit::is_too_large;
use crate::store::Tally;
use crate::store::adaptive_limiter::AdaptiveLimiter;
use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::config::interceptors::{
    BeforeTransmitInterceptorContextRef, FinalizerInterceptorContextRef, InterceptorContext,
};
use aws_sdk_s3::config::retry::{ClassifyRetry, RetryAction};
use aws_sdk_s3::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_s3::error::{BoxError, ProvideErrorMetadata};
use aws_sdk_s3::primitives::{DateTime, DateTimeFormat};
use std::cell::RefCell;
use std::error::Error;
use std::fmt;
use std::marker::PhantomData;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Instant, SystemTime};

/// Maximum number of bytes of an error document to search.
const MAX_ERROR_BYTES: usize = 4096;

/// "Too Many Requests", used for throttling by R2, GCS and B2. The SDK doesn't retry it.
const TOO_MANY_REQUESTS: u16 = 429;
const SLOW_DOWN: u16 = 503;

/// Error codes to retry in addition to the ones the SDK already retries.
const TRANSIENT_CODES: [&str; 8] = [
    // Clocks can differ within a large store.
    "RequestTimeTooSkewed",
    // A different request for the same object was in progress.
    "OperationAborted",
    "ConditionalRequestConflict",
    // The body was corrupted in transit. Stores use three different codes for this.
    "BadDigest",
    "XAmzContentSHA256Mismatch",
    "XAmzContentChecksumMismatch",
    // The body arrived late or was incomplete.
    "RequestTimeout",
    "IncompleteBody",
];

/// Retry classifier that recognizes additional error codes for the operation with error type `E`.
pub(super) struct CodeClassifier<E>(PhantomData<fn() -> E>);

impl<E> Default for CodeClassifier<E> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<E> fmt::Debug for CodeClassifier<E> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("CodeClassifier")
    }
}

impl<E: Error + ProvideErrorMetadata + Send + Sync + 'static> ClassifyRetry for CodeClassifier<E> {
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        // The SDK only retries AWS error codes. Other stores use different codes for the same situations, and 429 for
        // throttling. Returning no action leaves the decision to the other classifiers, so this one only acts on codes
        // it recognizes.
        let Some(Err(error)) = context.output_or_error() else { return RetryAction::NoActionIndicated };
        if is_too_large(error) {
            return RetryAction::RetryForbidden;
        }
        let code =
            error.as_operation_error().and_then(|error| error.downcast_ref::<E>()).and_then(|error| error.code());
        let status = context.response().map(|response| response.status().as_u16());
        match (code, status) {
            (_, Some(TOO_MANY_REQUESTS)) => RetryAction::throttling_error(),
            (Some(code), _) if TRANSIENT_CODES.contains(&code) => RetryAction::transient_error(),
            _ => RetryAction::NoActionIndicated,
        }
    }

    fn name(&self) -> &'static str {
        "codes of S3-compatible stores"
    }
}

/// The store's clock, based on the `Date` header of the last response.
#[derive(Clone, Debug, Default)]
pub(super) struct ServerClock(Arc<Mutex<Option<(SystemTime, Instant)>>>);

impl ServerClock {
    /// Returns the store's current time, or the local time if there hasn't been a response yet.
    pub(super) fn now(&self) -> SystemTime {
        // Add the time elapsed since the last response on the monotonic clock, so that changing the local clock has no
        // effect. `Date` only has whole seconds, which is why the protocol adds `CLOCK_PRECISION` when it compares
        // times.
        let last = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        last.and_then(|(date, received)| date.checked_add(received.elapsed())).unwrap_or_else(SystemTime::now)
    }

    fn set(&self, date: &str) {
        let date = DateTime::from_str(date, DateTimeFormat::HttpDate).ok();
        if let Some(date) = date.and_then(|date| SystemTime::try_from(date).ok()) {
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((date, Instant::now()));
        }
    }
}

tokio::task_local! {
    /// Last error response to the current operation.
    static LAST_FAILURE: RefCell<Option<String>>;
}

/// Runs an operation and tracks its [`last_failure`].
pub(super) fn tracking_last_failure<F: Future>(operation: F) -> impl Future<Output = F::Output> {
    LAST_FAILURE.scope(RefCell::default(), operation)
}

/// Returns the last error response to the current operation. The error for an overall timeout doesn't include it.
pub(super) fn last_failure() -> Option<String> {
    LAST_FAILURE.try_with(|failure| failure.borrow().clone()).ok().flatten()
}

/// Describes an error response using its status and body, or returns `None` if it was successful.
fn failure(response: &HttpResponse) -> Option<String> {
    let status = response.status().as_u16();
    let body = response.body().bytes().unwrap_or_default();
    let body = String::from_utf8_lossy(&body[..body.len().min(MAX_ERROR_BYTES)]);
    let code = element(&body, "Code").filter(|_| body.contains("<Error>"));
    let message = element(&body, "Message").map(|message| format!(": {message}")).unwrap_or_default();
    match code {
        Some(code) => Some(format!("{status} {code}{message}")),
        None => (status >= 400).then(|| status.to_string()),
    }
}

/// Returns the text of an XML element in a small document.
pub(super) fn element<'a>(document: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = document.split_once(&format!("<{name}>"))?;
    rest.split_once(&format!("</{name}>")).map(|(text, _)| text)
}

/// Observes every attempt of every request and updates the limiter.
#[derive(Debug)]
pub(super) struct ResponseObserver {
    limiter: AdaptiveLimiter,
    clock: ServerClock,
}

impl ResponseObserver {
    pub(super) fn new(limiter: AdaptiveLimiter, clock: ServerClock) -> Self {
        Self { limiter, clock }
    }
}

impl Intercept for ResponseObserver {
    fn name(&self) -> &'static str {
        "response observer"
    }

    fn read_before_transmit(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        // For example, `attempt=2; max=100`.
        let attempt = context.request().headers().get("amz-sdk-request");
        let is_retry = attempt.is_some_and(|attempt| !attempt.starts_with("attempt=1;"));
        self.limiter.record_request(is_retry);
        Tally::sent(is_retry);
        Ok(())
    }

    fn read_after_attempt(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let Some(response) = context.response() else { return Ok(()) };
        if let Some(date) = response.headers().get("date") {
            self.clock.set(date);
        }
        if let Some(failure) = failure(response) {
            // Fails for requests outside an operation, but their errors don't need further explanation.
            let _ = LAST_FAILURE.try_with(|last| last.replace(Some(failure)));
        }
        // Record throttling here rather than in the error handling. The SDK retries internally, so a throttled request
        // that succeeds on retry never surfaces as an error, but it still has to shrink the window.
        let status = Some(response.status().as_u16());
        if matches!(status, Some(TOO_MANY_REQUESTS | SLOW_DOWN)) {
            self.limiter.record_throttle();
            Tally::throttled();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn the_clock_of_the_store_is_known_after_its_first_response() {
        let clock = ServerClock::default();
        assert!(clock.now().elapsed().is_ok_and(|elapsed| elapsed < Duration::from_mins(1)));
        clock.set("Thu, 01 Jan 2026 00:00:00 GMT");
        clock.set("not a date");
        let first = SystemTime::UNIX_EPOCH + Duration::from_hours(490_896);
        let since = clock.now().duration_since(first).expect("not earlier");
        assert!(since < Duration::from_mins(1), "{since:?}");
    }
}
