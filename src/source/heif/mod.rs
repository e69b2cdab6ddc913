//! AVIF and HEIC: images in HEIF containers (ISO/IEC 23008-12), coded with AV1 or HEVC.
//!
//! ```text
//! boxes -> items, properties -> tiles: coded images side by side -> codec: luma, chroma -> yuv: samples -> rows
//! ```
//!
//! The decoders return whole pictures, so one row of tiles is kept in memory at a time, as luma and chroma. A file
//! without a grid is a single tile.

#[cfg(feature = "avif")]
mod av1;
mod boxes;
mod codec;
mod codecs;
#[cfg(feature = "heic")]
mod hevc;
mod items;
mod memory;
mod properties;
mod rows;
mod tiles;
mod yuv;

use super::hdr::{DEFAULT_PEAK, HdrToSrgb, HdrTransfer, Primaries};
use super::metadata::{MAX_PROFILE_BYTES, Metadata};
use super::orientation::Orientation;
use super::samples::{Alpha, ColorModel, Depth, Samples};
use super::{DecodeError, Input, Opened, ReadOptions, Refusal, WarningCode};
use crate::iiif::Size;
use items::Items;
use moxcms::{CicpProfile, ColorProfile, MatrixCoefficients, TransferCharacteristics};
use properties::{ColorNumbers, Property};
use rows::{Band, HeifRows, Rectangle};
use tiles::Tiles;

/// Opens a file of the format that is called `container`.
pub(super) fn open(file: Input, options: ReadOptions, container: &'static str) -> Result<Opened, Refusal> {
    let items = Items::read(&file, container)?;
    let colors = Tiles::of(&items, items.primary, &file)?;
    let alpha = alpha(&items, &file)?;
    // Phones write transparency that is one pixel wider than the colors.
    if alpha.as_ref().is_some_and(|alpha| alpha.size.0 < colors.size.0 || alpha.size.1 < colors.size.1) {
        return Err(Refusal::Decode("its transparency is smaller than its colors".into()));
    }
    let mut shown = Shown::of(&items, colors.size)?;
    if shown.color.is_none() {
        shown.color = color_of_parts(&items)?.or_else(|| colors.color());
    }
    let mut metadata = Metadata::default();
    metadata.add_orientation(Some(shown.orientation));
    let hdr = shown.hdr();
    match items.other_images() {
        0 => {}
        1 => metadata.warn(WarningCode::PagesIgnored, "it has another image, which is not published"),
        others => {
            metadata.warn(WarningCode::PagesIgnored, format!("it has {others} other images, which are not published"));
        }
    }
    match &hdr {
        Some(hdr) => metadata.add_warning(hdr.warning()),
        None => shown.add_profile(&mut metadata),
    }
    let format = colors.format();
    let samples = Samples {
        color: if format.is_gray && hdr.is_none() { ColorModel::Gray } else { ColorModel::Rgb },
        alpha: match &alpha {
            None => Alpha::None,
            Some(_) if items.references(*b"prem", items.primary).is_empty() => Alpha::Straight,
            Some(_) => Alpha::Premultiplied,
        },
        depth: if format.bits > 8 && hdr.is_none() { Depth::Sixteen } else { Depth::Eight },
    };
    let (_, _, width, height) = shown.part;
    let container =
        if colors.columns > 1 || colors.rows > 1 { format!("{container}, tiled") } else { container.to_owned() };
    let channels = if format.is_gray { 1 } else { 3 };
    let decoder_bytes =
        memory::planned(&colors, alpha.as_ref(), options.threads.get()) + hdr.as_ref().map_or(0, HdrToSrgb::bytes);
    let numbers = shown.color.map(|color| (color.matrix, color.is_full_range));
    let rows = HeifRows {
        colors: Band::new(colors, channels, numbers),
        alpha: alpha.map(|alpha| {
            let numbers = alpha.codec.alpha_numbers;
            Band::new(alpha, 1, numbers)
        }),
        samples,
        shown: shown.part,
        hdr,
        row: Vec::new(),
        alpha_row: Vec::new(),
        is_begun: false,
        file,
    };
    Ok(Opened {
        size: Size::new(width, height)?,
        samples,
        bits: format.bits.into(),
        container,
        metadata: metadata.finish(),
        decoder_bytes,
        blocks: None,
        rows: Box::new(rows),
    })
}

/// Returns the color numbers of the images that the primary one consists of, which all have the same.
fn color_of_parts(items: &Items) -> Result<Option<ColorNumbers>, Refusal> {
    let Some(first) = items.references(*b"dimg", items.primary).first() else { return Ok(None) };
    let properties = items.properties(items.item(*first)?)?;
    Ok(properties.iter().find_map(|property| if let Property::Color(color) = property { Some(*color) } else { None }))
}

/// Finds the image's alpha channel.
fn alpha(items: &Items, file: &Input) -> Result<Option<Tiles>, Refusal> {
    for id in items.referrers(*b"auxl", items.primary) {
        if items.is_alpha(items.item(id)?) {
            return Tiles::of(items, id, file).map(Some);
        }
    }
    Ok(None)
}

/// Primary item properties that affect the resulting picture.
struct Shown {
    part: Rectangle,
    orientation: Orientation,
    color: Option<ColorNumbers>,
    profile: Option<Result<Vec<u8>, u64>>,
    peak: f32,
}

impl Shown {
    fn of(items: &Items, (width, height): (u32, u32)) -> Result<Self, Refusal> {
        let (mut turns, mut mirror) = (0, None);
        let mut shown = Self {
            part: (0, 0, width, height),
            orientation: Orientation::Upright,
            color: None,
            profile: None,
            peak: DEFAULT_PEAK,
        };
        for property in items.properties(items.item(items.primary)?)? {
            match property {
                Property::Color(color) => shown.color = Some(*color),
                Property::Profile(profile) => shown.profile = Some(Ok(profile.clone())),
                Property::LargeProfile(bytes) => shown.profile = Some(Err(*bytes)),
                Property::Turn(quarters) => turns = *quarters,
                Property::Mirror(is_across) => mirror = Some(*is_across),
                Property::Peak(peak) if *peak > 0 => shown.peak = f32::from(*peak),
                Property::Crop(crop) => {
                    let part = crop.rectangle((width, height));
                    shown.part = part.ok_or_else(|| Refusal::Decode("its clean aperture is not within it".into()))?;
                }
                _ => {}
            }
        }
        shown.orientation = orientation(turns, mirror);
        Ok(shown)
    }

    /// Returns the conversion for high dynamic range. Images with an ICC profile have standard dynamic range.
    fn hdr(&self) -> Option<HdrToSrgb> {
        let color = self.color.filter(|_| self.profile.is_none())?;
        let transfer = match color.transfer {
            16 => HdrTransfer::Pq,
            18 => HdrTransfer::Hlg,
            _ => return None,
        };
        let primaries = match color.primaries {
            9 => Primaries::Bt2020,
            12 => Primaries::P3,
            _ => Primaries::Srgb,
        };
        Some(HdrToSrgb::new(transfer, primaries, self.peak))
    }

    fn add_profile(&self, metadata: &mut Metadata) {
        match (&self.profile, self.color) {
            (Some(Ok(profile)), _) if profile.len() as u64 <= MAX_PROFILE_BYTES => {
                metadata.add_profile(profile.clone());
            }
            (Some(Ok(profile)), _) => metadata.add_too_large("ICC profile", profile.len() as u64),
            (Some(Err(bytes)), _) => metadata.add_too_large("ICC profile", *bytes),
            (None, Some(color)) if !is_srgb(color) => match profile_of(color) {
                Some(profile) => metadata.add_profile(profile),
                None => metadata.add_unusable_profile("its color numbers (`nclx`) have no profile"),
            },
            (None, _) => {}
        }
    }
}

/// Returns `true` for the sRGB primaries and transfer function. Browsers treat video transfer functions like sRGB, and
/// many writers specify one of them because they don't know any better.
fn is_srgb(color: ColorNumbers) -> bool {
    matches!(color.primaries, 1 | 2) && is_srgb_curve(color.transfer)
}

fn is_srgb_curve(transfer: u16) -> bool {
    matches!(transfer, 1 | 2 | 6 | 13 | 14 | 15)
}

/// Returns an ICC profile that matches these color numbers.
fn profile_of(color: ColorNumbers) -> Option<Vec<u8>> {
    let transfer = if is_srgb_curve(color.transfer) { 13 } else { u8::try_from(color.transfer).ok()? };
    let primaries = if color.primaries == 2 { 1 } else { u8::try_from(color.primaries).ok()? };
    let profile = ColorProfile::new_from_cicp(CicpProfile {
        color_primaries: primaries.try_into().ok()?,
        transfer_characteristics: TransferCharacteristics::try_from(transfer).ok()?,
        matrix_coefficients: MatrixCoefficients::Bt709,
        full_range: true,
    });
    profile.red_trc.as_ref()?;
    profile.encode().ok()
}

/// Returns the orientation for a number of counterclockwise quarter turns, followed by a horizontal (`true`) or
/// vertical (`false`) flip.
fn orientation(turns: u8, mirror: Option<bool>) -> Orientation {
    match (turns, mirror) {
        (0, None) => Orientation::Upright,
        (1, None) => Orientation::QuarterLeft,
        (2, None) => Orientation::HalfTurn,
        (_, None) => Orientation::QuarterRight,
        (0, Some(true)) | (2, Some(false)) => Orientation::Mirrored,
        (0 | 2, Some(_)) => Orientation::Flipped,
        (1, Some(false)) | (3.., Some(true)) => Orientation::Transposed,
        (_, Some(_)) => Orientation::Transversed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_and_mirrors_are_done_in_this_order() {
        let size = Size::new(5, 3).expect("a size");
        for (turns, mirror) in (0..4).flat_map(|turns| [None, Some(false), Some(true)].map(|mirror| (turns, mirror))) {
            let orientation = orientation(turns, mirror);
            let (mut x, mut y, mut width, mut height) = (1, 2, size.width(), size.height());
            for _ in 0..turns {
                (x, y, width, height) = (y, width - 1 - x, height, width);
            }
            match mirror {
                Some(true) => x = width - 1 - x,
                Some(false) => y = height - 1 - y,
                None => {}
            }
            assert_eq!(orientation.displayed_position(1, 2, size), (x, y), "{turns} {mirror:?}");
        }
    }

    #[test]
    fn color_numbers_have_profiles() {
        let color = |primaries, transfer| ColorNumbers { primaries, transfer, matrix: 1, is_full_range: true };
        assert!(is_srgb(color(1, 13)) && is_srgb(color(2, 2)) && is_srgb(color(1, 1)));
        for (primaries, transfer) in [(12, 13), (9, 14), (1, 8), (9, 1)] {
            let color = color(primaries, transfer);
            assert!(!is_srgb(color) && profile_of(color).is_some(), "{color:?}");
        }
        assert!(profile_of(color(300, 13)).is_none() && profile_of(color(12, 300)).is_none());
    }
}
