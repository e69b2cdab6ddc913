//! Safe HTML from untrusted text. Tables and configuration files can contain anything.

use std::fmt;

/// Elements that [IIIF allows](https://iiif.io/api/presentation/3.0/#45-html-markup-in-property-values) in values.
/// Leaves out `img`, because a table could use it to load images from anywhere.
const ELEMENTS: [&str; 9] = ["a", "b", "br", "i", "p", "small", "span", "sub", "sup"];

/// Elements whose content isn't text.
const OPAQUE: [&str; 8] = ["iframe", "math", "noscript", "script", "style", "svg", "template", "textarea"];

/// HTML that is safe to include in a page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Markup(String);

impl fmt::Display for Markup {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl Markup {
    /// Converts a value to HTML. As IIIF specifies, a value is HTML if it starts with `<` and ends with `>`. Only
    /// allowed elements are kept. Any other value is plain text, and becomes a link if it's a URL.
    pub(super) fn of_value(value: &str) -> Self {
        if is_html(value) {
            return Self(sanitized(value));
        }
        let text = escaped(value);
        match web_url(value) {
            Some(url) => Self(format!("<a href=\"{}\">{text}</a>", escaped(url))),
            None => Self(text),
        }
    }

    /// Converts a setting to HTML. Unlike a value, it may contain elements anywhere.
    pub(super) fn of_setting(text: &str) -> Self {
        if has_elements(text) { Self(sanitized(text)) } else { Self::of_value(text) }
    }
}

/// Returns a value as plain text. Removes all elements if the value is HTML, and replaces characters that can't be
/// shown.
pub(super) fn plain_text(value: &str) -> String {
    if is_html(value) { text_of(value) } else { value.chars().filter_map(shown).collect() }
}

/// Returns a setting as plain text.
pub(super) fn setting_text(text: &str) -> String {
    if has_elements(text) { text_of(text) } else { plain_text(text) }
}

/// Returns the text of HTML.
fn text_of(html: &str) -> String {
    let mut text = String::new();
    for token in Tokens::of(html) {
        match token {
            Token::Text(part) => text.push_str(&unescaped(part)),
            Token::Start { name, .. } | Token::End(name) if matches!(&*name, "br" | "p") => text.push(' '),
            Token::Start { .. } | Token::End(_) => {}
        }
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ").chars().filter_map(shown).collect()
}

/// Returns the character to show for a character of a text, if any. HTML can't represent control characters. Overrides
/// of the writing direction are removed, because they could make a text look like another one, or a URL like that of
/// another site.
fn shown(character: char) -> Option<char> {
    match character {
        '\0'..='\x08' | '\x0b'..='\x1f' | '\x7f'..='\u{9f}' => Some('\u{fffd}'),
        '\u{202d}' | '\u{202e}' => None,
        other => Some(other),
    }
}

/// Returns `true` if the text has one of the allowed elements.
fn has_elements(text: &str) -> bool {
    let is_allowed = |name: &str| ELEMENTS.contains(&name);
    Tokens::of(text).any(|token| matches!(token, Token::Start { name, .. } if is_allowed(&name)))
}

fn is_html(value: &str) -> bool {
    let value = value.trim();
    value.starts_with('<') && value.ends_with('>')
}

/// Escapes text for use in HTML content and quoted attributes.
pub(super) fn escaped(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    for character in text.chars().filter_map(shown) {
        match character {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            other => html.push(other),
        }
    }
    html
}

/// Returns the URL if the text consists of a single absolute web address.
pub(super) fn web_url(text: &str) -> Option<&str> {
    let text = text.trim();
    let rest = ["https://", "http://"].iter().find_map(|scheme| {
        text.get(..scheme.len()).filter(|start| start.eq_ignore_ascii_case(scheme)).map(|_| &text[scheme.len()..])
    })?;
    let is_plain = |c: char| !c.is_whitespace() && !c.is_control() && !"<>\"'`\\{}".contains(c);
    (!rest.is_empty() && rest.chars().all(is_plain)).then_some(text)
}

/// Returns JSON for use in a `script` element. It's escaped, so its strings can't close the element.
pub(super) fn script_json(value: &serde_json::Value) -> Markup {
    let json = value.to_string();
    let escape = |json: String, (from, to): (char, &str)| json.replace(from, to);
    let escapes =
        [('<', "\\u003c"), ('>', "\\u003e"), ('&', "\\u0026"), ('\u{2028}', "\\u2028"), ('\u{2029}', "\\u2029")];
    Markup(escapes.into_iter().fold(json, escape))
}

/// Returns HTML with only the allowed elements, all of them closed.
fn sanitized(html: &str) -> String {
    let (mut safe, mut open) = (String::new(), Vec::<String>::new());
    for token in Tokens::of(html) {
        match token {
            Token::Text(text) => safe.push_str(&escaped(&unescaped(text))),
            Token::Start { name, .. } if name == "br" => safe.push_str("<br>"),
            // Links can't be nested, and paragraphs can't be inside other elements.
            Token::Start { name, .. } if name == "a" && open.contains(&name) => {}
            Token::Start { name, .. } if name == "p" && !open.is_empty() => safe.push_str("<br>"),
            Token::Start { name, attributes } if ELEMENTS.contains(&&*name) => {
                match attribute(attributes, "href").filter(|_| name == "a") {
                    Some(href) if web_url(&href).is_some() => {
                        safe.extend(["<a href=\"", &escaped(href.trim()), "\">"]);
                    }
                    _ if name == "a" => continue,
                    _ => safe.extend(["<", &name, ">"]),
                }
                open.push(name);
            }
            Token::End(name) if open.contains(&name) => {
                while let Some(last) = open.pop() {
                    safe.extend(["</", &last, ">"]);
                    if last == name {
                        break;
                    }
                }
            }
            Token::Start { .. } | Token::End(_) => {}
        }
    }
    safe.extend(open.iter().rev().flat_map(|name| ["</", name, ">"]));
    safe
}

/// An HTML token. Names are in lowercase.
enum Token<'a> {
    Text(&'a str),
    Start { name: String, attributes: &'a str },
    End(String),
}

/// Splits HTML into tokens. Skips comments and the content of [`OPAQUE`] elements.
struct Tokens<'a>(&'a str);

impl<'a> Tokens<'a> {
    fn of(html: &'a str) -> Self {
        Self(html.trim())
    }

    /// Skips everything up to the end of an opaque element.
    fn skip(&mut self, name: &str) {
        let end = format!("</{name}");
        // Changing the case of ASCII letters keeps byte offsets valid.
        let at = self.0.to_ascii_lowercase().find(&end).unwrap_or(self.0.len());
        self.0 = &self.0[at..];
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        loop {
            if self.0.is_empty() {
                return None;
            }
            if let Some(rest) = self.0.strip_prefix("<!--") {
                self.0 = rest.split_once("-->").map_or("", |(_, rest)| rest);
                continue;
            }
            let Some((is_end, name, attributes, rest)) = tag(self.0) else {
                // A `<` that doesn't start an element is text.
                let end = self.0[1..].find('<').map_or(self.0.len(), |at| at + 1);
                let end = if self.0.starts_with('<') { end } else { self.0.find('<').unwrap_or(self.0.len()) };
                let (text, rest) = self.0.split_at(end.max(1));
                self.0 = rest;
                return Some(Token::Text(text));
            };
            self.0 = rest;
            if !is_end && OPAQUE.contains(&&*name) {
                self.skip(&name);
                continue;
            }
            return Some(if is_end { Token::End(name) } else { Token::Start { name, attributes } });
        }
    }
}

/// Parses a tag at the start of `html`. Returns whether it's an end tag, its name, its attributes and the remaining
/// text. An unterminated tag extends to the end.
fn tag(html: &str) -> Option<(bool, String, &str, &str)> {
    let rest = html.strip_prefix('<')?;
    let (is_end, rest) = rest.strip_prefix('/').map_or((false, rest), |rest| (true, rest));
    let is_special = rest.starts_with(['!', '?']);
    if !is_special && !rest.starts_with(|c: char| c.is_ascii_alphabetic()) {
        return None;
    }
    let name_end = rest.find(|c: char| c.is_ascii_whitespace() || c == '>' || c == '/').unwrap_or(rest.len());
    let (name, rest) = rest.split_at(name_end);
    let mut quote = None;
    for (at, character) in rest.char_indices() {
        match (quote, character) {
            (None, '"' | '\'') => quote = Some(character),
            (Some(open), close) if open == close => quote = None,
            (None, '>') => return Some((is_end, name.to_ascii_lowercase(), &rest[..at], &rest[at + 1..])),
            _ => {}
        }
    }
    Some((is_end, name.to_ascii_lowercase(), rest, ""))
}

/// Returns an attribute's value.
fn attribute(attributes: &str, name: &str) -> Option<String> {
    let mut rest = attributes;
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == '/');
        let end = rest.find(|c: char| c.is_ascii_whitespace() || c == '=' || c == '/').unwrap_or(rest.len());
        let (found, after) = rest.split_at(end);
        if found.is_empty() && !after.starts_with('=') {
            return None;
        }
        let (value, next) = match after.trim_start().strip_prefix('=') {
            Some(value) => attribute_value(value.trim_start()),
            None => ("", after),
        };
        if found.eq_ignore_ascii_case(name) {
            return Some(unescaped(value));
        }
        rest = next;
    }
}

/// Splits `text` into the attribute value at its start and the rest.
fn attribute_value(text: &str) -> (&str, &str) {
    match text.chars().next() {
        Some(quote @ ('"' | '\'')) => text[1..].split_once(quote).unwrap_or((&text[1..], "")),
        _ => text.split_at(text.find(|c: char| c.is_ascii_whitespace()).unwrap_or(text.len())),
    }
}

/// Replaces common character references. Any others are kept as text.
fn unescaped(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        plain.push_str(before);
        if let Some((character, next)) = after.split_once(';').and_then(|(name, next)| Some((character(name)?, next))) {
            plain.push(character);
            rest = next;
        } else {
            plain.push('&');
            rest = after;
        }
    }
    plain.push_str(rest);
    plain
}

fn character(name: &str) -> Option<char> {
    if let Some(number) = name.strip_prefix('#') {
        let hexadecimal = number.strip_prefix(['x', 'X']).map(|digits| u32::from_str_radix(digits, 16));
        return char::from_u32(hexadecimal.unwrap_or_else(|| number.parse()).ok()?);
    }
    let named = [
        ("amp", '&'),
        ("apos", '\''),
        ("gt", '>'),
        ("hellip", '…'),
        ("lt", '<'),
        ("mdash", '—'),
        ("nbsp", '\u{a0}'),
        ("ndash", '–'),
        ("quot", '"'),
        ("shy", '\u{ad}'),
    ];
    named.iter().find(|(known, _)| *known == name).map(|(_, character)| *character)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_escaped_and_addresses_become_links() {
        for (value, html) in [
            ("a < b & \"c\" 'd'", "a &lt; b &amp; &quot;c&quot; &#39;d&#39;"),
            ("</script><script>alert(1)</script> x", "&lt;/script&gt;&lt;script&gt;alert(1)&lt;/script&gt; x"),
            (
                "https://example.org/?a=1&b=2",
                "<a href=\"https://example.org/?a=1&amp;b=2\">https://example.org/?a=1&amp;b=2</a>",
            ),
            ("javascript:alert(1)", "javascript:alert(1)"),
            ("https://example.org/\" onmouseover=\"x", "https://example.org/&quot; onmouseover=&quot;x"),
            ("\u{1}\u{7f}", "\u{fffd}\u{fffd}"),
            ("\u{202e}gro.elpmaxe", "gro.elpmaxe"),
        ] {
            assert_eq!(Markup::of_value(value).to_string(), html, "{value}");
        }
    }

    #[test]
    fn a_setting_may_have_elements_anywhere() {
        let html = |text: &str| Markup::of_setting(text).to_string();
        let link = "<a href=\"https://example.org/imprint\">Imprint</a>";
        assert_eq!(html(&format!("Archive & library · {link}")), format!("Archive &amp; library · {link}"));
        assert_eq!(html("Archive & library"), "Archive &amp; library");
        assert_eq!(html("1 < 2 & 3 > 2"), "1 &lt; 2 &amp; 3 &gt; 2");
        assert_eq!(setting_text("A <b>bold</b> archive"), "A bold archive");
        assert_eq!(setting_text("1 < 2"), "1 < 2");
        assert_eq!(html("a <script>b</script> <a href=\"javascript:c\">d</a>"), "a  d");
    }

    #[test]
    fn only_the_elements_of_iiif_remain() {
        for (value, html) in [
            ("<p>One <b>two</b><br/>three</p>", "<p>One <b>two</b><br>three</p>"),
            (
                "<a href=\"https://example.org/?a&amp;b\" onclick=\"x()\">link</a>",
                "<a href=\"https://example.org/?a&amp;b\">link</a>",
            ),
            ("<a href='javascript:alert(1)'>link</a>", "link"),
            ("<a href=\"&#106;avascript:alert(1)\">link</a>", "link"),
            ("<a href=\" java\nscript:alert(1)\">link</a>", "link"),
            ("<a href=data:text/html,x>link</a>", "link"),
            ("<a href=https://example.org onmouseover=x>link</a>", "<a href=\"https://example.org\">link</a>"),
            ("<script>alert(1)</script>", ""),
            ("<SCRIPT>alert(1)</SCRIPT><i>x</i>", "<i>x</i>"),
            ("<svg><script>alert(1)</script></svg><b>x</b>", "<b>x</b>"),
            ("<img src=x onerror=alert(1)>", ""),
            ("<b onclick=alert(1) style=x>bold</b>", "<b>bold</b>"),
            ("<b><i>open</b>", "<b><i>open</i></b>"),
            (
                "<a href='https://a.example'><a href='https://b.example'>x</a></a>",
                "<a href=\"https://a.example\">x</a>",
            ),
            ("<p>1<p>2</p>", "<p>1<br>2</p>"),
            ("<!-- <b> --><i>x</i>", "<i>x</i>"),
            ("<b title=\">\">x</b>", "<b>x</b>"),
            ("<<b>x</b>>", "&lt;<b>x</b>&gt;"),
            ("<b>&lt;script&gt; &nosuch; &</b>", "<b>&lt;script&gt; &amp;nosuch; &amp;</b>"),
            ("<![CDATA[<script>]]>", "]]&gt;"),
            ("<style><b>x</b>", ""),
            ("<>", "&lt;&gt;"),
            ("<p", "&lt;p"),
        ] {
            assert_eq!(Markup::of_value(value).to_string(), html, "{value}");
        }
    }

    #[test]
    fn titles_are_text_without_elements() {
        assert_eq!(plain_text("<p>One<br>two &amp; <b>three</b></p>"), "One two & three");
        assert_eq!(plain_text("1 < 2"), "1 < 2");
        assert_eq!(plain_text("a\u{7}\u{202e}b"), "a\u{fffd}b");
    }

    #[test]
    fn no_text_closes_a_script() {
        let json = script_json(&serde_json::json!({"a": "</script><!--\u{2028}&"})).to_string();
        assert_eq!(json, "{\"a\":\"\\u003c/script\\u003e\\u003c!--\\u2028\\u0026\"}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&json).expect("JSON")["a"], "</script><!--\u{2028}&");
    }
}
