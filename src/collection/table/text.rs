//! Detects the encoding and separator used by spreadsheet programs and text editors.

use super::separated::Records;
use super::{RowError, RowUnit};
use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

/// A table's decoded text.
#[derive(Debug)]
pub(super) struct Text {
    pub(super) content: String,
    encoding: &'static Encoding,
}

/// The table's separator and the position of its header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    pub(super) separator: char,
    /// Number of lines before the header.
    pub(super) lines: u64,
    /// Number of bytes before the header.
    pub(super) start: usize,
}

/// Decodes a table based on its byte order mark. Without one, detects UTF-8, UTF-16 or Windows-1252.
///
/// # Errors
/// Returns an error if the text is truncated inside a character or mixes encodings.
pub(super) fn decode(bytes: &[u8]) -> Result<Text, RowError> {
    let (encoding, content) = match Encoding::for_bom(bytes) {
        Some((encoding, length)) => (encoding, &bytes[length..]),
        None => (guess(bytes)?, bytes),
    };
    if encoding == UTF_8 {
        let content = str::from_utf8(content).map_err(|error| mixed(content, error.valid_up_to()))?;
        return Ok(Text { content: content.to_owned(), encoding });
    }
    let (text, has_errors) = encoding.decode_without_bom_handling(content);
    let is_undefined = |c: char| encoding == WINDOWS_1252 && ('\u{80}'..'\u{a0}').contains(&c);
    let odd = text.chars().position(|c| is_undefined(c) || c == '\0' || has_errors && c == '\u{fffd}');
    match odd {
        None => Ok(Text { content: text.into_owned(), encoding }),
        Some(place) => {
            let line = 1 + text.chars().take(place).filter(|c| *c == '\n').count();
            let reason =
                format!("the text contains a character that is not valid {}: save the table as UTF-8", encoding.name());
            Err(RowError { unit: RowUnit::Line, line: line as u64, reason })
        }
    }
}

/// Number of bytes to check for zeros when detecting UTF-16.
const SAMPLE_BYTES: usize = 4096;

fn guess(bytes: &[u8]) -> Result<&'static Encoding, RowError> {
    // Detect UTF-16 without a byte order mark. Characters like separators, digits and line breaks contain a zero byte
    // in UTF-16, and no other supported encoding uses zero bytes in text.
    let sample = &bytes[..bytes.len().min(SAMPLE_BYTES)];
    let zeros = |parity: usize| sample.iter().skip(parity).step_by(2).filter(|byte| **byte == 0).count();
    if zeros(0) + zeros(1) > 0 {
        return Ok(if zeros(0) > zeros(1) { UTF_16BE } else { UTF_16LE });
    }
    let Err(error) = str::from_utf8(bytes) else { return Ok(UTF_8) };
    // Two adjacent Windows-1252 characters rarely form a valid UTF-8 sequence.
    if bytes[..error.valid_up_to()].is_ascii() && error.error_len().is_some() {
        return Ok(WINDOWS_1252);
    }
    Err(mixed(bytes, error.valid_up_to()))
}

/// Returns an error for a table that starts with valid UTF-8 but contains invalid bytes later.
fn mixed(bytes: &[u8], valid: usize) -> RowError {
    let line = bytes[..valid].split(|byte| *byte == b'\n').count();
    let is_cut = str::from_utf8(&bytes[valid..]).is_err_and(|error| error.error_len().is_none());
    let reason = if is_cut {
        "the table ends within a character: it is truncated, so copy it again"
    } else {
        "the text contains a character that is not UTF-8, unlike earlier ones: save the table as UTF-8"
    };
    RowError { unit: RowUnit::Line, line: line as u64, reason: reason.to_owned() }
}

/// Supported separators, most common first.
const SEPARATORS: [char; 3] = [',', ';', '\t'];

/// Detects the separator. Prefers one that produces a `wanted` column, and falls back to the one with the most columns.
pub(super) fn layout(text: &str, wanted: impl Fn(&str) -> bool) -> Layout {
    // Excel writes `sep=;` as the first line and hides it from users.
    let first = text.lines().next().unwrap_or_default();
    if let Some(separator) = first.strip_prefix("sep=").and_then(|rest| rest.chars().next()) {
        return Layout { separator, lines: 1, start: (first.len() + line_break(&text[first.len()..])).min(text.len()) };
    }
    let header = |separator| {
        let mut records = Records::new(text, separator, 1);
        let is_empty = |values: &[String]| values.iter().all(String::is_empty);
        let record = records.find(|record| !record.as_ref().is_ok_and(|record| is_empty(&record.values)));
        record.and_then(Result::ok).map(|record| record.values).unwrap_or_default()
    };
    let headers = SEPARATORS.map(|separator| (separator, header(separator)));
    // Prefer the separator that results in a column named `source`. Counting separators alone fails for headers like
    // `source;title, in English`.
    let named = headers.iter().find(|(_, names)| names.len() > 1 && names.iter().any(|name| wanted(name)));
    let most = || headers.iter().rev().max_by_key(|(_, names)| names.len());
    let separator = named.or_else(most).map_or(',', |(separator, _)| *separator);
    Layout { separator, lines: 0, start: 0 }
}

fn line_break(text: &str) -> usize {
    if text.starts_with("\r\n") { 2 } else { 1 }
}

impl Text {
    /// Describes the table's format. Returns `None` for comma-separated UTF-8, which is the default.
    pub(super) fn note(&self, layout: Option<Layout>) -> Option<String> {
        let separated = match layout.map_or(',', |layout| layout.separator) {
            ',' => None,
            ';' => Some("semicolon-separated".to_owned()),
            '\t' => Some("tab-separated".to_owned()),
            other => Some(format!("separated by `{other}`")),
        };
        let encoding = (self.encoding != UTF_8).then(|| match self.encoding.name() {
            "windows-1252" => "Windows-1252".to_owned(),
            name => name.to_owned(),
        });
        match (separated, encoding) {
            (None, None) => None,
            (Some(separated), None) => Some(separated),
            (separated, Some(encoding)) => {
                Some(format!("{}, {encoding}", separated.unwrap_or_else(|| "comma-separated".to_owned())))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(bytes: &[u8]) -> Option<String> {
        let text = decode(bytes).expect("decoded");
        let layout = layout(&text.content, |name| name == "source");
        text.note(Some(layout))
    }

    fn utf_16(text: &str, mark: bool, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
        let mark = mark.then_some('\u{feff}').into_iter().map(|c| c as u16);
        mark.chain(text.encode_utf16()).flat_map(bytes).collect()
    }

    #[test]
    fn encodings_are_recognized_with_and_without_marks() {
        let text = "source\tlabel\na.jpg\tGrüße\n";
        for mark in [true, false] {
            for (name, bytes) in [("UTF-16LE", u16::to_le_bytes as fn(u16) -> [u8; 2]), ("UTF-16BE", u16::to_be_bytes)]
            {
                let bytes = utf_16(text, mark, bytes);
                assert_eq!(decode(&bytes).expect("decoded").content, text);
                assert_eq!(note(&bytes), Some(format!("tab-separated, {name}")));
            }
        }
        assert_eq!(
            note(b"source;label\na.jpg;Gr\xfc\xdfe \x80\n").as_deref(),
            Some("semicolon-separated, Windows-1252")
        );
        assert_eq!(decode(b"Gr\xfc\xdfe \x80").expect("decoded").content, "Grüße €");
        assert_eq!(decode(b"\xef\xbb\xbfsource").expect("decoded").content, "source");
        assert_eq!(note("\u{feff}source,label\na,ü".as_bytes()), None);
    }

    #[test]
    fn truncated_or_mixed_text_is_an_error_with_its_line() {
        for (bytes, line, word) in [
            (&b"source\na.jpg\n\xc3"[..], 3, "truncated"),
            (b"source,l\n\xc3\xbc,a\nb\xfc,c\n", 3, "not UTF-8"),
            (b"source\n\x81\x8d\n", 2, "save the table as UTF-8"),
            (b"\xff\xfes\0o\0u", 1, "UTF-16LE"),
        ] {
            let error = decode(bytes).expect_err(word);
            assert_eq!((error.line, error.reason.contains(word)), (line, true), "{error}");
        }
    }

    #[test]
    fn the_header_determines_the_separator() {
        let separator = |text: &str| layout(text, |name| name == "source").separator;
        assert_eq!(separator("source;label, in words;date, if known\n"), ';');
        assert_eq!(separator("\"source\";\"a,b,c\"\n"), ';');
        assert_eq!(separator("Quelle;Titel\nx,y;z\n"), ';');
        assert_eq!(separator("source\na;b\n"), ',');
        assert_eq!(separator(",,\nsource,id,label\n"), ',');
        let odd = layout("sep=|\r\nsource|id\n", |_| false);
        assert_eq!((odd.separator, odd.lines, odd.start), ('|', 1, 7));
    }
}
