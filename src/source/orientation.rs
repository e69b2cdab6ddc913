//! Orientation: the eight values of EXIF, and the cost of each.

use crate::iiif::Size;

/// Orientation of the stored rows, by the value of the EXIF tag `Orientation` (TIFF 6.0, page 36).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Orientation {
    /// 1: as displayed.
    #[default]
    Upright,
    /// 2: mirrored horizontally.
    Mirrored,
    /// 3: rotated by 180 degrees.
    HalfTurn,
    /// 4: mirrored vertically.
    Flipped,
    /// 5: transposed.
    Transposed,
    /// 6: to be rotated by 90 degrees clockwise.
    QuarterRight,
    /// 7: transposed along the other diagonal.
    Transversed,
    /// 8: to be rotated by 90 degrees counterclockwise.
    QuarterLeft,
}

impl Orientation {
    /// Returns the orientation of an EXIF value; upright for invalid values.
    #[must_use]
    pub(crate) fn from_exif(value: u16) -> Self {
        match value {
            2 => Self::Mirrored,
            3 => Self::HalfTurn,
            4 => Self::Flipped,
            5 => Self::Transposed,
            6 => Self::QuarterRight,
            7 => Self::Transversed,
            8 => Self::QuarterLeft,
            _ => Self::Upright,
        }
    }

    /// Returns the displayed size of an image that is stored with this orientation.
    #[must_use]
    pub(crate) fn displayed_size(self, stored: Size) -> Size {
        if self.swaps_sides() { Size::new(stored.height(), stored.width()).expect("neither side is 0") } else { stored }
    }

    /// Returns `true` if stored rows are displayed as columns.
    #[must_use]
    pub(crate) fn swaps_sides(self) -> bool {
        matches!(self, Self::Transposed | Self::QuarterRight | Self::Transversed | Self::QuarterLeft)
    }

    /// Returns `true` if the first stored row is displayed last.
    pub(super) fn is_bottom_up(self) -> bool {
        matches!(self, Self::HalfTurn | Self::Flipped)
    }

    /// Returns `true` if the pixels of a row are reversed.
    pub(super) fn reverses_rows(self) -> bool {
        matches!(self, Self::Mirrored | Self::HalfTurn)
    }

    /// Returns the displayed position of the pixel stored at `x`, `y`.
    pub(super) fn displayed_position(self, x: u32, y: u32, stored: Size) -> (u32, u32) {
        // Stored positions are mapped to displayed ones, not the other way around, because rows arrive in stored order
        // and each pixel is written where it belongs.
        let (right, bottom) = (stored.width() - 1 - x, stored.height() - 1 - y);
        match self {
            Self::Upright => (x, y),
            Self::Mirrored => (right, y),
            Self::HalfTurn => (right, bottom),
            Self::Flipped => (x, bottom),
            Self::Transposed => (y, x),
            Self::QuarterRight => (bottom, x),
            Self::Transversed => (bottom, right),
            Self::QuarterLeft => (y, right),
        }
    }

    /// Returns a description of the rotation; `None` if upright.
    #[must_use]
    pub fn describe(self) -> Option<&'static str> {
        Some(match self {
            Self::Upright => return None,
            Self::Mirrored => "mirrored",
            Self::HalfTurn => "turned by 180 degrees",
            Self::Flipped => "flipped upside down",
            Self::Transposed => "transposed",
            Self::QuarterRight => "turned right by 90 degrees",
            Self::Transversed => "transposed from the other corner",
            Self::QuarterLeft => "turned left by 90 degrees",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_quarter_turns_or_two_mirrors_are_the_identity() {
        let size = Size::new(5, 3).expect("a size");
        for (one, back) in [
            (Orientation::QuarterRight, Orientation::QuarterLeft),
            (Orientation::Mirrored, Orientation::Mirrored),
            (Orientation::Flipped, Orientation::Flipped),
            (Orientation::HalfTurn, Orientation::HalfTurn),
            (Orientation::Transposed, Orientation::Transposed),
            (Orientation::Transversed, Orientation::Transversed),
        ] {
            for (x, y) in (0..5).flat_map(|x| (0..3).map(move |y| (x, y))) {
                let (there_x, there_y) = one.displayed_position(x, y, size);
                let displayed_size = one.displayed_size(size);
                assert!(there_x < displayed_size.width() && there_y < displayed_size.height(), "{one:?}");
                assert_eq!(back.displayed_position(there_x, there_y, displayed_size), (x, y), "{one:?}");
            }
        }
    }
}
