//! Objects under a prefix, as expressed in policies.

use crate::store::Prefix;
use sha2::{Digest, Sha256};
use std::fmt::Write;

/// Statement ID prefix that identifies our own policy statements.
const SID: &str = "IiifPublishPublicRead";

/// Number of digest bytes used to tell prefixes apart.
const SID_BYTES: usize = 6;

/// All objects under a prefix in a bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct BucketScope {
    bucket: String,
    prefix: Prefix,
    partition: &'static str,
}

impl BucketScope {
    /// Creates the scope for a prefix. The AWS region determines the partition; other stores use `aws`.
    #[must_use]
    pub(super) fn new(bucket: &str, prefix: &Prefix, aws_region: &str) -> Self {
        let partition = match aws_region {
            region if region.starts_with("cn-") => "aws-cn",
            region if region.starts_with("us-gov-") => "aws-us-gov",
            _ => "aws",
        };
        Self { bucket: bucket.to_owned(), prefix: prefix.clone(), partition }
    }

    /// Returns the bucket name.
    #[must_use]
    pub(super) fn bucket(&self) -> &str {
        &self.bucket
    }

    /// Returns the prefix.
    #[must_use]
    pub(super) fn prefix(&self) -> &Prefix {
        &self.prefix
    }

    /// Returns the bucket's ARN.
    #[must_use]
    pub(super) fn bucket_arn(&self) -> String {
        format!("arn:{}:s3:::{}", self.partition, self.bucket)
    }

    /// Returns an ARN pattern that matches every object under the prefix.
    #[must_use]
    pub(super) fn objects_arn(&self) -> String {
        format!("{}/{}*", self.bucket_arn(), self.escaped_prefix())
    }

    /// Returns the prefix with wildcards escaped and a trailing slash.
    #[must_use]
    pub(super) fn escaped_prefix(&self) -> String {
        let mut escaped = String::new();
        for character in self.prefix.with_slash().chars() {
            match character {
                '*' | '?' | '$' => write!(escaped, "${{{character}}}").expect("writing to a string does not fail"),
                character => escaped.push(character),
            }
        }
        escaped
    }

    /// Returns the public-read statement's ID. It's alphanumeric and unique to the prefix.
    #[must_use]
    pub(super) fn sid(&self) -> String {
        let mut sid = SID.to_owned();
        if !self.prefix.is_empty() {
            let digest = Sha256::digest(self.prefix.to_string());
            for byte in &digest[..SID_BYTES] {
                write!(sid, "{byte:02x}").expect("writing to a string does not fail");
            }
        }
        sid
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(prefix: &str, aws_region: &str) -> BucketScope {
        BucketScope::new("b", &prefix.parse().expect("a prefix"), aws_region)
    }

    #[test]
    fn each_prefix_has_a_stable_and_unique_sid() {
        assert_eq!(scope("", "").sid(), "IiifPublishPublicRead");
        assert_eq!(scope("maps", "").sid(), scope("/maps/", "").sid());
        assert_ne!(scope("maps/a", "").sid(), scope("maps-a", "").sid());
        assert!(scope("Größe 1/*", "").sid().chars().all(|c| c.is_ascii_alphanumeric()));
    }

    #[test]
    fn a_prefix_is_never_a_pattern() {
        assert_eq!(scope("a*b/$?", "").objects_arn(), "arn:aws:s3:::b/a${*}b/${$}${?}/*");
    }

    #[test]
    fn other_partitions_have_other_arns() {
        assert_eq!(scope("", "cn-north-1").objects_arn(), "arn:aws-cn:s3:::b/*");
        assert_eq!(scope("", "us-gov-west-1").bucket_arn(), "arn:aws-us-gov:s3:::b");
    }
}
