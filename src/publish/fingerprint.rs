//! What says whether a published image is current: the file, the options, the program.

use super::Options;
use crate::store::Identifier;
use sha2::{Digest, Sha256};
use std::fmt::Write;
use std::fs;
use std::io;
use std::path::Path;

/// A text that is equal for two publications exactly when the file (by its size and time of modification), everything
/// that decides about the objects, and the version of the program are.
pub(super) fn fingerprint(path: &Path, identifier: &Identifier, options: &Options) -> io::Result<String> {
    let metadata = fs::metadata(path)?;
    let modified = metadata.modified()?;
    let Options { prefix, public_url, versions, shape, jpeg, cache_control, info_cache_control, rights, .. } = options;
    let described = format!(
        "{} {:?} {identifier} {prefix} {public_url:?} {versions:?} {shape:?} {jpeg:?} {cache_control} \
         {info_cache_control} {rights:?} {}",
        metadata.len(),
        modified,
        env!("CARGO_PKG_VERSION"),
    );
    let mut hexadecimal = String::new();
    for byte in Sha256::digest(described.as_bytes()) {
        write!(hexadecimal, "{byte:02x}").expect("writing to a string does not fail");
    }
    Ok(hexadecimal)
}
