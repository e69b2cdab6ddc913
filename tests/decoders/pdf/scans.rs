//! Pages that consist of a single image, which is read as stored.

use crate::support::pdf::{FONT, PAGE, Page, Pdf, deflated, document, group_4, is_black, jbig2, scan};
use crate::support::pictures::{encoded, gray_waves, mean_difference, waves};
use crate::support::rows::{codes, read_bytes};
use iiif_publish::internals::PixelFormat;
use iiif_publish::source::{Header, Orientation};
use image::{DynamicImage, ImageFormat, RgbImage};

/// Prime numbers, so rows with fewer than 8 bits per sample don't end at a byte boundary. The aspect ratio is close to
/// that of a page.
const SIZE: (u32, u32) = (61, 41);

fn picture() -> RgbImage {
    waves(SIZE.0, SIZE.1)
}

fn gray() -> Vec<u8> {
    gray_waves(SIZE.0, SIZE.1).into_raw()
}

fn read(file: &[u8]) -> (Header, Vec<u8>) {
    read_bytes(file).unwrap_or_else(|error| panic!("{error:?}"))
}

fn read_scan(entries: &str, data: &[u8]) -> (Header, Vec<u8>) {
    let (header, pixels) = read(&scan(SIZE, entries, data));
    assert!(!header.description.contains("rendered"), "{}: {entries}", header.description);
    assert_eq!((header.size.width(), header.size.height()), SIZE);
    (header, pixels)
}

/// Packs samples into bits. Each row starts at a byte boundary.
fn packed(samples: &[u8], width: usize, bits: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    for row in samples.chunks(width) {
        for part in row.chunks(8 / bits) {
            let byte = part.iter().fold(0, |byte: u32, sample| byte << bits | u32::from(*sample));
            bytes.push((byte << (8 - bits * part.len())) as u8);
        }
    }
    bytes
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat()
}

const RGB: &str = "/ColorSpace/DeviceRGB/BitsPerComponent 8";
const GRAY: &str = "/ColorSpace/DeviceGray/BitsPerComponent 8";

#[test]
fn lossless_images_are_read_as_they_are() {
    let (rgb, gray) = (picture().into_raw(), gray());
    let wide: Vec<u8> = gray.iter().flat_map(|sample| [*sample, *sample]).collect();
    let hexadecimal = hexadecimal(&gray);
    let runs: Vec<u8> = gray.chunks(128).flat_map(|run| [&[run.len() as u8 - 1], run].concat()).chain([128]).collect();
    for (entries, data, expected) in [
        (format!("{RGB}/Filter/FlateDecode"), deflated(&rgb), &rgb),
        (RGB.to_owned(), rgb.clone(), &rgb),
        (format!("{GRAY}/Filter[/FlateDecode]/DecodeParms[null]"), deflated(&gray), &gray),
        (format!("{GRAY}/Filter/ASCIIHexDecode"), hexadecimal.into_bytes(), &gray),
        (format!("{GRAY}/Filter[/FlateDecode/RunLengthDecode]"), deflated(&runs), &gray),
        ("/ColorSpace/DeviceGray/BitsPerComponent 16/Filter/FlateDecode".to_owned(), deflated(&wide), &gray),
    ] {
        let (header, pixels) = read_scan(&entries, &data);
        assert!(pixels == *expected, "{entries}");
        assert_eq!(codes(&header), [""; 0]);
    }
    let inverted: Vec<u8> = gray.iter().map(|sample| 255 - sample).collect();
    let (_, pixels) = read_scan(&format!("{GRAY}/Decode[1 0]/Filter/FlateDecode"), &deflated(&gray));
    assert!(pixels == inverted);
}

#[test]
fn predictors_are_undone() {
    let rgb = picture().into_raw();
    let row_bytes = 3 * SIZE.0 as usize;
    // PNG filter 2, which stores differences from the row above.
    let mut above = vec![0; row_bytes];
    let mut up = Vec::new();
    for row in rgb.chunks(row_bytes) {
        up.push(2);
        up.extend(row.iter().zip(&above).map(|(sample, above)| sample.wrapping_sub(*above)));
        above = row.to_vec();
    }
    let left: Vec<u8> = rgb
        .chunks(row_bytes)
        .flat_map(|row| (0..row.len()).map(|at| row[at].wrapping_sub(if at < 3 { 0 } else { row[at - 3] })))
        .collect();
    for (predictor, data) in [(15, up), (2, left)] {
        let parameters = format!("<</Predictor {predictor}/Colors 3/BitsPerComponent 8/Columns {}>>", SIZE.0);
        let (_, pixels) = read_scan(&format!("{RGB}/Filter/FlateDecode/DecodeParms{parameters}"), &deflated(&data));
        assert!(pixels == rgb, "{predictor}");
    }
}

#[test]
fn few_bits_and_palettes_become_colors() {
    let levels: Vec<u8> = gray().iter().map(|sample| sample / 16).collect();
    let entries = "/ColorSpace/DeviceGray/BitsPerComponent 4/Filter/FlateDecode";
    let (_, pixels) = read_scan(entries, &deflated(&packed(&levels, SIZE.0 as usize, 4)));
    assert!(pixels.iter().zip(&levels).all(|(pixel, level)| *pixel == level * 17));
    let color = |level: &u8| [level * 3, 255 - level, level * 16];
    let palette = hexadecimal(&(0..16).flat_map(|index| color(&index)).collect::<Vec<_>>());
    let entries = format!("/ColorSpace[/Indexed/DeviceRGB 15<{palette}>]/BitsPerComponent 4/Filter/FlateDecode");
    let (header, pixels) = read_scan(&entries, &deflated(&packed(&levels, SIZE.0 as usize, 4)));
    assert_eq!(header.format, PixelFormat::Rgb8);
    assert!(pixels == levels.iter().flat_map(color).collect::<Vec<u8>>());
}

#[test]
fn fax_and_jbig2_are_read_in_black_and_white() {
    let picture = picture();
    let places = (0..SIZE.1).flat_map(|y| (0..SIZE.0).map(move |x| (x, y)));
    let expected: Vec<u8> = places.map(|(x, y)| if is_black(&picture, x, y) { 0 } else { 255 }).collect();
    let inverted: Vec<u8> = expected.iter().map(|sample| 255 - sample).collect();
    let fax =
        |more: &str| format!("/BitsPerComponent 1/Filter/CCITTFaxDecode/DecodeParms<</K -1/Columns {}{more}>>", SIZE.0);
    let in_gray = |entries: &str| format!("/ColorSpace/DeviceGray{entries}");
    for (entries, data, expected) in [
        (in_gray(&fax("")), group_4(&picture), &expected),
        (in_gray(&fax("/BlackIs1 true")), group_4(&picture), &inverted),
        (in_gray(&fax("/BlackIs1 true")) + "/Decode[1 0]", group_4(&picture), &expected),
        // Zero bits are painted in black.
        ("/ImageMask true".to_owned() + &fax(""), group_4(&picture), &expected),
        (in_gray("/BitsPerComponent 1/Filter/JBIG2Decode"), jbig2(&picture), &expected),
    ] {
        let (header, pixels) = read_scan(&entries, &data);
        assert_eq!(header.format, PixelFormat::Gray8);
        assert!(pixels == *expected, "{entries}");
    }
}

#[test]
fn jpeg_is_decoded_like_a_file_of_its_own() {
    let picture = DynamicImage::from(picture());
    for (image, space) in [(picture.clone(), "DeviceRGB"), (picture.to_luma8().into(), "DeviceGray")] {
        let jpeg = encoded(image, ImageFormat::Jpeg);
        let (of_file, expected) = read(&jpeg);
        let entries = format!("/ColorSpace/{space}/BitsPerComponent 8/Filter");
        let (header, pixels) = read_scan(&format!("{entries}/DCTDecode"), &jpeg);
        assert!(pixels == expected);
        assert_eq!((header.description.as_str(), header.blocks.is_some()), ("PDF, JPEG", true));
        assert_eq!(header.blocks, of_file.blocks, "tiles can be cut without decoding");
        let (_, pixels) = read_scan(&format!("{entries}[/FlateDecode/DCTDecode]"), &deflated(&jpeg));
        assert!(pixels == expected, "compressed once more");
        let (header, pixels) = read_scan(&format!("{entries}/DCTDecode/Decode[1 0 1 0 1 0]"), &jpeg);
        assert!(pixels.iter().zip(&expected).all(|(pixel, expected)| *pixel == 255 - expected), "{space}");
        assert_eq!(header.blocks, None);
    }
}

#[test]
fn jpeg_2000_is_decoded_like_a_file_of_its_own() {
    let fixture = |name: &str| {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/jp2");
        std::fs::read(folder.join(name)).expect("a fixture")
    };
    for (name, entries) in [("rgb.jp2", ""), ("gray.jp2", "/ColorSpace/DeviceGray"), ("tiled.jp2", "")] {
        let bytes = fixture(name);
        let (_, expected) = read(&bytes);
        let mut pdf = Pdf::default();
        let image = pdf.image((61, 47), &format!("{entries}/Filter/JPXDecode"), &bytes);
        let mut page = Page::showing(image, "q 610 0 0 470 0 0 cm /Im0 Do Q");
        page.entries = page.entries.replace("[0 0 360 240]", "[0 0 610 470]");
        let (header, pixels) = read(&document(pdf, &[page], ""));
        assert!(header.description.starts_with("PDF, JPEG 2000"), "{}", header.description);
        assert!(pixels == expected, "{name}");
    }
}

/// Returns the orientation of a page showing the picture.
fn orientation(content: &str, rotate: i32) -> Orientation {
    let mut pdf = Pdf::default();
    let image = pdf.image(SIZE, &format!("{RGB}/Filter/FlateDecode"), &deflated(&picture().into_raw()));
    let page = Page::showing(image, content).with(&format!("/Rotate {rotate}"));
    read(&document(pdf, &[page], "")).0.properties.orientation
}

#[test]
fn rotated_and_mirrored_pages_are_shown_as_they_should() {
    let (width, height) = PAGE;
    let upright = format!("q {width} 0 0 {height} 0 0 cm /Im0 Do Q");
    let expected = [Orientation::Upright, Orientation::QuarterRight, Orientation::HalfTurn, Orientation::QuarterLeft];
    for (expected, turns) in expected.into_iter().zip(0..) {
        assert_eq!(orientation(&upright, 90 * turns), expected);
        assert_eq!(orientation(&upright, 90 * turns - 360), expected);
    }
    let mirrored = format!("q -{width} 0 0 {height} {width} 0 cm /Im0 Do Q");
    assert_eq!(orientation(&mirrored, 0), Orientation::Mirrored);
    // Applies two matrices and ends up upside down.
    let flipped = format!("q 1 0 0 -1 0 {height} cm {width} 0 0 {height} 0 0 cm /Im0 Do Q");
    assert_eq!(orientation(&flipped, 0), Orientation::Flipped);
    assert_eq!(orientation(&flipped, 180), Orientation::Mirrored);
}

#[test]
fn crop_boxes_cut_the_image() {
    let picture = waves(360, 240);
    let mut pdf = Pdf::default();
    let image = pdf.image((360, 240), &format!("{RGB}/Filter/FlateDecode"), &deflated(picture.as_raw()));
    // One pixel per point, with the left and bottom edges cropped.
    let page = Page::of_image(image).with("/CropBox[60 40 360 240]");
    let barely = Page::of_image(image).with("/CropBox[1 1 359 239]");
    let (header, pixels) = read(&document(pdf, &[page, barely], ""));
    assert_eq!((header.size.width(), header.size.height()), (300, 200));
    let expected = image::imageops::crop_imm(&picture, 60, 0, 300, 200).to_image();
    assert!(pixels == *expected.as_raw());
    assert_eq!(codes(&header), ["pages-ignored"]);
}

/// Returns the physical size of the pixels of an image of this size. The page is 360 x 240 points large.
fn scale(size: (u32, u32), draw: &str, entries: &str) -> Option<String> {
    let mut pdf = Pdf::default();
    let entry = "/ColorSpace/DeviceGray/BitsPerComponent 8/Filter/FlateDecode";
    let image = pdf.image(size, entry, &deflated(&vec![0; (size.0 * size.1) as usize]));
    let page = Page::showing(image, &format!("q {draw} cm /Im0 Do Q")).with(entries);
    let (header, _) = read(&document(pdf, &[page], ""));
    assert!(!header.description.contains("rendered"), "{draw} {entries}");
    header.scale.map(|scale| scale.to_string())
}

#[test]
fn the_page_gives_the_physical_size_of_its_image() {
    let fill = "360 0 0 240 0 0";
    for (size, draw, entries, expected) in [
        // 60 pixels per inch.
        ((300, 200), fill, "", "0.0166667in"),
        ((300, 200), fill, "/UserUnit 2", "0.0333333in"),
        ((300, 200), fill, "/Rotate 90", "0.0166667in"),
        ((200, 300), "0 240 -360 0 360 0", "", "0.0166667in"),
        ((300, 200), fill, "/CropBox[0 0 180 240]", "0.0166667in"),
        ((300, 200), "-720 0 0 480 720 0", "/CropBox[100 0 460 240]/MediaBox[0 0 720 480]", "0.0333333in"),
        // Page sizes are rounded.
        ((302, 200), fill, "", "0.0166114in"),
    ] {
        assert_eq!(scale(size, draw, entries).as_deref(), Some(expected), "{size:?} {draw} {entries}");
    }
}

#[test]
fn densities_that_programs_use_by_default_are_no_physical_size() {
    let fill = "360 0 0 240 0 0";
    for (size, entries) in [((360, 240), ""), ((480, 320), ""), ((720, 480), "/UserUnit 2"), ((15, 10), "")] {
        assert_eq!(scale(size, fill, entries), None, "{size:?} {entries}");
    }
}

#[test]
fn ink_and_profiles_are_converted() {
    let ink: Vec<u8> = gray().iter().flat_map(|sample| [0, 0, 0, *sample]).collect();
    let entries = "/ColorSpace/DeviceCMYK/BitsPerComponent 8/Filter/FlateDecode";
    let (header, pixels) = read_scan(entries, &deflated(&ink));
    assert_eq!(header.properties.colors, "CMYK");
    let inverted: Vec<u8> = ink.iter().map(|sample| 255 - sample).collect();
    let decoded = read_scan(&format!("{entries}/Decode[1 0 1 0 1 0 1 0]"), &deflated(&inverted));
    assert!(decoded.1 == pixels, "as Adobe software stores it");
    let mut pdf = Pdf::default();
    let profile = pdf.stream("/N 1/Filter/FlateDecode", &deflated(b"not a profile"));
    let space = format!("/ColorSpace[/ICCBased {profile} 0 R]/BitsPerComponent 8/Filter/FlateDecode");
    let image = pdf.image(SIZE, &space, &deflated(&gray()));
    let (header, pixels) = read(&document(pdf, &[Page::of_image(image)], ""));
    assert!(pixels == gray());
    assert_eq!(codes(&header), ["profile-unusable"]);
}

/// Returns `true` if the page is rendered.
fn is_rendered(resources: &str, content: &str, entries: &str) -> bool {
    let mut pdf = Pdf::default();
    let mask = pdf.image(SIZE, GRAY, &gray());
    let image = pdf.image(SIZE, RGB, &picture().into_raw());
    let masked = pdf.image(SIZE, &format!("{RGB}/SMask {mask} 0 R"), &picture().into_raw());
    let stencil = pdf.image(SIZE, "/ImageMask true/BitsPerComponent 1", &vec![0x55; 8 * SIZE.1 as usize]);
    let form = "/Type/XObject/Subtype/Form/BBox[0 0 360 240]";
    let form = pdf.stream(&format!("{form}/Resources<</XObject<</Im0 {image} 0 R>>>>"), b"360 0 0 240 0 0 cm /Im0 Do");
    let resources = format!(
        "/XObject<</Im0 {image} 0 R/Masked {masked} 0 R/Stencil {stencil} 0 R/Form {form} 0 R>>/Font<</F1 {FONT}>>{resources}"
    );
    let page = Page::drawing(&resources, content).with(entries);
    let (header, pixels) = read(&document(pdf, &[page], ""));
    let is_rendered = header.description == "PDF, rendered at 300 dpi";
    let size = (header.size.width(), header.size.height());
    assert_eq!(size, if is_rendered { (1500, 1000) } else { SIZE }, "{content}");
    // A rendered page should still show the picture.
    if content.contains("/Im0 Do Q") && !content.contains("Stencil") && is_rendered {
        let shown = RgbImage::from_raw(1500, 1000, pixels).expect("RGB");
        let small = image::imageops::thumbnail(&shown, SIZE.0, SIZE.1);
        let difference = mean_difference(small.as_raw(), picture().as_raw());
        assert!(difference < 40.0, "{content}: {difference}");
    }
    is_rendered
}

#[test]
fn only_pages_that_are_one_image_are_scans() {
    let draw = "q 360 0 0 240 0 0 cm /Im0 Do Q";
    let hidden = "BT /F1 12 Tf 3 Tr 20 20 Td (hidden) Tj [(text) 100 (s)] TJ ET";
    let plain = "/ExtGState<</G<</CA 1/ca 1/SMask/None/BM/Normal>>>>";
    for (resources, content, entries) in [
        ("", draw.to_owned(), ""),
        ("", format!("{draw} {hidden}"), ""),
        ("", format!("{hidden} {draw}"), ""),
        ("", format!("1 g 0 0 360 240 re f {draw}"), ""),
        ("", format!("BT /F1 12 Tf 20 20 Td (below the image) Tj ET {draw}"), ""),
        ("", format!("q 0 0 360 240 re W n {draw} Q"), ""),
        (plain, format!("/G gs {draw}"), ""),
        ("", format!("/Artifact <</Type/Background>> BDC {draw} EMC"), ""),
        ("", "q 362 0 0 240 -1 0 cm /Im0 Do Q".to_owned(), ""),
        ("", "q /Form Do Q".to_owned(), ""),
        ("", "0 g q 360 0 0 240 0 0 cm /Stencil Do Q".to_owned(), ""),
        ("", draw.to_owned(), "/Annots[<</Subtype/Link/Rect[0 0 9 9]>>]"),
    ] {
        assert!(!is_rendered(resources, &content, entries), "{content}");
    }
    let annotation = "/Annots[<</Subtype/Square/Rect[0 0 9 9]/AP<</N<<>>>>>>]";
    for (resources, content, entries) in [
        ("", format!("{draw} {}", hidden.replace("3 Tr", "0 Tr")), ""),
        ("", format!("{draw} 0 0 9 9 re f"), ""),
        ("", format!("{draw} q 10 0 0 10 0 0 cm /Im0 Do Q"), ""),
        ("", "q 300 0 0 240 0 0 cm /Im0 Do Q".to_owned(), ""),
        ("", "q 360 20 -20 240 0 0 cm /Im0 Do Q".to_owned(), ""),
        ("", format!("q 0 0 100 240 re W n {draw} Q"), ""),
        ("/ExtGState<</G<</ca 0.9>>>>", format!("/G gs {draw}"), ""),
        ("", "q 360 0 0 240 0 0 cm /Masked Do Q".to_owned(), ""),
        ("", "1 0 0 rg q 360 0 0 240 0 0 cm /Stencil Do Q".to_owned(), ""),
        ("", format!("{draw} q 360 0 0 240 0 0 cm /Stencil Do Q"), ""),
        ("", draw.to_owned(), annotation),
        ("", "q 1 0 0 1 5 5 cm BI /W 1/H 1/BPC 8/CS/G ID x EI Q".to_owned(), ""),
        ("", String::new(), ""),
    ] {
        assert!(is_rendered(resources, &content, entries), "{content}");
    }
}

#[test]
fn images_with_other_proportions_than_the_page_are_rendered() {
    let mut pdf = Pdf::default();
    let fax = "/ColorSpace/DeviceGray/BitsPerComponent 8";
    // A standard resolution fax has half as many rows.
    let image = pdf.image((60, 20), fax, &[128; 1200]);
    let (header, pixels) = read(&document(pdf, &[Page::of_image(image)], ""));
    assert_eq!((header.size.width(), header.size.height()), (1500, 1000));
    assert!(pixels.iter().all(|sample| sample.abs_diff(128) <= 1));
}

#[test]
fn damaged_images_are_errors() {
    let whole = deflated(&picture().into_raw());
    for (entries, data) in [
        (format!("{RGB}/Filter/FlateDecode"), &whole[..whole.len() / 2]),
        (RGB.to_owned(), &[0; 100][..]),
        (format!("{RGB}/Filter/DCTDecode"), b"not a JPEG"),
        ("/ColorSpace/DeviceGray/BitsPerComponent 1/Filter/JBIG2Decode".to_owned(), b"not a JBIG2"),
    ] {
        assert!(read_bytes(&scan(SIZE, &entries, data)).is_err(), "{entries}");
    }
}
