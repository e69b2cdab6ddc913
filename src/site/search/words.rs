//! Splits text into words for the index. The script splits queries the same way.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// Maximum word length in characters. Longer words are truncated.
const MAX_WORD: usize = 32;

/// Maximum sort key length in characters.
const MAX_SORT_KEY: usize = 48;

/// Number of digits that numbers are padded to in sort keys, which makes 2 sort before 10.
const SORT_DIGITS: usize = 10;

/// Returns the words in a text, in lowercase and without accents. Scripts that don't separate words are split into
/// pairs of characters.
pub(super) fn words(text: &str) -> Vec<String> {
    let plain = plain(text);
    plain.split(|c: char| !c.is_alphanumeric()).filter(|run| !run.is_empty()).flat_map(pieces).collect()
}

/// Returns text in lowercase and without accents.
fn plain(text: &str) -> String {
    text.nfkd()
        .filter(|c| !is_combining_mark(*c))
        .flat_map(char::to_lowercase)
        .filter(|c| !is_combining_mark(*c))
        .collect()
}

/// Splits a run of letters at each boundary between scripts with and without word separators.
fn pieces(run: &str) -> Vec<String> {
    let characters: Vec<char> = run.chars().collect();
    let parts = characters.chunk_by(|a, b| is_joined(*a) == is_joined(*b));
    parts
        .flat_map(|part| {
            if part.first().copied().is_some_and(is_joined) {
                pairs(part)
            } else {
                vec![part.iter().take(MAX_WORD).collect()]
            }
        })
        .collect()
}

fn pairs(characters: &[char]) -> Vec<String> {
    if characters.len() == 1 {
        return vec![characters.iter().collect()];
    }
    characters.windows(2).map(|pair| pair.iter().collect()).collect()
}

/// Returns `true` for Chinese, Japanese, Thai, Lao, Khmer and Burmese letters.
fn is_joined(c: char) -> bool {
    matches!(c, '\u{e00}'..='\u{eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}' | '\u{3005}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
}

/// Returns a sort key that ignores case and accents and orders numbers by value.
pub(super) fn sort_key(title: &str) -> String {
    let plain = plain(title);
    let characters: Vec<char> = plain.chars().filter(|c| c.is_alphanumeric() || *c == ' ').take(MAX_SORT_KEY).collect();
    let parts = characters.chunk_by(|a, b| a.is_ascii_digit() == b.is_ascii_digit());
    let part = |part: &[char]| {
        let text: String = part.iter().collect();
        let is_number = part.first().is_some_and(char::is_ascii_digit);
        if is_number { format!("{text:0>SORT_DIGITS$}") } else { text }
    };
    parts.map(part).collect::<String>().trim_start().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_plain_and_other_scripts_have_pairs() {
        for (text, expected) in [
            ("Der Müller-Thurgau, 1642!", vec!["der", "muller", "thurgau", "1642"]),
            ("L’été", vec!["l", "ete"]),
            ("Straße ﬁn İ", vec!["straße", "fin", "i"]),
            ("خريطة القاهرة", vec!["خريطة", "القاهرة"]),
            ("東京地図", vec!["東京", "京地", "地図"]),
            ("ABC東京", vec!["abc", "東京"]),
            ("図", vec!["図"]),
            ("</script>", vec!["script"]),
            ("", vec![]),
        ] {
            assert_eq!(words(text), expected, "{text}");
        }
        assert_eq!(words(&"x".repeat(400)), ["x".repeat(32)]);
    }

    #[test]
    fn titles_sort_as_people_expect() {
        let mut titles = ["Plate 10", "“Plate 2”", "äpfel", "Zebra", "Apple"];
        titles.sort_by_key(|title| sort_key(title));
        assert_eq!(titles, ["äpfel", "Apple", "“Plate 2”", "Plate 10", "Zebra"]);
    }
}
