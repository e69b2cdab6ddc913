//! The eight EXIF orientations.

use crate::iiif::Size;

/// Orientation of an image as stored, matching the values of the EXIF `Orientation` tag (TIFF 6.0, page 36).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Orientation {
    /// 1: Already upright.
    #[default]
    Upright,
    /// 2: Mirrored horizontally.
    Mirrored,
    /// 3: Rotated by 180 degrees.
    HalfTurn,
    /// 4: Mirrored vertically.
    Flipped,
    /// 5: Transposed.
    Transposed,
    /// 6: Needs to be rotated 90 degrees clockwise.
    QuarterRight,
    /// 7: Transposed along the other diagonal.
    Transversed,
    /// 8: Needs to be rotated 90 degrees counterclockwise.
    QuarterLeft,
}

impl Orientation {
    /// Converts an EXIF value to an orientation. Invalid values are treated as upright.
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

    /// Returns the displayed size of an image stored in this orientation.
    #[must_use]
    pub(crate) fn displayed_size(self, stored: Size) -> Size {
        if self.swaps_sides() { Size::new(stored.height(), stored.width()).expect("neither side is 0") } else { stored }
    }

    /// Returns `true` if stored rows turn into columns when displayed.
    #[must_use]
    pub(crate) fn swaps_sides(self) -> bool {
        matches!(self, Self::Transposed | Self::QuarterRight | Self::Transversed | Self::QuarterLeft)
    }

    /// Returns `true` if the first stored row is displayed at the bottom.
    pub(super) fn is_bottom_up(self) -> bool {
        matches!(self, Self::HalfTurn | Self::Flipped)
    }

    /// Returns `true` if each row's pixels are reversed.
    pub(super) fn reverses_rows(self) -> bool {
        matches!(self, Self::Mirrored | Self::HalfTurn)
    }

    /// Returns the position at which the pixel stored at `x`, `y` is displayed.
    pub(super) fn displayed_position(self, x: u32, y: u32, stored: Size) -> (u32, u32) {
        // Map stored positions to displayed positions, not the other way around. Rows arrive in stored order, and we
        // write each pixel to its final position.
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

    /// Describes the transformation, or returns `None` if the image is upright.
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
