//! The main image of slides and pyramids, and the images that accompany it.

use super::read_page;
use crate::support::tiff::{Layout, Order, Page, Pieces, Values, Variant, file};

fn text(text: &str) -> Values {
    Values::Bytes([text.as_bytes(), b"\0"].concat())
}

/// Creates an image in a single color, stored as tiles or strips.
fn image(value: u8, (width, height): (u32, u32), is_tiled: bool, more: Vec<(u16, Values)>) -> Page {
    let pieces = if is_tiled { Pieces::Tiles(16, 16) } else { Pieces::Strips(16) };
    Layout { pieces, more, ..Layout::rgb(width, height) }.page(|_, _, _| value.into())
}

fn description(of: &str) -> Vec<(u16, Values)> {
    vec![(270, text(of))]
}

fn marked(kind: u16, of: &str) -> Vec<(u16, Values)> {
    vec![(254, Values::Shorts(vec![kind])), (270, text(of))]
}

/// Returns a page's width, the first sample of its first pixel, and its warnings.
fn found(pages: &[Page], page: u32) -> (u32, u8, Vec<String>) {
    let bytes = file(pages, Order::Little, Variant::Classic);
    let (header, pixels) = read_page(&bytes, page).expect("read");
    (header.size.width(), pixels[0], header.warnings().iter().map(ToString::to_string).collect())
}

const PROGRAM: &str = "Aperio Image Library v11.2.1";

/// Returns an Aperio slide with a main image, thumbnail, two smaller copies, label and macro image.
fn slide() -> Vec<Page> {
    let main = format!("{PROGRAM} \r\n165x99 [0,0 165x99] (16x16) JPEG/RGB Q=30|AppMag = 20|MPP = 0.4990|Left = 25.6");
    let copy = format!("{PROGRAM} \r\n165x99 -> 41x24 JPEG/RGB Q=65");
    vec![
        image(1, (165, 99), true, description(&main)),
        image(2, (60, 36), false, description(&format!("{PROGRAM} \r\n165x99 -> 60x36 - |AppMag = 20"))),
        image(3, (41, 24), true, description(&copy)),
        image(4, (10, 6), true, description(&copy)),
        image(5, (30, 40), false, marked(1, &format!("{PROGRAM} \r\nlabel 30x40"))),
        image(6, (90, 40), false, marked(9, &format!("{PROGRAM} \r\nmacro 90x40"))),
    ]
}

#[test]
fn the_main_image_of_a_slide_is_its_only_page_and_the_others_are_named() {
    let warning = "only its main image is published, without its label, macro image, thumbnail and 2 smaller copies \
                   (pages-ignored)";
    assert_eq!(found(&slide(), 1), (165, 1, vec![warning.to_owned()]));
    let bytes = file(&slide(), Order::Big, Variant::Big);
    let error = read_page(&bytes, 2).expect_err("there is none").to_string();
    assert!(error.contains("it has 1 page"), "{error}");
}

#[test]
fn smaller_copies_are_known_by_their_size() {
    let plain = |value, size, is_tiled| image(value, size, is_tiled, Vec::new());
    let pages =
        [plain(1, (165, 99), true), plain(2, (82, 49), true), plain(3, (41, 24), true), plain(4, (21, 12), true)];
    let (width, value, warnings) = found(&pages, 1);
    assert_eq!((width, value), (165, 1));
    assert_eq!(warnings, ["only its main image is published, without its 3 smaller copies (pages-ignored)"]);
    // A second page in strips, with a different aspect ratio or with the same size could be from a book.
    for second in
        [plain(2, (82, 49), false), plain(2, (82, 60), true), plain(2, (165, 99), true), plain(2, (55, 33), true)]
    {
        let warnings = found(&[plain(1, (165, 99), true), second], 1).2;
        assert_eq!(warnings.len(), 1);
        assert!(warnings[0].starts_with("only the first of its 2 pages"), "{warnings:?}");
    }
    let strips = [plain(1, (165, 99), false), plain(2, (82, 49), true)];
    assert!(found(&strips, 1).2[0].starts_with("only the first of its 2 pages"));
    // Leaving out marked copies isn't worth a warning.
    let reduced = image(2, (82, 49), true, vec![(254, Values::Shorts(vec![1]))]);
    assert_eq!(found(&[plain(1, (165, 99), true), reduced], 1).2, [""; 0]);
}

#[test]
fn the_planes_of_an_ome_tiff_are_pages_but_its_label_and_macro_image_are_not() {
    let xml = "<?xml version=\"1.0\" encoding=\"UTF-8\"?><OME xmlns=\"http://www.openmicroscopy.org/Schemas/OME/2016-06\">\
               <Image ID=\"Image:0\" Name=\"slide\"><Pixels SizeX=\"165\" SizeY=\"99\" PhysicalSizeX=\"0.25\" \
               PhysicalSizeXUnit=\"µm\" PhysicalSizeY=\"0.25\" PhysicalSizeYUnit=\"µm\"><TiffData IFD=\"0\" \
               PlaneCount=\"2\"/></Pixels></Image><Image ID=\"Image:1\" Name=\"label image\"><Pixels SizeX=\"30\" \
               SizeY=\"40\"><TiffData IFD=\"2\"/></Pixels></Image><Image Name=\"macro image\"><Pixels><TiffData \
               IFD=\"3\"/></Pixels></Image></OME>";
    let mut main = image(1, (165, 99), true, description(xml));
    main.children = vec![image(9, (82, 49), true, vec![(254, Values::Shorts(vec![1]))])];
    let plain = |value, size| image(value, size, true, Vec::new());
    let pages = [main, plain(2, (165, 99)), plain(3, (30, 40)), plain(4, (90, 40)), plain(5, (50, 50))];
    let warning = "only the first of its 3 pages is published (publish all with `--pages all`), without its label and \
                   macro image (pages-ignored)";
    assert_eq!(found(&pages, 1), (165, 1, vec![warning.to_owned()]));
    assert_eq!((found(&pages, 2).1, found(&pages, 3).1), (2, 5));
}
