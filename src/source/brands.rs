//! Brands of ISO base media files (ISO/IEC 14496-12).

/// Returns `true` if this is an ISO base media file with a matching brand. Such files start with a `ftyp` box that
/// contains its length, type, major brand and, from byte 16, compatible brands.
pub(super) fn has_brand(magic: &[u8], is_wanted: impl Fn(&[u8; 4]) -> bool) -> bool {
    let Some((length, content)) = magic.split_first_chunk::<4>() else { return false };
    let Some(brands) = content.strip_prefix(b"ftyp") else { return false };
    let length = (u32::from_be_bytes(*length) as usize).saturating_sub(8).min(brands.len());
    brands[..length].as_chunks::<4>().0.iter().any(is_wanted)
}
