//! Bucket settings that preserve replaced or deleted objects: versioning, lifecycle rules and Object Lock.

use super::S3Store;
use crate::store::StoreError;
use aws_sdk_s3::types::{BucketVersioningStatus, ExpirationStatus, LifecycleRule};

impl S3Store {
    /// Returns `true` if versioning is enabled for the bucket. Requires `s3:GetBucketVersioning`.
    ///
    /// # Errors
    /// Returns an error if the setting can't be read or the store doesn't support versioning.
    pub(crate) async fn is_versioned(&self) -> Result<bool, StoreError> {
        let response = self.client.get_bucket_versioning().bucket(&self.bucket).send().await;
        let action = || format!("could not read the versioning of `{}`", self.bucket);
        let versioning = response.map_err(|error| self.failed(action(), &error))?;
        Ok(versioning.status() == Some(&BucketVersioningStatus::Enabled))
    }

    /// Returns the prefixes under which a lifecycle rule deletes all old object versions. Requires
    /// `s3:GetLifecycleConfiguration`.
    ///
    /// # Errors
    /// Returns an error if the rules can't be read or the store doesn't support them.
    pub(crate) async fn noncurrent_expirations(&self) -> Result<Vec<String>, StoreError> {
        let response = self.client.get_bucket_lifecycle_configuration().bucket(&self.bucket).send().await;
        let action = || format!("could not read the lifecycle rules of `{}`", self.bucket);
        let rules = self.or_absent(response, "NoSuchLifecycleConfiguration", action)?;
        Ok(rules.map(|rules| rules.rules().iter().filter_map(expired_prefix).collect()).unwrap_or_default())
    }

    /// Describes the bucket's default retention, such as `30 days (GOVERNANCE)`. Requires
    /// `s3:GetBucketObjectLockConfiguration`.
    ///
    /// # Errors
    /// Returns an error if the setting can't be read or the store doesn't support Object Lock.
    pub(crate) async fn default_retention(&self) -> Result<Option<String>, StoreError> {
        let response = self.client.get_object_lock_configuration().bucket(&self.bucket).send().await;
        let action = || format!("could not read the object lock of `{}`", self.bucket);
        let lock = self.or_absent(response, "ObjectLockConfigurationNotFoundError", action)?;
        let retention = lock.and_then(|lock| lock.object_lock_configuration?.rule?.default_retention);
        Ok(retention.map(|retention| {
            let time = match (retention.days(), retention.years()) {
                (_, Some(years)) => format!("{years} years"),
                (days, None) => format!("{} days", days.unwrap_or_default()),
            };
            let mode = retention.mode().map(|mode| format!(" ({})", mode.as_str())).unwrap_or_default();
            time + &mode
        }))
    }
}

/// Returns a rule's prefix if the rule deletes all old object versions under it.
fn expired_prefix(rule: &LifecycleRule) -> Option<String> {
    rule.noncurrent_version_expiration()?.noncurrent_days()?;
    let Some(filter) = rule.filter() else {
        #[expect(deprecated, reason = "rules of the first kind have their prefix here")]
        let prefix = rule.prefix();
        return Some(prefix.unwrap_or_default().to_owned()).filter(|_| *rule.status() == ExpirationStatus::Enabled);
    };
    let is_limited = filter.tag().is_some()
        || filter.and().is_some()
        || filter.object_size_greater_than().is_some()
        || filter.object_size_less_than().is_some();
    let is_on = *rule.status() == ExpirationStatus::Enabled;
    (is_on && !is_limited).then(|| filter.prefix().unwrap_or_default().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_s3::types::{LifecycleRuleFilter, NoncurrentVersionExpiration, Tag};

    fn rule(filter: LifecycleRuleFilter, status: ExpirationStatus) -> LifecycleRule {
        let expiration = NoncurrentVersionExpiration::builder().noncurrent_days(7).build();
        let rule = LifecycleRule::builder().filter(filter).status(status);
        rule.noncurrent_version_expiration(expiration).build().expect("a rule")
    }

    #[test]
    fn only_rules_for_all_objects_below_a_prefix_count() {
        let below = |prefix: &str| LifecycleRuleFilter::builder().prefix(prefix).build();
        let prefix = |filter, status| expired_prefix(&rule(filter, status));
        assert_eq!(prefix(below("maps/"), ExpirationStatus::Enabled).as_deref(), Some("maps/"));
        assert_eq!(prefix(below("maps/"), ExpirationStatus::Disabled), None);
        let tag = Tag::builder().key("a").value("b").build().expect("a tag");
        assert_eq!(prefix(LifecycleRuleFilter::builder().tag(tag).build(), ExpirationStatus::Enabled), None);
        let without = LifecycleRule::builder().status(ExpirationStatus::Enabled).build().expect("a rule");
        assert_eq!(expired_prefix(&without), None);
    }
}
