//! File selection by glob pattern.

use super::InputError;
use crate::collection::naming::is_image_name;
use globset::{Glob, GlobSet, GlobSetBuilder};
use std::path::Path;

/// Glob patterns, such as `**/*.tif`, that select files by their path relative to a folder.
#[derive(Clone, Debug)]
pub struct Patterns {
    include: Option<GlobSet>,
    exclude: GlobSet,
}

impl Patterns {
    /// Creates patterns that select files matching any of `include` and none of `exclude`. If `include` is empty, files
    /// are selected by their image extension.
    ///
    /// # Errors
    /// Returns an error if a pattern is invalid.
    pub fn new(include: &[String], exclude: &[String]) -> Result<Self, InputError> {
        let set = |patterns: &[String]| -> Result<GlobSet, globset::Error> {
            let mut set = GlobSetBuilder::new();
            for pattern in patterns {
                set.add(Glob::new(pattern)?);
            }
            set.build()
        };
        let set = |patterns| set(patterns).map_err(|error| InputError::Pattern(error.into()));
        let included = if include.is_empty() { None } else { Some(set(include)?) };
        Ok(Self { include: included, exclude: set(exclude)? })
    }

    /// Returns `true` if the user's patterns neither include nor exclude a file.
    pub(super) fn are_silent_on(&self, path: &Path) -> bool {
        self.include.is_none() && !self.exclude.is_match(path)
    }

    pub(super) fn match_file(&self, path: &Path) -> bool {
        self.include.as_ref().map_or_else(|| is_image_name(path), |include| include.is_match(path))
            && !self.exclude.is_match(path)
    }
}
