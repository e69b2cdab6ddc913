//! ICC profiles: to sRGB, relative colorimetric, through `moxcms`.
//!
//! `moxcms` has no black-point compensation. It makes no difference for the RGB and grey of cameras and scanners, but the
//! darkest ink on paper is far from black: for CMYK it is done here. Towards sRGB, whose black is 0, it is a line through
//! linear light, so that a table of 256 entries is all of it.

use super::samples::{Colour, Depth, Samples};
use crate::pixel::PixelFormat;
use moxcms::{CmsError, TransformOptions};
use moxcms::{
    ColorProfile, DataColorSpace, Layout, LocalizableString, ProfileText, RenderingIntent, TransformExecutor,
};
use std::sync::Arc;

type Executor<T> = Arc<dyn TransformExecutor<T> + Send + Sync>;

/// The conversion of CMYK of which nothing else is known: that of `CGATS001Compat-v2-micro.icc` (Compact ICC Profiles, by
/// Clinton Ingram, CC0), which resembles SWOP, the offset printing of the United States.
const CMYK: &[u8] = include_bytes!("cmyk.icc");

/// From the colours of a file to sRGB. An alpha channel stays what it is.
pub(super) enum ToSrgb {
    Eight(Executor<u8>),
    Sixteen(Executor<u16>),
    /// Inks of 8 bits, and what becomes of each of the resulting channels then.
    Inks8(Executor<u8>, Box<[u8; 256]>),
    /// The same of 16 bits.
    Inks16(Executor<u16>, Box<[u8; 256]>),
    /// Every grey of 8 bits.
    Grey8(Box<[u8; 256]>),
    /// Every grey of 16 bits.
    Grey16(Vec<u8>),
}

/// Why a profile is not used.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unusable {
    /// It is that of other colours than the file has.
    OtherColours,
    /// It contradicts itself, or is of a kind that the library does not know.
    Damaged(String),
}

impl From<CmsError> for Unusable {
    fn from(error: CmsError) -> Self {
        // Without the Rust structures that some of its messages have.
        Self::Damaged(match error {
            CmsError::MalformedClut(_) | CmsError::MalformedCurveLutTable(_) => {
                "one of its tables has an impossible size".to_owned()
            }
            CmsError::UnsupportedLutRenderingIntent(_) => "it has no table for relative colorimetry".to_owned(),
            error => error.to_string(),
        })
    }
}

/// A profile that fits the colours of a file.
pub(super) struct Profile {
    profile: ColorProfile,
    /// What it is called.
    pub(super) name: String,
}

impl Profile {
    pub(super) fn read(bytes: &[u8], samples: Samples) -> Result<Self, Unusable> {
        let profile = ColorProfile::new_from_slice(bytes)?;
        let fits = match samples.colour {
            Colour::Grey => profile.color_space == DataColorSpace::Gray,
            Colour::Rgb => profile.color_space == DataColorSpace::Rgb,
            Colour::Cmyk => profile.color_space == DataColorSpace::Cmyk,
            Colour::Lab => false,
        };
        let name = profile.description.as_ref().map(in_words).filter(|name| !name.is_empty());
        let name = name.unwrap_or_else(|| "without a name".to_owned());
        if fits { Ok(Self { profile, name }) } else { Err(Unusable::OtherColours) }
    }

    /// That of CMYK without a profile.
    pub(super) fn of_inks(samples: Samples) -> Self {
        Self::read(CMYK, samples).expect("the profile is a constant, and one of CMYK")
    }

    /// The conversion of such samples, to 8-bit grey where they are grey, and otherwise to RGB of the same depth.
    pub(super) fn to_srgb(&self, samples: Samples) -> Result<ToSrgb, Unusable> {
        let options =
            TransformOptions { rendering_intent: RenderingIntent::RelativeColorimetric, ..Default::default() };
        let srgb = ColorProfile::new_srgb();
        let (from, to) = match (samples.colour, samples.channels()) {
            (Colour::Grey, _) => (Layout::Gray, Layout::Rgb),
            // Four inks are laid out as four channels of any kind.
            (Colour::Cmyk, _) => (Layout::Rgba, Layout::Rgb),
            (_, 4) => (Layout::Rgba, Layout::Rgba),
            _ => (Layout::Rgb, Layout::Rgb),
        };
        Ok(match (samples.colour, samples.depth) {
            (Colour::Grey, Depth::Eight) => {
                let executor = self.profile.create_transform_8bit(from, &srgb, to, options)?;
                let greys: Vec<u8> = (0..=u8::MAX).collect();
                let mut table = Box::new([0; 256]);
                table.copy_from_slice(&greys_of(&*executor, &greys)?);
                ToSrgb::Grey8(table)
            }
            (Colour::Grey, Depth::Sixteen) => {
                let executor = self.profile.create_transform_16bit(from, &srgb, to, options)?;
                let greys: Vec<u16> = (0..=u16::MAX).collect();
                let wide = greys_of(&*executor, &greys)?;
                ToSrgb::Grey16(wide.into_iter().map(super::colour::scaled_to_8_bits).collect())
            }
            (Colour::Cmyk, depth) => {
                let executor = self.profile.create_transform_8bit(from, &srgb, to, options)?;
                let table = black_compensated(darkest(&*executor)?);
                match depth {
                    Depth::Eight => ToSrgb::Inks8(executor, table),
                    Depth::Sixteen => {
                        ToSrgb::Inks16(self.profile.create_transform_16bit(from, &srgb, to, options)?, table)
                    }
                }
            }
            (_, Depth::Eight) => ToSrgb::Eight(self.profile.create_transform_8bit(from, &srgb, to, options)?),
            (_, Depth::Sixteen) => ToSrgb::Sixteen(self.profile.create_transform_16bit(from, &srgb, to, options)?),
        })
    }
}

/// What becomes of some greys: greys, of which each of the three channels is one.
fn greys_of<T: Copy + Default>(executor: &dyn TransformExecutor<T>, greys: &[T]) -> Result<Vec<T>, CmsError> {
    let mut colours = vec![T::default(); greys.len() * PixelFormat::Rgb8.channels()];
    executor.transform(greys, &mut colours)?;
    let (pixels, _) = colours.as_chunks::<3>();
    Ok(pixels.iter().map(|[_, green, _]| *green).collect())
}

/// How much light all inks together still reflect, of 1, as sRGB would have it. Not more than half of the lightness:
/// then they are no inks.
fn darkest(executor: &dyn TransformExecutor<u8>) -> Result<f32, CmsError> {
    /// The Y of L* 50.
    const MOST: f32 = 0.184;
    let mut colour = [0; 3];
    executor.transform(&[u8::MAX; 4], &mut colour)?;
    let [red, green, blue] = colour.map(light);
    Ok((0.2126 * red + 0.7152 * green + 0.0722 * blue).min(MOST))
}

/// What becomes of each channel where `black` is the darkest that there is.
fn black_compensated(black: f32) -> Box<[u8; 256]> {
    let mut table = Box::new([0; 256]);
    for (value, entry) in (0..=u8::MAX).zip(table.iter_mut()) {
        *entry = written((light(value) - black) / (1.0 - black));
    }
    table
}

/// The light that a channel of sRGB stands for (IEC 61966-2-1).
fn light(value: u8) -> f32 {
    let value = f32::from(value) / 255.0;
    if value <= 0.040_45 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 255")]
fn written(light: f32) -> u8 {
    (super::lab::companded(light.clamp(0.0, 1.0)) * 255.0).round() as u8
}

fn in_words(text: &ProfileText) -> String {
    let words = match text {
        ProfileText::PlainString(text) => text.as_str(),
        ProfileText::Localizable(texts) => {
            let english = texts.iter().find(|text: &&LocalizableString| text.language == "en");
            english.or(texts.first()).map_or("", |text| text.value.as_str())
        }
        ProfileText::Description(text) if text.ascii_string.is_empty() => text.unicode_string.as_str(),
        ProfileText::Description(text) => text.ascii_string.as_str(),
    };
    words.chars().filter(|character| !character.is_control()).collect::<String>().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::super::samples::Alpha;
    use super::*;

    #[test]
    fn all_inks_are_black_and_paper_is_white() {
        let samples = Samples { colour: Colour::Cmyk, alpha: Alpha::None, depth: Depth::Eight };
        let ToSrgb::Inks8(executor, table) = Profile::of_inks(samples).to_srgb(samples).expect("a profile") else {
            panic!("inks of 8 bits");
        };
        let mut pixels = [0; 6];
        executor.transform(&[255, 255, 255, 255, 0, 0, 0, 0], &mut pixels).expect("converted");
        let compensated = pixels.map(|value| table[usize::from(value)]);
        assert!(compensated[..3].iter().all(|value| *value <= 2), "{compensated:?}");
        assert!(compensated[3..].iter().all(|value| *value >= 254), "{compensated:?}");
    }

    #[test]
    fn compensation_leaves_white_and_makes_the_darkest_black() {
        let table = black_compensated(light(32));
        assert_eq!((table[0], table[32], table[255]), (0, 0, 255));
        assert!(table.is_sorted());
        assert!((0..=u8::MAX).zip(black_compensated(0.0).iter()).all(|(value, entry)| value == *entry));
    }
}
