//! WebP metadata chunks (RFC 9649).

use crate::source::Input;
use crate::source::metadata::{MAX_EXIF_BYTES, MAX_PROFILE_BYTES, MAX_XMP_BYTES, Metadata};
use crate::source::warning::WarningCode;
use std::io::{self, BufReader, Read, Seek, SeekFrom};

/// Maximum number of chunks to read. Animations have several per frame.
const MAX_CHUNKS: usize = 100_000;

/// Flags in the `VP8X` chunk.
const ANIMATION: u8 = 1 << 1;
const ALPHA: u8 = 1 << 4;

/// Length of a chunk's name and length.
const HEAD_BYTES: usize = 8;

/// Start of a lossy key frame, after 3 bytes of flags (RFC 6386, 9.1).
const KEY_FRAME: [u8; 3] = [0x9d, 0x01, 0x2a];

/// A lossy image without alpha, and the only image in the file.
pub(super) struct Lossy {
    /// File offset of its chunk.
    pub(super) start: u64,
    /// Length of its chunk in bytes, including the chunk's name and length.
    pub(super) length: u64,
    pub(super) width: u32,
    pub(super) height: u32,
}

/// Contents found so far.
#[derive(Default)]
struct Found {
    lossy: Option<Lossy>,
    /// Width and height of the canvas, if specified.
    canvas: Option<(u32, u32)>,
    /// The file has alpha, animation, or other images.
    has_more: bool,
}

/// Reads a file's chunks and adds their metadata. Returns the image if it's lossy, without alpha and not animated.
pub(super) fn read(file: &Input, metadata: &mut Metadata) -> io::Result<Option<Lossy>> {
    let mut reader = BufReader::new(file.clone());
    let mut found = Found::default();
    // Skip `RIFF`, the file length and `WEBP`.
    let mut next = 12;
    for _ in 0..MAX_CHUNKS {
        reader.seek(SeekFrom::Start(next))?;
        let mut head = [0; HEAD_BYTES];
        match reader.read_exact(&mut head) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => break,
            read => read?,
        }
        let [kind @ .., l0, l1, l2, l3] = head;
        let length = u64::from(u32::from_le_bytes([l0, l1, l2, l3]));
        match &kind {
            b"VP8 " if found.lossy.is_none() => {
                found.lossy = key_frame(&mut reader, next, length)?;
                found.has_more |= found.lossy.is_none();
            }
            b"VP8 " | b"VP8L" | b"ALPH" | b"ANIM" | b"ANMF" => found.has_more = true,
            _ => add(&mut reader, kind, length, metadata, &mut found)?,
        }
        // Chunks are padded to an even length, but the length in the header doesn't include the padding.
        next += HEAD_BYTES as u64 + length.next_multiple_of(2);
    }
    let Found { lossy, canvas, has_more } = found;
    let fits = |lossy: &Lossy| canvas.is_none_or(|canvas| canvas == (lossy.width, lossy.height));
    Ok(lossy.filter(|lossy| !has_more && fits(lossy)))
}

/// Reads the start of a lossy image in the chunk at `start`. Returns `None` if it's damaged.
fn key_frame(reader: &mut impl Read, start: u64, length: u64) -> io::Result<Option<Lossy>> {
    let mut head = Vec::new();
    reader.take(length.min(10)).read_to_end(&mut head)?;
    let [flags, _, _, c0, c1, c2, w0, w1, h0, h1] = head[..] else { return Ok(None) };
    // The upper two bits are scaling hints for displays.
    let side = |bytes| u32::from(u16::from_le_bytes(bytes) & 0x3fff);
    let (width, height) = (side([w0, w1]), side([h0, h1]));
    let is_key_frame = flags & 1 == 0 && [c0, c1, c2] == KEY_FRAME && width > 0 && height > 0;
    Ok(is_key_frame.then_some(Lossy { start, length: HEAD_BYTES as u64 + length, width, height }))
}

fn add(
    reader: &mut impl Read,
    kind: [u8; 4],
    length: u64,
    metadata: &mut Metadata,
    found: &mut Found,
) -> io::Result<()> {
    let (name, limit) = match &kind {
        b"ICCP" => ("ICC profile", MAX_PROFILE_BYTES),
        b"EXIF" => ("EXIF data", MAX_EXIF_BYTES),
        b"XMP " => ("XMP data", MAX_XMP_BYTES),
        b"VP8X" => ("header", MAX_EXIF_BYTES),
        _ => return Ok(()),
    };
    if length > limit {
        metadata.add_too_large(name, length);
        return Ok(());
    }
    let mut content = Vec::new();
    reader.take(length).read_to_end(&mut content)?;
    match &kind {
        b"ICCP" => metadata.add_profile(content),
        b"EXIF" => metadata.add_exif(&content),
        b"XMP " => metadata.add_xmp(&content),
        _ => add_header(&content, metadata, found),
    }
    Ok(())
}

/// Adds the `VP8X` chunk. Its flags for EXIF, XMP and the ICC profile tell us nothing that the chunks themselves don't.
fn add_header(content: &[u8], metadata: &mut Metadata, found: &mut Found) {
    let [flags, _, _, _, w0, w1, w2, h0, h1, h2, ..] = content[..] else { return };
    if flags & ANIMATION != 0 {
        metadata.warn(WarningCode::PagesIgnored, "it is animated, and only its first image is published");
    }
    found.has_more |= flags & (ANIMATION | ALPHA) != 0;
    let side = |[b0, b1, b2]: [u8; 3]| u32::from_le_bytes([b0, b1, b2, 0]) + 1;
    found.canvas = Some((side([w0, w1, w2]), side([h0, h1, h2])));
}
