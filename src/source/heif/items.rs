//! Reads a file's items and their properties from the `meta` box (ISO/IEC 23008-12).

use super::boxes::{FileBox, Numbers, boxes};
use super::properties::Property;
use super::{DecodeError, Input, Refusal};
use crate::source::metadata::MAX_PROFILE_BYTES;
use std::collections::{BTreeMap, HashSet};
use std::ops::Range;
use std::slice;

/// Maximum size in bytes of a box inside `meta`, except for properties. Only item tables are read.
const MAX_TABLE_BYTES: u64 = 2 << 20;

/// Maximum size of all properties combined, in bytes. Only color profiles are large.
const MAX_PROPERTY_BYTES: u64 = 2 * MAX_PROFILE_BYTES;

/// Maximum number of extents across all items.
const MAX_EXTENTS: usize = 200_000;

/// An item, such as an image, part of an image, or metadata.
#[derive(Clone, Debug, Default)]
pub(super) struct Item {
    pub(super) kind: [u8; 4],
    /// Byte ranges of the item's content in the file.
    pub(super) extents: Vec<Range<u64>>,
    is_hidden: bool,
    /// Property indices, each with `true` if readers must understand the property.
    properties: Vec<(usize, bool)>,
}

/// A reference between items.
struct Reference {
    kind: [u8; 4],
    from: u32,
    to: Vec<u32>,
}

impl Reference {
    /// Returns the items that are only part of another image, or that only accompany one.
    fn parts(&self) -> &[u32] {
        match &self.kind {
            b"dimg" => &self.to,
            b"auxl" | b"thmb" => slice::from_ref(&self.from),
            _ => &[],
        }
    }
}

/// Contents of the `meta` box.
pub(super) struct Items {
    /// Name of the file's format.
    pub(super) container: &'static str,
    pub(super) primary: u32,
    by_id: BTreeMap<u32, Item>,
    properties: Vec<Property>,
    references: Vec<Reference>,
}

impl Items {
    pub(super) fn read(file: &Input, container: &'static str) -> Result<Self, Refusal> {
        let outer = boxes(file, 0..file.length(), Some(b"meta"))?;
        let Some(meta) = outer.into_iter().find(|one| &one.kind == b"meta") else {
            return Err(Refusal::Unsupported(format!("a sequence without a still image ({container})")));
        };
        // `meta` is a full box, so it starts with a version and flags.
        let start = (meta.content.start + 4).min(meta.content.end);
        let inner = boxes(file, start..meta.content.end, None)?;
        let mut items =
            Self { container, primary: 0, by_id: BTreeMap::new(), properties: Vec::new(), references: Vec::new() };
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

    /// Returns the item with this ID.
    pub(super) fn item(&self, id: u32) -> Result<&Item, DecodeError> {
        self.by_id.get(&id).ok_or_else(|| "an item that it refers to is missing".into())
    }

    /// Returns an item's properties. Fails if an essential property is unknown.
    pub(super) fn properties(&self, item: &Item) -> Result<Vec<&Property>, Refusal> {
        let mut properties = Vec::new();
        for (index, is_essential) in &item.properties {
            // Property indices start at 1.
            let property = index.checked_sub(1).and_then(|index| self.properties.get(index));
            match property {
                Some(Property::Unknown(kind)) if *is_essential => {
                    let kind = kind.escape_ascii();
                    let container = self.container;
                    return Err(Refusal::Unsupported(format!("an image with the property `{kind}` ({container})")));
                }
                Some(property) => properties.push(property),
                None => {}
            }
        }
        Ok(properties)
    }

    /// Returns `true` if an item is an alpha channel.
    pub(super) fn is_alpha(&self, item: &Item) -> bool {
        let properties = item.properties.iter().filter_map(|(index, _)| self.properties.get(index.checked_sub(1)?));
        properties.into_iter().any(|property| matches!(property, Property::Auxiliary { is_alpha: true }))
    }

    /// Returns the items that an item refers to with this kind of reference.
    pub(super) fn references(&self, kind: [u8; 4], from: u32) -> &[u32] {
        let mut found = self.references.iter().filter(|one| one.kind == kind && one.from == from);
        found.next().map_or(&[], |found| &found.to)
    }

    /// Returns the items that refer to an item with this kind of reference.
    pub(super) fn referrers(&self, kind: [u8; 4], to: u32) -> impl Iterator<Item = u32> {
        self.references.iter().filter(move |one| one.kind == kind && one.to.contains(&to)).map(|one| one.from)
    }

    /// Returns the number of images besides the primary one. Thumbnails, alpha channels, depth maps and parts of other
    /// images don't count.
    pub(super) fn other_images(&self) -> usize {
        let parts: HashSet<u32> = self.references.iter().flat_map(Reference::parts).copied().collect();
        let is_other = |(id, item): &(&u32, &Item)| {
            let is_image = matches!(&item.kind, b"av01" | b"grid" | b"hvc1" | b"iden" | b"iovl");
            is_image && !item.is_hidden && **id != self.primary && !parts.contains(id)
        };
        self.by_id.iter().filter(is_other).count()
    }

    fn read_primary(&mut self, mut numbers: Numbers) -> Result<(), DecodeError> {
        let (version, _) = numbers.version_and_flags()?;
        self.primary = read_id(&mut numbers, version > 0)?;
        Ok(())
    }

    /// Reads each item's kind from `iinf`.
    fn read_kinds(&mut self, mut numbers: Numbers) -> Result<(), DecodeError> {
        let (version, _) = numbers.version_and_flags()?;
        let count = read_id(&mut numbers, version > 0)?;
        for _ in 0..count {
            let length = numbers.long()? as usize;
            let mut entry = Numbers(numbers.take(length.saturating_sub(4))?);
            if entry.take(4)? != b"infe" {
                continue;
            }
            let (version, flags) = entry.version_and_flags()?;
            // Older versions have no kind and aren't used for images.
            if version >= 2 {
                let id = read_id(&mut entry, version > 2)?;
                entry.short()?;
                let item = self.by_id.entry(id).or_default();
                (item.kind, item.is_hidden) = (entry.take(4)?.try_into()?, flags & 1 == 1);
            }
        }
        Ok(())
    }

    /// Reads `iloc`, which locates each item's bytes in the file or in `data`.
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
            let item = self.by_id.entry(id).or_default();
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
                // A length of 0 means that the extent continues to the end.
                let to = if length == 0 { Some(place.end) } else { start.checked_add(length) };
                // An out-of-bounds extent is an error only if it's read.
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

    /// Reads all properties and their assignments to items from `iprp`.
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
            let item = self.by_id.entry(id).or_default();
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

/// Reads an ID or count, which is four bytes long if `is_long` is set and two bytes otherwise.
fn read_id(numbers: &mut Numbers, is_long: bool) -> Result<u32, DecodeError> {
    if is_long { numbers.long() } else { Ok(numbers.short()?.into()) }
}
