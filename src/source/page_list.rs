//! Interface for the pages of a file, implemented by each format that has pages.

use super::error::Refusal;
use super::input::Input;
use super::{Opened, ReadOptions};
use crate::iiif::{RangePath, ViewingDirection};

/// The pages of a file, found once. Any page can then be opened without reading the others.
pub(super) trait PageList: Send + Sync {
    /// Returns the number of pages.
    fn count(&self) -> u32;

    /// Returns the name that the file gives to a page, counting from 1.
    fn label(&self, page: u32) -> Option<&str>;

    /// Returns the table of contents entries that start on a page, counting from 1.
    fn ranges(&self, _page: u32) -> &[RangePath] {
        &[]
    }

    /// Returns the direction in which the pages are read, if the file specifies one other than left to right.
    fn viewing_direction(&self) -> Option<ViewingDirection> {
        None
    }

    /// Opens a page, counting from 1, and reads its header.
    fn open(&self, file: Input, page: u32, options: ReadOptions) -> Result<Opened, Refusal>;
}
