//! What the owner of a bucket wants every object to have, and what a put may do.

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
        let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let tags: Vec<String> = self.tags.iter().map(|(k, v)| format!("{}={}", encoded(k), encoded(v))).collect();
        (!tags.is_empty()).then(|| tags.join("&"))
    }

    /// Words that differ where the attributes differ; none for none.
    pub(super) fn in_words(&self) -> String {
        if *self == Self::default() { String::new() } else { format!("{self:?}") }
    }
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
        assert_eq!(ObjectAttributes::default().in_words(), "");
        let tags = vec![("project".to_owned(), "maps & plans".to_owned()), ("a".to_owned(), "b=c".to_owned())];
        let attributes = ObjectAttributes { tags, ..ObjectAttributes::default() };
        assert_eq!(attributes.tagging().as_deref(), Some("project=maps%20%26%20plans&a=b%3Dc"));
        assert_ne!(attributes.in_words(), "");
    }
}
