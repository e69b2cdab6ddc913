//! Bucket settings, kept as on AWS: CORS rules, policies and Block Public Access, which new buckets have.

use super::Refusal;
use super::answer::{self, Answer};
use super::call::parameter;
use super::locked;
use hyper::Method;
use serde_json::Value;
use std::collections::HashMap;
use std::sync::Mutex;

/// Names of the settings in queries, with the error code for a setting that does not exist.
const NAMES: [(&str, &str); 3] = [
    ("cors", "NoSuchCORSConfiguration"),
    ("policy", "NoSuchBucketPolicy"),
    (BLOCK, "NoSuchPublicAccessBlockConfiguration"),
];

const BLOCK: &str = "publicAccessBlock";

/// The Block Public Access settings of a new bucket.
const BLOCKED: &str = "<PublicAccessBlockConfiguration><BlockPublicAcls>true</BlockPublicAcls>\
    <IgnorePublicAcls>true</IgnorePublicAcls><BlockPublicPolicy>true</BlockPublicPolicy>\
    <RestrictPublicBuckets>true</RestrictPublicBuckets></PublicAccessBlockConfiguration>";

/// The documents of all buckets, by bucket and name. An empty document was deleted.
#[derive(Default)]
pub(super) struct KeptSettings(Mutex<HashMap<(String, &'static str), String>>);

impl KeptSettings {
    fn document(&self, bucket: &str, name: &'static str) -> Option<String> {
        let kept = locked(&self.0).get(&(bucket.to_owned(), name)).cloned();
        kept.or_else(|| (name == BLOCK).then(|| BLOCKED.to_owned())).filter(|document| !document.is_empty())
    }

    /// Responds to a request for a setting. Returns `None` if the query names no setting.
    pub(super) fn answer(&self, method: &Method, bucket: &str, query: &str, body: &[u8]) -> Option<Answer> {
        let (name, absent) = NAMES.into_iter().find(|(name, _)| parameter(query, name).is_some())?;
        if *method == Method::GET {
            let document = self.document(bucket, name);
            return Some(document.map_or_else(|| answer::error(404, absent, "There is none."), answer::setting));
        }
        if name == "policy" && self.document(bucket, BLOCK).is_some() {
            return Some(answer::refusal(Refusal::AccessDenied));
        }
        let document = if *method == Method::PUT { String::from_utf8_lossy(body).into_owned() } else { String::new() };
        locked(&self.0).insert((bucket.to_owned(), name), document);
        Some(answer::empty(204))
    }

    /// Returns `true` if the policy of the bucket allows everyone to read an object.
    pub(super) fn lets_anyone_read(&self, bucket: &str, key: &str) -> bool {
        let policy = self.document(bucket, "policy").and_then(|policy| serde_json::from_str::<Value>(&policy).ok());
        let arn = format!("arn:aws:s3:::{bucket}/{key}");
        let is_open = |statement: &Value| {
            let resource = statement["Resource"].as_str().and_then(|resource| resource.strip_suffix('*'));
            statement["Principal"] == "*" && resource.is_some_and(|start| arn.starts_with(start))
        };
        policy.is_some_and(|policy| policy["Statement"].as_array().into_iter().flatten().any(is_open))
    }

    /// Returns `true` if the CORS rules of the bucket allow pages of all websites to read.
    pub(super) fn lets_any_page_read(&self, bucket: &str) -> bool {
        self.document(bucket, "cors").is_some_and(|rules| rules.contains("<AllowedOrigin>*</AllowedOrigin>"))
    }
}
