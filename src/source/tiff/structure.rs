//! The structure of the file: its byte order, its directories, and the values of their entries (TIFF 6.0, section 2; the
//! `BigTIFF` design).
//!
//! Not the `tiff` crate's: it refuses a file for what stands in other directories than the one that is read, reserves
//! memory for as many values as an entry claims to have, and multiplies the sizes of a damaged one without a check.

use super::input::TiffInput;
use crate::source::{DecodeError, Refusal};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Entries of one directory. Real ones have some dozens; they are read at once.
const MOST_ENTRIES: u64 = 4096;

/// How numbers are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ByteOrder {
    Little,
    Big,
}

impl ByteOrder {
    /// The number that some bytes, at most 8, stand for.
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

/// How wide counts and offsets are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Variety {
    Classic,
    Big,
}

impl Variety {
    /// Bytes of an offset, and of a value that stands in its entry.
    fn offset_bytes(self) -> usize {
        match self {
            Self::Classic => 4,
            Self::Big => 8,
        }
    }

    /// Bytes of the number of entries before a directory.
    fn count_bytes(self) -> usize {
        match self {
            Self::Classic => 2,
            Self::Big => 8,
        }
    }

    /// Bytes of an entry: tag, type, count, value.
    fn entry_bytes(self) -> usize {
        4 + 2 * self.offset_bytes()
    }
}

/// A file that has directories.
pub(super) struct Structure {
    pub(super) input: Arc<TiffInput>,
    pub(super) order: ByteOrder,
    variety: Variety,
    /// Where the first directory stands.
    pub(super) first: u64,
}

/// What is known of one image, tag by tag.
pub(super) struct Directory {
    entries: BTreeMap<u16, Entry>,
    /// Where the next directory stands; 0 after the last one.
    pub(super) next: u64,
}

impl Directory {
    pub(super) fn entry(&self, tag: u16) -> Option<&Entry> {
        self.entries.get(&tag)
    }
}

/// The values of a tag, or where they stand.
pub(super) struct Entry {
    pub(super) kind: u16,
    pub(super) count: u64,
    value: Vec<u8>,
}

impl Structure {
    pub(super) fn open(input: Arc<TiffInput>) -> Result<Self, Refusal> {
        let head = input.bytes(0, 8)?;
        let order = if head.starts_with(b"MM") { ByteOrder::Big } else { ByteOrder::Little };
        let version = order.number([head[2], head[3]]);
        let (variety, at) = match (version, order.number([head[4], head[5], head[6], head[7]])) {
            (42, _) => (Variety::Classic, 4),
            // Bytes of an offset, and zero.
            (43, 8) if order == ByteOrder::Little => (Variety::Big, 8),
            (43, 0x8_0000) if order == ByteOrder::Big => (Variety::Big, 8),
            (43, _) => {
                let what = "a BigTIFF with offsets of another size than 8 bytes";
                return Err(Refusal::unsupported(what, "write it again with another program, as TIFF or BigTIFF"));
            }
            _ => {
                return Err(Refusal::Decode(
                    format!("its head has the version {version} of TIFF, not 42 or 43").into(),
                ));
            }
        };
        let mut structure = Self { input, order, variety, first: 0 };
        let first = structure.input.bytes(at, variety.offset_bytes() as u64)?;
        structure.first = structure.number(&first);
        Ok(structure)
    }

    /// The number that 1, 2, 4 or 8 bytes stand for.
    fn number(&self, bytes: &[u8]) -> u64 {
        match *bytes {
            [a] => self.order.number([a]),
            [a, b] => self.order.number([a, b]),
            [a, b, c, d] => self.order.number([a, b, c, d]),
            _ => bytes.as_array().map_or(0, |bytes: &[u8; 8]| self.order.number(*bytes)),
        }
    }

    /// The directory at an offset.
    pub(super) fn directory(&self, offset: u64) -> Result<Directory, DecodeError> {
        let count_bytes = self.variety.count_bytes() as u64;
        let count = self.number(&self.input.bytes(offset, count_bytes)?);
        if count == 0 || count > MOST_ENTRIES {
            return Err(format!("the directory at byte {offset} has {count} entries").into());
        }
        let (entry_bytes, offset_bytes) = (self.variety.entry_bytes(), self.variety.offset_bytes());
        let bytes = self.input.bytes(offset + count_bytes, count * entry_bytes as u64 + offset_bytes as u64)?;
        let (entries, next) = bytes.split_at(bytes.len() - offset_bytes);
        let entries = entries.chunks_exact(entry_bytes).map(|entry| self.entry(entry)).collect();
        Ok(Directory { entries, next: self.number(next) })
    }

    /// A tag and its entry.
    fn entry(&self, bytes: &[u8]) -> (u16, Entry) {
        let short = |at: usize| u16::try_from(self.number(&bytes[at..at + 2])).expect("two bytes");
        let (count, value) = bytes[4..].split_at(self.variety.offset_bytes());
        (short(0), Entry { kind: short(2), count: self.number(count), value: value.to_owned() })
    }

    /// The size of an entry's values in bytes; `None` if their type is unknown, or if it is beyond all numbers.
    pub(super) fn size(entry: &Entry) -> Option<u64> {
        value_bytes(entry.kind).and_then(|bytes| entry.count.checked_mul(bytes as u64))
    }

    /// The bytes of an entry's values, `None` where they are more than `most` or of an unknown type.
    pub(super) fn content(&self, entry: &Entry, most: u64) -> Result<Option<Vec<u8>>, DecodeError> {
        match Self::size(entry) {
            None => Ok(None),
            Some(bytes) if bytes > most => Ok(None),
            Some(bytes) if bytes <= entry.value.len() as u64 => {
                Ok(entry.value.get(..usize::try_from(bytes)?).map(<[u8]>::to_owned))
            }
            Some(bytes) => self.input.bytes(self.number(&entry.value), bytes).map(Some),
        }
    }

    /// An entry's values where they are whole numbers without a sign, and no more than `most`.
    pub(super) fn numbers(&self, entry: &Entry, most: u64) -> Result<Option<Vec<u64>>, DecodeError> {
        let Some(bytes) = value_bytes(entry.kind).filter(|_| is_unsigned(entry.kind)) else { return Ok(None) };
        let content = self.content(entry, most.saturating_mul(bytes as u64))?;
        Ok(content.map(|content| content.chunks_exact(bytes).map(|value| self.number(value)).collect()))
    }

    /// Returns an entry's first values, at most `most`, if they are whole numbers without a sign.
    pub(super) fn first_numbers(&self, entry: &Entry, most: u64) -> Result<Option<Vec<u64>>, DecodeError> {
        let Some(bytes) = value_bytes(entry.kind).filter(|_| is_unsigned(entry.kind)) else { return Ok(None) };
        let wanted = entry.count.min(most).saturating_mul(bytes as u64);
        let is_inside = entry.count.saturating_mul(bytes as u64) <= entry.value.len() as u64;
        let content = match usize::try_from(wanted) {
            Ok(wanted) if is_inside => entry.value[..wanted].to_owned(),
            _ => self.input.bytes(self.number(&entry.value), wanted)?,
        };
        Ok(Some(content.chunks_exact(bytes).map(|value| self.number(value)).collect()))
    }

    /// An entry's values where they are fractions, and no more than `most`.
    pub(super) fn fractions(&self, entry: &Entry, most: u64) -> Result<Option<Vec<f64>>, DecodeError> {
        if entry.kind != RATIONAL {
            return Ok(None);
        }
        let content = self.content(entry, most.saturating_mul(8))?;
        let halves: Vec<f64> = content
            .iter()
            .flat_map(|content| content.as_chunks::<4>().0)
            .map(|half| u32::try_from(self.order.number(*half)).map_or(0.0, f64::from))
            .collect();
        Ok(content.map(|_| halves.as_chunks::<2>().0.iter().map(|[above, below]| above / below).collect()))
    }
}

/// Types of values (TIFF 6.0, section 2).
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

/// Bytes of one value; the others are text, bytes, and what has a sign or a fraction.
fn value_bytes(kind: u16) -> Option<usize> {
    match kind {
        BYTE | 2 | 6 | 7 => Some(1),
        SHORT | 8 => Some(2),
        LONG | IFD | 9 | 11 => Some(4),
        RATIONAL | LONG8 | IFD8 | 10 | 12 | 17 => Some(8),
        _ => None,
    }
}
