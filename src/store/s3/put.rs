//! Puts: each confirmed by the ETag of what the store has.

use super::attributes::Clobber;
use super::{MARK, S3Store};
use crate::store::{Digest, ETag, Key, Object, Receipt, Redirect, Store, StoreError, StoreErrorKind};
use aws_sdk_s3::error::SdkError;
use aws_sdk_s3::operation::put_object::builders::PutObjectFluentBuilder;
use aws_sdk_s3::operation::put_object::{PutObjectError, PutObjectOutput};
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::ServerSideEncryption;
use futures::{StreamExt, TryStreamExt, stream};

/// Times that a put is repeated because the store has other bytes than were sent.
const DIGEST_ATTEMPTS: u32 = 4;

/// Every S3 API returns an ETag for a put.
const NO_ETAG_HINT: &str =
    "check that `--endpoint-url` is the S3 API of the store, and not a website, a CDN or a proxy that removes headers";

/// "Precondition failed": there is an object already.
const PRECONDITION_FAILED: u16 = 412;

impl S3Store {
    /// Puts until the store confirms the bytes that were sent.
    pub(super) async fn put_confirmed(&self, object: Object, clobber: Clobber) -> Result<Receipt, StoreError> {
        let digest = Digest::of(&object.body);
        let _pace = self.pacer.begin(object.body.len() as u64).await;
        let mut confirmation = Confirmation::NoETag;
        for _ in 0..DIGEST_ATTEMPTS {
            let output = match self.put_once(&object, clobber).await {
                Ok(output) => output,
                Err(error) if is_there_already(&error) => return self.already_there(object, &digest).await,
                Err(error) => return Err(self.failed(could_not_put(&object.key), &error)),
            };
            confirmation = Confirmation::from_output(&output, &digest);
            if confirmation == Confirmation::Confirmed {
                self.pacer.succeeded();
                let etag = output.e_tag().and_then(ETag::new);
                return Ok(Receipt { bytes: object.body.len() as u64, key: object.key, etag });
            }
        }
        Err(confirmation.refusal(&object.key))
    }

    /// One put, with the SDK's retries.
    async fn put_once(&self, object: &Object, clobber: Clobber) -> Result<PutObjectOutput, SdkError<PutObjectError>> {
        let put = self.put_request(&object.key, clobber);
        let put = put.content_type(object.content_type).cache_control(&*object.cache_control);
        let put = match &object.mark {
            Some(mark) => put.metadata(MARK, &**mark),
            None => put,
        };
        put.body(ByteStream::from(object.body.clone())).send().await
    }

    fn put_request(&self, key: &Key, clobber: Clobber) -> PutObjectFluentBuilder {
        let put = self.client.put_object().bucket(&self.bucket).key(key.as_str());
        let put = self.attributes.of_put(put).set_request_payer(self.payer.into());
        match clobber {
            Clobber::Replace => put,
            Clobber::Forbid => put.if_none_match("*"),
        }
    }

    /// An object that is there and may not be replaced is as good as put where it has the same bytes: often it is from an
    /// earlier try whose answer was lost.
    async fn already_there(&self, object: Object, digest: &Digest) -> Result<Receipt, StoreError> {
        // By its bytes: ETags are made of them only where nothing is encrypted with KMS.
        let stored = self.get(&object.key).await?.filter(|stored| Digest::of(&stored.body) == *digest);
        let stored = stored.ok_or_else(|| StoreError::exists(&object.key))?;
        Ok(Receipt { bytes: object.body.len() as u64, key: object.key, etag: stored.etag })
    }

    /// Puts objects without bytes that website endpoints answer with a redirect.
    ///
    /// All but the one under the `bare` key replace pictures of the same image.
    pub(super) async fn put_redirects(&self, bare: Key, redirects: Vec<Redirect>) -> Result<(), StoreError> {
        let has_bare = redirects.iter().any(|redirect| redirect.from == bare);
        let is_known = !has_bare || self.require_redirect_or_nothing(&bare).await? == Known::Yes;
        let put = |redirect: Redirect| {
            let may_replace = is_known || redirect.from != bare;
            self.put_redirect(redirect, may_replace)
        };
        stream::iter(redirects).map(put).buffer_unordered(self.concurrency).try_collect().await
    }

    /// That a key may become a redirect: what stands there is one, or empty, or nothing. Without permission to look, it is
    /// not known.
    async fn require_redirect_or_nothing(&self, key: &Key) -> Result<Known, StoreError> {
        let head = self.client.head_object().bucket(&self.bucket).key(key.as_str());
        match head.set_request_payer(self.payer.into()).send().await {
            Ok(head) if head.website_redirect_location().is_some() || head.content_length() == Some(0) => {
                Ok(Known::Yes)
            }
            Ok(_) => {
                let cause = "there is an object under this key that is no redirect; publish under another identifier";
                Err(StoreError::new(StoreErrorKind::Other, could_not_put(key), cause))
            }
            Err(SdkError::ServiceError(refusal)) if refusal.raw().status().as_u16() == 404 => Ok(Known::Yes),
            Err(SdkError::ServiceError(refusal)) if refusal.raw().status().as_u16() == 403 => Ok(Known::No),
            Err(error) => Err(self.failed(format!("could not look for `{key}`"), &error)),
        }
    }

    /// What may not be replaced, and is there, stays: most likely it is this very redirect.
    async fn put_redirect(&self, redirect: Redirect, may_replace: bool) -> Result<(), StoreError> {
        let _pace = self.pacer.begin(0).await;
        let put = self.put_request(&redirect.from, self.clobber).website_redirect_location(redirect.to);
        let put = if may_replace { put } else { put.if_none_match("*") };
        // The type that a reader of another endpoint sees, where the object is just empty: surely not that of a picture.
        let put = put.content_type("text/plain").body(ByteStream::from_static(b"")).send().await;
        match put {
            Ok(_) => self.pacer.succeeded(),
            Err(error) if is_there_already(&error) => {
                self.require_redirect_or_nothing(&redirect.from).await.map(drop)?;
            }
            Err(error) => return Err(self.failed(could_not_put(&redirect.from), &error)),
        }
        Ok(())
    }
}

/// Whether it could be found out what stands under a key.
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

/// What the response to a put says about the bytes that are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Confirmation {
    Confirmed,
    OtherBytes,
    NoETag,
}

impl Confirmation {
    /// The ETag is the MD5 of the bytes, except for objects encrypted with KMS or a customer's key, and in stores that make up
    /// ETags of another shape.
    fn from_output(output: &PutObjectOutput, digest: &Digest) -> Self {
        let is_of_other_bytes = is_encrypted_by_key(output.server_side_encryption(), output.sse_customer_algorithm());
        match output.e_tag().map(Digest::from_etag) {
            _ if is_of_other_bytes => Self::Confirmed,
            None => Self::NoETag,
            Some(Some(stored)) if stored != *digest => Self::OtherBytes,
            Some(_) => Self::Confirmed,
        }
    }

    /// Returns the error of a put that stays unconfirmed.
    fn refusal(self, key: &Key) -> StoreError {
        let failed = |cause: String| StoreError::new(StoreErrorKind::Other, could_not_put(key), cause);
        match self {
            Self::NoETag => failed("the store returned no ETag".to_owned()).with_hint(NO_ETAG_HINT),
            _ => failed(format!("the store has other bytes than were sent, {DIGEST_ATTEMPTS} times in a row")),
        }
    }
}

/// Returns `true` if an ETag is no MD5 of the content, whatever it looks like.
pub(super) fn is_encrypted_by_key(encryption: Option<&ServerSideEncryption>, customer_algorithm: Option<&str>) -> bool {
    matches!(encryption, Some(ServerSideEncryption::AwsKms | ServerSideEncryption::AwsKmsDsse))
        || customer_algorithm.is_some()
}
