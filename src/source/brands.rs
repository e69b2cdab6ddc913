//! Brands of ISO base media files (ISO/IEC 14496-12).

/// Returns `true` for the brands of AVIF.
pub(super) fn is_avif(brand: [u8; 4]) -> bool {
    matches!(&brand, b"avif" | b"avis")
}

/// Returns `true` for the brands of HEIC, and for those of HEIF, which don't say how the images are coded.
pub(super) fn is_heif(brand: [u8; 4]) -> bool {
    matches!(&brand, b"heic" | b"heix" | b"heim" | b"heis" | b"hevc" | b"hevx" | b"mif1" | b"mif2" | b"msf1")
}

/// Returns `true` if this is an ISO base media file with a matching brand. Such files start with a `ftyp` box that
/// contains its length, type, major brand and, from byte 16, compatible brands.
pub(super) fn has_brand(magic: &[u8], is_wanted: impl Fn([u8; 4]) -> bool) -> bool {
    let Some((length, content)) = magic.split_first_chunk::<4>() else { return false };
    let Some(brands) = content.strip_prefix(b"ftyp") else { return false };
    let length = (u32::from_be_bytes(*length) as usize).saturating_sub(8).min(brands.len());
    brands[..length].as_chunks::<4>().0.iter().copied().any(is_wanted)
}
