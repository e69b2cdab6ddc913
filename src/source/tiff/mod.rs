//! TIFF and `BigTIFF` with strips or tiles of any size, decompressed by this module's own decoders.
//!
//! ```text
//! file -> page's directory -> Image (everything validated) -> Chunk (one strip or tile, row by row) -> rows
//! chunk rows -> decompress (codec) -> undo the predictor (predictor) -> 8 or 16 bits (unpack) -> colors (mapping)
//! ```

mod block_layout;
mod block_strips;
mod chunk;
mod chunked_rows;
mod chunks;
mod codec;
mod coded_rows;
mod decoded_chunk;
mod decompressor;
mod description;
mod fax;
mod image;
mod input;
mod jpeg;
mod jpeg_strip;
mod lab;
mod late_warnings;
mod mapping;
mod measure;
mod old_jpeg;
mod pages;
mod palette;
mod predictor;
mod range;
mod sample_format;
mod scale;
mod slide;
mod strips;
mod structure;
mod tags;
mod unpack;
#[cfg(feature = "webp")]
mod webp;
mod ycbcr;

use super::metadata::{MAX_PROFILE_BYTES, MAX_XMP_BYTES, Metadata, orientation_from_tag};
use super::page_list::PageList;
use super::{Input, Opened, ReadOptions, Refusal, RowReader, WarningCode};
use image::Image;
use input::TiffInput;
use pages::{Count, Others, Page, PageOffsets};
use std::sync::Arc;
use structure::Structure;
use tags::Tags;

/// Maximum number of rows in a compressed strip that is decoded all at once. Taller strips are read row by row on a
/// single core.
const MAX_HELD_ROWS: u32 = 256;

/// Opens the image of the page in the options.
pub(super) fn open(file: Input, options: ReadOptions) -> Result<Opened, Refusal> {
    let structure = Structure::open(Arc::new(TiffInput::new(file)))?;
    let page = pages::find(&structure, options.page)?;
    open_page(&structure, &page, options)
}

/// Finds the pages of a file.
pub(super) fn pages(file: Input) -> Result<Box<dyn PageList>, Refusal> {
    let structure = Structure::open(Arc::new(TiffInput::new(file)))?;
    Ok(Box::new(pages::list(&structure)?))
}

impl PageList for PageOffsets {
    fn count(&self) -> u32 {
        self.count()
    }

    fn label(&self, page: u32) -> Option<&str> {
        self.label(page)
    }

    fn open(&self, file: Input, page: u32, options: ReadOptions) -> Result<Opened, Refusal> {
        let structure = Structure::open(Arc::new(TiffInput::new(file)))?;
        let page = self.read(&structure, page)?;
        open_page(&structure, &page, options)
    }
}

fn open_page(structure: &Structure, page: &Page, options: ReadOptions) -> Result<Opened, Refusal> {
    let tags = Tags { structure, directory: &page.directory };
    let mut metadata = Metadata::default();
    read_metadata(tags, &mut metadata);
    // A page's largest image may be stored as a child of its thumbnail. In that case the parent holds the profile and
    // orientation for both.
    if let Some(parent) = &page.parent {
        read_metadata(Tags { structure, directory: parent }, &mut metadata);
    }
    metadata.add_scale(scale::scale(tags));
    if let Some(text) = page.others.and_then(left_out) {
        metadata.warn(WarningCode::PagesIgnored, text);
    }
    let image = Arc::new(Image::read(tags, options.float_range, &mut metadata)?);
    let blocks = block_layout::block_layout(&image);
    let (decoder_bytes, rows) = rows(&image, options.threads.get(), blocks.is_some());
    Ok(Opened {
        size: image.chunks.size,
        samples: image.mapping.samples,
        bits: image.predictor_decoder.bits,
        container: image.codec.name().map_or_else(|| "TIFF".to_owned(), |name| format!("TIFF, {name}")),
        metadata: metadata.finish(),
        decoder_bytes,
        blocks,
        rows,
    })
}

/// Returns the warning about images that aren't published along with the first page, or `None` if there aren't any.
fn left_out(others: Others) -> Option<String> {
    let count = match others.pages {
        Count::Exactly(1) | Count::AtLeast(1) => None,
        Count::Exactly(count) => Some(format!("its {count} pages")),
        Count::AtLeast(count) => Some(format!("its pages (at least {count})")),
    };
    let pages = count.map(|count| format!("only the first of {count} is published (publish all with `--pages all`)"));
    let asides = others.left_out.named();
    match (pages, asides) {
        (pages, None) => pages,
        (None, Some(asides)) => Some(format!("only its main image is published, without its {asides}")),
        (Some(pages), Some(asides)) => Some(format!("{pages}, without its {asides}")),
    }
}

/// Adds a directory's profile, orientation and XMP, unless the metadata already has them.
fn read_metadata(tags: Tags<'_>, metadata: &mut Metadata) {
    match tags.number(tags::ORIENTATION) {
        Ok(None | Some(0)) => {}
        Ok(Some(value)) => match orientation_from_tag(value) {
            None => metadata.add_unreadable_exif(format!("its orientation is {value}, above the maximum of 8")),
            orientation => metadata.add_orientation(orientation),
        },
        Err(error) => metadata.add_unreadable_exif(error.to_string()),
    }
    match tags.size(tags::XMP) {
        Some(bytes) if bytes > MAX_XMP_BYTES => metadata.add_too_large("XMP data", bytes),
        // Pixels don't depend on XMP, so ignore damaged XMP.
        _ => tags.bytes(tags::XMP, MAX_XMP_BYTES).ok().flatten().iter().for_each(|packet| metadata.add_xmp(packet)),
    }
    match tags.size(tags::ICC_PROFILE) {
        Some(bytes) if bytes > MAX_PROFILE_BYTES => metadata.add_too_large("ICC profile", bytes),
        _ => match tags.bytes(tags::ICC_PROFILE, MAX_PROFILE_BYTES) {
            Ok(None) => {}
            Ok(Some(profile)) => metadata.add_profile(profile),
            Err(_) => metadata.add_unusable_profile("its data is outside the file"),
        },
    }
}

/// Returns the decoder's memory in bytes and the row reader to use for an image with the given number of threads.
fn rows(image: &Arc<Image>, threads: usize, has_blocks: bool) -> (u64, Box<dyn RowReader>) {
    let is_high = image.codec.is_none() || image.chunks.height > MAX_HELD_ROWS;
    if image.chunks.is_strips() && is_high {
        if let Some(strip) = jpeg_strip::JpegStrip::open(image).filter(|_| has_blocks) {
            return (0, Box::new(strip));
        }
        return (image.window_bytes(), Box::new(strips::StripRows::new(Arc::clone(image))));
    }
    let rows = chunked_rows::ChunkedRows::new(Arc::clone(image), threads);
    (rows.buffer_bytes(), Box::new(rows))
}
