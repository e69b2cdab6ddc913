//! Publishes the image itself if it's the only thing on a page.

use super::bilevel::{Bilevel, BilevelRows, Fax, MAX_DATA_BYTES, MAX_SYMBOLS_BYTES};
use super::color_space::ColorSpace;
use super::content::{MARGIN, Placed};
use super::crop::{CroppedRows, PixelArea};
use super::document::Document;
use super::filter::{Decoded, ImageCodec};
use super::geometry::{Matrix, Rectangle};
use super::object::{Dictionary, Object};
use super::page::{POINTS_PER_INCH, Page};
use super::sample_rows::{MappedRows, Mapping, SampleRows};
use crate::iiif::{LengthUnit, PhysicalScale, Size};
use crate::source::metadata::{FileMetadata, Metadata, scale_of_density};
use crate::source::samples::{Alpha, ColorModel};
use crate::source::{Opened, ReadOptions, Refusal, RowReader, jpeg};
use std::io::{BufReader, Cursor, Read};

/// Fraction of a side that an image may extend past the page's edge before it gets cropped.
const BLEED: f64 = 0.005;

/// Maximum deviation from square pixels, as a fraction. Low-resolution fax pages exceed it and get rendered.
const MAX_DISTORTION: f64 = 0.02;

/// Maximum number of bytes to search for the size at the start of a compressed JPEG.
const MAX_JPEG_HEAD_BYTES: u64 = 1 << 20;

/// Opens the image. Returns `None` if the page has to be rendered because only the renderer can display it correctly.
///
/// # Errors
/// Returns an error if the image is damaged.
pub(super) fn open(
    document: &Document,
    page: &Page,
    placed: &Placed,
    options: ReadOptions,
) -> Result<Option<Opened>, Refusal> {
    let Some(opened) = open_stored(document, placed, options)? else { return Ok(None) };
    if opened.samples.alpha != Alpha::None || is_distorted(placed.matrix, opened.size) {
        return Ok(None);
    }
    // If anything was painted earlier, it would be visible at the edges.
    let is_whole =
        placed.matrix.bounds(Rectangle::UNIT).covers(page.area, if placed.is_over_paint { 1e-4 } else { MARGIN });
    if !is_whole {
        return Ok(None);
    }
    let scale = scale(page, placed.matrix, opened.size);
    let opened = match visible_area(page.area, placed.matrix, opened.size) {
        Some(area) => cropped(opened, area),
        None => opened,
    };
    let mut metadata = opened.metadata;
    metadata.orientation = placed.matrix.orientation(page.rotate);
    metadata.scale = scale;
    Ok(Some(Opened { metadata, container: format!("PDF, {}", opened.container), ..opened }))
}

fn is_distorted(Matrix([a, b, c, d, ..]): Matrix, size: Size) -> bool {
    let (width, height) = (a.hypot(b) / f64::from(size.width()), c.hypot(d) / f64::from(size.height()));
    (width / height - 1.0).abs() > MAX_DISTORTION
}

/// Returns the physical size of the image's pixels. Programs that don't know it draw images at 72 or 96 pixels per inch,
/// so these densities are ignored, as in other formats.
fn scale(page: &Page, Matrix([xx, xy, yx, yy, ..]): Matrix, size: Size) -> Option<PhysicalScale> {
    let per_inch = |pixels: u32, units: f64| f64::from(pixels) * POINTS_PER_INCH / (units * page.unit);
    let (across, down) = (per_inch(size.width(), xx.hypot(xy)), per_inch(size.height(), yx.hypot(yy)));
    // Most programs round page sizes, so use the mean of both directions. Pixels that aren't square were excluded.
    let mean = (across * down).sqrt();
    scale_of_density((mean, mean), LengthUnit::Inch)
}

/// Returns the part of the image that's inside the page, or `None` if the whole image is.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "positions are within the image")]
fn visible_area(page: Rectangle, matrix: Matrix, size: Size) -> Option<PixelArea> {
    let bounds = matrix.bounds(Rectangle::UNIT);
    // Margins outside the page, as fractions of the drawn image.
    let (width, height) = (bounds.width(), bounds.height());
    let margin = |distance: f64, side: f64| if distance > side * BLEED { (distance / side).min(1.0) } else { 0.0 };
    let mut visible = Rectangle {
        left: margin(page.left - bounds.left, width),
        bottom: margin(page.bottom - bounds.bottom, height),
        right: 1.0 - margin(bounds.right - page.right, width),
        top: 1.0 - margin(bounds.top - page.top, height),
    };
    if visible == Rectangle::UNIT {
        return None;
    }
    // Convert the area back to the image's own coordinates.
    let Matrix([a, b, c, d, ..]) = matrix;
    if a.abs() < b.abs() {
        let Rectangle { left, bottom, right, top } = visible;
        visible = Rectangle { left: bottom, bottom: left, right: top, top: right };
    }
    let (right, up) = if a.abs() < b.abs() { (b, c) } else { (a, d) };
    if right < 0.0 {
        (visible.left, visible.right) = (1.0 - visible.right, 1.0 - visible.left);
    }
    if up < 0.0 {
        (visible.bottom, visible.top) = (1.0 - visible.top, 1.0 - visible.bottom);
    }
    let pixel = |share: f64, side: u32| (share * f64::from(side)).round() as u32;
    let (left, right) = (pixel(visible.left, size.width()), pixel(visible.right, size.width()));
    let (top, bottom) = (pixel(1.0 - visible.top, size.height()), pixel(1.0 - visible.bottom, size.height()));
    let size = Size::new(right.saturating_sub(left), bottom.saturating_sub(top)).ok()?;
    Some(PixelArea { left, top, size })
}

fn cropped(opened: Opened, area: PixelArea) -> Opened {
    let rows = CroppedRows::new(opened.rows, area, opened.size.width(), opened.samples.pixel_bytes());
    Opened { size: area.size, rows: Box::new(rows), blocks: None, ..opened }
}

/// Opens the stored image. Returns `None` if only the renderer can decode it.
fn open_stored(document: &Document, placed: &Placed, options: ReadOptions) -> Result<Option<Opened>, Refusal> {
    let dictionary = &placed.image.dictionary;
    let Ok(decoded) = document.decode(&placed.image) else { return Ok(None) };
    let decode = document.get(dictionary, b"Decode");
    let decode = decode.array().map(|array| array.iter().filter_map(|it| document.resolve(it).number()).collect());
    let decode: Option<Vec<f64>> = decode;
    if let Some((ImageCodec::Jpeg2000, _)) = decoded.codec {
        return open_jpeg_2000(document, placed, decoded, decode.is_some(), options);
    }
    let space = if placed.is_stencil {
        Some(ColorSpace { model: ColorModel::Gray, profile: None, palette: None })
    } else {
        ColorSpace::read(document, &document.get(dictionary, b"ColorSpace"), &placed.resources)
    };
    let Some(space) = space else { return Ok(None) };
    let is_jpeg = matches!(decoded.codec, Some((ImageCodec::Jpeg, _)));
    let opened = match decoded.codec.clone() {
        Some((ImageCodec::Jpeg, parameters)) => {
            open_jpeg(document, placed, decoded, &parameters, &space, decode.as_deref())?
        }
        codec => open_samples(document, placed, decoded, codec, &space, decode.as_deref())?,
    };
    Ok(opened.map(|opened| with_metadata(opened, space.profile, is_jpeg.then_some("jpeg"))))
}

/// Replaces the image's metadata, because the page overrides it.
fn with_metadata(opened: Opened, profile: Option<Vec<u8>>, codec: Option<&'static str>) -> Opened {
    let mut metadata = Metadata::default();
    if let Some(profile) = profile {
        metadata.add_profile(profile);
    }
    Opened { metadata: FileMetadata { codec, ..metadata.finish() }, ..opened }
}

/// Returns the size specified in an image's dictionary.
fn stated_size(document: &Document, dictionary: &Dictionary) -> Result<Size, Refusal> {
    let side = |key: &[u8]| u32::try_from(document.get(dictionary, key).integer().unwrap_or(0)).unwrap_or(0);
    Ok(Size::new(side(b"Width"), side(b"Height"))?)
}

/// Opens a JPEG. It's decoded like any other JPEG, or cut into tiles without decoding.
fn open_jpeg(
    document: &Document,
    placed: &Placed,
    decoded: Decoded,
    parameters: &Dictionary,
    space: &ColorSpace,
    decode: Option<&[f64]>,
) -> Result<Option<Opened>, Refusal> {
    // `ColorTransform` specifies whether the colors are YCbCr, unless the JPEG does. The decoder works that out on its
    // own.
    if space.palette.is_some() || document.find(parameters, b"ColorTransform").is_some_and(|it| !is_usual(&it, space)) {
        return Ok(None);
    }
    let Some(mapping) = Mapping::new(space, 8, decode) else { return Ok(None) };
    let opened = if let Some(plain) = decoded.plain {
        jpeg::open_embedded(&mut BufReader::new(plain), decoded.bytes)?
    } else {
        let mut head = Vec::new();
        document.decode(&placed.image)?.bytes.take(MAX_JPEG_HEAD_BYTES).read_to_end(&mut head)?;
        jpeg::open_embedded(&mut Cursor::new(head), decoded.bytes)?
    };
    if opened.samples.color != space.model {
        return Ok(None);
    }
    // CMYK samples are returned as stored. If a program inverted them, `Decode` specifies that.
    if mapping.is_unchanged() {
        return Ok(Some(opened));
    }
    Ok(Some(Opened { rows: Box::new(MappedRows::new(opened.rows, mapping)), blocks: None, ..opened }))
}

/// Returns `true` if this is the usual color transform for JPEGs in this color space.
fn is_usual(transform: &Object, space: &ColorSpace) -> bool {
    match space.model {
        ColorModel::Gray => true,
        ColorModel::Cmyk => transform.integer() == Some(0),
        _ => transform.integer() == Some(1),
    }
}

#[cfg(feature = "jp2")]
fn open_jpeg_2000(
    document: &Document,
    placed: &Placed,
    decoded: Decoded,
    has_decode: bool,
    options: ReadOptions,
) -> Result<Option<Opened>, Refusal> {
    let dictionary = &placed.image.dictionary;
    let has_alpha = document.get(dictionary, b"SMaskInData").integer().unwrap_or(0) != 0;
    let Some(plain) = decoded.plain.filter(|_| !has_alpha && !has_decode && !placed.is_stencil) else {
        return Ok(None);
    };
    let opened = crate::source::jp2::open(plain, options)?;
    // A color space in the PDF overrides the image's color space.
    let Some(space) = document.find(dictionary, b"ColorSpace") else {
        let profile = opened.metadata.profile.clone();
        return Ok(Some(with_metadata(opened, profile, Some("jp2"))));
    };
    let space = ColorSpace::read(document, &space, &placed.resources);
    let space = space.filter(|space| space.palette.is_none() && space.model == opened.samples.color);
    Ok(space.map(|space| with_metadata(opened, space.profile, Some("jp2"))))
}

#[cfg(not(feature = "jp2"))]
fn open_jpeg_2000(_: &Document, _: &Placed, _: Decoded, _: bool, _: ReadOptions) -> Result<Option<Opened>, Refusal> {
    Err(Refusal::Disabled { what: "JPEG 2000 images in PDFs", feature: "jp2" })
}

/// Opens an image that decompresses to raw samples.
fn open_samples(
    document: &Document,
    placed: &Placed,
    decoded: Decoded,
    codec: Option<(ImageCodec, Dictionary)>,
    space: &ColorSpace,
    decode: Option<&[f64]>,
) -> Result<Option<Opened>, Refusal> {
    let dictionary = &placed.image.dictionary;
    let size = stated_size(document, dictionary)?;
    let is_bilevel = codec.is_some() || placed.is_stencil;
    let bits = if is_bilevel { 1 } else { document.get(dictionary, b"BitsPerComponent").integer().unwrap_or(8) };
    let Some(bits) = usize::try_from(bits).ok().filter(|bits| [1, 2, 4, 8, 16].contains(bits)) else { return Ok(None) };
    let Some(mapping) = Mapping::new(space, bits, decode).filter(|_| !is_bilevel || space.samples() == 1) else {
        return Ok(None);
    };
    let (samples, bits) = (mapping.samples, u16::try_from(bits).unwrap_or(8));
    let (container, decoder_bytes, rows): (_, _, Box<dyn RowReader>) = if let Some((codec, parameters)) = codec {
        let Some(codec) = bilevel(document, codec, &parameters, size) else { return Ok(None) };
        let decoder_bytes = BilevelRows::decoder_bytes(&codec, size, data_bytes(document, placed)?);
        (codec.name(), decoder_bytes, Box::new(BilevelRows::new(codec, decoded.bytes, mapping, size)))
    } else {
        let is_packed = document.find(dictionary, b"Filter").is_some();
        let decoder_bytes = mapping.packed_bytes(size.width());
        let rows = Box::new(SampleRows::new(decoded.bytes, mapping, size.width()));
        (if is_packed { "compressed" } else { "uncompressed" }, decoder_bytes, rows)
    };
    let (container, metadata) = (container.to_owned(), Metadata::default().finish());
    Ok(Some(Opened { size, samples, bits, container, metadata, decoder_bytes, blocks: None, rows }))
}

/// Returns the size of the compressed image, which must fit into memory.
fn data_bytes(document: &Document, placed: &Placed) -> Result<u64, Refusal> {
    let bytes = document.stream_input(&placed.image).length();
    let is_usual = bytes <= MAX_DATA_BYTES;
    is_usual.then_some(bytes).ok_or_else(|| Refusal::Decode("its image has more data than any real one".into()))
}

/// Reads the parameters of a two-color image. Returns `None` if they contradict the image size.
fn bilevel(document: &Document, codec: ImageCodec, parameters: &Dictionary, size: Size) -> Option<Bilevel> {
    if codec == ImageCodec::Fax {
        return Fax::new(document, parameters, size).map(Bilevel::Fax);
    }
    let symbols = document.find(parameters, b"JBIG2Globals");
    let symbols = symbols.as_ref().and_then(Object::stream).and_then(|it| document.data(it, MAX_SYMBOLS_BYTES));
    Some(Bilevel::Jbig2(symbols.unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crop_boxes_are_found_in_the_pixels_of_the_image() {
        let size = Size::new(200, 100).expect("a size");
        let page = Rectangle::from_corners([20.0, 10.0, 200.0, 100.0]);
        // The displayed image without the leftmost and bottommost tenth.
        for (matrix, left, top, width, height) in [
            ([200.0, 0.0, 0.0, 100.0, 0.0, 0.0], 20, 0, 180, 90),
            ([-200.0, 0.0, 0.0, 100.0, 200.0, 0.0], 0, 0, 180, 90),
            ([200.0, 0.0, 0.0, -100.0, 0.0, 100.0], 20, 10, 180, 90),
            // The image's rows are drawn upward, with its last row on the right.
            ([0.0, 100.0, -200.0, 0.0, 200.0, 0.0], 20, 10, 180, 90),
        ] {
            let area = visible_area(page, Matrix(matrix), size).expect("a part");
            let expected = PixelArea { left, top, size: Size::new(width, height).expect("a size") };
            assert_eq!(area, expected, "{matrix:?}");
        }
        let whole = Rectangle::from_corners([0.5, 0.2, 199.5, 100.0]);
        assert_eq!(visible_area(whole, Matrix([200.0, 0.0, 0.0, 100.0, 0.0, 0.0]), size), None);
    }
}
