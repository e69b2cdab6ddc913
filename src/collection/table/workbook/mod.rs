//! Reads `.xlsx` and `.ods` spreadsheets. Hidden cells are skipped.

mod hidden;
mod package;
mod values;
mod xml;

use super::separated::Record;
use super::{COMPOUND_FILE, RowError, RowUnit};
use calamine::{Data, Ods, Reader, Sheet, SheetType, SheetVisible, Xlsx};
use hidden::Marks;
use package::Package;
use std::collections::BTreeMap;
use std::fmt::Display;
use std::io::Cursor;

/// Maximum number of cells in a sheet, counting each row up to its last value.
const MAX_CELLS: usize = 10_000_000;

/// Maximum total size of a sheet's values in bytes.
const MAX_TEXT_BYTES: usize = 512 << 20;

/// Maximum number of columns with values.
const MAX_SHEET_COLUMNS: u32 = 1000;

/// Error returned for unreadable workbooks. The reason is phrased as a predicate and the hint as an imperative.
#[derive(Debug)]
pub(super) struct Refused {
    pub(super) reason: String,
    pub(super) hint: &'static str,
}

impl Refused {
    fn new(reason: impl Into<String>, hint: &'static str) -> Self {
        Self { reason: reason.into(), hint }
    }

    fn damaged(cause: &(impl Display + ?Sized)) -> Self {
        let hint = "open it in Excel or LibreOffice and save it again as .xlsx, .ods or CSV";
        Self::new(format!("cannot be read as a spreadsheet: {cause}"), hint)
    }
}

fn too_many_cells() -> Refused {
    let reason = format!("has a sheet with more than {MAX_CELLS} cells or very long texts");
    Refused::new(reason, "delete cells outside the table, or save the table as CSV")
}

/// Rows read from a sheet.
pub(super) struct SheetRows {
    pub(super) rows: Vec<Record>,
    /// Errors in individual cells.
    pub(super) errors: Vec<RowError>,
    /// User-visible description of the format and sheet.
    pub(super) how: String,
    /// User-visible description of the sheet, for errors.
    pub(super) place: String,
    /// Number of hidden rows that contain values.
    pub(super) hidden_rows: u64,
}

/// Reads the sheet with the given name, or the first visible sheet by default.
pub(super) fn read(bytes: &[u8], sheet: Option<&str>) -> Result<SheetRows, Refused> {
    if bytes.starts_with(COMPOUND_FILE) {
        let reason = "is an Excel 97-2003 workbook or is password-protected";
        return Err(Refused::new(reason, "save it as .xlsx without a password"));
    }
    let mut package = Package::open(bytes)?;
    if package.part("xl/workbook.xml")?.is_some() {
        xlsx(bytes, &mut package, sheet)
    } else if package.part("content.xml")?.is_some() {
        ods(bytes, &mut package, sheet)
    } else {
        Err(Refused::new("is a ZIP archive, but neither .xlsx nor .ods", "save the table as .xlsx, .ods or CSV"))
    }
}

fn xlsx(bytes: &[u8], package: &mut Package<'_>, wanted: Option<&str>) -> Result<SheetRows, Refused> {
    let mut workbook = Xlsx::new(Cursor::new(bytes)).map_err(|error| Refused::damaged(&error))?;
    let (name, place) = chosen(workbook.sheets_metadata(), wanted)?;
    let marks = hidden::read_xlsx(package, &name)?;
    let mut reader = workbook.worksheet_cells_reader(&name).map_err(|error| Refused::damaged(&error))?;
    let widths: Vec<usize> = reader.styles().iter().map(values::zero_padding).collect();
    let mut cells = Cells::new(marks);
    while let Some((cell, style)) = reader.next_cell_with_style_id().map_err(|error| Refused::damaged(&error))? {
        let width = widths.get(style).copied().unwrap_or(0);
        cells.put(cell.get_position(), values::text(cell.get_value(), width))?;
    }
    Ok(cells.finish(".xlsx", place))
}

fn ods(bytes: &[u8], package: &mut Package<'_>, wanted: Option<&str>) -> Result<SheetRows, Refused> {
    // Check sizes first because opening the file loads all sheets at once.
    hidden::read_ods(package, None)?;
    let mut workbook = Ods::new(Cursor::new(bytes)).map_err(|error| match error {
        calamine::OdsError::Password => Refused::new("is password-protected", "save it without a password"),
        error => Refused::damaged(&error),
    })?;
    let (name, place) = chosen(workbook.sheets_metadata(), wanted)?;
    let mut cells = Cells::new(hidden::read_ods(package, Some(&name))?);
    let range = workbook.worksheet_range(&name).map_err(|error| Refused::damaged(&error))?;
    let (first_row, first_column) = range.start().unwrap_or_default();
    for (row, column, value) in range.used_cells() {
        let position = (first_row.saturating_add(index(row)), first_column.saturating_add(index(column)));
        let text = match value {
            Data::String(text) if cells.marks.errors.contains(&position) => Err(text.clone()),
            value => values::text(&values::borrowed(value), 0),
        };
        cells.put(position, text)?;
    }
    Ok(cells.finish(".ods", place))
}

fn index(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// Selects a sheet. Returns its name and a user-visible description.
fn chosen(sheets: &[Sheet], wanted: Option<&str>) -> Result<(String, String), Refused> {
    let is_visible = |sheet: &&Sheet| sheet.visible == SheetVisible::Visible && sheet.typ == SheetType::WorkSheet;
    let visible: Vec<&Sheet> = sheets.iter().filter(is_visible).collect();
    let names = || visible.iter().map(|sheet| format!("`{}`", sheet.name)).collect::<Vec<_>>().join(", ");
    let sheet = match wanted {
        None => visible.first().copied(),
        Some(wanted) => visible.iter().copied().find(|sheet| sheet.name == wanted),
    };
    let hint = "pass a visible sheet with `--sheet`, or make the sheet visible";
    let sheet = sheet.ok_or_else(|| match wanted {
        Some(wanted) if sheets.iter().any(|sheet| sheet.name == wanted) => {
            Refused::new(format!("has a hidden sheet `{wanted}`, and hidden sheets are not published"), hint)
        }
        Some(wanted) => Refused::new(format!("has no sheet `{wanted}`, only {}", names()), hint),
        None => Refused::new("has no visible sheet", hint),
    })?;
    let others = if wanted.is_none() && visible.len() > 1 {
        let others: Vec<_> = visible[1..].iter().map(|sheet| format!("`{}`", sheet.name)).collect();
        format!(" (not {}: see `--sheet`)", others.join(", "))
    } else {
        String::new()
    };
    Ok((sheet.name.clone(), format!("sheet `{}`{others}", sheet.name)))
}

/// A sheet's visible cells.
struct Cells {
    marks: Marks,
    rows: BTreeMap<u32, Vec<String>>,
    errors: Vec<RowError>,
    count: usize,
    bytes: usize,
    hidden_rows: u64,
    last_hidden_row: Option<u32>,
}

impl Cells {
    fn new(marks: Marks) -> Self {
        let (count, bytes, hidden_rows) = (0, 0, 0);
        Self { marks, rows: BTreeMap::new(), errors: Vec::new(), count, bytes, hidden_rows, last_hidden_row: None }
    }

    /// Adds a cell, given either its text or the name of its error value.
    fn put(&mut self, (row, column): (u32, u32), text: Result<String, String>) -> Result<(), Refused> {
        // Hidden rows and columns were filtered out by a curator, so publishing them would be a leak. Hidden rows are
        // counted because `--prune` would otherwise delete images that still have a row.
        if text.as_ref().is_ok_and(String::is_empty) || self.marks.columns.contains(&column) {
            return Ok(());
        }
        if self.marks.rows.contains(&row) {
            if self.last_hidden_row.replace(row) != Some(row) {
                self.hidden_rows += 1;
            }
            return Ok(());
        }
        let text = match text {
            Ok(text) => text,
            Err(error) => {
                let reason = format!("cell {} has the error {error}", cell_name(row, column));
                self.refuse(row, reason);
                return Ok(());
            }
        };
        if column >= MAX_SHEET_COLUMNS {
            let reason = format!(
                "has a value in cell {}, but at most {MAX_SHEET_COLUMNS} columns are supported",
                cell_name(row, column)
            );
            return Err(Refused::new(reason, "delete cells outside the table"));
        }
        let (values, column) = (self.rows.entry(row).or_default(), column as usize);
        self.bytes += text.len();
        if values.len() <= column {
            self.count += column + 1 - values.len();
            values.resize(column + 1, String::new());
        }
        if self.count > MAX_CELLS || self.bytes > MAX_TEXT_BYTES {
            return Err(too_many_cells());
        }
        values[column] = text;
        Ok(())
    }

    fn refuse(&mut self, row: u32, reason: String) {
        self.errors.push(RowError { unit: RowUnit::Row, line: u64::from(row) + 1, reason });
    }

    /// Returns all rows, padded to the length of the first one.
    fn finish(mut self, format: &str, place: String) -> SheetRows {
        for name in std::mem::take(&mut self.marks.uncomputed) {
            let Some((row, column)) = values::position(&name) else { continue };
            if self.marks.rows.contains(&row) || self.marks.columns.contains(&column) {
                continue;
            }
            let reason = format!(
                "cell {name} has a formula without a value: open the file in Excel or LibreOffice and save it again"
            );
            self.refuse(row, reason);
        }
        let width = self.rows.values().next().map_or(0, Vec::len);
        let record = |(row, mut values): (u32, Vec<String>)| {
            values.resize(values.len().max(width), String::new());
            Record { line: u64::from(row) + 1, values }
        };
        let rows = self.rows.into_iter().map(record).collect();
        let hidden_columns = self.marks.columns.len();
        let left_out = match (self.hidden_rows, hidden_columns) {
            (0, 0) => "",
            (0, _) => ", without hidden columns",
            (_, 0) => ", without hidden rows",
            _ => ", without hidden rows and columns",
        };
        SheetRows {
            rows,
            errors: self.errors,
            how: format!("{format}, {place}{left_out}"),
            place,
            hidden_rows: self.hidden_rows,
        }
    }
}

/// Returns a cell's name, such as `B7`.
fn cell_name(row: u32, column: u32) -> String {
    let (mut letters, mut rest) = (Vec::new(), u64::from(column) + 1);
    while rest > 0 {
        rest -= 1;
        letters.push(char::from(b'A' + u8::try_from(rest % 26).unwrap_or(0)));
        rest /= 26;
    }
    let letters: String = letters.iter().rev().collect();
    format!("{letters}{}", u64::from(row) + 1)
}

#[cfg(test)]
mod tests;
