//! The policy of a bucket, and the statement that lets everyone read.
//!
//! What is not understood of a policy stays in it, member by member.

use super::Place;
use serde_json::{Map, Value, json};

/// The version of the language in which `${*}` is an asterisk and not five characters.
const VERSION: &str = "2012-10-17";

/// The statement that lets everyone read what lies under a prefix.
#[must_use]
pub fn statement(place: &Place) -> Value {
    json!({
        "Sid": place.sid(),
        "Effect": "Allow",
        "Principal": "*",
        "Action": "s3:GetObject",
        "Resource": place.objects_arn(),
    })
}

/// A policy with that statement alone.
#[must_use]
pub fn policy(place: &Place) -> Value {
    json!({"Version": VERSION, "Statement": [statement(place)]})
}

/// What would become of the policy of a bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PolicyChange {
    /// Everyone can read already, as far as the policy goes.
    None,
    /// The statement is added.
    Add {
        /// The whole policy afterwards.
        policy: Value,
        /// The names of the statements that stay.
        kept: Vec<String>,
        /// Of these, the names of those that deny something. They win over any that allow.
        denying: Vec<String>,
        /// The statement of this program that was changed since, and is replaced.
        replaced: Option<Value>,
    },
}

/// Why a policy cannot be added to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// Not what a policy looks like.
    #[error("the policy of the bucket is none that this program understands")]
    Shape,
    /// In the version that it is written in, a prefix with an asterisk, a question mark or a dollar sign has no name.
    #[error("the policy of the bucket is of an older version than {VERSION}, in which this prefix cannot be written")]
    Version,
}

/// What is to become of a policy, so that everyone can read.
///
/// # Errors
/// Where the policy cannot be added to.
pub fn change(present: Option<&str>, place: &Place) -> Result<PolicyChange, PolicyError> {
    let Some(present) = present else {
        return Ok(added(Map::from_iter([("Version".to_owned(), VERSION.into())]), Vec::new(), place));
    };
    let Ok(Value::Object(mut policy)) = serde_json::from_str(present) else { return Err(PolicyError::Shape) };
    let statements = match policy.remove("Statement") {
        None => Vec::new(),
        Some(Value::Array(statements)) => statements,
        // One statement may stand alone.
        Some(statement @ Value::Object(_)) => vec![statement],
        Some(_) => return Err(PolicyError::Shape),
    };
    if statements.iter().any(|statement| lets_everyone_read(statement, place)) {
        return Ok(PolicyChange::None);
    }
    let is_old = policy.get("Version").is_none_or(|version| version != VERSION);
    if is_old && place.escaped_prefix().contains('$') {
        return Err(PolicyError::Version);
    }
    Ok(added(policy, statements, place))
}

/// The statements go back where they stood, at the end of what is there, or behind a version.
fn added(mut policy: Map<String, Value>, statements: Vec<Value>, place: &Place) -> PolicyChange {
    let is_own = |statement: &Value| statement["Sid"] == place.sid().as_str();
    let (own, mut statements): (Vec<_>, Vec<_>) = statements.into_iter().partition(is_own);
    let is_denying = |statement: &&Value| statement["Effect"] == "Deny";
    let denying = statements.iter().filter(is_denying).map(name).collect();
    let kept: Vec<String> = statements.iter().map(name).collect();
    statements.push(statement(place));
    policy.insert("Statement".to_owned(), statements.into());
    PolicyChange::Add { policy: policy.into(), kept, denying, replaced: own.into_iter().next() }
}

/// The name of a statement.
pub(super) fn name(statement: &Value) -> String {
    match statement["Sid"].as_str().filter(|sid| !sid.is_empty()) {
        Some(sid) => format!("`{sid}`"),
        None => "one without a name".to_owned(),
    }
}

/// The statements of a policy, of which one may stand alone.
pub(super) fn statements(policy: &Value) -> impl Iterator<Item = &Value> {
    let statements = &policy["Statement"];
    let many = statements.as_array().map(Vec::as_slice).unwrap_or_default();
    Some(statements).filter(|alone| alone.is_object()).into_iter().chain(many)
}

/// Returns `true` if a statement may apply to an action, in lower case, on some of the objects. Statements with exceptions may.
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

/// Whether a statement lets everyone read all of a place, beyond doubt.
fn lets_everyone_read(statement: &Value, place: &Place) -> bool {
    let is_limited =
        ["Condition", "NotPrincipal", "NotAction", "NotResource"].iter().any(|&m| statement.get(m).is_some());
    let is_everyone =
        statement["Principal"] == "*" || one_or_many(&statement["Principal"]["AWS"]).any(|who| who == "*");
    let reads = one_or_many(&statement["Action"]).any(|action| covers(&action.to_lowercase(), "s3:getobject"));
    let is_here = one_or_many(&statement["Resource"]).any(|resource| covers(resource, &place.objects_arn()));
    statement["Effect"] == "Allow" && !is_limited && is_everyone && reads && is_here
}

fn one_or_many(value: &Value) -> impl Iterator<Item = &str> {
    let many = value.as_array().map(Vec::as_slice).unwrap_or_default();
    value.as_str().into_iter().chain(many.iter().filter_map(Value::as_str))
}

/// Whether a pattern takes in all that another does. Patterns with more than an asterisk at their end are not thought through.
fn covers(pattern: &str, wanted: &str) -> bool {
    let is_plain = |text: &str| !text.contains(['*', '?', '$']);
    pattern == wanted || pattern.strip_suffix('*').is_some_and(|start| is_plain(start) && wanted.starts_with(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(prefix: &str) -> Place {
        Place::new("art-tiles", &prefix.parse().expect("a prefix"), "eu-central-1")
    }

    fn maps() -> Place {
        place("maps")
    }

    #[test]
    fn a_bucket_without_a_policy_gets_one() -> Result<(), PolicyError> {
        let PolicyChange::Add { policy, kept, .. } = change(None, &maps())? else { panic!("something is added") };
        assert_eq!(policy, super::policy(&maps()));
        assert!(kept.is_empty());
        Ok(())
    }

    #[test]
    fn all_that_is_there_stays_in_its_order() -> Result<(), PolicyError> {
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
        let PolicyChange::Add { policy, kept, denying, replaced } = change(Some(&present.to_string()), &maps())? else {
            panic!("something is added")
        };
        assert_eq!(kept, ["`Partner`", "one without a name"]);
        assert_eq!(denying, ["one without a name"]);
        assert_eq!(replaced, None);
        for member in ["Version", "Id", "Future"] {
            assert_eq!(policy[member], present[member]);
        }
        assert_eq!(policy["Statement"][0], present["Statement"][0]);
        assert_eq!(policy["Statement"][1], present["Statement"][1]);
        assert_eq!(policy["Statement"][2], statement(&maps()));
        Ok(())
    }

    #[test]
    fn a_statement_that_stands_alone_is_joined() -> Result<(), PolicyError> {
        let alone = json!({"Sid": "A", "Effect": "Deny", "Principal": "*", "Action": "s3:PutObject", "Resource": "*"});
        let present = json!({"Version": "2012-10-17", "Statement": alone}).to_string();
        let PolicyChange::Add { policy, .. } = change(Some(&present), &maps())? else { panic!("something is added") };
        assert_eq!(policy["Statement"], json!([alone, statement(&maps())]));
        Ok(())
    }

    #[test]
    fn its_own_statement_is_added_once_for_each_prefix() -> Result<(), PolicyError> {
        let first = policy(&maps());
        assert_eq!(change(Some(&first.to_string()), &maps())?, PolicyChange::None);
        let PolicyChange::Add { policy: second, .. } = change(Some(&first.to_string()), &place("plans"))? else {
            panic!("another prefix")
        };
        assert_eq!(second["Statement"].as_array().map(Vec::len), Some(2));

        let mut changed = first.clone();
        changed["Statement"][0]["Condition"] = json!({"IpAddress": {"aws:SourceIp": "192.0.2.0/24"}});
        let PolicyChange::Add { policy: third, replaced, .. } = change(Some(&changed.to_string()), &maps())? else {
            panic!("not everyone")
        };
        assert_eq!(third, first);
        assert_eq!(replaced.as_ref(), Some(&changed["Statement"][0]));
        Ok(())
    }

    #[test]
    fn other_statements_count_where_they_let_everyone_read_beyond_doubt() {
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
    fn what_is_no_policy_is_left_alone() {
        for present in ["", "[]", "{\"Statement\": 5}", "{", "null"] {
            assert_eq!(change(Some(present), &maps()), Err(PolicyError::Shape), "{present}");
        }
        let old = "{\"Statement\": []}";
        assert_eq!(change(Some(old), &place("a*")), Err(PolicyError::Version));
        let Ok(PolicyChange::Add { policy, .. }) = change(Some(old), &maps()) else { panic!("something is added") };
        assert_eq!(policy, json!({"Statement": [statement(&maps())]}), "a version would change what the others mean");
    }
}
