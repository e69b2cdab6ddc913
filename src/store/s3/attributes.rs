//! Object attributes and put options.

use aws_sdk_s3::operation::copy_object::builders::CopyObjectFluentBuilder;
use aws_sdk_s3::operation::put_object::builders::PutObjectFluentBuilder;
use aws_sdk_s3::types::{self as sdk, RequestPayer};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use std::fmt;
use std::str::FromStr;

/// Error returned when a string isn't a valid value for an S3 header.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected one of {}", .values.join(", "))]
pub struct HeaderValueError {
    values: &'static [&'static str],
}

/// Defines a newtype around one of the SDK's enums for S3 header values.
macro_rules! header_value {
    ($(#[$attribute:meta])* $name:ident) => {
        $(#[$attribute])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct $name(sdk::$name);

        impl $name {
            /// Returns the header value.
            #[must_use]
            pub fn as_str(&self) -> &str {
                self.0.as_str()
            }
        }

        impl FromStr for $name {
            type Err = HeaderValueError;

            fn from_str(text: &str) -> Result<Self, HeaderValueError> {
                sdk::$name::try_parse(text).map(Self).map_err(|_| HeaderValueError { values: sdk::$name::values() })
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(self.as_str())
            }
        }
    };
}

header_value! {
    /// Canned ACL, such as `public-read`.
    ObjectCannedAcl
}
header_value! {
    /// Server-side encryption algorithm, such as `aws:kms`.
    ServerSideEncryption
}
header_value! {
    /// Storage class, such as `STANDARD`.
    StorageClass
}

/// Attributes added to every stored object, apart from its content and type.
///
/// Attributes that aren't set are never sent, because new AWS buckets reject all ACLs and other stores don't support
/// most attributes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ObjectAttributes {
    /// Canned ACL.
    pub acl: Option<ObjectCannedAcl>,
    /// Storage class.
    pub storage_class: Option<StorageClass>,
    /// Server-side encryption algorithm.
    pub encryption: Option<ServerSideEncryption>,
    /// KMS key used for encryption.
    pub kms_key_id: Option<String>,
    /// Object tags.
    pub tags: Vec<(String, String)>,
    /// User metadata. Names are lowercase and don't include the `x-amz-meta-` prefix.
    pub metadata: Vec<(String, String)>,
}

impl ObjectAttributes {
    /// Adds the attributes to a copy request.
    pub(super) fn apply_to_copy(&self, copy: CopyObjectFluentBuilder) -> CopyObjectFluentBuilder {
        // A copy gets the default ACL, storage class and encryption rather than the original's, so send them again.
        let copy = copy
            .set_acl(self.acl.as_ref().map(|acl| acl.0.clone()))
            .set_storage_class(self.storage_class.as_ref().map(|class| class.0.clone()))
            .set_server_side_encryption(self.encryption.as_ref().map(|encryption| encryption.0.clone()))
            .set_ssekms_key_id(self.kms_key_id.clone())
            .set_tagging(self.tagging());
        self.metadata.iter().fold(copy, |copy, (name, value)| copy.metadata(name, value))
    }

    /// Adds the attributes to a put request.
    pub(super) fn apply_to_put(&self, put: PutObjectFluentBuilder) -> PutObjectFluentBuilder {
        let put = put
            .set_acl(self.acl.as_ref().map(|acl| acl.0.clone()))
            .set_storage_class(self.storage_class.as_ref().map(|class| class.0.clone()))
            .set_server_side_encryption(self.encryption.as_ref().map(|encryption| encryption.0.clone()))
            .set_ssekms_key_id(self.kms_key_id.clone())
            .set_tagging(self.tagging());
        self.metadata.iter().fold(put, |put, (name, value)| put.metadata(name, value))
    }

    /// Returns the tags in the query string format used by put requests.
    fn tagging(&self) -> Option<String> {
        let tags: Vec<String> = self.tags.iter().map(|(k, v)| format!("{}={}", encoded(k), encoded(v))).collect();
        (!tags.is_empty()).then(|| tags.join("&"))
    }

    /// Returns a stable description of the attributes, or an empty string if none are set.
    ///
    /// The description is included in fingerprints. Changing its format makes every published image stale and requires
    /// bumping the version number at the start.
    pub(super) fn describe(&self) -> String {
        if *self == Self::default() {
            return String::new();
        }
        let single = [
            ("acl", self.acl.as_ref().map(ObjectCannedAcl::as_str)),
            ("storage-class", self.storage_class.as_ref().map(StorageClass::as_str)),
            ("encryption", self.encryption.as_ref().map(ServerSideEncryption::as_str)),
            ("kms-key-id", self.kms_key_id.as_deref()),
        ];
        let single = single.into_iter().filter_map(|(name, value)| Some(format!("{name}={}", encoded(value?))));
        let pairs = [("tag", &self.tags), ("metadata", &self.metadata)].into_iter().flat_map(|(kind, pairs)| {
            let mut pairs: Vec<_> =
                pairs.iter().map(|(name, value)| format!("{kind}:{}={}", encoded(name), encoded(value))).collect();
            // Order doesn't matter for these pairs.
            pairs.sort();
            pairs
        });
        ["attributes-1".to_owned()].into_iter().chain(single).chain(pairs).collect::<Vec<_>>().join(" ")
    }
}

/// Percent-encodes everything except letters and digits.
fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

/// The account billed for requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Payer {
    /// The bucket owner.
    #[default]
    Owner,
    /// The requester, as required by "requester pays" buckets.
    Requester,
}

impl From<Payer> for Option<RequestPayer> {
    fn from(payer: Payer) -> Self {
        (payer == Payer::Requester).then_some(RequestPayer::Requester)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_encoded_and_unset_attributes_are_not_sent() {
        assert_eq!(ObjectAttributes::default().tagging(), None);
        let tags = vec![("project".to_owned(), "maps & plans".to_owned()), ("a".to_owned(), "b=c".to_owned())];
        let attributes = ObjectAttributes { tags, ..ObjectAttributes::default() };
        assert_eq!(attributes.tagging().as_deref(), Some("project=maps%20%26%20plans&a=b%3Dc"));
    }

    #[test]
    fn the_description_of_attributes_never_changes() {
        assert_eq!(ObjectAttributes::default().describe(), "");
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let attributes = ObjectAttributes {
            acl: Some("public-read".parse().expect("an ACL")),
            storage_class: Some("STANDARD_IA".parse().expect("a class")),
            encryption: Some("aws:kms".parse().expect("an encryption")),
            kms_key_id: Some("arn:aws:kms:eu-west-1:1:key/2".to_owned()),
            tags: vec![pair("project", "maps & plans"), pair("a", "b=c")],
            metadata: vec![pair("owner", "Bücherei")],
        };
        let golden = "attributes-1 acl=public%2Dread storage-class=STANDARD%5FIA encryption=aws%3Akms \
                      kms-key-id=arn%3Aaws%3Akms%3Aeu%2Dwest%2D1%3A1%3Akey%2F2 tag:a=b%3Dc \
                      tag:project=maps%20%26%20plans metadata:owner=B%C3%BCcherei";
        assert_eq!(attributes.describe(), golden);
    }
}
