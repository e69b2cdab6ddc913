//! File selection by glob pattern.

use super::{ImageType, InputError};
use crate::source;
use globset::{Glob, GlobSet, GlobSetBuilder};
use std::ffi::OsStr;
use std::path::Path;

/// Glob patterns, such as `**/*.tif`, that select files by their path relative to a folder.
#[derive(Clone, Debug)]
pub struct Patterns {
    include: Option<GlobSet>,
    exclude: GlobSet,
    types: Vec<ImageType>,
}

impl Patterns {
    /// Creates patterns that select files matching any of `include` and none of `exclude`. If `include` is empty, files
    /// are selected by their image extension, which only includes formats from the first release.
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
        Ok(Self { include: included, exclude: set(exclude)?, types: Vec::new() })
    }

    /// Adds formats to select by extension. Has no effect if `include` isn't empty.
    #[must_use]
    pub fn with_types(self, types: impl IntoIterator<Item = ImageType>) -> Self {
        Self { types: types.into_iter().collect(), ..self }
    }

    /// Returns `true` if the user's patterns neither include nor exclude a file.
    pub(super) fn are_silent_on(&self, path: &Path) -> bool {
        self.include.is_none() && !self.exclude.is_match(path)
    }

    pub(super) fn match_file(&self, path: &Path) -> bool {
        self.include.as_ref().map_or_else(|| self.match_extension(path), |include| include.is_match(path))
            && !self.exclude.is_match(path)
    }

    fn match_extension(&self, path: &Path) -> bool {
        let extension = path.extension().and_then(OsStr::to_str).unwrap_or_default();
        source::default_extensions().any(|known| known.eq_ignore_ascii_case(extension))
            || self.types.iter().any(|one| one.has_extension(extension))
    }
}
