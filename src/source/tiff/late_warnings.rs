//! Warnings discovered while multiple threads are decoding strips and tiles.

use super::decompressor::End;
use super::range::{FloatScale, SampleStats};
use crate::source::{Warning, WarningCode};
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, Ordering};

/// Collects observations that turn into warnings.
#[derive(Default)]
pub(super) struct LateWarnings {
    is_end_missing: AtomicBool,
    floats: Mutex<SampleStats>,
}

impl LateWarnings {
    pub(super) fn add_end(&self, end: End) {
        if end == End::WithoutMarker {
            self.is_end_missing.store(true, Ordering::Relaxed);
        }
    }

    /// Adds statistics for some rows of samples.
    pub(super) fn add_floats(&self, stats: SampleStats) {
        self.floats.lock().unwrap_or_else(PoisonError::into_inner).add(stats);
    }

    /// Returns the warnings. Call this after the last row.
    pub(super) fn warnings(&self, scale: Option<FloatScale>) -> Vec<Warning> {
        let mut warnings = Vec::new();
        if self.is_end_missing.load(Ordering::Relaxed) {
            let text = "all pixels are present, but JPEGs in its strips or tiles have no end marker (EOI)";
            warnings.push(Warning::new(WarningCode::EndMarkerMissing, text));
        }
        let stats = *self.floats.lock().unwrap_or_else(PoisonError::into_inner);
        warnings.extend(scale.and_then(|scale| scale.warning(stats)));
        warnings
    }
}
