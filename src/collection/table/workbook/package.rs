//! Reads a workbook's ZIP archive. Limits the unpacked size because a few kilobytes can expand to gigabytes.

use super::Refused;
use std::io::{self, Cursor, Read};
use zip::ZipArchive;

/// Maximum unpacked size of the entire archive in bytes. A million rows with ten columns are about this size.
const MAX_UNPACKED_BYTES: u64 = 512 << 20;

/// Maximum unpacked size in bytes for parts that don't contain cells. Parsing makes them many times larger.
const MAX_DESCRIPTION_BYTES: u64 = 16 << 20;

const MAX_PARTS: usize = 10_000;

/// A ZIP archive in memory.
pub(super) struct Package<'a>(ZipArchive<Cursor<&'a [u8]>>);

impl<'a> Package<'a> {
    /// Opens an archive and checks the size of its parts.
    pub(super) fn open(bytes: &'a [u8]) -> Result<Self, Refused> {
        let archive = ZipArchive::new(Cursor::new(bytes)).map_err(|error| Refused::damaged(&error))?;
        let mut package = Self(archive);
        package.check()?;
        Ok(package)
    }

    /// Unpacks all text parts once, because the declared sizes can't be trusted.
    fn check(&mut self) -> Result<(), Refused> {
        if self.0.len() > MAX_PARTS {
            return Err(too_large(&format!("{} parts", self.0.len())));
        }
        let mut rest = MAX_UNPACKED_BYTES;
        for place in 0..self.0.len() {
            let part = self.0.by_index(place).map_err(|error| Refused::damaged(&error))?;
            let name = part.name().map_err(|error| Refused::damaged(&error))?.into_owned();
            let extension = name.rsplit('.').next().unwrap_or_default();
            if !["xml", "rels"].iter().any(|text| extension.eq_ignore_ascii_case(text)) && name.contains('.') {
                continue;
            }
            let has_cells =
                name.contains("worksheets/") || name.ends_with("sharedStrings.xml") || name == "content.xml";
            let limit = if has_cells { rest } else { rest.min(MAX_DESCRIPTION_BYTES) };
            // Discard the data and only count bytes. The sizes in the archive's directory could be forged.
            let unpacked = io::copy(&mut part.take(limit + 1), &mut io::sink());
            let unpacked = unpacked.map_err(|error| Refused::damaged(&error))?;
            if unpacked > limit {
                return Err(too_large(&format!("more than {} MiB in `{name}`", limit >> 20)));
            }
            rest -= unpacked;
        }
        Ok(())
    }

    /// Reads a part. Returns `None` if it doesn't exist.
    pub(super) fn part(&mut self, name: &str) -> Result<Option<String>, Refused> {
        let Ok(part) = self.0.by_name(name) else { return Ok(None) };
        let mut text = String::new();
        part.take(MAX_UNPACKED_BYTES).read_to_string(&mut text).map_err(|error| Refused::damaged(&error))?;
        Ok(Some(text))
    }
}

fn too_large(size: &str) -> Refused {
    Refused::new(format!("unpacks to {size}, which is too large"), "split it, or save the table as CSV")
}
