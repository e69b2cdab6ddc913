//! Rows of lists and tables, as messages name them.

use std::fmt;
use std::sync::Arc;

/// Unit used to number rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RowUnit {
    /// Lines of a text file.
    Line,
    /// Rows of a spreadsheet.
    Row,
}

impl fmt::Display for RowUnit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Line => "line",
            Self::Row => "row",
        })
    }
}

/// The row of a list or table that an image comes from. Displayed as, for example, ``line 7 of `images.csv` ``.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowPlace {
    table: Arc<str>,
    unit: RowUnit,
    number: u64,
}

impl RowPlace {
    pub(super) fn new(table: Arc<str>, unit: RowUnit, number: u64) -> Self {
        Self { table, unit, number }
    }

    /// Returns the line or row number, starting at 1.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.number
    }
}

impl fmt::Display for RowPlace {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {} of `{}`", self.unit, self.number, self.table)
    }
}
