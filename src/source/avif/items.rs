//! The items of a file and what is known about them (ISO/IEC 23008-12): the `meta` box.

use super::boxes::{FileBox, Numbers, boxes};
use super::properties::Property;
use super::{DecodeError, Input, Refusal};
use crate::source::metadata::MAX_PROFILE_BYTES;
use std::collections::BTreeMap;
use std::ops::Range;

/// Maximum size of a box in `meta`, in bytes, other than properties. Only tables of items are read.
const MAX_TABLE_BYTES: u64 = 2 << 20;

/// Maximum number of bytes of all properties together. Only color profiles are large.
const MAX_PROPERTY_BYTES: u64 = 2 * MAX_PROFILE_BYTES;

/// Maximum number of extents of all items together.
const MAX_EXTENTS: usize = 200_000;

/// An item: an image, a part of one, or metadata.
#[derive(Clone, Debug, Default)]
pub(super) struct Item {
    pub(super) kind: [u8; 4],
    /// Where its bytes are in the file.
    pub(super) extents: Vec<Range<u64>>,
    /// Indices of its properties, and whether a reader must understand them.
    properties: Vec<(usize, bool)>,
}

/// A reference between items.
struct Reference {
    kind: [u8; 4],
    from: u32,
    to: Vec<u32>,
}

/// The contents of the `meta` box.
pub(super) struct Items {
    pub(super) primary: u32,
    items: BTreeMap<u32, Item>,
    properties: Vec<Property>,
    references: Vec<Reference>,
}

impl Items {
    pub(super) fn read(file: &Input) -> Result<Self, Refusal> {
        let outer = boxes(file, 0..file.length(), Some(b"meta"))?;
        let Some(meta) = outer.into_iter().find(|one| &one.kind == b"meta") else {
            return Err(Refusal::Unsupported("an AVIF sequence without a still image".to_owned()));
        };
        // `meta` is a full box: its version and flags come first.
        let start = (meta.content.start + 4).min(meta.content.end);
        let inner = boxes(file, start..meta.content.end, None)?;
        let mut items = Self { primary: 0, items: BTreeMap::new(), properties: Vec::new(), references: Vec::new() };
        let data = inner.iter().find(|one| &one.kind == b"idat").map_or(0..0, |data| data.content.clone());
        for one in &inner {
            let mut table = |read: &dyn Fn(&mut Self, Numbers) -> Result<(), DecodeError>| {
                one.read(file, MAX_TABLE_BYTES).and_then(|content| read(&mut items, Numbers(&content)))
            };
            match &one.kind {
                b"pitm" => table(&Self::read_primary)?,
                b"iinf" => table(&Self::read_kinds)?,
                b"iloc" => table(&|items, numbers| items.read_locations(numbers, file.length(), &data))?,
                b"iref" => table(&Self::read_references)?,
                b"iprp" => items.read_properties(file, one)?,
                _ => {}
            }
        }
        Ok(items)
    }

    /// Returns an item.
    pub(super) fn item(&self, id: u32) -> Result<&Item, DecodeError> {
        self.items.get(&id).ok_or_else(|| "an item that it refers to is missing".into())
    }

    /// Returns the properties of an item. Fails if one that a reader must understand is unknown.
    pub(super) fn properties(&self, item: &Item) -> Result<Vec<&Property>, Refusal> {
        let mut properties = Vec::new();
        for (index, is_essential) in &item.properties {
            // 0 is no property.
            let property = index.checked_sub(1).and_then(|index| self.properties.get(index));
            match property {
                Some(Property::Unknown(kind)) if *is_essential => {
                    let kind = kind.escape_ascii();
                    return Err(Refusal::Unsupported(format!("an AVIF image with the property `{kind}`")));
                }
                Some(property) => properties.push(property),
                None => {}
            }
        }
        Ok(properties)
    }

    /// Returns the items that an item refers to.
    pub(super) fn references(&self, kind: &[u8; 4], from: u32) -> &[u32] {
        let mut found = self.references.iter().filter(|one| &one.kind == kind && one.from == from);
        found.next().map_or(&[], |found| &found.to)
    }

    /// Returns the items that refer to an item.
    pub(super) fn referrers(&self, kind: &[u8; 4], to: u32) -> impl Iterator<Item = u32> {
        self.references.iter().filter(move |one| &one.kind == kind && one.to.contains(&to)).map(|one| one.from)
    }

    fn read_primary(&mut self, mut numbers: Numbers) -> Result<(), DecodeError> {
        let (version, _) = numbers.version_and_flags()?;
        self.primary = read_id(&mut numbers, version > 0)?;
        Ok(())
    }

    /// Reads `iinf`: the kind of each item.
    fn read_kinds(&mut self, mut numbers: Numbers) -> Result<(), DecodeError> {
        let (version, _) = numbers.version_and_flags()?;
        let count = read_id(&mut numbers, version > 0)?;
        for _ in 0..count {
            let length = numbers.long()? as usize;
            let mut entry = Numbers(numbers.take(length.saturating_sub(4))?);
            if entry.take(4)? != b"infe" {
                continue;
            }
            let (version, _) = entry.version_and_flags()?;
            // Older versions have no kind, and aren't for images.
            if version >= 2 {
                let id = read_id(&mut entry, version > 2)?;
                entry.short()?;
                self.items.entry(id).or_default().kind = entry.take(4)?.try_into()?;
            }
        }
        Ok(())
    }

    /// Reads `iloc`: where the bytes of each item are, in the file or in `data`.
    fn read_locations(&mut self, mut numbers: Numbers, end: u64, data: &Range<u64>) -> Result<(), DecodeError> {
        let (version, _) = numbers.version_and_flags()?;
        let sizes = numbers.short()?;
        let nibble = |shift: u16| usize::from(sizes >> shift & 15).min(8);
        let (offset_size, length_size, base_size) = (nibble(12), nibble(8), nibble(4));
        let index_size = if version > 0 { nibble(0) } else { 0 };
        let count = read_id(&mut numbers, version > 1)?;
        let mut extents = 0;
        for _ in 0..count {
            let id = read_id(&mut numbers, version > 1)?;
            let method = if version > 0 { numbers.short()? & 15 } else { 0 };
            numbers.short()?;
            let base = numbers.number(base_size)?;
            let item = self.items.entry(id).or_default();
            let place = match method {
                0 => Some(0..end),
                1 => Some(data.clone()),
                _ => None,
            };
            for _ in 0..numbers.short()? {
                numbers.take(index_size)?;
                let (offset, length) = (numbers.number(offset_size)?, numbers.number(length_size)?);
                extents += 1;
                if extents > MAX_EXTENTS {
                    return Err("it has too many items".into());
                }
                let start = place.as_ref().and_then(|place| place.start.checked_add(base)?.checked_add(offset));
                let (Some(start), Some(place)) = (start, &place) else { continue };
                // A length of 0 means up to the end.
                let to = if length == 0 { Some(place.end) } else { start.checked_add(length) };
                // An extent out of bounds is an error only if it is read.
                item.extents.push(start..to.unwrap_or(u64::MAX).min(u64::MAX - 1));
            }
        }
        Ok(())
    }

    fn read_references(&mut self, mut numbers: Numbers) -> Result<(), DecodeError> {
        let (version, _) = numbers.version_and_flags()?;
        while !numbers.0.is_empty() {
            let length = numbers.long()? as usize;
            let mut entry = Numbers(numbers.take(length.saturating_sub(4))?);
            let kind = entry.take(4)?.try_into()?;
            let from = read_id(&mut entry, version > 0)?;
            let count = entry.short()?;
            let to = (0..count).map(|_| read_id(&mut entry, version > 0)).collect::<Result<_, _>>()?;
            self.references.push(Reference { kind, from, to });
        }
        Ok(())
    }

    /// Reads `iprp`: all properties, and which item has which.
    fn read_properties(&mut self, file: &Input, one: &FileBox) -> Result<(), DecodeError> {
        for inner in boxes(file, one.content.clone(), None)? {
            match &inner.kind {
                b"ipco" => {
                    let mut left = MAX_PROPERTY_BYTES;
                    for property in boxes(file, inner.content, None)? {
                        let bytes = property.content.end - property.content.start;
                        self.properties.push(Property::read(file, &property, left)?);
                        left = left.saturating_sub(bytes);
                    }
                }
                b"ipma" => self.read_associations(Numbers(&inner.read(file, MAX_TABLE_BYTES)?))?,
                _ => {}
            }
        }
        Ok(())
    }

    fn read_associations(&mut self, mut numbers: Numbers) -> Result<(), DecodeError> {
        let (version, flags) = numbers.version_and_flags()?;
        let count = numbers.long()?;
        for _ in 0..count {
            let id = read_id(&mut numbers, version > 0)?;
            let item = self.items.entry(id).or_default();
            for _ in 0..numbers.byte()? {
                let (index, is_essential) = if flags & 1 == 1 {
                    let short = numbers.short()?;
                    (usize::from(short & 0x7fff), short >> 15 == 1)
                } else {
                    let byte = numbers.byte()?;
                    (usize::from(byte & 0x7f), byte >> 7 == 1)
                };
                item.properties.push((index, is_essential));
            }
        }
        Ok(())
    }
}

/// Reads an identifier or a count of two or four bytes.
fn read_id(numbers: &mut Numbers, is_long: bool) -> Result<u32, DecodeError> {
    if is_long { numbers.long() } else { Ok(numbers.short()?.into()) }
}
