//! Converts table rows to pages.

use crate::collection::naming::identifier_of;
use crate::collection::page::Page;
use crate::collection::row_metadata::{Column, serialize, values_of};
use crate::destination::Identifier;
use crate::location::Location;
use serde_json::{Map, Value};
use std::path::Path;

/// Parses a row in JSON format.
pub(in crate::collection) fn parse_json_row(line: &str, folder: &Path) -> Result<Page, String> {
    let row: Map<String, Value> = serde_json::from_str(line).map_err(|error| json_error(&error))?;
    page(values_of(&row)?, folder)
}

/// Formats a JSON error without its line number. It is always 1 and could be mistaken for a line of the table.
fn json_error(error: &serde_json::Error) -> String {
    let words = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    format!("{}, at character {}", words.strip_suffix(&place).unwrap_or(&words), error.column())
}

/// Creates a page from a row's values. Trims values and ignores empty ones.
pub(super) fn page(values: impl IntoIterator<Item = (Column, String)>, folder: &Path) -> Result<Page, String> {
    let trimmed = |(column, value): (Column, String)| (column, value.trim().to_owned());
    let values: Vec<_> = values.into_iter().map(trimmed).filter(|(_, value)| !value.is_empty()).collect();
    let one = |wanted: &Column| values.iter().find(|(column, _)| column == wanted).map(|(_, value)| value.as_str());
    let source = one(&Column::Source).ok_or("`source` is empty")?;
    if source.contains(['\n', '\r']) {
        return Err("`source` contains a line break: a quote may be missing or stray".to_owned());
    }
    let location = Location::named_in(folder, source).map_err(|error| error.to_string())?;
    let identifier = match one(&Column::Id) {
        Some(id) => id.parse::<Identifier>().map_err(|error| error.to_string())?,
        None => identifier_of(&location, Path::new(source)).map_err(|error| error.to_string())?,
    };
    let object = one(&Column::Object).map(str::parse::<Identifier>).transpose().map_err(|error| error.to_string())?;
    let sequence = one(&Column::Sequence).map(whole_number);
    let thumbnail =
        one(&Column::Thumbnail).map(str::parse::<Identifier>).transpose().map_err(|error| error.to_string())?;
    Ok(Page {
        thumbnail,
        source: location,
        object: object.unwrap_or_else(|| identifier.clone()),
        identifier,
        sequence: sequence.transpose()?.unwrap_or(0),
        metadata: serialize(&values)?,
    })
}

/// Parses a whole number. Also accepts `1.0` and `1,0`, which spreadsheets may write.
fn whole_number(text: &str) -> Result<u64, String> {
    // Spreadsheets store the number 12 as `12.0`. When saved as CSV, it becomes `12,0` in some locales.
    let whole = text.split_once(['.', ',']).filter(|(_, fraction)| fraction.bytes().all(|digit| digit == b'0'));
    let digits = whole.map_or(text, |(whole, _)| whole);
    digits.parse().map_err(|_| format!("`sequence` is not a whole number: {text}"))
}
