//! Requests that must succeed, and the expected image dimensions.

use crate::iiif::{ImageRequest, Size};
use std::fmt;

/// A request that must succeed, and the dimensions of the returned image.
#[derive(Clone, Copy, Debug)]
pub(super) struct Expected {
    pub(super) request: ImageRequest,
    pub(super) measure: Measure,
}

/// Acceptable image dimensions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Measure {
    Exactly(Size),
    Either(Size, Size),
    /// The first size's width. The server picks the height (`w,`) and may round it from either the first size or the
    /// second size's aspect ratio.
    ByWidth(Size, Size),
    /// No larger than the first size, with the second size's aspect ratio.
    Within(Size, Size),
}

impl Measure {
    pub(super) fn allows(self, found: Size) -> bool {
        match self {
            Self::Exactly(size) => found == size,
            Self::Either(one, other) => found == one || found == other,
            Self::ByWidth(size, natural) => {
                let is_near = |height: u64| height.abs_diff(u64::from(found.height())) <= 1;
                let heights = [u64::from(size.height()), proportional_height(natural, size.width())];
                found.width() == size.width() && heights.into_iter().any(is_near)
            }
            Self::Within(limit, whole) => {
                let product = |width: u32, height: u32| u64::from(width) * u64::from(height);
                let skew = product(found.width(), whole.height()).abs_diff(product(whole.width(), found.height()));
                found.width() <= limit.width()
                    && found.height() <= limit.height()
                    && skew <= u64::from(whole.longer_side())
            }
        }
    }

    /// Returns the maximum number of pixels allowed by these dimensions.
    pub(super) fn max_pixels(self) -> u64 {
        match self {
            Self::Exactly(size) | Self::Within(size, _) => size.pixels(),
            Self::Either(one, other) => one.pixels().max(other.pixels()),
            Self::ByWidth(size, natural) => {
                let height = proportional_height(natural, size.width()).max(u64::from(size.height()));
                u64::from(size.width()) * (height + 1)
            }
        }
    }
}

/// Returns the proportional height for the given width, rounded down.
fn proportional_height(natural: Size, width: u32) -> u64 {
    u64::from(natural.height()) * u64::from(width) / u64::from(natural.width())
}

impl fmt::Display for Measure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exactly(size) | Self::ByWidth(size, _) => size.fmt(formatter),
            Self::Either(one, other) => write!(formatter, "{one} or {other}"),
            Self::Within(limit, _) => write!(formatter, "at most {limit} in the proportions of the image"),
        }
    }
}
