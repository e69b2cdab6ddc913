//! Escapes untrusted text (names, messages from stores and servers, reports) for the terminal.
//!
//! Text is escaped exactly once, on output. No other code escapes text for the terminal.

use serde_json::Value;
use std::borrow::Cow;
use std::fmt::Write;

/// Returns `true` for characters that would move the cursor, end the line, or reverse the surrounding text.
fn is_unsafe(character: char) -> bool {
    const LINE_AND_PARAGRAPH: std::ops::RangeInclusive<char> = '\u{2028}'..='\u{2029}';
    // Bidirectional marks, embeddings, overrides and isolates (Unicode Standard Annex #9).
    let is_bidi =
        matches!(character, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    character.is_control() || is_bidi || LINE_AND_PARAGRAPH.contains(&character)
}

/// Escapes a line, including line feeds.
pub(super) fn line(text: &str) -> Cow<'_, str> {
    escaped(text, is_unsafe, |character, into| into.extend(character.escape_debug()))
}

/// Escapes text but keeps its line feeds.
pub(super) fn lines(text: &str) -> Cow<'_, str> {
    let is_unsafe = |character| character != '\n' && is_unsafe(character);
    escaped(text, is_unsafe, |character, into| into.extend(character.escape_debug()))
}

/// Formats JSON, adding JSON escapes for unsafe characters that `serde_json` leaves as they are.
pub(super) fn json(value: &Value, is_pretty: bool) -> String {
    let text = if is_pretty { format!("{value:#}") } else { value.to_string() };
    let is_unsafe = |character| character != '\n' && is_unsafe(character);
    let escape = |character: char, into: &mut String| {
        let mut units = [0; 2];
        for unit in character.encode_utf16(&mut units) {
            write!(into, "\\u{unit:04x}").expect("writing to a string does not fail");
        }
    };
    escaped(&text, is_unsafe, escape).into_owned()
}

fn escaped(text: &str, is_unsafe: impl Fn(char) -> bool, escape: impl Fn(char, &mut String)) -> Cow<'_, str> {
    if !text.contains(&is_unsafe) {
        return Cow::Borrowed(text);
    }
    let mut into = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        if is_unsafe(character) { escape(character, &mut into) } else { into.push(character) }
    }
    Cow::Owned(into)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const HOSTILE: &str = "a\u{1b}[2Jb\r\nc\u{9b}31m\u{202e}d\u{2066}e\u{7f}\u{85}\u{2028}f\u{200f}";

    #[test]
    fn nothing_from_outside_moves_the_cursor_or_reverses_text() {
        let escaped = line(HOSTILE);
        assert!(!escaped.contains(is_unsafe), "{escaped:?}");
        assert!(escaped.starts_with(r"a\u{1b}[2Jb\r\nc\u{9b}31m\u{202e}d\u{2066}e"), "{escaped}");
        let with_lines = lines(HOSTILE);
        assert_eq!(with_lines.lines().count(), 2, "{with_lines:?}");
        assert!(!with_lines.contains('\u{1b}') && !with_lines.contains('\r'), "{with_lines:?}");
    }

    #[test]
    fn names_in_any_script_stay_as_they_are() {
        for name in ["maps/rome", "Ünïcode name 50%", "地図", "خريطة", "क्\u{200d}ष", "👩\u{200d}🎨", r"C:\new\table"]
        {
            assert!(matches!(line(name), Cow::Borrowed(same) if same == name), "{name}");
        }
    }

    #[test]
    fn json_stays_json() {
        let value = json!({"id": HOSTILE, "error": "ü"});
        for is_pretty in [false, true] {
            let text = json(&value, is_pretty);
            assert!(!text.contains(|character| character != '\n' && is_unsafe(character)), "{text:?}");
            assert_eq!(serde_json::from_str::<Value>(&text).expect("JSON"), value);
        }
    }
}
