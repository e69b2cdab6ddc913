//! Tiles of one colour, as margins and backgrounds give them: each is encoded once for an image.

use super::{EncodeError, Encoded, Encoding, encode_tile};
use crate::iiif::{Format, Size};
use crate::pixel::Tile;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// Tiles of one colour that are encoded already.
#[derive(Debug, Default)]
pub struct BlankTiles(Mutex<HashMap<Blank, Vec<Encoded>>>);

/// What such a tile is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Blank {
    colour: Vec<u8>,
    size: Size,
    formats: Vec<Format>,
}

impl BlankTiles {
    /// Tiles that are remembered at the most: an image with many colours, a chart, must not fill memory. One colour has four sizes.
    pub(crate) const MOST: usize = 16;

    /// Encodes a tile in each of the formats, unless one like it was encoded before.
    ///
    /// # Errors
    /// As [`encode_tile`].
    pub fn encode(&self, tile: &Tile, formats: &[Format], encoding: &Encoding) -> Result<Vec<Encoded>, EncodeError> {
        let Some(colour) = tile.colour() else { return encode_tile(tile, formats, encoding) };
        let blank = Blank { colour: colour.to_vec(), size: tile.size, formats: formats.to_vec() };
        // Every change under the lock is whole, so that a panic elsewhere spoils nothing.
        let encoded = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = encoded().get(&blank) {
            return Ok(known.clone());
        }
        // Two threads may both encode the first: neither waits for the other.
        let pictures = encode_tile(tile, formats, encoding)?;
        let mut encoded = encoded();
        if encoded.len() == Self::MOST {
            // What comes again, a margin, soon is among them again.
            encoded.clear();
        }
        encoded.insert(blank, pictures.clone());
        Ok(pictures)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::iiif::ScaleFactor;
    use crate::pixel::{PixelFormat, Strip, StripPool};
    use std::sync::Arc;

    #[test]
    fn tiles_of_one_colour_are_encoded_once_and_as_ever() {
        let size = Size::new(80, 32).expect("not empty");
        let strip = |paint: &dyn Fn(usize) -> u8| Arc::new(painted(size, paint));
        let (white, grey, spotted) = (strip(&|_| 255), strip(&|_| 99), strip(&|at| u8::from(at == 80 * 3 * 20 + 7)));
        let (blanks, encoding) = (BlankTiles::default(), Encoding::default());
        for strip in [&white, &grey, &spotted, &white] {
            for tile in (0..).map_while(|column| Tile::cut(strip, column, 32)) {
                let expected = encode_tile(&tile, &[Format::Jpg], &encoding).expect("encoded");
                assert_eq!(blanks.encode(&tile, &[Format::Jpg], &encoding).expect("encoded"), expected);
            }
        }
        // Two colours of two widths, and the tiles beside the one with the spot.
        assert_eq!(blanks.0.lock().expect("no panic").len(), 2 * 2 + 2);
        let tile = Tile::cut(&white, 0, 32).expect("a tile");
        let known = Blank { colour: vec![255; 3], size: tile.size, formats: vec![Format::Jpg] };
        let marked = vec![Encoded { format: Format::Jpg, bytes: vec![1] }];
        blanks.0.lock().expect("no panic").insert(known, marked.clone());
        assert_eq!(blanks.encode(&tile, &[Format::Jpg], &encoding).expect("known"), marked);
    }

    #[test]
    fn many_colours_take_no_more_memory_and_shut_out_none() {
        let size = Size::new(32, 32).expect("not empty");
        let blanks = BlankTiles::default();
        for colour in 0..200 {
            let tile = Tile::cut(&Arc::new(painted(size, &|_| colour)), 0, 32).expect("a tile");
            blanks.encode(&tile, &[Format::Jpg], &Encoding::default()).expect("encoded");
            let known = blanks.0.lock().expect("no panic");
            assert!(known.len() <= BlankTiles::MOST && known.keys().any(|blank| blank.colour == [colour; 3]));
        }
    }

    fn painted(size: Size, paint: &dyn Fn(usize) -> u8) -> Strip {
        let bytes = PixelFormat::Rgb8.row_bytes(size.width()) * size.height() as usize;
        let mut pixels = StripPool::new(1, bytes).take().expect("memory");
        pixels.items_mut().iter_mut().enumerate().for_each(|(at, sample)| *sample = paint(at));
        Strip::new(ScaleFactor::ONE, 0, size, PixelFormat::Rgb8, pixels)
    }
}
