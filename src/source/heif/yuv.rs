//! Converts luma and chroma to RGB (ITU-T H.273).

use super::DecodeError;
use super::codec::Picture;
use super::properties::SampleFormat;
use super::tiles::Tiles;

/// Number of an unspecified matrix.
const UNSPECIFIED: u16 = 2;

/// Conversion from luma and chroma to RGB.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Matrix {
    /// The planes contain green, blue and red.
    Identity,
    /// Weights of red and blue in luma.
    Luma { red: f32, blue: f32 },
    /// Chroma contains green and orange differences.
    YCgCo,
}

impl Matrix {
    fn from_number(number: u16) -> Option<Self> {
        let luma = |red, blue| Self::Luma { red, blue };
        Some(match number {
            0 => Self::Identity,
            1 => luma(0.2126, 0.0722),
            4 => luma(0.3, 0.11),
            // Images without a matrix use JPEG's.
            2 | 5 | 6 => luma(0.299, 0.114),
            7 => luma(0.212, 0.087),
            8 => Self::YCgCo,
            9 => luma(0.2627, 0.0593),
            _ => return None,
        })
    }

    /// Converts luma from 0 to 1, and chroma from -0.5 to 0.5.
    fn to_rgb(self, luma: f32, [first, second]: [f32; 2]) -> [f32; 3] {
        match self {
            Self::Identity => [second + 0.5, luma, first + 0.5],
            Self::Luma { red: share_red, blue: share_blue } => {
                let red = luma + 2.0 * (1.0 - share_red) * second;
                let blue = luma + 2.0 * (1.0 - share_blue) * first;
                let green = (luma - share_red * red - share_blue * blue) / (1.0 - share_red - share_blue);
                [red, green, blue]
            }
            Self::YCgCo => {
                let base = luma - first;
                [base + second, luma + first, base - second]
            }
        }
    }
}

/// Range of a plane's samples.
#[derive(Clone, Copy)]
struct Range {
    offset: f32,
    scale: f32,
}

impl Range {
    /// Returns the range for luma, or for any plane if the identity matrix is used.
    fn luma(bits: u8, is_full: bool) -> Self {
        let unit = f32::from(1_u16 << (bits - 8));
        if is_full {
            Self { offset: 0.0, scale: 256.0 * unit - 1.0 }
        } else {
            Self { offset: 16.0 * unit, scale: 219.0 * unit }
        }
    }

    fn chroma(bits: u8, is_full: bool) -> Self {
        let unit = f32::from(1_u16 << (bits - 8));
        let scale = if is_full { 256.0 * unit - 1.0 } else { 224.0 * unit };
        Self { offset: 128.0 * unit, scale }
    }

    fn apply(self, sample: f32) -> f32 {
        (sample - self.offset) / self.scale
    }
}

/// Converts the planes of a single coded image.
pub(super) struct Planes<'a> {
    decoded: &'a dyn Picture,
    format: SampleFormat,
    /// `true` if each chroma sample has the position of an even column.
    is_cosited: bool,
    width: usize,
    height: usize,
    matrix: Matrix,
    luma: Range,
    chroma: Range,
}

impl<'a> Planes<'a> {
    /// Uses the matrix and range from the file, or from the image if the file doesn't specify them.
    pub(super) fn new(
        decoded: &'a dyn Picture,
        tiles: &Tiles,
        numbers: Option<(u16, bool)>,
    ) -> Result<Self, DecodeError> {
        let (format, (width, height)) = (tiles.format(), tiles.tile);
        let (number, is_full) = match numbers {
            Some((UNSPECIFIED, is_full)) => (decoded.matrix_and_range().0, is_full),
            Some(numbers) => numbers,
            None => decoded.matrix_and_range(),
        };
        let matrix = Matrix::from_number(number).filter(|matrix| {
            // The identity matrix requires the same number of green, blue and red samples.
            format.is_gray || *matrix != Matrix::Identity || format.subsampling == (false, false)
        });
        let matrix = matrix.ok_or_else(|| format!("its matrix coefficients ({number}) cannot be converted"))?;
        let luma = Range::luma(format.bits, is_full);
        let chroma = if matrix == Matrix::Identity {
            // Like luma, but centered on zero.
            Range { offset: luma.offset + luma.scale / 2.0, scale: luma.scale }
        } else {
            Range::chroma(format.bits, is_full)
        };
        let is_cosited = tiles.codec.has_cosited_chroma && format.subsampling == (true, false);
        Ok(Self { decoded, format, is_cosited, width: width as usize, height: height as usize, matrix, luma, chroma })
    }

    /// Returns a row of luma from 0 to 1. Grayscale images and alpha channels have nothing else.
    pub(super) fn luma(&self, y: usize) -> Result<impl Iterator<Item = f32>, DecodeError> {
        let range = self.luma;
        Ok(self.decoded.row(0, y, self.width)?.into_iter().map(move |sample| range.apply(sample.into())))
    }

    /// Returns a row of RGB values from 0 to 1.
    pub(super) fn rgb(&self, y: usize) -> Result<impl Iterator<Item = [f32; 3]>, DecodeError> {
        let (first, second) = (self.chroma_row(1, y)?, self.chroma_row(2, y)?);
        let (matrix, range) = (self.matrix, self.chroma);
        let chroma = first.into_iter().zip(second);
        Ok(self
            .luma(y)?
            .zip(chroma)
            .map(move |(luma, (first, second))| matrix.to_rgb(luma, [range.apply(first), range.apply(second)])))
    }

    /// Returns a row of chroma at luma resolution, interpolating between the stored samples.
    fn chroma_row(&self, plane: usize, y: usize) -> Result<Vec<f32>, DecodeError> {
        let (is_halved_across, is_halved_down) = self.format.subsampling;
        let width = if is_halved_across { self.width.div_ceil(2) } else { self.width };
        let row = |y: usize| self.decoded.row(plane, y, width);
        let rows: Vec<f32> = if is_halved_down {
            let (near, far) = neighbors(y, self.height.div_ceil(2));
            let (near, far) = (row(near)?, row(far)?);
            near.into_iter().zip(far).map(|(near, far)| mixed(near.into(), far.into())).collect()
        } else {
            row(y)?.into_iter().map(f32::from).collect()
        };
        if !is_halved_across {
            return Ok(rows);
        }
        let at = |x: usize| {
            if self.is_cosited {
                // Even columns have a chroma sample. Odd columns get the mean of their neighbors.
                return f32::midpoint(rows[x / 2], rows[x.div_ceil(2).min(width - 1)]);
            }
            let (near, far) = neighbors(x, width);
            mixed(rows[near], rows[far])
        };
        Ok((0..self.width).map(at).collect())
    }
}

/// Returns the positions of the two chroma samples around a luma position, nearest first. Each chroma sample is
/// centered between two luma samples.
fn neighbors(position: usize, samples: usize) -> (usize, usize) {
    let near = position / 2;
    let far = if position.is_multiple_of(2) { near.saturating_sub(1) } else { (near + 1).min(samples - 1) };
    (near, far)
}

fn mixed(near: f32, far: f32) -> f32 {
    0.75 * near + 0.25 * far
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matrices_keep_gray_and_the_primaries() {
        for number in [0, 1, 2, 4, 5, 6, 7, 8, 9] {
            let matrix = Matrix::from_number(number).expect("known");
            let neutral = if number == 0 { [-0.25; 2] } else { [0.0; 2] };
            for value in matrix.to_rgb(0.25, neutral) {
                assert!((value - 0.25).abs() < 1e-6, "{number}: {value}");
            }
        }
        // Pure blue in BT.601 has Y = 0.114, Cb = 0.5 and Cr = -0.0813.
        let [red, green, blue] = Matrix::from_number(6).expect("known").to_rgb(0.114, [0.5, -0.081_312]);
        assert!(red.abs() < 1e-4 && green.abs() < 1e-4 && (blue - 1.0).abs() < 1e-4, "{red} {green} {blue}");
        assert_eq!(Matrix::from_number(10), None);
    }

    #[test]
    fn ranges_end_at_black_and_white_in_all_depths() {
        for (bits, black, white) in [(8, 16.0, 235.0), (10, 64.0, 940.0), (12, 256.0, 3760.0)] {
            let limited = Range::luma(bits, false);
            let is_near = |real: f32, expected: f32| (real - expected).abs() < 1e-6;
            assert!(is_near(limited.apply(black), 0.0) && is_near(limited.apply(white), 1.0), "{bits}");
            let full = f32::from(u16::MAX >> (16 - bits));
            assert!(is_near(Range::luma(bits, true).apply(full), 1.0), "{bits}");
            assert!(is_near(Range::chroma(bits, false).apply(black), -0.5), "{bits}");
        }
    }

    #[test]
    fn chroma_between_two_samples_is_a_mixture() {
        assert_eq!([0, 1, 2, 3, 4].map(|x| neighbors(x, 3)), [(0, 0), (0, 1), (1, 0), (1, 2), (2, 1)]);
    }
}
