//! Bucket settings that can cause trouble later: versioning, Object Lock, and policies that require conditional writes.

use super::finding::{CheckFinding, Step};
use super::remedy::{Remedies, Remedy};
use super::{BucketScope, Document, policy};
use crate::store::{S3Store, StoreError, StoreErrorKind};
use serde_json::{Value, json};

/// Number of days before the suggested lifecycle rule deletes old versions.
const NONCURRENT_DAYS: u32 = 30;

/// Reads the settings and returns any warnings. The result is empty if nothing is wrong or the store doesn't support
/// these settings.
pub(super) async fn findings(store: &S3Store, remedies: &Remedies<'_>) -> Vec<CheckFinding> {
    let scope = remedies.scope;
    let versioned = match store.is_versioned().await {
        Ok(true) => store.noncurrent_expirations().await.map(|prefixes| versioning(&prefixes, remedies)),
        Ok(false) => Ok(None),
        Err(error) => Err(error),
    };
    let locked = store.default_retention().await.map(|retention| retention.as_deref().map(object_lock));
    let policy = store.policy().await.map(|policy| conditions(policy.as_deref().unwrap_or_default(), scope));
    let settings = [
        (Step::Versioning, "s3:GetBucketVersioning and s3:GetLifecycleConfiguration", versioned),
        (Step::ObjectLock, "s3:GetBucketObjectLockConfiguration", locked),
        (Step::BucketPolicy, "s3:GetBucketPolicy", policy),
    ];
    settings.into_iter().filter_map(|(step, action, found)| known(step, action, found)).collect()
}

/// Turns a denied request into a note. Other errors are ignored, because stores that don't support a setting fail in
/// different ways.
fn known(step: Step, action: &str, found: Result<Option<CheckFinding>, StoreError>) -> Option<CheckFinding> {
    match found {
        Ok(finding) => finding,
        Err(error) if error.kind() == StoreErrorKind::Denied => {
            Some(CheckFinding::note(step, format!("not checked: needs {action}")))
        }
        Err(_) => None,
    }
}

/// Warns if the bucket keeps old versions forever. `prefixes` come from the lifecycle rules that delete old versions.
fn versioning(prefixes: &[String], remedies: &Remedies<'_>) -> Option<CheckFinding> {
    let scope = remedies.scope.prefix().with_slash();
    // A rule for a nested folder doesn't help, because it doesn't cover the rest of the prefix.
    if prefixes.iter().any(|prefix| scope.starts_with(prefix.as_str())) {
        return None;
    }
    let rule = json!({"ID": "iiif-publish", "Status": "Enabled", "Filter": {"Prefix": scope},
        "NoncurrentVersionExpiration": {"NoncurrentDays": NONCURRENT_DAYS}});
    let remedy = Remedy {
        advice: "add this rule to the lifecycle rules of the bucket; the command replaces the existing rules"
            .to_owned(),
        document: Some(Document(json!({"Rules": [rule]}))),
        command: Some(
            remedies.aws("put-bucket-lifecycle-configuration", "--lifecycle-configuration file://rules.json"),
        ),
    };
    let detail = "the bucket is versioned, and no lifecycle rule deletes old versions: you pay for replaced and deleted images forever";
    Some(CheckFinding::lacking(Step::Versioning, detail, remedy))
}

fn object_lock(retention: &str) -> CheckFinding {
    let detail = format!(
        "objects are locked for {retention} by default: replaced and deleted images are kept, and billed, for that time"
    );
    let advice = "publish into a bucket without default retention, unless you need it";
    CheckFinding::lacking(Step::ObjectLock, detail, Remedy::words(advice))
}

/// Warns about statements that deny uploads without `If-None-Match` or `If-Match`.
fn conditions(policy: &str, scope: &BucketScope) -> Option<CheckFinding> {
    let policy: Value = serde_json::from_str(policy).ok()?;
    let statement = policy::statements(&policy).find(|statement| demands_condition(statement, scope))?;
    let name = policy::name(statement);
    let detail = format!("a policy statement requires conditional writes ({name}): images cannot be replaced");
    let advice = "publish with `--no-clobber`, or exclude the prefix from the statement";
    Some(CheckFinding::lacking(Step::BucketPolicy, detail, Remedy::words(advice)))
}

fn demands_condition(statement: &Value, scope: &BucketScope) -> bool {
    let operators = statement["Condition"].as_object().into_iter().flatten().map(|(_, keys)| keys);
    let mut keys = operators.filter_map(Value::as_object).flat_map(|keys| keys.keys());
    let is_demanded = keys.any(|key| ["s3:if-none-match", "s3:if-match"].contains(&key.to_lowercase().as_str()));
    is_demanded && statement["Effect"] == "Deny" && policy::may_apply(statement, "s3:putobject", &scope.objects_arn())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(prefix: &str) -> BucketScope {
        BucketScope::new("art-tiles", &prefix.parse().expect("a prefix"), "eu-central-1")
    }

    #[test]
    fn old_versions_cause_a_warning_unless_a_rule_deletes_them() {
        let scope = scope("maps");
        let remedies = Remedies { scope: &scope, options: "", is_aws: true };
        for (prefixes, is_warned) in
            [(&[][..], true), (&["plans/"], true), (&["plans/", ""], false), (&["maps"], false)]
        {
            let prefixes: Vec<String> = prefixes.iter().map(|prefix| (*prefix).to_owned()).collect();
            assert_eq!(versioning(&prefixes, &remedies).is_some(), is_warned, "{prefixes:?}");
        }
        let remedy = versioning(&[], &remedies).and_then(|finding| finding.remedy).expect("a remedy");
        assert_eq!(remedy.document.expect("a rule").0["Rules"][0]["Filter"]["Prefix"], "maps/");
    }

    #[test]
    fn statements_that_require_conditional_writes_are_found() {
        let found = |change: &dyn Fn(&mut Value)| {
            let mut statement = json!({"Sid": "WriteOnce", "Effect": "Deny", "Principal": "*", "Action": "s3:PutObject",
                "Resource": "arn:aws:s3:::art-tiles/*", "Condition": {"Null": {"s3:if-none-match": "true"}}});
            change(&mut statement);
            let policy = json!({"Version": "2012-10-17", "Statement": statement});
            conditions(&policy.to_string(), &scope("maps"))
        };
        let finding = found(&|_| ()).expect("a note");
        assert!(finding.detail.contains("`WriteOnce`"), "{}", finding.detail);
        for resource in ["arn:aws:s3:::art-tiles/maps/*", "arn:aws:s3:::art-tiles/maps/x/*", "arn:aws:s3:::*", "*"] {
            assert!(found(&|statement| statement["Resource"] = json!([resource])).is_some(), "{resource}");
        }
        assert!(found(&|statement| statement["Action"] = json!(["s3:Put*"])).is_some());
        assert!(found(&|statement| statement["Condition"] = json!({"Null": {"S3:If-Match": "true"}})).is_some());
        for (member, value) in [
            ("Effect", json!("Allow")),
            ("Action", json!("s3:DeleteObject")),
            ("Resource", json!("arn:aws:s3:::art-tiles/plans/*")),
            ("Condition", json!({"Bool": {"aws:SecureTransport": "false"}})),
        ] {
            assert!(found(&|statement| statement[member] = value.clone()).is_none(), "{member}");
        }
        assert_eq!(conditions("", &scope("maps")), None);
        assert_eq!(conditions("[1]", &scope("maps")), None);
    }
}
