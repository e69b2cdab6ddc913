//! Estimates the cost of rendering a page in advance, because the renderer has no limits of its own. Without this
//! check, a file of a few kilobytes could keep it busy for years.
//!
//! The page is interpreted as it would be for rendering, but nothing is drawn.

use crate::source::DecodeError;
use hayro::hayro_interpret::font::{Glyph, GlyphRun};
use hayro::hayro_interpret::hayro_syntax::page::Page;
use hayro::hayro_interpret::pattern::{Pattern, TilingPattern};
use hayro::hayro_interpret::util::x_y_advances;
use hayro::hayro_interpret::{
    BlendMode, CacheKey, ClipPath, Context, Device, DrawMode, DrawProps, Image, ImageDrawProps, InterpreterCache,
    InterpreterSettings, Paint, SoftMask, StrokeProps, interpret_page,
};
use hayro::kurbo::{Affine, BezPath, PathEl, Point, Rect};
use std::any::Any;
use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

/// Maximum number of drawing operations per page. Each character and each path segment counts as an operation. Large
/// maps have a few million.
const MAX_OPERATIONS: u64 = 10_000_000;

/// Maximum memory in bytes for everything that's kept until a band is drawn.
pub(super) const MAX_BYTES: u64 = 96 << 20;

/// Size of the renderer's tiles in pixels.
const TILE: (f64, f64) = (256.0, 4.0);

/// Memory per drawing operation in each tile, in bytes.
const COMMAND_BYTES: f64 = 48.0;

/// Memory for each path segment and for each tile along its edges, in bytes.
const SEGMENT_BYTES: u64 = 128;

/// Maximum width or height of a scaled image in the renderer.
const MAX_SCALED_SIDE: f64 = 32767.0;

/// Maximum nesting depth of patterns, masks and glyphs that contain drawings.
const MAX_DEPTH: u32 = 16;

/// Returns the memory needed for a band of a page in bytes, not counting its pixels. Stops above [`MAX_BYTES`].
///
/// # Errors
/// Returns an error if the page has too many operations.
pub(super) fn bytes_of_band<'a>(
    page: &'a Page<'a>,
    settings: &InterpreterSettings,
    transform: Affine,
    (width, height): (u16, u16),
) -> Result<u64, DecodeError> {
    let target = Rect::new(0.0, 0.0, width.into(), height.into());
    let cache = InterpreterCache::new();
    let mut context = Context::new(transform, target, &cache, page.xref(), settings.clone());
    let mut survey = Survey { target, operations: 0, bytes: 0, masks: HashSet::new(), depth: 0 };
    match catch_unwind(AssertUnwindSafe(|| interpret_page(page, &mut context, &mut survey))) {
        Err(panic) if !panic.is::<TooLarge>() => Err(refusal(&*panic)),
        _ => Ok(survey.bytes),
    }
}

/// Panic payload that stops the interpreter if a page has too many operations.
struct TooComplex;

/// Panic payload that stops the interpreter if a band needs too much memory.
struct TooLarge;

/// Converts an interpreter panic to an error.
pub(super) fn refusal(panic: &(dyn Any + Send)) -> DecodeError {
    let is_too_complex = panic.is::<TooComplex>();
    if is_too_complex { "it is too complex to render".into() } else { "the renderer failed internally".into() }
}

struct Survey {
    /// The band's area in pixels.
    target: Rect,
    operations: u64,
    bytes: u64,
    /// Masks found so far. Each mask is drawn only once and then kept.
    masks: HashSet<u128>,
    depth: u32,
}

impl Survey {
    fn operate(&mut self, count: u64) {
        self.operations = self.operations.saturating_add(count);
        if self.operations > MAX_OPERATIONS {
            resume_unwind(Box::new(TooComplex));
        }
    }

    fn keep(&mut self, bytes: f64) {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it saturates")]
        self.keep_bytes(bytes.max(0.0) as u64);
    }

    fn keep_bytes(&mut self, bytes: u64) {
        self.bytes = self.bytes.saturating_add(bytes);
        if self.bytes > MAX_BYTES {
            resume_unwind(Box::new(TooLarge));
        }
    }

    /// Counts a drawing operation within a rectangle. Returns the visible part, or `None` if it's outside the band.
    fn draw(&mut self, area: Rect) -> Option<Rect> {
        self.operate(1);
        let visible = area.intersect(self.target);
        if !area.overlaps(self.target) && area.area() > 0.0 {
            return None;
        }
        let tiles = (visible.width() / TILE.0 + 1.0) * (visible.height() / TILE.1 + 1.0);
        self.keep(tiles * COMMAND_BYTES);
        Some(visible)
    }

    /// Counts the nested operations in `interpret`, such as the contents of a pattern.
    fn nested(&mut self, interpret: impl FnOnce(&mut Self)) {
        if self.depth == MAX_DEPTH {
            resume_unwind(Box::new(TooComplex));
        }
        self.depth += 1;
        interpret(self);
        self.depth -= 1;
    }

    fn mask(&mut self, mask: Option<&SoftMask<'_>>) {
        let Some(mask) = mask else { return };
        if self.masks.insert(mask.cache_key()) {
            // The mask, plus the pixels it's created from.
            self.keep(self.target.area() * 5.0);
            self.nested(|survey| mask.interpret(survey));
        }
    }

    fn props(&mut self, props: &DrawProps<'_>, visible: Rect, is_stroke: bool) {
        self.mask(props.soft_mask.as_ref());
        let Paint::Pattern(pattern) = &props.paint else { return };
        match &**pattern {
            Pattern::Shading(_) => self.keep(visible.area() * 4.0),
            Pattern::Tiling(tiling) => self.tiling(tiling, visible, is_stroke),
        }
    }

    /// Counts a pattern's cells. Patterns are drawn into a separate picture.
    fn tiling(&mut self, tiling: &TilingPattern<'_>, visible: Rect, is_stroke: bool) {
        let area = tiling.matrix.inverse().transform_rect_bbox(visible);
        let (x, y) = x_y_advances(&tiling.matrix);
        let axis = |scale: f64, from: f64, to: f64, step: f32, side: f64| {
            let (step, cell) = (f64::from(step.abs()), to - from);
            let pixels = (side.max(0.0).min(step) * scale + 1.0).min(65535.0);
            let copies = if side >= step { cell / step } else { (side + cell) / step } + 2.0;
            (pixels, copies)
        };
        let (width, columns) = axis(x.length(), tiling.bbox.x0, tiling.bbox.x1, tiling.x_step, area.width());
        let (height, rows) = axis(y.length(), tiling.bbox.y0, tiling.bbox.y1, tiling.y_step, area.height());
        self.keep(width * height * 4.0);
        let (operations, bytes) = (self.operations, self.bytes);
        self.nested(|survey| {
            tiling.interpret(survey, Affine::scale_non_uniform(x.length(), y.length()), is_stroke);
        });
        let copies = (columns * rows).max(1.0);
        #[expect(clippy::cast_precision_loss, reason = "an estimate")]
        let (operations, bytes) = ((self.operations - operations + 1) as f64, (self.bytes - bytes) as f64);
        self.keep(bytes * copies);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it saturates")]
        self.operate((operations * copies) as u64);
    }

    fn path(&mut self, path: &BezPath, props: &DrawProps<'_>, mode: &DrawMode) {
        let (area, segments) = (path.control_box(), path.elements().len() as u64);
        self.operate(segments);
        let (fills, stroke) = match mode {
            DrawMode::Fill(_) => (true, None),
            DrawMode::Stroke(stroke) => (false, Some(stroke)),
            DrawMode::FillAndStroke(_, stroke) => (true, Some(stroke)),
            DrawMode::Invisible => return,
        };
        let bounds = props.transform.transform_rect_bbox(area);
        if fills && let Some(visible) = self.draw(bounds) {
            self.keep_bytes(segments * SEGMENT_BYTES);
            self.props(props, visible, false);
        }
        if let Some(stroke) = stroke {
            self.stroke(path, bounds, props, stroke);
        }
    }

    fn stroke(&mut self, path: &BezPath, bounds: Rect, props: &DrawProps<'_>, stroke: &StrokeProps) {
        self.operate(1);
        let visible = bounds.intersect(self.target);
        let width = f64::from(stroke.line_width) * props.transform.determinant().abs().sqrt();
        let length = length(path);
        let pattern: f64 = stroke.dash_array.iter().map(|dash| f64::from(*dash)).sum();
        #[expect(clippy::cast_precision_loss, reason = "an estimate")]
        let dashes = if pattern > 0.0 { length / pattern * stroke.dash_array.len() as f64 } else { 0.0 };
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it saturates")]
        let segments = (dashes.min(1e15) as u64).saturating_add(path.elements().len() as u64);
        self.operate(segments);
        self.keep_bytes(segments.saturating_mul(4 * SEGMENT_BYTES));
        // Tiles along the line.
        let sides = visible.width().max(0.0) + visible.height().max(0.0);
        self.keep((sides / TILE.1 + 1.0) * (width / TILE.1 + 2.0) * COMMAND_BYTES);
        self.props(props, visible, true);
    }
}

/// Returns a path's length, assuming straight lines between all points.
fn length(path: &BezPath) -> f64 {
    let (mut length, mut at, mut start) = (0.0, Point::ZERO, Point::ZERO);
    for element in path.elements() {
        let points = match *element {
            PathEl::MoveTo(point) => {
                (at, start) = (point, point);
                continue;
            }
            PathEl::LineTo(point) => [point; 3],
            PathEl::QuadTo(control, point) => [control, point, point],
            PathEl::CurveTo(first, second, point) => [first, second, point],
            PathEl::ClosePath => [start; 3],
        };
        for point in points {
            length += at.distance(point);
            at = point;
        }
    }
    length
}

impl<'a> Device<'a> for Survey {
    fn draw_path(&mut self, path: &BezPath, props: DrawProps<'a>, mode: &DrawMode) {
        self.path(path, &props, mode);
    }

    fn push_clip_path(&mut self, clip: &ClipPath) {
        self.operate(clip.path.elements().len() as u64 + 1);
        self.draw(clip.path.control_box());
    }

    fn push_transparency_group(&mut self, _: f32, mask: Option<SoftMask<'a>>, _: BlendMode) {
        self.draw(self.target);
        self.mask(mask.as_ref());
    }

    fn draw_glyph_run(&mut self, run: &GlyphRun<'_, 'a>, props: DrawProps<'a>, mode: &DrawMode) {
        for glyph in run.glyphs() {
            let transform = props.transform * glyph.transform();
            match &**glyph {
                Glyph::Type3(drawing) => {
                    self.operate(1);
                    self.nested(|survey| {
                        drawing.interpret(survey, props.transform, glyph.transform(), &props.paint);
                    });
                }
                Glyph::Outline(_) if matches!(mode, DrawMode::Invisible) => self.operate(1),
                Glyph::Outline(_) => {
                    // Glyph outlines are about 1,000 units tall, with about 40 points.
                    let area = transform.transform_rect_bbox(Rect::new(0.0, -200.0, 1000.0, 800.0));
                    if let Some(visible) = self.draw(area) {
                        self.keep_bytes(20 * SEGMENT_BYTES);
                        self.props(&props, visible, false);
                    }
                }
            }
        }
    }

    fn draw_image(&mut self, image: Image<'a, '_>, props: ImageDrawProps<'a>) {
        self.mask(props.soft_mask.as_ref());
        let (width, height) = (f64::from(image.width()), f64::from(image.height()));
        if self.draw(props.transform.transform_rect_bbox(Rect::new(0.0, 0.0, width, height))).is_none() {
            return;
        }
        let (x, y) = x_y_advances(&props.transform);
        let (x, y) = (x.length(), y.length());
        let scaled = |side: f64, scale: f64| (side * scale + 1.0).min(MAX_SCALED_SIDE);
        let pixels = if x < 1.0 || y < 1.0 { scaled(width, x) * scaled(height, y) } else { width * height };
        self.keep(pixels * 4.0);
        // Account for the time that decoding takes.
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it saturates")]
        self.operate((width * height / 64.0) as u64);
    }

    fn pop_clip(&mut self) {}

    fn pop_transparency_group(&mut self) {}
}
