//! Reads a file's object index from cross-reference tables and streams (ISO 32000-2, 7.5.4 and 7.5.8).

use super::document::Document;
use super::index::{Entry, Index, MAX_OBJECTS};
use super::lexer::{Lexer, Token, is_space};
use super::object::{Dictionary, Object, Stream};
use crate::source::{DecodeError, Input};
use std::collections::HashSet;
use std::io::Read;
use std::sync::Arc;

/// Number of bytes to search for the index offset at the end of a file.
const TAIL_BYTES: usize = 2 << 10;

/// Maximum number of index sections. Programs may add a section each time they change a file.
const MAX_SECTIONS: usize = 4096;

/// Number of bytes to read for a trailer or table header.
const HEAD_BYTES: usize = 64 << 10;

/// Size of a table entry in bytes.
const ENTRY_BYTES: usize = 20;

/// Number of entries to read at a time.
const ENTRIES_AT_ONCE: u64 = 1024;

const DAMAGED: &str = "the index of its objects is damaged";

/// Reads the index.
///
/// # Errors
/// Returns an error if any part of the index is damaged.
pub(super) fn read(file: &Input) -> Result<Index, DecodeError> {
    // Cross-reference streams don't depend on other objects.
    let document = Document::new(file.clone(), Arc::default());
    let mut reader = Reader { document, index: Index::default(), seen: HashSet::new() };
    let mut next = Some(reader.start()?);
    while let Some(offset) = next {
        next = reader.section(offset)?;
    }
    Ok(reader.index)
}

struct Reader {
    document: Document,
    index: Index,
    /// Offsets of the sections read so far.
    seen: HashSet<u64>,
}

impl Reader {
    /// Returns the newest section's offset.
    fn start(&self) -> Result<u64, DecodeError> {
        const START: &[u8] = b"startxref";
        let file = self.document.file();
        let tail = file.length().saturating_sub(TAIL_BYTES as u64);
        let window = self.document.window(tail, TAIL_BYTES)?;
        let found = window.windows(START.len()).rposition(|window| window == START).ok_or(DAMAGED)?;
        Ok(Lexer::at(&window, found + START.len()).integer().ok_or(DAMAGED)?)
    }

    /// Reads a section. Returns the offset of the next older section.
    fn section(&mut self, offset: u64) -> Result<Option<u64>, DecodeError> {
        if !self.seen.insert(offset) || self.seen.len() > MAX_SECTIONS {
            return Err(DAMAGED.into());
        }
        let trailer = self.table_or_stream(offset)?;
        let offset_of = |key: &[u8]| trailer.raw(key).and_then(Object::integer).and_then(|it| u64::try_from(it).ok());
        let (previous, hybrid) = (offset_of(b"Prev"), offset_of(b"XRefStm"));
        // Objects for newer readers, hidden from readers that only support tables.
        if let Some(hybrid) = hybrid.filter(|hybrid| self.seen.insert(*hybrid)) {
            self.table_or_stream(hybrid)?;
        }
        self.index.add_trailer(trailer);
        Ok(previous)
    }

    fn table_or_stream(&mut self, offset: u64) -> Result<Dictionary, DecodeError> {
        let window = self.document.window(offset, HEAD_BYTES)?;
        let mut lexer = Lexer::new(&window);
        if lexer.keyword(b"xref") {
            return self.table(offset + lexer.position() as u64);
        }
        let (_, object) = self.document.object_at(offset).ok_or(DAMAGED)?;
        let stream = object.stream().ok_or(DAMAGED)?;
        self.stream(stream)?;
        Ok(stream.dictionary.clone())
    }

    /// Reads a table and returns its trailer.
    fn table(&mut self, mut at: u64) -> Result<Dictionary, DecodeError> {
        loop {
            let window = self.document.window(at, HEAD_BYTES)?;
            let mut lexer = Lexer::new(&window);
            let first = match lexer.token_of_file() {
                Some(Token::Keyword(b"trailer")) => {
                    return Ok(lexer.object().and_then(|it| it.dictionary().cloned()).ok_or(DAMAGED)?);
                }
                Some(Token::Object(first)) => first.integer().and_then(|first| u64::try_from(first).ok()),
                _ => None,
            };
            let (first, count) = first.zip(lexer.integer()).ok_or(DAMAGED)?;
            let space = window[lexer.position()..].iter().take_while(|byte| is_space(**byte)).count();
            at += (lexer.position() + space) as u64;
            at = self.entries(at, first, count)?;
        }
    }

    /// Reads table entries and returns the offset after the last entry.
    fn entries(&mut self, mut at: u64, first: u64, count: u64) -> Result<u64, DecodeError> {
        let end = first.checked_add(count).ok_or(DAMAGED)?;
        check_count(end)?;
        let mut number = first;
        while number < end {
            let chunk = (end - number).min(ENTRIES_AT_ONCE) as usize * ENTRY_BYTES;
            let bytes = self.document.window(at, chunk)?;
            if bytes.len() < chunk {
                return Err(DAMAGED.into());
            }
            for entry in bytes.chunks_exact(ENTRY_BYTES) {
                self.index.add(u32::try_from(number)?, entry_of_table(entry).ok_or(DAMAGED)?);
                number += 1;
            }
            at += chunk as u64;
        }
        Ok(at)
    }

    /// Returns the field sizes in a cross-reference stream, in bytes.
    fn widths(&self, dictionary: &Dictionary) -> Option<[usize; 3]> {
        let array = self.document.get(dictionary, b"W");
        let mut widths = [0; 3];
        for (width, object) in widths.iter_mut().zip(array.array().filter(|array| array.len() >= 3)?) {
            *width = usize::try_from(object.integer()?).ok().filter(|width| *width <= 8)?;
        }
        (widths[1] > 0).then_some(widths)
    }

    /// Reads a stream's entries.
    fn stream(&mut self, stream: &Stream) -> Result<(), DecodeError> {
        let dictionary = &stream.dictionary;
        let widths = self.widths(dictionary).ok_or(DAMAGED)?;
        let size = self.document.get(dictionary, b"Size");
        let ranges = match self.document.get(dictionary, b"Index") {
            Object::Array(ranges) => ranges,
            _ => vec![Object::Number(0.0), size],
        };
        let mut bytes = self.document.decode(stream)?.bytes;
        for range in ranges.chunks_exact(2) {
            let number = |at: usize| range[at].integer().and_then(|number| u64::try_from(number).ok());
            let (first, count) = number(0).zip(number(1)).ok_or(DAMAGED)?;
            let end = first.checked_add(count).ok_or(DAMAGED)?;
            check_count(end)?;
            for number in first..end {
                let mut fields = [0; 3 * 8];
                let fields = &mut fields[..widths.iter().sum()];
                bytes.read_exact(fields).map_err(|_| DAMAGED)?;
                self.index.add(u32::try_from(number)?, entry_of_stream(fields, widths));
            }
        }
        Ok(())
    }
}

fn check_count(end: u64) -> Result<(), DecodeError> {
    if end <= u64::from(MAX_OBJECTS) {
        return Ok(());
    }
    Err(format!("it has {end} objects, which is more than the limit of {MAX_OBJECTS}").into())
}

/// Parses an entry such as `0000000017 00000 n`.
fn entry_of_table(entry: &[u8]) -> Option<Entry> {
    let offset: u64 = str::from_utf8(&entry[..10]).ok()?.trim().parse().ok()?;
    match entry[17] {
        b'n' if offset > 0 => Some(Entry::At(offset)),
        b'n' | b'f' => Some(Entry::Free),
        _ => None,
    }
}

fn entry_of_stream(fields: &[u8], widths: [usize; 3]) -> Entry {
    let number = |bytes: &[u8]| bytes.iter().fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    let (kind, rest) = fields.split_at(widths[0]);
    let (second, third) = rest.split_at(widths[1]);
    match (if kind.is_empty() { 1 } else { number(kind) }, number(second), number(third)) {
        (1, offset, _) => Entry::At(offset),
        (2, stream, index) => match (u32::try_from(stream), u32::try_from(index)) {
            (Ok(stream), Ok(index)) => Entry::Within { stream, index },
            _ => Entry::Free,
        },
        _ => Entry::Free,
    }
}
