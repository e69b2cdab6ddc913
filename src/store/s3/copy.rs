//! Updates headers by copying an object onto itself, without uploading it again.

use super::explain::kind;
use super::put::is_encrypted_by_key;
use super::{MARK, S3Store};
use crate::store::{ETag, HeaderUpdate, Receipt, StoreError, StoreErrorKind};
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::copy_object::{CopyObjectError, CopyObjectOutput};
use aws_sdk_s3::types::{MetadataDirective, TaggingDirective};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// Everything except the RFC 3986 unreserved characters and the slash is percent-encoded in the copy source header.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

/// Status returned when an object's ETag has changed.
const PRECONDITION_FAILED: u16 = 412;
const METHOD_NOT_ALLOWED: u16 = 405;
const NOT_IMPLEMENTED: u16 = 501;

/// Error codes returned by stores that can't copy an object onto itself or don't support one of the headers.
const UNSUPPORTED: [&str; 4] = ["NotImplemented", "InvalidRequest", "InvalidArgument", "MethodNotAllowed"];

impl S3Store {
    /// Copies an object onto itself. Sends every attribute, because a copy doesn't inherit them by default.
    pub(super) async fn copy_in_place(&self, update: HeaderUpdate) -> Result<Receipt, StoreError> {
        let _permit = self.limiter.acquire(0).await;
        let output = self.copy(&update).await.map_err(|error| self.not_updated(&update, &error))?;
        self.limiter.record_success();
        let etag = output.copy_object_result().and_then(|result| result.e_tag()).and_then(ETag::new);
        if is_of_other_content(&output, &update.etag, etag.as_ref()) {
            return Err(StoreError::replaced(&update.key));
        }
        Ok(Receipt { key: update.key, bytes: update.bytes, etag })
    }

    async fn copy(&self, update: &HeaderUpdate) -> Result<CopyObjectOutput, SdkError<CopyObjectError>> {
        let source = format!("{}/{}", self.bucket, utf8_percent_encode(update.key.as_str(), ENCODED));
        let copy = self.client.copy_object().bucket(&self.bucket).key(update.key.as_str()).copy_source(source);
        let copy = copy
            .copy_source_if_match(format!("\"{}\"", update.etag.as_str()))
            .metadata_directive(MetadataDirective::Replace)
            .tagging_directive(TaggingDirective::Replace)
            .content_type(update.content_type)
            .cache_control(&*update.cache_control);
        let copy = self.attributes.apply_to_copy(copy).set_request_payer(self.payer.into());
        let copy = match &update.mark {
            Some(mark) => copy.metadata(MARK, &**mark),
            None => copy,
        };
        copy.send().await
    }

    fn not_updated(&self, update: &HeaderUpdate, error: &SdkError<CopyObjectError>) -> StoreError {
        let status = error.raw_response().map(|response| response.status().as_u16());
        if status == Some(PRECONDITION_FAILED) || error.code() == Some("PreconditionFailed") {
            return StoreError::replaced(&update.key);
        }
        let is_unsupported = matches!(status, Some(METHOD_NOT_ALLOWED | NOT_IMPLEMENTED))
            || error.code().is_some_and(|code| UNSUPPORTED.contains(&code));
        let failed = self.failed(format!("could not update the headers of `{}`", update.key), error);
        if is_unsupported && kind(error) == StoreErrorKind::Other {
            failed.with_kind(StoreErrorKind::Unsupported)
        } else {
            failed
        }
    }
}

/// Returns `true` if the copied content isn't the expected content. Some stores, including Ceph, ignore the condition.
fn is_of_other_content(output: &CopyObjectOutput, named: &ETag, copied: Option<&ETag>) -> bool {
    let is_digest = !is_encrypted_by_key(output.server_side_encryption(), output.sse_customer_algorithm());
    let differ = |(named, copied)| named != copied;
    is_digest && named.md5().zip(copied.and_then(ETag::md5)).is_some_and(differ)
}
