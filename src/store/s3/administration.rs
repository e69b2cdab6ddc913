//! Settings of a bucket: its region, public access and CORS rules.

use super::S3Store;
use super::explain::kind;
use crate::store::{Key, Object, StoreError, StoreErrorKind};
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::head_bucket::HeadBucketError;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{CorsConfiguration, CorsRule as SdkCorsRule};
use bytes::Bytes;
use std::error::Error;

/// A CORS rule of a bucket, which controls access by pages of other websites.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CorsRule {
    /// The ID of the rule, which is unique in the bucket.
    pub id: Option<String>,
    /// The allowed origins, such as `https://example.org`, or `*`.
    pub allowed_origins: Vec<String>,
    /// The allowed methods.
    pub allowed_methods: Vec<String>,
    /// The request headers that pages may send in addition to the headers that are always allowed.
    pub allowed_headers: Option<Vec<String>>,
    /// The response headers that pages may read in addition to the headers that are always readable.
    pub expose_headers: Option<Vec<String>>,
    /// Maximum time, in seconds, for which browsers may cache the response to a preflight request.
    pub max_age_seconds: Option<i32>,
}

impl CorsRule {
    fn from_sdk(rule: &SdkCorsRule) -> Self {
        Self {
            id: rule.id.clone(),
            allowed_origins: rule.allowed_origins.clone(),
            allowed_methods: rule.allowed_methods.clone(),
            allowed_headers: rule.allowed_headers.clone(),
            expose_headers: rule.expose_headers.clone(),
            max_age_seconds: rule.max_age_seconds,
        }
    }

    fn to_sdk(&self) -> SdkCorsRule {
        SdkCorsRule::builder()
            .set_id(self.id.clone())
            .set_allowed_origins(Some(self.allowed_origins.clone()))
            .set_allowed_methods(Some(self.allowed_methods.clone()))
            .set_allowed_headers(self.allowed_headers.clone())
            .set_expose_headers(self.expose_headers.clone())
            .set_max_age_seconds(self.max_age_seconds)
            .build()
            .expect("origins and methods are set")
    }
}

/// The Block Public Access settings of a bucket. This program uses policies, not ACLs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "the four switches of S3")]
pub struct PublicAccessBlock {
    /// Public ACLs are rejected.
    pub refuses_acls: bool,
    /// Public ACLs are ignored.
    pub ignores_acls: bool,
    /// Public policies are rejected.
    pub refuses_policy: bool,
    /// Public policies are ignored.
    pub ignores_policy: bool,
}

impl PublicAccessBlock {
    /// Returns `true` if a policy can grant public access.
    #[must_use]
    pub(crate) fn lets_policy_be(self) -> bool {
        !self.refuses_policy && !self.ignores_policy
    }
}

/// The behavior of a store for a conditional put to an existing key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConditionalPut {
    /// The put was rejected, as requested.
    Refused,
    /// The object was replaced in spite of the condition.
    Replaced,
}

impl S3Store {
    /// Returns `true` if the endpoint belongs to AWS.
    #[must_use]
    pub(crate) fn is_aws(&self) -> bool {
        super::is_aws(&self.url.to_string())
    }

    /// Returns the region of the bucket, if the store names it. No permission is required.
    pub(crate) async fn bucket_region(&self) -> Option<String> {
        match self.client.head_bucket().bucket(&self.bucket).send().await {
            Ok(output) => output.bucket_region,
            // S3 names the region even in a response that denies the request, or redirects it.
            Err(error) => header_of(&error, "x-amz-bucket-region"),
        }
    }

    /// Reads a small object. Unlike [`Store::get`](crate::store::Store::get), this distinguishes denied from missing.
    ///
    /// # Errors
    /// If the object cannot be read for any reason.
    pub(crate) async fn read(&self, key: &Key) -> Result<Bytes, StoreError> {
        self.fetch(key).await.map(|stored| stored.body).map_err(|error| self.fetch_error(key, error))
    }

    /// Puts an existing object again with `If-None-Match: *` and returns how the store handled the condition.
    ///
    /// # Errors
    /// If the store neither rejects the put nor replaces the object.
    pub(crate) async fn put_if_absent(&self, object: &Object) -> Result<ConditionalPut, StoreError> {
        let put = self.client.put_object().bucket(&self.bucket).key(object.key.as_str()).if_none_match("*");
        let put = put.content_type(object.content_type).cache_control(&*object.cache_control);
        let put = self.attributes.apply_to_put(put).set_request_payer(self.payer.into());
        match put.body(ByteStream::from(object.body.clone())).send().await {
            Ok(_) => Ok(ConditionalPut::Replaced),
            Err(SdkError::ServiceError(service)) if service.raw().status().as_u16() == 412 => {
                Ok(ConditionalPut::Refused)
            }
            Err(error) => Err(self.failed(format!("could not put `{}`", object.key), &error)),
        }
    }

    /// Reads the CORS rules of the bucket. Requires `s3:GetBucketCORS`.
    ///
    /// # Errors
    /// If the rules cannot be read.
    pub(crate) async fn cors_rules(&self) -> Result<Vec<CorsRule>, StoreError> {
        let action = || format!("could not read the CORS rules of `{}`", self.bucket);
        let got = self.client.get_bucket_cors().bucket(&self.bucket).send().await;
        let rules = self.or_absent(got, "NoSuchCORSConfiguration", action)?;
        Ok(rules.map(|rules| rules.cors_rules().iter().map(CorsRule::from_sdk).collect()).unwrap_or_default())
    }

    /// Replaces all CORS rules of the bucket. Requires `s3:PutBucketCORS`.
    ///
    /// # Errors
    /// If the store rejects the rules.
    pub(crate) async fn put_cors_rules(&self, rules: &[CorsRule]) -> Result<(), StoreError> {
        let rules = rules.iter().map(CorsRule::to_sdk).collect();
        let rules = CorsConfiguration::builder().set_cors_rules(Some(rules)).build().expect("the rules are set");
        let put = self.client.put_bucket_cors().bucket(&self.bucket).cors_configuration(rules).send().await;
        let action = || format!("could not change the CORS rules of `{}`", self.bucket);
        put.map(drop).map_err(|error| self.failed(action(), &error))
    }

    /// Reads the policy of the bucket as JSON. Requires `s3:GetBucketPolicy`.
    ///
    /// # Errors
    /// If the policy cannot be read.
    pub(crate) async fn policy(&self) -> Result<Option<String>, StoreError> {
        let action = || format!("could not read the policy of `{}`", self.bucket);
        let got = self.client.get_bucket_policy().bucket(&self.bucket).send().await;
        let policy = self.or_absent(got, "NoSuchBucketPolicy", action)?.and_then(|output| output.policy);
        Ok(policy.filter(|policy| !policy.trim().is_empty()))
    }

    /// Replaces the policy of the bucket. Requires `s3:PutBucketPolicy`.
    ///
    /// # Errors
    /// If the store rejects the policy.
    pub(crate) async fn put_policy(&self, policy: String) -> Result<(), StoreError> {
        let put = self.client.put_bucket_policy().bucket(&self.bucket).policy(policy).send().await;
        let action = || format!("could not change the policy of `{}`", self.bucket);
        put.map(drop).map_err(|error| self.failed(action(), &error))
    }

    /// Reads the Block Public Access settings of the bucket. Requires `s3:GetBucketPublicAccessBlock`.
    ///
    /// The settings of the account also apply, but this request does not return them.
    ///
    /// # Errors
    /// If the settings cannot be read or the store does not support them.
    pub(crate) async fn public_access_block(&self) -> Result<PublicAccessBlock, StoreError> {
        let action = || format!("could not read Block Public Access of `{}`", self.bucket);
        let got = self.client.get_public_access_block().bucket(&self.bucket).send().await;
        let output = self.or_absent(got, "NoSuchPublicAccessBlockConfiguration", action)?;
        let block = output.and_then(|output| output.public_access_block_configuration);
        let block = block.map(|block| PublicAccessBlock {
            refuses_acls: block.block_public_acls() == Some(true),
            ignores_acls: block.ignore_public_acls() == Some(true),
            refuses_policy: block.block_public_policy() == Some(true),
            ignores_policy: block.restrict_public_buckets() == Some(true),
        });
        Ok(block.unwrap_or_default())
    }

    /// Returns the setting, or `None` if the store reports an error that means that the setting does not exist.
    pub(super) fn or_absent<T, E>(
        &self,
        got: Result<T, SdkError<E>>,
        absent: &str,
        action: impl FnOnce() -> String,
    ) -> Result<Option<T>, StoreError>
    where
        E: ProvideErrorMetadata + Error + Send + Sync + 'static,
    {
        match got {
            Ok(output) => Ok(Some(output)),
            Err(error) if error.code() == Some(absent) && kind(&error) != StoreErrorKind::Denied => Ok(None),
            Err(error) => Err(self.failed(action(), &error)),
        }
    }
}

fn header_of(error: &SdkError<HeadBucketError>, name: &str) -> Option<String> {
    error.raw_response().and_then(|response| response.headers().get(name)).map(str::to_owned)
}
