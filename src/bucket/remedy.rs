//! Suggested fixes: advice, a JSON document to paste, and a command, all filled in with the actual names.

use super::{BucketScope, Document, cors, policy};
use crate::store::{Key, PublicAccessBlock};
use serde_json::{Value, json};

/// Suggested fix for a finding.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Remedy {
    /// Advice in plain text.
    pub advice: String,
    /// JSON document to paste.
    pub document: Option<Document>,
    /// Command that applies the document.
    pub command: Option<String>,
}

impl Remedy {
    pub(super) fn words(advice: impl Into<String>) -> Self {
        Self { advice: advice.into(), ..Self::default() }
    }
}

/// Permissions used by publishing. Only [`Put`](Self::Put) is required.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Permission {
    Put,
    Get,
    List,
    Delete,
}

impl Permission {
    fn action(self) -> &'static str {
        match self {
            Self::Put => "s3:PutObject",
            Self::Get => "s3:GetObject",
            Self::List => "s3:ListBucket",
            Self::Delete => "s3:DeleteObject",
        }
    }

    /// Explains what the permission is for.
    fn purpose(self) -> &'static str {
        match self {
            Self::Put => "required for publishing",
            Self::Get => "lets publishing skip unchanged images",
            Self::List => "lets publishing resume unfinished runs, and is needed by `delete`",
            Self::Delete => "lets publishing remove obsolete files, and is needed by `delete`",
        }
    }
}

/// Builds suggested fixes for a scope.
#[derive(Clone, Debug)]
pub(super) struct Remedies<'a> {
    pub(super) scope: &'a BucketScope,
    /// Options needed to access the bucket, for both the AWS CLI and this program: `--endpoint-url …`, `--profile …`.
    pub(super) options: &'a str,
    /// `true` if the store supports IAM and Block Public Access.
    pub(super) is_aws: bool,
}

impl Remedies<'_> {
    /// Suggests granting `permission` to the user or role.
    pub(super) fn permission(&self, permission: Permission) -> Remedy {
        let statement = match permission {
            Permission::List => self.list_statement(),
            _ => json!({"Effect": "Allow", "Action": permission.action(), "Resource": self.scope.objects_arn()}),
        };
        Remedy {
            advice: format!("{}: grant {} to the user or role", permission.purpose(), permission.action()),
            document: Some(Document(json!({"Version": "2012-10-17", "Statement": [statement]}))),
            command: self.is_aws.then(|| {
                "aws iam put-role-policy --role-name ROLE --policy-name iiif-publish --policy-document file://policy.json"
                    .to_owned()
            }),
        }
    }

    fn list_statement(&self) -> Value {
        let mut statement = json!({
            "Effect": "Allow", "Action": Permission::List.action(), "Resource": self.scope.bucket_arn(),
        });
        if !self.scope.prefix().is_empty() {
            statement["Condition"] = json!({"StringLike": {"s3:prefix": format!("{}*", self.scope.escaped_prefix())}});
        }
        statement
    }

    /// Suggests making the objects publicly readable. `block` is `None` if it couldn't be read.
    pub(super) fn public_read(&self, block: Option<PublicAccessBlock>) -> Remedy {
        let setup = self.setup("--public-read");
        let block = match block {
            Some(block) if !block.lets_policy_be() => {
                format!("; Block Public Access overrides policies, so first run `{}`", self.unblock(block))
            }
            None if self.is_aws => {
                "; on AWS, the likely reason is Block Public Access of the bucket or the account".to_owned()
            }
            _ => String::new(),
        };
        Remedy {
            advice: format!(
                "allow everyone to read below the prefix with this policy (`{setup}` adds it to the existing policy, \
                 the command below replaces it), or allow the CDN in front of the bucket to read{block}"
            ),
            document: Some(Document(policy::policy(self.scope))),
            command: Some(self.aws("put-bucket-policy", "--policy file://policy.json")),
        }
    }

    /// Suggests letting pages on other sites read the objects.
    pub(super) fn cors(&self) -> Remedy {
        let setup = self.setup("--cors");
        Remedy {
            advice: format!(
                "allow pages of all sites to read with this rule (`{setup}` adds it to the existing rules, the command \
                 below replaces them); if a CDN or proxy is in front, set `Access-Control-Allow-Origin: *` there"
            ),
            document: Some(Document(cors_document())),
            command: Some(self.aws("put-bucket-cors", "--cors-configuration file://cors.json")),
        }
    }

    /// Suggests deleting an object that was left behind.
    pub(super) fn left_behind(&self, key: &Key) -> Remedy {
        let mut remedy = self.permission(Permission::Delete);
        remedy.advice = format!("`{key}` was left behind; {}", remedy.advice);
        remedy
    }

    /// Returns a command that stops Block Public Access from overriding a public policy. The ACL settings don't change.
    pub(super) fn unblock(&self, block: PublicAccessBlock) -> String {
        let PublicAccessBlock { refuses_acls, ignores_acls, .. } = block;
        let acls = format!("BlockPublicAcls={refuses_acls},IgnorePublicAcls={ignores_acls}");
        let configuration = format!("{acls},BlockPublicPolicy=false,RestrictPublicBuckets=false");
        self.aws("put-public-access-block", &format!("--public-access-block-configuration {configuration}"))
    }

    pub(super) fn aws(&self, verb: &str, arguments: &str) -> String {
        let bucket = quoted(self.scope.bucket());
        format!("aws s3api {verb} --bucket {bucket} {arguments}{}", self.options())
    }

    fn setup(&self, flag: &str) -> String {
        let prefix = match self.scope.prefix() {
            prefix if prefix.is_empty() => String::new(),
            prefix => format!(" --prefix {}", quoted(&prefix.to_string())),
        };
        let bucket = quoted(self.scope.bucket());
        format!("iiif-publish bucket setup --bucket {bucket}{prefix} {flag}{}", self.options())
    }

    fn options(&self) -> String {
        if self.options.is_empty() { String::new() } else { format!(" {}", self.options) }
    }
}

/// Returns the CORS rule in the format expected by the AWS CLI.
fn cors_document() -> Value {
    let rule = cors::rule();
    json!({"CORSRules": [{
        "ID": rule.id,
        "AllowedOrigins": rule.allowed_origins,
        "AllowedMethods": rule.allowed_methods,
        "AllowedHeaders": rule.allowed_headers,
        "MaxAgeSeconds": rule.max_age_seconds,
    }]})
}

/// Quotes `text` as a single shell word.
///
/// ```
/// use iiif_publish::bucket::quoted;
/// assert_eq!(quoted("art-tiles"), "art-tiles");
/// assert_eq!(quoted("it's"), r"'it'\''s'");
/// ```
#[must_use]
pub fn quoted(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@%+=,".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with<T>(prefix: &str, options: &str, see: impl FnOnce(&Remedies) -> T) -> T {
        let scope = BucketScope::new("art-tiles", &prefix.parse().expect("a prefix"), "eu-central-1");
        see(&Remedies { scope: &scope, options, is_aws: true })
    }

    #[test]
    fn remedies_contain_the_real_names() {
        let put = with("maps", "", |remedies| remedies.permission(Permission::Put));
        assert_eq!(
            put.document,
            Some(Document(json!({"Version": "2012-10-17", "Statement": [
                {"Effect": "Allow", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::art-tiles/maps/*"}
            ]})))
        );
        let list = with("", "", |remedies| remedies.permission(Permission::List));
        assert_eq!(
            list.document.expect("a document").0["Statement"],
            json!([{"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "arn:aws:s3:::art-tiles"}])
        );
        let read = with("a b", "--profile museum", |remedies| remedies.public_read(None));
        assert!(
            read.advice.contains(
                "`iiif-publish bucket setup --bucket art-tiles --prefix 'a b' --public-read --profile museum`"
            ),
            "{}",
            read.advice
        );
        assert!(read.advice.contains("Block Public Access"), "{}", read.advice);
        assert_eq!(
            read.command.as_deref(),
            Some("aws s3api put-bucket-policy --bucket art-tiles --policy file://policy.json --profile museum")
        );
    }

    #[test]
    fn block_public_access_is_named_if_it_overrides_the_policy() {
        let open = PublicAccessBlock::default();
        assert!(!with("", "", |remedies| remedies.public_read(Some(open)).advice).contains("Block"));
        let closed = PublicAccessBlock { refuses_policy: true, ..open };
        let advice = with("", "", |remedies| remedies.public_read(Some(closed)).advice);
        assert!(advice.contains("aws s3api put-public-access-block --bucket art-tiles"), "{advice}");
        assert!(advice.contains("BlockPublicAcls=false,IgnorePublicAcls=false,BlockPublicPolicy=false"), "{advice}");
    }
}
