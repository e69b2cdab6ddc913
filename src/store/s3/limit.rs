//! Response size limits, so that a misbehaving store or proxy can't exhaust memory.

use aws_sdk_s3::config::interceptors::BeforeDeserializationInterceptorContextMut;
use aws_sdk_s3::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_s3::error::BoxError;
use aws_sdk_s3::primitives::SdkBody;
use http_body_util::{LengthLimitError, Limited};
use std::error::Error;

/// Maximum size of a successful response body, in bytes. Listing pages are about 1 MB, manifests with 50,000 pages are
/// about 60 MB, and source ranges are smaller.
const MAX_BODY_BYTES: usize = 128 << 20;

/// Maximum size of an error response body, in bytes. S3 errors are about 1 KB.
const MAX_ERROR_BYTES: usize = 1 << 20;

/// Maximum size of an `info.json`, in bytes. Typical files are a few kilobytes.
pub(super) const MAX_INFO_BYTES: usize = 4 << 20;

/// Interceptor that applies the limits before a body is read.
#[derive(Debug)]
pub(super) struct BodyLimit;

impl Intercept for BodyLimit {
    fn name(&self) -> &'static str {
        "response size limit"
    }

    fn modify_before_deserialization(
        &self,
        context: &mut BeforeDeserializationInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let response = context.response_mut();
        let limit = if response.status().is_success() { MAX_BODY_BYTES } else { MAX_ERROR_BYTES };
        let body = std::mem::replace(response.body_mut(), SdkBody::taken());
        *response.body_mut() = SdkBody::from_body_1_x(Limited::new(body, limit));
        Ok(())
    }
}

/// Returns `true` if the error was caused by a body over the limit. Retrying would return the same body.
pub(super) fn is_too_large(error: &(dyn Error + 'static)) -> bool {
    error.is::<LengthLimitError>() || error.source().is_some_and(is_too_large)
}
