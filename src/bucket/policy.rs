//! Bucket policies, including the statement that grants public read access.
//!
//! Policy members we don't recognize are preserved.

use super::{BucketScope, Document};
use serde_json::{Map, Value, json};

/// Policy version that supports `${*}` as an escaped asterisk. Older versions treat it as four literal characters.
const VERSION: &str = "2012-10-17";

/// Returns a statement that lets everyone read the objects under a prefix.
fn statement(scope: &BucketScope) -> Value {
    json!({
        "Sid": scope.sid(),
        "Effect": "Allow",
        "Principal": "*",
        "Action": "s3:GetObject",
        "Resource": scope.objects_arn(),
    })
}

/// Returns a policy containing only the public-read statement.
pub(super) fn policy(scope: &BucketScope) -> Value {
    json!({"Version": VERSION, "Statement": [statement(scope)]})
}

/// Planned change to a bucket policy.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "a run has one value")]
pub enum PolicyChange {
    /// Everyone can already read, so nothing changes.
    None,
    /// Add a statement.
    Add {
        /// Statement to add.
        added: Document,
        /// Full policy after the change.
        policy: Document,
        /// Names of the statements to keep.
        kept: Vec<String>,
        /// Names of the kept statements that deny something. A deny always overrides an allow.
        denying: Vec<String>,
        /// Modified copy of our own statement that will be replaced.
        replaced: Option<Document>,
    },
}

/// Error returned when a statement can't be added to a policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// The document isn't a valid policy.
    #[error("the policy of the bucket is not valid")]
    Shape,
    /// The policy's version is too old to escape the asterisks, question marks or dollar signs in the prefix.
    #[error("the policy of the bucket has an older version than {VERSION}, which cannot express this prefix")]
    Version,
}

/// Plans the policy change that lets everyone read.
///
/// # Errors
/// Returns an error if the policy is invalid or its version is too old to express the prefix.
pub fn change(present: Option<&str>, scope: &BucketScope) -> Result<PolicyChange, PolicyError> {
    let Some(present) = present else {
        return Ok(added(Map::from_iter([("Version".to_owned(), VERSION.into())]), Vec::new(), scope));
    };
    let Ok(Value::Object(mut policy)) = serde_json::from_str(present) else { return Err(PolicyError::Shape) };
    let statements = match policy.remove("Statement") {
        None => Vec::new(),
        Some(Value::Array(statements)) => statements,
        // A single statement doesn't have to be in a list.
        Some(statement @ Value::Object(_)) => vec![statement],
        Some(_) => return Err(PolicyError::Shape),
    };
    if statements.iter().any(|statement| lets_everyone_read(statement, scope)) {
        return Ok(PolicyChange::None);
    }
    let is_old = policy.get("Version").is_none_or(|version| version != VERSION);
    // The version applies to the whole policy. Raising it would change the meaning of `${…}` in existing statements.
    if is_old && scope.escaped_prefix().contains('$') {
        return Err(PolicyError::Version);
    }
    Ok(added(policy, statements, scope))
}

/// Adds our statement to `statements`, replacing any modified copy of it, and puts them back into `policy`. All other
/// members stay in order.
fn added(mut policy: Map<String, Value>, statements: Vec<Value>, scope: &BucketScope) -> PolicyChange {
    let is_own = |statement: &Value| statement["Sid"] == scope.sid().as_str();
    let (own, mut statements): (Vec<_>, Vec<_>) = statements.into_iter().partition(is_own);
    let is_denying = |statement: &&Value| statement["Effect"] == "Deny";
    let denying = statements.iter().filter(is_denying).map(name).collect();
    let kept: Vec<String> = statements.iter().map(name).collect();
    let added = statement(scope);
    statements.push(added.clone());
    policy.insert("Statement".to_owned(), statements.into());
    PolicyChange::Add {
        added: Document(added),
        policy: Document(policy.into()),
        kept,
        denying,
        replaced: own.into_iter().next().map(Document),
    }
}

/// Returns a statement's name.
pub(super) fn name(statement: &Value) -> String {
    match statement["Sid"].as_str().filter(|sid| !sid.is_empty()) {
        Some(sid) => format!("`{sid}`"),
        None => "unnamed statement".to_owned(),
    }
}

/// Returns a policy's statements. A single statement doesn't have to be in a list.
pub(super) fn statements(policy: &Value) -> impl Iterator<Item = &Value> {
    let statements = &policy["Statement"];
    let many = statements.as_array().map(Vec::as_slice).unwrap_or_default();
    Some(statements).filter(|alone| alone.is_object()).into_iter().chain(many)
}

/// Returns `true` if a statement might apply to `action` on at least some of the objects. Exceptions such as
/// `NotAction` are assumed to match. `action` must be lowercase.
pub(super) fn may_apply(statement: &Value, action: &str, objects_arn: &str) -> bool {
    let has = |member: &str, is_met: &dyn Fn(&str) -> bool| {
        statement.get(member).is_none_or(|value| one_or_many(value).any(is_met))
    };
    let start = |pattern: &str| pattern.split(['*', '?', '$']).next().unwrap_or_default().to_owned();
    let objects = start(objects_arn);
    let meets = |resource: &str| {
        let resource = start(resource);
        resource.starts_with(&objects) || objects.starts_with(&resource)
    };
    has("Action", &|pattern| covers(&pattern.to_lowercase(), action)) && has("Resource", &meets)
}

/// Returns `true` if a statement is guaranteed to let everyone read every object in `scope`.
fn lets_everyone_read(statement: &Value, scope: &BucketScope) -> bool {
    // Be conservative: if a statement contains anything we don't understand, such as a condition, assume it doesn't
    // grant access. At worst, we add a redundant statement.
    let is_limited =
        ["Condition", "NotPrincipal", "NotAction", "NotResource"].iter().any(|&m| statement.get(m).is_some());
    let is_everyone =
        statement["Principal"] == "*" || one_or_many(&statement["Principal"]["AWS"]).any(|who| who == "*");
    let reads = one_or_many(&statement["Action"]).any(|action| covers(&action.to_lowercase(), "s3:getobject"));
    let is_here = one_or_many(&statement["Resource"]).any(|resource| covers(resource, &scope.objects_arn()));
    statement["Effect"] == "Allow" && !is_limited && is_everyone && reads && is_here
}

fn one_or_many(value: &Value) -> impl Iterator<Item = &str> {
    let many = value.as_array().map(Vec::as_slice).unwrap_or_default();
    value.as_str().into_iter().chain(many.iter().filter_map(Value::as_str))
}

/// Returns `true` if `pattern` is guaranteed to cover `wanted`. Only a trailing asterisk is supported.
fn covers(pattern: &str, wanted: &str) -> bool {
    let is_plain = |text: &str| !text.contains(['*', '?', '$']);
    pattern == wanted || pattern.strip_suffix('*').is_some_and(|start| is_plain(start) && wanted.starts_with(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(prefix: &str) -> BucketScope {
        BucketScope::new("art-tiles", &prefix.parse().expect("a prefix"), "eu-central-1")
    }

    fn maps() -> BucketScope {
        scope("maps")
    }

    #[test]
    fn a_bucket_without_a_policy_gets_one() -> Result<(), PolicyError> {
        let PolicyChange::Add { policy, kept, .. } = change(None, &maps())? else { panic!("something is added") };
        assert_eq!(policy.0, super::policy(&maps()));
        assert!(kept.is_empty());
        Ok(())
    }

    #[test]
    fn existing_members_and_statements_stay_in_order() -> Result<(), PolicyError> {
        let present = json!({
            "Version": "2008-10-17",
            "Id": "mine",
            "Statement": [
                {"Sid": "Partner", "Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::123456789012:root"},
                 "Action": ["s3:GetObject"], "Resource": "arn:aws:s3:::art-tiles/private/*", "Unknown": {"x": [1, 2.5, null]}},
                {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "*",
                 "Condition": {"Bool": {"aws:SecureTransport": "false"}}},
            ],
            "Future": true,
        });
        let PolicyChange::Add { policy, kept, denying, replaced, .. } = change(Some(&present.to_string()), &maps())?
        else {
            panic!("something is added")
        };
        assert_eq!(kept, ["`Partner`", "unnamed statement"]);
        assert_eq!(denying, ["unnamed statement"]);
        assert_eq!(replaced, None);
        for member in ["Version", "Id", "Future"] {
            assert_eq!(policy.0[member], present[member]);
        }
        assert_eq!(policy.0["Statement"][0], present["Statement"][0]);
        assert_eq!(policy.0["Statement"][1], present["Statement"][1]);
        assert_eq!(policy.0["Statement"][2], statement(&maps()));
        Ok(())
    }

    #[test]
    fn a_single_statement_becomes_a_list() -> Result<(), PolicyError> {
        let alone = json!({"Sid": "A", "Effect": "Deny", "Principal": "*", "Action": "s3:PutObject", "Resource": "*"});
        let present = json!({"Version": "2012-10-17", "Statement": alone}).to_string();
        let PolicyChange::Add { policy, .. } = change(Some(&present), &maps())? else { panic!("something is added") };
        assert_eq!(policy.0["Statement"], json!([alone, statement(&maps())]));
        Ok(())
    }

    #[test]
    fn the_statement_is_added_once_per_prefix() -> Result<(), PolicyError> {
        let first = policy(&maps());
        assert_eq!(change(Some(&first.to_string()), &maps())?, PolicyChange::None);
        let PolicyChange::Add { policy: second, .. } = change(Some(&first.to_string()), &scope("plans"))? else {
            panic!("another prefix")
        };
        assert_eq!(second.0["Statement"].as_array().map(Vec::len), Some(2));

        let mut changed = first.clone();
        changed["Statement"][0]["Condition"] = json!({"IpAddress": {"aws:SourceIp": "192.0.2.0/24"}});
        let PolicyChange::Add { policy: third, replaced, .. } = change(Some(&changed.to_string()), &maps())? else {
            panic!("not everyone")
        };
        assert_eq!(third.0, first);
        assert_eq!(replaced, Some(Document(changed["Statement"][0].clone())));
        Ok(())
    }

    #[test]
    fn other_statements_count_if_they_certainly_allow_everyone_to_read() {
        let allow = |member: &str, value: Value| {
            let mut statement = statement(&maps());
            statement["Sid"] = "Other".into();
            statement[member] = value;
            lets_everyone_read(&statement, &maps())
        };
        for (member, value) in [
            ("Principal", json!({"AWS": "*"})),
            ("Principal", json!({"AWS": ["*"]})),
            ("Action", json!(["s3:ListBucket", "S3:getObject"])),
            ("Action", json!("s3:Get*")),
            ("Action", json!("*")),
            ("Resource", json!("arn:aws:s3:::art-tiles/*")),
            ("Resource", json!(["arn:aws:s3:::other/*", "arn:aws:s3:::art-tiles/maps*"])),
        ] {
            assert!(allow(member, value.clone()), "{member}: {value}");
        }
        for (member, value) in [
            ("Effect", json!("Deny")),
            ("Principal", json!({"AWS": "arn:aws:iam::123456789012:root"})),
            ("Principal", json!({"Service": "*"})),
            ("Action", json!("s3:GetObjectVersion")),
            ("Action", json!("s3:PutObject")),
            ("Resource", json!("arn:aws:s3:::art-tiles/maps/rome/*")),
            ("Resource", json!("arn:aws:s3:::art-tiles/*/maps/*")),
            ("Resource", json!("arn:aws:s3:::art-tiles")),
            ("Condition", json!({})),
            ("NotResource", json!("arn:aws:s3:::art-tiles/maps/rome/*")),
        ] {
            assert!(!allow(member, value.clone()), "{member}: {value}");
        }
    }

    #[test]
    fn invalid_policies_are_not_changed() {
        for present in ["", "[]", "{\"Statement\": 5}", "{", "null"] {
            assert_eq!(change(Some(present), &maps()), Err(PolicyError::Shape), "{present}");
        }
        let old = "{\"Statement\": []}";
        assert_eq!(change(Some(old), &scope("a*")), Err(PolicyError::Version));
        let Ok(PolicyChange::Add { policy, .. }) = change(Some(old), &maps()) else { panic!("something is added") };
        assert_eq!(policy.0, json!({"Statement": [statement(&maps())]}), "a version would change what the others mean");
    }
}
