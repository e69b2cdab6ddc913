//! Links in table cells.

use crate::iiif::{Agent, LanguageMap, Link, WebUrl};

/// Parses a link with an optional label before the URL, such as `Catalog entry https://example.org/1`.
pub(super) fn link(value: &str, language: Option<&str>) -> Result<Link, String> {
    let (label, url) = value.rsplit_once(char::is_whitespace).unwrap_or(("", value));
    let url = url.parse::<WebUrl>().map_err(|_| {
        format!("`{value}` does not end in an http:// or https:// URL; write `https://example.org/1` or `Label https://example.org/1`")
    })?;
    let label = label.trim();
    let label = if label.is_empty() { LanguageMap::default() } else { LanguageMap::new(language, label) };
    Ok(Link { url, label })
}

/// Parses a provider, which consists of a name, a home page URL and an optional logo URL.
pub(super) fn agent(value: &str, language: Option<&str>) -> Result<Agent, String> {
    let words: Vec<&str> = value.split_whitespace().collect();
    let is_url = |word: &&&str| word.contains("://");
    let urls = words.iter().rev().take(2).take_while(is_url).count();
    let (name, urls) = words.split_at(words.len() - urls);
    let refused = || {
        format!(
            "`{value}` is not a name with the URL of a home page, such as `City Library https://example.org`, and optionally the URL of a logo"
        )
    };
    let mut urls = urls.iter().map(|url| url.parse::<WebUrl>().map_err(|error| error.to_string()));
    let homepage = urls.next().filter(|_| !name.is_empty()).ok_or_else(refused)??;
    let logo = urls.next().transpose()?;
    Ok(Agent { name: LanguageMap::new(language, name.join(" ")), homepage, logo })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_may_have_a_label() {
        let text = |value: &str| {
            link(value, Some("de"))
                .map(|Link { url, label }| (url.as_str().to_owned(), label))
                .map_err(|error| error.len())
        };
        let url = || "https://example.org/1".to_owned();
        assert_eq!(text("https://example.org/1"), Ok((url(), LanguageMap::default())));
        assert_eq!(text("Im Katalog  https://example.org/1"), Ok((url(), LanguageMap::new(Some("de"), "Im Katalog"))));
        assert!(text("https://example.org/1 Katalog").is_err());
        assert!(text("javascript:alert(1)").is_err());
    }

    #[test]
    fn a_provider_has_a_name_and_a_home_page() {
        let urls = |value: &str| {
            let Agent { name, homepage, logo } = agent(value, None).ok()?;
            assert_eq!(name, LanguageMap::new(None, "City Library"));
            Some((homepage.as_str().to_owned(), logo.map(|logo| logo.as_str().to_owned())))
        };
        let home = || "https://example.org".to_owned();
        assert_eq!(urls("City Library https://example.org"), Some((home(), None)));
        let with_logo = urls("City Library https://example.org https://example.org/logo.png");
        assert_eq!(with_logo, Some((home(), Some("https://example.org/logo.png".to_owned()))));
        for value in ["City Library", "https://example.org", "City Library https://", "X javascript://example.org"] {
            assert_eq!(agent(value, None).ok(), None, "{value}");
        }
    }
}
