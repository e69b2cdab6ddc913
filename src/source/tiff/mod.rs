//! TIFF and `BigTIFF`: strips and tiles of any size, through decoders of our own for what is in them.
//!
//! ```text
//! file -> directory of the page -> Image: everything checked -> Chunk: one strip or tile, row by row -> rows
//! rows of a chunk: expanded (codec) -> restored (predictor) -> 8 or 16 bits (unpack) -> colours (meaning)
//! ```

mod chunk;
mod chunks;
mod codec;
mod fax;
mod held;
mod image;
mod input;
mod jpeg;
mod lab;
mod lzw;
mod meaning;
mod notes;
mod packbits;
mod pages;
mod palette;
mod predictor;
mod range;
mod strips;
mod structure;
mod tags;
mod unpack;
mod ycbcr;

use super::metadata::{MAX_PROFILE_BYTES, MAX_XMP_BYTES, Metadata, orientation_from_tag};
use super::{Input, Opened, ReadOptions, Refusal, RowReader, WarningCode};
use image::Image;
use input::TiffInput;
use std::sync::Arc;
use structure::Structure;
use tags::Tags;

/// Rows of a compressed strip above which it is not held, but read row by row on one core.
const MOST_HELD_ROWS: u32 = 256;

/// Opens an image of a file.
pub(super) fn open(file: Input, options: ReadOptions) -> Result<Opened, Refusal> {
    let structure = Structure::open(Arc::new(TiffInput::new(file)))?;
    let page = pages::find(&structure, options.page)?;
    let tags = Tags { structure: &structure, directory: &page.directory };
    let mut metadata = Metadata::default();
    read_metadata(tags, &mut metadata);
    // A scanner's image may be a child of its thumbnail, which has the profile and the orientation of both.
    if let Some(parent) = &page.parent {
        read_metadata(Tags { structure: &structure, directory: parent }, &mut metadata);
    }
    if page.has_more {
        let text = "it has more images than the one that is published (choose one with --page)";
        metadata.warn(WarningCode::PagesIgnored, text);
    }
    let image = Arc::new(Image::read(tags, options.float_range, &mut metadata)?);
    let (decoder_bytes, rows) = rows(&image);
    Ok(Opened {
        size: image.chunks.size,
        samples: image.meaning.samples,
        bits: image.restorer.bits,
        container: image.codec.name().map_or_else(|| "TIFF".to_owned(), |name| format!("TIFF, {name}")),
        metadata: metadata.finish(),
        decoder_bytes,
        blocks: None,
        rows,
    })
}

/// Adds the profile, the orientation and the XMP of a directory, unless there are some.
fn read_metadata(tags: Tags<'_>, metadata: &mut Metadata) {
    match tags.number(tags::ORIENTATION) {
        Ok(None | Some(0)) => {}
        Ok(Some(value)) => match orientation_from_tag(value) {
            None => metadata.add_unreadable_exif(format!("its orientation is {value}, and 8 is the highest")),
            orientation => metadata.add_orientation(orientation),
        },
        Err(error) => metadata.add_unreadable_exif(error.to_string()),
    }
    match tags.size(tags::XMP) {
        Some(bytes) if bytes > MAX_XMP_BYTES => metadata.add_too_large("XMP data", bytes),
        // Nothing else depends on it, so that damage to it is no damage to the image.
        _ => tags.bytes(tags::XMP, MAX_XMP_BYTES).ok().flatten().iter().for_each(|packet| metadata.add_xmp(packet)),
    }
    match tags.size(tags::ICC_PROFILE) {
        Some(bytes) if bytes > MAX_PROFILE_BYTES => metadata.add_too_large("ICC profile", bytes),
        _ => match tags.bytes(tags::ICC_PROFILE, MAX_PROFILE_BYTES) {
            Ok(None) => {}
            Ok(Some(profile)) => metadata.add_profile(profile),
            Err(_) => metadata.add_unusable_profile("it is not where the file says"),
        },
    }
}

/// The reader of an image, and the memory that it takes.
fn rows(image: &Arc<Image>) -> (u64, Box<dyn RowReader>) {
    let is_high = image.codec.is_none() || image.chunks.height > MOST_HELD_ROWS;
    if image.chunks.is_strips() && is_high {
        return (image.window_bytes(), Box::new(strips::StripRows::new(Arc::clone(image))));
    }
    let rows = held::HeldRows::new(Arc::clone(image));
    (rows.buffer_bytes(), Box::new(rows))
}
