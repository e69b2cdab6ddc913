//! Uploads objects and confirms each upload using the returned ETag.

use super::integrity::{ContentSignature, Integrity};
use super::{MARK, S3Store};
use crate::store::{
    Digest, ETag, Key, Object, OnExisting, Receipt, Redirect, Redirects, Store, StoreError, StoreErrorKind,
};
use aws_sdk_s3::error::SdkError;
use aws_sdk_s3::operation::put_object::builders::PutObjectFluentBuilder;
use aws_sdk_s3::operation::put_object::{PutObjectError, PutObjectOutput};
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::ServerSideEncryption;
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};

/// Maximum number of attempts if the stored bytes differ from the bytes sent.
const MAX_DIGEST_ATTEMPTS: u32 = 4;

/// Hint for a put response without an ETag, which every S3 API returns.
const NO_ETAG_HINT: &str =
    "check that `--endpoint-url` is the S3 API of the store, not a website, a CDN or a proxy that removes headers";

/// Status returned when a conditional put finds an existing object.
const PRECONDITION_FAILED: u16 = 412;

impl S3Store {
    /// Puts an object, retrying until the store confirms that it has the right bytes.
    pub(super) async fn put_confirmed(&self, object: Object, on_existing: OnExisting) -> Result<Receipt, StoreError> {
        // The ETag is the MD5 of the stored content, at least for a single put without a KMS key. Comparing it to the
        // digest of the bytes we sent covers everything in between, including memory, proxies and the store itself. If
        // the store verifies checksums, it has already compared the bytes.
        let digest = (self.integrity == Integrity::Digests).then(|| object.body.md5());
        let _permit = self.limiter.acquire(object.body.len() as u64).await;
        let mut confirmation = Confirmation::NoETag;
        for _ in 0..MAX_DIGEST_ATTEMPTS {
            let output = match self.put_without_check(&object, on_existing).await {
                Ok(output) => output,
                // With `If-None-Match: *`, a retry fails with 412 if the response to the first attempt was lost,
                // because our own object is already stored. Compare the bytes instead of relying on the status.
                Err(error) if is_there_already(&error) => return self.already_there(object).await,
                Err(error) => return Err(self.failed(could_not_put(&object.key), &error)),
            };
            confirmation = Confirmation::from_output(&output, digest);
            if confirmation == Confirmation::Confirmed {
                self.limiter.record_success();
                let etag = output.e_tag().and_then(ETag::new);
                return Ok(Receipt { bytes: object.body.len() as u64, key: object.key, etag });
            }
        }
        Err(confirmation.into_error(&object.key))
    }

    /// Sends a single put, including any SDK retries.
    async fn put_without_check(
        &self,
        object: &Object,
        on_existing: OnExisting,
    ) -> Result<PutObjectOutput, SdkError<PutObjectError>> {
        let put = self.put_request(&object.key, on_existing);
        let put = put.content_type(object.content_type).cache_control(&*object.cache_control);
        let put = put.set_content_encoding(object.content_encoding.map(str::to_owned));
        let put = match &object.mark {
            Some(mark) => put.metadata(MARK, &**mark),
            None => put,
        };
        let signature = ContentSignature::new(&object.body, self.integrity);
        put.body(ByteStream::from(Bytes::clone(&object.body))).customize().interceptor(signature).send().await
    }

    fn put_request(&self, key: &Key, on_existing: OnExisting) -> PutObjectFluentBuilder {
        let put = self.client.put_object().bucket(&self.bucket).key(key.as_str());
        let put = self.attributes.apply_to_put(put).set_request_payer(self.payer.into());
        match on_existing {
            OnExisting::Update | OnExisting::Overwrite => put,
            OnExisting::Keep => put.if_none_match("*"),
        }
    }

    /// Treats an existing object with the same bytes as stored. Usually this means the response to an earlier attempt
    /// was lost.
    async fn already_there(&self, object: Object) -> Result<Receipt, StoreError> {
        // Compare the bytes, because objects encrypted with KMS don't have MD5 ETags.
        let stored = self.get(&object.key).await?.filter(|stored| stored.body == *object.body);
        let stored = stored.ok_or_else(|| StoreError::exists(&object.key))?;
        Ok(Receipt { bytes: object.body.len() as u64, key: object.key, etag: stored.etag })
    }

    /// Puts empty objects that website endpoints serve as redirects.
    ///
    /// The base key may hold someone else's object. The other keys only ever replace our own objects.
    pub(super) async fn put_redirects(&self, Redirects { base, redirects, .. }: Redirects) -> Result<(), StoreError> {
        let has_base = redirects.iter().any(|redirect| redirect.from == base);
        let is_known = !has_base || self.require_redirect_or_nothing(&base).await? == Known::Yes;
        let put = |redirect: Redirect| {
            let may_replace = is_known || redirect.from != base;
            self.put_redirect(redirect, may_replace)
        };
        stream::iter(redirects).map(put).buffer_unordered(self.concurrency).try_collect().await
    }

    /// Checks that a key can become a redirect, which means that its object is a redirect, empty or missing. Returns
    /// [`Known::No`] if the caller isn't allowed to read it.
    async fn require_redirect_or_nothing(&self, key: &Key) -> Result<Known, StoreError> {
        let head = self.client.head_object().bucket(&self.bucket).key(key.as_str());
        match head.set_request_payer(self.payer.into()).send().await {
            Ok(head) if head.website_redirect_location().is_some() || head.content_length() == Some(0) => {
                Ok(Known::Yes)
            }
            Ok(_) => {
                let cause = "an object that is not a redirect has this key; use another identifier";
                Err(StoreError::new(StoreErrorKind::Other, could_not_put(key), cause))
            }
            Err(SdkError::ServiceError(service)) if service.raw().status().as_u16() == 404 => Ok(Known::Yes),
            Err(SdkError::ServiceError(service)) if service.raw().status().as_u16() == 403 => Ok(Known::No),
            Err(error) => Err(self.failed(format!("could not look up `{key}`"), &error)),
        }
    }

    /// Puts a redirect. If an existing object must not be replaced, it is kept, because it is most likely the same
    /// redirect.
    async fn put_redirect(&self, redirect: Redirect, may_replace: bool) -> Result<(), StoreError> {
        let _permit = self.limiter.acquire(0).await;
        let put = self.put_request(&redirect.from, self.on_existing).website_redirect_location(redirect.to);
        let put = if may_replace { put } else { put.if_none_match("*") };
        // Other endpoints serve this as an empty file, which must not have an image type.
        let put = put.content_type("text/plain").body(ByteStream::from_static(b"")).send().await;
        match put {
            Ok(_) => self.limiter.record_success(),
            Err(error) if is_there_already(&error) => {
                self.require_redirect_or_nothing(&redirect.from).await.map(drop)?;
            }
            Err(error) => return Err(self.failed(could_not_put(&redirect.from), &error)),
        }
        Ok(())
    }
}

/// Result of checking the object under a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Known {
    Yes,
    No,
}

fn could_not_put(key: &Key) -> String {
    format!("could not put `{key}`")
}

fn is_there_already(error: &SdkError<PutObjectError>) -> bool {
    error.raw_response().is_some_and(|response| response.status().as_u16() == PRECONDITION_FAILED)
}

/// Result of comparing a put response to the bytes sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Confirmation {
    Confirmed,
    OtherBytes,
    NoETag,
}

impl Confirmation {
    /// Compares the ETag to the content's MD5 digest, unless the store has verified a checksum.
    ///
    /// ETags aren't digests for objects encrypted with KMS or a customer key, or for any object in some stores.
    fn from_output(output: &PutObjectOutput, digest: Option<Digest>) -> Self {
        let is_of_other_bytes = is_encrypted_by_key(output.server_side_encryption(), output.sse_customer_algorithm());
        match output.e_tag().map(Digest::from_etag) {
            _ if is_of_other_bytes => Self::Confirmed,
            None => Self::NoETag,
            Some(Some(stored)) if digest.is_some_and(|digest| stored != digest) => Self::OtherBytes,
            Some(_) => Self::Confirmed,
        }
    }

    /// Returns the error for an unconfirmed put.
    fn into_error(self, key: &Key) -> StoreError {
        let failed = |cause: String| StoreError::new(StoreErrorKind::Other, could_not_put(key), cause);
        match self {
            Self::NoETag => failed("the store returned no ETag".to_owned()).with_hint(NO_ETAG_HINT),
            _ => failed(format!("the stored bytes differ from the sent bytes, {MAX_DIGEST_ATTEMPTS} times in a row")),
        }
    }
}

/// Returns `true` if the object is encrypted in a way that means its ETag isn't an MD5 digest of its content.
pub(super) fn is_encrypted_by_key(encryption: Option<&ServerSideEncryption>, customer_algorithm: Option<&str>) -> bool {
    matches!(encryption, Some(ServerSideEncryption::AwsKms | ServerSideEncryption::AwsKmsDsse))
        || customer_algorithm.is_some()
}
