//! Writes a page and everything it needs to a small file, because the renderer only accepts in-memory files.

use super::content;
use super::document::Document;
use super::object::{Dictionary, Object, Stream};
use super::page::Page;
use crate::source::{DecodeError, Input, resize};
use std::collections::HashSet;
use std::io::{self, Read, Write};
use std::sync::Arc;

/// Maximum number of objects that a page may need. Maps have about 10,000.
const MAX_OBJECTS: usize = 200_000;

/// Maximum unpacked size of everything except images, such as the page's operators, forms and fonts.
pub(super) const MAX_UNPACKED_BYTES: u64 = 96 << 20;

/// Maximum compressed size of a stream that can't possibly exceed the limits. The best compression ratio is 1:1032.
const SMALL_STREAM_BYTES: u64 = 16 << 10;

/// Maximum number of bytes per pixel of a stored image, which is 16 bits for each of eight inks.
const MAX_PIXEL_BYTES: u64 = 16;

/// Page keys that affect its appearance. Other keys lead to the rest of the file.
const PAGE_KEYS: [&[u8]; 3] = [b"Contents", b"Resources", b"Group"];

/// Annotation keys that affect its appearance.
const ANNOTATION_KEYS: [&[u8]; 6] = [b"Subtype", b"Rect", b"AP", b"AS", b"F", b"OC"];

/// Keys that lead to the rest of the file or to invisible content, in any object.
const IGNORED_KEYS: [&[u8]; 6] =
    [b"Parent", b"StructParent", b"StructParents", b"PieceInfo", b"Metadata", b"Alternates"];

/// A page and the objects it needs.
pub(super) struct Subset {
    page: Dictionary,
    /// Layer settings.
    layers: Option<Object>,
    numbers: Vec<u32>,
    /// Size of the written file in bytes.
    pub(super) bytes: u64,
    /// Number of pixels in the largest image, according to its dictionary.
    pub(super) max_image_pixels: u64,
}

impl Subset {
    /// Finds the objects that a page needs, without reading any stream data.
    ///
    /// # Errors
    /// Returns an error if the page needs too many objects.
    pub(super) fn new(document: &Document, page: &Page) -> Result<Self, DecodeError> {
        let mut dictionary = chosen(&page.dictionary, &PAGE_KEYS);
        dictionary.set(b"Resources", Object::Dictionary(used_resources(document, page)));
        let annotations =
            page.annotations(document).into_iter().map(|it| Object::Dictionary(chosen(&it, &ANNOTATION_KEYS)));
        dictionary.set(b"Annots", Object::Array(annotations.collect()));
        dictionary.set(b"Type", Object::Name((*b"Page").into()));
        let area = [page.area.left, page.area.bottom, page.area.right, page.area.top];
        let area = Object::Array(area.map(Object::Number).to_vec());
        dictionary.set(b"MediaBox", area.clone());
        dictionary.set(b"CropBox", area);
        dictionary.set(b"Rotate", Object::Number(page.rotate.into()));
        let catalog = document.dictionary(&document.index.trailer, b"Root");
        let layers = catalog.raw(b"OCProperties").cloned();
        let mut subset = Self { page: dictionary, layers, numbers: Vec::new(), bytes: 0, max_image_pixels: 0 };
        subset.collect(document, page.number)?;
        Ok(subset)
    }

    fn collect(&mut self, document: &Document, page: u32) -> Result<(), DecodeError> {
        let mut seen = HashSet::from([page]);
        let mut waiting = Vec::new();
        references_in_dictionary(&self.page, &mut waiting);
        self.layers.iter().for_each(|layers| references(layers, &mut waiting));
        while let Some(number) = waiting.pop() {
            if !seen.insert(number) {
                continue;
            }
            let Some(object) = needed(document, number) else { continue };
            self.numbers.push(number);
            references(&object, &mut waiting);
            self.measure(document, &object);
            if self.numbers.len() > MAX_OBJECTS || waiting.len() > 8 * MAX_OBJECTS {
                return Err("it consists of too many objects".into());
            }
        }
        document.check_work()
    }

    fn measure(&mut self, document: &Document, object: &Object) {
        let mut counter = Counter(0);
        let _ = object.write(&mut counter);
        self.bytes += counter.0 + 64;
        let Object::Stream(stream) = object else { return };
        self.bytes = self.bytes.saturating_add(document.stream_input(stream).length());
        let side = |key: &[u8]| document.get(&stream.dictionary, key).integer().and_then(|it| u64::try_from(it).ok());
        if let (Some(width), Some(height)) = (side(b"Width"), side(b"Height")) {
            self.max_image_pixels = self.max_image_pixels.max(width.saturating_mul(height));
        }
    }

    /// Writes the file.
    ///
    /// # Errors
    /// Returns an error if the data can't be read or doesn't fit into memory.
    pub(super) fn write(&self, document: &Document) -> Result<Vec<u8>, DecodeError> {
        let mut file = Vec::new();
        file.try_reserve_exact(usize::try_from(self.bytes)? + self.numbers.len() * 24)?;
        let mut offsets = Vec::with_capacity(self.numbers.len() + 3);
        file.extend(b"%PDF-1.7\n");
        let mut unpacked = 0;
        for number in &self.numbers {
            let Some(object) = needed(document, *number) else { continue };
            if let Object::Stream(stream) = &object {
                self.check_unpacked(document, stream, &mut unpacked)?;
            }
            offsets.push((*number, file.len()));
            writeln!(file, "{number} 0 obj")?;
            match &object {
                Object::Stream(stream) => write_stream(stream, document.stream_input(stream), &mut file)?,
                object => object.write(&mut file)?,
            }
            file.extend(b"\nendobj\n");
        }
        self.write_catalog(&mut file, &mut offsets)?;
        Ok(file)
    }

    /// Checks a stream's unpacked size, because the renderer doesn't. Adds to the total of all streams that aren't
    /// images.
    fn check_unpacked(&self, document: &Document, stream: &Stream, unpacked: &mut u64) -> Result<(), DecodeError> {
        if document.stream_input(stream).length() <= SMALL_STREAM_BYTES {
            return Ok(());
        }
        let is_image = document.get(&stream.dictionary, b"Subtype").name() == Some(b"Image");
        let max = if is_image {
            self.max_image_pixels.saturating_mul(MAX_PIXEL_BYTES)
        } else {
            MAX_UNPACKED_BYTES - *unpacked
        };
        // Damage is reported when the stream is drawn. Only count the bytes before it.
        let Ok(decoded) = document.decode(stream) else { return Ok(()) };
        let mut counter = Counter(0);
        let _ = io::copy(&mut decoded.bytes.take(max.saturating_add(1)), &mut counter);
        if counter.0 > max {
            return Err("one of its streams is too large when it is unpacked".into());
        }
        *unpacked += if is_image { 0 } else { counter.0 };
        Ok(())
    }

    /// Writes the page, page list, catalog and index.
    fn write_catalog(&self, file: &mut Vec<u8>, offsets: &mut Vec<(u32, usize)>) -> Result<(), DecodeError> {
        let first = self.numbers.iter().max().map_or(1, |number| number + 1);
        let (page, pages, catalog) = (first, first + 1, first + 2);
        let mut dictionary = self.page.clone();
        dictionary.set(b"Parent", Object::Reference(pages));
        offsets.push((page, file.len()));
        writeln!(file, "{page} 0 obj")?;
        Object::Dictionary(dictionary).write(file)?;
        file.extend(b"\nendobj\n");
        offsets.push((pages, file.len()));
        write!(file, "{pages} 0 obj\n<</Type/Pages/Count 1/Kids[{page} 0 R]>>\nendobj\n")?;
        offsets.push((catalog, file.len()));
        write!(file, "{catalog} 0 obj\n<</Type/Catalog/Pages {pages} 0 R")?;
        if let Some(layers) = &self.layers {
            file.extend(b"/OCProperties ");
            layers.write(file)?;
        }
        file.extend(b">>\nendobj\n");
        let start = file.len();
        file.extend(b"xref\n0 1\n0000000000 65535 f \n");
        for (number, offset) in offsets {
            write!(file, "{number} 1\n{offset:010} 00000 n \n")?;
        }
        write!(file, "trailer\n<</Size {}/Root {catalog} 0 R>>\nstartxref\n{start}\n%%EOF\n", catalog + 1)?;
        Ok(())
    }
}

fn write_stream(stream: &Stream, mut data: Input, file: &mut Vec<u8>) -> Result<(), DecodeError> {
    let mut dictionary = stream.dictionary.clone();
    // The data may be shorter than a damaged file claims.
    #[expect(clippy::cast_precision_loss, reason = "no file has that many bytes")]
    dictionary.set(b"Length", Object::Number(data.length() as f64));
    Object::Dictionary(dictionary).write(file)?;
    file.extend(b"\nstream\n");
    let (start, length) = (file.len(), usize::try_from(data.length())?);
    resize(file, start + length, 1)?;
    data.read_exact(&mut file[start..]).map_err(|_| "it could not be read to its end")?;
    file.extend(b"\nendstream");
    Ok(())
}

/// Returns an object without unneeded keys, or `None` if the object belongs to the rest of the file.
fn needed(document: &Document, number: u32) -> Option<Object> {
    let without = |mut dictionary: Dictionary| {
        dictionary.0.retain(|(key, _)| !IGNORED_KEYS.contains(&&**key));
        dictionary
    };
    let is_elsewhere = |dictionary: &Dictionary| {
        matches!(dictionary.raw(b"Type").and_then(Object::name), Some(b"Page" | b"Pages" | b"Catalog"))
    };
    match document.load(number) {
        Object::Null => None,
        Object::Dictionary(dictionary) if is_elsewhere(&dictionary) => None,
        Object::Dictionary(dictionary) => Some(Object::Dictionary(without(dictionary))),
        Object::Stream(stream) => {
            let dictionary = without(stream.dictionary.clone());
            Some(Object::Stream(Arc::new(Stream { dictionary, start: stream.start })))
        }
        object => Some(object),
    }
}

/// Returns a page's resources without unused images and forms. Some programs list the resources of every page on each
/// page.
fn used_resources(document: &Document, page: &Page) -> Dictionary {
    let mut resources = document.dictionary(&page.dictionary, b"Resources");
    let Some(used) = page.content(document).map(|content| content::drawn_names(&content)) else { return resources };
    let mut objects = document.dictionary(&resources, b"XObject");
    objects.0.retain(|(name, _)| used.contains(name));
    // A form without resources uses the page's resources.
    let uses_those_of_page = |object: &Object| {
        let object = document.resolve(object);
        object.dictionary().is_some_and(|form| form.raw(b"Width").is_none() && form.raw(b"Resources").is_none())
    };
    if !objects.0.iter().any(|(_, object)| uses_those_of_page(object)) {
        resources.set(b"XObject", Object::Dictionary(objects));
    }
    resources
}

fn chosen(dictionary: &Dictionary, keys: &[&[u8]]) -> Dictionary {
    Dictionary(dictionary.0.iter().filter(|(key, _)| keys.contains(&&**key)).cloned().collect())
}

/// Collects the numbers of all objects that an object refers to.
fn references(object: &Object, numbers: &mut Vec<u32>) {
    match object {
        Object::Reference(number) => numbers.push(*number),
        Object::Array(array) => array.iter().for_each(|item| references(item, numbers)),
        object => object.dictionary().into_iter().for_each(|dictionary| references_in_dictionary(dictionary, numbers)),
    }
}

fn references_in_dictionary(dictionary: &Dictionary, numbers: &mut Vec<u32>) {
    dictionary.0.iter().for_each(|(_, value)| references(value, numbers));
}

/// Counts the bytes written to it.
struct Counter(u64);

impl Write for Counter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
