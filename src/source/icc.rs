//! ICC profiles, with relative colorimetric conversion to sRGB using `moxcms`.
//!
//! `moxcms` doesn't support black-point compensation. That doesn't matter for RGB and gray images from cameras and
//! scanners, but the darkest ink on paper is far from black, so CMYK is converted by [`InkTransform`].

use super::icc_error::Unusable;
use super::inks::InkTransform;
use super::samples::{ColorModel, Depth, Samples};
use crate::pixel::PixelFormat;
use moxcms::{CmsError, TransformOptions};
use moxcms::{
    ColorProfile, DataColorSpace, Layout, LocalizableString, ProfileText, RenderingIntent, TransformExecutor,
};
use std::sync::Arc;

type Executor<T> = Arc<dyn TransformExecutor<T> + Send + Sync>;

/// Default CMYK profile: `CGATS001Compat-v2-micro.icc` (Compact ICC Profiles, by Clinton Ingram, CC0). It's close to
/// SWOP, the standard for US web offset printing.
const CMYK: &[u8] = include_bytes!("cmyk.icc");

/// Conversion from a file's colors to sRGB. Leaves alpha unchanged.
pub(super) enum ToSrgb {
    Eight(Executor<u8>),
    Sixteen(Executor<u16>),
    /// CMYK at the file's bit depth.
    Inks(Box<InkTransform>),
    /// Lookup table for 8-bit gray.
    Gray8(Box<[u8; 256]>),
    /// Lookup table for 16-bit gray.
    Gray16(Vec<u8>),
}

/// ICC profile that matches the file's color model.
pub(super) struct Profile {
    profile: ColorProfile,
    /// Profile name.
    pub(super) name: String,
}

impl Profile {
    pub(super) fn read(bytes: &[u8], samples: Samples) -> Result<Self, Unusable> {
        let profile = ColorProfile::new_from_slice(bytes)?;
        let fits = match samples.color {
            ColorModel::Gray => profile.color_space == DataColorSpace::Gray,
            ColorModel::Rgb => profile.color_space == DataColorSpace::Rgb,
            ColorModel::Cmyk => profile.color_space == DataColorSpace::Cmyk,
            ColorModel::Lab => false,
        };
        let name = profile.description.as_ref().map(plain_text).filter(|name| !name.is_empty());
        let name = name.unwrap_or_else(|| "without a name".to_owned());
        if fits { Ok(Self { profile, name }) } else { Err(Unusable::WrongColors) }
    }

    /// Returns the default CMYK profile.
    pub(super) fn default_cmyk(samples: Samples) -> Self {
        Self::read(CMYK, samples).expect("the built-in profile is a CMYK profile")
    }

    /// Returns a conversion to sRGB. Gray and CMYK samples are converted to 8 bits, and RGB samples keep their depth.
    pub(super) fn to_srgb(&self, samples: Samples) -> Result<ToSrgb, Unusable> {
        let options =
            TransformOptions { rendering_intent: RenderingIntent::RelativeColorimetric, ..Default::default() };
        let srgb = ColorProfile::new_srgb();
        let (from, to) = match (samples.color, samples.channels()) {
            (ColorModel::Gray, _) => (Layout::Gray, Layout::Rgb),
            (_, 4) => (Layout::Rgba, Layout::Rgba),
            _ => (Layout::Rgb, Layout::Rgb),
        };
        Ok(match (samples.color, samples.depth) {
            (ColorModel::Gray, Depth::Eight) => {
                // There are few enough gray values to convert all of them up front. Each pixel is then a single table
                // lookup, no matter how complicated the profile's curves are.
                let executor = self.profile.create_transform_8bit(from, &srgb, to, options)?;
                let grays: Vec<u8> = (0..=u8::MAX).collect();
                let mut table = Box::new([0; 256]);
                table.copy_from_slice(&gray_values(&*executor, &grays)?);
                ToSrgb::Gray8(table)
            }
            (ColorModel::Gray, Depth::Sixteen) => {
                let executor = self.profile.create_transform_16bit(from, &srgb, to, options)?;
                let grays: Vec<u16> = (0..=u16::MAX).collect();
                let wide = gray_values(&*executor, &grays)?;
                ToSrgb::Gray16(wide.into_iter().map(super::samples::scaled_to_8_bits).collect())
            }
            (ColorModel::Cmyk, depth) => ToSrgb::Inks(Box::new(InkTransform::new(&self.profile, depth)?)),
            (_, Depth::Eight) => ToSrgb::Eight(self.profile.create_transform_8bit(from, &srgb, to, options)?),
            (_, Depth::Sixteen) => ToSrgb::Sixteen(self.profile.create_transform_16bit(from, &srgb, to, options)?),
        })
    }
}

/// Converts gray values. All three output channels hold the same value, so only one is returned.
fn gray_values<T: Copy + Default>(executor: &dyn TransformExecutor<T>, grays: &[T]) -> Result<Vec<T>, CmsError> {
    let mut colors = vec![T::default(); grays.len() * PixelFormat::Rgb8.channels()];
    executor.transform(grays, &mut colors)?;
    let (pixels, _) = colors.as_chunks::<3>();
    Ok(pixels.iter().map(|[_, green, _]| *green).collect())
}

fn plain_text(text: &ProfileText) -> String {
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
