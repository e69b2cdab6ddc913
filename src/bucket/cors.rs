//! The CORS rules of a bucket, and the one that viewers need.

use crate::store::CorsRule;

/// The name of the rule of this program.
const ID: &str = "iiif-publish";

/// The most rules of a bucket on AWS.
const MAX_RULES: usize = 100;

/// How long a browser may remember that it may ask, in seconds.
const MAX_AGE_SECONDS: i32 = 3600;

/// What viewers do: they read.
const METHODS: [&str; 2] = ["GET", "HEAD"];

/// The rule that lets pages of all sites read, with whatever headers they send.
#[must_use]
pub fn rule() -> CorsRule {
    CorsRule {
        id: Some(ID.to_owned()),
        allowed_origins: vec!["*".to_owned()],
        allowed_methods: METHODS.map(str::to_owned).to_vec(),
        allowed_headers: Some(vec!["*".to_owned()]),
        expose_headers: None,
        max_age_seconds: Some(MAX_AGE_SECONDS),
    }
}

/// What would become of the rules of a bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CorsChange {
    /// Viewers can read already.
    None,
    /// The rule of this program comes behind those that are there.
    Add {
        /// Those that stay, in their order.
        kept: Vec<CorsRule>,
        /// A rule of this program that was changed since, and is replaced.
        replaced: Option<CorsRule>,
    },
}

impl CorsChange {
    /// All rules afterwards; `None` where they stay as they are.
    #[must_use]
    pub fn rules(&self) -> Option<Vec<CorsRule>> {
        match self {
            Self::None => None,
            Self::Add { kept, .. } => Some(kept.iter().cloned().chain([rule()]).collect()),
        }
    }
}

/// The bucket has no room for another rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the bucket has {MAX_RULES} CORS rules already, and more it cannot have")]
pub struct TooManyRules;

/// What is to become of the rules of a bucket, so that viewers can read.
///
/// # Errors
/// Where there is no room for another rule.
pub fn change(rules: Vec<CorsRule>) -> Result<CorsChange, TooManyRules> {
    if METHODS.iter().all(|method| rules.iter().any(|rule| lets_everyone(rule, method))) {
        return Ok(CorsChange::None);
    }
    let (replaced, kept): (Vec<_>, Vec<_>) = rules.into_iter().partition(|rule| rule.id.as_deref() == Some(ID));
    if kept.len() >= MAX_RULES {
        return Err(TooManyRules);
    }
    Ok(CorsChange::Add { kept, replaced: replaced.into_iter().next() })
}

/// The first rule that fits a request counts, whatever others say: a narrower one before this takes nothing away.
fn lets_everyone(rule: &CorsRule, method: &str) -> bool {
    rule.allowed_origins.iter().any(|origin| origin == "*") && rule.allowed_methods.iter().any(|one| one == method)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn other(origin: &str, methods: &[&str]) -> CorsRule {
        CorsRule {
            id: Some("partner".to_owned()),
            allowed_origins: vec![origin.to_owned()],
            allowed_methods: methods.iter().map(|&method| method.to_owned()).collect(),
            expose_headers: Some(vec!["ETag".to_owned()]),
            ..CorsRule::default()
        }
    }

    #[test]
    fn rules_that_are_there_stay_before_the_new_one() -> Result<(), TooManyRules> {
        let partner = other("https://example.org", &["GET", "PUT"]);
        let change = change(vec![partner.clone()])?;
        assert_eq!(change.rules(), Some(vec![partner, rule()]));
        Ok(())
    }

    #[test]
    fn nothing_changes_where_viewers_can_read() -> Result<(), TooManyRules> {
        assert_eq!(change(vec![rule()])?, CorsChange::None);
        assert_eq!(change(vec![other("*", &["HEAD"]), other("*", &["PUT", "GET"])])?, CorsChange::None);
        assert_ne!(change(vec![other("*", &["GET"])])?, CorsChange::None, "HEAD too");
        assert_ne!(change(vec![other("https://*.org", &["GET", "HEAD"])])?, CorsChange::None);
        Ok(())
    }

    #[test]
    fn a_changed_rule_of_its_own_is_replaced() -> Result<(), TooManyRules> {
        let changed = CorsRule { allowed_methods: vec!["GET".to_owned()], ..rule() };
        let change = change(vec![changed.clone()])?;
        assert_eq!(change, CorsChange::Add { kept: Vec::new(), replaced: Some(changed) });
        assert_eq!(change.rules(), Some(vec![rule()]));
        Ok(())
    }

    #[test]
    fn a_full_bucket_is_left_as_it_is() {
        assert_eq!(change(vec![other("https://example.org", &["GET"]); 100]), Err(TooManyRules));
    }
}
