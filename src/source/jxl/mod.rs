//! JPEG XL (ISO/IEC 18181), decoded with `jxl`, the libjxl project's Rust decoder.
//!
//! The decoder processes groups of up to 256 rows, but can only write into a buffer for the whole image. Its own memory
//! usage stays within the estimate made here, because it rejects frames that are larger than the image.

mod decode;
mod rows;

use super::hdr::HdrToSrgb;
use super::metadata::{MAX_PROFILE_BYTES, Metadata};
use super::samples::{Alpha, ColorModel, Depth, Samples};
use super::{DecodeError, Input, Opened, Refusal, WarningCode};
use crate::iiif::Size;
use decode::{Frames, Layout, guarded, read_header};
use jxl::api::{ExtraChannel, JxlBasicInfo, JxlBitDepth, JxlColorProfile};
use rows::JxlRows;

/// Decoder memory per sample in bytes. For 12 megapixels of RGB, we measured 0.4 for a lossy file, 0.8 for a lossless
/// file, and 1.5 for a progressive lossless file. The rest is for blended frames, which need up to 4 bytes per sample
/// for each of two frames.
const SAMPLE_BYTES: u64 = 8;

/// Decoder memory for an image of any size, in bytes.
const DECODER_BYTES: u64 = 8 << 20;

pub(super) fn open(file: Input) -> Result<Opened, Refusal> {
    let mut metadata = Metadata::default();
    let (info, profile) = guarded(|| read_header(&file))?;
    let (width, height) = info.size;
    let pixels = |side: usize| u32::try_from(side).unwrap_or(u32::MAX);
    let size = Size::new(pixels(width), pixels(height))?;
    let hdr = decode::hdr(&profile, info.tone_mapping.intensity_target);
    let samples = samples(&info, &profile, &mut metadata);
    let layout = Layout { samples, extra_channels: info.extra_channels.len() };
    if info.animation.is_some() {
        metadata.warn(WarningCode::PagesIgnored, "it is animated, and only its first image is published");
    }
    match &hdr {
        Some(hdr) => metadata.add_warning(hdr.warning()),
        None => add_profile(&profile, &mut metadata),
    }
    let bits = u16::try_from(info.bit_depth.bits_per_sample()).unwrap_or(u16::MAX);
    let frames = if info.animation.is_some() { Frames::First } else { Frames::All };
    let kind = if info.uses_original_profile { "" } else { ", XYB" };
    Ok(Opened {
        size,
        samples: published(samples, hdr.is_some()),
        bits,
        container: format!("JPEG XL{kind}"),
        metadata: metadata.finish(),
        decoder_bytes: decoder_bytes(size, &layout) + hdr.as_ref().map_or(0, HdrToSrgb::bytes),
        blocks: None,
        rows: Box::new(JxlRows::new(file, size, layout, frames, hdr)),
    })
}

/// Returns the memory needed for the decoder and the whole image, in bytes.
fn decoder_bytes(size: Size, layout: &Layout) -> u64 {
    let image = size.pixels().saturating_mul(layout.samples.pixel_bytes() as u64);
    let channels = (layout.samples.color_channels() + layout.extra_channels) as u64;
    DECODER_BYTES + image + size.pixels().saturating_mul(channels * SAMPLE_BYTES)
}

/// Returns the sample format after any high dynamic range conversion.
fn published(samples: Samples, is_hdr: bool) -> Samples {
    if is_hdr { Samples { depth: Depth::Eight, color: ColorModel::Rgb, ..samples } } else { samples }
}

/// Returns the sample format that the decoder writes. Adds a warning if some extra channels are ignored.
fn samples(info: &JxlBasicInfo, profile: &JxlColorProfile, metadata: &mut Metadata) -> Samples {
    let has = |kind: ExtraChannel| info.extra_channels.iter().any(|channel| channel.ec_type == kind);
    let color = match profile.channels() {
        1 => ColorModel::Gray,
        _ if profile.is_cmyk() && has(ExtraChannel::Black) => ColorModel::Cmyk,
        _ => ColorModel::Rgb,
    };
    let alpha = match alpha_channel(info) {
        // The decoder can interleave black or alpha with the color channels, but not both.
        Some(_) if color == ColorModel::Cmyk => Alpha::None,
        Some(index) if info.extra_channels[index].alpha_associated => Alpha::Premultiplied,
        Some(_) => Alpha::Straight,
        None => Alpha::None,
    };
    // The decoder mixes spot colors into the other channels.
    let is_shown = |kind: ExtraChannel| match kind {
        ExtraChannel::Alpha => alpha != Alpha::None,
        ExtraChannel::Black => color == ColorModel::Cmyk,
        kind => kind == ExtraChannel::SpotColor,
    };
    let ignored = info.extra_channels.iter().filter(|channel| !is_shown(channel.ec_type)).count();
    if ignored > 0 {
        metadata.warn(WarningCode::SamplesIgnored, format!("{ignored} extra channels are ignored"));
    }
    let is_narrow = matches!(info.bit_depth, JxlBitDepth::Int { bits_per_sample: ..=8 });
    Samples { color, alpha, depth: if is_narrow { Depth::Eight } else { Depth::Sixteen } }
}

fn alpha_channel(info: &JxlBasicInfo) -> Option<usize> {
    info.extra_channels.iter().position(|channel| channel.ec_type == ExtraChannel::Alpha)
}

fn add_profile(profile: &JxlColorProfile, metadata: &mut Metadata) {
    if decode::is_srgb(profile) {
        return;
    }
    match profile.try_as_icc() {
        Some(profile) if profile.len() as u64 > MAX_PROFILE_BYTES => {
            metadata.add_too_large("ICC profile", profile.len() as u64);
        }
        Some(profile) => metadata.add_profile(profile.into_owned()),
        None => metadata.add_unusable_profile("its color encoding has no profile"),
    }
}
