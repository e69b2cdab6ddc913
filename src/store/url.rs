//! URLs to which paths can be appended.

use super::{KeyError, Prefix};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use std::fmt;
use std::str::FromStr;

/// Characters that are not percent-encoded in URLs: the unreserved characters of RFC 3986 and the slash. `+` is encoded
/// because S3 reads it as a space.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

/// Returns a path percent-encoded for a URL.
pub(crate) fn encoded(path: &str) -> String {
    utf8_percent_encode(path, ENCODED).to_string()
}

/// Returns `true` if a URL names a user, with or without a password.
///
/// A password may contain any character. Any `@` before the query therefore counts as the end of the user information,
/// unless the host before it is complete: in `https://host/@user`, the `@` belongs to the path.
pub(super) fn has_user_info(url: &str) -> bool {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    // In `user:pa/ss@host`, `pa` looks like a port but is not one.
    let is_port = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit());
    let after_brackets = authority.rsplit(']').next().unwrap_or(authority);
    let has_broken_port = after_brackets.split_once(':').is_some_and(|(_, port)| !is_port(port));
    authority.contains('@') || has_broken_port && rest.contains('@')
}

/// Returns a URL without user name, password, query and fragment, for use in messages.
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

/// An absolute URL of the web without secrets and without a trailing slash, such as that of a bucket.
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
    /// Returns the URL of a prefix below this URL.
    #[must_use]
    pub fn below(&self, prefix: &Prefix) -> Self {
        if prefix.is_empty() { self.clone() } else { Self(self.join(&prefix.to_string())) }
    }

    /// Returns the URL of a path below this URL. The path is percent-encoded.
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
