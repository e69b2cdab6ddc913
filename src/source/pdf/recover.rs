//! Finds objects without the file's index by scanning every byte.

use super::document::{Document, SEARCH_BYTES};
use super::index::{Entry, Index, MAX_OBJECTS};
use super::lexer::{Lexer, is_space};
use super::object::{Dictionary, Object};
use crate::source::{DecodeError, Input};
use std::sync::Arc;

/// Number of bytes to search again at the start of each block. An object header, such as `12 0 obj`, or a trailer can
/// span two blocks.
const OVERLAP_BYTES: usize = 4 << 10;

/// Scans a file with a damaged index.
///
/// # Errors
/// Returns an error if the file can't be read or has too many objects.
pub(super) fn read(file: &Input) -> Result<Index, DecodeError> {
    let mut index = Index::default();
    let document = Document::new(file.clone(), Arc::default());
    let mut at = 0;
    loop {
        let window = document.window(at, SEARCH_BYTES)?;
        let is_last = window.len() < SEARCH_BYTES;
        search(&window, at, if is_last { window.len() } else { SEARCH_BYTES - OVERLAP_BYTES }, &mut index)?;
        if is_last {
            break;
        }
        at += (SEARCH_BYTES - OVERLAP_BYTES) as u64;
    }
    add_groups(file, index)
}

/// Adds the objects and trailers that start before `end`. Later objects and trailers replace earlier versions.
fn search(window: &[u8], at: u64, end: usize, index: &mut Index) -> Result<(), DecodeError> {
    for (position, byte) in window[..end].iter().enumerate() {
        let rest = &window[position..];
        if *byte == b't' && rest.starts_with(b"trailer") {
            let trailer = Lexer::at(window, position + b"trailer".len()).object();
            let Some(Object::Dictionary(trailer)) = trailer else { continue };
            let older = std::mem::replace(&mut index.trailer, trailer);
            index.add_trailer(older);
        } else if byte.is_ascii_digit()
            && is_start(window, position)
            && let Some(number) = head_of_object(rest)
        {
            if number >= MAX_OBJECTS {
                return Err(format!("it has more than {MAX_OBJECTS} objects").into());
            }
            index.set(number, Entry::At(at + position as u64));
        }
    }
    Ok(())
}

fn is_start(window: &[u8], position: usize) -> bool {
    position.checked_sub(1).is_none_or(|before| !window[before].is_ascii_digit())
}

/// Returns the object number if an object header such as `12 0 obj` starts here.
fn head_of_object(bytes: &[u8]) -> Option<u32> {
    let digits = |bytes: &[u8]| bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let spaces = |bytes: &[u8]| bytes.iter().take(8).take_while(|byte| is_space(**byte)).count();
    let number = digits(&bytes[..bytes.len().min(11)]);
    let rest = &bytes[number..];
    let space = spaces(rest);
    let generation = digits(&rest[space..rest.len().min(space + 6)]);
    let rest = &rest[space + generation..];
    let is_head = space > 0 && generation > 0 && rest[spaces(rest)..].starts_with(b"obj");
    if is_head { str::from_utf8(&bytes[..number]).ok()?.parse().ok() } else { None }
}

/// Adds the objects inside object streams. Finds the catalog if the file doesn't have a trailer.
fn add_groups(file: &Input, index: Index) -> Result<Index, DecodeError> {
    let document = Document::new(file.clone(), Arc::new(index));
    let (mut groups, mut catalog, mut trailers) = (Vec::new(), None, Vec::new());
    for number in 0..document.index.end() {
        let Entry::At(offset) = document.index.entry(number) else { continue };
        let Some((_, object)) = document.object_at(offset) else { continue };
        let Some(dictionary) = object.dictionary() else { continue };
        match dictionary.raw(b"Type").and_then(Object::name) {
            Some(b"ObjStm") => groups.extend(object.stream().map(|stream| (number, Arc::clone(stream)))),
            Some(b"Catalog") => catalog = Some(Object::Reference(number)),
            Some(b"XRef") => trailers.push(dictionary.clone()),
            _ => {}
        }
    }
    document.check_work()?;
    let mut within = Vec::new();
    for (stream, data) in groups {
        let Some(group) = document.read_object_stream(&data) else { continue };
        within.extend((0..).zip(group.numbers()).map(|(index, number)| (number, Entry::Within { stream, index })));
        if within.len() > MAX_OBJECTS as usize {
            return Err(format!("it has more than {MAX_OBJECTS} objects").into());
        }
    }
    let mut index = Arc::into_inner(document.index).ok_or("its index is in use")?;
    // The newest versions usually come last.
    within.into_iter().rev().for_each(|(number, entry)| index.add(number, entry));
    trailers.into_iter().rev().for_each(|trailer| index.add_trailer(trailer));
    let root = catalog.map(|catalog| (Box::from(&b"Root"[..]), catalog));
    index.add_trailer(Dictionary(root.into_iter().collect()));
    Ok(index)
}
