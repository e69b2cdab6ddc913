//! Properties of items: size, color, and how the image is shown.

use super::boxes::{FileBox, Numbers};
use super::{DecodeError, Input};

/// Maximum size of a property other than a color profile, in bytes.
const MAX_BYTES: u64 = 1 << 16;

/// Names of the auxiliary image that is the transparency (MIAF, and HEIF for HEVC).
const ALPHA: [&[u8]; 2] = [b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha", b"urn:mpeg:hevc:2015:auxid:1"];

/// A property.
#[derive(Clone, Debug)]
pub(super) enum Property {
    /// `ispe`: width and height.
    Size(u32, u32),
    /// `av1C`: what the decoder must be able to do.
    Av1(Av1Format),
    /// `colr` with numbers of ITU-T H.273.
    Color(ColorNumbers),
    /// `colr` with an ICC profile.
    Profile(Vec<u8>),
    /// `colr` with an ICC profile of so many bytes that it wasn't read.
    LargeProfile(u64),
    /// `irot`: quarter turns counterclockwise.
    Turn(u8),
    /// `imir`: `true` if left and right are exchanged, and `false` if top and bottom are.
    Mirror(bool),
    /// `clap`: the part that is shown.
    Crop(Crop),
    /// `auxC`: `true` if this is the transparency of another image.
    Auxiliary {
        is_alpha: bool,
    },
    /// `clli`: the highest luminance, in candela per square meter.
    Peak(u16),
    /// Anything else that has no effect on the picture.
    Ignored,
    Unknown([u8; 4]),
}

/// Samples of an AV1 image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Av1Format {
    pub(super) bits: u8,
    pub(super) is_gray: bool,
    /// `true` if there is one chroma sample for two columns, and for two rows.
    pub(super) subsampling: (bool, bool),
}

/// Color as numbers (ITU-T H.273).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ColorNumbers {
    pub(super) primaries: u16,
    pub(super) transfer: u16,
    pub(super) matrix: u16,
    pub(super) is_full_range: bool,
}

/// The clean aperture: sides, and distance of its center from that of the image, as fractions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Crop([(i64, i64); 4]);

impl Crop {
    /// Returns left, top, width and height in an image, or `None` if they aren't whole pixels in it.
    pub(super) fn rectangle(&self, (width, height): (u32, u32)) -> Option<(u32, u32, u32, u32)> {
        let whole = |(number, of): (i64, i64)| (of != 0 && number % of == 0).then(|| number / of);
        let [columns, rows, x, y] = self.0;
        let along = |side: u32, shown: (i64, i64), (number, of): (i64, i64)| {
            let shown = whole(shown)?;
            // The center of the image is at (side - 1) / 2, and that of the part at this plus the distance.
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
    /// Reads a property. A profile may have up to `max_profile` bytes.
    pub(super) fn read(file: &Input, one: &FileBox, max_profile: u64) -> Result<Self, DecodeError> {
        if &one.kind == b"colr" {
            return read_color(file, one, max_profile);
        }
        if !matches!(&one.kind, b"ispe" | b"av1C" | b"irot" | b"imir" | b"clap" | b"auxC" | b"clli") {
            let is_known = matches!(&one.kind, b"pixi" | b"pasp" | b"mdcv" | b"amve" | b"cclv" | b"udes" | b"altt");
            return Ok(if is_known { Self::Ignored } else { Self::Unknown(one.kind) });
        }
        let content = one.read(file, MAX_BYTES)?;
        let mut numbers = Numbers(&content);
        Ok(match &one.kind {
            b"ispe" => {
                numbers.version_and_flags()?;
                Self::Size(numbers.long()?, numbers.long()?)
            }
            b"av1C" => Self::Av1(Av1Format::read(&mut numbers)?),
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

impl Av1Format {
    /// Reads the codec configuration (AV1 in ISO base media files, 2.3.3).
    fn read(numbers: &mut Numbers) -> Result<Self, DecodeError> {
        numbers.short()?;
        let flags = numbers.byte()?;
        let is_set = |bit: u8| flags >> bit & 1 == 1;
        let bits = match (is_set(6), is_set(5)) {
            (false, _) => 8,
            (true, false) => 10,
            (true, true) => 12,
        };
        Ok(Self { bits, is_gray: is_set(4), subsampling: (is_set(3), is_set(2)) })
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
