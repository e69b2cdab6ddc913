//! Recognizes unsupported formats from their first bytes, so error messages can name the format and suggest a
//! converter.

use super::brands::{has_brand, is_avif, is_heif};

/// An unsupported format and a hint for converting it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Foreign {
    /// Format name with an article, for example `a HEIC image`.
    pub(super) name: &'static str,
    /// Hint, phrased as an imperative.
    pub(super) hint: &'static str,
}

const HEIC: &str = "convert it first, for example: `heif-dec IN.heic OUT.png` (in libheif before 1.18 `heif-convert`), \
    or build the program with the feature `heic`";
const MAGICK: &str = "convert it first, for example: `magick 'IN[0]' OUT.png`";
const SVG: &str = "draw it in pixels first, for example: `rsvg-convert --width 8000 --output OUT.png IN.svg`";
const DICOM: &str = "convert it first, for example with DCMTK: `dcm2img --write-png IN.dcm OUT.png`";
const HDR: &str = "choose its brightest white and convert it first, for example: `oiiotool IN --tonemap OUT.tif`, or `magick IN OUT.png`";
const DJVU: &str = "convert it first, for example: `ddjvu -format=tiff IN.djvu OUT.tif`";
const FITS: &str = "choose its range and convert it first, for example: `magick IN.fits -auto-level OUT.png`";
const VIDEO: &str = "take a picture out of it first, for example: `ffmpeg -i IN -frames:v 1 OUT.png`";
const UNPACK: &str = "unpack it first";
const LFS: &str = "fetch the file itself first: `git lfs pull`";
const DOWNLOAD: &str = "download the image again, and look at what the address answers";
const JXR: &str = "convert it first, for example: `JxrDecApp -i IN.jxr -o OUT.tif`";

/// Hint for camera raw files.
pub(super) const DEVELOP: &str = "develop it first, for example: `darktable-cli IN OUT.tif`, or `dcraw_emu -T IN`";

const RAW: &str = "the raw data of a camera";

/// Leading bytes, format name and hint.
const SIGNATURES: &[(&[u8], &str, &str)] = &[
    (b"%!PS", "a PostScript document", PDF_OF_POSTSCRIPT),
    (b"\xc5\xd0\xd3\xc6", "a PostScript document", PDF_OF_POSTSCRIPT),
    (b"gimp xcf", "a GIMP file (XCF)", MAGICK),
    (b"v/1\x01", "an OpenEXR image", HDR),
    (b"#?RADIANCE", "a Radiance HDR image", HDR),
    (b"#?RGBE", "a Radiance HDR image", HDR),
    (b"PF\n", "a floating-point image (PFM)", HDR),
    (b"Pf\n", "a floating-point image (PFM)", HDR),
    (b"qoif", "a QOI image", MAGICK),
    (b"\0\0\x01\0", "a Windows icon (ICO)", MAGICK),
    (b"\0\0\x02\0", "a Windows cursor (CUR)", MAGICK),
    (b"icns", "a macOS icon (ICNS)", MAGICK),
    (b"DDS ", "a DirectDraw texture (DDS)", MAGICK),
    (b"farbfeld", "a farbfeld image", MAGICK),
    (b"FLIF", "a FLIF image", "convert it first, for example: `flif -d IN.flif OUT.png`"),
    (b"BPG\xfb", "a BPG image", "convert it first, for example: `bpgdec -o OUT.png IN.bpg`"),
    (b"\x8aMNG", "a MNG animation", MAGICK),
    (b"\x8bJNG", "a JNG image", MAGICK),
    (b"SIMPLE  =", "an astronomical image (FITS)", FITS),
    (b"AT&TFORM", "a DjVu document", DJVU),
    (b"II\xbc\x01", "a JPEG XR image", JXR),
    (b"FUJIFILMCCD-RAW", RAW, DEVELOP),
    (b"IIRO", RAW, DEVELOP),
    (b"IIRS", RAW, DEVELOP),
    (b"MMOR", RAW, DEVELOP),
    (b"IIU\0", RAW, DEVELOP),
    (b"FOVb", RAW, DEVELOP),
    (b"\0MRM", RAW, DEVELOP),
    (b"\x1f\x8b", "a file compressed with gzip", UNPACK),
    (b"PK\x03\x04", "a ZIP archive", UNPACK),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", UNPACK),
    (b"Rar!", "a RAR archive", UNPACK),
    (b"BZh", "a file compressed with bzip2", UNPACK),
    (b"\xfd7zXZ\0", "a file compressed with xz", UNPACK),
    (b"\x28\xb5\x2f\xfd", "a file compressed with zstd", UNPACK),
    (b"version https://git-lfs", "a pointer of Git LFS, not the image itself", LFS),
];

const PDF_OF_POSTSCRIPT: &str = "convert it first, for example: `gs -sDEVICE=png16m -r300 -o OUT.png IN`";

/// Brands of ISO base media files (ISO/IEC 14496-12), with format name and hint. Any other brand is assumed to be a
/// video.
const BRANDS: &[(&[u8; 4], &str, &str)] = &[
    (b"heic", "a HEIC image", HEIC),
    (b"heix", "a HEIC image", HEIC),
    (b"heim", "a HEIC image", HEIC),
    (b"heis", "a HEIC image", HEIC),
    (b"hevc", "a HEIC image", HEIC),
    (b"hevx", "a HEIC image", HEIC),
    (b"mif1", "a HEIF image", HEIC),
    (b"mif2", "a HEIF image", HEIC),
    (b"msf1", "a HEIF image", HEIC),
    (b"crx ", RAW, DEVELOP),
];

/// Returns `true` for the brands of supported formats. Supported files may list other brands too.
fn is_supported(brand: [u8; 4]) -> bool {
    is_avif(brand) || cfg!(feature = "heic") && is_heif(brand)
}

/// Recognizes a format from the start of a file. 512 bytes are enough.
pub(super) fn recognize(magic: &[u8]) -> Option<Foreign> {
    let signature = SIGNATURES.iter().find(|(signature, ..)| magic.starts_with(signature));
    if let Some((_, name, hint)) = signature {
        return Some(Foreign { name, hint });
    }
    // DICOM starts with a preamble that can contain anything.
    if magic.get(128..132) == Some(b"DICM") {
        return Some(Foreign { name: "a DICOM file", hint: DICOM });
    }
    // Canon adds this marker to a regular TIFF file. Its first image is only a preview.
    if magic.starts_with(b"II*\0") && magic.get(8..10) == Some(b"CR") {
        return Some(Foreign { name: RAW, hint: DEVELOP });
    }
    by_brand(magic).or_else(|| by_markup(magic))
}

/// Recognizes files that start with a `ftyp` box: length, type, major brand, then compatible brands starting at byte
/// 16.
fn by_brand(magic: &[u8]) -> Option<Foreign> {
    if magic.get(4..8) != Some(b"ftyp") || has_brand(magic, is_supported) {
        return None;
    }
    // Go by the order of our table instead of the file's. HEIC files also list the generic `mif1` brand, sometimes
    // first.
    let mut known = BRANDS.iter().filter(|(wanted, ..)| has_brand(magic, |brand| brand == **wanted));
    let (name, hint) = known.next().map_or(("a video", VIDEO), |(_, name, hint)| (*name, *hint));
    Some(Foreign { name, hint })
}

/// Recognizes XML and HTML documents.
fn by_markup(magic: &[u8]) -> Option<Foreign> {
    let magic = magic.strip_prefix(b"\xef\xbb\xbf").unwrap_or(magic).trim_ascii_start();
    if !magic.starts_with(b"<") {
        return None;
    }
    let text = magic.to_ascii_lowercase();
    let has = |word: &[u8]| text.windows(word.len()).any(|part| part == word);
    if has(b"<svg") {
        Some(Foreign { name: "a drawing (SVG)", hint: SVG })
    } else if has(b"<html") || has(b"<!doctype html") || has(b"<head") {
        Some(Foreign { name: "a web page (HTML), not an image", hint: DOWNLOAD })
    } else if has(b"<error>") && has(b"<code>") {
        Some(Foreign { name: "an error message of a store (XML), not an image", hint: DOWNLOAD })
    } else if text.starts_with(b"<?xml") {
        Some(Foreign { name: "an XML document, not an image", hint: DOWNLOAD })
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recognized(magic: &[u8]) -> Option<&'static str> {
        recognize(magic).map(|foreign| foreign.name)
    }

    #[test]
    fn every_signature_is_recognized_and_has_an_imperative_hint() {
        for (signature, name, hint) in SIGNATURES {
            assert_eq!(recognized(&[signature, &b" and more"[..]].concat()), Some(*name));
            assert!(hint.starts_with(char::is_lowercase) && !hint.ends_with('.'), "{hint}");
        }
        for (brand, name, _) in BRANDS.iter().filter(|(brand, ..)| !is_supported(**brand)) {
            assert!(recognized(&[b"\0\0\0\x18ftyp", &brand[..], b"\0\0\0\0mif1miaf"].concat()).is_some(), "{name}");
            assert_eq!(recognized(&[b"\0\0\0\x10ftyp", &brand[..], b"\0\0\0\0"].concat()), Some(*name));
        }
    }

    #[test]
    fn specific_brands_precede_general_ones() {
        assert_eq!(recognized(b"\0\0\0\x1cftypmif1\0\0\0\0mif1avif"), None, "supported");
        let heic = recognized(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic");
        assert_eq!(heic, (!cfg!(feature = "heic")).then_some("a HEIC image"));
        assert_eq!(recognized(b"\0\0\0\x14ftypisom\0\0\0\0mp41"), Some("a video"));
    }

    #[test]
    fn markup_and_unusual_offsets_are_recognized() {
        assert_eq!(recognized(b"<?xml version='1.0'?>\n<svg xmlns="), Some("a drawing (SVG)"));
        assert_eq!(recognized(b"\xef\xbb\xbf <!DOCTYPE HTML><title>404"), Some("a web page (HTML), not an image"));
        assert_eq!(
            recognized(b"<?xml version='1.0'?><Error><Code>AccessDenied"),
            Some("an error message of a store (XML), not an image")
        );
        assert_eq!(recognized(b"<?xml version='1.0'?><mets>"), Some("an XML document, not an image"));
        assert_eq!(recognized(&[&[0; 128][..], b"DICM"].concat()), Some("a DICOM file"));
        assert_eq!(recognized(b"II*\0\x10\0\0\0CR\x02\0"), Some("the raw data of a camera"));
        for unknown in [&b""[..], b"hello", b"<3", b"II*\0\x08\0\0\0", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"P6\n", b"BM"]
        {
            assert_eq!(recognized(unknown), None, "{unknown:?}");
        }
    }
}
