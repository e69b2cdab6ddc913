//! Which objects of a bucket are meant, in the words of policies.

use crate::store::Prefix;
use sha2::{Digest, Sha256};
use std::fmt::Write;

/// How the statement of this program begins, by which it is known again.
const SID: &str = "IiifPublishPublicRead";

/// Bytes of a digest that tell prefixes apart.
const SID_BYTES: usize = 6;

/// What lies under a prefix of a bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    bucket: String,
    prefix: Prefix,
    partition: &'static str,
}

impl Place {
    /// The objects below a prefix of a bucket in a region of AWS, or anywhere else.
    #[must_use]
    pub fn new(bucket: &str, prefix: &Prefix, aws_region: &str) -> Self {
        let partition = match aws_region {
            region if region.starts_with("cn-") => "aws-cn",
            region if region.starts_with("us-gov-") => "aws-us-gov",
            _ => "aws",
        };
        Self { bucket: bucket.to_owned(), prefix: prefix.clone(), partition }
    }

    /// The bucket.
    #[must_use]
    pub fn bucket(&self) -> &str {
        &self.bucket
    }

    /// The prefix.
    #[must_use]
    pub fn prefix(&self) -> &Prefix {
        &self.prefix
    }

    /// The bucket, as policies name it.
    #[must_use]
    pub fn bucket_arn(&self) -> String {
        format!("arn:{}:s3:::{}", self.partition, self.bucket)
    }

    /// All objects below the prefix, as policies name them.
    ///
    /// ```
    /// use iiif_publish::bucket::Place;
    /// let place = Place::new("art-tiles", &"maps".parse()?, "eu-central-1");
    /// assert_eq!(place.objects_arn(), "arn:aws:s3:::art-tiles/maps/*");
    /// # Ok::<(), iiif_publish::store::KeyError>(())
    /// ```
    #[must_use]
    pub fn objects_arn(&self) -> String {
        format!("{}/{}*", self.bucket_arn(), self.escaped_prefix())
    }

    /// The prefix with its slash, in which nothing stands for anything else.
    #[must_use]
    pub fn escaped_prefix(&self) -> String {
        let mut escaped = String::new();
        for character in self.prefix.with_slash().chars() {
            match character {
                '*' | '?' | '$' => write!(escaped, "${{{character}}}").expect("writing to a string does not fail"),
                character => escaped.push(character),
            }
        }
        escaped
    }

    /// What the statement that lets everyone read this is called: for each prefix another name, of letters and digits.
    #[must_use]
    pub fn sid(&self) -> String {
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

    fn place(prefix: &str, aws_region: &str) -> Place {
        Place::new("b", &prefix.parse().expect("a prefix"), aws_region)
    }

    #[test]
    fn each_prefix_has_a_name_of_its_own_and_keeps_it() {
        assert_eq!(place("", "").sid(), "IiifPublishPublicRead");
        assert_eq!(place("maps", "").sid(), place("/maps/", "").sid());
        assert_ne!(place("maps/a", "").sid(), place("maps-a", "").sid());
        assert!(place("Größe 1/*", "").sid().chars().all(|c| c.is_ascii_alphanumeric()));
    }

    #[test]
    fn a_prefix_is_never_a_pattern() {
        assert_eq!(place("a*b/$?", "").objects_arn(), "arn:aws:s3:::b/a${*}b/${$}${?}/*");
    }

    #[test]
    fn other_partitions_have_other_names() {
        assert_eq!(place("", "cn-north-1").objects_arn(), "arn:aws-cn:s3:::b/*");
        assert_eq!(place("", "us-gov-west-1").bucket_arn(), "arn:aws-us-gov:s3:::b");
    }
}
