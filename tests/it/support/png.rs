//! Chunks of PNG.

const SIGNATURE_BYTES: usize = 8;

/// A chunk with its checksum.
pub fn chunk(kind: [u8; 4], content: &[u8]) -> Vec<u8> {
    let mut checksum = flate2::Crc::new();
    checksum.update(&kind);
    checksum.update(content);
    let length = u32::try_from(content.len()).expect("short");
    [&length.to_be_bytes()[..], &kind, content, &checksum.sum().to_be_bytes()].concat()
}

/// Adds chunks before and after the pixels.
pub fn with_chunks(png: &[u8], before: &[Vec<u8>], after: &[Vec<u8>]) -> Vec<u8> {
    let position = |kind: &[u8; 4]| png.windows(4).position(|part| part == kind).expect("a chunk") - 4;
    let (pixels, end) = (position(b"IDAT"), position(b"IEND"));
    assert!(pixels > SIGNATURE_BYTES && end > pixels);
    [&png[..pixels], &before.concat(), &png[pixels..end], &after.concat(), &png[end..]].concat()
}
