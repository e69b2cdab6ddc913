//! The range of floating-point and signed samples, if the options ask to measure it.

use super::chunk::{Chunk, ChunkPosition};
use super::image::Image;
use super::range::SampleStats;
use crate::source::DecodeError;

/// Measures the range of the samples before the first row if it is not known. Reads all strips or tiles.
pub(super) fn measure_range(image: &Image) -> Result<(), DecodeError> {
    if !image.has_unknown_range() {
        return Ok(());
    }
    // `--float-range auto` reads the image twice, because black and white have to be known before the first tile
    // is encoded. Holding the samples instead would take memory for the whole image.
    let mut stats = SampleStats::default();
    for row in 0..image.chunks.chunks_down() {
        for column in 0..image.chunks.chunks_across() {
            Chunk::open(image, ChunkPosition { column, row }, 0)?.measure(image, &mut stats)?;
        }
    }
    image.set_range(stats);
    Ok(())
}
