//! What viewers need of a bucket, added to what it has: a CORS rule, and a policy that lets everyone read.

use super::cors::{self, CorsChange};
use super::policy::{self, PolicyChange};
use super::remedy::Remedies;
use super::{BucketError, Place};
use crate::store::{Prefix, PublicAccessBlock, S3Store, StoreErrorKind};

/// One of the things that can be set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Pages of all sites may read.
    Cors,
    /// Everyone may read what lies under the prefix.
    PublicRead,
}

/// What would be changed, and what would stay.
#[derive(Clone, Debug)]
pub struct Setup {
    /// What would become of the CORS rules, where that was asked for.
    pub cors: Option<CorsChange>,
    /// What would become of the policy, where that was asked for.
    pub policy: Option<PolicyChange>,
    /// The command that would let such a policy take effect, where Block Public Access of the bucket keeps it from that.
    /// Nothing here ever runs it.
    pub unblock: Option<String>,
}

impl Setup {
    /// Reads what the bucket has, and decides what to add.
    ///
    /// # Errors
    /// Where it cannot be read, or cannot be added to.
    pub async fn plan(
        store: &S3Store,
        prefix: &Prefix,
        parts: &[Part],
        command_options: &str,
    ) -> Result<Self, BucketError> {
        let place = Place::new(store.bucket(), prefix, &store.aws_region());
        let mut setup = Self { cors: None, policy: None, unblock: None };
        if parts.contains(&Part::Cors) {
            setup.cors = Some(cors::change(store.cors_rules().await?)?);
        }
        if parts.contains(&Part::PublicRead) {
            setup.policy = Some(policy::change(store.policy().await?.as_deref(), &place)?);
            let remedies = Remedies { place: &place, options: command_options, is_aws: store.is_aws() };
            setup.unblock = blocking(store).await?.map(|block| remedies.unblock(block));
        }
        Ok(setup)
    }

    /// The policy to put: none that would be refused, or have no effect.
    fn new_policy(&self) -> Option<String> {
        match &self.policy {
            Some(PolicyChange::Add { policy, .. }) if self.unblock.is_none() => Some(policy.to_string()),
            _ => None,
        }
    }

    /// Whether there is something that can be done.
    #[must_use]
    pub fn does_something(&self) -> bool {
        self.cors.as_ref().is_some_and(|change| change.rules().is_some()) || self.new_policy().is_some()
    }

    /// Does it.
    ///
    /// # Errors
    /// Where the store refuses.
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

/// Block Public Access of the bucket, where it would defeat a policy. A store that knows nothing of it, and a role that may
/// not look, do not keep anyone from trying.
async fn blocking(store: &S3Store) -> Result<Option<PublicAccessBlock>, BucketError> {
    match store.public_access_block().await {
        Ok(block) => Ok(Some(block).filter(|block| !block.lets_policy_be())),
        Err(error) if matches!(error.kind(), StoreErrorKind::Denied | StoreErrorKind::Other) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
