//! Sample number formats.

/// Number format used for samples (`SampleFormat`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SampleFormat {
    /// Unsigned integers, scaled to the full range.
    Unsigned,
    /// Palette indexes, which are not scaled.
    Index,
    /// Two's complement.
    Signed,
    /// Floating point.
    Float,
}
