//! Measures the range of floating-point and signed samples if requested.

use super::chunk::{Chunk, ChunkPosition};
use super::image::Image;
use super::range::SampleStats;
use crate::source::DecodeError;

/// Measures the sample range before the first row is read, unless it's already known. Reads every strip or tile.
pub(super) fn measure_range(image: &Image) -> Result<(), DecodeError> {
    if !image.has_unknown_range() {
        return Ok(());
    }
    // `--float-range auto` reads the image twice because black and white must be known before encoding the first tile.
    // Buffering the samples instead would require holding the whole image in memory.
    let mut stats = SampleStats::default();
    for row in 0..image.chunks.chunks_down() {
        for column in 0..image.chunks.chunks_across() {
            Chunk::open(image, ChunkPosition { column, row }, 0)?.measure(image, &mut stats)?;
        }
    }
    image.set_range(stats);
    Ok(())
}
