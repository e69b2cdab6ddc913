//! Item properties such as size, color and display transformations.

use super::boxes::{FileBox, Numbers};
use super::{DecodeError, Input};

/// Maximum size in bytes of any property other than a color profile.
const MAX_BYTES: u64 = 1 << 16;

/// Auxiliary image types that denote an alpha channel (in MIAF, and in HEIF for HEVC).
const ALPHA: [&[u8]; 2] = [b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha", b"urn:mpeg:hevc:2015:auxid:1"];

/// An item property.
#[derive(Clone, Debug)]
pub(super) enum Property {
    /// Width and height from `ispe`.
    Size(u32, u32),
    /// Codec configuration from `av1C` or `hvcC`, or the reason why images with it can't be decoded.
    Codec(Result<CodecConfiguration, String>),
    /// ITU-T H.273 color numbers from `colr`.
    Color(ColorNumbers),
    /// ICC profile from `colr`.
    Profile(Vec<u8>),
    /// Size in bytes of an ICC profile in `colr` that's too large to read.
    LargeProfile(u64),
    /// Number of counterclockwise quarter turns from `irot`.
    Turn(u8),
    /// Mirroring from `imir`. `true` swaps left and right, and `false` swaps top and bottom.
    Mirror(bool),
    /// Visible area from `clap`.
    Crop(Crop),
    /// Auxiliary image type from `auxC`. `is_alpha` is `true` if the item is another image's alpha channel.
    Auxiliary {
        is_alpha: bool,
    },
    /// Peak luminance from `clli`, in candelas per square meter.
    Peak(u16),
    /// A property that has no effect on the picture.
    Ignored,
    Unknown([u8; 4]),
}

/// Sample format of a coded image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SampleFormat {
    pub(super) bits: u8,
    pub(super) is_gray: bool,
    /// `true` if two columns share a chroma sample, followed by the same for rows.
    pub(super) subsampling: (bool, bool),
}

/// Everything that a decoder needs to know besides the coded image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CodecConfiguration {
    pub(super) format: SampleFormat,
    /// HEVC parameter sets. AV1 images contain their own.
    pub(super) parameter_sets: Vec<Vec<u8>>,
    /// Length in bytes of the lengths in front of HEVC units.
    pub(super) length_bytes: u8,
}

/// Color described by numeric codes (ITU-T H.273).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ColorNumbers {
    pub(super) primaries: u16,
    pub(super) transfer: u16,
    pub(super) matrix: u16,
    pub(super) is_full_range: bool,
}

/// The clean aperture. Holds its width, its height, and the distance from the image's center to its own, all as
/// fractions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Crop([(i64, i64); 4]);

impl Crop {
    /// Returns the left, top, width and height within an image, or `None` unless they're whole pixels inside the image.
    pub(super) fn rectangle(&self, (width, height): (u32, u32)) -> Option<(u32, u32, u32, u32)> {
        let whole = |(number, of): (i64, i64)| (of != 0 && number % of == 0).then(|| number / of);
        let [columns, rows, x, y] = self.0;
        let along = |side: u32, shown: (i64, i64), (number, of): (i64, i64)| {
            let shown = whole(shown)?;
            // The image's center is at (side - 1) / 2. Adding the distance gives the center of the visible area.
            let twice = (i64::from(side) - shown).checked_mul(of)?.checked_add(number.checked_mul(2)?)?;
            let first = whole((twice, of.checked_mul(2)?))?;
            let end = first.checked_add(shown)?;
            (first >= 0 && shown > 0 && end <= i64::from(side))
                .then(|| Some((u32::try_from(first).ok()?, u32::try_from(shown).ok()?)))?
        };
        let (left, shown_width) = along(width, columns, x)?;
        let (top, shown_height) = along(height, rows, y)?;
        Some((left, top, shown_width, shown_height))
    }
}

impl Property {
    /// Reads a property that is up to `limit` bytes long. Only ICC profiles may be longer than [`MAX_BYTES`].
    pub(super) fn read(file: &Input, one: &FileBox, limit: u64) -> Result<Self, DecodeError> {
        if &one.kind == b"colr" {
            return read_color(file, one, limit);
        }
        if !matches!(&one.kind, b"ispe" | b"av1C" | b"hvcC" | b"irot" | b"imir" | b"clap" | b"auxC" | b"clli") {
            let is_known = matches!(&one.kind, b"pixi" | b"pasp" | b"mdcv" | b"amve" | b"cclv" | b"udes" | b"altt");
            return Ok(if is_known { Self::Ignored } else { Self::Unknown(one.kind) });
        }
        let content = one.read(file, MAX_BYTES.min(limit))?;
        let mut numbers = Numbers(&content);
        Ok(match &one.kind {
            b"ispe" => {
                numbers.version_and_flags()?;
                Self::Size(numbers.long()?, numbers.long()?)
            }
            // A damaged configuration matters only if an image with it is decoded.
            b"av1C" => Self::Codec(CodecConfiguration::read_av1(&mut numbers).map_err(|error| error.to_string())),
            b"hvcC" => Self::Codec(CodecConfiguration::read_hevc(&mut numbers).map_err(|error| error.to_string())),
            b"irot" => Self::Turn(numbers.byte()? & 3),
            b"imir" => Self::Mirror(numbers.byte()? & 1 == 1),
            b"clap" => {
                let mut fraction = || -> Result<_, DecodeError> {
                    Ok((numbers.long()?.cast_signed().into(), numbers.long()?.cast_signed().into()))
                };
                Self::Crop(Crop([fraction()?, fraction()?, fraction()?, fraction()?]))
            }
            b"clli" => Self::Peak(numbers.short()?),
            _ => {
                numbers.version_and_flags()?;
                let name = numbers.0.split(|byte| *byte == 0).next().unwrap_or_default();
                Self::Auxiliary { is_alpha: ALPHA.contains(&name) }
            }
        })
    }
}

fn read_color(file: &Input, one: &FileBox, max_profile: u64) -> Result<Property, DecodeError> {
    let bytes = one.content.end - one.content.start;
    if bytes > max_profile {
        return Ok(Property::LargeProfile(bytes));
    }
    let content = one.read(file, max_profile)?;
    let mut numbers = Numbers(&content);
    Ok(match numbers.take(4)? {
        b"nclx" => Property::Color(ColorNumbers {
            primaries: numbers.short()?,
            transfer: numbers.short()?,
            matrix: numbers.short()?,
            is_full_range: numbers.byte()? >> 7 == 1,
        }),
        b"prof" | b"rICC" => Property::Profile(numbers.0.to_vec()),
        _ => Property::Ignored,
    })
}

impl CodecConfiguration {
    /// Reads the contents of `av1C` (AV1 in ISO base media files, section 2.3.3).
    fn read_av1(numbers: &mut Numbers) -> Result<Self, DecodeError> {
        numbers.short()?;
        let flags = numbers.byte()?;
        let is_set = |bit: u8| flags >> bit & 1 == 1;
        let bits = match (is_set(6), is_set(5)) {
            (false, _) => 8,
            (true, false) => 10,
            (true, true) => 12,
        };
        let format = SampleFormat { bits, is_gray: is_set(4), subsampling: (is_set(3), is_set(2)) };
        Ok(Self { format, parameter_sets: Vec::new(), length_bytes: 0 })
    }

    /// Reads the contents of `hvcC` (ISO/IEC 14496-15, section 8.3.2).
    fn read_hevc(numbers: &mut Numbers) -> Result<Self, DecodeError> {
        // Version, profile, level and segmentation.
        numbers.take(16)?;
        let chroma = numbers.byte()? & 3;
        let (luma_bits, chroma_bits) = (8 + (numbers.byte()? & 7), 8 + (numbers.byte()? & 7));
        if chroma > 0 && luma_bits != chroma_bits {
            return Err("its luma and chroma have different bit depths".into());
        }
        // Frame rate.
        numbers.short()?;
        let length_bytes = (numbers.byte()? & 3) + 1;
        let mut parameter_sets = Vec::new();
        for _ in 0..numbers.byte()? {
            // The kind of the units, which they repeat.
            numbers.byte()?;
            for _ in 0..numbers.short()? {
                let bytes = numbers.short()?;
                // Empty ones would take more memory than space in the file.
                let unit = numbers.take(bytes.into())?;
                if !unit.is_empty() {
                    parameter_sets.push(unit.to_vec());
                }
            }
        }
        // 4:0:0, 4:2:0, 4:2:2 and 4:4:4. Gray has no chroma to share.
        let format = SampleFormat { bits: luma_bits, is_gray: chroma == 0, subsampling: (chroma < 3, chroma < 2) };
        Ok(Self { format, parameter_sets, length_bytes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clean_aperture_is_a_rectangle_of_whole_pixels() {
        let crop = |fractions: [(i64, i64); 4]| Crop(fractions).rectangle((100, 60));
        assert_eq!(crop([(100, 1), (60, 1), (0, 1), (0, 1)]), Some((0, 0, 100, 60)));
        assert_eq!(crop([(80, 1), (40, 1), (0, 1), (-10, 1)]), Some((10, 0, 80, 40)));
        assert_eq!(crop([(99, 1), (59, 1), (1, 2), (-1, 2)]), Some((1, 0, 99, 59)), "half a pixel off the center");
        assert_eq!(crop([(99, 1), (60, 1), (0, 1), (0, 1)]), None, "half a pixel is left on each side");
        for beyond in [(1, 0), (i64::from(i32::MAX), 1), (i64::from(i32::MIN), 1), (30, 1)] {
            assert_eq!(crop([(80, 1), (40, 1), beyond, (0, 1)]), None, "{beyond:?}");
        }
        assert_eq!(crop([(0, 1), (40, 1), (0, 1), (0, 1)]), None);
    }
}
