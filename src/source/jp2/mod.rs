//! JPEG 2000 (ISO/IEC 15444-1): JP2 files and raw codestreams, decoded with `hayro-jpeg2000`, or with OpenJPEG if that is
//! enabled and better.
//!
//! ```text
//! boxes, codestream: headers -> pieces: one file per tile -> decode: samples -> rows
//!                            -> bands: one file for the whole image -> rows
//! ```
//!
//! `hayro-jpeg2000` only accepts complete files in memory and returns complete images. To get around that, this module cuts
//! out each tile as a separate file and decodes the tiles one at a time.

#[cfg(feature = "openjpeg")]
mod bands;
mod boxes;
mod bytes;
mod channels;
mod codestream;
mod coding;
mod decode;
mod lab;
mod markers;
mod memory;
mod pieces;
#[cfg(feature = "openjpeg")]
mod planes;
mod rows;
mod size;
mod tile_parts;

use super::metadata::Metadata;
use super::{DecodeError, Input, Opened, ReadOptions, Refusal, RowReader, WarningCode};
use crate::iiif::Size;
use channels::Channels;
use codestream::Codestream;
use pieces::Pieces;
use rows::PieceRows;
use std::io::BufReader;
use std::num::NonZeroUsize;

/// Buffer size for headers, which are small and far apart.
const BUFFER_BYTES: usize = 512;

pub(super) fn open(file: Input, options: ReadOptions) -> Result<Opened, Refusal> {
    let threads = options.threads;
    let mut metadata = Metadata::default();
    let (pieces, size) = pieces_of(&file, &mut metadata)?;
    let (samples, bits) = (pieces.channels.samples, pieces.channels.bits);
    let (container, metadata) = (describe(&pieces.codestream), metadata.finish());
    let (decoder_bytes, rows) = reader(file, pieces, size, threads);
    Ok(Opened { size, samples, bits, container, metadata, decoder_bytes, blocks: None, rows })
}

/// Returns the reader of an image's rows, and the memory that it needs in bytes.
fn reader(file: Input, pieces: Pieces, size: Size, threads: NonZeroUsize) -> (u64, Box<dyn RowReader>) {
    #[cfg(feature = "openjpeg")]
    if bands::are_suitable(&pieces) {
        return (pieces.band_bytes(), Box::new(bands::BandRows::new(file, pieces)));
    }
    let bytes = pieces.bytes(size, threads.get().min(pieces.columns() as usize));
    (bytes, Box::new(PieceRows::new(file, pieces, threads)))
}

/// Reads the headers. Returns the pieces to decode and the image size.
fn pieces_of(file: &Input, metadata: &mut Metadata) -> Result<(Pieces, Size), Refusal> {
    let file_bytes = file.length();
    let mut headers = BufReader::with_capacity(BUFFER_BYTES, file.clone());
    let boxes = boxes::read(&mut headers, file_bytes, metadata)?;
    let codestream = Codestream::read(&mut headers, boxes.codestream)?;
    if !codestream.parts.has_end {
        metadata.warn(WarningCode::EndMarkerMissing, "the codestream has no end marker (EOC)");
    }
    let channels = Channels::new(boxes.header, &codestream.grid, metadata)?;
    let (width, height) = codestream.grid.pixels(codestream.grid.image);
    let pieces = Pieces::new(codestream, channels);
    #[cfg(feature = "openjpeg")]
    if pieces.codestream.codings.are_high_throughput() && !pieces.has_direct_samples() {
        let what = "a High-Throughput JPEG 2000 image with a palette, sYCC or components of different sizes";
        return Err(Refusal::Unsupported(what.to_owned()));
    }
    Ok((pieces, Size::new(width, height)?))
}

fn describe(codestream: &Codestream) -> String {
    let grid = &codestream.grid;
    let tiled = if grid.columns() * grid.rows() > 1 { ", tiled" } else { "" };
    let wavelet = if codestream.codings.are_reversible() { "reversible" } else { "irreversible" };
    format!("JPEG 2000{tiled}, {wavelet}")
}
