//! Lookup tables from ICC profiles (ICC.1:2022, 10.10 to 10.13), evaluated in floating point.
//!
//! `moxcms` parses the tables, but its transforms resample them onto a coarser grid of clipped sRGB values. For inks,
//! the error is several CIEDE2000 units. This module doesn't resample or clip.

use super::icc_error::Unusable;
use moxcms::{
    DataColorSpace, LutDataType, LutMultidimensionalType, LutStore, LutType, LutWarehouse, Matrix3d,
    ToneCurveEvaluator, ToneReprCurve, Vector3d,
};
use std::mem::swap;

/// A color with up to four channels, each between 0 and 1.
pub(super) type Color = [f32; 4];

/// A batch of colors stored channel by channel, which lets the compiler vectorize loops.
pub(super) type Colors<const N: usize> = [[f32; N]; 4];

/// Lookup table from three or four input channels to three or four output channels. All values are between 0 and 1.
pub(super) struct Lut {
    pub(super) stages: Vec<Stage>,
    /// `true` if Lab colors use the legacy 16-bit encoding, with 0xFF00 representing an L\* of 100 (ICC.1:2022,
    /// 6.3.4.2).
    pub(super) is_legacy: bool,
}

/// Processing step of a [`Lut`].
pub(super) enum Stage {
    /// One curve per channel.
    Curves(Vec<Curve>),
    Matrix([[f32; 3]; 3], [f32; 3]),
    Grid(Grid),
}

/// Function defined on 0..=1.
pub(super) enum Curve {
    /// At least two equally spaced samples, with linear interpolation between them.
    Samples(Vec<f32>),
    Formula(Box<dyn ToneCurveEvaluator + Send + Sync>),
}

/// Three- or four-dimensional grid of colors.
pub(super) struct Grid {
    /// Number of nodes along each axis, at least two. A three-dimensional grid doesn't use the first axis.
    points: [usize; 4],
    /// Distance between neighboring nodes along each axis, as an index offset.
    strides: [usize; 4],
    nodes: Vec<Color>,
}

/// Position along one axis of a [`Grid`].
#[derive(Clone, Copy, Default)]
pub(super) struct Cell {
    /// Index of the lower node multiplied by the axis stride.
    offset: u32,
    /// Position between the lower node and the next one, from 0 to 1.
    fraction: f32,
}

impl Lut {
    /// Reads a table that maps `inputs` device channels to the profile connection space.
    ///
    /// # Errors
    /// Returns an error if the table has a different number of channels or is inconsistent.
    pub(super) fn to_pcs(lut: &LutWarehouse, inputs: usize) -> Result<Self, Unusable> {
        Self::new(
            lut,
            match lut {
                LutWarehouse::Lut(lut) => simple_stages(lut, inputs, 3),
                LutWarehouse::Multidimensional(lut) => curved_stages(lut, inputs, 3),
            },
        )
    }

    /// Reads a table that maps the profile connection space to `outputs` device channels.
    ///
    /// # Errors
    /// Fails in the same cases as [`to_pcs`](Self::to_pcs).
    pub(super) fn from_pcs(lut: &LutWarehouse, outputs: usize, pcs: DataColorSpace) -> Result<Self, Unusable> {
        Self::new(
            lut,
            match lut {
                LutWarehouse::Lut(lut) => simple_stages(lut, 3, outputs).map(|mut stages| {
                    if pcs == DataColorSpace::Xyz {
                        stages.insert(0, matrix(lut.matrix, Vector3d::default()));
                    }
                    stages
                }),
                LutWarehouse::Multidimensional(lut) => curved_stages(lut, 3, outputs).map(|mut stages| {
                    stages.reverse();
                    stages
                }),
            },
        )
    }

    fn new(lut: &LutWarehouse, stages: Option<Vec<Stage>>) -> Result<Self, Unusable> {
        let is_legacy = matches!(lut, LutWarehouse::Lut(lut) if lut.lut_type == LutType::Lut16);
        let stages = stages.ok_or_else(|| Unusable::Damaged("one of its tables has an impossible size".to_owned()))?;
        // The table format has a slot for every curve and matrix, so most profiles include identities to fill them.
        let stages = stages.into_iter().filter(|stage| !stage.is_identity()).collect();
        Ok(Self { stages, is_legacy })
    }

    /// Converts a color. Unused channels are 0.
    pub(super) fn evaluate(&self, color: Color) -> Color {
        let mut colors = color.map(|value| [value]);
        self.stages.iter().for_each(|stage| stage.apply(&mut colors));
        colors.map(|[value]| value)
    }
}

impl Stage {
    pub(super) fn apply<const N: usize>(&self, colors: &mut Colors<N>) {
        match self {
            Self::Curves(curves) => colors.iter_mut().zip(curves).for_each(|(values, curve)| curve.apply(values)),
            Self::Matrix(rows, offsets) => {
                let [first, second, third, _] = *colors;
                for ((values, row), offset) in colors.iter_mut().zip(rows).zip(offsets) {
                    *values = std::array::from_fn(|index| {
                        row[0] * first[index] + row[1] * second[index] + row[2] * third[index] + offset
                    });
                }
            }
            Self::Grid(grid) => {
                for index in 0..N {
                    let color = grid.evaluate(colors.map(|values| values[index]));
                    colors.iter_mut().zip(color).for_each(|(values, value)| values[index] = value);
                }
            }
        }
    }

    fn is_identity(&self) -> bool {
        match self {
            Self::Curves(curves) => curves.iter().all(Curve::is_identity),
            Self::Matrix(rows, offsets) => {
                let identity = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];
                let is_near = |(one, other): (&f32, &f32)| (one - other).abs() < 1e-5;
                rows.as_flattened().iter().zip(identity.as_flattened()).all(is_near)
                    && offsets.iter().zip(&[0.0; 3]).all(is_near)
            }
            Self::Grid(_) => false,
        }
    }
}

impl Curve {
    /// Reads a curve. Returns `None` if its formula is unknown.
    fn new(curve: &ToneReprCurve) -> Option<Self> {
        match curve {
            ToneReprCurve::Lut(samples) if samples.is_empty() => Some(Self::Samples(vec![0.0, 1.0])),
            ToneReprCurve::Lut(samples) if samples.len() > 1 => {
                Some(Self::Samples(samples.iter().copied().map(unit_of_16).collect()))
            }
            formula => formula.make_linear_evaluator().ok().map(Self::Formula),
        }
    }

    /// Applies the curve to `values` in place. Inputs are clamped to 0..=1.
    pub(super) fn apply(&self, values: &mut [f32]) {
        match self {
            Self::Samples(samples) => {
                for value in values {
                    let (index, fraction) = split(*value, samples.len());
                    *value = samples[index] + (samples[index + 1] - samples[index]) * fraction;
                }
            }
            Self::Formula(formula) => {
                for value in values {
                    *value = formula.evaluate_value(clamped(*value));
                }
            }
        }
    }

    fn is_identity(&self) -> bool {
        let Self::Samples(samples) = self else { return false };
        #[expect(clippy::cast_precision_loss, reason = "a few thousand samples")]
        let identity = |index: usize| index as f32 / (samples.len() - 1) as f32;
        samples.iter().enumerate().all(|(index, value)| (value - identity(index)).abs() < 1e-5)
    }
}

impl Grid {
    /// Creates a grid. Returns `None` if the sizes don't match.
    fn new(points: &[usize], outputs: usize, values: &[f32]) -> Option<Self> {
        let nodes = points.iter().try_fold(1_usize, |nodes, points| nodes.checked_mul(*points))?;
        // The sizes come from the file and can't be trusted. This check guarantees that `interpolate` only computes
        // valid node indices.
        let is_small = u32::try_from(nodes).is_ok();
        let has_axes = matches!(points.len(), 3 | 4) && points.iter().all(|points| *points >= 2);
        if !is_small || !has_axes || !(1..=4).contains(&outputs) || nodes.checked_mul(outputs) != Some(values.len()) {
            return None;
        }
        let node = |values: &[f32]| std::array::from_fn(|channel| values.get(channel).copied().unwrap_or(0.0));
        let mut grid =
            Self { points: [1; 4], strides: [0; 4], nodes: values.chunks_exact(outputs).map(node).collect() };
        // Three-dimensional grids get an extra first axis with a single node. That lets both kinds share the
        // interpolation code, at the cost of one comparison per color.
        let unused = 4 - points.len();
        grid.points[unused..].copy_from_slice(points);
        let mut stride = 1;
        for axis in (unused..4).rev() {
            grid.strides[axis] = stride;
            stride *= grid.points[axis];
        }
        Some(grid)
    }

    fn evaluate(&self, color: Color) -> Color {
        let [first, second, third, fourth] = color;
        let values = if self.points[0] == 1 { [0.0, first, second, third] } else { [first, second, third, fourth] };
        self.interpolate([0, 1, 2, 3].map(|axis| self.cell(axis, values[axis])))
    }

    /// Returns the position of `value` along an axis. The value is clamped to 0..=1.
    pub(super) fn cell(&self, axis: usize, value: f32) -> Cell {
        if self.points[axis] < 2 {
            return Cell::default();
        }
        let (index, fraction) = split(value, self.points[axis]);
        let offset = u32::try_from(index * self.strides[axis]).expect("`new` has checked the number of nodes");
        Cell { offset, fraction }
    }

    /// Uses linear interpolation along the first axis and tetrahedral interpolation along the others. LittleCMS does
    /// the same, so results match between nodes too.
    #[inline]
    pub(super) fn interpolate(&self, [first, cells @ ..]: [Cell; 4]) -> Color {
        // Sort the axes by fraction, largest first. The tetrahedron's corners follow the axes in that order.
        let [second, third, fourth] = cells;
        let [_, second_way, third_way, fourth_way] = self.strides;
        let (mut far, mut middle, mut near) =
            ((second.fraction, second_way), (third.fraction, third_way), (fourth.fraction, fourth_way));
        if far.0 < middle.0 {
            swap(&mut far, &mut middle);
        }
        if middle.0 < near.0 {
            swap(&mut middle, &mut near);
        }
        if far.0 < middle.0 {
            swap(&mut far, &mut middle);
        }
        let ((far, far_way), (middle, middle_way), (near, near_way)) = (far, middle, near);
        let weights = [1.0 - far, far - middle, middle - near, near];
        let corners = [0, far_way, far_way + middle_way, far_way + middle_way + near_way];
        let base = (first.offset + second.offset + third.offset + fourth.offset) as usize;
        // Tetrahedral interpolation only uses 4 of a cube's 8 corners. They lie on the path from the near corner to the
        // far corner that takes the axis with the largest fraction first. Trilinear interpolation looks just as good,
        // but our tests compare against LittleCMS and the results would be different. The first axis, which is cyan for
        // CMYK, is interpolated linearly between two of these cubes.
        let mut mixed = self.mix(base, corners, weights);
        if first.fraction == 0.0 {
            return mixed;
        }
        let next = self.mix(base + self.strides[0], corners, weights);
        mixed.iter_mut().zip(next).for_each(|(value, next)| *value += (next - *value) * first.fraction);
        mixed
    }

    /// Computes the weighted average of four nodes.
    #[inline]
    fn mix(&self, base: usize, corners: [usize; 4], weights: [f32; 4]) -> Color {
        let mut mixed = [0.0; 4];
        for (corner, weight) in corners.into_iter().zip(weights) {
            let node = &self.nodes[base + corner];
            mixed.iter_mut().zip(node).for_each(|(value, node)| *value += node * weight);
        }
        mixed
    }
}

/// Splits a value into the index of the sample below it and the fractional distance to the next sample. The value is
/// clamped to 0..=1.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "between 0 and a few thousand"
)]
fn split(value: f32, samples: usize) -> (usize, f32) {
    let position = clamped(value) * (samples - 1) as f32;
    // The last sample doesn't start a cell, so a value of 1 belongs to the end of the previous cell.
    let index = (position as u32 as usize).min(samples - 2);
    (index, position - index as f32)
}

/// Clamps a value to 0..=1, mapping NaN to 0.
#[expect(clippy::manual_clamp, reason = "`clamp` keeps NaN")]
fn clamped(value: f32) -> f32 {
    value.max(0.0).min(1.0)
}

/// Reads curves, a grid, then more curves (lut8Type, lut16Type). The leading matrix is skipped because it only applies
/// to XYZ input.
fn simple_stages(lut: &LutDataType, inputs: usize, outputs: usize) -> Option<Vec<Stage>> {
    if (usize::from(lut.num_input_channels), usize::from(lut.num_output_channels)) != (inputs, outputs) {
        return None;
    }
    let curves = |store: &LutStore, channels: usize, entries: u16| {
        let values = units(store);
        let is_whole = entries >= 2 && values.len() == channels * usize::from(entries);
        is_whole.then(|| {
            Stage::Curves(values.chunks_exact(entries.into()).map(|values| Curve::Samples(values.to_vec())).collect())
        })
    };
    let points = vec![usize::from(lut.num_clut_grid_points); inputs];
    let grid = Grid::new(&points, outputs, &units(&lut.clut_table))?;
    let before = curves(&lut.input_table, inputs, lut.num_input_table_entries)?;
    let after = curves(&lut.output_table, outputs, lut.num_output_table_entries)?;
    Some(vec![before, Stage::Grid(grid), after])
}

/// Reads curves, a grid, curves, a matrix, then curves again (lutAToBType). For lutBToAType, the order is reversed.
fn curved_stages(lut: &LutMultidimensionalType, inputs: usize, outputs: usize) -> Option<Vec<Stage>> {
    if (usize::from(lut.num_input_channels), usize::from(lut.num_output_channels)) != (inputs, outputs) {
        return None;
    }
    let points: Vec<usize> = lut.grid_points.iter().take(inputs).map(|points| usize::from(*points)).collect();
    Some(vec![
        // Device curves, one per channel. The other side always has three channels.
        curves(&lut.a_curves, inputs.max(outputs))?,
        Stage::Grid(Grid::new(&points, outputs, &units(lut.clut.as_ref()?))?),
        curves(&lut.m_curves, 3)?,
        matrix(lut.matrix, lut.bias),
        curves(&lut.b_curves, 3)?,
    ])
}

/// Reads one curve per channel. An empty list means identity.
fn curves(curves: &[ToneReprCurve], channels: usize) -> Option<Stage> {
    let is_whole = curves.is_empty() || curves.len() == channels;
    is_whole.then(|| curves.iter().map(Curve::new).collect::<Option<_>>().map(Stage::Curves)).flatten()
}

#[expect(clippy::cast_possible_truncation, reason = "they are fixed-point numbers of 32 bits")]
fn matrix(matrix: Matrix3d, bias: Vector3d) -> Stage {
    Stage::Matrix(matrix.v.map(|row| row.map(|value| value as f32)), bias.v.map(|value| value as f32))
}

/// Returns all of the table's values, scaled to between 0 and 1.
fn units(store: &LutStore) -> Vec<f32> {
    match store {
        LutStore::Store8(values) => values.iter().map(|value| f32::from(*value) / 255.0).collect(),
        LutStore::Store16(values) => values.iter().copied().map(unit_of_16).collect(),
    }
}

fn unit_of_16(value: u16) -> f32 {
    f32::from(value) / 65535.0
}
