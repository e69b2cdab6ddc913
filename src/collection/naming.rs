//! Detects images by file extension and derives identifiers from file names.

use crate::destination::Identifier;
use crate::location::Location;
use crate::source;
use crate::store::KeyError;
use std::ffi::OsStr;
use std::path::{Component, Path, PathBuf};

/// Error returned when a name can't be turned into an identifier.
#[derive(Debug, thiserror::Error)]
pub(super) enum NameError {
    #[error("could not derive an identifier from `{name}`{}", backslash_hint(name))]
    NoIdentifier {
        name: String,
        #[source]
        cause: Option<KeyError>,
    },
    #[error("`{0}` is a folder; lists and tables must name images")]
    Folder(String),
}

/// Returns a hint for Windows paths in tables and lists.
fn backslash_hint(name: &str) -> &'static str {
    if name.contains('\\') { "; write `/` instead of `\\` in paths" } else { "" }
}

/// Returns `true` if a file name has the extension of a supported source format. The actual format is detected from the
/// content.
pub(super) fn is_image_name(path: impl AsRef<Path>) -> bool {
    let extension = path.as_ref().extension().and_then(OsStr::to_str).unwrap_or_default();
    source::extensions().any(|known| known.eq_ignore_ascii_case(extension))
}

/// Derives an image's identifier. Local files use `path`, and remote images use the last segment of their key or URL.
pub(super) fn identifier_of(location: &Location, path: &Path) -> Result<Identifier, NameError> {
    match location {
        Location::File(_) => identifier(path),
        Location::Object(object) if object.is_folder() => Err(NameError::Folder(location.to_string())),
        Location::Object(_) | Location::Web(_) => {
            let name = location.file_name();
            let name = name.ok_or_else(|| NameError::NoIdentifier { name: location.to_string(), cause: None })?;
            identifier(&name)
        }
    }
}

/// Formats a path, escaping control characters and invalid UTF-8.
fn visible(path: &Path) -> String {
    let mut text = String::new();
    for chunk in path.as_os_str().as_encoded_bytes().utf8_chunks() {
        for character in chunk.valid().chars() {
            if character.is_control() { text.extend(character.escape_default()) } else { text.push(character) }
        }
        for byte in chunk.invalid() {
            text.push_str("\\x");
            text.extend([byte >> 4, byte & 15].map(|digit| char::from(b"0123456789abcdef"[usize::from(digit)])));
        }
    }
    text
}

/// Derives an identifier from a file path without its extension. Only uses the file name for absolute paths and for
/// paths that leave the current folder.
pub(super) fn identifier(path: &Path) -> Result<Identifier, NameError> {
    let refused = |cause| NameError::NoIdentifier { name: visible(path), cause };
    let is_below = |component: &Component| matches!(component, Component::Normal(_) | Component::CurDir);
    let path = if path.components().all(|component| is_below(&component)) {
        path.with_extension("")
    } else {
        PathBuf::from(path.file_stem().unwrap_or_default())
    };
    let names: Option<Vec<&str>> = path
        .components()
        .filter(|component| *component != Component::CurDir)
        .map(|component| component.as_os_str().to_str())
        .collect();
    names.ok_or_else(|| refused(None))?.join("/").parse().map_err(|error| refused(Some(error)))
}
