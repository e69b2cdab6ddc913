//! JP2 boxes (ISO/IEC 15444-1, annex I), which locate the codestream and define the meaning of its components.

use super::{DecodeError, Refusal};
use crate::source::metadata::{MAX_EXIF_BYTES, MAX_PROFILE_BYTES, MAX_XMP_BYTES, Metadata};
use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;

/// Maximum size of a header in bytes. Only a profile or a palette can make it large.
const MAX_HEADER_BYTES: u64 = 2 * MAX_PROFILE_BYTES;

/// Identifier of a `uuid` box containing EXIF, as written by Adobe programs and `ExifTool`.
const EXIF: &[u8; 16] = b"JpgTiffExif->JP2";

/// Identifier of a `uuid` box containing XMP (ISO 16684-3, 1.1.4).
const XMP: &[u8; 16] = b"\xbe\x7a\xcf\xcb\x97\xa9\x42\xe8\x9c\x71\x99\x94\x91\xe3\xaf\xac";

/// Maximum number of boxes to read from a file. Real files have a few dozen.
const MAX_BOXES: usize = 10_000;

/// A file's header and codestream.
pub(super) struct Boxes {
    /// `None` for a raw codestream.
    pub(super) header: Option<Jp2Header>,
    /// Byte range of the codestream in the file.
    pub(super) codestream: Range<u64>,
}

/// Contents of the `jp2h` box.
#[derive(Default)]
pub(super) struct Jp2Header {
    pub(super) color: Option<ColorSpecification>,
    /// Contents of the `pclr` box.
    pub(super) palette: Option<Vec<u8>>,
    /// Contents of the `cmap` box.
    pub(super) mapping: Option<Vec<u8>>,
    /// Channel definitions from the `cdef` box.
    pub(super) definitions: Option<Vec<Definition>>,
}

/// Color specification from a `colr` box.
pub(super) enum ColorSpecification {
    /// An enumerated color space with its parameters, which most color spaces don't have.
    Enumerated(u32, Vec<u8>),
    /// An ICC profile.
    Profile(Vec<u8>),
    /// An ICC profile that is too large to read, with its size in bytes.
    TooLarge(u64),
}

/// An entry in `cdef` (I.5.3.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Definition {
    pub(super) channel: u16,
    /// 0 for color, 1 for opacity, 2 for premultiplied opacity, or 65535 if unspecified.
    pub(super) kind: u16,
    /// 0 for the whole image, or a color number starting from 1.
    pub(super) association: u16,
}

/// A box's type and the byte range of its contents.
struct FileBox {
    kind: [u8; 4],
    content: Range<u64>,
}

/// Finds the first codestream in a file, along with any EXIF and XMP before or after it. The header must come before
/// the codestream.
pub(super) fn read(file: &mut (impl Read + Seek), file_bytes: u64, metadata: &mut Metadata) -> Result<Boxes, Refusal> {
    let mut start = [0; 2];
    file.rewind()?;
    file.read_exact(&mut start)?;
    if start == [0xff, 0x4f] {
        return Ok(Boxes { header: None, codestream: 0..file_bytes });
    }
    let (mut header, mut codestream, mut at) = (None, None, 0);
    for _ in 0..MAX_BOXES {
        // Boxes are skipped using their lengths, so only headers are read, even from a multi-gigabyte file on a web
        // server. Keep going past the codestream, because EXIF may come after it.
        let found = match next(file, at, file_bytes) {
            _ if at >= file_bytes => break,
            // Boxes after the pixels may be truncated.
            Err(_) if codestream.is_some() => break,
            found => found?,
        };
        at = found.content.end;
        match &found.kind {
            b"jp2h" if header.is_none() => {
                header = Some(Jp2Header::read(&content(file, &found)?).ok_or_else(damaged_header)?);
            }
            b"jp2c" if header.is_none() => return Err(damaged_header().into()),
            b"jp2c" => _ = codestream.get_or_insert(found.content),
            b"uuid" => add_metadata(file, &found, metadata)?,
            _ => {}
        }
    }
    match codestream {
        Some(codestream) => Ok(Boxes { header, codestream }),
        None => Err(Refusal::Decode("it has no codestream".into())),
    }
}

/// Adds EXIF or XMP from a `uuid` box, if it contains either.
fn add_metadata(file: &mut (impl Read + Seek), found: &FileBox, metadata: &mut Metadata) -> Result<(), DecodeError> {
    let length = found.content.end - found.content.start;
    let mut identifier = [0; EXIF.len()];
    if length < identifier.len() as u64 {
        return Ok(());
    }
    file.seek(SeekFrom::Start(found.content.start))?;
    file.read_exact(&mut identifier)?;
    let (name, limit) = match &identifier {
        EXIF => ("EXIF data", MAX_EXIF_BYTES),
        XMP => ("XMP data", MAX_XMP_BYTES),
        _ => return Ok(()),
    };
    if length > limit {
        metadata.add_too_large(name, length);
        return Ok(());
    }
    let mut block = Vec::new();
    file.take(length - identifier.len() as u64).read_to_end(&mut block)?;
    if &identifier == EXIF {
        metadata.add_exif(&block);
    } else {
        metadata.add_xmp(&block);
    }
    Ok(())
}

fn damaged_header() -> DecodeError {
    "its `jp2h` box is damaged or missing".into()
}

/// Reads the box at the given offset: its length and type, and an extended length if the length is 1 (I.4).
fn next(file: &mut (impl Read + Seek), at: u64, file_bytes: u64) -> Result<FileBox, DecodeError> {
    let mut bytes = [0; 8];
    file.seek(SeekFrom::Start(at))?;
    file.read_exact(&mut bytes)?;
    let [l0, l1, l2, l3, kind @ ..] = bytes;
    let (head_bytes, length) = match u32::from_be_bytes([l0, l1, l2, l3]) {
        0 => (8, file_bytes - at),
        1 => {
            file.read_exact(&mut bytes)?;
            (16, u64::from_be_bytes(bytes))
        }
        length => (8, u64::from(length)),
    };
    let end = at.checked_add(length).filter(|_| length >= head_bytes);
    let end = match end.filter(|end| *end <= file_bytes) {
        // Some writers set this box's length to the file size, and some files are truncated. The tile-parts show
        // whether any data is missing.
        None if end.is_some() && &kind == b"jp2c" && at + head_bytes <= file_bytes => Some(file_bytes),
        end => end,
    };
    let end = end.ok_or_else(|| format!("its `{}` box extends beyond the end of the file", kind.escape_ascii()))?;
    Ok(FileBox { kind, content: at + head_bytes..end })
}

fn content(file: &mut (impl Read + Seek), found: &FileBox) -> Result<Vec<u8>, DecodeError> {
    let length = found.content.end - found.content.start;
    if length > MAX_HEADER_BYTES {
        return Err(format!("its header has {length} bytes, and the limit is {MAX_HEADER_BYTES}").into());
    }
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(found.content.start))?;
    file.take(length).read_to_end(&mut bytes)?;
    Ok(bytes)
}

impl Jp2Header {
    fn read(mut bytes: &[u8]) -> Option<Self> {
        let mut header = Self::default();
        while !bytes.is_empty() {
            let length = usize::try_from(u32::from_be_bytes(*bytes.first_chunk()?)).ok()?;
            let length = if length == 0 { bytes.len() } else { length };
            let (kind, content) = (bytes.get(4..8)?, bytes.get(8..length)?);
            match kind {
                b"colr" => header.add_color(content)?,
                b"pclr" => header.palette = Some(content.to_vec()),
                b"cmap" => header.mapping = Some(content.to_vec()),
                b"cdef" => header.definitions = Some(definitions(content)?),
                _ => {}
            }
            bytes = &bytes[length..];
        }
        Some(header)
    }

    /// Adds a `colr` box. Only the first one counts (I.5.3.3), unless its method is unknown.
    fn add_color(&mut self, content: &[u8]) -> Option<()> {
        let [method, _precedence, _approximation, rest @ ..] = content else { return None };
        let color = match method {
            1 => {
                let (number, parameters) = rest.split_first_chunk()?;
                ColorSpecification::Enumerated(u32::from_be_bytes(*number), parameters.to_vec())
            }
            // Restricted profiles from part 1, and any profile from part 2.
            2 | 3 if rest.len() as u64 > MAX_PROFILE_BYTES => ColorSpecification::TooLarge(rest.len() as u64),
            2 | 3 => ColorSpecification::Profile(rest.to_vec()),
            _ => return Some(()),
        };
        self.color.get_or_insert(color);
        Some(())
    }
}

fn definitions(content: &[u8]) -> Option<Vec<Definition>> {
    let (count, entries) = content.split_first_chunk::<2>()?;
    let (entries, _) = entries.as_chunks::<6>();
    let definition = |entry: &[u8; 6]| {
        let [c0, c1, k0, k1, a0, a1] = *entry;
        let short = |high, low| u16::from_be_bytes([high, low]);
        Definition { channel: short(c0, c1), kind: short(k0, k1), association: short(a0, a1) }
    };
    Some(entries.get(..u16::from_be_bytes(*count).into())?.iter().map(definition).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    fn write_box(kind: [u8; 4], content: &[u8]) -> Vec<u8> {
        let length = u32::try_from(content.len() + 8).expect("short");
        [&length.to_be_bytes()[..], &kind, content].concat()
    }

    #[test]
    fn boxes_with_all_length_forms_are_skipped() {
        let header = write_box(*b"jp2h", &write_box(*b"colr", &[1, 0, 0, 0, 0, 0, 17]));
        let long = [&[0, 0, 0, 1][..], b"jp2c", &20_u64.to_be_bytes(), b"here"].concat();
        let open = [&[0; 4][..], b"jp2c", b"here"].concat();
        for codestream in [long, open, write_box(*b"jp2c", b"here")] {
            let file = [write_box(*b"jP  ", b"\r\n\x87\n"), header.clone(), codestream].concat();
            let boxes = read(&mut Cursor::new(&file), file.len() as u64, &mut Metadata::default()).ok().expect("read");
            assert_eq!(boxes.codestream, file.len() as u64 - 4..file.len() as u64);
            assert!(matches!(boxes.header.and_then(|it| it.color), Some(ColorSpecification::Enumerated(17, _))));
            for length in 0..boxes.codestream.start {
                assert!(read(&mut Cursor::new(&file), length, &mut Metadata::default()).is_err(), "{length}");
            }
        }
    }

    #[test]
    fn false_lengths_are_errors() {
        for length in [2_u32, 7, u32::MAX] {
            let file = [&length.to_be_bytes()[..], b"jp2h", b"rest"].concat();
            assert!(read(&mut Cursor::new(&file), file.len() as u64, &mut Metadata::default()).is_err(), "{length}");
            assert!(Jp2Header::read(&file).is_none(), "{length}");
        }
    }
}
