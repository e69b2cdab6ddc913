//! The SIZ marker segment (A.5.1), which defines the reference grid for the image, tiles and components.

use super::Refusal;
use super::bytes::{long, short};

/// Maximum number of components. Viewable images don't have more.
const MAX_COMPONENTS: u16 = 8;

/// Maximum number of tiles that the standard allows.
const MAX_TILES: u64 = 65_535;

/// Maximum coordinate. Anything larger is useless to viewers and overflows 32-bit arithmetic.
const MAX_COORDINATE: u32 = 1 << 31;

/// A rectangle on the reference grid. `right` and `bottom` are exclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rectangle {
    pub(super) left: u32,
    pub(super) top: u32,
    pub(super) right: u32,
    pub(super) bottom: u32,
}

/// A component's sample format and subsampling. `x_step` and `y_step` are the number of grid points per sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Component {
    pub(super) bits: u8,
    pub(super) is_signed: bool,
    pub(super) x_step: u8,
    pub(super) y_step: u8,
}

/// An image's reference grid.
#[derive(Clone, Debug)]
pub(super) struct Grid {
    pub(super) image: Rectangle,
    /// Position of the first tile, and tile size.
    tile_origin: (u32, u32),
    tile: (u32, u32),
    pub(super) components: Vec<Component>,
}

impl Grid {
    /// Reads a segment, excluding its length field.
    pub(super) fn read(segment: &[u8]) -> Result<Self, Refusal> {
        let grid = Self::parsed(segment).ok_or_else(|| Refusal::Decode("its SIZ segment is too short".into()))?;
        let components = short(segment, 34).unwrap_or_default();
        if components > MAX_COMPONENTS {
            return Err(Refusal::Unsupported(format!("a JPEG 2000 image of {components} components")));
        }
        if !grid.is_valid() {
            return Err(Refusal::Decode("its SIZ segment is inconsistent".into()));
        }
        Ok(grid)
    }

    fn parsed(segment: &[u8]) -> Option<Self> {
        let point = |at| Some((long(segment, at)?, long(segment, at + 4)?));
        let ((right, bottom), (left, top)) = (point(2)?, point(10)?);
        let (components, _) = segment.get(36..)?.as_chunks::<3>();
        let components = components.get(..short(segment, 34)?.min(MAX_COMPONENTS).into())?;
        let component = |[bits, x_step, y_step]: &[u8; 3]| Component {
            bits: (bits & 0x7f) + 1,
            is_signed: bits & 0x80 != 0,
            x_step: *x_step,
            y_step: *y_step,
        };
        Some(Self {
            image: Rectangle { left, top, right, bottom },
            tile: point(18)?,
            tile_origin: point(26)?,
            components: components.iter().map(component).collect(),
        })
    }

    /// Checks the conditions in B.2 and B.3 along with this program's own limits.
    fn is_valid(&self) -> bool {
        let Rectangle { left, top, right, bottom } = self.image;
        let within = |origin: u32, tile: u32, from: u32, to: u32| {
            // The first tile must contain the image's top-left corner (B.3). This ensures that tiles aren't empty and
            // that the number of tiles can be derived from the sizes.
            let first_end = u64::from(origin) + u64::from(tile);
            origin <= from && from < to && to <= MAX_COORDINATE && tile > 0 && first_end > u64::from(from)
        };
        within(self.tile_origin.0, self.tile.0, left, right)
            && within(self.tile_origin.1, self.tile.1, top, bottom)
            && !self.components.is_empty()
            && self.components.iter().all(|it| it.x_step > 0 && it.y_step > 0)
            && u64::from(self.columns()) * u64::from(self.rows()) <= MAX_TILES
    }

    /// Returns the number of tiles per row.
    pub(super) fn columns(&self) -> u32 {
        (self.image.right - self.tile_origin.0).div_ceil(self.tile.0)
    }

    /// Returns the number of tiles per column.
    pub(super) fn rows(&self) -> u32 {
        (self.image.bottom - self.tile_origin.1).div_ceil(self.tile.1)
    }

    /// Returns the part of the image covered by a tile.
    pub(super) fn tile(&self, column: u32, row: u32) -> Rectangle {
        let side = |origin: u32, tile: u32, number: u32, from: u32, to: u32| {
            // A tile's index times the tile size is always less than the image's end, so only the addition can
            // overflow.
            let start = origin + number * tile;
            (start.max(from), start.saturating_add(tile).min(to))
        };
        let (left, right) = side(self.tile_origin.0, self.tile.0, column, self.image.left, self.image.right);
        let (top, bottom) = side(self.tile_origin.1, self.tile.1, row, self.image.top, self.image.bottom);
        Rectangle { left, top, right, bottom }
    }

    /// Returns the number of grid points per pixel: the step if all components share it, or 1. This matches the
    /// decoder.
    fn pixel(&self) -> (u32, u32) {
        let steps = |it: &Component| (u32::from(it.x_step), u32::from(it.y_step));
        let first = self.components.first().map_or((1, 1), steps);
        if self.components.iter().all(|it| steps(it) == first) { first } else { (1, 1) }
    }

    /// Returns the part of the image with these rows of pixels.
    #[cfg(feature = "openjpeg")]
    pub(super) fn band(&self, rows: std::ops::Range<u32>) -> Rectangle {
        let (_, step) = self.pixel();
        let (Rectangle { top, bottom, .. }, first) = (self.image, self.image.top.div_ceil(step));
        let at = |row: u32| (first + row).saturating_mul(step).clamp(top, bottom);
        Rectangle { top: if rows.start == 0 { top } else { at(rows.start) }, bottom: at(rows.end), ..self.image }
    }

    /// Returns `true` if all components have the same size.
    #[cfg(feature = "openjpeg")]
    pub(super) fn has_equal_components(&self) -> bool {
        let steps = |it: &Component| (it.x_step, it.y_step);
        self.components.iter().all(|it| steps(it) == steps(&self.components[0]))
    }

    /// Returns the width and height of a rectangle in pixels.
    pub(super) fn pixels(&self, area: Rectangle) -> (u32, u32) {
        let (x_step, y_step) = self.pixel();
        // Samples are located at multiples of the step (B.2), so count the multiples inside the rectangle. Rounding
        // both quotients up before subtracting gives the exact count. Subtracting first and then dividing could be off
        // by one.
        let length = |from: u32, to: u32, step: u32| to.div_ceil(step) - from.div_ceil(step);
        (length(area.left, area.right, x_step), length(area.top, area.bottom, y_step))
    }

    /// Returns the maximum width and height of a tile in grid points.
    pub(super) fn max_tile_points(&self) -> (u32, u32) {
        let Rectangle { left, top, right, bottom } = self.image;
        (self.tile.0.min(right - left), self.tile.1.min(bottom - top))
    }

    /// Returns `true` if tile edges never split a component's samples.
    pub(super) fn has_independent_tiles(&self) -> bool {
        // With a step of 2 and an edge at 33, the sample at 32 belongs to one tile but also covers pixels in the next.
        // That tile couldn't be decoded without the first one.
        let of_whole = |step: u8, sides: [u32; 3]| sides.iter().all(|side| side.is_multiple_of(step.into()));
        self.components.iter().all(|it| {
            of_whole(it.x_step, [self.tile_origin.0, self.tile.0, self.image.left])
                && of_whole(it.y_step, [self.tile_origin.1, self.tile.1, self.image.top])
        })
    }

    /// Encodes the segment, including its marker, with `area` as the image area. Keeps the original tiles unless
    /// `is_one_tile` is set.
    pub(super) fn encode(&self, area: Rectangle, is_one_tile: bool) -> Vec<u8> {
        let Rectangle { left, top, right, bottom } = area;
        let (tile, origin) = if is_one_tile {
            ((right - left, bottom - top), (left, top))
        } else {
            // Tile sizes far beyond the image would overflow the decoder's arithmetic.
            let (x, y) = self.tile_origin;
            ((self.tile.0.min(right - x), self.tile.1.min(bottom - y)), (x, y))
        };
        let count = u16::try_from(self.components.len()).expect("at most 8");
        let mut bytes = vec![0xff, 0x51];
        bytes.extend((38 + 3 * count).to_be_bytes());
        bytes.extend([0; 2]);
        for value in [right, bottom, left, top, tile.0, tile.1, origin.0, origin.1] {
            bytes.extend(value.to_be_bytes());
        }
        bytes.extend(count.to_be_bytes());
        for it in &self.components {
            bytes.extend([(it.bits - 1) | u8::from(it.is_signed) << 7, it.x_step, it.y_step]);
        }
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segment(values: [u32; 8], components: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0, 0];
        bytes.extend(values.iter().flat_map(|value| value.to_be_bytes()));
        bytes.extend(u16::try_from(components.len() / 3).expect("few").to_be_bytes());
        bytes.extend(components);
        bytes
    }

    /// Example from B.4.
    const EXAMPLE: [u32; 8] = [1432, 954, 152, 234, 396, 297, 0, 0];

    #[test]
    fn tiles_match_the_example_of_the_standard() {
        let grid = Grid::read(&segment(EXAMPLE, &[7, 1, 1, 7, 2, 2])).ok().expect("read");
        assert_eq!((grid.columns(), grid.rows(), grid.pixels(grid.image)), (4, 4, (1280, 720)));
        assert_eq!(grid.tile(0, 0), Rectangle { left: 152, top: 234, right: 396, bottom: 297 });
        assert_eq!(grid.tile(3, 3), Rectangle { left: 1188, top: 891, right: 1432, bottom: 954 });
        assert!(!grid.has_independent_tiles(), "a sample of the second component is in two tiles");
    }

    #[test]
    fn an_encoded_segment_parses_back() {
        let bytes = segment(EXAMPLE, &[0x87, 1, 1, 15, 2, 2]);
        let grid = Grid::read(&bytes).ok().expect("read");
        assert_eq!(grid.encode(grid.image, false)[4..], bytes);
    }

    #[test]
    fn inconsistent_grids_are_rejected() {
        let refused = |values, components: &[u8]| Grid::read(&segment(values, components)).is_err();
        assert!(!refused(EXAMPLE, &[7, 1, 1]));
        for (at, value) in [(0, 152), (1, u32::MAX), (2, 400), (4, 0), (4, 1), (5, 234), (6, 153)] {
            let mut values = EXAMPLE;
            values[at] = value;
            assert!(refused(values, &[7, 1, 1]), "{at}: {value}");
        }
        assert!(refused([60_000, 60_000, 0, 0, 100, 100, 0, 0], &[7, 1, 1]), "too many tiles");
        assert!(refused(EXAMPLE, &[]) && refused(EXAMPLE, &[7, 0, 1]) && refused(EXAMPLE, &[7; 27]));
    }
}
