//! A table of images: separated values, a spreadsheet, or a JSON object on each line.

mod header;
mod row;
mod separated;
mod text;
mod workbook;

pub use row::Said;
pub(super) use row::row_of_json;

use super::page::Page;
use crate::store::Identifier;
use header::Header;
use row::page;
use separated::{Record, Records};
use std::collections::HashMap;
use std::fmt;
use std::io::{self, Read};
use std::path::Path;

/// Bytes of a table. A million rows are about 100 MB.
const MAX_TABLE_BYTES: u64 = 512 << 20;

/// Where a table comes from, and what of it is read.
#[derive(Clone, Copy, Debug)]
pub struct Table<'a> {
    /// Its name for people. The extension `.jsonl`, `.ndjson` or `.json` makes it one of JSON lines.
    pub name: &'a str,
    /// The folder that the paths in it are relative to.
    pub folder: &'a Path,
    /// The sheet of a spreadsheet; the first visible one if there is none.
    pub sheet: Option<&'a str>,
}

/// What the number of a [`RowError`] counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RowUnit {
    /// Lines of a text.
    Line,
    /// Rows of a spreadsheet.
    Row,
}

/// A row that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowError {
    /// What `line` counts.
    pub unit: RowUnit,
    /// Its line or row, from 1.
    pub line: u64,
    /// What is wrong with it.
    pub reason: String,
}

impl fmt::Display for RowError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = match self.unit {
            RowUnit::Line => "line",
            RowUnit::Row => "row",
        };
        write!(formatter, "{unit} {}: {}", self.line, self.reason)
    }
}

/// Why a table cannot be read.
#[derive(Debug)]
pub(super) enum TableError {
    Read(io::Error),
    /// Not a table that can be read, with an imperative clause.
    Refused(String, &'static str),
    Rows(Vec<RowError>),
}

impl From<RowError> for TableError {
    fn from(error: RowError) -> Self {
        Self::Rows(vec![error])
    }
}

/// A table that was read whole.
#[derive(Debug, Default)]
pub(super) struct Rows {
    pub(super) pages: Vec<Page>,
    /// What people should know of how it was read.
    pub(super) notes: Vec<String>,
    /// Rows of a spreadsheet that are hidden.
    pub(super) hidden: u64,
}

/// Reads a table: all of its rows, or all that is wrong with them.
pub(super) fn read(input: impl Read, table: Table<'_>) -> Result<Rows, TableError> {
    let bytes = read_bytes(input)?;
    let mut reader = Reader::new(table);
    reader.read(&bytes)?;
    reader.check_thumbnails();
    if reader.errors.is_empty() { Ok(reader.rows) } else { Err(TableError::Rows(reader.errors)) }
}

/// Reads the text of a list, in any of the encodings of tables.
pub(super) fn text_of_list(input: impl Read) -> Result<String, TableError> {
    let bytes = read_bytes(input)?;
    Ok(text::decode(&bytes)?.content)
}

fn read_bytes(input: impl Read) -> Result<Vec<u8>, TableError> {
    let mut bytes = Vec::new();
    input.take(MAX_TABLE_BYTES + 1).read_to_end(&mut bytes).map_err(TableError::Read)?;
    if bytes.len() as u64 > MAX_TABLE_BYTES {
        let error = format!("it is larger than {} MiB: divide it", MAX_TABLE_BYTES >> 20);
        return Err(TableError::Read(io::Error::other(error)));
    }
    Ok(bytes)
}

struct Reader<'a> {
    table: Table<'a>,
    unit: RowUnit,
    rows: Rows,
    /// Where each identifier stands.
    lines: HashMap<Identifier, u64>,
    errors: Vec<RowError>,
}

impl<'a> Reader<'a> {
    fn new(table: Table<'a>) -> Self {
        Self { table, unit: RowUnit::Line, rows: Rows::default(), lines: HashMap::new(), errors: Vec::new() }
    }

    /// Reads the whole table. Rows that are wrong are collected; what makes all rows meaningless is returned.
    fn read(&mut self, bytes: &[u8]) -> Result<(), TableError> {
        if workbook::is_workbook(bytes) {
            return self.read_workbook(bytes);
        }
        if self.table.sheet.is_some() {
            return Err(TableError::Refused("is not a spreadsheet".to_owned(), "leave `--sheet` out"));
        }
        let text = text::decode(bytes)?;
        if is_json(self.table.name, &text.content) {
            self.tell_how(text.note(None));
            self.read_json_lines(&text.content);
            return Ok(());
        }
        let layout = text::layout(&text.content, header::is_source);
        self.tell_how(text.note(Some(layout)));
        let separator = layout.separator;
        let records = Records::new(&text.content[layout.start..], separator, 1 + layout.lines);
        Ok(self.read_records(records, Some(separator))?)
    }

    fn read_workbook(&mut self, bytes: &[u8]) -> Result<(), TableError> {
        self.unit = RowUnit::Row;
        let sheet = workbook::read(bytes, self.table.sheet);
        let sheet = sheet.map_err(|refused| TableError::Refused(refused.reason, refused.hint))?;
        self.tell_how(Some(sheet.how));
        self.rows.hidden = sheet.hidden_rows;
        self.errors.extend(sheet.errors);
        Ok(self.read_records(sheet.rows.into_iter().map(Ok), None)?)
    }

    fn tell_how(&mut self, how: Option<String>) {
        self.rows.notes.extend(how.map(|how| format!("reading `{}` as {how}", self.table.name)));
    }

    /// Reads rows, the first of which has the names of the columns. Rows without any value say nothing.
    fn read_records(
        &mut self,
        records: impl Iterator<Item = Result<Record, RowError>>,
        separator: Option<char>,
    ) -> Result<(), RowError> {
        let is_empty = |record: &Record| record.values.iter().all(String::is_empty);
        let mut records = records.filter(|record| !record.as_ref().is_ok_and(is_empty));
        let Some(first) = records.next() else { return Ok(()) };
        let first = first?;
        let header = Header::new(&first.values).map_err(|reason| self.error(first.line, reason))?;
        self.rows.notes.extend(header.notes(self.table.name));
        for record in records {
            match record {
                Ok(record) => {
                    let swallowed = separator.and_then(|separator| header.swallowed_rows(&record, separator));
                    let page = match swallowed {
                        Some(reason) => Err(reason),
                        None => header.values(record.values).and_then(|values| page(values, self.table.folder)),
                    };
                    self.add(record.line, page);
                }
                Err(error) => self.errors.push(error),
            }
        }
        Ok(())
    }

    fn read_json_lines(&mut self, text: &str) {
        for (number, line) in (1..).zip(text.lines()) {
            if !line.trim().is_empty() {
                self.add(number, row_of_json(line, self.table.folder));
            }
        }
    }

    /// Checks that every thumbnail is a page of the same object.
    fn check_thumbnails(&mut self) {
        let pages = &self.rows.pages;
        let objects: HashMap<&Identifier, &Identifier> =
            pages.iter().map(|page| (&page.identifier, &page.object)).collect();
        let is_wrong = |page: &&Page| {
            page.thumbnail.as_ref().is_some_and(|thumbnail| objects.get(thumbnail) != Some(&&page.object))
        };
        let error = |page: &Page| {
            let line = self.lines.get(&page.identifier).copied().unwrap_or(0);
            self.error(line, format!("`thumbnail` is the id of no page of `{}`", page.object))
        };
        let errors: Vec<RowError> = pages.iter().filter(is_wrong).map(error).collect();
        self.errors.extend(errors);
        self.errors.sort_by_key(|error| error.line);
    }

    fn error(&self, line: u64, reason: String) -> RowError {
        RowError { unit: self.unit, line, reason }
    }

    fn add(&mut self, line: u64, page: Result<Page, String>) {
        let result = page.and_then(|page| match self.lines.insert(page.identifier.clone(), line) {
            Some(first) => Err(format!("`{}` is in {} already", page.identifier, self.place(first))),
            None => Ok(page),
        });
        match result {
            Ok(page) => self.rows.pages.push(page),
            Err(reason) => self.errors.push(self.error(line, reason)),
        }
    }

    fn place(&self, line: u64) -> String {
        match self.unit {
            RowUnit::Line => format!("line {line}"),
            RowUnit::Row => format!("row {line}"),
        }
    }
}

/// Returns `true` if a table is one of JSON lines, by its name or its content.
fn is_json(name: &str, text: &str) -> bool {
    let extension = Path::new(name).extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    ["jsonl", "ndjson", "json"].iter().any(|json| extension.eq_ignore_ascii_case(json)) || text.starts_with("{\"")
}

#[cfg(test)]
mod tests;
