//! What is asked and said of a bucket itself: its region, who may read it, and from which pages.

use super::S3Store;
use super::explain::kind;
use crate::store::{Key, Object, StoreError, StoreErrorKind};
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::head_bucket::HeadBucketError;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{CorsConfiguration, CorsRule as SdkCorsRule};
use bytes::Bytes;
use std::error::Error;

/// A rule of a bucket, by which pages of other sites may read it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CorsRule {
    /// Its name, which no other rule of the bucket has.
    pub id: Option<String>,
    /// The origins (`https://example.org`, or `*`) that it lets in.
    pub allowed_origins: Vec<String>,
    /// The methods that they may use.
    pub allowed_methods: Vec<String>,
    /// The headers that they may send beyond those that any page may.
    pub allowed_headers: Option<Vec<String>>,
    /// The headers that they may read beyond those that any page may.
    pub expose_headers: Option<Vec<String>>,
    /// How long a browser may remember the answer, in seconds.
    pub max_age_seconds: Option<i32>,
}

impl From<&SdkCorsRule> for CorsRule {
    fn from(rule: &SdkCorsRule) -> Self {
        Self {
            id: rule.id.clone(),
            allowed_origins: rule.allowed_origins.clone(),
            allowed_methods: rule.allowed_methods.clone(),
            allowed_headers: rule.allowed_headers.clone(),
            expose_headers: rule.expose_headers.clone(),
            max_age_seconds: rule.max_age_seconds,
        }
    }
}

impl From<&CorsRule> for SdkCorsRule {
    fn from(rule: &CorsRule) -> Self {
        Self::builder()
            .set_id(rule.id.clone())
            .set_allowed_origins(Some(rule.allowed_origins.clone()))
            .set_allowed_methods(Some(rule.allowed_methods.clone()))
            .set_allowed_headers(rule.allowed_headers.clone())
            .set_expose_headers(rule.expose_headers.clone())
            .set_max_age_seconds(rule.max_age_seconds)
            .build()
            .expect("origins and methods are set")
    }
}

/// What Block Public Access keeps from letting everyone read: bucket policies, and ACLs, which nothing here uses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "the four switches of S3")]
pub struct PublicAccessBlock {
    /// ACLs that let everyone read are refused.
    pub refuses_acls: bool,
    /// ACLs that let everyone read have no effect.
    pub ignores_acls: bool,
    /// A policy that lets everyone read is refused.
    pub refuses_policy: bool,
    /// A policy that lets everyone read has no effect.
    pub ignores_policy: bool,
}

impl PublicAccessBlock {
    /// Whether a policy can let everyone read.
    #[must_use]
    pub fn lets_policy_be(self) -> bool {
        !self.refuses_policy && !self.ignores_policy
    }
}

/// What a store does with a put that must not replace anything, where something is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConditionalPut {
    /// It is refused, as was asked.
    Refused,
    /// The object is replaced all the same.
    Replaced,
}

impl S3Store {
    /// The name of the bucket.
    #[must_use]
    pub fn bucket(&self) -> &str {
        &self.bucket
    }

    /// The region that requests are signed for.
    #[must_use]
    pub fn aws_region(&self) -> String {
        self.client.config().region().map(ToString::to_string).unwrap_or_default()
    }

    /// Whether the endpoint is one of AWS.
    #[must_use]
    pub fn is_aws(&self) -> bool {
        super::is_aws(&self.public_url.to_string())
    }

    /// The region of the bucket, where the store names it. No permission is needed.
    pub async fn bucket_region(&self) -> Option<String> {
        match self.client.head_bucket().bucket(&self.bucket).send().await {
            Ok(output) => output.bucket_region,
            Err(error) => header_of(&error, "x-amz-bucket-region"),
        }
    }

    /// The content of a small object. Unlike [`Store::get`](crate::store::Store::get), it tells denied from missing.
    ///
    /// # Errors
    /// Where the object cannot be read, for whatever reason.
    pub async fn read(&self, key: &Key) -> Result<Bytes, StoreError> {
        self.got(key).await.map(|stored| stored.body).map_err(|error| self.not_got(key, error))
    }

    /// Puts an object that is there already with `If-None-Match: *`, to see what the store makes of that.
    ///
    /// # Errors
    /// Where the store does neither of the two.
    pub async fn put_if_absent(&self, object: &Object) -> Result<ConditionalPut, StoreError> {
        let put = self.client.put_object().bucket(&self.bucket).key(object.key.as_str()).if_none_match("*");
        let put = put.content_type(object.content_type).cache_control(&*object.cache_control);
        let put = self.attributes.of_put(put).set_request_payer(self.payer.into());
        match put.body(ByteStream::from(object.body.clone())).send().await {
            Ok(_) => Ok(ConditionalPut::Replaced),
            Err(SdkError::ServiceError(refusal)) if refusal.raw().status().as_u16() == 412 => {
                Ok(ConditionalPut::Refused)
            }
            Err(error) => Err(self.failed(format!("could not put `{}`", object.key), &error)),
        }
    }

    /// The CORS rules of the bucket; they need `s3:GetBucketCORS`.
    ///
    /// # Errors
    /// Where they cannot be read.
    pub async fn cors_rules(&self) -> Result<Vec<CorsRule>, StoreError> {
        let action = || format!("could not read the CORS rules of `{}`", self.bucket);
        let got = self.client.get_bucket_cors().bucket(&self.bucket).send().await;
        let rules = self.or_absent(got, "NoSuchCORSConfiguration", action)?;
        Ok(rules.map(|rules| rules.cors_rules().iter().map(CorsRule::from).collect()).unwrap_or_default())
    }

    /// Makes these the CORS rules of the bucket, in place of all that it has; needs `s3:PutBucketCORS`.
    ///
    /// # Errors
    /// Where the store refuses.
    pub async fn put_cors_rules(&self, rules: &[CorsRule]) -> Result<(), StoreError> {
        let rules = rules.iter().map(SdkCorsRule::from).collect();
        let rules = CorsConfiguration::builder().set_cors_rules(Some(rules)).build().expect("the rules are set");
        let put = self.client.put_bucket_cors().bucket(&self.bucket).cors_configuration(rules).send().await;
        let action = || format!("could not change the CORS rules of `{}`", self.bucket);
        put.map(drop).map_err(|error| self.failed(action(), &error))
    }

    /// The policy of the bucket, as JSON; needs `s3:GetBucketPolicy`.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub async fn policy(&self) -> Result<Option<String>, StoreError> {
        let action = || format!("could not read the policy of `{}`", self.bucket);
        let got = self.client.get_bucket_policy().bucket(&self.bucket).send().await;
        let policy = self.or_absent(got, "NoSuchBucketPolicy", action)?.and_then(|output| output.policy);
        Ok(policy.filter(|policy| !policy.trim().is_empty()))
    }

    /// Makes this the policy of the bucket, in place of the one that it has; needs `s3:PutBucketPolicy`.
    ///
    /// # Errors
    /// Where the store refuses.
    pub async fn put_policy(&self, policy: String) -> Result<(), StoreError> {
        let put = self.client.put_bucket_policy().bucket(&self.bucket).policy(policy).send().await;
        let action = || format!("could not change the policy of `{}`", self.bucket);
        put.map(drop).map_err(|error| self.failed(action(), &error))
    }

    /// Block Public Access of the bucket; needs `s3:GetBucketPublicAccessBlock`. That of the account, which counts as well,
    /// cannot be seen from here.
    ///
    /// # Errors
    /// Where it cannot be read, or the store knows nothing of it.
    pub async fn public_access_block(&self) -> Result<PublicAccessBlock, StoreError> {
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

    /// What the store has, or that it has none, which it says by an error.
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
