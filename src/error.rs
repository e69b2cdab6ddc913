//! Error formatting.

use std::error::Error;

/// Formats an error and its sources on one line, separated by colons. Skips a source that the preceding text already
/// ends with.
///
/// ```
/// let error = "x".parse::<iiif_publish::collection::Shard>().expect_err("not a shard");
/// assert_eq!(iiif_publish::error::chain(&error), error.to_string());
/// ```
#[must_use]
pub fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let words = error.to_string();
        if !text.ends_with(&words) {
            text.push_str(": ");
            text.push_str(&words);
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{text}")]
    struct Link {
        text: &'static str,
        #[source]
        cause: Option<Box<Link>>,
    }

    #[test]
    fn causes_follow_unless_the_text_has_them_already() {
        let link = |text, cause: Option<Link>| Link { text, cause: cause.map(Box::new) };
        let inner = || link("not found", None);
        assert_eq!(chain(&link("could not read `x`", Some(inner()))), "could not read `x`: not found");
        assert_eq!(chain(&link("could not read `x`: not found", Some(inner()))), "could not read `x`: not found");
    }
}
