//! Creates PDFs.

use fax::encoder::Encoder;
use fax::{Color, VecWriter};
use flate2::Compression;
use flate2::write::ZlibEncoder;
use image::RgbImage;
use std::io::Write;

/// Page size in points.
pub const PAGE: (u32, u32) = (360, 240);

/// Objects in a file, numbered from 1.
#[derive(Default)]
pub struct Pdf {
    pub objects: Vec<Vec<u8>>,
}

impl Pdf {
    /// Adds an object and returns its number.
    pub fn add(&mut self, body: impl AsRef<[u8]>) -> usize {
        self.objects.push(body.as_ref().to_vec());
        self.objects.len()
    }

    /// Adds a stream with these dictionary entries.
    pub fn stream(&mut self, entries: &str, data: &[u8]) -> usize {
        self.add(stream(entries, data))
    }

    /// Adds an image with this width and height in pixels.
    pub fn image(&mut self, (width, height): (u32, u32), entries: &str, data: &[u8]) -> usize {
        let entries = format!("/Type/XObject/Subtype/Image/Width {width}/Height {height}{entries}");
        self.stream(&entries, data)
    }

    /// Returns the finished file. `catalog` is the catalog's object number.
    pub fn finish(&self, catalog: usize, trailer: &str) -> Vec<u8> {
        let (mut file, mut offsets) = (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n".to_vec(), Vec::new());
        for (object, number) in self.objects.iter().zip(1..) {
            offsets.push(file.len());
            file.extend(format!("{number} 0 obj\n").bytes());
            file.extend(object);
            file.extend(b"\nendobj\n");
        }
        let start = file.len();
        file.extend(format!("xref\n0 {}\n0000000000 65535 f \n", offsets.len() + 1).bytes());
        for offset in &offsets {
            file.extend(format!("{offset:010} 00000 n \n").bytes());
        }
        let size = offsets.len() + 1;
        file.extend(
            format!("trailer\n<</Size {size}/Root {catalog} 0 R{trailer}>>\nstartxref\n{start}\n%%EOF\n").bytes(),
        );
        file
    }
}

/// Returns a stream with these dictionary entries.
pub fn stream(entries: &str, data: &[u8]) -> Vec<u8> {
    [format!("<<{entries}/Length {}>>\nstream\n", data.len()).as_bytes(), data, b"\nendstream"].concat()
}

/// A page to add to a file.
#[derive(Clone)]
pub struct Page {
    /// Dictionary entries.
    pub entries: String,
    pub content: Vec<u8>,
}

impl Page {
    /// Creates a page that shows this image and nothing else.
    pub fn of_image(image: usize) -> Self {
        let (width, height) = PAGE;
        Self::showing(image, &format!("q {width} 0 0 {height} 0 0 cm /Im0 Do Q"))
    }

    /// Creates a page with an image and the operators that draw it.
    pub fn showing(image: usize, content: &str) -> Self {
        Self::drawing(&format!("/XObject<</Im0 {image} 0 R>>/Font<</F1 {FONT}>>"), content)
    }

    /// Creates a page with these resources and operators.
    pub fn drawing(resources: &str, content: &str) -> Self {
        let (width, height) = PAGE;
        let entries = format!("/MediaBox[0 0 {width} {height}]/Resources<<{resources}>>");
        Self { entries, content: content.as_bytes().to_vec() }
    }

    /// Adds dictionary entries.
    pub fn with(mut self, entries: &str) -> Self {
        self.entries += entries;
        self
    }
}

/// A font that isn't embedded.
pub const FONT: &str = "<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>";

/// Returns a file with these pages. `catalog` contains additional catalog entries.
pub fn document(mut pdf: Pdf, pages: &[Page], catalog: &str) -> Vec<u8> {
    let parent = pdf.objects.len() + 2 * pages.len() + 1;
    let mut kids = Vec::new();
    for page in pages {
        let content = pdf.stream("", &page.content);
        let entries = &page.entries;
        let number = pdf.add(format!("<</Type/Page/Parent {parent} 0 R/Contents {content} 0 R{entries}>>"));
        kids.push(format!("{number} 0 R"));
    }
    let root = pdf.add(format!("<</Type/Pages/Count {}/Kids[{}]>>", pages.len(), kids.join(" ")));
    assert_eq!(root, parent);
    let catalog = pdf.add(format!("<</Type/Catalog/Pages {root} 0 R{catalog}>>"));
    pdf.finish(catalog, "")
}

/// Returns a single-page file that shows an image.
pub fn scan(size: (u32, u32), entries: &str, data: &[u8]) -> Vec<u8> {
    let mut pdf = Pdf::default();
    let image = pdf.image(size, entries, data);
    document(pdf, &[Page::of_image(image)], "")
}

/// Compresses data for `FlateDecode`.
pub fn deflated(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}

/// Returns `true` if a pixel is printed in black.
pub fn is_black(image: &RgbImage, x: u32, y: u32) -> bool {
    image.get_pixel(x, y)[0] < 128
}

/// Compresses a black-and-white version of an image with CCITT Group 4.
pub fn group_4(image: &RgbImage) -> Vec<u8> {
    let mut encoder = Encoder::new(VecWriter::new());
    for y in 0..image.height() {
        let pixel = |x| if is_black(image, x, y) { Color::Black } else { Color::White };
        let Ok(()) = encoder.encode_line((0..image.width()).map(pixel), image.width());
    }
    let Ok(writer) = encoder.finish();
    writer.finish()
}

/// Wraps CCITT Group 4 data in JBIG2, in the form embedded in PDFs.
pub fn jbig2(image: &RgbImage) -> Vec<u8> {
    let (width, height) = (image.width().to_be_bytes(), image.height().to_be_bytes());
    let segment = |number: u8, kind: u8, data: &[u8]| {
        let head =
            [&[0, 0, 0, number, kind, 0, 1][..], &u32::try_from(data.len()).expect("small").to_be_bytes()].concat();
        [&head, data].concat()
    };
    let page = [&width[..], &height, &[0; 8], &[0; 3]].concat();
    // A generic region at 0, 0 that uses fax coding.
    let region = [&width[..], &height, &[0; 8], &[0], &[1], &group_4(image)].concat();
    [segment(0, 48, &page), segment(1, 38, &region)].concat()
}
