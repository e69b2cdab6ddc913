//! Renders pages with `hayro`.

use super::document::Document;
use super::page::{POINTS_PER_INCH, Page as DocumentPage};
use super::subset::{MAX_UNPACKED_BYTES, Subset};
use super::survey;
use crate::iiif::{LengthUnit, PhysicalScale, Size};
use crate::source::metadata::{FileMetadata, Metadata};
use crate::source::samples::Samples;
use crate::source::{Background, DecodeError, Opened, ReadOptions, Refusal, RowReader, Warning, WarningCode, resize};
use hayro::hayro_interpret::{InterpreterSettings, InterpreterWarning};
use hayro::hayro_syntax::Pdf;
use hayro::hayro_syntax::page::Page;
use hayro::kurbo::Affine;
use hayro::vello_cpu::color::AlphaColor;
use hayro::vello_cpu::{Pixmap, RasterizerSettings, RenderContext, Resources, TargetInit};
use hayro::{RenderCache, RenderSettings};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Maximum size of a band of rendered rows in bytes. A page of 8.5 x 11 inches at 300 dpi is 34 MB, and is rendered all
/// at once.
const MAX_BAND_BYTES: u64 = 48 << 20;

/// Bytes per pixel in the renderer.
const PIXEL_BYTES: u64 = 4;

/// Maximum width of a rendered page in pixels.
const MAX_WIDTH: u32 = u16::MAX as u32;

/// Maximum combined size of a page's objects in bytes.
const MAX_SUBSET_BYTES: u64 = 1 << 30;

/// Number of bands in memory at the same time. One is being drawn, and the other holds the result.
const BANDS: u64 = 2;

/// Minimum number of rows to render at once. Each band takes about as long as interpreting the whole page.
const MIN_BAND_ROWS: u32 = 64;

/// Bytes per pixel of an image on the page, for its samples, colors, alpha channel and a scaled copy.
const IMAGE_PIXEL_BYTES: u64 = 16;

/// Memory for fonts, paths and everything else on the page, in bytes.
const OTHER_BYTES: u64 = survey::MAX_BYTES + MAX_UNPACKED_BYTES;

/// Opens a page for rendering.
///
/// # Errors
/// Returns an error if the page is too large.
pub(super) fn open(document: Document, page: &DocumentPage, options: ReadOptions) -> Result<Opened, Refusal> {
    let scale = f64::from(options.pdf_dpi.value()) * page.unit / POINTS_PER_INCH;
    let size = displayed_size(page, scale)?;
    let subset = Subset::new(&document, page)?;
    if subset.bytes > MAX_SUBSET_BYTES {
        return Err(Refusal::Decode(
            format!("its objects have {} bytes, which is above the limit", subset.bytes).into(),
        ));
    }
    let band_rows = band_rows(size);
    let band_bytes = u64::from(size.width()) * u64::from(band_rows) * PIXEL_BYTES;
    let images = subset.max_image_pixels.saturating_mul(IMAGE_PIXEL_BYTES);
    // Objects count twice because the renderer unpacks them.
    let decoder_bytes =
        [2 * subset.bytes, BANDS * band_bytes, OTHER_BYTES].into_iter().fold(images, u64::saturating_add);
    let rows = RenderedRows {
        subset: Some((document, subset)),
        pdf: None,
        size,
        scale,
        background: options.background,
        band_rows,
        band: Vec::new(),
        taken: 0,
        next_row: 0,
        flaws: Arc::default(),
    };
    let metadata = FileMetadata {
        rendered_dpi: Some(options.pdf_dpi),
        scale: PhysicalScale::new(1.0 / f64::from(options.pdf_dpi.value()), LengthUnit::Inch),
        ..Metadata::default().finish()
    };
    Ok(Opened {
        size,
        samples: Samples::RGB_8,
        bits: 8,
        container: format!("PDF, rendered at {} dpi", options.pdf_dpi),
        metadata,
        decoder_bytes,
        blocks: None,
        rows: Box::new(rows),
    })
}

/// Returns the page size in pixels.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "negative and large values saturate")]
fn displayed_size(page: &DocumentPage, scale: f64) -> Result<Size, Refusal> {
    // Count every pixel that the page touches. The tolerance accounts for values like 612.0001 points.
    let pixels = |points: f64| (points * scale - 0.01).ceil().max(1.0) as u32;
    let (width, height) = (pixels(page.area.width()), pixels(page.area.height()));
    let (width, height) = if page.rotate.is_multiple_of(180) { (width, height) } else { (height, width) };
    if width > MAX_WIDTH {
        let inches = page.area.width().max(page.area.height()) * page.unit / POINTS_PER_INCH;
        let what = format!("a page {inches:.1} inches long, which would be {width} pixels wide when rendered");
        return Err(Refusal::unsupported(what, "choose a lower resolution, for example: `--pdf-dpi 100`"));
    }
    Ok(Size::new(width, height)?)
}

/// Returns the number of rows to render at once.
fn band_rows(size: Size) -> u32 {
    let rows = MAX_BAND_BYTES / (u64::from(size.width()) * PIXEL_BYTES);
    u32::try_from(rows).unwrap_or(u32::MAX).clamp(1, size.height().min(u16::MAX.into()))
}

/// Renders rows in bands.
struct RenderedRows {
    /// The page's objects in the file. `None` once the first row has been read.
    subset: Option<(Document, Subset)>,
    pdf: Option<Pdf>,
    size: Size,
    /// Pixels per page unit.
    scale: f64,
    background: Background,
    band_rows: u32,
    /// RGB rows, followed by the number of bytes that have been returned.
    band: Vec<u8>,
    taken: usize,
    /// Number of rows rendered so far.
    next_row: u32,
    flaws: Arc<Flaws>,
}

/// Kinds of content that couldn't be rendered.
#[derive(Default)]
struct Flaws {
    image: AtomicBool,
    font: AtomicBool,
    annotation: AtomicBool,
}

impl Flaws {
    fn note(&self, warning: InterpreterWarning) {
        let flaw = match warning {
            InterpreterWarning::UnsupportedFont => &self.font,
            InterpreterWarning::UnresolvedAnnotationAppearance => &self.annotation,
            _ => &self.image,
        };
        flaw.store(true, Ordering::Relaxed);
    }

    fn warnings(&self) -> Vec<Warning> {
        let texts = [
            (&self.image, "one of its images is damaged, and is missing on the page"),
            (&self.font, "one of its fonts cannot be read, and is replaced"),
            (&self.annotation, "one of its annotations cannot be shown"),
        ];
        let found = texts.into_iter().filter(|(flaw, _)| flaw.load(Ordering::Relaxed));
        found.map(|(_, text)| Warning::new(WarningCode::ContentUnreadable, text)).collect()
    }
}

impl RenderedRows {
    fn render_band(&mut self) -> Result<(), DecodeError> {
        if let Some((document, subset)) = self.subset.take() {
            self.pdf = Some(guarded(|| load(&document, &subset))??);
        }
        let pdf = self.pdf.take().ok_or("it could not be rendered")?;
        let pixels = guarded(|| self.render(&pdf))??;
        self.pdf = Some(pdf);
        let (rows, row_bytes) = (usize::from(pixels.height()), 3 * self.size.width() as usize);
        self.band.clear();
        resize(&mut self.band, rows, row_bytes)?;
        let pixels = pixels.data_as_u8_slice().as_chunks::<4>().0;
        for (to, [red, green, blue, _]) in self.band.as_chunks_mut::<3>().0.iter_mut().zip(pixels) {
            *to = [*red, *green, *blue];
        }
        self.next_row += u32::try_from(rows)?;
        Ok(())
    }

    /// Renders the next rows.
    fn render(&mut self, pdf: &Pdf) -> Result<Pixmap, DecodeError> {
        let page = pdf.pages().first().ok_or("it could not be rendered")?;
        let flaws = Arc::clone(&self.flaws);
        let settings = InterpreterSettings {
            warning_sink: Arc::new(move |warning| flaws.note(warning)),
            ..InterpreterSettings::default()
        };
        let transform = Affine::translate((0.0, -f64::from(self.next_row)))
            * Affine::scale(self.scale)
            * Affine::new(page.initial_transform(true).as_coeffs());
        let (width, height) = self.next_band(page, &settings, transform)?;
        let mut context = RenderContext::new(width, height);
        let rendering = RenderSettings { hinting: false, ..RenderSettings::default() };
        hayro::render_into(page, &RenderCache::new(), &settings, &rendering, &mut context, transform);
        context.flush();
        let mut pixels = Pixmap::new(width, height);
        let [red, green, blue] = self.background.components();
        let target_init = TargetInit::Clear(AlphaColor::from_rgba8(red, green, blue, u8::MAX));
        let raster = RasterizerSettings { target_init, ..RasterizerSettings::default() };
        context.render_with(&mut pixels, &mut Resources::default(), raster);
        Ok(pixels)
    }

    /// Returns the size of the next band, reducing its height if it needs too much memory.
    fn next_band<'a>(
        &mut self,
        page: &'a Page<'a>,
        settings: &InterpreterSettings,
        transform: Affine,
    ) -> Result<(u16, u16), DecodeError> {
        loop {
            let rows = self.band_rows.min(self.size.height() - self.next_row);
            let band = (u16::try_from(self.size.width())?, u16::try_from(rows)?);
            if survey::bytes_of_band(page, settings, transform, band)? <= survey::MAX_BYTES {
                return Ok(band);
            }
            if self.band_rows <= MIN_BAND_ROWS {
                return Err("it is too complex to render".into());
            }
            self.band_rows = (self.band_rows / 2).max(MIN_BAND_ROWS);
        }
    }
}

/// Loads the page into the renderer.
fn load(document: &Document, subset: &Subset) -> Result<Pdf, DecodeError> {
    let file = subset.write(document)?;
    Pdf::new(file).map_err(|_| "its page cannot be rendered".into())
}

/// Calls the renderer. A panic caused by one page must not affect other images.
fn guarded<T>(call: impl FnOnce() -> T) -> Result<T, DecodeError> {
    catch_unwind(AssertUnwindSafe(call)).map_err(|panic| survey::refusal(&*panic))
}

impl RowReader for RenderedRows {
    fn read_rows(&mut self, rows: &mut [u8]) -> Result<(), DecodeError> {
        let mut rows = rows;
        while !rows.is_empty() {
            if self.taken == self.band.len() {
                self.render_band()?;
                self.taken = 0;
            }
            let waiting = &self.band[self.taken..];
            let (now, later) = rows.split_at_mut(waiting.len().min(rows.len()));
            now.copy_from_slice(&waiting[..now.len()]);
            self.taken += now.len();
            rows = later;
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<Vec<Warning>, DecodeError> {
        Ok(self.flaws.warnings())
    }
}
