//! Brands of ISO base media files (ISO/IEC 14496-12).

/// Returns `true` if a file is an ISO base media file with such a brand. It starts with a `ftyp` box: length, type, major
/// brand, and compatible brands from byte 16.
pub(super) fn has_brand(magic: &[u8], is_wanted: impl Fn(&[u8; 4]) -> bool) -> bool {
    let Some((length, content)) = magic.split_first_chunk::<4>() else { return false };
    let Some(brands) = content.strip_prefix(b"ftyp") else { return false };
    let length = (u32::from_be_bytes(*length) as usize).saturating_sub(8).min(brands.len());
    brands[..length].as_chunks::<4>().0.iter().any(is_wanted)
}
