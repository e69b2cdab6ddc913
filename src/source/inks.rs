//! Converts CMYK to sRGB using the tables from an ICC profile, with relative colorimetric intent and black-point
//! compensation.
//!
//! The darkest ink on paper is far from black, so we subtract the light it reflects. This calculation and the choice of
//! black point follow LittleCMS (`cmssamp.c`), which implements Adobe's recommendation (ISO 18619).

use super::icc_error::Unusable;
use super::icc_lut::{Cell, Color, Colors, Grid, Lut, Stage};
use super::lab::{encode_srgb, linear_srgb, xyz_of_lab};
use super::samples::Depth;
use moxcms::{ColorProfile, DataColorSpace, ProfileClass, ProfileVersion};

/// Number of inks per pixel.
const INKS: usize = 4;

/// Number of pixels to convert together.
const BLOCK: usize = 32;

/// Highest black point L\* that gets compensated. Profiles with a lighter black point aren't for ink on paper.
const MAX_BLACK_LIGHTNESS: f32 = 50.0;

/// L\* of black in version 4 perceptual tables (ICC.1:2022, 6.3.3), which corresponds to a Y of 0.00347.
const PERCEPTUAL_BLACK: f32 = 3.137_3;

/// XYZ value represented by an encoded value of 1 (ICC.1:2022, 6.3.4.2).
const XYZ_RANGE: f32 = 65535.0 / 32768.0;

/// Converts CMYK to 8-bit sRGB. Each pixel is converted independently.
pub(super) struct InkTransform {
    /// Grid positions for every sample value, one table per ink.
    cells: [Vec<Cell>; INKS],
    grid: Grid,
    /// Steps that follow the grid, leading to the connection space.
    rest: Vec<Stage>,
    space: ConnectionSpace,
    /// Linear light reflected by the black point, between 0 and 1. It's mapped to 0.
    black: f32,
    /// Scale factor applied after subtracting the black point, which keeps white at white.
    white: f32,
}

/// Profile connection space, including how the table encodes it.
#[derive(Clone, Copy)]
enum ConnectionSpace {
    Lab,
    /// Lab using the legacy 16-bit table encoding.
    LegacyLab,
    Xyz,
}

impl InkTransform {
    /// Creates a conversion for samples of the given depth.
    ///
    /// # Errors
    /// Returns an error if the profile doesn't have a CMYK table or is inconsistent.
    pub(super) fn new(profile: &ColorProfile, depth: Depth) -> Result<Self, Unusable> {
        let table = profile.lut_a_to_b_colorimetric.as_ref().or(profile.lut_a_to_b_perceptual.as_ref());
        let table = table.ok_or_else(|| Unusable::Damaged("it has no table for relative colorimetry".to_owned()))?;
        let lut = Lut::to_pcs(table, INKS)?;
        let space =
            ConnectionSpace::new(profile, &lut).ok_or_else(|| Unusable::Damaged("it is a device link".to_owned()))?;
        let black = black_lightness(profile, &lut, space);
        // The input curves and grid positions each depend on a single ink. Samples only have 256 or 65,536 possible
        // values, so we precompute both in one table per ink. That leaves interpolating between 8 grid nodes and
        // converting the connection space to sRGB for each pixel.
        //
        // A precomputed table from CMYK straight to sRGB would be even faster, and `moxcms` builds one. For press
        // profiles, though, it was off by up to 12 CIEDE2000, because its grid is coarser than the profile's and its
        // nodes are clipped to sRGB before interpolation.
        let mut stages = lut.stages.into_iter();
        let mut curves = None;
        let grid = loop {
            match stages.next() {
                Some(Stage::Curves(first)) => curves = Some(first),
                Some(Stage::Grid(grid)) => break grid,
                _ => return Err(Unusable::Damaged("it has no CMYK table".to_owned())),
            }
        };
        let max = if depth == Depth::Eight { u16::from(u8::MAX) } else { u16::MAX };
        let cells = [0, 1, 2, 3].map(|axis| {
            let mut values: Vec<f32> = (0..=max).map(|sample| f32::from(sample) / f32::from(max)).collect();
            if let Some(curve) = curves.as_ref().and_then(|curves| curves.get(axis)) {
                curve.apply(&mut values);
            }
            values.into_iter().map(|value| grid.cell(axis, value)).collect()
        });
        let [_, black, _] = xyz_of_lab([black, 0.0, 0.0]);
        Ok(Self { cells, grid, rest: stages.collect(), space, black, white: 1.0 / (1.0 - black) })
    }

    /// Converts CMYK pixels to RGB, 3 bytes per pixel. 0 means no ink.
    pub(super) fn convert<T: Copy + Into<usize>>(&self, inks: &[T], rgb: &mut [u8]) {
        let ((inks, _), (rgb, _)) = (inks.as_chunks::<INKS>(), rgb.as_chunks_mut::<3>());
        let mut colors: Colors<BLOCK> = [[0.0; BLOCK]; 4];
        for (inks, rgb) in inks.chunks(BLOCK).zip(rgb.chunks_mut(BLOCK)) {
            for (index, [c, m, y, k]) in inks.iter().enumerate() {
                let [of_c, of_m, of_y, of_k] = &self.cells;
                let cells = [of_c[(*c).into()], of_m[(*m).into()], of_y[(*y).into()], of_k[(*k).into()]];
                let color = self.grid.interpolate(cells);
                colors.iter_mut().zip(color).for_each(|(values, value)| values[index] = value);
            }
            self.rest.iter().for_each(|stage| stage.apply(&mut colors));
            self.to_light(&mut colors);
            let [red, green, blue, _] = &colors;
            for (index, pixel) in rgb.iter_mut().enumerate() {
                *pixel = [encode_srgb(red[index]), encode_srgb(green[index]), encode_srgb(blue[index])];
            }
        }
    }

    /// Converts colors from the connection space to linear sRGB light, in place.
    fn to_light(&self, [first, second, third, _]: &mut Colors<BLOCK>) {
        for ((first, second), third) in first.iter_mut().zip(second).zip(third) {
            // Nothing has been clipped so far. Colors outside the sRGB gamut have components below 0 or above 1 here,
            // and black-point compensation may bring some of them back into range.
            let [red, green, blue] = linear_srgb(self.space.xyz([*first, *second, *third]));
            // The black point is neutral, so compensating in linear light is equivalent to compensating in XYZ,
            // provided nothing has been clipped.
            *first = (red - self.black) * self.white;
            *second = (green - self.black) * self.white;
            *third = (blue - self.black) * self.white;
        }
    }
}

impl ConnectionSpace {
    /// Returns the connection space used by a table, or `None` if it's a device space.
    fn new(profile: &ColorProfile, lut: &Lut) -> Option<Self> {
        match profile.pcs {
            DataColorSpace::Xyz => Some(Self::Xyz),
            DataColorSpace::Lab if lut.is_legacy => Some(Self::LegacyLab),
            DataColorSpace::Lab => Some(Self::Lab),
            _ => None,
        }
    }

    /// Decodes a color to XYZ relative to D50.
    fn xyz(self, [x, y, z]: [f32; 3]) -> [f32; 3] {
        // In 16-bit tables, Lab channels go up to 65280 instead of 65535.
        const LEGACY: f32 = 65535.0 / 65280.0;
        let lab =
            |scale: f32| xyz_of_lab([x * (scale * 100.0), y * (scale * 255.0) - 128.0, z * (scale * 255.0) - 128.0]);
        match self {
            Self::Xyz => [x * XYZ_RANGE, y * XYZ_RANGE, z * XYZ_RANGE],
            Self::Lab => lab(1.0),
            Self::LegacyLab => lab(LEGACY),
        }
    }

    /// Returns the encoded neutral color with the given L\*.
    fn dark(self, lightness: f32) -> Color {
        let zero = if let Self::Lab = self { 128.0 / 255.0 } else { 32768.0 / 65535.0 };
        match self {
            Self::Xyz => {
                let [x, y, z] = xyz_of_lab([lightness, 0.0, 0.0]).map(|value| value / XYZ_RANGE);
                [x, y, z, 0.0]
            }
            Self::Lab => [lightness / 100.0, zero, zero, 0.0],
            Self::LegacyLab => [lightness / 100.0 * (65280.0 / 65535.0), zero, zero, 0.0],
        }
    }
}

/// Returns the L\* of the darkest color that can be printed.
///
/// Uses the black from the perceptual table, which respects the ink limit. If the profile doesn't have that table, uses
/// all inks at full strength.
fn black_lightness(profile: &ColorProfile, lut: &Lut, space: ConnectionSpace) -> f32 {
    let lightness = |inks: Color| {
        let [x, y, z, _] = lut.evaluate(inks);
        lightness(space.xyz([x, y, z]))
    };
    // Like LittleCMS, try two approaches. All four inks at 100% come out darker than anything printable, because paper
    // only holds about 300% ink in total. The reverse perceptual table respects that limit: looking up black returns
    // the ink mixture that the press would actually print.
    let is_printer = profile.profile_class == ProfileClass::OutputDevice;
    let printed = profile.lut_b_to_a_perceptual.as_ref().filter(|_| is_printer);
    if let Some(printed) = printed.and_then(|table| Lut::from_pcs(table, INKS, profile.pcs).ok())
        && let Some(space) = ConnectionSpace::new(profile, &printed)
    {
        // Black is 0 in the version 2 perceptual connection space. Version 4 defines a reference medium with a black
        // that reflects a little light.
        let black = if profile.version() < ProfileVersion::V4_0 { 0.0 } else { PERCEPTUAL_BLACK };
        return lightness(printed.evaluate(space.dark(black))).clamp(0.0, MAX_BLACK_LIGHTNESS);
    }
    Some(lightness([1.0; INKS])).filter(|black| (0.0..=MAX_BLACK_LIGHTNESS).contains(black)).unwrap_or(0.0)
}

/// Returns the L\* of an XYZ color.
fn lightness([_, y, _]: [f32; 3]) -> f32 {
    const LIMIT: f32 = 216.0 / 24389.0;
    if y > LIMIT { 116.0 * y.cbrt() - 16.0 } else { y * (24389.0 / 27.0) }
}

#[cfg(test)]
mod tests {
    use super::super::icc::Profile;
    use super::super::samples::{Alpha, ColorModel, Samples};
    use super::*;

    fn transform(depth: Depth) -> InkTransform {
        let samples = Samples { color: ColorModel::Cmyk, alpha: Alpha::None, depth };
        match Profile::default_cmyk(samples).to_srgb(samples).expect("a profile") {
            super::super::icc::ToSrgb::Inks(transform) => *transform,
            _ => panic!("inks"),
        }
    }

    #[test]
    fn full_ink_is_black_and_paper_is_white() {
        let mut pixels = [9; 6];
        transform(Depth::Eight).convert(&[255_u8, 255, 255, 255, 0, 0, 0, 0], &mut pixels);
        assert_eq!(pixels, [0, 0, 0, 255, 255, 255]);
    }

    #[test]
    fn a_pixel_converts_alike_at_any_position_and_depth() {
        let inks: Vec<u8> = (0..4 * 4096).map(|index: u32| (index.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        let (narrow, wide) = (transform(Depth::Eight), transform(Depth::Sixteen));
        let mut pixels = vec![0; inks.len() / 4 * 3];
        narrow.convert(&inks, &mut pixels);
        for (inks, pixel) in inks.chunks_exact(4).zip(pixels.chunks_exact(3)) {
            let mut alone = [0; 3];
            narrow.convert(inks, &mut alone);
            assert_eq!(alone, pixel);
            let deep: Vec<u16> = inks.iter().map(|ink| u16::from(*ink) * 257).collect();
            wide.convert(&deep, &mut alone);
            assert!(alone.iter().zip(pixel).all(|(one, other)| one.abs_diff(*other) <= 1), "{alone:?} {pixel:?}");
        }
    }

    #[test]
    fn lightness_is_the_inverse_of_the_formula() {
        for expected in [0.0, 3.0, 7.9, 8.1, 50.0, 100.0] {
            let real = lightness(xyz_of_lab([expected, 0.0, 0.0]));
            assert!((real - expected).abs() < 0.001, "{real} is not {expected}");
        }
    }
}
