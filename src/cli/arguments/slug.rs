//! ASCII identifiers for `--slug`.

use deunicode::deunicode_with_tofu;

/// Returns an identifier in lowercase ASCII letters, digits, `.`, `_` and `-`. Slashes stay.
pub(crate) fn slug(text: &str) -> String {
    text.split('/').map(segment).collect::<Vec<_>>().join("/")
}

fn segment(text: &str) -> String {
    let ascii = deunicode_with_tofu(text, "-").to_ascii_lowercase();
    let is_kept = |character: char| character.is_ascii_alphanumeric() || matches!(character, '.' | '_');
    ascii.split(|character| !is_kept(character)).filter(|word| !word.is_empty()).collect::<Vec<_>>().join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slugs_are_ascii() {
        for (text, expected) in [
            ("Maps/Ä Übersicht (1)", "maps/a-ubersicht-1"),
            ("f.2r", "f.2r"),
            ("Straße_№ 5", "strasse_no-5"),
            ("Œuvre -- complète", "oeuvre-complete"),
            ("地図", "di-tu"),
            ("??", ""),
        ] {
            assert_eq!(slug(text), expected, "{text}");
        }
    }
}
