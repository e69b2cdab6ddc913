//! WebP metadata chunks (RFC 9649).

use super::Input;
use super::metadata::{MAX_EXIF_BYTES, MAX_PROFILE_BYTES, MAX_XMP_BYTES, Metadata};
use super::warning::WarningCode;
use std::io::{self, BufReader, Read, Seek, SeekFrom};

/// Maximum number of chunks to read. Animations have several per frame.
const MAX_CHUNKS: usize = 100_000;

/// Animation flag in the `VP8X` chunk.
const ANIMATION: u8 = 1 << 1;

/// Reads a file's chunks and adds their metadata.
pub(super) fn read(file: &Input, metadata: &mut Metadata) -> io::Result<()> {
    let mut reader = BufReader::new(file.clone());
    // Skip `RIFF`, the file length and `WEBP`.
    let mut next = 12;
    for _ in 0..MAX_CHUNKS {
        reader.seek(SeekFrom::Start(next))?;
        let mut head = [0; 8];
        match reader.read_exact(&mut head) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => break,
            read => read?,
        }
        let [kind @ .., l0, l1, l2, l3] = head;
        let length = u64::from(u32::from_le_bytes([l0, l1, l2, l3]));
        // Chunks are padded to an even length, but the length in the header doesn't include the padding.
        next += 8 + length.next_multiple_of(2);
        add(&mut reader, kind, length, metadata)?;
    }
    Ok(())
}

fn add(reader: &mut impl Read, kind: [u8; 4], length: u64, metadata: &mut Metadata) -> io::Result<()> {
    let (name, limit) = match &kind {
        b"ICCP" => ("ICC profile", MAX_PROFILE_BYTES),
        b"EXIF" => ("EXIF data", MAX_EXIF_BYTES),
        b"XMP " => ("XMP data", MAX_XMP_BYTES),
        // Only the animation flag is used. The flags for EXIF, XMP and the ICC profile tell us nothing that the chunks
        // themselves don't.
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
        _ if content.first().is_some_and(|flags| flags & ANIMATION != 0) => {
            metadata.warn(WarningCode::PagesIgnored, "it is animated, and only its first image is published");
        }
        _ => {}
    }
    Ok(())
}
