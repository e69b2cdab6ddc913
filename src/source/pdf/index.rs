//! Index of object locations.

use super::lexer::Lexer;
use super::object::{Dictionary, Object};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

/// Maximum number of objects in a file. A tagged book with 1,000 pages has about 300,000.
pub(super) const MAX_OBJECTS: u32 = 1 << 20;

/// Maximum combined size of the unpacked object streams to cache, in bytes. At least one is always kept.
const MAX_CACHED_BYTES: usize = 4 << 20;

/// An object's location.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Entry {
    /// Not in the index.
    Missing,
    /// The object was deleted.
    Free,
    /// File offset of the object.
    At(u64),
    /// The object is in an object stream.
    Within {
        /// Number of the object stream.
        stream: u32,
        /// Position within the object stream.
        index: u32,
    },
}

/// An entry packed into 8 bytes, because there may be a million of them.
#[derive(Clone, Copy, Default)]
struct Packed(u64);

impl Packed {
    fn new(entry: Entry) -> Option<Self> {
        const MAX_OFFSET: u64 = 1 << 62;
        Some(Self(match entry {
            Entry::Missing => 0,
            Entry::Free => 1,
            Entry::At(offset) if offset < MAX_OFFSET => offset << 2 | 2,
            Entry::Within { stream, index } if stream < MAX_OBJECTS && index < MAX_OBJECTS => {
                (u64::from(stream) << 32 | u64::from(index)) << 2 | 3
            }
            _ => return None,
        }))
    }

    fn entry(self) -> Entry {
        let value = self.0 >> 2;
        match self.0 & 3 {
            1 => Entry::Free,
            2 => Entry::At(value),
            3 => Entry::Within { stream: low(value >> 32), index: low(value) },
            _ => Entry::Missing,
        }
    }
}

fn low(value: u64) -> u32 {
    u32::try_from(value & u64::from(u32::MAX)).unwrap_or(u32::MAX)
}

/// Locations of all objects by number.
#[derive(Default)]
pub(super) struct Index {
    entries: Vec<Packed>,
    /// Combined entries of all trailers, newest first.
    pub(super) trailer: Dictionary,
    streams: Mutex<VecDeque<(u32, Arc<ObjectStream>)>>,
}

impl Index {
    pub(super) fn entry(&self, number: u32) -> Entry {
        self.entries.get(number as usize).map_or(Entry::Missing, |packed| packed.entry())
    }

    /// Returns the highest object number plus one.
    pub(super) fn end(&self) -> u32 {
        u32::try_from(self.entries.len()).unwrap_or(u32::MAX)
    }

    /// Sets an entry, replacing any older entry. Ignores numbers that are too high.
    pub(super) fn set(&mut self, number: u32, entry: Entry) {
        let Some(packed) = Packed::new(entry).filter(|_| number < MAX_OBJECTS) else { return };
        if number >= self.end() {
            self.entries.resize(number as usize + 1, Packed::default());
        }
        self.entries[number as usize] = packed;
    }

    /// Sets an entry unless it already exists.
    pub(super) fn add(&mut self, number: u32, entry: Entry) {
        if self.entry(number) == Entry::Missing {
            self.set(number, entry);
        }
    }

    /// Adds an older trailer's entries.
    pub(super) fn add_trailer(&mut self, trailer: Dictionary) {
        for (key, value) in trailer.0 {
            if self.trailer.raw(&key).is_none() {
                self.trailer.0.push((key, value));
            }
        }
    }

    pub(super) fn cached(&self, number: u32) -> Option<Arc<ObjectStream>> {
        let mut streams = self.streams.lock().unwrap_or_else(PoisonError::into_inner);
        let at = streams.iter().position(|(known, _)| *known == number)?;
        let found = streams.remove(at)?;
        let stream = Arc::clone(&found.1);
        streams.push_back(found);
        Some(stream)
    }

    pub(super) fn cache(&self, number: u32, stream: &Arc<ObjectStream>) {
        let mut streams = self.streams.lock().unwrap_or_else(PoisonError::into_inner);
        let bytes = |streams: &VecDeque<(u32, Arc<ObjectStream>)>| {
            streams.iter().map(|(_, stream)| stream.bytes()).sum::<usize>() + stream.bytes()
        };
        while !streams.is_empty() && bytes(&streams) > MAX_CACHED_BYTES {
            streams.pop_front();
        }
        streams.push_back((number, Arc::clone(stream)));
    }
}

/// Objects that are compressed together (ISO 32000-2, 7.5.7).
pub(super) struct ObjectStream {
    data: Vec<u8>,
    /// Number and position of each object.
    objects: Vec<(u32, u32)>,
}

impl ObjectStream {
    /// Creates an object stream with `count` objects. The object data starts at `first`, after the numbers and
    /// positions.
    pub(super) fn new(data: Vec<u8>, count: u32, first: u32) -> Option<Self> {
        let (mut lexer, mut objects) = (Lexer::new(&data), Vec::new());
        for _ in 0..count.min(MAX_OBJECTS) {
            let (Some(number), Some(offset)) = (lexer.integer(), lexer.integer()) else { break };
            let offset = u32::try_from(offset).ok()?.checked_add(first)?;
            objects.push((u32::try_from(number).ok()?, offset));
        }
        Some(Self { data, objects })
    }

    fn bytes(&self) -> usize {
        self.data.len() + size_of_val(&self.objects[..])
    }

    /// Returns the numbers of all objects.
    pub(super) fn numbers(&self) -> impl Iterator<Item = u32> {
        self.objects.iter().map(|(number, _)| *number)
    }

    /// Returns an object and the number of bytes parsed. The object is expected at this index, but may be elsewhere.
    pub(super) fn object(&self, number: u32, index: u32) -> Option<(Object, usize)> {
        let stated = self.objects.get(index as usize).filter(|(found, _)| *found == number);
        let (_, offset) = stated.or_else(|| self.objects.iter().find(|(found, _)| *found == number))?;
        let mut lexer = Lexer::at(&self.data, *offset as usize);
        let object = lexer.object()?;
        Some((object, lexer.position().saturating_sub(*offset as usize)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_fit_into_eight_bytes() {
        let mut index = Index::default();
        for (number, entry) in [
            (0, Entry::Free),
            (1, Entry::At(0)),
            (2, Entry::At((1 << 62) - 1)),
            (3, Entry::Within { stream: MAX_OBJECTS - 1, index: MAX_OBJECTS - 1 }),
            (9, Entry::Missing),
        ] {
            index.add(number, entry);
            index.add(number, Entry::At(7));
            let expected = if entry == Entry::Missing { Entry::At(7) } else { entry };
            assert_eq!(index.entry(number), expected);
        }
        index.set(MAX_OBJECTS, Entry::At(1));
        index.set(4, Entry::At(u64::MAX));
        assert_eq!((index.end(), index.entry(4)), (10, Entry::Missing));
    }
}
