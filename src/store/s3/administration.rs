//! Bucket settings: region, public access and CORS rules.

use super::S3Store;
use super::explain::kind;
use crate::store::{Key, Object, StoreError, StoreErrorKind};
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::head_bucket::HeadBucketError;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{
    BucketLocationConstraint, CorsConfiguration, CorsRule as SdkCorsRule, CreateBucketConfiguration,
};
use bytes::Bytes;
use std::error::Error;

/// A bucket's CORS rule, which controls access from pages on other websites.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CorsRule {
    /// Rule ID, unique within the bucket.
    pub id: Option<String>,
    /// Allowed origins, such as `https://example.org` or `*`.
    pub allowed_origins: Vec<String>,
    /// Allowed methods.
    pub allowed_methods: Vec<String>,
    /// Extra request headers that pages may send, beyond those that are always allowed.
    pub allowed_headers: Option<Vec<String>>,
    /// Extra response headers that pages may read, beyond those that are always readable.
    pub expose_headers: Option<Vec<String>>,
    /// Maximum time that browsers may cache a preflight response, in seconds.
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

/// A bucket's Block Public Access settings. This crate grants access through policies rather than ACLs.
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

/// A store's response to a conditional put when the key already exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConditionalPut {
    /// The put was rejected, as it should be.
    Refused,
    /// The object was replaced despite the condition.
    Replaced,
}

impl S3Store {
    /// Returns `true` if the endpoint belongs to AWS.
    #[must_use]
    pub(crate) fn is_aws(&self) -> bool {
        super::is_aws(&self.url.to_string())
    }

    /// Creates the bucket in the [region](Self::aws_region) of the settings. Requires `s3:CreateBucket`. Returns `false`
    /// if the bucket already exists and belongs to the same owner. AWS reports `true` again in `us-east-1`.
    ///
    /// # Errors
    /// Returns an error if the store refuses, for example because the name is taken.
    pub async fn create_bucket(&self) -> Result<bool, StoreError> {
        let region = self.aws_region();
        // S3 has no name for its first region here, and other stores ignore the region or have only one.
        let is_elsewhere = self.is_aws() && region != "us-east-1";
        let location = is_elsewhere.then(|| {
            let constraint = BucketLocationConstraint::from(region.as_str());
            CreateBucketConfiguration::builder().location_constraint(constraint).build()
        });
        let create = self.client.create_bucket().bucket(&self.bucket).set_create_bucket_configuration(location);
        let action = || format!("could not create the bucket `{}`", self.bucket);
        match create.send().await {
            Ok(_) => Ok(true),
            Err(error) if error.code() == Some("BucketAlreadyOwnedByYou") => Ok(false),
            Err(error) => Err(self.failed(action(), &error)),
        }
    }

    /// Returns the bucket's region, if the store reports it. Doesn't require any permissions.
    pub(crate) async fn bucket_region(&self) -> Option<String> {
        match self.client.head_bucket().bucket(&self.bucket).send().await {
            Ok(output) => output.bucket_region,
            // S3 reports the region even when it denies or redirects the request.
            Err(error) => header_of(&error, "x-amz-bucket-region"),
        }
    }

    /// Reads a small object. Unlike [`Store::get`](crate::store::Store::get), this distinguishes a denied read from a
    /// missing object.
    ///
    /// # Errors
    /// Returns an error if the object can't be read for any reason.
    pub(crate) async fn read(&self, key: &Key) -> Result<Bytes, StoreError> {
        self.fetch(key).await.map(|stored| stored.body).map_err(|error| self.fetch_error(key, error))
    }

    /// Tries to overwrite an existing object using `If-None-Match: *`, and reports how the store handled the condition.
    ///
    /// # Errors
    /// Returns an error if the store neither rejects the put nor replaces the object.
    pub(crate) async fn put_if_absent(&self, object: &Object) -> Result<ConditionalPut, StoreError> {
        let put = self.client.put_object().bucket(&self.bucket).key(object.key.as_str()).if_none_match("*");
        let put = put.content_type(object.content_type).cache_control(&*object.cache_control);
        let put = self.attributes.apply_to_put(put).set_request_payer(self.payer.into());
        match put.body(ByteStream::from(Bytes::clone(&object.body))).send().await {
            Ok(_) => Ok(ConditionalPut::Replaced),
            Err(SdkError::ServiceError(service)) if service.raw().status().as_u16() == 412 => {
                Ok(ConditionalPut::Refused)
            }
            Err(error) => Err(self.failed(format!("could not put `{}`", object.key), &error)),
        }
    }

    /// Reads the bucket's CORS rules. Requires `s3:GetBucketCORS`.
    ///
    /// # Errors
    /// Returns an error if the rules can't be read.
    pub(crate) async fn cors_rules(&self) -> Result<Vec<CorsRule>, StoreError> {
        let action = || format!("could not read the CORS rules of `{}`", self.bucket);
        let got = self.client.get_bucket_cors().bucket(&self.bucket).send().await;
        let rules = self.or_absent(got, "NoSuchCORSConfiguration", action)?;
        Ok(rules.map(|rules| rules.cors_rules().iter().map(CorsRule::from_sdk).collect()).unwrap_or_default())
    }

    /// Replaces all of the bucket's CORS rules. Requires `s3:PutBucketCORS`.
    ///
    /// # Errors
    /// Returns an error if the store rejects the rules.
    pub(crate) async fn put_cors_rules(&self, rules: &[CorsRule]) -> Result<(), StoreError> {
        let rules = rules.iter().map(CorsRule::to_sdk).collect();
        let rules = CorsConfiguration::builder().set_cors_rules(Some(rules)).build().expect("the rules are set");
        let put = self.client.put_bucket_cors().bucket(&self.bucket).cors_configuration(rules).send().await;
        let action = || format!("could not change the CORS rules of `{}`", self.bucket);
        put.map(drop).map_err(|error| self.failed(action(), &error))
    }

    /// Reads the bucket policy as JSON. Requires `s3:GetBucketPolicy`.
    ///
    /// # Errors
    /// Returns an error if the policy can't be read.
    pub(crate) async fn policy(&self) -> Result<Option<String>, StoreError> {
        let action = || format!("could not read the policy of `{}`", self.bucket);
        let got = self.client.get_bucket_policy().bucket(&self.bucket).send().await;
        let policy = self.or_absent(got, "NoSuchBucketPolicy", action)?.and_then(|output| output.policy);
        Ok(policy.filter(|policy| !policy.trim().is_empty()))
    }

    /// Replaces the bucket policy. Requires `s3:PutBucketPolicy`.
    ///
    /// # Errors
    /// Returns an error if the store rejects the policy.
    pub(crate) async fn put_policy(&self, policy: String) -> Result<(), StoreError> {
        let put = self.client.put_bucket_policy().bucket(&self.bucket).policy(policy).send().await;
        let action = || format!("could not change the policy of `{}`", self.bucket);
        put.map(drop).map_err(|error| self.failed(action(), &error))
    }

    /// Reads the bucket's Block Public Access settings. Requires `s3:GetBucketPublicAccessBlock`.
    ///
    /// Account-level settings apply too, but this request doesn't return them.
    ///
    /// # Errors
    /// Returns an error if the settings can't be read or the store doesn't support them.
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

    /// Maps the error code `absent`, which means the setting doesn't exist, to `None`.
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
