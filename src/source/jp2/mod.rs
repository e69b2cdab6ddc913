//! JPEG 2000 (ISO/IEC 15444-1): JP2 files and raw codestreams, through `hayro-jpeg2000`.
//!
//! ```text
//! boxes, codestream: headers -> pieces: one file for each tile -> decode: samples -> rows
//! ```
//! The decoder takes whole files in memory and gives whole images. So tiles are cut out of the file, and decoded one by one.

mod boxes;
mod bytes;
mod channels;
mod codestream;
mod coding;
mod decode;
mod markers;
mod memory;
mod pieces;
mod rows;
mod size;
mod tile_parts;

use super::metadata::Metadata;
use super::{DecodeError, Input, Opened, Refusal, WarningCode};
use crate::iiif::Size;
use channels::Channels;
use codestream::Codestream;
use pieces::Pieces;
use rows::PieceRows;
use std::io::BufReader;

/// How JP2 files and raw codestreams begin.
const MAGIC: [&[u8]; 2] = [b"\0\0\0\x0cjP  \r\n\x87\n", b"\xff\x4f\xff\x51"];

/// Headers are short, and far from each other.
const BUFFER_BYTES: usize = 512;

/// Whether a file begins as JPEG 2000 does.
pub(super) fn is_announced_by(magic: &[u8]) -> bool {
    MAGIC.iter().any(|number| magic.starts_with(number))
}

pub(super) fn open(file: Input) -> Result<Opened, Refusal> {
    let mut metadata = Metadata::default();
    let (pieces, size) = pieces_of(&file, &mut metadata)?;
    let channels = &pieces.channels;
    Ok(Opened {
        size,
        samples: channels.samples,
        bits: channels.bits,
        container: described(&pieces.codestream),
        metadata: metadata.finish(),
        decoder_bytes: pieces.bytes(size, rows::threads(&pieces)),
        blocks: None,
        rows: Box::new(PieceRows::new(file, pieces)),
    })
}

/// What is decoded of a file, and the size of its image, by its headers.
fn pieces_of(file: &Input, metadata: &mut Metadata) -> Result<(Pieces, Size), Refusal> {
    let file_bytes = file.length();
    let mut headers = BufReader::with_capacity(BUFFER_BYTES, file.clone());
    let boxes = boxes::read(&mut headers, file_bytes, metadata)?;
    let codestream = Codestream::read(&mut headers, boxes.codestream)?;
    if !codestream.parts.has_end {
        metadata.warn(WarningCode::EndMarkerMissing, "the codestream ends without its end marker (EOC)");
    }
    let channels = Channels::new(boxes.header, &codestream.grid, metadata)?;
    let (width, height) = codestream.grid.pixels(codestream.grid.image);
    Ok((Pieces::new(codestream, channels), Size::new(width, height)?))
}

fn described(codestream: &Codestream) -> String {
    let grid = &codestream.grid;
    let tiled = if grid.columns() * grid.rows() > 1 { ", tiled" } else { "" };
    let wavelet = if codestream.codings.are_reversible() { "reversible" } else { "irreversible" };
    format!("JPEG 2000{tiled}, {wavelet}")
}
