//! Whether a bucket is fit for publishing into it, and what it takes to make it so.
//!
//! [`check`] tries everything that publishing and viewers do. [`Setup`] adds what viewers need to what is there. What rules and
//! policies become is decided by pure code.

mod check;
mod cors;
mod finding;
mod place;
mod policy;
mod remedy;
mod settings;
mod setup;
mod web;

pub use check::{Check, Report, check};
pub use cors::{CorsChange, TooManyRules, rule as cors_rule};
pub use finding::{Finding, Step, Verdict};
pub use place::Place;
pub use policy::{PolicyChange, PolicyError, statement as public_read_statement};
pub use remedy::{Remedy, quoted};
pub use setup::{Part, Setup};

use crate::store::{KeyError, StoreError};

/// Why a bucket cannot be checked or set up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BucketError {
    /// The store does not do it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The prefix leaves no room for a key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// No CORS rule can be added.
    #[error(transparent)]
    Cors(#[from] TooManyRules),
    /// No statement can be added to the policy.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// The HTTP client cannot be set up, for example without root certificates.
    #[error("could not set up HTTPS")]
    Client(#[source] Box<dyn std::error::Error + Send + Sync>),
}
