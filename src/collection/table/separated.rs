//! Parses delimiter-separated values, strictly following RFC 4180 so that stray quotes don't swallow rows.

use super::{RowError, RowUnit};

/// A row and the number of its first line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) line: u64,
    pub(super) values: Vec<String>,
}

/// Iterator over the rows of a text. Stops at the first error because anything after a stray quote is ambiguous.
pub(super) struct Records<'a> {
    rest: &'a str,
    separator: char,
    line: u64,
}

/// Type of delimiter that ends a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    Value,
    Record,
}

impl<'a> Records<'a> {
    /// Creates an iterator over `text`, with `line` as the number of its first line.
    pub(super) fn new(text: &'a str, separator: char, line: u64) -> Self {
        Self { rest: text, separator, line }
    }

    fn record(&mut self) -> Result<Record, RowError> {
        let line = self.line;
        let mut values = Vec::new();
        loop {
            let (value, ending) = self.value()?;
            values.push(value);
            if ending == Ending::Record {
                return Ok(Record { line, values });
            }
        }
    }

    fn value(&mut self) -> Result<(String, Ending), RowError> {
        match self.rest.trim_start_matches(' ').strip_prefix('"') {
            Some(quoted) => self.quoted(quoted),
            None => self.plain(),
        }
    }

    fn plain(&mut self) -> Result<(String, Ending), RowError> {
        // RFC 4180 doesn't allow quotes inside unquoted values. Lenient parsers treat them as text, and a forgotten
        // quote then causes the next quoted value to silently swallow rows. Hundreds of images could go missing from
        // the collection and, with `--prune`, from the bucket.
        let length = self.rest.find([self.separator, '\n', '\r', '"']).unwrap_or(self.rest.len());
        let (value, rest) = self.rest.split_at(length);
        if rest.starts_with('"') {
            let reason = format!(
                "a quote occurs inside an unquoted value, after `{}`: write \"…\" around the whole value, and \"\" for \
                 the quote itself",
                end_of(value.trim())
            );
            return Err(error(self.line, reason));
        }
        self.rest = rest;
        Ok((value.trim().to_owned(), self.ending()))
    }

    /// Parses the rest of a quoted value, after the opening quote.
    fn quoted(&mut self, mut rest: &'a str) -> Result<(String, Ending), RowError> {
        let (first_line, mut value) = (self.line, String::new());
        loop {
            let Some((part, behind)) = rest.split_once('"') else {
                let reason = "a quote that opens a value here is never closed, so the value contains all later lines: close or remove it";
                return Err(error(first_line, reason.to_owned()));
            };
            value.push_str(part);
            self.line += line_breaks(part);
            rest = behind;
            // Two consecutive quotes are an escaped quote.
            let Some(behind) = rest.strip_prefix('"') else { break };
            value.push('"');
            rest = behind;
        }
        self.rest = rest.trim_start_matches(' ');
        if self.rest.is_empty() || self.rest.starts_with([self.separator, '\n', '\r']) {
            return Ok((value.trim().to_owned(), self.ending()));
        }
        let opened = if first_line == self.line {
            String::new()
        } else {
            format!(" that begins in line {first_line}, where one may be missing")
        };
        let reason = format!(
            "`{}` follows the closing quote of a value{opened}: write \"\" for a quote inside a value",
            beginning_of(self.rest)
        );
        Err(error(self.line, reason))
    }

    /// Consumes a separator, a line break or the end of the text.
    fn ending(&mut self) -> Ending {
        if let Some(rest) = self.rest.strip_prefix(self.separator) {
            self.rest = rest;
            return Ending::Value;
        }
        self.line += 1;
        self.rest = self.rest.strip_prefix('\r').unwrap_or(self.rest);
        self.rest = self.rest.strip_prefix('\n').unwrap_or(self.rest);
        Ending::Record
    }
}

impl Iterator for Records<'_> {
    type Item = Result<Record, RowError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let record = self.record();
        if record.is_err() {
            self.rest = "";
        }
        Some(record)
    }
}

fn error(line: u64, reason: String) -> RowError {
    RowError { unit: RowUnit::Line, line, reason }
}

/// Counts line breaks, which may be `\n`, `\r\n` or `\r`.
fn line_breaks(text: &str) -> u64 {
    let feeds = text.matches('\n').count();
    let returns = text.matches('\r').count() - text.matches("\r\n").count();
    (feeds + returns) as u64
}

/// Maximum number of characters to quote from a table in an error message.
const MAX_QUOTED: usize = 20;

fn beginning_of(text: &str) -> String {
    text.lines().next().unwrap_or_default().chars().take(MAX_QUOTED).collect()
}

fn end_of(text: &str) -> String {
    let skipped = text.chars().count().saturating_sub(MAX_QUOTED);
    text.chars().skip(skipped).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(text: &str) -> Result<Vec<Vec<String>>, RowError> {
        Records::new(text, ',', 1).map(|record| record.map(|record| record.values)).collect()
    }

    fn lines(text: &str) -> Vec<u64> {
        Records::new(text, ',', 1).map(|record| record.expect("strict").line).collect()
    }

    #[test]
    fn quotes_enclose_separators_line_breaks_and_quotes() {
        let read = values("a, b ,c\r\n\"x,\"\"y\"\"\", \"two\r\nlines\" ,\n,,\"\"").expect("strict");
        assert_eq!(read, [vec!["a", "b", "c"], vec!["x,\"y\"", "two\r\nlines", ""], vec!["", "", ""]]);
        assert_eq!(lines("a\n\"b\nb\"\n\nc\rd\r\n\"e\r\re\"\nf"), [1, 2, 4, 5, 6, 7, 10]);
        assert_eq!(values("a,b\n").expect("strict"), [["a", "b"]]);
        assert_eq!(values("a,").expect("strict"), [["a", ""]]);
    }

    #[test]
    fn a_quote_in_the_wrong_place_is_an_error_with_its_line() {
        for (text, line) in [
            ("a\nb,12\" map\nc", 2),
            ("a\n\"b\nc\nd", 2),
            ("a\n\"b\" c\nd", 2),
            ("a\n\"b\nc,\"d\"\ne", 3),
            ("a\n\"\"b\"\n", 2),
            ("a,\"", 1),
        ] {
            let error = values(text).expect_err(text);
            assert_eq!(error.line, line, "{text:?}: {error}");
        }
        let after = Records::new("a\"\nb", ',', 1).count();
        assert_eq!(after, 1, "reading ends after an error");
    }
}
