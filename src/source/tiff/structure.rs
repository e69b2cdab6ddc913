//! TIFF file structure: byte order, directories, and entry values (TIFF 6.0, section 2, and the `BigTIFF` design).
//!
//! The `tiff` crate isn't suitable here. It rejects files because of errors in directories we don't need, allocates as
//! much memory as an entry claims to need, and multiplies sizes from damaged entries without checking for overflow.

use super::input::TiffInput;
use crate::source::{DecodeError, Refusal};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Maximum number of entries in a directory, which is read all at once. Real directories have a few dozen.
const MAX_ENTRIES: u64 = 4096;

/// Byte order for numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ByteOrder {
    Little,
    Big,
}

impl ByteOrder {
    /// Decodes a number of up to 8 bytes.
    #[inline]
    pub(super) fn number<const BYTES: usize>(self, bytes: [u8; BYTES]) -> u64 {
        let mut wide = [0; 8];
        match self {
            Self::Little => {
                wide[..BYTES].copy_from_slice(&bytes);
                u64::from_le_bytes(wide)
            }
            Self::Big => {
                wide[8 - BYTES..].copy_from_slice(&bytes);
                u64::from_be_bytes(wide)
            }
        }
    }
}

/// TIFF variant, which determines the width of counts and offsets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Variant {
    Classic,
    Big,
}

impl Variant {
    /// Returns the size of an offset in bytes. Values up to this size are stored inline in the entry.
    fn offset_bytes(self) -> usize {
        match self {
            Self::Classic => 4,
            Self::Big => 8,
        }
    }

    /// Returns the size of a directory's entry count in bytes.
    fn count_bytes(self) -> usize {
        match self {
            Self::Classic => 2,
            Self::Big => 8,
        }
    }

    /// Returns the size of an entry in bytes, including its tag, type, count and value.
    fn entry_bytes(self) -> usize {
        4 + 2 * self.offset_bytes()
    }
}

/// An open file, along with its byte order and the start of its directory list.
pub(super) struct Structure {
    pub(super) input: Arc<TiffInput>,
    pub(super) order: ByteOrder,
    variant: Variant,
    /// Offset of the first directory.
    pub(super) first: u64,
}

/// A directory's entries, keyed by tag.
pub(super) struct Directory {
    entries: BTreeMap<u16, Entry>,
    /// Offset of the next directory, or 0 if this is the last one.
    pub(super) next: u64,
}

impl Directory {
    /// Returns the number of entries.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn entry(&self, tag: u16) -> Option<&Entry> {
        self.entries.get(&tag)
    }
}

/// A tag's values if they fit inline, or the offset to them if they don't.
pub(super) struct Entry {
    kind: u16,
    count: u64,
    value: Vec<u8>,
}

impl Structure {
    pub(super) fn open(input: Arc<TiffInput>) -> Result<Self, Refusal> {
        // A classic header is 8 bytes long: byte order, 42, and the first directory's offset. A BigTIFF header is 16
        // bytes long: byte order, 43, offset size, zero, and an 8-byte offset.
        let head = input.bytes(0, 8)?;
        let order = if head.starts_with(b"MM") { ByteOrder::Big } else { ByteOrder::Little };
        let version = order.number([head[2], head[3]]);
        let (variant, at) = match (version, order.number([head[4], head[5], head[6], head[7]])) {
            (42, _) => (Variant::Classic, 4),
            // Offset size, followed by zero.
            (43, 8) if order == ByteOrder::Little => (Variant::Big, 8),
            (43, 0x8_0000) if order == ByteOrder::Big => (Variant::Big, 8),
            (43, _) => {
                let what = "a BigTIFF whose offsets do not have 8 bytes";
                return Err(Refusal::unsupported(what, "write it again with another program, as TIFF or BigTIFF"));
            }
            _ => {
                return Err(Refusal::Decode(format!("its header has TIFF version {version}, not 42 or 43").into()));
            }
        };
        let mut structure = Self { input, order, variant, first: 0 };
        let first = structure.input.bytes(at, variant.offset_bytes() as u64)?;
        structure.first = structure.number(&first);
        Ok(structure)
    }

    /// Decodes a number of 1, 2, 4 or 8 bytes.
    fn number(&self, bytes: &[u8]) -> u64 {
        match *bytes {
            [a] => self.order.number([a]),
            [a, b] => self.order.number([a, b]),
            [a, b, c, d] => self.order.number([a, b, c, d]),
            _ => bytes.as_array().map_or(0, |bytes: &[u8; 8]| self.order.number(*bytes)),
        }
    }

    /// Reads the directory at the given offset.
    pub(super) fn directory(&self, offset: u64) -> Result<Directory, DecodeError> {
        let count_bytes = self.variant.count_bytes() as u64;
        let count = self.number(&self.input.bytes(offset, count_bytes)?);
        // This is the first check to catch a bad offset. Such an offset usually points into pixel data, which then
        // gets read as the number of entries.
        if count == 0 || count > MAX_ENTRIES {
            return Err(format!("the directory at byte {offset} has {count} entries").into());
        }
        let (entry_bytes, offset_bytes) = (self.variant.entry_bytes(), self.variant.offset_bytes());
        let bytes = self.input.bytes(offset + count_bytes, count * entry_bytes as u64 + offset_bytes as u64)?;
        let (entries, next) = bytes.split_at(bytes.len() - offset_bytes);
        let entries = entries.chunks_exact(entry_bytes).map(|entry| self.entry(entry)).collect();
        Ok(Directory { entries, next: self.number(next) })
    }

    /// Parses an entry and returns it with its tag.
    fn entry(&self, bytes: &[u8]) -> (u16, Entry) {
        let short = |at: usize| u16::try_from(self.number(&bytes[at..at + 2])).expect("two bytes");
        let (count, value) = bytes[4..].split_at(self.variant.offset_bytes());
        (short(0), Entry { kind: short(2), count: self.number(count), value: value.to_owned() })
    }

    /// Returns the total size of an entry's values in bytes, or `None` if the type is unknown or the size overflows.
    pub(super) fn size(entry: &Entry) -> Option<u64> {
        value_bytes(entry.kind).and_then(|bytes| entry.count.checked_mul(bytes as u64))
    }

    /// Reads an entry's raw bytes. Returns `None` if there are more than `max` bytes or the type is unknown.
    pub(super) fn content(&self, entry: &Entry, max: u64) -> Result<Option<Vec<u8>>, DecodeError> {
        match Self::size(entry) {
            None => Ok(None),
            Some(bytes) if bytes > max => Ok(None),
            Some(bytes) if bytes <= entry.value.len() as u64 => {
                Ok(entry.value.get(..usize::try_from(bytes)?).map(<[u8]>::to_owned))
            }
            Some(bytes) => self.input.bytes(self.number(&entry.value), bytes).map(Some),
        }
    }

    /// Reads an entry's values. Returns `None` if they aren't unsigned integers or there are more than `max`.
    pub(super) fn numbers(&self, entry: &Entry, max: u64) -> Result<Option<Vec<u64>>, DecodeError> {
        let Some(bytes) = value_bytes(entry.kind).filter(|_| is_unsigned(entry.kind)) else { return Ok(None) };
        let content = self.content(entry, max.saturating_mul(bytes as u64))?;
        Ok(content.map(|content| content.chunks_exact(bytes).map(|value| self.number(value)).collect()))
    }

    /// Reads up to `max` of an entry's values. Returns `None` if they aren't unsigned integers.
    pub(super) fn first_numbers(&self, entry: &Entry, max: u64) -> Result<Option<Vec<u64>>, DecodeError> {
        let Some(bytes) = value_bytes(entry.kind).filter(|_| is_unsigned(entry.kind)) else { return Ok(None) };
        // The total size determines where the values are stored, but only the first `max` are read. A large image has
        // megabytes of values, and a damaged entry may claim exabytes.
        let wanted = entry.count.min(max).saturating_mul(bytes as u64);
        let is_inside = entry.count.saturating_mul(bytes as u64) <= entry.value.len() as u64;
        let content = match usize::try_from(wanted) {
            Ok(wanted) if is_inside => entry.value[..wanted].to_owned(),
            _ => self.input.bytes(self.number(&entry.value), wanted)?,
        };
        Ok(Some(content.chunks_exact(bytes).map(|value| self.number(value)).collect()))
    }

    /// Reads an entry's values. Returns `None` if they aren't fractions or there are more than `max`.
    pub(super) fn fractions(&self, entry: &Entry, max: u64) -> Result<Option<Vec<f64>>, DecodeError> {
        if entry.kind != RATIONAL {
            return Ok(None);
        }
        let content = self.content(entry, max.saturating_mul(8))?;
        let halves: Vec<f64> = content
            .iter()
            .flat_map(|content| content.as_chunks::<4>().0)
            .map(|half| u32::try_from(self.order.number(*half)).map_or(0.0, f64::from))
            .collect();
        Ok(content.map(|_| halves.as_chunks::<2>().0.iter().map(|[above, below]| above / below).collect()))
    }
}

/// Value types (TIFF 6.0, section 2).
const RATIONAL: u16 = 5;
const BYTE: u16 = 1;
const SHORT: u16 = 3;
const LONG: u16 = 4;
const IFD: u16 = 13;
const LONG8: u16 = 16;
const IFD8: u16 = 18;

fn is_unsigned(kind: u16) -> bool {
    matches!(kind, BYTE | SHORT | LONG | IFD | LONG8 | IFD8)
}

/// Returns the size of one value in bytes, or `None` for an unknown type. The types without a named constant are text,
/// raw bytes, signed numbers and floating-point numbers.
fn value_bytes(kind: u16) -> Option<usize> {
    match kind {
        BYTE | 2 | 6 | 7 => Some(1),
        SHORT | 8 => Some(2),
        LONG | IFD | 9 | 11 => Some(4),
        RATIONAL | LONG8 | IFD8 | 10 | 12 | 17 => Some(8),
        _ => None,
    }
}
