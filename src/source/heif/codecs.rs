//! Finds the codec for an item.

use super::Refusal;
#[cfg(feature = "avif")]
use super::av1;
use super::codec::Codec;
#[cfg(feature = "heic")]
use super::hevc;

/// Returns the codec for items of a kind. `container` is the name of the file's format.
pub(super) fn codec_of_items(kind: [u8; 4], container: &str) -> Result<&'static Codec, Refusal> {
    match &kind {
        #[cfg(feature = "avif")]
        b"av01" => Ok(&av1::CODEC),
        #[cfg(not(feature = "avif"))]
        b"av01" => Err(Refusal::Disabled { what: "AV1 images", feature: "avif" }),
        #[cfg(feature = "heic")]
        b"hvc1" => Ok(&hevc::CODEC),
        #[cfg(not(feature = "heic"))]
        b"hvc1" => Err(Refusal::Disabled { what: "HEVC images", feature: "heic" }),
        kind => {
            let kind = kind.escape_ascii();
            Err(Refusal::Unsupported(format!("an image of the kind `{kind}` ({container})")))
        }
    }
}
