//! Converts table rows to pages.

use super::Table;
use crate::collection::naming::identifier_of;
use crate::collection::page::Page;
use crate::collection::page_selection::PageSelection;
use crate::collection::row_metadata::{Column, RowMetadata, serialize, values_of};
use crate::destination::Identifier;
use crate::location::Location;
use serde_json::{Map, Value};
use std::path::{Component, Path};
use std::sync::Arc;

/// A table row.
#[derive(Debug)]
pub(in crate::collection) enum Row {
    /// One page, or several if the row names several files.
    Pages(Vec<Page>),
    /// A row without a file. It describes an object with pages in other rows.
    Object { object: Identifier, metadata: Option<RowMetadata> },
}

/// Parses a row in JSON format.
pub(in crate::collection) fn parse_json_row(line: &str, table: &Table<'_>) -> Result<Option<Row>, String> {
    let json: Map<String, Value> = serde_json::from_str(line).map_err(|error| json_error(&error))?;
    let mut values = values_of(&json, |name| table.columns.meaning(name))?;
    values.extend(values_of(&json, |name| table.columns.also_shown(name).unwrap_or(Column::Unused))?);
    row(values, table)
}

/// Returns a JSON row's column names.
pub(super) fn json_names(line: &str) -> Vec<String> {
    let row: Result<Map<String, Value>, _> = serde_json::from_str(line);
    row.map(|row| row.keys().cloned().collect()).unwrap_or_default()
}

/// Formats a JSON error without its line number. It is always 1 and could be mistaken for a line of the table.
fn json_error(error: &serde_json::Error) -> String {
    let words = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    format!("{}, at character {}", words.strip_suffix(&place).unwrap_or(&words), error.column())
}

/// Parses a row's values. Trims values and ignores empty values. Returns `None` if the row shouldn't be published.
pub(super) fn row(values: Vec<(Column, String)>, table: &Table<'_>) -> Result<Option<Row>, String> {
    let values = match table.columns.preset {
        Some(preset) => preset.row(values),
        None => Some(values),
    };
    let Some(values) = values else { return Ok(None) };
    let trimmed = |(column, value): (Column, String)| (column, value.trim().to_owned());
    let values = Values(values.into_iter().map(trimmed).filter(|(_, value)| !value.is_empty()).collect());
    let sources: Vec<&str> = values.all(&Column::Source).collect();
    Ok(Some(match sources[..] {
        [] => object_row(&values)?,
        [source] => Row::Pages(vec![page(&values, source, table)?]),
        _ => Row::Pages(pages_of(&values, &sources, table)?),
    }))
}

/// A row's non-empty values.
struct Values(Vec<(Column, String)>);

impl Values {
    fn all<'v>(&'v self, wanted: &Column) -> impl Iterator<Item = &'v str> {
        self.0.iter().filter(move |(column, _)| column == wanted).map(|(_, value)| value.as_str())
    }

    fn one(&self, wanted: &Column) -> Option<&str> {
        self.0.iter().find(|(column, _)| column == wanted).map(|(_, value)| value.as_str())
    }

    fn identifier(&self, wanted: &Column) -> Result<Option<Identifier>, String> {
        self.one(wanted).map(parsed).transpose()
    }
}

fn parsed(text: &str) -> Result<Identifier, String> {
    text.parse().map_err(|error: crate::store::KeyError| error.to_string())
}

/// Parses a row without a file.
fn object_row(values: &Values) -> Result<Row, String> {
    let object =
        values.identifier(&Column::Object)?.map_or_else(|| values.identifier(&Column::Id), |it| Ok(Some(it)))?;
    let object = object.ok_or("`source` is empty")?;
    Ok(Row::Object { object, metadata: serialize(&values.0)? })
}

/// Parses a row for an object with several files. Page identifiers are the row's identifier with a number appended, or
/// come from the file names.
fn pages_of(values: &Values, sources: &[&str], table: &Table<'_>) -> Result<Vec<Page>, String> {
    if values.one(&Column::Page).or(values.one(&Column::Pages)).is_some() {
        return Err("`page` and `pages` require a single `source`".to_owned());
    }
    let own = values.identifier(&Column::Id)?;
    let object = values.identifier(&Column::Object)?.or_else(|| own.clone());
    let metadata = serialize(&values.0)?.map(Arc::new);
    let mut pages: Vec<Page> = Vec::with_capacity(sources.len());
    for (source, number) in sources.iter().zip(1u32..) {
        let location = location(source, table)?;
        let identifier = match &own {
            // Don't use a slash, because that would look like a page of a multi-page file.
            Some(own) => parsed(&format!("{own}-{number}"))?,
            None => identifier_of(&location, Path::new(source)).map_err(|error| error.to_string())?,
        };
        let object = object.clone().or_else(|| Some(pages.first()?.object.clone()));
        let page = Page::alone(location, identifier);
        let object = object.unwrap_or_else(|| page.object.clone());
        pages.push(Page { object, sequence: u64::from(number), object_metadata: metadata.clone(), ..page });
    }
    Ok(pages)
}

/// Parses a source's location. Tables from the web must not access arbitrary files on this computer.
fn location(source: &str, table: &Table<'_>) -> Result<Location, String> {
    if source.contains(['\n', '\r']) {
        return Err("`source` contains a line break: a quote may be missing or stray".to_owned());
    }
    let folder = table.columns.preset.map_or(table.folder, |preset| preset.folder(table.folder));
    let location = Location::named_in(folder, source).map_err(|error| error.to_string())?;
    let is_below = |component: Component<'_>| matches!(component, Component::Normal(_) | Component::CurDir);
    let is_file = matches!(location, Location::File(_));
    if table.is_remote && is_file && !Path::new(source).components().all(is_below) {
        return Err(format!("`{source}` is outside the current folder, which a table from the web cannot name"));
    }
    Ok(location)
}

/// Creates a page from a row's values.
fn page(values: &Values, source: &str, table: &Table<'_>) -> Result<Page, String> {
    let location = location(source, table)?;
    let number = page_number(values)?;
    let pages = pages(number, values.one(&Column::Pages))?;
    let file = || identifier_of(&location, Path::new(source)).map_err(|error| error.to_string());
    let id = values.identifier(&Column::Id)?;
    let identifier = match (&id, number) {
        (Some(id), _) => id.clone(),
        (None, None) => file()?,
        (None, Some(number)) => parsed(&format!("{}/{number}", file()?))?,
    };
    let object = match (values.identifier(&Column::Object)?, number) {
        (Some(object), _) => Some(object),
        // The pages of a file are an object unless they have names of their own.
        (None, Some(_)) if id.is_none() => Some(file()?),
        (None, _) => None,
    };
    let sequence = values.one(&Column::Sequence).map(|text| whole_number("sequence", text)).transpose()?;
    let (thumbnail, start) = (values.identifier(&Column::Thumbnail)?, values.identifier(&Column::Start)?);
    let metadata = serialize(&values.0)?;
    let sequence = sequence.or(number.map(u64::from)).unwrap_or(0);
    let page = Page { sequence, thumbnail, start, pages, metadata, ..Page::alone(location, identifier) };
    Ok(match object {
        Some(object) => Page { object, ..page },
        None => page,
    })
}

/// Returns the number of the page that the row describes, if specified.
fn page_number(values: &Values) -> Result<Option<u32>, String> {
    let number = values.one(&Column::Page).map(|text| whole_number("page", text)).transpose()?;
    let number = number.map(|number| u32::try_from(number).ok().filter(|number| *number > 0));
    Ok(number.map(|number| number.ok_or("`page` counts from 1")).transpose()?)
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
