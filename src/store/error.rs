//! Errors of stores.

use super::Key;

/// The category of a store error, which decides whether a retry can help and which hint is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StoreErrorKind {
    /// Credentials are missing, wrong or expired.
    Credentials,
    /// The credentials are valid but lack a permission.
    Denied,
    /// The bucket or folder does not exist.
    Missing,
    /// The bucket is in another region.
    Region,
    /// The endpoint redirects to another one.
    Endpoint,
    /// No server responds at the endpoint.
    Unreachable,
    /// Another object has the key and must not be replaced.
    Exists,
    /// The store does not support the operation.
    Unsupported,
    /// Any other error. A retry may help.
    Other,
}

/// An error of a store operation.
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

    /// Creates the error for a key that is taken by an object that must not be replaced.
    pub(crate) fn exists(key: &Key) -> Self {
        let cause = "a different object has this key and must not be replaced";
        Self::new(StoreErrorKind::Exists, format!("could not put `{key}`"), cause)
    }

    /// Creates the error for a header update of an object that was replaced after its entity tag was read.
    pub(crate) fn replaced(key: &Key) -> Self {
        let action = format!("could not update the headers of `{key}`");
        Self::new(StoreErrorKind::Exists, action, "the object was replaced in the meantime")
            .with_hint("run the same command again")
    }

    /// Returns the error with another category.
    #[cfg(feature = "s3")]
    #[must_use]
    pub(crate) fn with_kind(self, kind: StoreErrorKind) -> Self {
        Self { kind, ..self }
    }

    /// Returns the error with a hint that replaces the general one of its category.
    #[must_use]
    pub fn with_hint(self, hint: &'static str) -> Self {
        Self { hint: Some(hint), ..self }
    }

    /// Returns the specific hint of the error, if it has one.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        self.hint
    }

    /// Returns the error with the region of the bucket.
    #[must_use]
    pub fn in_region(self, region: Option<String>) -> Self {
        Self { region, ..self }
    }

    /// Returns the region of the bucket, if the store named it.
    #[must_use]
    pub fn region(&self) -> Option<&str> {
        self.region.as_deref()
    }

    /// Returns the category of the error.
    #[must_use]
    pub fn kind(&self) -> StoreErrorKind {
        self.kind
    }

    /// Returns `true` if a retry can only help after the configuration or the environment has changed.
    #[must_use]
    pub fn is_environment(&self) -> bool {
        !matches!(self.kind, StoreErrorKind::Other | StoreErrorKind::Exists)
    }
}
