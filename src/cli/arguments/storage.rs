//! Options for object attributes in a bucket.

use crate::cli::context::Context;
use clap::{Args, ValueEnum};
use iiif_publish::store::{
    Checksums, HeaderValueError, ObjectAttributes, ObjectCannedAcl, S3Settings, ServerSideEncryption, StorageClass,
};

/// Arguments that apply only to buckets, not folders.
pub(crate) const BUCKET_ONLY: [&str; 5] = ["acl", "storage_class", "sse", "tagging", "metadata"];

#[derive(Debug, Args)]
#[command(next_help_heading = "Object attributes")]
pub(crate) struct StorageArguments {
    /// Choose when to send checksum headers with uploads [default: `when-supported` on AWS, `when-required` elsewhere]
    #[arg(long, value_name = "WHEN")]
    checksums: Option<ChecksumsArgument>,
    /// Set a canned ACL, such as `public-read` (new AWS buckets reject ACLs)
    #[arg(long, value_name = "ACL", value_parser = parse_acl)]
    acl: Option<ObjectCannedAcl>,
    /// Set the storage class, such as `INTELLIGENT_TIERING`
    #[arg(long, value_name = "CLASS", value_parser = parse_storage_class)]
    storage_class: Option<StorageClass>,
    /// Use server-side encryption: `AES256`, `aws:kms` or `aws:kms:dsse`
    #[arg(long, value_name = "METHOD", value_parser = parse_encryption)]
    sse: Option<ServerSideEncryption>,
    /// Use this KMS key for encryption
    #[arg(long, value_name = "KEY", requires = "sse")]
    sse_kms_key_id: Option<String>,
    /// Add a tag to every object (repeatable, up to 10)
    #[arg(long, value_name = "NAME=VALUE", value_parser = parse_tag)]
    tagging: Vec<(String, String)>,
    /// Add user metadata (`x-amz-meta-NAME`) to every object (repeatable)
    #[arg(long, value_name = "NAME=VALUE", value_parser = parse_metadata)]
    metadata: Vec<(String, String)>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ChecksumsArgument {
    WhenSupported,
    WhenRequired,
}

impl StorageArguments {
    /// Applies these options to a bucket's settings.
    pub(crate) fn apply_to(&self, mut settings: S3Settings) -> S3Settings {
        settings.checksums = self.checksums.map(|checksums| match checksums {
            ChecksumsArgument::WhenSupported => Checksums::WhenSupported,
            ChecksumsArgument::WhenRequired => Checksums::WhenRequired,
        });
        settings.attributes = self.attributes();
        settings
    }

    fn attributes(&self) -> ObjectAttributes {
        let mut attributes = ObjectAttributes::default();
        attributes.acl.clone_from(&self.acl);
        attributes.storage_class.clone_from(&self.storage_class);
        attributes.encryption.clone_from(&self.sse);
        attributes.kms_key_id.clone_from(&self.sse_kms_key_id);
        attributes.tags.clone_from(&self.tagging);
        attributes.metadata.clone_from(&self.metadata);
        attributes
    }

    /// Prints a warning if the storage class is a poor fit for many small objects.
    pub(crate) fn warn(&self, context: &Context) {
        if let Some(warning) = self.warning() {
            context.progress().say(&format!("warning: {warning}"));
        }
    }

    fn warning(&self) -> Option<String> {
        let class = self.storage_class.as_ref()?;
        let reason = match class.as_str() {
            "STANDARD_IA" | "ONEZONE_IA" | "GLACIER_IR" => {
                "bills each object for at least 128 kB and 30 days, and also bills every read; most tiles are smaller \
                 than 60 kB and cost less in STANDARD"
            }
            "INTELLIGENT_TIERING" => "never moves objects below 128 kB, which includes almost all tiles",
            _ => return None,
        };
        Some(format!("the storage class {class} {reason}"))
    }
}

fn parse_acl(text: &str) -> Result<ObjectCannedAcl, HeaderValueError> {
    text.parse()
}

fn parse_encryption(text: &str) -> Result<ServerSideEncryption, HeaderValueError> {
    text.parse()
}

fn parse_storage_class(text: &str) -> Result<StorageClass, String> {
    let class: StorageClass = text.parse().map_err(|error: HeaderValueError| error.to_string())?;
    match class.as_str() {
        "GLACIER" | "DEEP_ARCHIVE" => Err("objects in that storage class are not directly readable".to_owned()),
        _ => Ok(class),
    }
}

fn parse_tag(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').filter(|(name, _)| !name.is_empty()).ok_or("expected NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

/// Parses a metadata header's name and value. S3 stores names in lowercase.
fn parse_metadata(text: &str) -> Result<(String, String), String> {
    let (name, value) = parse_tag(text)?;
    let is_name = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'));
    let is_value = value.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
    let name = name.to_ascii_lowercase();
    match (is_name, is_value) {
        (false, _) => Err(format!("`{name}` is not a valid name: use letters, digits, `-`, `_` and `.`")),
        (_, false) => {
            Err("the value may only contain visible ASCII characters, because it is sent as a header".to_owned())
        }
        _ if name.starts_with("iiif-publish-") => Err("names that start with `iiif-publish-` are reserved".to_owned()),
        _ => Ok((name, value)),
    }
}
