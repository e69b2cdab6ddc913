//! Requests without a usable response.

use super::Failure;
use std::error::Error;

/// A request without a usable response. Messages omit the URL, which may contain secrets.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum HttpError {
    /// The client cannot be set up, or the URL cannot be requested.
    #[error("{0}")]
    Setup(String),
    /// The host refuses the connection, or cannot be resolved or authenticated.
    #[error("{0}")]
    Connect(String),
    /// The connection was lost or timed out before the response began.
    #[error("{0}")]
    NoResponse(String),
    /// The response was cut off, timed out or cannot be decoded.
    #[error("{0}")]
    Incomplete(String),
    /// There are too many redirects, or a redirect leads to an unsupported URL.
    #[error("{0}")]
    Redirects(String),
    /// The body is longer than allowed.
    #[error("the response is larger than {max_bytes} bytes")]
    TooLarge { max_bytes: u64 },
}

impl HttpError {
    /// Returns the failure for the retry policy, or `None` if a retry cannot help.
    pub(crate) fn failure(&self) -> Option<Failure> {
        match self {
            Self::Connect(_) => Some(Failure::Connect),
            Self::NoResponse(_) | Self::Incomplete(_) => Some(Failure::Exchange),
            Self::Setup(_) | Self::Redirects(_) | Self::TooLarge { .. } => None,
        }
    }
}

impl From<reqwest::Error> for HttpError {
    fn from(error: reqwest::Error) -> Self {
        let reason = if error.is_timeout() { "the server does not respond".to_owned() } else { root_cause(&error) };
        match () {
            () if error.is_redirect() => Self::Redirects(reason),
            () if error.is_builder() => Self::Setup(reason),
            () if error.is_connect() => Self::Connect(reason),
            () if error.is_body() || error.is_decode() => Self::Incomplete(reason),
            () => Self::NoResponse(reason),
        }
    }
}

/// Returns the message of the innermost source, because the outer ones repeat the URL.
fn root_cause(error: &dyn Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}
