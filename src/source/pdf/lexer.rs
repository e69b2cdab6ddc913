//! Parses PDF syntax (ISO 32000-2, 7.2 and 7.3).

use super::object::{Dictionary, Object};

/// Maximum nesting depth of arrays and dictionaries. Real files have fewer than 10 levels.
const MAX_DEPTH: u32 = 64;

/// Reads objects and keywords from bytes.
pub(super) struct Lexer<'a> {
    bytes: &'a [u8],
    at: usize,
}

/// A PDF syntax token.
#[derive(Debug, PartialEq)]
pub(super) enum Token<'a> {
    Object(Object),
    /// Anything that isn't an object, such as `obj` or an operator.
    Keyword(&'a [u8]),
}

impl<'a> Lexer<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self::at(bytes, 0)
    }

    /// Creates a lexer that starts at an offset.
    pub(super) fn at(bytes: &'a [u8], at: usize) -> Self {
        Self { bytes, at }
    }

    /// Returns the number of bytes read.
    pub(super) fn position(&self) -> usize {
        self.at
    }

    /// Returns the next content stream token, or `None` at the end. Content streams can't contain references.
    pub(super) fn content_token(&mut self) -> Option<Token<'a>> {
        self.token(false, 0)
    }

    /// Returns the next token of a file, or `None` at the end.
    pub(super) fn token_of_file(&mut self) -> Option<Token<'a>> {
        self.token(true, 0)
    }

    /// Returns the next object, or `None` if the next token isn't an object.
    pub(super) fn object(&mut self) -> Option<Object> {
        match self.token(true, 0) {
            Some(Token::Object(object)) => Some(object),
            _ => None,
        }
    }

    /// Returns the next integer, or `None` if the next token isn't an integer.
    pub(super) fn integer(&mut self) -> Option<u64> {
        match self.token(false, 0) {
            Some(Token::Object(object)) => u64::try_from(object.integer()?).ok(),
            _ => None,
        }
    }

    /// Returns `true` and skips the next token if it's this keyword.
    pub(super) fn keyword(&mut self, keyword: &[u8]) -> bool {
        let start = self.at;
        let is_next = self.token(false, 0) == Some(Token::Keyword(keyword));
        if !is_next {
            self.at = start;
        }
        is_next
    }

    /// Returns the position of the data that follows `stream` and a line break.
    pub(super) fn stream_start(&self) -> usize {
        let rest = &self.bytes[self.at.min(self.bytes.len())..];
        let skipped = match rest {
            [b'\r', b'\n', ..] => 2,
            [b'\r' | b'\n', ..] => 1,
            _ => 0,
        };
        self.at + skipped
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn skip_space(&mut self) {
        while let Some(byte) = self.peek() {
            match byte {
                b'%' => {
                    while self.peek().is_some_and(|byte| byte != b'\r' && byte != b'\n') {
                        self.at += 1;
                    }
                }
                byte if is_space(byte) => self.at += 1,
                _ => break,
            }
        }
    }

    fn token(&mut self, has_references: bool, depth: u32) -> Option<Token<'a>> {
        self.skip_space();
        let object = match self.peek()? {
            b'/' => {
                self.at += 1;
                Object::Name(self.name())
            }
            b'(' => Object::String(self.literal_string()),
            b'<' if self.bytes.get(self.at + 1) == Some(&b'<') => {
                self.at += 2;
                Object::Dictionary(self.dictionary(has_references, depth)?)
            }
            b'<' => Object::String(self.hexadecimal_string()),
            b'[' => {
                self.at += 1;
                Object::Array(self.array(has_references, depth)?)
            }
            b'0'..=b'9' | b'+' | b'-' | b'.' => return Some(self.number(has_references)),
            _ => return Some(self.word()),
        };
        Some(Token::Object(object))
    }

    /// Returns a keyword, or an object that looks like a keyword.
    fn word(&mut self) -> Token<'a> {
        let start = self.at;
        while self.peek().is_some_and(is_regular) {
            self.at += 1;
        }
        if self.at == start {
            // An unmatched delimiter.
            let is_pair = matches!(self.bytes.get(start..start + 2), Some(b">>"));
            self.at += if is_pair { 2 } else { 1 };
        }
        match &self.bytes[start..self.at] {
            b"null" => Token::Object(Object::Null),
            b"true" => Token::Object(Object::Boolean(true)),
            b"false" => Token::Object(Object::Boolean(false)),
            word => Token::Keyword(word),
        }
    }

    fn number(&mut self, has_references: bool) -> Token<'a> {
        let start = self.at;
        while self.peek().is_some_and(is_regular) {
            self.at += 1;
        }
        let text = &self.bytes[start..self.at];
        let Some(number) = number(text) else { return Token::Keyword(text) };
        if has_references && text.iter().all(u8::is_ascii_digit) {
            let end = self.at;
            if let Some(reference) = self.rest_of_reference(text) {
                return Token::Object(reference);
            }
            self.at = end;
        }
        Token::Object(Object::Number(number))
    }

    /// Reads the generation and `R` that follow an object number.
    fn rest_of_reference(&mut self, number: &[u8]) -> Option<Object> {
        self.skip_space();
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        if self.at == start || self.at - start > 5 {
            return None;
        }
        self.skip_space();
        let is_reference = self.peek() == Some(b'R') && !self.bytes.get(self.at + 1).copied().is_some_and(is_regular);
        if !is_reference {
            return None;
        }
        self.at += 1;
        // References to numbers that are too large are null, because the object can't exist.
        let number = str::from_utf8(number).ok()?.parse().ok();
        Some(number.map_or(Object::Null, Object::Reference))
    }

    fn array(&mut self, has_references: bool, depth: u32) -> Option<Vec<Object>> {
        let mut array = Vec::new();
        loop {
            self.skip_space();
            if self.peek()? == b']' {
                self.at += 1;
                return Some(array);
            }
            match self.nested(has_references, depth)? {
                Token::Object(object) => array.push(object),
                // The closing delimiter is missing.
                Token::Keyword(b"endobj" | b"stream" | b">>") => return None,
                Token::Keyword(_) => {}
            }
        }
    }

    fn dictionary(&mut self, has_references: bool, depth: u32) -> Option<Dictionary> {
        let mut entries = Vec::new();
        loop {
            let key = match self.nested(has_references, depth)? {
                Token::Keyword(b">>") => return Some(Dictionary(entries)),
                Token::Keyword(b"endobj" | b"stream") => return None,
                Token::Object(Object::Name(name)) => name,
                _ => continue,
            };
            match self.nested(has_references, depth)? {
                Token::Keyword(b">>") => return Some(Dictionary(entries)),
                Token::Object(value) => entries.push((key, value)),
                Token::Keyword(_) => {}
            }
        }
    }

    fn nested(&mut self, has_references: bool, depth: u32) -> Option<Token<'a>> {
        if depth == MAX_DEPTH {
            return None;
        }
        self.token(has_references, depth + 1)
    }

    fn name(&mut self) -> Box<[u8]> {
        let mut name = Vec::new();
        while let Some(byte) = self.peek().filter(|byte| is_regular(*byte)) {
            self.at += 1;
            let code =
                if byte == b'#' { self.bytes.get(self.at..self.at + 2).and_then(hexadecimal_byte) } else { None };
            self.at += if code.is_some() { 2 } else { 0 };
            name.push(code.unwrap_or(byte));
        }
        name.into()
    }

    fn literal_string(&mut self) -> Box<[u8]> {
        let (mut string, mut depth) = (Vec::new(), 0_u32);
        while let Some(byte) = self.peek() {
            self.at += 1;
            match byte {
                b'(' => {
                    depth += 1;
                    if depth > 1 {
                        string.push(byte);
                    }
                }
                b')' => {
                    depth -= 1;
                    if depth == 0 {
                        break;
                    }
                    string.push(byte);
                }
                b'\\' => self.escaped(&mut string),
                byte => string.push(byte),
            }
        }
        string.into()
    }

    /// Reads the characters after a backslash.
    fn escaped(&mut self, string: &mut Vec<u8>) {
        let Some(byte) = self.peek() else { return };
        self.at += 1;
        let character = match byte {
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'b' => 8,
            b'f' => 12,
            b'\n' => return,
            b'\r' => {
                self.at += usize::from(self.peek() == Some(b'\n'));
                return;
            }
            b'0'..=b'7' => {
                let mut code = u32::from(byte - b'0');
                for _ in 0..2 {
                    let Some(digit) = self.peek().filter(|digit| (b'0'..=b'7').contains(digit)) else { break };
                    code = code * 8 + u32::from(digit - b'0');
                    self.at += 1;
                }
                code.to_le_bytes()[0]
            }
            other => other,
        };
        string.push(character);
    }

    fn hexadecimal_string(&mut self) -> Box<[u8]> {
        self.at += 1;
        let start = self.at;
        while self.peek().is_some_and(|byte| byte != b'>') {
            self.at += 1;
        }
        let digits: Vec<u8> = self.bytes[start..self.at].iter().filter_map(|byte| hexadecimal_digit(*byte)).collect();
        self.at += 1;
        // A missing final digit counts as 0.
        digits.chunks(2).map(|pair| pair[0] << 4 | pair.get(1).copied().unwrap_or(0)).collect()
    }
}

/// Parses a number. Like other readers, this skips the extra or misplaced signs that some writers produce.
fn number(text: &[u8]) -> Option<f64> {
    let text = str::from_utf8(text).ok()?;
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.".contains(&byte));
    if !is_plain || !text.bytes().any(|byte| byte.is_ascii_digit()) {
        return None;
    }
    if let Ok(number) = text.parse() {
        return Some(number);
    }
    let digits = text.trim_start_matches(['+', '-']);
    let digits = digits.split(['+', '-']).next().unwrap_or(digits);
    let number: f64 = digits.parse().ok()?;
    Some(if text.starts_with('-') { -number } else { number })
}

pub(super) fn is_space(byte: u8) -> bool {
    matches!(byte, 0 | 9 | 10 | 12 | 13 | 32)
}

/// Returns `true` for bytes that can be part of a name or keyword.
fn is_regular(byte: u8) -> bool {
    !is_space(byte) && !b"()<>[]{}/%".contains(&byte)
}

fn hexadecimal_byte(pair: &[u8]) -> Option<u8> {
    Some(hexadecimal_digit(pair[0])? << 4 | hexadecimal_digit(pair[1])?)
}

pub(super) fn hexadecimal_digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(text: &[u8]) -> Object {
        Lexer::new(text).object().expect("an object")
    }

    fn written(object: &Object) -> String {
        let mut bytes = Vec::new();
        object.write(&mut bytes).expect("written");
        String::from_utf8(bytes).expect("ASCII")
    }

    #[test]
    fn objects_are_read_and_written() {
        for (text, expected) in [
            (&b"<</A 1/B[2 3 0 R -.5 +7]/C<</D(x)>>>>"[..], "<</A 1/B [2 3 0 R -0.5 7 ]/C <</D <78>>>>>"),
            (b"% comment\n [/A#20B true false null]", "[/A#20B true false null ]"),
            (b"(a\\(b\\)(c)\\101\\\r\nd\\n)", "<612862292863294164 0a>"),
            (b"<4 1 4>", "<4140>"),
            (b"[1 2 3 R 1 2 R]", "[1 2 3 R 1 2 R ]"),
            (b"[--5 1-2 4294967296 0 R]", "[-5 1 null ]"),
        ] {
            let expected = expected.replace("64 0a", "640a");
            let text_of = String::from_utf8_lossy(text).into_owned();
            match text {
                // `2 3 R` is a reference to object 2.
                b"[1 2 3 R 1 2 R]" => {
                    let references = [Object::Number(1.0), Object::Reference(2), Object::Reference(1)];
                    assert_eq!(object(text).array(), Some(&references[..]), "{text_of}");
                }
                _ => assert_eq!(written(&object(text)), expected, "{text_of}"),
            }
        }
    }

    #[test]
    fn incomplete_and_deep_objects_are_no_objects() {
        for text in [&b"<</A 1"[..], b"[1 2", b"[1 2 endobj", b"<</A [1 >>", b"", b"endobj", b"<</A 1 stream"] {
            assert_eq!(Lexer::new(text).object(), None, "{}", String::from_utf8_lossy(text));
        }
        assert_eq!(Lexer::new(&b"[".repeat(100_000)).object(), None);
        assert_eq!(object(b"(never closed").string(), Some(&b"never closed"[..]));
    }

    #[test]
    fn operators_of_content_are_keywords() {
        let mut lexer = Lexer::new(b"q 1 0 0 R T* BT/F1 12 Tf(x)' ET");
        let mut keywords = Vec::new();
        while let Some(token) = lexer.content_token() {
            if let Token::Keyword(keyword) = token {
                keywords.push(String::from_utf8_lossy(keyword).into_owned());
            }
        }
        assert_eq!(keywords, ["q", "R", "T*", "BT", "Tf", "'", "ET"]);
    }
}
