//! Checks buckets and sets them up for publishing.
//!
//! [`check`] tries all operations of publishing and viewers. [`Setup`] adds the settings that viewers need to the
//! existing ones. Pure code plans the changes of rules and policies.

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

/// A JSON document, such as a policy. It is printed with indentation.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(transparent)]
pub struct Document(serde_json::Value);

impl std::fmt::Display for Document {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{:#}", self.0)
    }
}

/// An error while checking or setting up a bucket.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BucketError {
    /// A request to the store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The prefix is too long to append a key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The CORS rule cannot be added.
    #[error(transparent)]
    Cors(#[from] TooManyRules),
    /// The policy statement cannot be added.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// The HTTP client cannot be set up, for example without root certificates.
    #[error("could not set up HTTPS")]
    Client(#[source] Box<dyn std::error::Error + Send + Sync>),
}
