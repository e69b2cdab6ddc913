//! Converts what OpenJPEG decoded, and decodes tiles of High-Throughput JPEG 2000.

use super::DecodeError;
use super::channels::Channels;
use super::decode::write;
use super::pieces::{PiecePosition, Pieces};
use super::size::Rectangle;
use crate::openjpeg::{Area, Decoder};
use crate::source::resize;
use std::io::Cursor;

/// Returns an area for OpenJPEG, whose coordinates are signed.
pub(super) fn area(rectangle: Rectangle) -> Result<Area, DecodeError> {
    let Rectangle { left, top, right, bottom } = rectangle;
    Ok(Area { left: left.try_into()?, top: top.try_into()?, right: right.try_into()?, bottom: bottom.try_into()? })
}

/// Decodes a piece of High-Throughput JPEG 2000 that was read as a file. Replaces the contents of `samples`.
pub(super) fn decode_high_throughput(
    file: Vec<u8>,
    pieces: &Pieces,
    position: PiecePosition,
    samples: &mut Vec<u8>,
) -> Result<(), DecodeError> {
    let (head, length) = (pieces.channels.head.len() as u64, file.len() as u64);
    let mut codestream = Cursor::new(file);
    codestream.set_position(head);
    let mut decoder = Decoder::open(Box::new(codestream), length - head)?;
    decoder.decode(area(pieces.rectangle(position))?)?;
    copy(&decoder, pieces.pixels(position), &pieces.channels, samples)
}

/// Converts the decoded samples. Replaces the contents of `samples`.
#[expect(clippy::cast_precision_loss, reason = "exact up to 24 bits, and close enough beyond that")]
pub(super) fn copy(
    decoder: &Decoder,
    (width, height): (u32, u32),
    channels: &Channels,
    samples: &mut Vec<u8>,
) -> Result<(), DecodeError> {
    resize(samples, width as usize * height as usize, channels.samples.pixel_bytes())?;
    for (sample, channel) in channels.order.iter().enumerate() {
        let plane = decoder.plane(*channel).filter(|plane| (plane.width, plane.height) == (width, height));
        let plane = plane.ok_or("its components do not have the size given in its header")?;
        let bits =
            u8::try_from(plane.bits).ok().filter(|bits| (1..=31).contains(bits)).ok_or("its header is damaged")?;
        // The lowest number is black.
        let black = if plane.is_signed { 1_i64 << (bits - 1) } else { 0 };
        let values = plane.samples.iter().map(|value| (i64::from(*value) + black) as f32);
        write(values, bits, sample, samples, channels);
    }
    Ok(())
}
