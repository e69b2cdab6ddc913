//! What shows only while strips and tiles are decoded, by several threads.

use super::codec::End;
use super::range::{Counts, FloatScale};
use crate::source::{Warning, WarningCode};
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, Ordering};

/// Collects what becomes warnings.
#[derive(Default)]
pub(super) struct Notes {
    is_end_missing: AtomicBool,
    floats: Mutex<Counts>,
}

impl Notes {
    pub(super) fn add_end(&self, end: End) {
        if end == End::WithoutMarker {
            self.is_end_missing.store(true, Ordering::Relaxed);
        }
    }

    /// Adds where the samples of some rows lie.
    pub(super) fn add_floats(&self, counts: Counts) {
        self.floats.lock().unwrap_or_else(PoisonError::into_inner).add(counts);
    }

    /// Returns the warnings, after the last row.
    pub(super) fn warnings(&self, scale: Option<FloatScale>) -> Vec<Warning> {
        let mut warnings = Vec::new();
        if self.is_end_missing.load(Ordering::Relaxed) {
            let text = "all pixels are there, but JPEGs in its strips or tiles end without end markers (EOI)";
            warnings.push(Warning::new(WarningCode::EndMarkerMissing, text));
        }
        let counts = *self.floats.lock().unwrap_or_else(PoisonError::into_inner);
        warnings.extend(scale.and_then(|scale| scale.warning(counts)));
        warnings
    }
}
