//! Tests that this machine cannot run.

use std::io::Write;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Set to 1 where every test must run, as in CI.
const ALL_VARIABLE: &str = "IIIF_PUBLISH_TEST_ALL";

/// Prints and counts a test, or a part of one, that this machine cannot run. Fails where every test must run.
pub fn skip(what: &str, reason: &str) {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    assert!(std::env::var_os(ALL_VARIABLE).is_none_or(|value| value != "1"), "{what} cannot run: {reason}");
    let count = COUNT.fetch_add(1, Ordering::Relaxed) + 1;
    // Not with `eprintln!`, whose output is hidden for tests that pass.
    let _ = writeln!(std::io::stderr(), "SKIPPED ({count} so far): {what}: {reason}");
}
