//! Files with one or more pages, which are opened once for all of their pages.

use super::format::Format;
use super::input::Input;
use super::page_list::PageList;
use super::{ReadOptions, ResolvedSource, Source, SourceError, open_input, recognize};
use crate::iiif::{RangePath, ViewingDirection};
use std::num::NonZeroUsize;

/// An open file and its pages. Formats without pages count as one page.
pub(crate) struct PagedFile {
    resolved: ResolvedSource,
    input: Input,
    format: &'static Format,
    /// `None` if the format has no pages.
    pages: Option<Box<dyn PageList>>,
}

impl PagedFile {
    /// Opens a local or remote file and finds its pages. This blocks, so never call it from the runtime that performs
    /// remote reads.
    ///
    /// # Errors
    /// Returns an error if the file can't be opened, isn't a supported image, or if its list of pages is damaged.
    pub(crate) fn open(resolved: ResolvedSource, threads: NonZeroUsize) -> Result<Self, SourceError> {
        let name = resolved.to_string();
        let input = open_input(&resolved, threads)?;
        let found = recognize(&name, &input).and_then(|format| match format.pages(input.clone()) {
            Ok(pages) => Ok((format, pages)),
            Err(refusal) => Err(SourceError::refused(&name, refusal, ReadOptions::default())),
        });
        if let Some(cause) = input.failure() {
            return Err(SourceError::Remote { input: name, cause });
        }
        let (format, pages) = found?;
        if pages.as_ref().is_some_and(|pages| pages.count() == 0) {
            return Err(SourceError::NoSuchPage { input: name, page: 1, pages: 0 });
        }
        Ok(Self { resolved, input, format, pages })
    }

    /// Returns the number of pages, which is at least 1.
    pub(crate) fn count(&self) -> u32 {
        self.pages.as_ref().map_or(1, |pages| pages.count())
    }

    /// Returns the name that the file gives to a page, counting from 1.
    pub(crate) fn label(&self, page: u32) -> Option<&str> {
        self.pages.as_ref()?.label(page)
    }

    /// Returns the table of contents entries that start on a page, counting from 1.
    pub(crate) fn ranges(&self, page: u32) -> &[RangePath] {
        self.pages.as_ref().map_or(&[], |pages| pages.ranges(page))
    }

    /// Returns the direction in which the pages are read, if the file specifies one other than left to right.
    pub(crate) fn viewing_direction(&self) -> Option<ViewingDirection> {
        self.pages.as_ref()?.viewing_direction()
    }

    /// Opens a page, counting from 1. Errors name the page if there are several.
    ///
    /// # Errors
    /// Returns an error if the page doesn't exist or isn't a supported image.
    pub(crate) fn source(&self, page: u32, options: ReadOptions) -> Result<Source, SourceError> {
        let (name, options) = (self.resolved.to_string(), options.with_page(page));
        if page == 0 || page > self.count() {
            return Err(SourceError::NoSuchPage { input: name, page, pages: self.count() });
        }
        let name = if self.count() > 1 { format!("{name} (page {page})") } else { name };
        let input = self.page_input(options.threads);
        let opened = match &self.pages {
            Some(pages) => pages.open(input.clone(), page, options),
            None => self.format.open(input.clone(), options),
        };
        Source::from_opened(&name, &input, opened.map(|opened| (self.format, opened)), options)
    }

    /// Returns the input to read one page from.
    fn page_input(&self, threads: NonZeroUsize) -> Input {
        match &self.resolved {
            ResolvedSource::File(_) => self.input.clone(),
            // Each page has its own block cache, which is part of its memory. Pages that share one would evict each
            // other's blocks.
            ResolvedSource::Remote { object, .. } => Input::from_remote(object.clone(), threads),
        }
    }
}
