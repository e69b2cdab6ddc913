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
mod packbits;
mod pages;
mod palette;
mod predictor;
mod strips;
mod structure;
mod tags;
mod unpack;
mod ycbcr;

use super::{Input, Opened, Orientation, Refusal, RowReader};
use image::Image;
use input::TiffInput;
use std::sync::Arc;
use structure::Structure;
use tags::Tags;

/// Rows of a compressed strip above which it is not held, but read row by row on one core.
const MOST_HELD_ROWS: u32 = 256;

/// The largest profile that is read, in bytes: those of printers have some megabytes.
const MOST_PROFILE_BYTES: u64 = 16 << 20;

/// Opens an image of a file; `page` counts from 1.
pub(super) fn open(file: Input, page: u32) -> Result<Opened, Refusal> {
    let structure = Structure::open(Arc::new(TiffInput::new(file)))?;
    let directory = pages::find(&structure, page)?;
    let tags = Tags { structure: &structure, directory: &directory };
    let image = Arc::new(Image::read(tags)?);
    let (decoder_bytes, rows) = rows(&image);
    Ok(Opened {
        size: image.chunks.size,
        samples: image.meaning.samples,
        bits: image.restorer.bits,
        container: image.codec.name().map_or_else(|| "TIFF".to_owned(), |name| format!("TIFF, {name}")),
        profile: tags.bytes(tags::ICC_PROFILE, MOST_PROFILE_BYTES)?,
        orientation: Orientation::of_exif(tags.choice(tags::ORIENTATION, 1)?),
        decoder_bytes,
        blocks: None,
        rows,
    })
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
