//! Single-color tiles, such as margins and backgrounds, encoded only once per image.

use super::{EncodeError, EncodedTile, Encoding, TileScan, encode_tile};
use crate::iiif::{Format, Size};
use crate::pixel::Tile;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// Cache of encoded single-color tiles.
#[derive(Debug, Default)]
pub struct BlankTiles(Mutex<HashMap<Blank, EncodedTile>>);

/// Everything that affects the encoded bytes of a single-color tile. Used as the cache key.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Blank {
    color: Vec<u8>,
    size: Size,
    formats: Vec<Format>,
    scan: TileScan,
}

impl BlankTiles {
    /// Maximum number of cached tiles. Keeps images with many colors, such as charts, from using too much memory.
    ///
    /// A color needs at most four tiles: one for the inside, one each for the right and bottom edges, and one for the
    /// corner.
    pub(crate) const MAX: usize = 16;

    /// Encodes a tile in each format, reusing a cached result for single-color tiles.
    ///
    /// # Errors
    /// Returns an error if [`encode_tile`] fails.
    pub fn encode(
        &self,
        tile: &Tile,
        formats: &[Format],
        encoding: &Encoding,
        scan: TileScan,
    ) -> Result<EncodedTile, EncodeError> {
        // Scans have margins and stitched maps have empty corners, so entire rows of tiles can be identical. The check
        // is cheap because most other tiles differ within the first few pixels.
        let Some(color) = tile.color() else { return encode_tile(tile, formats, encoding, scan) };
        let blank = Blank { color: color.to_vec(), size: tile.size, formats: formats.to_vec(), scan };
        // Every update under the lock is a single call, so a panic in another thread can't leave it half done.
        let encoded = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = encoded().get(&blank) {
            return Ok(known.clone());
        }
        // Two threads might both encode the first tile of a color. That's cheaper than holding the lock while encoding.
        let blank_tile = encode_tile(tile, formats, encoding, scan)?;
        let mut encoded = encoded();
        if encoded.len() == Self::MAX {
            // Colors that repeat, such as margins, are soon cached again.
            encoded.clear();
        }
        encoded.insert(blank, blank_tile.clone());
        Ok(blank_tile)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encode::Encoded;
    use crate::iiif::ScaleFactor;
    use crate::pixel::{PixelFormat, Strip, StripPool};
    use std::sync::Arc;

    #[test]
    fn tiles_of_one_color_are_encoded_once_with_the_same_bytes() {
        let size = Size::new(80, 32).expect("not empty");
        let strip = |paint: &dyn Fn(usize) -> u8| Arc::new(painted(size, paint));
        let (white, gray, spotted) = (strip(&|_| 255), strip(&|_| 99), strip(&|at| u8::from(at == 80 * 3 * 20 + 7)));
        let (blanks, encoding) = (BlankTiles::default(), Encoding::default());
        for strip in [&white, &gray, &spotted, &white] {
            for tile in (0..).map_while(|column| Tile::cut(strip, column, 32)) {
                let (formats, scan) = (&[Format::Jpg], TileScan::Kept);
                let expected = encode_tile(&tile, formats, &encoding, scan).expect("encoded");
                assert_eq!(blanks.encode(&tile, formats, &encoding, scan).expect("encoded"), expected);
            }
        }
        // Two colors in two widths, plus the two tiles next to the one with the spot.
        assert_eq!(blanks.0.lock().expect("no panic").len(), 2 * 2 + 2);
        let tile = Tile::cut(&white, 0, 32).expect("a tile");
        let (formats, scan) = (vec![Format::Jpg], TileScan::Kept);
        let known = Blank { color: vec![255; 3], size: tile.size, formats, scan };
        let pictures = vec![Encoded { format: Format::Jpg, bytes: vec![1] }];
        let marked = EncodedTile { pictures, scan: None };
        blanks.0.lock().expect("no panic").insert(known, marked.clone());
        assert_eq!(blanks.encode(&tile, &[Format::Jpg], &encoding, scan).expect("known"), marked);
    }

    #[test]
    fn many_colors_stay_within_the_cache_limit_and_the_newest_is_cached() {
        let size = Size::new(32, 32).expect("not empty");
        let blanks = BlankTiles::default();
        for color in 0..200 {
            let tile = Tile::cut(&Arc::new(painted(size, &|_| color)), 0, 32).expect("a tile");
            blanks.encode(&tile, &[Format::Jpg], &Encoding::default(), TileScan::Dropped).expect("encoded");
            let known = blanks.0.lock().expect("no panic");
            assert!(known.len() <= BlankTiles::MAX && known.keys().any(|blank| blank.color == [color; 3]));
        }
    }

    fn painted(size: Size, paint: &dyn Fn(usize) -> u8) -> Strip {
        let bytes = PixelFormat::Rgb8.row_bytes(size.width()) * size.height() as usize;
        let mut pixels = StripPool::new(1, bytes).take().expect("memory");
        pixels.items_mut().iter_mut().enumerate().for_each(|(at, sample)| *sample = paint(at));
        Strip::new(ScaleFactor::ONE, 0, size, PixelFormat::Rgb8, pixels)
    }
}
