//! Tables of contents.

use super::LanguageMap;

/// Maximum depth of a table of contents.
const MAX_DEPTH: usize = 8;

/// Separator between entries in a path.
const SEPARATOR: &str = " > ";

/// Path of labels to a table of contents entry, such as `Part 1 > Chapter 2`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RangePath(Vec<LanguageMap>);

/// Error returned for an invalid [`RangePath`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RangePathError {
    /// An entry in the path is empty.
    #[error("an entry is empty: write `Part 1 > Chapter 2`")]
    Empty,
    /// The path has too many entries.
    #[error("there are more than {MAX_DEPTH} entries within each other")]
    TooDeep,
}

impl RangePath {
    /// Parses a path with labels in the given language.
    ///
    /// # Errors
    /// Returns an error if an entry is empty or the path is too deep.
    pub(crate) fn parse(text: &str, language: Option<&str>) -> Result<Self, RangePathError> {
        let labels: Vec<&str> = text.split(SEPARATOR).map(str::trim).collect();
        Self::from_labels(&labels, language)
    }

    /// Creates a path from labels in the given language, outermost first.
    ///
    /// # Errors
    /// Returns an error if a label is empty or there are too many.
    pub(crate) fn from_labels(labels: &[impl AsRef<str>], language: Option<&str>) -> Result<Self, RangePathError> {
        if labels.iter().any(|label| label.as_ref().is_empty()) {
            return Err(RangePathError::Empty);
        }
        if labels.len() > MAX_DEPTH {
            return Err(RangePathError::TooDeep);
        }
        Ok(Self(labels.iter().map(|label| LanguageMap::new(language, label.as_ref())).collect()))
    }

    /// Creates a path from stored labels.
    pub(super) fn from_stored(labels: Vec<LanguageMap>) -> Self {
        Self(labels)
    }
}

/// A table of contents entry and its pages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Range {
    /// Number that's unique within the manifest, counting from 1 in table of contents order.
    pub(super) number: usize,
    pub(super) label: LanguageMap,
    pub(super) items: Vec<RangeItem>,
}

impl Range {
    /// Returns the label.
    pub(crate) fn label(&self) -> &LanguageMap {
        &self.label
    }

    /// Returns the ranges within this range.
    pub(crate) fn ranges(&self) -> impl Iterator<Item = &Self> {
        self.items.iter().filter_map(|item| match item {
            RangeItem::Range(range) => Some(range),
            RangeItem::Canvas(_) => None,
        })
    }

    /// Returns the index of the range's first page, including pages of ranges within it.
    pub(crate) fn first_page(&self) -> Option<usize> {
        let first = |item: &RangeItem| match item {
            RangeItem::Range(range) => range.first_page(),
            RangeItem::Canvas(index) => Some(*index),
        };
        self.items.iter().filter_map(first).min()
    }
}

/// Content of a range.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum RangeItem {
    /// Index of a page.
    Canvas(usize),
    Range(Range),
}

/// Returns a table of contents built from each page's entries. A page without entries belongs to the previous page's
/// last entry.
pub(crate) fn contents(pages: impl IntoIterator<Item = Vec<RangePath>>) -> Vec<Range> {
    let mut top = Vec::new();
    let mut last: Option<RangePath> = None;
    for (index, paths) in pages.into_iter().enumerate() {
        let inherited = if paths.is_empty() { last.clone() } else { None };
        for RangePath(labels) in paths.iter().chain(&inherited) {
            add(&mut top, labels, index);
        }
        last = paths.into_iter().next_back().or(last);
    }
    let mut ranges: Vec<Range> = top.into_iter().filter_map(only_range).collect();
    number(&mut ranges, &mut 0);
    ranges
}

/// Adds a page to the range at the end of a path, creating missing ranges along the way.
fn add(items: &mut Vec<RangeItem>, labels: &[LanguageMap], page: usize) {
    let Some((label, rest)) = labels.split_first() else {
        if items.last() != Some(&RangeItem::Canvas(page)) {
            items.push(RangeItem::Canvas(page));
        }
        return;
    };
    let is_label = |item: &RangeItem| matches!(item, RangeItem::Range(range) if range.label == *label);
    let index = items.iter().position(is_label).unwrap_or_else(|| {
        items.push(RangeItem::Range(Range { number: 0, label: label.clone(), items: Vec::new() }));
        items.len() - 1
    });
    if let Some(RangeItem::Range(range)) = items.get_mut(index) {
        add(&mut range.items, rest, page);
    }
}

fn only_range(item: RangeItem) -> Option<Range> {
    match item {
        RangeItem::Range(range) => Some(range),
        RangeItem::Canvas(_) => None,
    }
}

fn number(ranges: &mut [Range], last: &mut usize) {
    for range in ranges {
        *last += 1;
        range.number = *last;
        for item in &mut range.items {
            if let RangeItem::Range(inner) = item {
                number(std::slice::from_mut(inner), last);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Formats a table of contents like `1 Part(0 2 Chapter(1))`.
    fn shown(range: &Range) -> String {
        let item = |item: &RangeItem| match item {
            RangeItem::Canvas(index) => index.to_string(),
            RangeItem::Range(range) => shown(range),
        };
        let items: Vec<String> = range.items.iter().map(item).collect();
        let label = range.label.0.first().map(|(_, texts)| texts.join("/")).unwrap_or_default();
        format!("{} {label}({})", range.number, items.join(" "))
    }

    fn contents_of(pages: &[&[&str]]) -> Vec<String> {
        let paths = |page: &&[&str]| page.iter().map(|path| RangePath::parse(path, None).expect("a path")).collect();
        contents(pages.iter().map(paths)).iter().map(shown).collect()
    }

    #[test]
    fn pages_without_an_entry_continue_the_last_one() {
        let pages: [&[&str]; 8] =
            [&[], &["Preface"], &["Part 1"], &["Part 1 > A"], &[], &["Part 1 > A", "Part 1 > B"], &[], &["Preface"]];
        let expected = ["1 Preface(1 7)", "2 Part 1(2 3 A(3 4 5) 4 B(5 6))"];
        assert_eq!(contents_of(&pages), expected);
        assert!(contents_of(&[&[], &[]]).is_empty());
        assert_eq!(contents_of(&[&["A", "A"]]), ["1 A(0)"]);
    }

    #[test]
    fn paths_have_no_empty_entries_and_a_limited_depth() {
        for text in ["", " > A", "A >  > B"] {
            assert_eq!(RangePath::parse(text, None), Err(RangePathError::Empty), "{text}");
        }
        assert!(RangePath::parse("a>b", None).is_ok_and(|path| path.0.len() == 1), "without spaces it is a label");
        let deep = ["x"; MAX_DEPTH + 1].join(SEPARATOR);
        assert_eq!(RangePath::parse(&deep, None), Err(RangePathError::TooDeep));
    }
}
