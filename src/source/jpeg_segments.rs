//! The segments of a JPEG before its pixels: the ICC profile and EXIF.

use super::orientation::{Orientation, of_exif_block};
use std::io::{self, Read, Seek, SeekFrom};

const START_OF_SCAN: u8 = 0xda;
const EXIF: u8 = 0xe1;
const PROFILE: u8 = 0xe2;

const EXIF_HEAD: &[u8] = b"Exif\0\0";
/// Followed by the number of the piece, from 1, and how many there are (ICC.1:2022, B.4).
const PROFILE_HEAD: &[u8] = b"ICC_PROFILE\0";

/// The largest profile that is read, in bytes: those of printers have some megabytes.
const MOST_PROFILE_BYTES: usize = 16 << 20;

/// What stands before the pixels.
#[derive(Default)]
pub(super) struct Segments {
    pub(super) profile: Option<Vec<u8>>,
    pub(super) orientation: Orientation,
}

/// Reads up to the first scan, and rewinds. What is damaged here is left out: libjpeg will say what matters.
pub(super) fn read(file: &mut (impl Read + Seek)) -> io::Result<Segments> {
    let mut segments = Segments::default();
    let mut pieces = Vec::new();
    file.seek(SeekFrom::Start(2))?;
    while let Some((marker, length)) = next_segment(file)? {
        match marker {
            EXIF => {
                let bytes = content(file, length)?;
                if let Some(block) = bytes.strip_prefix(EXIF_HEAD) {
                    segments.orientation = of_exif_block(block);
                }
            }
            PROFILE => pieces.push(content(file, length)?),
            _ => drop(file.seek_relative(i64::from(length))?),
        }
        if pieces.iter().map(Vec::len).sum::<usize>() > MOST_PROFILE_BYTES {
            pieces.clear();
        }
    }
    segments.profile = assembled(&pieces);
    file.rewind()?;
    Ok(segments)
}

/// The next marker that has a length, and that length without its own two bytes; `None` at the first scan or the end.
fn next_segment(file: &mut impl Read) -> io::Result<Option<(u8, u16)>> {
    let mut byte = [0];
    let mut marker = 0xff;
    // A marker may be preceded by any number of fill bytes.
    while marker == 0xff {
        if file.read(&mut byte)? == 0 {
            return Ok(None);
        }
        marker = byte[0];
    }
    let mut length = [0; 2];
    if marker == START_OF_SCAN || file.read_exact(&mut length).is_err() {
        return Ok(None);
    }
    Ok(u16::from_be_bytes(length).checked_sub(2).map(|length| (marker, length)))
}

fn content(file: &mut impl Read, length: u16) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(length.into());
    file.take(length.into()).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The pieces of a profile, in their order, if none is missing.
fn assembled(segments: &[Vec<u8>]) -> Option<Vec<u8>> {
    let mut pieces: Vec<(u8, u8, &[u8])> = Vec::new();
    for segment in segments {
        if let Some([number, count, piece @ ..]) = segment.strip_prefix(PROFILE_HEAD) {
            pieces.push((*number, *count, piece));
        }
    }
    pieces.sort_by_key(|(number, ..)| *number);
    let is_whole = (1_u8..)
        .zip(&pieces)
        .all(|(expected, (number, count, _))| expected == *number && usize::from(*count) == pieces.len());
    (is_whole && !pieces.is_empty()).then(|| pieces.into_iter().flat_map(|(_, _, piece)| piece.to_owned()).collect())
}

#[cfg(test)]
mod tests {
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
        let segments = read(&mut Cursor::new(&file)).expect("in memory");
        assert_eq!(segments.profile.as_deref(), Some(&b"hello world"[..]));
        assert_eq!(segments.orientation, Orientation::QuarterLeft);
        for length in 0..file.len() {
            assert!(read(&mut Cursor::new(&file[..length])).is_ok(), "{length}");
        }
        let alone = [b"\xff\xd8", &second[..], &scan].concat();
        assert_eq!(read(&mut Cursor::new(&alone)).expect("in memory").profile, None, "a piece is missing");
    }
}
