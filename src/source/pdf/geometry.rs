//! Page points, boxes and matrices (ISO 32000-2, 8.3).

use crate::source::Orientation;

/// A coordinate transformation with `x' = a x + c y + e` and `y' = b x + d y + f`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Matrix(pub(super) [f64; 6]);

impl Matrix {
    pub(super) const IDENTITY: Self = Self([1.0, 0.0, 0.0, 1.0, 0.0, 0.0]);

    /// Returns the transformation that applies `self` first and then `next`.
    pub(super) fn then(self, next: Self) -> Self {
        let Self([.., right, up]) = next;
        // Don't translate direction vectors.
        let turned = |x: f64, y: f64| {
            let (x, y) = next.apply((x, y));
            (x - right, y - up)
        };
        let [first, second, offset] = [0, 2, 4].map(|at| (self.0[at], self.0[at + 1]));
        let ((a, b), (c, d)) = (turned(first.0, first.1), turned(second.0, second.1));
        let (right, up) = next.apply(offset);
        Self([a, b, c, d, right, up])
    }

    pub(super) fn apply(self, (x, y): (f64, f64)) -> (f64, f64) {
        let of = |at: usize| self.0[at] * x + self.0[at + 2] * y + self.0[at + 4];
        (of(0), of(1))
    }

    /// Returns the bounding box of a transformed rectangle.
    pub(super) fn bounds(self, rectangle: Rectangle) -> Rectangle {
        let Rectangle { left, bottom, right, top } = rectangle;
        let corners = [(left, bottom), (right, bottom), (right, top), (left, top)].map(|corner| self.apply(corner));
        Rectangle::around(&corners)
    }

    /// Returns `true` if horizontal and vertical lines stay horizontal or vertical.
    pub(super) fn is_axis_aligned(self) -> bool {
        let Self([a, b, c, d, ..]) = self;
        // Programs that round angles are off by about a millionth.
        let is_small = |value: f64, beside: f64| value.abs() <= beside.abs() * 1e-5;
        (is_small(b, a) && is_small(c, d)) || (is_small(a, b) && is_small(d, c))
    }

    /// Returns the orientation of an image drawn with this matrix on a page that's rotated by `rotate` degrees
    /// clockwise. The matrix must be axis-aligned.
    pub(super) fn orientation(self, rotate: u32) -> Orientation {
        let Self([a, b, c, d, ..]) = self;
        // Directions of the image's right and bottom edges on the page, with y pointing down.
        let (mut right, mut down) = ((a, -b), (-c, d));
        for _ in 0..rotate / 90 {
            let turn = |(x, y): (f64, f64)| (-y, x);
            (right, down) = (turn(right), turn(down));
        }
        if right.0.abs() > right.1.abs() {
            match (right.0 > 0.0, down.1 > 0.0) {
                (true, true) => Orientation::Upright,
                (false, true) => Orientation::Mirrored,
                (false, false) => Orientation::HalfTurn,
                (true, false) => Orientation::Flipped,
            }
        } else {
            match (right.1 > 0.0, down.0 > 0.0) {
                (true, true) => Orientation::Transposed,
                (true, false) => Orientation::QuarterRight,
                (false, false) => Orientation::Transversed,
                (false, true) => Orientation::QuarterLeft,
            }
        }
    }
}

/// A rectangle with y pointing up.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Rectangle {
    pub(super) left: f64,
    pub(super) bottom: f64,
    pub(super) right: f64,
    pub(super) top: f64,
}

impl Rectangle {
    /// The square that images fill before they're transformed.
    pub(super) const UNIT: Self = Self { left: 0.0, bottom: 0.0, right: 1.0, top: 1.0 };

    /// Creates a rectangle from any two opposite corners.
    pub(super) fn from_corners([x1, y1, x2, y2]: [f64; 4]) -> Self {
        Self::around(&[(x1, y1), (x2, y2)])
    }

    /// Returns the bounding box of some points.
    pub(super) fn around(points: &[(f64, f64)]) -> Self {
        let start = Self { left: f64::MAX, bottom: f64::MAX, right: f64::MIN, top: f64::MIN };
        points.iter().fold(start, |bounds, (x, y)| Self {
            left: bounds.left.min(*x),
            bottom: bounds.bottom.min(*y),
            right: bounds.right.max(*x),
            top: bounds.top.max(*y),
        })
    }

    pub(super) fn width(self) -> f64 {
        self.right - self.left
    }

    pub(super) fn height(self) -> f64 {
        self.top - self.bottom
    }

    pub(super) fn intersection(self, other: Self) -> Self {
        Self {
            left: self.left.max(other.left),
            bottom: self.bottom.max(other.bottom),
            right: self.right.min(other.right),
            top: self.top.min(other.top),
        }
    }

    /// Returns `true` if this rectangle covers `other` except for a margin, which is a fraction of the width and height
    /// of `other`.
    pub(super) fn covers(self, other: Self, margin: f64) -> bool {
        let (x, y) = (other.width() * margin, other.height() * margin);
        self.left <= other.left + x
            && self.bottom <= other.bottom + y
            && self.right >= other.right - x
            && self.top >= other.top - y
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orientations_follow_the_corners_of_the_image() {
        // Positions of the image's top left and top right corners on the displayed page, as (is right, is bottom).
        let cases = [
            ([1.0, 0.0, 0.0, 1.0], 0, Orientation::Upright),
            ([1.0, 0.0, 0.0, 1.0], 90, Orientation::QuarterRight),
            ([1.0, 0.0, 0.0, 1.0], 180, Orientation::HalfTurn),
            ([1.0, 0.0, 0.0, 1.0], 270, Orientation::QuarterLeft),
            ([-1.0, 0.0, 0.0, 1.0], 0, Orientation::Mirrored),
            ([1.0, 0.0, 0.0, -1.0], 0, Orientation::Flipped),
            // The matrix turns the image counterclockwise, and the page turns it back.
            ([0.0, 1.0, -1.0, 0.0], 0, Orientation::QuarterLeft),
            ([0.0, 1.0, -1.0, 0.0], 90, Orientation::Upright),
            ([0.0, -1.0, 1.0, 0.0], 0, Orientation::QuarterRight),
            ([0.0, -1.0, -1.0, 0.0], 0, Orientation::Transposed),
            ([0.0, 1.0, 1.0, 0.0], 0, Orientation::Transversed),
        ];
        for ([a, b, c, d], rotate, expected) in cases {
            let matrix = Matrix([a * 600.0, b * 600.0, c * 600.0, d * 600.0, 7.0, 9.0]);
            assert!(matrix.is_axis_aligned());
            assert_eq!(matrix.orientation(rotate), expected, "{matrix:?} {rotate}");
        }
        assert!(!Matrix([1.0, 0.1, -0.1, 1.0, 0.0, 0.0]).is_axis_aligned());
    }

    #[test]
    fn transformations_are_applied_in_order() {
        let scale = Matrix([2.0, 0.0, 0.0, 3.0, 0.0, 0.0]);
        let shift = Matrix([1.0, 0.0, 0.0, 1.0, 10.0, 20.0]);
        assert_eq!(scale.then(shift).apply((1.0, 1.0)), (12.0, 23.0));
        assert_eq!(shift.then(scale).apply((1.0, 1.0)), (22.0, 63.0));
        let expected = Rectangle { left: 10.0, bottom: 20.0, right: 12.0, top: 23.0 };
        assert_eq!(scale.then(shift).bounds(Rectangle::UNIT), expected);
    }

    #[test]
    fn a_margin_may_stay_uncovered() {
        let page = Rectangle::from_corners([0.0, 0.0, 1000.0, 500.0]);
        assert!(Rectangle::from_corners([995.0, 496.0, 5.0, 4.0]).covers(page, 0.01));
        assert!(!Rectangle::from_corners([0.0, 6.0, 1000.0, 500.0]).covers(page, 0.01));
    }
}
