//! ICC profiles: to sRGB, relative colorimetric, through `moxcms`.
//!
//! `moxcms` has no black-point compensation. It makes no difference for the RGB and grey of cameras and scanners, but the
//! darkest ink on paper is far from black: [`InkTransform`] converts CMYK.

use super::inks::InkTransform;
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
    /// Inks of the depth of the file.
    Inks(Box<InkTransform>),
    /// Every grey of 8 bits.
    Gray8(Box<[u8; 256]>),
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

    /// The conversion of such samples: to 8 bits if they are gray or inks, and otherwise to RGB of the same depth.
    pub(super) fn to_srgb(&self, samples: Samples) -> Result<ToSrgb, Unusable> {
        let options =
            TransformOptions { rendering_intent: RenderingIntent::RelativeColorimetric, ..Default::default() };
        let srgb = ColorProfile::new_srgb();
        let (from, to) = match (samples.colour, samples.channels()) {
            (Colour::Grey, _) => (Layout::Gray, Layout::Rgb),
            (_, 4) => (Layout::Rgba, Layout::Rgba),
            _ => (Layout::Rgb, Layout::Rgb),
        };
        Ok(match (samples.colour, samples.depth) {
            (Colour::Grey, Depth::Eight) => {
                let executor = self.profile.create_transform_8bit(from, &srgb, to, options)?;
                let greys: Vec<u8> = (0..=u8::MAX).collect();
                let mut table = Box::new([0; 256]);
                table.copy_from_slice(&greys_of(&*executor, &greys)?);
                ToSrgb::Gray8(table)
            }
            (Colour::Grey, Depth::Sixteen) => {
                let executor = self.profile.create_transform_16bit(from, &srgb, to, options)?;
                let greys: Vec<u16> = (0..=u16::MAX).collect();
                let wide = greys_of(&*executor, &greys)?;
                ToSrgb::Grey16(wide.into_iter().map(super::colour::scaled_to_8_bits).collect())
            }
            (Colour::Cmyk, depth) => ToSrgb::Inks(Box::new(InkTransform::new(&self.profile, depth)?)),
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
