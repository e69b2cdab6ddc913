//! A page's boxes, rotation and contents (ISO 32000-2, 7.7.3.3).

use super::document::Document;
use super::geometry::Rectangle;
use super::object::{Dictionary, Object};

/// Default page box, which is US Letter as in other readers.
const DEFAULT_BOX: [f64; 4] = [0.0, 0.0, 612.0, 792.0];

/// Number of points per inch. A user space unit is one point unless the page specifies otherwise.
pub(super) const POINTS_PER_INCH: f64 = 72.0;

/// Maximum size of a page's operators in bytes. The hidden text of a newspaper page is about 1 MB.
pub(super) const MAX_CONTENT_BYTES: u64 = 8 << 20;

/// Annotation flags that hide an annotation.
const HIDDEN: i64 = 2;
const NO_VIEW: i64 = 32;

/// A page.
pub(super) struct Page {
    /// The page's object number.
    pub(super) number: u32,
    /// Attributes, including inherited attributes.
    pub(super) dictionary: Dictionary,
    /// Visible area.
    pub(super) area: Rectangle,
    /// Clockwise rotation in degrees: 0, 90, 180 or 270.
    pub(super) rotate: u32,
    /// Size of a user space unit in points of 1/72 inch.
    pub(super) unit: f64,
}

impl Page {
    pub(super) fn new(document: &Document, number: u32, dictionary: Dictionary) -> Self {
        let rectangle = |key: &[u8]| document.numbers(&dictionary, key).map(Rectangle::from_corners);
        let is_usable = |area: &Rectangle| area.width() > 0.0 && area.height() > 0.0;
        let media = rectangle(b"MediaBox").filter(is_usable);
        let media = media.unwrap_or_else(|| Rectangle::from_corners(DEFAULT_BOX));
        let area = rectangle(b"CropBox").map(|crop| crop.intersection(media)).filter(is_usable).unwrap_or(media);
        let rotate = document.get(&dictionary, b"Rotate").integer().unwrap_or(0).rem_euclid(360);
        let unit = document.get(&dictionary, b"UserUnit").number().filter(|unit| (0.01..=1000.0).contains(unit));
        // Other angles aren't allowed, and other readers ignore them too.
        let rotate = u32::try_from(rotate).ok().filter(|rotate| rotate % 90 == 0).unwrap_or(0);
        Self { number, area, rotate, unit: unit.unwrap_or(1.0), dictionary }
    }

    /// Returns the page's operators, or `None` if they exceed the size limit.
    pub(super) fn content(&self, document: &Document) -> Option<Vec<u8>> {
        let contents = document.get(&self.dictionary, b"Contents");
        let streams = match &contents {
            Object::Array(streams) => &streams[..],
            single => std::slice::from_ref(single),
        };
        let mut bytes = Vec::new();
        for stream in streams {
            let Object::Stream(stream) = document.resolve(stream) else { continue };
            let left = MAX_CONTENT_BYTES.saturating_sub(bytes.len() as u64);
            bytes.extend(document.data(&stream, left)?);
            // Operators can't span streams.
            bytes.push(b'\n');
        }
        Some(bytes)
    }

    /// Returns the page's visible annotations, such as stamps and completed form fields.
    pub(super) fn annotations(&self, document: &Document) -> Vec<Dictionary> {
        let annotations = document.get(&self.dictionary, b"Annots");
        let resolved = annotations.array().unwrap_or_default().iter().map(|it| document.resolve(it));
        let shown = resolved.filter_map(|it| it.dictionary().filter(|it| is_shown(document, it)).cloned());
        shown.collect()
    }
}

fn is_shown(document: &Document, annotation: &Dictionary) -> bool {
    let flags = document.get(annotation, b"F").integer().unwrap_or(0);
    let is_popup = document.get(annotation, b"Subtype").name() == Some(b"Popup");
    let appearance = document.dictionary(annotation, b"AP");
    flags & (HIDDEN | NO_VIEW) == 0 && !is_popup && document.find(&appearance, b"N").is_some()
}
