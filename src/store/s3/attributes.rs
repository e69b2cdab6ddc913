//! What the owner of a bucket wants every object to have, and what a put may do.

use aws_sdk_s3::operation::copy_object::builders::CopyObjectFluentBuilder;
use aws_sdk_s3::operation::put_object::builders::PutObjectFluentBuilder;
use aws_sdk_s3::types::{ObjectCannedAcl, RequestPayer, ServerSideEncryption, StorageClass};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

/// What every object gets beside its bytes and its type. Nothing of it is sent unless it is said: new buckets of AWS
/// refuse any ACL, and other stores do not know most of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ObjectAttributes {
    /// A canned ACL.
    pub acl: Option<ObjectCannedAcl>,
    /// Where the store keeps it.
    pub storage_class: Option<StorageClass>,
    /// How the store encrypts it.
    pub encryption: Option<ServerSideEncryption>,
    /// With which key of KMS.
    pub kms_key_id: Option<String>,
    /// Tags.
    pub tags: Vec<(String, String)>,
    /// User metadata: names without `x-amz-meta-`, in lower case.
    pub metadata: Vec<(String, String)>,
}

impl ObjectAttributes {
    /// Adds them to a copy.
    pub(super) fn of_copy(&self, copy: CopyObjectFluentBuilder) -> CopyObjectFluentBuilder {
        let copy = copy
            .set_acl(self.acl.clone())
            .set_storage_class(self.storage_class.clone())
            .set_server_side_encryption(self.encryption.clone())
            .set_ssekms_key_id(self.kms_key_id.clone())
            .set_tagging(self.tagging());
        self.metadata.iter().fold(copy, |copy, (name, value)| copy.metadata(name, value))
    }

    /// Adds them to a put.
    pub(super) fn of_put(&self, put: PutObjectFluentBuilder) -> PutObjectFluentBuilder {
        let put = put
            .set_acl(self.acl.clone())
            .set_storage_class(self.storage_class.clone())
            .set_server_side_encryption(self.encryption.clone())
            .set_ssekms_key_id(self.kms_key_id.clone())
            .set_tagging(self.tagging());
        self.metadata.iter().fold(put, |put, (name, value)| put.metadata(name, value))
    }

    /// The tags as a query, which is how a put carries them.
    fn tagging(&self) -> Option<String> {
        let tags: Vec<String> = self.tags.iter().map(|(k, v)| format!("{}={}", encoded(k), encoded(v))).collect();
        (!tags.is_empty()).then(|| tags.join("&"))
    }

    /// Returns a text that is the same for the same attributes in every version of the program, and empty for none.
    ///
    /// It is kept in fingerprints: a change of the format makes every published image stale, and needs a new version at its
    /// beginning.
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
            // Their order means nothing.
            pairs.sort();
            pairs
        });
        ["attributes-1".to_owned()].into_iter().chain(single).chain(pairs).collect::<Vec<_>>().join(" ")
    }
}

/// Percent-encodes everything but letters and digits.
fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

/// What happens to an object that is there already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Clobber {
    /// It is replaced.
    #[default]
    Replace,
    /// It stays, and the put fails unless it has the same bytes (`If-None-Match: *`). Some stores ignore that and replace it.
    Forbid,
}

/// Who pays for the requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Payer {
    /// The owner of the bucket.
    #[default]
    Owner,
    /// Who sends them: what "requester pays" buckets demand.
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
    fn tags_are_encoded_and_nothing_is_sent_unasked() {
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
            acl: Some(ObjectCannedAcl::PublicRead),
            storage_class: Some(StorageClass::StandardIa),
            encryption: Some(ServerSideEncryption::AwsKms),
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
