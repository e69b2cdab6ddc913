//! Rows of a table that are valid but probably a mistake.

use super::RowUnit;
use crate::collection::page::{Page, objects};
use crate::collection::row_place::RowPlace;
use crate::iiif::LanguageMap;
use crate::location::Location;
use std::collections::HashMap;
use std::path::Path;

/// Maximum number of cases that a warning names.
const MAX_CASES: usize = 5;

/// Maximum number of rows that a case names.
const MAX_ROWS: usize = 5;

/// Returns warnings about pages that are probably a mistake. Every page must have its row's place.
pub(super) fn warnings(table: &str, unit: RowUnit, pages: &[Page]) -> Vec<String> {
    let cases = |cases: Vec<Case>, text: &str, hint: &str| {
        (!cases.is_empty()).then(|| format!("warning: `{table}`: {text}: {}; {hint}", listed(unit, &cases)))
    };
    let (positions, titles) = merged_objects(pages);
    [
        cases(same_files(pages), "several rows have the same `source`", "correct the paths, or remove a row"),
        cases(
            positions,
            "rows of an object have the same `sequence`",
            "change `object` if the rows are different objects, otherwise `sequence`",
        ),
        cases(
            titles,
            "rows with different titles become pages of one object, because they have the same `object` and no `sequence`",
            "change `object` if the rows are different objects, otherwise number them in `sequence`",
        ),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The rows that have a value in common.
struct Case {
    name: String,
    rows: Vec<u64>,
}

impl Case {
    fn of<'p>(name: String, pages: impl IntoIterator<Item = &'p Page>) -> Option<Self> {
        let mut rows: Vec<u64> = pages.into_iter().filter_map(|page| page.row.as_ref()).map(RowPlace::number).collect();
        rows.sort_unstable();
        rows.dedup();
        (rows.len() > 1).then_some(Self { name, rows })
    }
}

/// Lists cases with their rows, such as `` `ms-1` (lines 2 and 5) ``.
fn listed(unit: RowUnit, cases: &[Case]) -> String {
    let one = |case: &Case| format!("`{}` ({unit}s {})", case.name, joined(&case.rows));
    let mut texts: Vec<String> = cases.iter().take(MAX_CASES).map(one).collect();
    let more = cases.len().saturating_sub(MAX_CASES);
    texts.extend((more > 0).then(|| format!("and {more} more")));
    texts.join(", ")
}

fn joined(rows: &[u64]) -> String {
    let named: Vec<String> = rows.iter().take(MAX_ROWS).map(u64::to_string).collect();
    match named.as_slice() {
        [first @ .., last] if rows.len() <= MAX_ROWS => format!("{} and {last}", first.join(", ")),
        _ => format!("{} and {} more", named.join(", "), rows.len() - MAX_ROWS),
    }
}

/// Finds files that several rows name. The rows of a file with several pages differ in their pages.
fn same_files(pages: &[Page]) -> Vec<Case> {
    let mut files: Vec<Vec<&Page>> = Vec::new();
    let mut places = HashMap::new();
    for page in pages {
        let file = match &page.source {
            Location::File(path) => ("", path.as_path()),
            Location::Object(object) => (object.bucket.as_str(), Path::new(&object.key)),
            // A query may make a difference, and isn't shown.
            Location::Web(_) => continue,
        };
        let place = *places.entry((file, page.pages)).or_insert(files.len());
        match files.get_mut(place) {
            Some(pages) => pages.push(page),
            None => files.push(vec![page]),
        }
    }
    files.into_iter().filter_map(|pages| Case::of(pages[0].source.to_string(), pages)).collect()
}

/// Finds objects whose rows have the same position, and objects whose rows have no positions but different titles.
fn merged_objects(pages: &[Page]) -> (Vec<Case>, Vec<Case>) {
    let (mut positions, mut titles) = (Vec::new(), Vec::new());
    for pages in objects(pages).into_iter().filter(|pages| pages.len() > 1) {
        let name = || pages[0].object.to_string();
        // Pages are sorted by their positions. 0 is the position of a row without one.
        let mut same = pages.chunk_by(|a, b| a.sequence == b.sequence).filter(|same| same[0].sequence > 0);
        positions.extend(same.find_map(|same| Case::of(name(), same.iter().copied())));
        let unnumbered = pages.iter().copied().filter(|page| page.sequence == 0);
        let labeled: Vec<(&Page, LanguageMap)> =
            unnumbered.map(|page| (page, page.description().label)).filter(|(_, label)| !label.is_empty()).collect();
        let has_title_of_its_own = pages[0].object_metadata.is_some();
        if !has_title_of_its_own && labeled.iter().any(|(_, label)| *label != labeled[0].1) {
            titles.extend(Case::of(name(), labeled.into_iter().map(|(page, _)| page)));
        }
    }
    (positions, titles)
}
