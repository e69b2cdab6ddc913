//! JPEG segments before the pixel data: metadata and the frame header.

use super::metadata::{Metadata, ProfilePieces, scale_of_density};
use crate::iiif::{LengthUnit, PhysicalScale};
use std::io::{self, Read, Seek, SeekFrom};

const START_OF_SCAN: u8 = 0xda;
const END_OF_IMAGE: u8 = 0xd9;
const JFIF: u8 = 0xe0;
const EXIF: u8 = 0xe1;
const PROFILE: u8 = 0xe2;

/// Signature of the JFIF segment. The version (two bytes), unit, and horizontal and vertical density come next.
const JFIF_HEAD: &[u8] = b"JFIF\0";
const EXIF_HEAD: &[u8] = b"Exif\0\0";
/// Signature of the first segment of an XMP packet. This segment contains the orientation (ISO 16684-3, 1.1.3.1).
const XMP_HEAD: &[u8] = b"http://ns.adobe.com/xap/1.0/\0";
/// Signature of an ICC segment. It's followed by the piece number, starting at 1, and the number of pieces (ICC.1:2022,
/// B.4).
const PROFILE_HEAD: &[u8] = b"ICC_PROFILE\0";

/// Contents of the segments we care about.
#[derive(Default)]
pub(super) struct Segments {
    pub(super) metadata: Metadata,
    pub(super) frame: Option<Frame>,
}

/// Frame header: the start of a `SOF0` to `SOF15` or `SOF55` segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    marker: u8,
    bits: u8,
    height: u16,
}

impl Frame {
    /// Returns `true` for Huffman-coded lossless frames.
    pub(super) fn is_lossless(self) -> bool {
        self.marker == 0xc3
    }

    /// Returns a description and a hint if libjpeg can't decode the frame.
    pub(super) fn unsupported(self) -> Option<(String, &'static str)> {
        const DJPEG: &str = "convert it first, for example with libjpeg-turbo 3: `djpeg -outfile OUT.ppm IN.jpg`";
        const SAVE_AGAIN: &str = "open it in the program that made it, and save it as TIFF, PNG or ordinary JPEG";
        let (what, hint) = match self {
            Self { marker: 0xf7, .. } => {
                ("a JPEG-LS image".to_owned(), "convert it first, for example: `ffmpeg -i IN.jls OUT.png`")
            }
            Self { marker: 0xcb, .. } => ("a lossless JPEG with arithmetic coding".to_owned(), SAVE_AGAIN),
            Self { marker: 0xc5..=0xc7 | 0xcd..=0xcf, .. } => ("a hierarchical JPEG".to_owned(), SAVE_AGAIN),
            Self { bits, .. } if bits != 8 => (format!("a JPEG with {bits}-bit samples"), DJPEG),
            Self { height: 0, .. } => ("a JPEG whose height follows its pixels (a DNL marker)".to_owned(), SAVE_AGAIN),
            Self { .. } => return None,
        };
        Some((what, hint))
    }
}

/// Reads up to the first scan and then rewinds. Any damage is reported later by libjpeg.
pub(super) fn read(file: &mut (impl Read + Seek)) -> io::Result<Segments> {
    let (mut segments, mut pieces) = (Segments::default(), ProfilePieces::default());
    file.seek(SeekFrom::Start(2))?;
    while let Some((marker, length)) = next_segment(file)? {
        match marker {
            JFIF => {
                let bytes = content(file, length)?;
                if let Some([_, _, unit, x0, x1, y0, y1, ..]) = bytes.strip_prefix(JFIF_HEAD) {
                    segments.metadata.add_scale(density(*unit, [*x0, *x1], [*y0, *y1]));
                }
            }
            EXIF => {
                let bytes = content(file, length)?;
                if let Some(block) = bytes.strip_prefix(EXIF_HEAD) {
                    segments.metadata.add_exif(block);
                } else if let Some(packet) = bytes.strip_prefix(XMP_HEAD) {
                    segments.metadata.add_xmp(packet);
                }
            }
            PROFILE => {
                let bytes = content(file, length)?;
                if let Some([number, count, piece @ ..]) = bytes.strip_prefix(PROFILE_HEAD) {
                    pieces.add(*number, *count, piece.to_owned());
                }
            }
            // These marker numbers also include Huffman tables, JPG and arithmetic coding tables, so exclude those. The
            // first frame header counts. Thumbnails have their own, but they're inside an APP1 segment that we skip
            // completely.
            0xc0..=0xcf | 0xf7 if !matches!(marker, 0xc4 | 0xc8 | 0xcc) => {
                if let [bits, high, low, ..] = content(file, length)?[..] {
                    segments.frame.get_or_insert(Frame { marker, bits, height: u16::from_be_bytes([high, low]) });
                }
            }
            _ => drop(file.seek_relative(i64::from(length))?),
        }
    }
    pieces.finish(&mut segments.metadata);
    file.rewind()?;
    Ok(segments)
}

/// Returns the scale for the density in a JFIF segment (ITU-T T.871, section 10.1).
fn density(unit: u8, x: [u8; 2], y: [u8; 2]) -> Option<PhysicalScale> {
    let unit = match unit {
        1 => LengthUnit::Inch,
        2 => LengthUnit::Centimeter,
        // The density is only an aspect ratio.
        _ => return None,
    };
    scale_of_density((u16::from_be_bytes(x).into(), u16::from_be_bytes(y).into()), unit)
}

/// Returns the next marker that has a length, along with that length, not counting the two length bytes themselves.
/// Returns `None` at the first scan or at the end.
///
/// Like libjpeg, skips bytes outside of segments and markers that don't have a length.
fn next_segment(file: &mut impl Read) -> io::Result<Option<(u8, u16)>> {
    let marker = loop {
        match next_marker(file)? {
            None | Some(START_OF_SCAN | END_OF_IMAGE) => return Ok(None),
            Some(0x01 | 0xd0..=0xd8) => {}
            Some(marker) => break marker,
        }
    };
    let mut length = [0; 2];
    if file.read_exact(&mut length).is_err() {
        return Ok(None);
    }
    Ok(u16::from_be_bytes(length).checked_sub(2).map(|length| (marker, length)))
}

/// Skips to the next 0xff byte that isn't followed by 0 or 0xff, and returns the byte after it.
fn next_marker(file: &mut impl Read) -> io::Result<Option<u8>> {
    let (mut byte, mut is_after_ff) = ([0], false);
    while file.read(&mut byte)? > 0 {
        match byte[0] {
            0xff => is_after_ff = true,
            marker if is_after_ff && marker != 0 => return Ok(Some(marker)),
            _ => is_after_ff = false,
        }
    }
    Ok(None)
}

fn content(file: &mut impl Read, length: u16) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(length.into());
    file.take(length.into()).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::super::Orientation;
    use super::*;
    use std::io::Cursor;

    fn segment(marker: u8, head: &[u8], content: &[u8]) -> Vec<u8> {
        let length = u16::try_from(head.len() + content.len() + 2).expect("short").to_be_bytes();
        [&[0xff, marker], &length[..], head, content].concat()
    }

    #[test]
    fn pieces_of_a_profile_are_put_in_order() {
        let second = segment(PROFILE, PROFILE_HEAD, b"\x02\x02world");
        let first = segment(PROFILE, PROFILE_HEAD, b"\x01\x02hello ");
        let other = segment(PROFILE, b"MPF\0", b"x");
        let exif = segment(EXIF, EXIF_HEAD, b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x08\0\0\0");
        let scan = [0xff, START_OF_SCAN, 0, 9, 0xff, PROFILE];
        let file = [b"\xff\xd8", &second[..], &other, &exif, b"\xff\xff", &first[1..], &scan].concat();
        let found = read(&mut Cursor::new(&file)).expect("in memory").metadata.finish();
        assert_eq!(found.profile.as_deref(), Some(&b"hello world"[..]));
        assert_eq!(found.orientation, Orientation::QuarterLeft);
        for length in 0..file.len() {
            assert!(read(&mut Cursor::new(&file[..length])).is_ok(), "{length}");
        }
        let alone = [b"\xff\xd8", &second[..], &scan].concat();
        let found = read(&mut Cursor::new(&alone)).expect("in memory").metadata.finish();
        assert_eq!((found.profile, found.warnings.len()), (None, 1), "a piece is missing");
    }

    #[test]
    fn the_density_of_the_jfif_segment_is_the_scale() {
        for (unit, density, expected) in
            [(1, 600_u16, Some("0.00166667in")), (2, 118, Some("0.00847458cm")), (0, 600, None), (1, 72, None)]
        {
            let [high, low] = density.to_be_bytes();
            let jfif = segment(JFIF, JFIF_HEAD, &[1, 2, unit, high, low, high, low, 0, 0]);
            let file = [b"\xff\xd8", &jfif[..], &[0xff, START_OF_SCAN, 0, 9]].concat();
            let found = read(&mut Cursor::new(&file)).expect("in memory").metadata.finish().scale;
            assert_eq!(found.map(|scale| scale.to_string()).as_deref(), expected, "{density} per {unit}");
        }
    }

    #[test]
    fn bytes_between_segments_are_skipped_as_libjpeg_skips_them() {
        let exif = segment(EXIF, EXIF_HEAD, b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x08\0\0\0");
        for stray in [&b"\0"[..], b"\0\0\0", b"\xff\0", b"garbage\xff\0\xff", b"\xff\x01", b"\xff\xd0\xff\xd8"] {
            let file = [b"\xff\xd8", stray, &exif, &[0xff, START_OF_SCAN, 0, 9]].concat();
            let found = read(&mut Cursor::new(&file)).expect("in memory").metadata.finish();
            assert_eq!(found.orientation, Orientation::QuarterLeft, "{stray:?}");
        }
    }

    #[test]
    fn frames_that_libjpeg_does_not_decode_are_named() {
        let named = |marker, bits: u8, height: u8| {
            let file = [b"\xff\xd8", &segment(marker, &[bits, 0, height], &[0, 9, 1])[..]].concat();
            let frame = read(&mut Cursor::new(&file)).expect("in memory").frame.expect("a frame");
            frame.unsupported().map(|(what, _)| what)
        };
        for (marker, bits, height, word) in [
            (0xcb, 8, 9, "lossless"),
            (0xf7, 8, 9, "JPEG-LS"),
            (0xc5, 8, 9, "hierarchical"),
            (0xc1, 12, 9, "12-bit"),
            (0xc0, 8, 0, "height"),
        ] {
            assert!(named(marker, bits, height).is_some_and(|what| what.contains(word)), "{word}");
        }
        assert!([0xc0, 0xc1, 0xc2, 0xc9, 0xca].iter().all(|marker| named(*marker, 8, 9).is_none()));
    }
}
