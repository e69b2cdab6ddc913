//! CORS rules, including the one viewers need.

use crate::store::CorsRule;

/// Rule ID used for our own CORS rule.
const ID: &str = "iiif-publish";

/// Maximum number of CORS rules AWS allows per bucket.
const MAX_RULES: usize = 100;

/// Maximum time browsers may cache a preflight response, in seconds.
const MAX_AGE_SECONDS: i32 = 3600;

/// HTTP methods used by viewers.
const METHODS: [&str; 2] = ["GET", "HEAD"];

/// Returns a rule that lets any site read objects, with any request headers.
pub(super) fn rule() -> CorsRule {
    CorsRule {
        id: Some(ID.to_owned()),
        allowed_origins: vec!["*".to_owned()],
        allowed_methods: METHODS.map(str::to_owned).to_vec(),
        allowed_headers: Some(vec!["*".to_owned()]),
        expose_headers: None,
        max_age_seconds: Some(MAX_AGE_SECONDS),
    }
}

/// Planned change to a bucket's CORS rules.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "a run has one value")]
pub enum CorsChange {
    /// Viewers can already read, so nothing changes.
    None,
    /// Append a rule to the existing ones.
    Add {
        /// Rule to add.
        added: CorsRule,
        /// Existing rules to keep, in order.
        kept: Vec<CorsRule>,
        /// Modified copy of our own rule that will be replaced.
        replaced: Option<CorsRule>,
    },
}

impl CorsChange {
    /// Returns the full set of rules after the change, or `None` if nothing changes.
    #[must_use]
    pub(crate) fn rules(&self) -> Option<Vec<CorsRule>> {
        match self {
            Self::None => None,
            Self::Add { kept, added, .. } => Some(kept.iter().chain([added]).cloned().collect()),
        }
    }
}

/// The bucket already has the maximum number of CORS rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the bucket already has {MAX_RULES} CORS rules, the maximum")]
pub struct TooManyRules;

/// Plans the CORS change that lets viewers read.
///
/// # Errors
/// Returns an error if the bucket already has the maximum number of rules.
pub fn change(rules: Vec<CorsRule>) -> Result<CorsChange, TooManyRules> {
    if METHODS.iter().all(|method| rules.iter().any(|rule| lets_everyone(rule, method))) {
        return Ok(CorsChange::None);
    }
    let (replaced, kept): (Vec<_>, Vec<_>) = rules.into_iter().partition(|rule| rule.id.as_deref() == Some(ID));
    if kept.len() >= MAX_RULES {
        return Err(TooManyRules);
    }
    Ok(CorsChange::Add { added: rule(), kept, replaced: replaced.into_iter().next() })
}

/// Returns `true` if a rule allows `method` from any origin.
///
/// S3 uses the first rule that matches a request, so an earlier, narrower rule can't block this one.
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
    fn existing_rules_stay_before_the_new_one() -> Result<(), TooManyRules> {
        let partner = other("https://example.org", &["GET", "PUT"]);
        let change = change(vec![partner.clone()])?;
        assert_eq!(change.rules(), Some(vec![partner, rule()]));
        Ok(())
    }

    #[test]
    fn nothing_changes_if_viewers_can_already_read() -> Result<(), TooManyRules> {
        assert_eq!(change(vec![rule()])?, CorsChange::None);
        assert_eq!(change(vec![other("*", &["HEAD"]), other("*", &["PUT", "GET"])])?, CorsChange::None);
        assert_ne!(change(vec![other("*", &["GET"])])?, CorsChange::None, "HEAD too");
        assert_ne!(change(vec![other("https://*.org", &["GET", "HEAD"])])?, CorsChange::None);
        Ok(())
    }

    #[test]
    fn a_modified_rule_of_this_program_is_replaced() -> Result<(), TooManyRules> {
        let changed = CorsRule { allowed_methods: vec!["GET".to_owned()], ..rule() };
        let change = change(vec![changed.clone()])?;
        assert_eq!(change, CorsChange::Add { added: rule(), kept: Vec::new(), replaced: Some(changed) });
        assert_eq!(change.rules(), Some(vec![rule()]));
        Ok(())
    }

    #[test]
    fn a_bucket_with_the_maximum_number_of_rules_is_not_changed() {
        assert_eq!(change(vec![other("https://example.org", &["GET"]); 100]), Err(TooManyRules));
    }
}
