//! Bucket setup: adds the CORS rule and public-read policy that viewers need.

use super::cors::{self, CorsChange};
use super::policy::{self, PolicyChange};
use super::remedy::Remedies;
use super::{BucketError, BucketScope};
use crate::store::{Prefix, PublicAccessBlock, S3Store, StoreErrorKind};

/// Setting that can be configured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Part {
    /// CORS rule that lets pages on any site read.
    Cors,
    /// Bucket policy that lets everyone read objects under the prefix.
    PublicRead,
}

/// Planned changes to a bucket.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Setup {
    /// CORS change, if requested.
    pub cors: Option<CorsChange>,
    /// ARN pattern for the objects under the prefix, such as `arn:aws:s3:::art-tiles/maps/*`.
    pub objects_arn: String,
    /// Policy change, if requested.
    pub policy: Option<PolicyChange>,
    /// Command that disables Block Public Access, if it would override the policy. It's only printed, never run.
    pub unblock: Option<String>,
}

impl Setup {
    /// Reads the current settings and plans the changes.
    ///
    /// # Errors
    /// Returns an error if the settings can't be read, or if the rule or statement can't be added.
    pub async fn plan(
        store: &S3Store,
        prefix: &Prefix,
        parts: &[Part],
        command_options: &str,
    ) -> Result<Self, BucketError> {
        let scope = BucketScope::new(store.bucket(), prefix, &store.aws_region());
        let mut setup = Self { cors: None, objects_arn: scope.objects_arn(), policy: None, unblock: None };
        if parts.contains(&Part::Cors) {
            setup.cors = Some(cors::change(store.cors_rules().await?)?);
        }
        if parts.contains(&Part::PublicRead) {
            setup.policy = Some(policy::change(store.policy().await?.as_deref(), &scope)?);
            let remedies = Remedies { scope: &scope, options: command_options, is_aws: store.is_aws() };
            // With Block Public Access enabled, S3 would reject or ignore the policy. We only print the command to
            // disable it: the account owner turned it on deliberately, and we shouldn't silently undo that.
            setup.unblock = blocking(store).await?.map(|block| remedies.unblock(block));
        }
        Ok(setup)
    }

    /// Returns the policy to write, or `None` if there's nothing to write or it would be blocked.
    fn new_policy(&self) -> Option<String> {
        match &self.policy {
            Some(PolicyChange::Add { policy, .. }) if self.unblock.is_none() => Some(policy.0.to_string()),
            _ => None,
        }
    }

    /// Returns `true` if [`apply`](Self::apply) would change anything.
    #[must_use]
    pub fn does_something(&self) -> bool {
        self.cors.as_ref().is_some_and(|change| change.rules().is_some()) || self.new_policy().is_some()
    }

    /// Applies the changes.
    ///
    /// # Errors
    /// Returns an error if the store can't be reached or denies a request.
    pub async fn apply(&self, store: &S3Store) -> Result<(), BucketError> {
        if let Some(rules) = self.cors.as_ref().and_then(CorsChange::rules) {
            store.put_cors_rules(&rules).await?;
        }
        if let Some(policy) = self.new_policy() {
            store.put_policy(policy).await?;
        }
        Ok(())
    }
}

/// Returns the bucket's Block Public Access settings if they would override a policy.
///
/// Returns `None` if the store doesn't support them or we aren't allowed to read them, in which case it's still worth
/// trying to set the policy.
async fn blocking(store: &S3Store) -> Result<Option<PublicAccessBlock>, BucketError> {
    match store.public_access_block().await {
        Ok(block) => Ok(Some(block).filter(|block| !block.lets_policy_be())),
        Err(error) if matches!(error.kind(), StoreErrorKind::Denied | StoreErrorKind::Other) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
