//! EXIF metadata. It's a small TIFF file, and we only read the `Orientation` tag in its first directory.

use super::super::Orientation;

const HEAD: &[u8] = b"Exif\0\0";

/// `Orientation` tag number.
const ORIENTATION: u16 = 0x0112;

/// Value types (TIFF 6.0, section 2).
const BYTE: u16 = 1;
const SHORT: u16 = 3;
const LONG: u16 = 4;

/// Parsed contents of an EXIF block.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Exif {
    /// The block is empty.
    Empty,
    /// The block is valid. `None` means there's no orientation or it's explicitly unknown.
    Orientation(Option<Orientation>),
    /// The block is damaged. Contains the reason.
    Unreadable(String),
}

/// Parses an EXIF block. The `Exif\0\0` prefix is optional, because some writers omit it and others add it in every
/// container.
pub(super) fn read(block: &[u8]) -> Exif {
    // Some writers add the prefix twice.
    let mut block = block;
    while let Some(rest) = block.strip_prefix(HEAD) {
        block = rest;
    }
    if block.is_empty() {
        return Exif::Empty;
    }
    let Some(directory) = Directory::first(block) else {
        return Exif::Unreadable("it does not start like EXIF".to_owned());
    };
    match directory.orientation() {
        None => Exif::Unreadable("it ends too early".to_owned()),
        Some(0) => Exif::Orientation(None),
        Some(value) => match orientation_from_tag(value.into()) {
            None => Exif::Unreadable(format!("its orientation is {value}, above the maximum of 8")),
            orientation => Exif::Orientation(orientation),
        },
    }
}

/// Converts a tag value to an orientation. Returns `None` if the value is invalid.
pub(in super::super) fn orientation_from_tag(value: u64) -> Option<Orientation> {
    let value = u16::try_from(value).ok().filter(|value| (1..=8).contains(value))?;
    Some(Orientation::from_exif(value))
}

/// First directory in an EXIF block.
struct Directory<'a> {
    block: &'a [u8],
    is_little_endian: bool,
    offset: u32,
}

impl<'a> Directory<'a> {
    fn first(block: &'a [u8]) -> Option<Self> {
        let is_little_endian = match block.get(..4)? {
            b"II*\0" => true,
            b"MM\0*" => false,
            _ => return None,
        };
        let mut directory = Self { block, is_little_endian, offset: 0 };
        directory.offset = directory.long(4)?;
        Some(directory)
    }

    fn short(&self, at: usize) -> Option<u16> {
        let bytes = *self.block.get(at..)?.first_chunk()?;
        Some(if self.is_little_endian { u16::from_le_bytes(bytes) } else { u16::from_be_bytes(bytes) })
    }

    fn long(&self, at: usize) -> Option<u32> {
        let bytes = *self.block.get(at..)?.first_chunk()?;
        Some(if self.is_little_endian { u32::from_le_bytes(bytes) } else { u32::from_be_bytes(bytes) })
    }

    /// Returns the tag's value, 0 if the directory doesn't contain it, or `None` if the block is truncated.
    fn orientation(&self) -> Option<u32> {
        const ENTRY_BYTES: usize = 12;
        let directory = usize::try_from(self.offset).ok()?;
        let entries = usize::from(self.short(directory)?);
        for entry in 0..entries {
            // Entries are supposed to be sorted by tag, but not every writer does that, so keep going even after a
            // larger tag.
            let at = directory.checked_add(2 + entry * ENTRY_BYTES)?;
            if self.short(at)? == ORIENTATION {
                return self.value(at);
            }
        }
        Some(0)
    }

    /// Returns an entry's first value. A short is stored in the first two of the four bytes, regardless of byte order.
    fn value(&self, entry: usize) -> Option<u32> {
        let at = entry + 8;
        match self.short(entry + 2)? {
            BYTE => self.block.get(at).copied().map(u32::from),
            SHORT => self.short(at).map(u32::from),
            LONG => self.long(at),
            // If it isn't a number, it can't be an orientation.
            _ => Some(u32::MAX),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Creates a block containing an orientation with the given type and byte order.
    fn block(is_little_endian: bool, kind: u16, value: u32) -> Vec<u8> {
        let short = |value: u16| if is_little_endian { value.to_le_bytes() } else { value.to_be_bytes() };
        let long = |value: u32| if is_little_endian { value.to_le_bytes() } else { value.to_be_bytes() };
        let value = match kind {
            BYTE => [u8::try_from(value).expect("small"), 0, 0, 0],
            SHORT => [short(u16::try_from(value).expect("small")), [0; 2]].concat().try_into().expect("four"),
            _ => long(value),
        };
        let mark: &[u8] = if is_little_endian { b"II*\0" } else { b"MM\0*" };
        [mark, &long(8), &short(1), &short(ORIENTATION), &short(kind), &long(1), &value, &[0; 4]].concat()
    }

    #[test]
    fn the_orientation_is_read_by_its_type_in_both_byte_orders() {
        for (is_little_endian, kind) in [BYTE, SHORT, LONG].into_iter().flat_map(|kind| [(true, kind), (false, kind)]) {
            for value in 1..=8 {
                let expected = Exif::Orientation(orientation_from_tag(value.into()));
                assert_eq!(read(&block(is_little_endian, kind, value)), expected, "{kind} {is_little_endian}");
            }
        }
        assert_eq!(read(&block(true, SHORT, 0)), Exif::Orientation(None));
        assert!(matches!(read(&block(true, SHORT, 9)), Exif::Unreadable(_)));
        assert!(matches!(read(&block(true, 2, 6)), Exif::Unreadable(_)), "text is not a number");
    }

    #[test]
    fn a_prefix_is_skipped_and_truncation_is_detected() {
        let whole = block(false, SHORT, 6);
        for heads in 0..3 {
            assert_eq!(read(&[HEAD.repeat(heads), whole.clone()].concat()), read(&whole));
        }
        for length in 1..20 {
            assert!(matches!(read(&whole[..length]), Exif::Unreadable(_)), "{length}");
        }
        assert_eq!(read(b""), Exif::Empty);
        assert_eq!(read(HEAD), Exif::Empty);
        assert!(matches!(read(b"II*\0\xff\xff\xff\xff"), Exif::Unreadable(_)));
    }
}
