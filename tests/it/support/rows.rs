//! All rows of a file, as a source gives them.

use super::pictures::file;
use iiif_publish::internals::Source;
use iiif_publish::source::{Header, ReadOptions, SourceError};
use std::path::Path;
use tempfile::TempDir;

/// All rows of a file.
pub fn read(path: &Path) -> Result<(Header, Vec<u8>), SourceError> {
    read_with(path, ReadOptions::default())
}

/// The same with other options. The header also has the warnings that only reading found.
pub fn read_with(path: &Path, options: ReadOptions) -> Result<(Header, Vec<u8>), SourceError> {
    let mut source = Source::open(path, options)?;
    let mut header = source.header().clone();
    let row_bytes = header.format.row_bytes(header.size.width());
    let mut pixels = vec![0; row_bytes * header.size.height() as usize];
    for rows in pixels.chunks_mut(row_bytes * 7) {
        source.read_rows(rows)?;
    }
    header.properties.warnings.extend(source.finish()?);
    Ok((header, pixels))
}

/// All rows of a file with these bytes.
pub fn read_bytes(bytes: &[u8]) -> Result<(Header, Vec<u8>), SourceError> {
    let folder = TempDir::new().expect("a folder");
    // The name says nothing: formats are recognized by their content.
    read(&file(folder.path(), "image.dat", bytes))
}

/// The same with other options.
pub fn read_bytes_with(bytes: &[u8], options: ReadOptions) -> Result<(Header, Vec<u8>), SourceError> {
    let folder = TempDir::new().expect("a folder");
    read_with(&file(folder.path(), "image.dat", bytes), options)
}

/// The codes of the warnings of a file.
pub fn codes(header: &Header) -> Vec<&'static str> {
    header.warnings().iter().map(|warning| warning.code.code()).collect()
}
