//! Which way up: the eight values of EXIF, and what each costs.

use crate::iiif::Size;

/// How the rows of a file lie, by the value of the EXIF tag `Orientation` (TIFF 6.0, page 36).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Orientation {
    /// 1: as they are shown.
    #[default]
    Upright,
    /// 2: left and right are exchanged.
    Mirrored,
    /// 3: half a turn.
    HalfTurn,
    /// 4: top and bottom are exchanged.
    Flipped,
    /// 5: rows are columns.
    Transposed,
    /// 6: to be turned a quarter to the right.
    QuarterRight,
    /// 7: rows are columns, from the other corner.
    Transversed,
    /// 8: to be turned a quarter to the left.
    QuarterLeft,
}

impl Orientation {
    /// The orientation of an EXIF value; upright for values that mean nothing.
    #[must_use]
    pub fn of_exif(value: u16) -> Self {
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

    /// The size in which an image is shown whose rows lie so.
    #[must_use]
    pub fn shown(self, stored: Size) -> Size {
        if self.swaps_sides() { Size::new(stored.height(), stored.width()).expect("neither side is 0") } else { stored }
    }

    /// Whether rows of the file are columns of the picture.
    #[must_use]
    pub fn swaps_sides(self) -> bool {
        matches!(self, Self::Transposed | Self::QuarterRight | Self::Transversed | Self::QuarterLeft)
    }

    /// Whether the first row of the file is the last of the picture, or its pixels are those of the last.
    pub(super) fn is_bottom_up(self) -> bool {
        matches!(self, Self::HalfTurn | Self::Flipped)
    }

    /// Whether the pixels of a row are in reverse.
    pub(super) fn reverses_rows(self) -> bool {
        matches!(self, Self::Mirrored | Self::HalfTurn)
    }

    /// Where the picture has the pixel that the file has at `x`, `y`, in a file of that size.
    pub(super) fn place(self, x: u32, y: u32, stored: Size) -> (u32, u32) {
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

    /// In words, where there is something to say.
    #[must_use]
    pub fn in_words(self) -> Option<&'static str> {
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
    fn four_quarter_turns_and_two_mirrors_lead_back() {
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
                let (there_x, there_y) = one.place(x, y, size);
                let shown = one.shown(size);
                assert!(there_x < shown.width() && there_y < shown.height(), "{one:?}");
                assert_eq!(back.place(there_x, there_y, shown), (x, y), "{one:?}");
            }
        }
    }
}
