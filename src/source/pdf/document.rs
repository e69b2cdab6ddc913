//! Finds a file's objects. Each object is read on demand, so files of any size need little memory.

use super::filter::{self, Decoded};
use super::index::{Entry, Index, ObjectStream};
use super::lexer::Lexer;
use super::object::{Dictionary, Object, Resolve, Stream};
use crate::source::{DecodeError, Input};
use std::cell::Cell;
use std::io::{self, Read};
use std::sync::Arc;

/// Number of bytes to read initially for an object. Most objects are smaller.
const WINDOW_BYTES: usize = 1 << 10;

/// Maximum object size in bytes, not counting stream data. A list of 100,000 pages is about 1 MB.
const MAX_OBJECT_BYTES: usize = 2 << 20;

/// Maximum unpacked size of an object stream, in bytes.
const MAX_OBJECT_STREAM_BYTES: u64 = 12 << 20;

/// Maximum length of a chain of references.
const MAX_REFERENCES: usize = 16;

/// Number of bytes to read past an object to make sure that it's complete. The longest keyword is `endstream`.
const MARGIN_BYTES: usize = 32;

/// Number of bytes to search at a time.
pub(super) const SEARCH_BYTES: usize = 64 << 10;

/// Maximum number of bytes to parse and unpack for a single page, or for the page list. Damaged or malicious files may
/// refer to the same bytes over and over.
const MAX_WORK_BYTES: u64 = 2 << 30;

/// A file and its object index.
pub(super) struct Document {
    file: Input,
    pub(super) index: Arc<Index>,
    /// Number of bytes parsed and unpacked so far.
    work: Cell<u64>,
}

impl Document {
    pub(super) fn new(file: Input, index: Arc<Index>) -> Self {
        Self { file, index, work: Cell::new(0) }
    }

    pub(super) fn file(&self) -> &Input {
        &self.file
    }

    /// Adds to the number of bytes parsed and unpacked. Returns `false` once the limit is exceeded.
    pub(super) fn spend(&self, bytes: u64) -> bool {
        self.work.set(self.work.get().saturating_add(bytes));
        self.work.get() <= MAX_WORK_BYTES
    }

    /// Fails if the work limit was exceeded, because some objects were skipped.
    pub(super) fn check_work(&self) -> Result<(), DecodeError> {
        if self.spend(0) { Ok(()) } else { Err("its structure is too complex".into()) }
    }

    /// Returns up to `length` bytes starting at an offset. Stops at the end of the file.
    pub(super) fn window(&self, offset: u64, length: usize) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.file.part(offset, length as u64).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// Resolves a reference. Returns null if the object is missing or damaged.
    pub(super) fn resolve(&self, object: &Object) -> Object {
        let mut object = object.clone();
        for _ in 0..MAX_REFERENCES {
            match object {
                Object::Reference(number) => object = self.load(number),
                object => return object,
            }
        }
        Object::Null
    }

    /// Returns a dictionary value, or null if it's missing.
    pub(super) fn get(&self, dictionary: &Dictionary, key: &[u8]) -> Object {
        dictionary.raw(key).map_or(Object::Null, |value| self.resolve(value))
    }

    /// Returns a dictionary value unless it's missing or null.
    pub(super) fn find(&self, dictionary: &Dictionary, key: &[u8]) -> Option<Object> {
        Some(self.get(dictionary, key)).filter(|value| *value != Object::Null)
    }

    /// Returns a nested dictionary, which is empty if the key is missing.
    pub(super) fn dictionary(&self, dictionary: &Dictionary, key: &[u8]) -> Dictionary {
        self.get(dictionary, key).dictionary().cloned().unwrap_or_default()
    }

    /// Returns an array of numbers from a dictionary, or `None` if it has fewer than `COUNT`.
    pub(super) fn numbers<const COUNT: usize>(&self, dictionary: &Dictionary, key: &[u8]) -> Option<[f64; COUNT]> {
        self.numbers_of(&self.get(dictionary, key))
    }

    /// Returns an array's first numbers, or `None` if it has fewer than `COUNT`.
    pub(super) fn numbers_of<const COUNT: usize>(&self, array: &Object) -> Option<[f64; COUNT]> {
        let array = array.array().filter(|array| array.len() >= COUNT)?;
        let mut numbers = [0.0; COUNT];
        for (number, object) in numbers.iter_mut().zip(array) {
            *number = self.resolve(object).number()?;
        }
        Some(numbers)
    }

    /// Returns the object with this number, or null if it's missing.
    pub(super) fn load(&self, number: u32) -> Object {
        let object = match self.index.entry(number) {
            Entry::Missing | Entry::Free => None,
            Entry::At(offset) => self.object_at(offset).filter(|(found, _)| *found == number).map(|(_, object)| object),
            Entry::Within { stream, index } => {
                let found = self.object_stream(stream).and_then(|stream| stream.object(number, index));
                found.filter(|(_, bytes)| self.spend(*bytes as u64)).map(|(object, _)| object)
            }
        };
        object.unwrap_or_default()
    }

    /// Reads the object at an offset along with its number.
    pub(super) fn object_at(&self, offset: u64) -> Option<(u32, Object)> {
        let mut length = WINDOW_BYTES;
        loop {
            let window = self.window(offset, length).ok()?;
            if !self.spend(window.len() as u64) {
                return None;
            }
            let is_whole = window.len() < length || length >= MAX_OBJECT_BYTES;
            let (parsed, end) = indirect_object(&window, offset);
            if is_whole || (parsed.is_some() && end + MARGIN_BYTES < window.len()) {
                return parsed;
            }
            length *= 8;
        }
    }

    /// Returns an object stream, from the cache if possible.
    fn object_stream(&self, number: u32) -> Option<Arc<ObjectStream>> {
        if let Some(stream) = self.index.cached(number) {
            return Some(stream);
        }
        // Object streams are stored in the file directly, as is everything needed to unpack them.
        let Entry::At(offset) = self.index.entry(number) else { return None };
        let (_, object) = self.object_at(offset)?;
        let stream = Arc::new(self.read_object_stream(object.stream()?)?);
        self.index.cache(number, &stream);
        Some(stream)
    }

    /// Unpacks an object stream.
    pub(super) fn read_object_stream(&self, stream: &Stream) -> Option<ObjectStream> {
        let data = self.data(stream, MAX_OBJECT_STREAM_BYTES)?;
        let number = |key: &[u8]| u32::try_from(self.get(&stream.dictionary, key).integer()?).ok();
        ObjectStream::new(data, number(b"N")?, number(b"First")?)
    }

    /// Returns a stream's data as stored in the file.
    pub(super) fn stream_input(&self, stream: &Stream) -> Input {
        let length = self.get(&stream.dictionary, b"Length").integer().and_then(|length| u64::try_from(length).ok());
        let stated = length.filter(|length| self.has_end_after(stream.start, *length));
        let length = stated.unwrap_or_else(|| self.search_end(stream.start));
        self.file.part(stream.start, length)
    }

    /// Returns `true` if a stream of this length is followed by an end marker.
    fn has_end_after(&self, start: u64, length: u64) -> bool {
        let Some(end) = start.checked_add(length).filter(|end| *end <= self.file.length()) else { return false };
        let Ok(window) = self.window(end, MARGIN_BYTES) else { return false };
        Lexer::new(&window).keyword(b"endstream") || Lexer::new(&window).keyword(b"endobj")
    }

    /// Returns a stream's actual length if the stated length is wrong.
    fn search_end(&self, start: u64) -> u64 {
        const END: &[u8] = b"endstream";
        let mut at = start;
        while let Ok(window) = self.window(at, SEARCH_BYTES) {
            if let Some(found) = find(&window, END) {
                let end = at + found as u64;
                // The line break before the end marker isn't part of the data.
                let before = self.window(end.saturating_sub(2).max(start), 2).unwrap_or_default();
                let line_end = match before[..] {
                    [b'\r', b'\n'] => 2,
                    [.., b'\r' | b'\n'] => 1,
                    _ => 0,
                };
                return (end - start).saturating_sub(line_end);
            }
            if window.len() < SEARCH_BYTES || !self.spend(window.len() as u64) {
                break;
            }
            at += (window.len() - END.len()) as u64;
        }
        self.file.length().saturating_sub(start)
    }

    /// Prepares to decode a stream.
    ///
    /// # Errors
    /// Returns an error if the stream is encrypted or uses unknown filters.
    pub(super) fn decode(&self, stream: &Stream) -> Result<Decoded, DecodeError> {
        filter::decode(self, &stream.dictionary, self.stream_input(stream))
    }

    /// Returns up to `max` bytes of decoded stream data. Returns `None` if the data is longer, damaged at its start, or
    /// an image.
    pub(super) fn data(&self, stream: &Stream, max: u64) -> Option<Vec<u8>> {
        let decoded = self.decode(stream).ok().filter(|decoded| decoded.codec.is_none())?;
        let mut bytes = Vec::new();
        let result = decoded.bytes.take(max + 1).read_to_end(&mut bytes);
        let is_usable = result.is_ok() || !bytes.is_empty();
        (self.spend(bytes.len() as u64) && is_usable && bytes.len() as u64 <= max).then_some(bytes)
    }
}

impl Resolve for Document {
    fn resolve(&self, object: &Object) -> Object {
        self.resolve(object)
    }
}

/// Parses an indirect object at the start of `window`. Also returns the number of bytes parsed.
fn indirect_object(window: &[u8], offset: u64) -> (Option<(u32, Object)>, usize) {
    let mut lexer = Lexer::new(window);
    let mut parse = || {
        let number = u32::try_from(lexer.integer()?).ok()?;
        lexer.integer()?;
        let object = if lexer.keyword(b"obj") { lexer.object()? } else { return None };
        Some((number, object))
    };
    let parsed = parse();
    let Some((number, object)) = parsed else { return (None, lexer.position()) };
    let object = match object {
        Object::Dictionary(dictionary) if lexer.keyword(b"stream") => {
            let start = offset + lexer.stream_start() as u64;
            Object::Stream(Arc::new(Stream { dictionary, start }))
        }
        object => object,
    };
    (Some((number, object)), lexer.position())
}

/// Returns the position of the first match.
pub(super) fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}
