//! An object's texts, selected for the reader's language.

use super::language::{is_right_to_left, primary, tag};
use super::markup::{Markup, plain_text};
use crate::iiif::LanguageMap;

/// Text with its language and direction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Value {
    /// Plain text.
    pub(super) text: String,
    /// The same text as HTML.
    pub(super) html: Markup,
    /// Language tag, or an empty string if the language is unknown.
    pub(super) lang: String,
    /// `rtl` or `ltr`.
    pub(super) dir: &'static str,
}

impl Value {
    fn new(language: &str, value: &str) -> Self {
        let lang = tag(language);
        let text = plain_text(value);
        let dir = if is_right_to_left(&text, lang) { "rtl" } else { "ltr" };
        Self { html: Markup::of_value(value), text, lang: lang.unwrap_or_default().to_owned(), dir }
    }
}

/// Returns the values to show to a reader of this language. Falls back to values without a language, and then to the
/// first language.
pub(super) fn values(map: &LanguageMap, language: &str) -> Vec<Value> {
    let in_language = |(known, _): &(&str, _)| primary(known).eq_ignore_ascii_case(language);
    let chosen = map
        .languages()
        .find(in_language)
        .or_else(|| map.languages().find(|(known, _)| tag(known).is_none()))
        .or_else(|| map.languages().next());
    let Some((language, texts)) = chosen else { return Vec::new() };
    texts.iter().filter(|text| !text.trim().is_empty()).map(|text| Value::new(language, text)).collect()
}

/// Returns the first value for this language as a title, or `default` if it has no values.
pub(super) fn title(map: &LanguageMap, language: &str, default: &str) -> Value {
    values(map, language)
        .into_iter()
        .find(|value| !value.text.is_empty())
        .unwrap_or_else(|| Value::new("none", default))
}

/// Returns the first value in each of the other languages.
pub(super) fn other_titles(map: &LanguageMap, shown: &Value) -> Vec<Value> {
    let first = |(language, texts): (&str, &[String])| texts.first().map(|text| Value::new(language, text));
    map.languages().filter_map(first).filter(|value| !value.text.is_empty() && value.text != shown.text).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(values: &[(Option<&str>, &str)]) -> LanguageMap {
        let mut map = LanguageMap::default();
        for (language, text) in values {
            map.add(*language, *text);
        }
        map
    }

    #[test]
    fn readers_see_their_language_or_none_or_the_first() {
        let both = map(&[(Some("ar"), "خريطة"), (Some("de-AT"), "Karte"), (None, "Map")]);
        let shown = |map: &LanguageMap, language| title(map, language, "id");
        assert_eq!(shown(&both, "de").text, "Karte");
        assert_eq!(shown(&both, "fr").text, "Map");
        let arabic = shown(&map(&[(Some("ar"), "خريطة")]), "en");
        assert_eq!((arabic.text.as_str(), arabic.lang.as_str(), arabic.dir), ("خريطة", "ar", "rtl"));
        assert_eq!(shown(&map(&[(Some("en"), "  ")]), "en").text, "id");
        let others = other_titles(&both, &shown(&both, "de"));
        assert_eq!(others.iter().map(|value| value.text.as_str()).collect::<Vec<_>>(), ["خريطة", "Map"]);
    }
}
