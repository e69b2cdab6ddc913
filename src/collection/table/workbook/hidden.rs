//! Finds hidden and unreliable cells in a sheet's XML, because `calamine` doesn't report them.

use super::package::Package;
use super::xml::{Element, Node, walk};
use super::{MAX_CELLS, MAX_TEXT_BYTES, Refused, too_many_cells};
use std::collections::{BTreeMap, BTreeSet};

/// Sheet properties that `calamine` doesn't report. Row and column indices are zero-based.
#[derive(Debug, Default)]
pub(super) struct Marks {
    pub(super) rows: BTreeSet<u32>,
    pub(super) columns: BTreeSet<u32>,
    /// Names of cells with formulas that have never been evaluated.
    pub(super) uncomputed: Vec<String>,
    /// Cells that contain an error value.
    pub(super) errors: BTreeSet<(u32, u32)>,
}

/// Maximum number of columns in a sheet.
const SHEET_COLUMNS: u64 = 16_384;

/// Maximum number of rows in a sheet.
const SHEET_ROWS: u64 = 1_048_576;

fn index(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// Reads the properties of a sheet in an Office Open XML workbook.
pub(super) fn read_xlsx(package: &mut Package<'_>, sheet: &str) -> Result<Marks, Refused> {
    let path = xlsx_path(package, sheet)?;
    let text = path.map_or(Ok(None), |path| package.part(&path))?;
    let text = text.ok_or_else(|| Refused::damaged(&format!("the sheet `{sheet}` is missing")))?;
    let mut marks = Marks::default();
    let mut row = 0;
    let mut cell = XlsxCell::default();
    walk(&text, |node| {
        match node {
            Node::Start(element) => match element.name().as_str() {
                "col" if element.is_set("hidden") || element.attribute("width").is_some_and(|width| width == "0") => {
                    let (first, last) = (element.number("min", 1).max(1), element.number("max", 1).min(SHEET_COLUMNS));
                    marks.columns.extend((first..=last).map(|column| index(column - 1)));
                }
                "row" => {
                    row = element.number("r", row + 1);
                    if element.is_set("hidden") {
                        marks.rows.insert(index(row.saturating_sub(1)));
                    }
                }
                "c" => {
                    let is_text = element.attribute("t").is_some_and(|kind| kind == "str");
                    cell =
                        XlsxCell { name: element.attribute("r").unwrap_or_default(), is_text, ..XlsxCell::default() };
                }
                "f" => cell.has_formula = true,
                "v" => cell.is_in_value = true,
                _ => {}
            },
            Node::End("v") => cell.is_in_value = false,
            Node::End("c") if cell.has_formula && !cell.has_value && !cell.is_text => {
                marks.uncomputed.push(std::mem::take(&mut cell.name));
            }
            Node::End(_) => {}
            Node::Text(bytes) => cell.has_value |= cell.is_in_value && bytes > 0,
        }
        Ok(())
    })?;
    Ok(marks)
}

#[derive(Default)]
#[expect(clippy::struct_excessive_bools, reason = "independent properties of one cell")]
struct XlsxCell {
    name: String,
    is_text: bool,
    has_formula: bool,
    has_value: bool,
    is_in_value: bool,
}

/// Finds the path to a sheet's part inside the package.
fn xlsx_path(package: &mut Package<'_>, sheet: &str) -> Result<Option<String>, Refused> {
    let (mut relation, mut targets) = (None, BTreeMap::new());
    if let Some(workbook) = package.part("xl/workbook.xml")? {
        walk(&workbook, |node| {
            if let Node::Start(element) = node
                && element.name() == "sheet"
                && element.attribute("name").as_deref() == Some(sheet)
            {
                relation = element.attribute("id");
            }
            Ok(())
        })?;
    }
    if let Some(relations) = package.part("xl/_rels/workbook.xml.rels")? {
        walk(&relations, |node| {
            if let Node::Start(element) = node
                && let (Some(id), Some(target)) = (element.attribute("Id"), element.attribute("Target"))
            {
                targets.insert(id, target);
            }
            Ok(())
        })?;
    }
    let target = relation.and_then(|relation| targets.remove(&relation));
    Ok(target.map(|target| match target.strip_prefix('/') {
        Some(absolute) => absolute.to_owned(),
        None => format!("xl/{target}"),
    }))
}

/// Reads the properties of a sheet in an `OpenDocument` spreadsheet. Also checks the size of every sheet, because
/// `calamine` loads them all.
pub(super) fn read_ods(package: &mut Package<'_>, sheet: Option<&str>) -> Result<Marks, Refused> {
    let content = package.part("content.xml")?.ok_or_else(|| Refused::damaged("`content.xml` is missing"))?;
    let mut scan = OdsScan { wanted: sheet, ..OdsScan::default() };
    walk(&content, |node| scan.visit(&node))?;
    Ok(scan.marks)
}

/// State of a walk through an `OpenDocument` spreadsheet.
#[derive(Default)]
#[expect(clippy::struct_excessive_bools, reason = "independent flags of the current element")]
struct OdsScan<'a> {
    wanted: Option<&'a str>,
    marks: Marks,
    is_wanted: bool,
    /// Stack of enclosing row or column groups. `true` means that the group is collapsed.
    groups: Vec<bool>,
    row: u64,
    column: u64,
    row_repeats: u64,
    cell_repeats: u64,
    is_row_hidden: bool,
    has_value: bool,
    is_in_cell: bool,
    text_bytes: u64,
    row_bytes: u64,
    /// Number of columns up to the last value, in the current row and across all rows of the sheet.
    row_width: u64,
    width: u64,
    cells: u64,
    total_bytes: u64,
}

impl OdsScan<'_> {
    fn visit(&mut self, node: &Node<'_>) -> Result<(), Refused> {
        match node {
            Node::Start(element) => self.start(element),
            Node::End("table-row-group" | "table-column-group") => drop(self.groups.pop()),
            Node::End("table-cell" | "covered-table-cell") => self.end_cell(),
            Node::End("table-row") => return self.end_row(),
            Node::Text(bytes) if self.is_in_cell => self.text_bytes += *bytes as u64,
            Node::End(_) | Node::Text(_) => {}
        }
        Ok(())
    }

    fn start(&mut self, element: &Element<'_>) {
        match element.name().as_str() {
            "table" => {
                let name = element.attribute("name");
                self.is_wanted = name.is_some() && name.as_deref() == self.wanted;
                (self.row, self.column, self.width) = (0, 0, 0);
            }
            "table-row-group" | "table-column-group" => {
                self.groups.push(element.attribute("display").is_some_and(|display| display == "false"));
            }
            "table-column" => {
                let repeats = element.number("number-columns-repeated", 1).min(SHEET_COLUMNS);
                if self.is_wanted && self.is_hidden(element.attribute("visibility")) {
                    self.marks.columns.extend((self.column..self.column + repeats).map(index));
                }
                self.column += repeats;
            }
            "table-row" => {
                self.row_repeats = element.number("number-rows-repeated", 1).min(SHEET_ROWS);
                self.is_row_hidden = self.is_hidden(element.attribute("visibility"));
                (self.column, self.row_width, self.row_bytes) = (0, 0, 0);
            }
            "table-cell" | "covered-table-cell" => {
                self.is_in_cell = true;
                self.text_bytes = 0;
                self.cell_repeats = element.number("number-columns-repeated", 1).min(SHEET_COLUMNS);
                let value_type = element.qualified_attribute("office:value-type");
                self.has_value = value_type.is_some() || element.attribute("formula").is_some();
                self.text_bytes += element.attribute("string-value").map_or(0, |value| value.len() as u64);
                if self.is_wanted && element.qualified_attribute("calcext:value-type").as_deref() == Some("error") {
                    self.marks.errors.insert((index(self.row), index(self.column)));
                }
            }
            "s" => self.text_bytes = self.text_bytes.saturating_add(element.number("c", 1)),
            _ => {}
        }
    }

    fn is_hidden(&self, visibility: Option<String>) -> bool {
        self.groups.contains(&true) || visibility.is_some_and(|visibility| visibility != "visible")
    }

    fn end_cell(&mut self) {
        self.column += self.cell_repeats;
        if self.has_value {
            self.row_width = self.column;
            self.row_bytes = self.row_bytes.saturating_add(self.text_bytes.saturating_mul(self.cell_repeats));
        }
        self.is_in_cell = false;
    }

    fn end_row(&mut self) -> Result<(), Refused> {
        if self.is_wanted && self.is_row_hidden && self.row_width > 0 {
            self.marks.rows.extend((self.row..self.row + self.row_repeats).map(index));
        }
        self.row += self.row_repeats;
        if self.row_width > 0 {
            self.width = self.width.max(self.row_width);
            self.cells += self.row_width * self.row_repeats;
            self.total_bytes = self.total_bytes.saturating_add(self.row_bytes.saturating_mul(self.row_repeats));
            // A single attribute can repeat a cell or row a million times, and spreadsheet programs use this to fill
            // the rest of a sheet. Only count cells up to the last value, because `calamine` allocates a rectangle that
            // extends to the last row and the widest row.
            let is_large = self.cells.max(self.row.saturating_mul(self.width)) > MAX_CELLS as u64;
            if is_large || self.total_bytes > MAX_TEXT_BYTES as u64 {
                return Err(too_many_cells());
            }
        }
        Ok(())
    }
}
