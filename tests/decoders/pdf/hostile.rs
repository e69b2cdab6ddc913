//! Small files that would need excessive time or memory.

use crate::support::pdf::{Page, Pdf, deflated, document};
use crate::support::rows::read_bytes_with;
use crate::support::watchdog::guarded;
use iiif_publish::source::{ReadOptions, SourceError};
use std::error::Error;

/// Returns the error for the only page. Fails if that takes too long.
fn error_of(name: &str, pdf: Pdf, page: Page) -> String {
    let options = ReadOptions::default().with_pdf_dpi("72".parse().expect("a resolution"));
    let file = document(pdf, &[page], "");
    let result = guarded(name, || read_bytes_with(&file, options));
    let error = result.map(|(header, _)| header).expect_err(name);
    let cause = error.source().map(ToString::to_string).unwrap_or_default();
    format!("{error}: {cause}")
}

const TOO_COMPLEX: &str = "it is too complex to render";

#[test]
fn nested_forms_do_not_multiply() {
    let mut pdf = Pdf::default();
    let form = "/Type/XObject/Subtype/Form/BBox[0 0 9 9]";
    let mut inner = pdf.stream(form, b"0 0 5 5 re f");
    for _ in 0..12 {
        let resources = format!("/Resources<</XObject<</F {inner} 0 R>>>>");
        inner = pdf.stream(&format!("{form}{resources}"), &b"/F Do ".repeat(10));
    }
    let page = Page::drawing(&format!("/XObject<</F {inner} 0 R>>"), "/F Do");
    assert!(error_of("forms", pdf, page).contains(TOO_COMPLEX));
}

#[test]
fn forms_masks_and_patterns_in_each_other_end() {
    let form = "/Type/XObject/Subtype/Form/BBox[0 0 360 240]/Group<</S/Transparency/CS/DeviceGray>>";
    let pattern = "/PatternType 1/PaintType 1/TilingType 1/BBox[0 0 360 240]/XStep 360/YStep 240";
    for kind in ["forms", "masks", "patterns", "itself"] {
        let mut pdf = Pdf::default();
        let start = if kind == "patterns" { pattern } else { form };
        let mut inner = pdf.stream(&format!("{start}/Resources<<>>"), b"0 0 5 5 re f");
        let used = |inner: usize| match kind {
            "masks" => format!("/ExtGState<</G<</SMask<</S/Luminosity/G {inner} 0 R>>>>>>"),
            "patterns" => format!("/Pattern<</P {inner} 0 R>>"),
            "itself" => format!("/XObject<</F {} 0 R>>", inner + 1),
            _ => format!("/XObject<</F {inner} 0 R>>"),
        };
        let content = match kind {
            "masks" => "/G gs 0 0 50 50 re f",
            "patterns" => "/Pattern cs /P scn 0 0 300 200 re f",
            _ => "/F Do",
        };
        for _ in 0..if kind == "itself" { 1 } else { 60 } {
            inner = pdf.stream(&format!("{start}/Resources<<{}>>", used(inner)), content.as_bytes());
        }
        let file = document(pdf, &[Page::drawing(&used(inner), content)], "");
        // Any result is fine as long as it comes quickly and doesn't overflow the stack.
        let _ = guarded(kind, || read_bytes_with(&file, ReadOptions::default()));
    }
}

#[test]
fn patterns_have_a_limited_number_of_cells() {
    let mut pdf = Pdf::default();
    // Each cell spans millions of steps.
    let entries = "/PatternType 1/PaintType 1/TilingType 1/BBox[0 0 100000 100000]/XStep 0.01/YStep 0.01";
    let pattern = pdf.stream(&format!("{entries}/Resources<<>>"), b"0 0 5 5 re f");
    let resources = format!("/Pattern<</P {pattern} 0 R>>");
    let page = Page::drawing(&resources, "/Pattern cs /P scn 0 0 300 200 re f");
    assert!(error_of("patterns", pdf, page).contains(TOO_COMPLEX));
}

#[test]
fn lines_have_a_limited_number_of_dashes() {
    let page = Page::drawing("", "[0.000001] 0 d 0 0 m 300 200 l S");
    assert!(error_of("dashes", Pdf::default(), page).contains(TOO_COMPLEX));
}

#[test]
fn pages_have_a_limited_number_of_layers() {
    let page = Page::drawing("", &"0 0 360 240 re f\n".repeat(400_000));
    let entries = page.entries + "/Group<</S/Transparency>>";
    let page = Page { entries, ..page };
    let mut pdf = Pdf::default();
    // It's a few kilobytes when compressed.
    let form = pdf.stream("/Subtype/Form/BBox[0 0 360 240]/Filter/FlateDecode", &deflated(&page.content));
    let page = Page::drawing(&format!("/XObject<</F {form} 0 R>>"), &"/F Do ".repeat(1000));
    assert!(error_of("layers", pdf, page).contains(TOO_COMPLEX));
}

#[test]
fn streams_are_not_unpacked_to_any_size() {
    let bomb = deflated(&vec![b' '; 200 << 20]);
    let twice = deflated(&bomb);
    let mut pdf = Pdf::default();
    let form = pdf.stream("/Subtype/Form/BBox[0 0 360 240]/Filter/FlateDecode", &bomb);
    let page = Page::drawing(&format!("/XObject<</F {form} 0 R>>"), "/F Do");
    assert!(error_of("a form", pdf, page).contains("too large when it is unpacked"));
    let mut pdf = Pdf::default();
    let font = pdf.stream("/Length1 9/Filter[/FlateDecode/FlateDecode]", &[twice, vec![0; 20 << 10]].concat());
    let font = format!("/Font<</F<</Type/Font/Subtype/TrueType/FontDescriptor<</FontFile2 {font} 0 R>>>>>>");
    let page = Page::drawing(&font, "BT /F 9 Tf (x) Tj ET");
    assert!(error_of("a font", pdf, page).contains("too large when it is unpacked"));
}

#[test]
fn images_announce_their_memory() -> Result<(), Box<dyn Error>> {
    let mut pdf = Pdf::default();
    let entries = "/ColorSpace/DeviceGray/BitsPerComponent 1/Filter/FlateDecode";
    let image = pdf.image((200_000, 200_000), entries, &deflated(&[0; 1000]));
    let page = Page::showing(image, "q 100 0 0 100 0 0 cm /Im0 Do Q");
    let file = document(pdf, &[page], "");
    let folder = tempfile::TempDir::new()?;
    let path = crate::support::pictures::file(folder.path(), "a.pdf", &file);
    let header = iiif_publish::source::Header::read(&path, ReadOptions::default())?;
    assert!(header.decoder_bytes > 40_000_000_000 * 4, "{}", header.decoder_bytes);
    Ok(())
}

#[test]
fn stated_sizes_are_checked_before_memory_is_taken() {
    let mut pdf = Pdf::default();
    let entries = "/ImageMask true/BitsPerComponent 1/Filter/CCITTFaxDecode/DecodeParms<</K -1/Columns 1000000>>";
    let image = pdf.image((1_000_000, 666_667), entries, b"\0");
    let file = document(pdf, &[Page::of_image(image)], "");
    let error = read_bytes_with(&file, ReadOptions::default()).expect_err("too many pixels");
    assert!(matches!(error, SourceError::TooLarge { .. }), "{error:?}");
}

#[test]
fn deep_and_endless_objects_end() {
    let options = ReadOptions::default();
    for content in [
        b"[".repeat(1 << 20),
        b"<<".repeat(1 << 20),
        b"(".repeat(1 << 20),
        b"q ".repeat(1 << 20),
        b"/A BMC ".repeat(1 << 20),
        b"BT ".repeat(1 << 18),
        b"0 0 0 0 0 ".repeat(1 << 18),
    ] {
        let page = Page { content, ..Page::drawing("", "") };
        let file = document(Pdf::default(), &[page], "");
        let _ = guarded("content", || read_bytes_with(&file, options));
    }
    for object in [b"[".repeat(1 << 20), b"<</A".repeat(1 << 20), b"1 0 obj ".repeat(1 << 18)] {
        let mut pdf = Pdf::default();
        let number = pdf.add(object);
        let file = document(pdf, &[Page::drawing(&format!("/XObject {number} 0 R"), "/A Do")], "");
        let _ = guarded("objects", || read_bytes_with(&file, options));
    }
}
