//! Page labels, such as `iv` or `A-3` (ISO 32000-2, 12.4.2).

use super::document::Document;
use super::object::{Dictionary, Object};
use super::text;
use std::collections::{HashMap, HashSet};

/// Maximum number of page ranges with their own numbering.
const MAX_RANGES: usize = 100_000;

/// Maximum number of nodes in the tree of ranges.
const MAX_NODES: usize = 10_000;

/// Maximum combined length of all labels in bytes. Pages past the limit don't get labels.
const MAX_LABELS_BYTES: usize = 4 << 20;

/// Highest number to write in letters or Roman numerals, which become very long.
const MAX_SPELLED: u64 = 20_000;

/// A page range, which extends to the start of the next range.
struct Range {
    /// First page, counting from 0.
    start: u32,
    style: Style,
    prefix: String,
    /// Label number of the first page.
    first: u64,
}

#[derive(Clone, Copy)]
enum Style {
    None,
    Decimal,
    /// Roman numerals or letters, in uppercase if set to `true`.
    Roman(bool),
    Letters(bool),
}

/// Returns labels by page number, counting from 1. The map is empty if the file doesn't have labels.
pub(super) fn read(document: &Document, catalog: &Dictionary, pages: u32) -> HashMap<u32, Box<str>> {
    let mut ranges = Vec::new();
    collect(document, document.get(catalog, b"PageLabels"), &mut ranges);
    ranges.sort_by_key(|range| range.start);
    let ends = ranges.iter().skip(1).map(|next| next.start).chain([pages]).collect::<Vec<_>>();
    let (mut labels, mut bytes) = (HashMap::new(), 0);
    for (range, end) in ranges.iter().zip(ends) {
        for page in range.start..end.min(pages) {
            let label = label(range, range.first.saturating_add(u64::from(page - range.start)));
            bytes += label.len();
            if bytes > MAX_LABELS_BYTES {
                return labels;
            }
            if !label.is_empty() {
                labels.insert(page + 1, label.into());
            }
        }
    }
    labels
}

/// Collects the ranges in a number tree.
fn collect(document: &Document, root: Object, ranges: &mut Vec<Range>) {
    let (mut seen, mut waiting) = (HashSet::new(), vec![root]);
    let mut nodes = 0;
    while let Some(node) = waiting.pop() {
        nodes += 1;
        let Some(node) = node.dictionary().filter(|_| nodes <= MAX_NODES && ranges.len() <= MAX_RANGES) else {
            continue;
        };
        for pair in document.get(node, b"Nums").array().unwrap_or_default().chunks_exact(2) {
            let start = document.resolve(&pair[0]).integer().and_then(|start| u32::try_from(start).ok());
            let numbering = document.resolve(&pair[1]);
            if let Some((start, numbering)) = start.zip(numbering.dictionary()) {
                ranges.push(range(document, start, numbering));
            }
        }
        for kid in document.get(node, b"Kids").array().unwrap_or_default() {
            if kid.reference().is_none_or(|number| seen.insert(number)) {
                waiting.push(document.resolve(kid));
            }
        }
    }
}

fn range(document: &Document, start: u32, numbering: &Dictionary) -> Range {
    let style = match document.get(numbering, b"S").name() {
        Some(b"D") => Style::Decimal,
        Some(b"R") => Style::Roman(true),
        Some(b"r") => Style::Roman(false),
        Some(b"A") => Style::Letters(true),
        Some(b"a") => Style::Letters(false),
        _ => Style::None,
    };
    let prefix = document.get(numbering, b"P").string().map(text::decode).unwrap_or_default();
    let first = document.get(numbering, b"St").integer().and_then(|first| u64::try_from(first).ok()).unwrap_or(1);
    Range { start, style, prefix, first }
}

fn label(range: &Range, number: u64) -> String {
    let number = match range.style {
        Style::None => String::new(),
        Style::Roman(is_capital) if (1..=MAX_SPELLED).contains(&number) => cased(roman(number), is_capital),
        Style::Letters(is_capital) if (1..=MAX_SPELLED).contains(&number) => cased(letters(number), is_capital),
        _ => number.to_string(),
    };
    format!("{}{number}", range.prefix).trim().to_owned()
}

fn cased(capitals: String, is_capital: bool) -> String {
    if is_capital { capitals } else { capitals.to_lowercase() }
}

fn roman(mut number: u64) -> String {
    const DIGITS: [(u64, &str); 13] = [
        (1000, "M"),
        (900, "CM"),
        (500, "D"),
        (400, "CD"),
        (100, "C"),
        (90, "XC"),
        (50, "L"),
        (40, "XL"),
        (10, "X"),
        (9, "IX"),
        (5, "V"),
        (4, "IV"),
        (1, "I"),
    ];
    let mut roman = String::new();
    for (value, digit) in DIGITS {
        while number >= value {
            roman += digit;
            number -= value;
        }
    }
    roman
}

/// Returns A to Z for 1 to 26, AA to ZZ for 27 to 52, and so on.
fn letters(number: u64) -> String {
    let (repeated, letter) = ((number - 1) / 26, (number - 1) % 26);
    let letter = char::from(b'A' + u8::try_from(letter).unwrap_or(0));
    (0..=repeated).map(|_| letter).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_in_all_styles() {
        let of = |style, prefix: &str, number| {
            label(&Range { start: 0, style, prefix: prefix.to_owned(), first: 1 }, number)
        };
        assert_eq!(of(Style::Decimal, "A-", 12), "A-12");
        assert_eq!(of(Style::Roman(false), "", 1994), "mcmxciv");
        assert_eq!(of(Style::Roman(true), "", 4), "IV");
        assert_eq!(of(Style::Letters(false), "", 1), "a");
        assert_eq!(of(Style::Letters(true), "", 28), "BB");
        assert_eq!(of(Style::None, " Cover ", 7), "Cover");
        assert_eq!(of(Style::Roman(true), "", 0), "0");
        assert_eq!(of(Style::Letters(true), "", u64::MAX), u64::MAX.to_string(), "never longer than a number");
    }
}
