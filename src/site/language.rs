//! Language tags and writing direction.

/// Languages written from right to left.
const RIGHT_TO_LEFT: [&str; 13] = ["ar", "arc", "ckb", "dv", "fa", "he", "ks", "ps", "sd", "syr", "ug", "ur", "yi"];

/// Returns the language tag if it's well-formed ([BCP 47](https://www.rfc-editor.org/info/bcp47)).
pub(super) fn tag(language: &str) -> Option<&str> {
    let is_subtag = |part: &str| (1..=8).contains(&part.len()) && part.chars().all(|c| c.is_ascii_alphanumeric());
    let mut parts = language.split('-');
    let first = parts.next().unwrap_or_default();
    let is_language = (2..=8).contains(&first.len()) && first.chars().all(|c| c.is_ascii_alphabetic());
    (language != "none" && is_language && parts.all(is_subtag)).then_some(language)
}

/// Returns a tag's primary language, such as `de` for `de-AT`.
pub(super) fn primary(language: &str) -> &str {
    language.split('-').next().unwrap_or(language)
}

/// Returns `true` if text is written from right to left, based on its first letter, or on its language if it has no
/// letters.
pub(super) fn is_right_to_left(text: &str, language: Option<&str>) -> bool {
    match text.chars().find(|c| c.is_alphabetic()) {
        Some(letter) => is_right_to_left_letter(letter),
        None => language.is_some_and(|language| RIGHT_TO_LEFT.contains(&primary(language))),
    }
}

/// Returns `true` for letters in the Unicode blocks of Hebrew, Arabic, Syriac, Thaana, N'Ko and other right-to-left
/// scripts.
fn is_right_to_left_letter(letter: char) -> bool {
    matches!(letter, '\u{590}'..='\u{8ff}' | '\u{fb1d}'..='\u{fdff}' | '\u{fe70}'..='\u{feff}' | '\u{10800}'..='\u{10fff}' | '\u{1e800}'..='\u{1efff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_well_formed() {
        for language in ["en", "de-AT", "zh-Hant-TW", "grc"] {
            assert_eq!(tag(language), Some(language));
        }
        for language in ["none", "", "e", "en_US", "en\" onclick=\"x", "<b>", "en-", "toolongtag"] {
            assert_eq!(tag(language), None, "{language}");
        }
    }

    #[test]
    fn the_first_letter_decides_about_the_direction() {
        assert!(is_right_to_left("123 كتاب", Some("en")));
        assert!(!is_right_to_left("Kitāb", Some("ar")));
        assert!(is_right_to_left("123", Some("ar-EG")));
        assert!(!is_right_to_left("", None));
    }
}
