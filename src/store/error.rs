//! Error types for stores.

use super::Key;

/// Store error category. It determines whether the operation is worth retrying and which hint to show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StoreErrorKind {
    /// The credentials are missing, invalid or expired.
    Credentials,
    /// The credentials are valid but don't grant the required permission.
    Denied,
    /// The bucket or folder doesn't exist.
    Missing,
    /// The bucket is in a different region.
    Region,
    /// The endpoint redirects to a different endpoint.
    Endpoint,
    /// Nothing is responding at the endpoint.
    Unreachable,
    /// The key already holds a different object that must not be replaced.
    Exists,
    /// The store doesn't support this operation.
    Unsupported,
    /// Any other error. Retrying may help.
    Other,
}

/// Error returned by a store operation.
#[derive(Debug, thiserror::Error)]
#[error("{action}")]
pub struct StoreError {
    kind: StoreErrorKind,
    action: String,
    #[source]
    cause: Box<dyn std::error::Error + Send + Sync>,
    region: Option<String>,
    hint: Option<&'static str>,
}

impl StoreError {
    /// Creates an error for a failed `action`, such as ``could not put `key` ``.
    pub fn new(
        kind: StoreErrorKind,
        action: String,
        cause: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self { kind, action, cause: cause.into(), region: None, hint: None }
    }

    /// Creates the error for a key that already holds an object that must not be replaced.
    pub(crate) fn exists(key: &Key) -> Self {
        let cause = "a different object has this key and must not be replaced";
        Self::new(StoreErrorKind::Exists, format!("could not put `{key}`"), cause)
    }

    /// Creates the error for a header update that failed because the object was replaced after its entity tag was read.
    pub(crate) fn replaced(key: &Key) -> Self {
        let action = format!("could not update the headers of `{key}`");
        Self::new(StoreErrorKind::Exists, action, "the object was replaced in the meantime")
            .with_hint("run the same command again")
    }

    /// Changes the error's category.
    #[cfg(feature = "s3")]
    #[must_use]
    pub(crate) fn with_kind(self, kind: StoreErrorKind) -> Self {
        Self { kind, ..self }
    }

    /// Attaches a hint, overriding the default hint for the error's category.
    #[must_use]
    pub fn with_hint(self, hint: &'static str) -> Self {
        Self { hint: Some(hint), ..self }
    }

    /// Returns the hint attached to this error, if any.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        self.hint
    }

    /// Attaches the bucket's region to the error.
    #[must_use]
    pub fn in_region(self, region: Option<String>) -> Self {
        Self { region, ..self }
    }

    /// Returns the bucket's region, if the store reported it.
    #[must_use]
    pub fn region(&self) -> Option<&str> {
        self.region.as_deref()
    }

    /// Returns the error's category.
    #[must_use]
    pub fn kind(&self) -> StoreErrorKind {
        self.kind
    }

    /// Returns `true` if retrying won't help until the configuration or the environment is fixed.
    #[must_use]
    pub fn is_environment(&self) -> bool {
        !matches!(self.kind, StoreErrorKind::Other | StoreErrorKind::Exists)
    }
}
