//! Checks buckets and configures them for publishing.
//!
//! [`check`] tries everything that publishing and viewers need to do. [`Setup`] adds the settings viewers need without
//! removing existing ones. Rule and policy changes are computed by pure functions.

mod check;
mod cors;
mod finding;
mod policy;
mod remedy;
mod scope;
mod settings;
mod setup;
mod web;

pub use check::{Check, Report, check};
pub use cors::{CorsChange, TooManyRules};
pub use finding::{CheckFinding, Step, Verdict};
pub use policy::{PolicyChange, PolicyError};
pub use remedy::{Remedy, quoted};
use scope::BucketScope;
pub use setup::{Part, Setup};

use crate::store::{KeyError, StoreError};

/// A JSON document, such as a bucket policy. Displayed with indentation.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(transparent)]
pub struct Document(serde_json::Value);

impl std::fmt::Display for Document {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{:#}", self.0)
    }
}

/// Error returned when checking or configuring a bucket.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BucketError {
    /// A request to the store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The prefix is too long to append a key to.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The CORS rule can't be added.
    #[error(transparent)]
    Cors(#[from] TooManyRules),
    /// The policy statement can't be added.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// Failed to create the HTTP client, for example because no root certificates are installed.
    #[error("could not set up HTTPS")]
    Client(#[source] Box<dyn std::error::Error + Send + Sync>),
}
