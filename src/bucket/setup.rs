//! The setup of a bucket: adds the CORS rule and the public-read policy that viewers need.

use super::cors::{self, CorsChange};
use super::policy::{self, PolicyChange};
use super::remedy::Remedies;
use super::{BucketError, BucketScope};
use crate::store::{Prefix, PublicAccessBlock, S3Store, StoreErrorKind};

/// A setting that can be set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Part {
    /// A CORS rule: pages of all sites can read.
    Cors,
    /// A policy: everyone can read objects below the prefix.
    PublicRead,
}

/// The planned changes of a bucket.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Setup {
    /// The change of the CORS rules, if requested.
    pub cors: Option<CorsChange>,
    /// The ARN pattern of the objects below the prefix, such as `arn:aws:s3:::art-tiles/maps/*`.
    pub objects_arn: String,
    /// The change of the policy, if requested.
    pub policy: Option<PolicyChange>,
    /// The command that disables Block Public Access, if it would override the policy. This program never runs it.
    pub unblock: Option<String>,
}

impl Setup {
    /// Reads the current settings and plans the changes.
    ///
    /// # Errors
    /// Returns an error if the settings cannot be read, or if nothing can be added to them.
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
            // With Block Public Access, S3 would refuse the policy or ignore it. The program reports the command
            // instead of running it: a block is a decision of the owner of the account, which is not to be reverted
            // silently.
            setup.unblock = blocking(store).await?.map(|block| remedies.unblock(block));
        }
        Ok(setup)
    }

    /// Returns the policy to write, or `None` if it would be denied or have no effect.
    fn new_policy(&self) -> Option<String> {
        match &self.policy {
            Some(PolicyChange::Add { policy, .. }) if self.unblock.is_none() => Some(policy.0.to_string()),
            _ => None,
        }
    }

    /// Returns `true` if [`apply`](Self::apply) would change something.
    #[must_use]
    pub fn does_something(&self) -> bool {
        self.cors.as_ref().is_some_and(|change| change.rules().is_some()) || self.new_policy().is_some()
    }

    /// Applies the changes.
    ///
    /// # Errors
    /// Returns an error if the store denies a request or cannot be reached.
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

/// Returns Block Public Access of the bucket if it would override a policy.
///
/// Returns `None` if the store does not support it or the role cannot read it, so that the policy is still tried.
async fn blocking(store: &S3Store) -> Result<Option<PublicAccessBlock>, BucketError> {
    match store.public_access_block().await {
        Ok(block) => Ok(Some(block).filter(|block| !block.lets_policy_be())),
        Err(error) if matches!(error.kind(), StoreErrorKind::Denied | StoreErrorKind::Other) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
