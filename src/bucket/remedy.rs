//! What to do about what is missing: words, a document to paste, and a command, with the real names in them.

use super::{Place, cors, policy};
use crate::store::{Key, PublicAccessBlock};
use serde_json::{Value, json};

/// What to do about a finding.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Remedy {
    /// In words.
    pub advice: String,
    /// What to paste.
    pub document: Option<Value>,
    /// A command that does it.
    pub command: Option<String>,
}

impl Remedy {
    pub(super) fn words(advice: impl Into<String>) -> Self {
        Self { advice: advice.into(), ..Self::default() }
    }
}

/// What publishing asks of a role, and what it asks for besides.
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

    /// What publishing does with it.
    fn purpose(self) -> &'static str {
        match self {
            Self::Put => "without it nothing can be published",
            Self::Get => "with it, publishing skips images that are unchanged",
            Self::List => "with it, publishing goes on where an unfinished run stopped, and `delete` works",
            Self::Delete => "with it, publishing removes what a replaced image has no more, and `delete` works",
        }
    }
}

/// Writes remedies for one place.
#[derive(Clone, Debug)]
pub(super) struct Remedies<'a> {
    pub(super) place: &'a Place,
    /// What leads to the bucket on a command line, of the AWS tool and of this program: `--endpoint-url …`, `--profile …`.
    pub(super) options: &'a str,
    /// Whether there are IAM and Block Public Access.
    pub(super) is_aws: bool,
}

impl Remedies<'_> {
    /// The permission to add to the user or the role.
    pub(super) fn permission(&self, permission: Permission) -> Remedy {
        let statement = match permission {
            Permission::List => self.list_statement(),
            _ => json!({"Effect": "Allow", "Action": permission.action(), "Resource": self.place.objects_arn()}),
        };
        Remedy {
            advice: format!("{}: allow {} to the user or role", permission.purpose(), permission.action()),
            document: Some(json!({"Version": "2012-10-17", "Statement": [statement]})),
            command: self.is_aws.then(|| {
                "aws iam put-role-policy --role-name ROLE --policy-name iiif-publish --policy-document file://policy.json"
                    .to_owned()
            }),
        }
    }

    fn list_statement(&self) -> Value {
        let mut statement = json!({
            "Effect": "Allow", "Action": Permission::List.action(), "Resource": self.place.bucket_arn(),
        });
        if !self.place.prefix().is_empty() {
            statement["Condition"] = json!({"StringLike": {"s3:prefix": format!("{}*", self.place.escaped_prefix())}});
        }
        statement
    }

    /// What lets everyone read; `block` as far as it could be seen.
    pub(super) fn public_read(&self, block: Option<PublicAccessBlock>) -> Remedy {
        let setup = self.setup("--public-read");
        let block = match block {
            Some(block) if !block.lets_policy_be() => {
                format!("; Block Public Access is on, which no policy overcomes: first `{}`", self.unblock(block))
            }
            None if self.is_aws => {
                "; Block Public Access, of the bucket or of the account, is the likely reason on AWS".to_owned()
            }
            _ => String::new(),
        };
        Remedy {
            advice: format!(
                "let everyone read below the prefix by this policy (`{setup}` adds it to the one that is there, \
                 the command below replaces it), or let the CDN in front of the bucket read it{block}"
            ),
            document: Some(policy::policy(self.place)),
            command: Some(self.aws("put-bucket-policy", "--policy file://policy.json")),
        }
    }

    /// What lets pages of other sites read.
    pub(super) fn cors(&self) -> Remedy {
        let setup = self.setup("--cors");
        Remedy {
            advice: format!(
                "let pages of all sites read by this rule (`{setup}` adds it to those that are there, the command below \
                 replaces them); where a CDN or a proxy stands in front, set `Access-Control-Allow-Origin: *` there"
            ),
            document: Some(cors_document()),
            command: Some(self.aws("put-bucket-cors", "--cors-configuration file://cors.json")),
        }
    }

    /// What removes an object that was left behind.
    pub(super) fn left_behind(&self, key: &Key) -> Remedy {
        let mut remedy = self.permission(Permission::Delete);
        remedy.advice = format!("`{key}` was left behind; {}", remedy.advice);
        remedy
    }

    /// What lets a policy take effect that lets everyone read. What is said of ACLs stays.
    pub(super) fn unblock(&self, block: PublicAccessBlock) -> String {
        let PublicAccessBlock { refuses_acls, ignores_acls, .. } = block;
        let acls = format!("BlockPublicAcls={refuses_acls},IgnorePublicAcls={ignores_acls}");
        let configuration = format!("{acls},BlockPublicPolicy=false,RestrictPublicBuckets=false");
        self.aws("put-public-access-block", &format!("--public-access-block-configuration {configuration}"))
    }

    pub(super) fn aws(&self, verb: &str, arguments: &str) -> String {
        let bucket = quoted(self.place.bucket());
        format!("aws s3api {verb} --bucket {bucket} {arguments}{}", self.options())
    }

    fn setup(&self, flag: &str) -> String {
        let prefix = match self.place.prefix() {
            prefix if prefix.is_empty() => String::new(),
            prefix => format!(" --prefix {}", quoted(&prefix.to_string())),
        };
        let bucket = quoted(self.place.bucket());
        format!("iiif-publish bucket setup --bucket {bucket}{prefix} {flag}{}", self.options())
    }

    fn options(&self) -> String {
        if self.options.is_empty() { String::new() } else { format!(" {}", self.options) }
    }
}

/// The rule that viewers need, as the AWS tool takes it.
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

/// A text as one word of a shell.
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
        let place = Place::new("art-tiles", &prefix.parse().expect("a prefix"), "eu-central-1");
        see(&Remedies { place: &place, options, is_aws: true })
    }

    #[test]
    fn remedies_have_the_real_names_in_them() {
        let put = with("maps", "", |remedies| remedies.permission(Permission::Put));
        assert_eq!(
            put.document,
            Some(json!({"Version": "2012-10-17", "Statement": [
                {"Effect": "Allow", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::art-tiles/maps/*"}
            ]}))
        );
        let list = with("", "", |remedies| remedies.permission(Permission::List));
        assert_eq!(
            list.document.expect("a document")["Statement"],
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
    fn block_public_access_is_blamed_where_it_is_to_blame() {
        let open = PublicAccessBlock::default();
        assert!(!with("", "", |remedies| remedies.public_read(Some(open)).advice).contains("Block"));
        let closed = PublicAccessBlock { refuses_policy: true, ..open };
        let advice = with("", "", |remedies| remedies.public_read(Some(closed)).advice);
        assert!(advice.contains("aws s3api put-public-access-block --bucket art-tiles"), "{advice}");
        assert!(advice.contains("BlockPublicAcls=false,IgnorePublicAcls=false,BlockPublicPolicy=false"), "{advice}");
    }
}
