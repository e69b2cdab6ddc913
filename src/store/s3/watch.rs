//! What is done about each answer of a store: which are worth another try, and which ask for fewer requests.

use crate::store::Tally;
use crate::store::pacer::Pacer;
use aws_sdk_s3::config::interceptors::{
    BeforeTransmitInterceptorContextRef, FinalizerInterceptorContextRef, InterceptorContext,
};
use aws_sdk_s3::config::retry::{ClassifyRetry, RetryAction};
use aws_sdk_s3::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_s3::error::{BoxError, ProvideErrorMetadata};
use std::error::Error;
use std::fmt;
use std::marker::PhantomData;

/// "Too many requests", with which R2, GCS and B2 throttle. The SDK takes it for final.
const TOO_MANY_REQUESTS: u16 = 429;
const SLOW_DOWN: u16 = 503;

/// Error codes that pass, beyond those that the SDK knows.
const PASSING: [&str; 8] = [
    // The clocks of a large store do not always agree.
    "RequestTimeTooSkewed",
    // Another request for the same object was under way.
    "OperationAborted",
    "ConditionalRequestConflict",
    // The body was changed on the way: three names for it.
    "BadDigest",
    "XAmzContentSHA256Mismatch",
    "XAmzContentChecksumMismatch",
    // The body did not arrive in time or in full.
    "RequestTimeout",
    "IncompleteBody",
];

/// Adds to what the SDK tries again, for the errors `E` of one operation.
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
        let Some(Err(error)) = context.output_or_error() else { return RetryAction::NoActionIndicated };
        let code =
            error.as_operation_error().and_then(|error| error.downcast_ref::<E>()).and_then(|error| error.code());
        let status = context.response().map(|response| response.status().as_u16());
        match (code, status) {
            (_, Some(TOO_MANY_REQUESTS)) => RetryAction::throttling_error(),
            (Some(code), _) if PASSING.contains(&code) => RetryAction::transient_error(),
            _ => RetryAction::NoActionIndicated,
        }
    }

    fn name(&self) -> &'static str {
        "codes of S3-compatible stores"
    }
}

/// Sees every attempt of every request, and tells the pacer.
#[derive(Debug)]
pub(super) struct Watcher {
    pacer: Pacer,
}

impl Watcher {
    pub(super) fn new(pacer: Pacer) -> Self {
        Self { pacer }
    }
}

impl Intercept for Watcher {
    fn name(&self) -> &'static str {
        "pacer"
    }

    fn read_before_transmit(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        // `attempt=2; max=100`
        let attempt = context.request().headers().get("amz-sdk-request");
        let is_retry = attempt.is_some_and(|attempt| !attempt.starts_with("attempt=1;"));
        self.pacer.sent(is_retry);
        Tally::sent(is_retry);
        Ok(())
    }

    fn read_after_attempt(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let status = context.response().map(|response| response.status().as_u16());
        if matches!(status, Some(TOO_MANY_REQUESTS | SLOW_DOWN)) {
            self.pacer.throttled();
            Tally::throttled();
        }
        Ok(())
    }
}
