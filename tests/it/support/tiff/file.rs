//! The structure around the pixels: header, directories, values.

use super::{Order, Page, Values, Variant};

pub(super) fn number(value: u64, bytes: usize, order: Order) -> Vec<u8> {
    match order {
        Order::Little => value.to_le_bytes()[..bytes].to_vec(),
        Order::Big => value.to_be_bytes()[8 - bytes..].to_vec(),
    }
}

/// Creates a file of several pages.
pub fn file(pages: &[Page], order: Order, variant: Variant) -> Vec<u8> {
    let mut writer = Writer { bytes: Vec::new(), order, variant };
    let mark = if order == Order::Little { b"II" } else { b"MM" };
    writer.bytes.extend(mark);
    match variant {
        Variant::Classic => writer.put(42, 2),
        Variant::Big => [(43, 2), (8, 2), (0, 2)].into_iter().for_each(|(value, bytes)| writer.put(value, bytes)),
    }
    let mut next_at = writer.bytes.len();
    writer.put(0, writer.offset_bytes());
    for page in pages {
        let (directory, next) = writer.directory(page);
        writer.set(next_at, directory);
        next_at = next;
    }
    writer.bytes
}

struct Writer {
    bytes: Vec<u8>,
    order: Order,
    variant: Variant,
}

impl Writer {
    fn offset_bytes(&self) -> usize {
        if self.variant == Variant::Classic { 4 } else { 8 }
    }

    fn put(&mut self, value: u64, bytes: usize) {
        self.bytes.extend(number(value, bytes, self.order));
    }

    fn set(&mut self, at: usize, offset: usize) {
        let bytes = number(offset as u64, self.offset_bytes(), self.order);
        self.bytes[at..at + bytes.len()].copy_from_slice(&bytes);
    }

    fn align(&mut self) {
        self.bytes.resize(self.bytes.len().next_multiple_of(8), 0);
    }

    /// Writes a page. Returns the offset of its directory, and the offset of its link to the next one.
    fn directory(&mut self, page: &Page) -> (usize, usize) {
        let children: Vec<u64> = page.children.iter().map(|child| self.directory(child).0 as u64).collect();
        let mut offsets = Vec::new();
        for piece in &page.pieces {
            self.align();
            offsets.push(self.bytes.len() as u64);
            self.bytes.extend(piece);
        }
        let sizes = page.pieces.iter().map(|piece| piece.len() as u64).collect();
        let (offset_tag, size_tag) = if page.is_tiled { (324, 325) } else { (273, 279) };
        let mut tags = page.tags.clone();
        tags.extend([(offset_tag, Values::Offsets(offsets)), (size_tag, Values::Offsets(sizes))]);
        if !children.is_empty() {
            tags.push((330, Values::Offsets(children)));
        }
        tags.sort_by_key(|(tag, _)| *tag);
        let entries: Vec<(u16, u16, usize, Vec<u8>)> =
            tags.into_iter().map(|(tag, values)| self.entry(tag, &values)).collect();
        self.align();
        let at = self.bytes.len();
        self.put(entries.len() as u64, if self.variant == Variant::Classic { 2 } else { 8 });
        for (tag, kind, count, value) in entries {
            self.put(tag.into(), 2);
            self.put(kind.into(), 2);
            self.put(count as u64, self.offset_bytes());
            self.bytes.extend(value);
        }
        let next = self.bytes.len();
        self.put(0, self.offset_bytes());
        (at, next)
    }

    /// Returns the type, the count, and the value or its offset.
    fn entry(&mut self, tag: u16, values: &Values) -> (u16, u16, usize, Vec<u8>) {
        let order = self.order;
        let (kind, count, bytes): (u16, usize, Vec<u8>) = match values {
            Values::Bytes(bytes) => (7, bytes.len(), bytes.clone()),
            Values::Shorts(shorts) => {
                (3, shorts.len(), shorts.iter().flat_map(|short| number((*short).into(), 2, order)).collect())
            }
            Values::Offsets(offsets) => {
                let (kind, bytes) = if self.variant == Variant::Classic { (4, 4) } else { (16, 8) };
                (kind, offsets.len(), offsets.iter().flat_map(|offset| number(*offset, bytes, order)).collect())
            }
            Values::Fractions(fractions) => {
                let halves = fractions.iter().flat_map(|(above, below)| [*above, *below]);
                (5, fractions.len(), halves.flat_map(|half| number(half.into(), 4, order)).collect())
            }
        };
        let max = self.offset_bytes();
        let value = if bytes.len() <= max {
            let mut value = bytes;
            value.resize(max, 0);
            value
        } else {
            self.align();
            let at = self.bytes.len() as u64;
            self.bytes.extend(bytes);
            number(at, max, order)
        };
        (tag, kind, count, value)
    }
}
