//! Determines whether a page shows a single image and nothing else.

use super::document::Document;
use super::geometry::{Matrix, Rectangle};
use super::lexer::{Lexer, Token};
use super::object::{Dictionary, Object, Stream};
use super::page::{MAX_CONTENT_BYTES, Page};
use std::collections::HashSet;
use std::sync::Arc;

/// Fraction of a page's width or height that an image may leave uncovered at each edge.
pub(super) const MARGIN: f64 = 0.01;

/// Maximum number of operands per operator. PDF readers support at least 500, but no operator needs that many.
const MAX_OPERANDS: usize = 64;

/// Maximum form nesting depth, followed by the maximum number of forms.
const MAX_FORM_DEPTH: usize = 8;
const MAX_FORMS: usize = 64;

/// Maximum number of saved graphics states.
const MAX_STATES: usize = 512;

/// Rendering mode for text that's neither filled, stroked nor used for clipping.
const INVISIBLE: i64 = 3;
/// First rendering mode that clips. Higher modes clip too.
const CLIPPING: i64 = 4;

/// A page's only visible image.
pub(super) struct Placed {
    pub(super) image: Arc<Stream>,
    /// Transformation from the unit square to the page.
    pub(super) matrix: Matrix,
    /// `true` if the image is a stencil mask painted in black.
    pub(super) is_stencil: bool,
    /// `true` if something was painted earlier that could show around the image's edges.
    pub(super) is_over_paint: bool,
    /// Resources that the image's color space may refer to.
    pub(super) resources: Dictionary,
}

/// Returns the image if the page shows nothing else. Invisible text, such as an OCR layer, is ignored.
pub(super) fn only_image(document: &Document, page: &Page) -> Option<Placed> {
    let content = page.content(document)?;
    let resources = document.dictionary(&page.dictionary, b"Resources");
    let mut scan = Scan { document, area: page.area, found: None, has_paint: false, forms: 0 };
    scan.run(&content, &resources, &State::default(), 0)?;
    scan.found
}

/// Returns the names of all images and forms that are drawn.
pub(super) fn drawn_names(content: &[u8]) -> HashSet<Box<[u8]>> {
    let (mut lexer, mut names, mut last) = (Lexer::new(content), HashSet::new(), None);
    while let Some(token) = lexer.content_token() {
        match token {
            Token::Object(Object::Name(name)) => last = Some(name),
            Token::Keyword(b"Do") => names.extend(last.take()),
            _ => {}
        }
    }
    names
}

#[derive(Clone)]
struct State {
    matrix: Matrix,
    text_mode: i64,
    /// `false` if transparency, blending or a similar effect is active.
    is_plain: bool,
    /// `true` if part of the page is clipped.
    is_clipped: bool,
    /// `true` if the fill color is black.
    is_black: bool,
}

impl Default for State {
    fn default() -> Self {
        Self { matrix: Matrix::IDENTITY, text_mode: 0, is_plain: true, is_clipped: false, is_black: true }
    }
}

/// The current path.
#[derive(Clone, Copy)]
enum Path {
    Empty,
    Rectangle(Rectangle),
    Other,
}

struct Scan<'a> {
    document: &'a Document,
    area: Rectangle,
    found: Option<Placed>,
    has_paint: bool,
    forms: usize,
}

/// State for running a single stream's operators.
struct Run<'a> {
    resources: &'a Dictionary,
    state: State,
    saved: Vec<State>,
    path: Path,
    clips: bool,
    depth: usize,
}

impl Scan<'_> {
    /// Runs operators. Returns `None` as soon as the page shows anything except an image.
    fn run(&mut self, content: &[u8], resources: &Dictionary, state: &State, depth: usize) -> Option<()> {
        let (state, saved, path) = (state.clone(), Vec::new(), Path::Empty);
        let mut run = Run { resources, state, saved, path, clips: false, depth };
        let (mut lexer, mut operands) = (Lexer::new(content), Vec::new());
        while let Some(token) = lexer.content_token() {
            match token {
                Token::Object(operand) if operands.len() < MAX_OPERANDS => operands.push(operand),
                Token::Object(_) => {}
                Token::Keyword(operator) => {
                    self.operator(operator, &operands, &mut run)?;
                    operands.clear();
                }
            }
        }
        Some(())
    }

    fn operator(&mut self, operator: &[u8], operands: &[Object], run: &mut Run<'_>) -> Option<()> {
        match operator {
            b"q" if run.saved.len() < MAX_STATES => run.saved.push(run.state.clone()),
            b"Q" => run.state = run.saved.pop().unwrap_or_else(|| run.state.clone()),
            b"cm" => run.state.matrix = Matrix(numbers(operands)?).then(run.state.matrix),
            b"gs" => self.set_state(operands.first()?.name()?, run),
            b"Tr" => run.state.text_mode = operands.first()?.integer()?,
            b"Do" => self.draw(operands.first()?.name()?, run)?,
            // Marked content that layers can hide.
            b"BDC" if operands.first().and_then(Object::name) == Some(b"OC") => return None,
            // Inline images, which have no reliable end marker, and shadings.
            b"q" | b"BI" | b"EI" | b"sh" => return None,
            b"Tj" | b"TJ" | b"'" | b"\"" if run.state.text_mode >= CLIPPING => return None,
            b"Tj" | b"TJ" | b"'" | b"\"" if run.state.text_mode != INVISIBLE => self.paint()?,
            b"re" | b"m" | b"l" | b"c" | b"v" | b"y" | b"h" => run.extend_path(operator, operands),
            b"W" | b"W*" => run.clips = true,
            b"n" => run.end_path(self.area),
            b"f" | b"F" | b"f*" | b"B" | b"B*" | b"b" | b"b*" | b"S" | b"s" => {
                run.end_path(self.area);
                self.paint()?;
            }
            _ => run.set_color(operator, operands),
        }
        Some(())
    }

    /// Records that something other than an image is painted. An image that's painted over it later still counts.
    fn paint(&mut self) -> Option<()> {
        self.has_paint = true;
        self.found.is_none().then_some(())
    }

    /// Applies a graphics state dictionary.
    fn set_state(&self, name: &[u8], run: &mut Run<'_>) {
        let states = self.document.dictionary(run.resources, b"ExtGState");
        let state = self.document.dictionary(&states, name);
        for (key, value) in &state.0 {
            let value = self.document.resolve(value);
            let is_plain = match &**key {
                b"ca" | b"CA" => value.number().is_none_or(|alpha| alpha >= 1.0),
                b"SMask" => value.name() == Some(b"None"),
                b"BM" => matches!(value.name(), Some(b"Normal" | b"Compatible")),
                b"TR" | b"TR2" => matches!(value.name(), Some(b"Identity" | b"Default")),
                _ => true,
            };
            // A later state could reset this, but that's rare.
            run.state.is_plain &= is_plain;
        }
    }

    fn draw(&mut self, name: &[u8], run: &Run<'_>) -> Option<()> {
        let objects = self.document.dictionary(run.resources, b"XObject");
        let Object::Stream(stream) = self.document.get(&objects, name) else { return Some(()) };
        let dictionary = &stream.dictionary;
        if dictionary.raw(b"OC").is_some() {
            return None;
        }
        match self.document.get(dictionary, b"Subtype").name() {
            Some(b"Image") => self.draw_image(&stream, run),
            Some(b"Form") => self.draw_form(&stream, run),
            _ => Some(()),
        }
    }

    fn draw_image(&mut self, image: &Arc<Stream>, run: &Run<'_>) -> Option<()> {
        let (document, dictionary) = (self.document, &image.dictionary);
        let has_mask = [b"SMask".as_slice(), b"Mask"].iter().any(|key| document.find(dictionary, key).is_some());
        let is_stencil = document.get(dictionary, b"ImageMask") == Object::Boolean(true);
        let is_drawn_over = self.found.is_some() || self.has_paint;
        let covers =
            run.state.matrix.is_axis_aligned() && run.state.matrix.bounds(Rectangle::UNIT).covers(self.area, MARGIN);
        if has_mask || !run.state.is_plain || run.state.is_clipped || !covers {
            return None;
        }
        // Whatever is underneath shows through a stencil.
        if is_stencil && (is_drawn_over || !run.state.is_black) {
            return None;
        }
        self.found = Some(Placed {
            image: Arc::clone(image),
            matrix: run.state.matrix,
            is_stencil,
            is_over_paint: is_drawn_over,
            resources: run.resources.clone(),
        });
        Some(())
    }

    /// Runs a form's operators.
    fn draw_form(&mut self, form: &Stream, run: &Run<'_>) -> Option<()> {
        self.forms += 1;
        if self.forms > MAX_FORMS || run.depth == MAX_FORM_DEPTH {
            return None;
        }
        let (document, mut state) = (self.document, run.state.clone());
        if let Some(matrix) = document.numbers(&form.dictionary, b"Matrix") {
            state.matrix = Matrix(matrix).then(state.matrix);
        }
        if let Some(area) = document.numbers(&form.dictionary, b"BBox") {
            let bounds = state.matrix.bounds(Rectangle::from_corners(area));
            state.is_clipped |= !state.matrix.is_axis_aligned() || !bounds.covers(self.area, MARGIN);
        }
        let resources = document.get(&form.dictionary, b"Resources");
        let resources = resources.dictionary().unwrap_or(run.resources);
        let content = document.data(form, MAX_CONTENT_BYTES)?;
        self.run(&content, resources, &state, run.depth + 1)
    }
}

impl Run<'_> {
    fn extend_path(&mut self, operator: &[u8], operands: &[Object]) {
        self.path = match (self.path, operator, numbers(operands)) {
            (Path::Empty, b"re", Some([x, y, width, height])) if self.state.matrix.is_axis_aligned() => {
                let rectangle = Rectangle::from_corners([x, y, x + width, y + height]);
                Path::Rectangle(self.state.matrix.bounds(rectangle))
            }
            (path @ Path::Rectangle(_), b"h", _) => path,
            _ => Path::Other,
        };
    }

    fn end_path(&mut self, area: Rectangle) {
        if self.clips {
            let is_outside = matches!(self.path, Path::Rectangle(clip) if clip.covers(area, MARGIN));
            self.state.is_clipped |= !is_outside;
        }
        (self.path, self.clips) = (Path::Empty, false);
    }

    /// Records whether the fill color is black. Only recognizes colors that are specified directly.
    fn set_color(&mut self, operator: &[u8], operands: &[Object]) {
        let is = |color: &[f64]| {
            operands.len() == color.len()
                && operands
                    .iter()
                    .zip(color)
                    .all(|(operand, value)| operand.number().is_some_and(|number| (number - value).abs() < 1e-6))
        };
        match operator {
            b"g" => self.state.is_black = is(&[0.0]),
            b"rg" => self.state.is_black = is(&[0.0; 3]),
            b"k" => self.state.is_black = is(&[0.0, 0.0, 0.0, 1.0]),
            b"cs" | b"sc" | b"scn" => self.state.is_black = false,
            _ => {}
        }
    }
}

/// Returns the operands as numbers, or `None` if there are too few.
fn numbers<const COUNT: usize>(operands: &[Object]) -> Option<[f64; COUNT]> {
    let mut numbers = [0.0; COUNT];
    for (at, number) in numbers.iter_mut().enumerate() {
        *number = operands.get(at)?.number()?;
    }
    Some(numbers)
}
