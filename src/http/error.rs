//! HTTP request errors.

use super::Failure;
use std::error::Error;

/// Error for a request that didn't get a usable response. Messages don't include the URL, which may contain secrets.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum HttpError {
    /// The client can't be set up, or the URL can't be requested.
    #[error("{0}")]
    Setup(String),
    /// The host refused the connection, or couldn't be resolved or authenticated.
    #[error("{0}")]
    Connect(String),
    /// The connection was lost or timed out before a response arrived.
    #[error("{0}")]
    NoResponse(String),
    /// The response was cut off, timed out or couldn't be decoded.
    #[error("{0}")]
    Incomplete(String),
    /// There were too many redirects, or one led to an unsupported URL.
    #[error("{0}")]
    Redirects(String),
    /// The body exceeds the size limit.
    #[error("the response is larger than {max_bytes} bytes")]
    TooLarge { max_bytes: u64 },
}

impl HttpError {
    /// Returns the failure to pass to the retry policy, or `None` if retrying won't help.
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

/// Returns the innermost error's message, because the outer ones repeat the URL.
fn root_cause(error: &dyn Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}
