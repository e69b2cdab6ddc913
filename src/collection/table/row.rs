//! Converts table rows to pages.

use crate::collection::naming::identifier_of;
use crate::collection::page::Page;
use crate::collection::page_selection::PageSelection;
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
    let number = one(&Column::Page).map(|text| whole_number("page", text)).transpose()?;
    let number = number.map(|number| u32::try_from(number).ok().filter(|number| *number > 0));
    let number = number.map(|number| number.ok_or("`page` counts from 1")).transpose()?;
    let pages = pages(number, one(&Column::Pages))?;
    let file = || identifier_of(&location, Path::new(source)).map_err(|error| error.to_string());
    let parsed = |text: &str| text.parse::<Identifier>().map_err(|error| error.to_string());
    let identifier = match (one(&Column::Id), number) {
        (Some(id), _) => parsed(id)?,
        (None, None) => file()?,
        (None, Some(number)) => parsed(&format!("{}/{number}", file()?))?,
    };
    let object = match (one(&Column::Object), number) {
        (Some(object), _) => Some(parsed(object)?),
        // The pages of a file are an object unless they have names of their own.
        (None, Some(_)) if one(&Column::Id).is_none() => Some(file()?),
        (None, _) => None,
    };
    let sequence = one(&Column::Sequence).map(|text| whole_number("sequence", text)).transpose()?;
    let thumbnail =
        one(&Column::Thumbnail).map(str::parse::<Identifier>).transpose().map_err(|error| error.to_string())?;
    Ok(Page {
        thumbnail,
        source: location,
        object: object.unwrap_or_else(|| identifier.clone()),
        identifier,
        sequence: sequence.or(number.map(u64::from)).unwrap_or(0),
        pages,
        label: None,
        metadata: serialize(&values)?,
    })
}

/// Returns the pages that a row selects.
fn pages(number: Option<u32>, pages: Option<&str>) -> Result<PageSelection, String> {
    match (number, pages) {
        (Some(_), Some(_)) => Err("`page` and `pages` cannot be used together".to_owned()),
        (Some(number), None) => Ok(PageSelection::One(number)),
        (None, None) => Ok(PageSelection::default()),
        // Spreadsheets may write the number 1 as `1.0`.
        (None, Some(pages)) => {
            let pages = pages.strip_suffix(".0").unwrap_or(pages);
            pages.parse().map_err(|error| format!("`pages`: {error}"))
        }
    }
}

/// Parses a whole number. Also accepts `1.0` and `1,0`, which spreadsheets may write.
fn whole_number(column: &str, text: &str) -> Result<u64, String> {
    // Spreadsheets store the number 12 as `12.0`. When saved as CSV, it becomes `12,0` in some locales.
    let whole = text.split_once(['.', ',']).filter(|(_, fraction)| fraction.bytes().all(|digit| digit == b'0'));
    let digits = whole.map_or(text, |(whole, _)| whole);
    digits.parse().map_err(|_| format!("`{column}` is not a whole number: {text}"))
}
