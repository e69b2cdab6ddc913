//! Base URLs and percent-encoding.

use super::{KeyError, Prefix};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use std::fmt;
use std::str::FromStr;

/// Everything except the RFC 3986 unreserved characters and the slash is percent-encoded. That includes `+`, because S3
/// decodes it as a space.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

/// Percent-encodes a path for use in a URL.
pub(crate) fn encoded(path: &str) -> String {
    utf8_percent_encode(path, ENCODED).to_string()
}

/// Returns `true` if a URL contains a username, with or without a password.
///
/// Passwords can contain any character, so any `@` before the query counts as the end of the user info, unless the part
/// before it is already a complete host. In `https://host/@user`, the `@` belongs to the path.
pub(super) fn has_user_info(url: &str) -> bool {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    // In `user:pa/ss@host`, `pa` is in the port position but isn't a port.
    let is_port = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit());
    let after_brackets = authority.rsplit(']').next().unwrap_or(authority);
    let has_broken_port = after_brackets.split_once(':').is_some_and(|(_, port)| !is_port(port));
    authority.contains('@') || has_broken_port && rest.contains('@')
}

/// Strips the username, password, query and fragment from a URL so that it's safe to print.
#[must_use]
pub fn redacted_url(url: &str) -> String {
    let url_without_query = url.split(['?', '#']).next().unwrap_or_default();
    let hidden = if url_without_query.len() < url.len() { "?..." } else { "" };
    let (scheme, rest) = match url_without_query.split_once("://") {
        Some((scheme, rest)) => (format!("{scheme}://"), rest),
        None => (String::new(), url_without_query),
    };
    let rest = if has_user_info(url) { rest.rsplit('@').next().unwrap_or_default() } else { rest };
    format!("{scheme}{rest}{hidden}")
}

/// An absolute HTTP or HTTPS URL, such as a bucket's URL. It contains no secrets and has no trailing slash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseUrl(String);

impl FromStr for BaseUrl {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
        if has_user_info(text) {
            return Err(KeyError::Secret(redacted_url(text)));
        }
        let is_url = rest.is_some_and(|rest| {
            !rest.is_empty()
                && !rest.starts_with('/')
                && rest.chars().all(|c| c.is_ascii_graphic() && !matches!(c, '?' | '#' | '"' | '<' | '>' | '\\'))
        });
        if is_url { Ok(Self(text.trim_end_matches('/').to_owned())) } else { Err(KeyError::Url(redacted_url(text))) }
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl BaseUrl {
    /// Returns the URL of a prefix under this URL.
    #[must_use]
    pub fn below(&self, prefix: &Prefix) -> Self {
        if prefix.is_empty() { self.clone() } else { Self(self.join(&prefix.to_string())) }
    }

    /// Returns the URL of a path under this URL, percent-encoding the path.
    pub(crate) fn join(&self, path: &str) -> String {
        format!("{}/{}", self.0, encoded(path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_with_secrets_are_rejected_and_not_repeated() {
        for (text, shown) in [
            ("https://user:secret@host/iiif", "https://host/iiif"),
            ("https://secret@host", "https://host"),
            ("https://user:sec/ret@host/iiif", "https://host/iiif"),
            ("https://user:sec?ret@host/iiif", "https://user:sec?..."),
            ("https://host/iiif?token=secret", "https://host/iiif?..."),
            ("https://host/iiif#secret", "https://host/iiif?..."),
            ("user:secret@host/iiif", "host/iiif"),
        ] {
            let error = text.parse::<BaseUrl>().expect_err("refused").to_string();
            assert!(error.contains(&format!("`{shown}`")) && !error.contains("ret"), "{error}");
        }
        for text in ["https://host/@user", "http://[::1]:3000/iiif", "https://host:8443/a@b"] {
            assert!(text.parse::<BaseUrl>().is_ok(), "{text}");
        }
    }
}
