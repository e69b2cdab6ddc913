//! Finds the objects of a file. Each is read when it's needed, so that files of any size take little memory.

use super::filter::{self, Decoded};
use super::index::{Entry, Index, ObjectStream};
use super::lexer::Lexer;
use super::object::{Dictionary, Object, Resolve, Stream};
use crate::source::{DecodeError, Input};
use std::cell::Cell;
use std::io::{self, Read};
use std::sync::Arc;

/// Number of bytes to read for an object at first. Most are smaller.
const WINDOW_BYTES: usize = 1 << 10;

/// Maximum size of an object in bytes, not counting the data of streams. The list of 100,000 pages takes about 1 MB.
const MAX_OBJECT_BYTES: usize = 2 << 20;

/// Maximum size of a group of objects in bytes when unpacked.
const MAX_OBJECT_STREAM_BYTES: u64 = 12 << 20;

/// Maximum number of references from one to the next.
const MAX_REFERENCES: usize = 16;

/// Number of bytes after an object that are read to be sure that it's complete. The longest keyword is `endstream`.
const MARGIN_BYTES: usize = 32;

/// Number of bytes to search at a time.
pub(super) const SEARCH_BYTES: usize = 64 << 10;

/// Maximum number of bytes to parse and unpack for one page, or for the list of all pages. Damaged and hostile files
/// may refer to the same bytes over and over.
const MAX_WORK_BYTES: u64 = 2 << 30;

/// A file and the index of its objects.
pub(super) struct Document {
    file: Input,
    pub(super) index: Arc<Index>,
    /// Number of bytes parsed and unpacked.
    work: Cell<u64>,
}

impl Document {
    pub(super) fn new(file: Input, index: Arc<Index>) -> Self {
        Self { file, index, work: Cell::new(0) }
    }

    pub(super) fn file(&self) -> &Input {
        &self.file
    }

    /// Adds to the bytes that were parsed and unpacked. Returns `false` if there were too many.
    pub(super) fn spend(&self, bytes: u64) -> bool {
        self.work.set(self.work.get().saturating_add(bytes));
        self.work.get() <= MAX_WORK_BYTES
    }

    /// Fails if so much had to be parsed that objects were skipped.
    pub(super) fn check_work(&self) -> Result<(), DecodeError> {
        if self.spend(0) { Ok(()) } else { Err("its structure is too complex".into()) }
    }

    /// Returns the bytes from an offset, as far as they exist.
    pub(super) fn window(&self, offset: u64, length: usize) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.file.part(offset, length as u64).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// Returns the object that a reference leads to. References to missing and damaged objects are null.
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

    /// Returns a value of a dictionary, or null if there is none.
    pub(super) fn get(&self, dictionary: &Dictionary, key: &[u8]) -> Object {
        dictionary.raw(key).map_or(Object::Null, |value| self.resolve(value))
    }

    /// Returns a value of a dictionary unless it's missing or null.
    pub(super) fn find(&self, dictionary: &Dictionary, key: &[u8]) -> Option<Object> {
        Some(self.get(dictionary, key)).filter(|value| *value != Object::Null)
    }

    /// Returns a dictionary in a dictionary. It's empty if there is none.
    pub(super) fn dictionary(&self, dictionary: &Dictionary, key: &[u8]) -> Dictionary {
        self.get(dictionary, key).dictionary().cloned().unwrap_or_default()
    }

    /// Returns numbers in a dictionary, or `None` if there are fewer.
    pub(super) fn numbers<const COUNT: usize>(&self, dictionary: &Dictionary, key: &[u8]) -> Option<[f64; COUNT]> {
        self.numbers_of(&self.get(dictionary, key))
    }

    /// Returns the numbers of an array, or `None` if there are fewer.
    pub(super) fn numbers_of<const COUNT: usize>(&self, array: &Object) -> Option<[f64; COUNT]> {
        let array = array.array().filter(|array| array.len() >= COUNT)?;
        let mut numbers = [0.0; COUNT];
        for (number, object) in numbers.iter_mut().zip(array) {
            *number = self.resolve(object).number()?;
        }
        Some(numbers)
    }

    /// Returns the object with this number, or null.
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

    /// Reads the number and object at an offset.
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

    /// Returns a group of objects, which may have been unpacked before.
    fn object_stream(&self, number: u32) -> Option<Arc<ObjectStream>> {
        if let Some(stream) = self.index.cached(number) {
            return Some(stream);
        }
        // Groups are in the file itself, and so is everything that is needed to unpack them.
        let Entry::At(offset) = self.index.entry(number) else { return None };
        let (_, object) = self.object_at(offset)?;
        let stream = Arc::new(self.read_object_stream(object.stream()?)?);
        self.index.cache(number, &stream);
        Some(stream)
    }

    /// Unpacks a group of objects.
    pub(super) fn read_object_stream(&self, stream: &Stream) -> Option<ObjectStream> {
        let data = self.data(stream, MAX_OBJECT_STREAM_BYTES)?;
        let number = |key: &[u8]| u32::try_from(self.get(&stream.dictionary, key).integer()?).ok();
        ObjectStream::new(data, number(b"N")?, number(b"First")?)
    }

    /// Returns the data of a stream as it is in the file.
    pub(super) fn stream_input(&self, stream: &Stream) -> Input {
        let length = self.get(&stream.dictionary, b"Length").integer().and_then(|length| u64::try_from(length).ok());
        let stated = length.filter(|length| self.has_end_after(stream.start, *length));
        let length = stated.unwrap_or_else(|| self.search_end(stream.start));
        self.file.part(stream.start, length)
    }

    /// Returns `true` if a stream with this length has its end where it should.
    fn has_end_after(&self, start: u64, length: u64) -> bool {
        let Some(end) = start.checked_add(length).filter(|end| *end <= self.file.length()) else { return false };
        let Ok(window) = self.window(end, MARGIN_BYTES) else { return false };
        Lexer::new(&window).keyword(b"endstream") || Lexer::new(&window).keyword(b"endobj")
    }

    /// Returns the length of a stream whose stated length is wrong.
    fn search_end(&self, start: u64) -> u64 {
        const END: &[u8] = b"endstream";
        let mut at = start;
        while let Ok(window) = self.window(at, SEARCH_BYTES) {
            if let Some(found) = find(&window, END) {
                let end = at + found as u64;
                // The end of the line before isn't part of the data.
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

    /// Prepares decoding a stream.
    ///
    /// # Errors
    /// Returns an error if the stream has unknown filters, or is encrypted.
    pub(super) fn decode(&self, stream: &Stream) -> Result<Decoded, DecodeError> {
        filter::decode(self, &stream.dictionary, self.stream_input(stream))
    }

    /// Returns the decoded data of a stream, at most `max` bytes. Returns `None` if it's longer, damaged at its start or
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

/// Returns the position of the first occurrence.
pub(super) fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}
