//! Reads tables of images from delimiter-separated values, spreadsheets and JSON Lines.

mod columns;
mod doubtful;
#[cfg(feature = "web")]
mod google;
mod header;
mod object_rows;
mod preset;
mod row;
mod separated;
mod text;
#[cfg(feature = "spreadsheets")]
mod workbook;

pub use columns::{ColumnMapping, ColumnMappingError, MetadataColumns, TableColumns};
#[cfg(feature = "web")]
pub use google::google_sheet_as_csv;
pub use preset::{Preset, PresetError};
pub(super) use row::{Row, parse_json_row};

use super::page::Page;
use super::row_metadata::Column;
use super::row_place::{RowPlace, RowUnit};
use crate::destination::Identifier;
use columns::{Publicity, most_similar};
use header::Header;
use object_rows::ObjectRows;
use row::{json_names, row};
use separated::{Record, Records};
use std::collections::HashMap;
use std::fmt;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

/// Magic bytes of ZIP archives, and of Excel 97-2003 and encrypted workbooks.
const WORKBOOK_MAGIC: [&[u8]; 2] = [b"PK\x03\x04", COMPOUND_FILE];
const COMPOUND_FILE: &[u8] = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1";

/// Options for reading a table.
#[derive(Clone, Copy, Debug)]
pub struct Table<'a> {
    /// The table's name, used in messages. The extensions `.jsonl`, `.ndjson` and `.json` select the JSON Lines format.
    pub name: &'a str,
    /// Base folder for relative paths in the table.
    pub folder: &'a Path,
    /// Spreadsheet sheet to read. Defaults to the first visible sheet.
    pub sheet: Option<&'a str>,
    /// Meanings of the columns, and the selection of public columns.
    pub columns: &'a TableColumns,
    /// `true` for a table from a web server. Its paths must stay inside `folder`, because other people control them.
    pub is_remote: bool,
}

/// Settings for tables that use standard column names.
static STANDARD_COLUMNS: TableColumns =
    TableColumns { mappings: Vec::new(), preset: None, metadata: MetadataColumns::All };

impl<'a> Table<'a> {
    /// Maximum table size in bytes. A million rows take about 100 MB.
    pub const MAX_BYTES: u64 = 512 << 20;

    /// Creates options for a local table that uses standard column names.
    #[must_use]
    pub fn new(name: &'a str, folder: &'a Path) -> Self {
        Self { name, folder, sheet: None, columns: &STANDARD_COLUMNS, is_remote: false }
    }
}

/// An error in a single row.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RowError {
    /// The unit of `line`.
    pub unit: RowUnit,
    /// Line or row number, starting at 1.
    pub line: u64,
    /// Error message.
    pub reason: String,
}

impl fmt::Display for RowError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}: {}", self.unit, self.line, self.reason)
    }
}

/// Error returned when reading a table.
#[derive(Debug)]
pub(super) enum TableError {
    Read(io::Error),
    /// The file can't be read as a table. Contains the reason and a hint phrased as an imperative.
    Refused(String, &'static str),
    Rows(Vec<RowError>),
}

impl From<RowError> for TableError {
    fn from(error: RowError) -> Self {
        Self::Rows(vec![error])
    }
}

/// Rows read from a table.
#[derive(Debug, Default)]
pub(super) struct Rows {
    pub(super) pages: Vec<Page>,
    /// User-visible notes on how the table was read.
    pub(super) notes: Vec<String>,
    /// Number of hidden spreadsheet rows.
    pub(super) hidden: u64,
}

/// Reads a table. Returns all rows, or the errors for all invalid rows.
pub(super) fn read(input: impl Read, table: Table<'_>) -> Result<Rows, TableError> {
    let bytes = read_bytes(input)?;
    let mut reader = Reader::new(table);
    reader.read(&bytes)?;
    reader.check_metadata()?;
    reader.add_object_rows();
    reader.check_references();
    if !reader.errors.is_empty() {
        return Err(TableError::Rows(reader.errors));
    }
    reader.add_warnings();
    Ok(reader.rows)
}

/// Reads a list as text. Supports the same encodings as tables.
pub(super) fn read_list(input: impl Read) -> Result<String, TableError> {
    let bytes = read_bytes(input)?;
    Ok(text::decode(&bytes)?.content)
}

fn read_bytes(input: impl Read) -> Result<Vec<u8>, TableError> {
    let mut bytes = Vec::new();
    // Read one byte past the limit to detect larger tables. The size of standard input isn't known in advance.
    input.take(Table::MAX_BYTES + 1).read_to_end(&mut bytes).map_err(TableError::Read)?;
    if bytes.len() as u64 > Table::MAX_BYTES {
        let error = format!("it is larger than {} MiB: split it", Table::MAX_BYTES >> 20);
        return Err(TableError::Read(io::Error::other(error)));
    }
    Ok(bytes)
}

struct Reader<'a> {
    table: Table<'a>,
    /// The table's name, shared by the places of all rows.
    name: Arc<str>,
    unit: RowUnit,
    rows: Rows,
    /// Line or row number of each identifier.
    lines: HashMap<Identifier, u64>,
    object_rows: ObjectRows,
    /// Number of rows in another program's table that shouldn't be published.
    skipped: u64,
    publicity: Publicity,
    errors: Vec<RowError>,
}

impl<'a> Reader<'a> {
    fn new(table: Table<'a>) -> Self {
        Self {
            table,
            name: table.name.into(),
            unit: RowUnit::Line,
            rows: Rows::default(),
            lines: HashMap::new(),
            object_rows: ObjectRows::default(),
            skipped: 0,
            publicity: Publicity::default(),
            errors: Vec::new(),
        }
    }

    /// Reads the entire table. Collects row errors, and only returns errors that affect the whole table.
    fn read(&mut self, bytes: &[u8]) -> Result<(), TableError> {
        // Check the magic bytes instead of the name, because standard input doesn't have one.
        if WORKBOOK_MAGIC.iter().any(|signature| bytes.starts_with(signature)) {
            return self.read_workbook(bytes);
        }
        if self.table.sheet.is_some() {
            return Err(TableError::Refused("is not a spreadsheet".to_owned(), "omit `--sheet`"));
        }
        let text = text::decode(bytes)?;
        if is_web_page(&text.content) {
            let hint =
                "if it is a Google Sheet, share it with everyone who has the link; then pass the link of the sheet";
            return Err(TableError::Refused("is a web page, not a table".to_owned(), hint));
        }
        if is_json(self.table.name, &text.content) {
            self.note_format(text.note(None));
            self.read_json_lines(&text.content);
            return Ok(());
        }
        let layout = text::layout(&text.content, |name| self.table.columns.meaning(name) == Column::Source);
        self.note_format(text.note(Some(layout)));
        let separator = layout.separator;
        let records = Records::new(&text.content[layout.start..], separator, 1 + layout.lines);
        Ok(self.read_records(records, Some(separator))?)
    }

    #[cfg(not(feature = "spreadsheets"))]
    #[expect(clippy::unused_self, reason = "same signature as with the feature")]
    fn read_workbook(&mut self, _bytes: &[u8]) -> Result<(), TableError> {
        let reason = "is a spreadsheet, which requires the feature `spreadsheets` that this build lacks";
        Err(TableError::Refused(reason.to_owned(), "save the table as CSV"))
    }

    #[cfg(feature = "spreadsheets")]
    fn read_workbook(&mut self, bytes: &[u8]) -> Result<(), TableError> {
        self.unit = RowUnit::Row;
        let sheet = workbook::read(bytes, self.table.sheet);
        let sheet = sheet.map_err(|refused| TableError::Refused(refused.reason, refused.hint))?;
        self.note_format(Some(sheet.how));
        self.rows.hidden = sheet.hidden_rows;
        self.errors.extend(sheet.errors);
        let result = self.read_records(sheet.rows.into_iter().map(Ok), None);
        // Only the header can fail here. The wrong sheet, or a title above the table, looks like wrong columns.
        let with_sheet = |error: RowError| RowError { reason: format!("{} ({})", error.reason, sheet.place), ..error };
        Ok(result.map_err(with_sheet)?)
    }

    fn note_format(&mut self, format: Option<String>) {
        self.rows.notes.extend(format.map(|format| format!("reading `{}` as {format}", self.table.name)));
    }

    /// Reads rows, starting with the header. Skips empty rows.
    fn read_records(
        &mut self,
        records: impl Iterator<Item = Result<Record, RowError>>,
        separator: Option<char>,
    ) -> Result<(), RowError> {
        let is_empty = |record: &Record| record.values.iter().all(String::is_empty);
        let mut records = records.filter(|record| !record.as_ref().is_ok_and(is_empty));
        let Some(first) = records.next() else { return Ok(()) };
        let first = first?;
        let columns = self.table.columns;
        let header = Header::new(&first.values, columns).map_err(|reason| self.error(first.line, reason))?;
        header.columns().for_each(|(name, meaning)| self.publicity.add(name, meaning));
        self.rows.notes.extend(header.notes(self.table.name));
        for record in records {
            match record {
                Ok(record) => {
                    let swallowed = separator.and_then(|separator| header.swallowed_rows(&record, separator));
                    let row = match swallowed {
                        Some(reason) => Err(reason),
                        None => header.values(record.values).and_then(|values| row(values, &self.table)),
                    };
                    self.add(record.line, row);
                }
                // Collect all errors, because fixing a table with 200 mistakes shouldn't take 200 runs.
                Err(error) => self.errors.push(error),
            }
        }
        Ok(())
    }

    fn read_json_lines(&mut self, text: &str) {
        for (number, line) in (1..).zip(text.lines()) {
            if !line.trim().is_empty() {
                let columns = self.table.columns;
                for name in json_names(line) {
                    let meaning = columns.also_shown(&name).unwrap_or_else(|| columns.meaning(&name));
                    self.publicity.add(&name, &meaning);
                }
                self.add(number, parse_json_row(line, &self.table));
            }
        }
    }

    /// Adds a note about public columns. Fails if a column selected as metadata doesn't exist.
    fn check_metadata(&mut self) -> Result<(), TableError> {
        let (columns, names) = (self.table.columns, self.publicity.names());
        if let Some(missing) = columns.missing_metadata(&names) {
            let similar = most_similar(missing, names).map(|similar| format!("; did you mean `{similar}`?"));
            let reason = format!("has no column `{missing}` to show as metadata{}", similar.unwrap_or_default());
            return Err(TableError::Refused(reason, "correct `--metadata-columns`"));
        }
        self.rows.notes.push(self.publicity.note(self.table.name));
        Ok(())
    }

    /// Adds descriptions to objects that have their own rows.
    fn add_object_rows(&mut self) {
        let rows = std::mem::take(&mut self.object_rows);
        let without_pages = rows.describe(&mut self.rows.pages);
        if self.table.columns.preset.is_some() {
            self.skipped += without_pages.len() as u64;
        } else {
            let reason = |object| format!("`source` is empty, and no row with a `source` has the object `{object}`");
            let errors = without_pages.into_iter().map(|(line, object)| self.error(line, reason(object)));
            let errors: Vec<RowError> = errors.collect();
            self.errors.extend(errors);
        }
        if self.skipped > 0 {
            let rows =
                if self.skipped == 1 { "1 row that is".to_owned() } else { format!("{} rows that are", self.skipped) };
            self.rows.notes.push(format!("skipped {rows} private or not an image"));
        }
    }

    /// Checks that `thumbnail` and `start` refer to pages of the same object.
    fn check_references(&mut self) {
        let pages = &self.rows.pages;
        // References can point to later pages, so they are checked after reading all rows. If the target page's row is
        // invalid, both rows are reported.
        let objects: HashMap<&Identifier, &Identifier> =
            pages.iter().map(|page| (&page.identifier, &page.object)).collect();
        let references = |page: &'_ Page| [("thumbnail", page.thumbnail.clone()), ("start", page.start.clone())];
        let error = |page: &Page, column: &str| {
            let line = self.lines.get(&page.identifier).copied().unwrap_or(0);
            self.error(line, format!("`{column}` is not the id of a page of `{}`", page.object))
        };
        let wrong = |page: &Page| -> Vec<RowError> {
            let is_wrong = |named: &Option<Identifier>| {
                named.as_ref().is_some_and(|named| objects.get(named) != Some(&&page.object))
            };
            let wrong = references(page).into_iter().filter(|(_, named)| is_wrong(named));
            wrong.map(|(column, _)| error(page, column)).collect()
        };
        let errors: Vec<RowError> = pages.iter().flat_map(wrong).collect();
        self.errors.extend(errors);
        self.errors.sort_by_key(|error| error.line);
    }

    /// Adds warnings about rows that are probably a mistake. Objects in other programs' tables are what these programs
    /// make of them.
    fn add_warnings(&mut self) {
        if self.table.columns.preset.is_none() {
            self.rows.notes.extend(doubtful::warnings(&self.name, self.unit, &self.rows.pages));
        }
    }

    fn error(&self, line: u64, reason: String) -> RowError {
        RowError { unit: self.unit, line, reason }
    }

    fn add(&mut self, line: u64, row: Result<Option<Row>, String>) {
        let result = match row {
            Ok(Some(Row::Pages(pages))) => pages.into_iter().try_for_each(|page| self.add_page(line, page)),
            Ok(Some(Row::Object { object, metadata })) => match self.object_rows.add(object, line, metadata) {
                Ok(()) => Ok(()),
                Err((object, first)) => {
                    Err(format!("the object `{object}` is already described in {}", self.place(first)))
                }
            },
            Ok(None) => {
                self.skipped += 1;
                Ok(())
            }
            Err(reason) => Err(reason),
        };
        if let Err(reason) = result {
            self.errors.push(self.error(line, reason));
        }
    }

    fn add_page(&mut self, line: u64, page: Page) -> Result<(), String> {
        if let Some(first) = self.lines.insert(page.identifier.clone(), line) {
            return Err(format!("`{}` already occurs in {}", page.identifier, self.place(first)));
        }
        let row = Some(RowPlace::new(Arc::clone(&self.name), self.unit, line));
        self.rows.pages.push(Page { row, ..page });
        Ok(())
    }

    fn place(&self, line: u64) -> String {
        format!("{} {line}", self.unit)
    }
}

/// Returns `true` if the file is JSON Lines, based on its name or content.
fn is_json(name: &str, text: &str) -> bool {
    let extension = Path::new(name).extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    ["jsonl", "ndjson", "json"].iter().any(|json| extension.eq_ignore_ascii_case(json)) || text.starts_with("{\"")
}

/// Returns `true` for HTML, which servers send instead of the table if it requires a login.
fn is_web_page(text: &str) -> bool {
    let start: String = text.trim_start().chars().take(15).collect::<String>().to_ascii_lowercase();
    start.starts_with("<!doctype html") || start.starts_with("<html")
}

#[cfg(test)]
mod tests;
