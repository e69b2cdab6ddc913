//! Table of supported source formats. To add a format, write a decoder and add a row to this table.

use super::brands::{has_brand, is_avif, is_heif};
#[cfg(any(feature = "avif", feature = "heic"))]
use super::heif;
#[cfg(feature = "jp2")]
use super::jp2;
#[cfg(feature = "jxl")]
use super::jxl;
use super::page_list::PageList;
#[cfg(feature = "pdf")]
use super::pdf;
#[cfg(feature = "psd")]
use super::psd;
#[cfg(feature = "webp")]
use super::webp;
use super::{Input, Opened, ReadOptions, Refusal, jpeg, other, png, tiff};
use image::ImageFormat;

/// The pages that were found in a file.
pub(super) type PagesFound = Result<Box<dyn PageList>, Refusal>;

/// Supported source format.
pub(super) struct Format {
    /// Name recorded in the marks of published images. Must never change.
    pub(super) name: &'static str,
    /// Display name.
    title: &'static str,
    /// Lowercase file extensions. They're only used to find files in folders. The actual format is detected from the
    /// content.
    extensions: &'static [&'static str],
    /// `true` if folder searches include these extensions by default. This is only set for formats that the first
    /// release supported. A file in a newer format might sit next to a published file with the same name, such as
    /// `atlas.psd` next to `atlas.tif`.
    is_default: bool,
    /// Decoder revision. Only bump this if the decoder used to produce wrong pixels, because doing so republishes every
    /// image in this format.
    revision: u32,
    /// Returns `true` if a file starting with these bytes is in this format.
    recognizes: fn(&[u8]) -> bool,
    /// Finds the pages of a file, or `None` if a file is always one image. `open` takes the page from the options.
    pages: Option<fn(Input) -> PagesFound>,
    /// Opens a file and reads its header, but doesn't decode any pixels.
    open: fn(Input, ReadOptions) -> Result<Opened, Refusal>,
}

const PDF: &str = "pdf";

// None of these signatures is a prefix of another, so the order only affects error messages. Recognized but unsupported
// formats are ruled out before this table is used (see `foreign.rs`). For example, a Canon raw file is also a valid
// TIFF.
static FORMATS: &[Format] = &[
    Format {
        name: "jpeg",
        title: "JPEG",
        extensions: &["jpg", "jpeg", "jpe", "jfif"],
        is_default: true,
        revision: 1,
        // Don't require `FF D8 FF`, because libjpeg skips any bytes between this marker and the first segment.
        recognizes: |magic| magic.starts_with(b"\xff\xd8"),
        pages: None,
        open: |file, _| jpeg::open(file),
    },
    Format {
        name: "jp2",
        title: "JPEG 2000",
        extensions: &["jp2", "j2k", "jpx", "j2c"],
        is_default: true,
        revision: 1,
        // A boxed file (JP2) or a raw codestream.
        recognizes: |magic| starts_with_any(magic, &[b"\0\0\0\x0cjP  \r\n\x87\n", b"\xff\x4f\xff\x51"]),
        pages: None,
        #[cfg(feature = "jp2")]
        open: jp2::open,
        #[cfg(not(feature = "jp2"))]
        open: |_, _| Err(Refusal::Disabled { what: "JPEG 2000 files", feature: "jp2" }),
    },
    Format {
        name: "png",
        title: "PNG",
        extensions: &["png"],
        is_default: true,
        revision: 1,
        recognizes: |magic| magic.starts_with(b"\x89PNG\r\n\x1a\n"),
        pages: None,
        open: |file, _| png::open(&file),
    },
    Format {
        name: "tiff",
        title: "TIFF",
        extensions: &["tif", "tiff", "ptif", "btf"],
        is_default: true,
        revision: 1,
        // Classic TIFF and BigTIFF, in both byte orders.
        recognizes: |magic| starts_with_any(magic, &[b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"]),
        pages: Some(tiff::pages),
        open: tiff::open,
    },
    Format {
        name: PDF,
        title: "PDF",
        extensions: &["pdf"],
        // A PDF is often next to images with the same name.
        is_default: false,
        revision: 1,
        recognizes: |magic| magic.trim_ascii_start().starts_with(b"%PDF-"),
        #[cfg(feature = "pdf")]
        pages: Some(|file| pdf::pages(&file)),
        #[cfg(feature = "pdf")]
        open: pdf::open,
        #[cfg(not(feature = "pdf"))]
        pages: None,
        #[cfg(not(feature = "pdf"))]
        open: |_, _| Err(Refusal::Disabled { what: "PDF files", feature: "pdf" }),
    },
    Format {
        name: "webp",
        title: "WebP",
        extensions: &["webp"],
        is_default: true,
        revision: 1,
        // The file size sits between the two words.
        recognizes: |magic| magic.starts_with(b"RIFF") && magic.get(8..12) == Some(b"WEBP"),
        pages: None,
        #[cfg(feature = "webp")]
        open: |file, _| webp::open(file),
        #[cfg(not(feature = "webp"))]
        open: |_, _| Err(Refusal::Disabled { what: "WebP files", feature: "webp" }),
    },
    Format {
        name: "gif",
        title: "GIF",
        extensions: &["gif"],
        is_default: true,
        revision: 1,
        recognizes: |magic| starts_with_any(magic, &[b"GIF87a", b"GIF89a"]),
        pages: None,
        open: |file, _| other::open(file, ImageFormat::Gif),
    },
    Format {
        name: "bmp",
        title: "BMP",
        extensions: &["bmp"],
        is_default: true,
        revision: 1,
        recognizes: |magic| magic.starts_with(b"BM"),
        pages: None,
        open: |file, _| other::open(file, ImageFormat::Bmp),
    },
    Format {
        name: "pnm",
        title: "PNM",
        extensions: &["pnm", "ppm", "pgm", "pbm"],
        is_default: true,
        revision: 1,
        recognizes: |magic| {
            magic.first() == Some(&b'P') && magic.get(1).is_some_and(|kind| (b'1'..=b'7').contains(kind))
        },
        pages: None,
        open: |file, _| other::open(file, ImageFormat::Pnm),
    },
    Format {
        name: "avif",
        title: "AVIF",
        extensions: &["avif"],
        is_default: false,
        revision: 1,
        recognizes: |magic| has_brand(magic, is_avif),
        pages: None,
        #[cfg(feature = "avif")]
        open: |file, options| heif::open(file, options, "AVIF"),
        #[cfg(not(feature = "avif"))]
        open: |_, _| Err(Refusal::Disabled { what: "AVIF files", feature: "avif" }),
    },
    Format {
        name: "heic",
        title: "HEIC",
        extensions: &["heic", "heif", "hif"],
        is_default: false,
        revision: 1,
        // AVIF files may also list a HEIF brand.
        recognizes: |magic| has_brand(magic, is_heif) && !has_brand(magic, is_avif),
        pages: None,
        #[cfg(feature = "heic")]
        open: |file, options| heif::open(file, options, "HEIC"),
        #[cfg(not(feature = "heic"))]
        open: |_, _| Err(Refusal::Disabled { what: "HEIC files", feature: "heic" }),
    },
    Format {
        name: "jxl",
        title: "JPEG XL",
        extensions: &["jxl"],
        is_default: false,
        revision: 1,
        // A container file or a raw codestream.
        recognizes: |magic| starts_with_any(magic, &[b"\0\0\0\x0cJXL \r\n\x87\n", b"\xff\x0a"]),
        pages: None,
        #[cfg(feature = "jxl")]
        open: |file, _| jxl::open(file),
        #[cfg(not(feature = "jxl"))]
        open: |_, _| Err(Refusal::Disabled { what: "JPEG XL files", feature: "jxl" }),
    },
    Format {
        name: "psd",
        title: "Photoshop (PSD, PSB)",
        extensions: &["psd", "psb"],
        is_default: false,
        revision: 1,
        recognizes: |magic| magic.starts_with(b"8BPS"),
        pages: None,
        #[cfg(feature = "psd")]
        open: |file, _| psd::open(file),
        #[cfg(not(feature = "psd"))]
        open: |_, _| Err(Refusal::Disabled { what: "Photoshop files", feature: "psd" }),
    },
];

impl Format {
    /// Detects the format from the start of a file.
    pub(super) fn recognize(magic: &[u8]) -> Option<&'static Self> {
        FORMATS.iter().find(|format| (format.recognizes)(magic))
    }

    /// Opens a file in this format.
    pub(super) fn open(&self, file: Input, options: ReadOptions) -> Result<Opened, Refusal> {
        if options.page != 1 && self.pages.is_none() {
            return Err(Refusal::Page { pages: 1 });
        }
        (self.open)(file, options)
    }

    /// Finds the pages of a file in this format. Returns `None` if the format has no pages.
    pub(super) fn pages(&self, file: Input) -> Result<Option<Box<dyn PageList>>, Refusal> {
        self.pages.map(|pages| pages(file)).transpose()
    }
}

/// Returns the lowercase file extensions of all formats.
pub(crate) fn extensions() -> impl Iterator<Item = &'static str> {
    FORMATS.iter().flat_map(|format| format.extensions).copied()
}

/// Returns the lowercase file extensions that folder searches include by default.
pub(crate) fn default_extensions() -> impl Iterator<Item = &'static str> {
    FORMATS.iter().filter(|format| format.is_default).flat_map(|format| format.extensions).copied()
}

/// Returns the names and lowercase file extensions of the formats that folder searches include only on request.
pub(crate) fn optional_formats() -> impl Iterator<Item = (&'static str, &'static [&'static str])> {
    FORMATS.iter().filter(|format| !format.is_default).map(|format| (format.name, format.extensions))
}

/// Returns `false` if a file with this extension is in a format that has no pages. The extension may be wrong, but most
/// are right, and looking at each file would take far longer.
pub(crate) fn may_have_pages(extension: &str) -> bool {
    let has_extension = |format: &&Format| format.extensions.iter().any(|known| known.eq_ignore_ascii_case(extension));
    FORMATS.iter().find(has_extension).is_none_or(|format| format.pages.is_some())
}

/// Returns `false` if a file with this extension is in a format that never needs rendering. If the extension is wrong,
/// the only cost is checking the pages once more than necessary.
pub(crate) fn may_be_rendered(extension: &str) -> bool {
    let has_extension = |format: &&Format| format.extensions.iter().any(|known| known.eq_ignore_ascii_case(extension));
    FORMATS.iter().find(has_extension).is_none_or(|format| format.name == PDF)
}

/// Returns the decoder revisions of all formats by name.
pub(crate) fn all_revisions() -> impl Iterator<Item = (&'static str, u32)> {
    FORMATS.iter().map(|format| (format.name, format.revision))
}

/// Returns the decoder revision for the format with the given [name](crate::source::SourceKind::format), or `None` if
/// the format doesn't exist.
pub(crate) fn revision(name: &str) -> Option<u32> {
    FORMATS.iter().find(|format| format.name == name).map(|format| format.revision)
}

/// Returns the display names of all formats, separated by commas.
pub(super) fn titles() -> String {
    FORMATS.iter().map(|format| format.title).collect::<Vec<_>>().join(", ")
}

fn starts_with_any(magic: &[u8], signatures: &[&[u8]]) -> bool {
    signatures.iter().any(|signature| magic.starts_with(signature))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_bytes_decide_about_the_format() {
        for (magic, name) in [
            (&b"\xff\xd8\0\xff\xe0"[..], Some("jpeg")),
            (b"\xff\x4f\xff\x51", Some("jp2")),
            (b"\x89PNG\r\n\x1a\n", Some("png")),
            (b"MM\0+\0\x08", Some("tiff")),
            (b"RIFF\x01\x02\x03\x04WEBPVP8 ", Some("webp")),
            (b"RIFF\x01\x02\x03\x04WAVEfmt ", None),
            (b"GIF89a", Some("gif")),
            (b"BM", Some("bmp")),
            (b"P7\n", Some("pnm")),
            (b"P8\n", None),
            (b"\xff\x0a\xfa", Some("jxl")),
            (b"8BPS\0\x02", Some("psd")),
            (b"\0\0\0\x18ftypmif1\0\0\0\0mif1avif", Some("avif")),
            (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", Some("heic")),
            (b"\0\0\0\x18ftypmif1\0\0\0\0mif1miaf", Some("heic")),
            (b"\0\0\0\x18ftypisom\0\0\0\0isommp41", None),
            (b"P", None),
            (b"", None),
        ] {
            assert_eq!(Format::recognize(magic).map(|format| format.name), name, "{magic:?}");
        }
    }

    #[test]
    fn only_extensions_of_formats_without_pages_rule_out_pages() {
        for (extension, expected) in [("tif", true), ("TIFF", true), ("jpg", false), ("png", false), ("", true)] {
            assert_eq!(may_have_pages(extension), expected, "{extension}");
        }
    }

    #[test]
    fn names_and_extensions_are_unique_and_in_lower_case() {
        for values in [FORMATS.iter().map(|format| format.name).collect::<Vec<_>>(), extensions().collect()] {
            let mut sorted = values.clone();
            sorted.sort_unstable();
            sorted.dedup();
            assert_eq!(sorted.len(), values.len(), "{values:?}");
            assert!(values.iter().all(|value| !value.contains(char::is_uppercase)), "{values:?}");
        }
    }
}
