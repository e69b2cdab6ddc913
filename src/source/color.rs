//! Converts samples to 8-bit gray or sRGB.

use super::icc::{Profile, ToSrgb};
use super::icc_error::Unusable;
use super::lab::lab_to_srgb;
use super::samples::{Alpha, ColorModel, Depth, Samples, scaled_to_8_bits};
use super::{Background, DecodeError, Profiles, Warning, WarningCode};
use crate::pixel::PixelFormat;
use crate::workers;

/// Maximum size of an ICC profile to keep, in bytes. It gets embedded in every rendition, so it has to be small.
/// Display and camera profiles are typically a few hundred bytes.
const MAX_EMBEDDED_BYTES: usize = 1_000_000;

/// Minimum number of pixels that makes it worth involving another worker.
const PIXELS_PER_SHARE: usize = 1 << 17;

/// Color conversion for a file.
enum Conversion {
    /// No conversion. The colors are already sRGB, or gray with the same gamma.
    None,
    Profile(ToSrgb),
    Lab,
}

impl Conversion {
    fn default_cmyk(samples: Samples) -> Self {
        let to_srgb = Profile::default_cmyk(samples)
            .to_srgb(samples)
            .expect("the built-in profile is valid, which a test checks");
        Self::Profile(to_srgb)
    }
}

/// Converts a file's samples into the pixels of the pyramid.
pub(super) struct Converter {
    samples: Samples,
    format: PixelFormat,
    conversion: Conversion,
    background: Background,
}

/// Human-readable summary of a conversion.
pub(super) struct ConversionSummary {
    /// Profile name, if there is one.
    pub(super) profile: Option<String>,
    /// Description of the color conversion.
    pub(super) conversion: String,
    /// Warning to report if the profile can't be honored.
    pub(super) warning: Option<Warning>,
    /// `true` if the colors are left alone, in which case the profile has to be embedded.
    pub(super) is_kept: bool,
}

impl Converter {
    /// Creates a converter for the given samples and optional profile.
    pub(super) fn new(
        samples: Samples,
        profile: Option<&[u8]>,
        profiles: Profiles,
        background: Background,
    ) -> (Self, ConversionSummary) {
        let format = if samples.color == ColorModel::Gray { PixelFormat::Gray8 } else { PixelFormat::Rgb8 };
        let (conversion, summary) = conversion(samples, profile, profiles);
        (Self { samples, format, conversion, background }, summary)
    }

    pub(super) fn format(&self) -> PixelFormat {
        self.format
    }

    /// Returns `true` if the file's rows don't need any conversion.
    pub(super) fn is_plain(&self) -> bool {
        let is_8_bit = self.samples.alpha == Alpha::None && self.samples.depth == Depth::Eight;
        is_8_bit
            && matches!(self.conversion, Conversion::None)
            && matches!(self.samples.color, ColorModel::Gray | ColorModel::Rgb)
    }

    /// Converts whole pixels, using more workers if there are a lot of pixels.
    ///
    /// # Errors
    /// Returns an error if the color engine fails, which isn't expected to happen.
    pub(super) fn convert(&self, from: &[u8], to: &mut [u8]) -> Result<(), DecodeError> {
        let pixels = to.len() / self.format.channels();
        // Each pixel is converted independently, so we can split the work however we like. The output doesn't depend on
        // `--jobs`.
        let shares = (pixels / PIXELS_PER_SHARE).clamp(1, workers::sharing_threads());
        let share = pixels.div_ceil(shares).max(1);
        let from = from.chunks(share * self.samples.pixel_bytes());
        let shares = from.zip(to.chunks_mut(share * self.format.channels())).collect();
        workers::share(shares, |(from, to)| self.convert_here(from, to))
    }

    fn convert_here(&self, from: &[u8], to: &mut [u8]) -> Result<(), DecodeError> {
        match self.samples.depth {
            Depth::Eight => self.convert_8(from, to),
            Depth::Sixteen => {
                let (pairs, _) = from.as_chunks::<2>();
                let wide: Vec<u16> = pairs.iter().map(|bytes| u16::from_ne_bytes(*bytes)).collect();
                self.convert_16(wide, to)
            }
        }
    }

    fn convert_8(&self, from: &[u8], to: &mut [u8]) -> Result<(), DecodeError> {
        // ICC profiles expect straight alpha, so premultiplied colors have to be divided by alpha first. At 8 bits that
        // loses some precision. Without a profile, we can blend the premultiplied colors directly and lose nothing.
        let straight = match (self.samples.alpha, &self.conversion) {
            (Alpha::Premultiplied, Conversion::None) => {
                self.flatten_premultiplied(from, to);
                return Ok(());
            }
            (Alpha::Premultiplied, _) => Some(unpremultiply(from, self.samples.channels(), u8::MAX.into())),
            _ => None,
        };
        let from = straight.as_deref().unwrap_or(from);
        match &self.conversion {
            Conversion::Profile(ToSrgb::Eight(executor)) if self.samples.alpha == Alpha::None => {
                executor.transform(from, to)?;
            }
            Conversion::Profile(ToSrgb::Eight(executor)) => {
                let mut converted = vec![0; from.len()];
                executor.transform(from, &mut converted)?;
                self.flatten(&converted, to);
            }
            Conversion::Profile(ToSrgb::Gray8(table)) => {
                let mut converted = from.to_vec();
                let channels = self.samples.channels();
                converted.iter_mut().step_by(channels).for_each(|gray| *gray = table[usize::from(*gray)]);
                self.flatten(&converted, to);
            }
            Conversion::Profile(ToSrgb::Inks(transform)) if self.samples.alpha == Alpha::None => {
                transform.convert(from, to);
            }
            Conversion::Profile(ToSrgb::Inks(transform)) => {
                let (inks, alpha) = self.without_alpha(from);
                transform.convert(&inks, to);
                self.flatten(&with_alpha(to, &alpha), to);
            }
            _ => self.flatten(from, to),
        }
        Ok(())
    }

    fn convert_16(&self, mut from: Vec<u16>, to: &mut [u8]) -> Result<(), DecodeError> {
        if self.samples.alpha == Alpha::Premultiplied {
            from = unpremultiply(&from, self.samples.channels(), u16::MAX.into());
        }
        let narrow = match &self.conversion {
            Conversion::Profile(ToSrgb::Sixteen(executor)) => {
                let pixels = from.len() / self.samples.channels();
                let channels = self.format.channels() + usize::from(self.samples.alpha != Alpha::None);
                let mut converted = vec![0; pixels * channels];
                executor.transform(&from, &mut converted)?;
                scaled(&converted)
            }
            Conversion::Profile(ToSrgb::Gray16(table)) => {
                let channels = self.samples.channels();
                let convert_gray = |(index, sample): (usize, &u16)| match index % channels {
                    0 => table[usize::from(*sample)],
                    _ => scaled_to_8_bits(*sample),
                };
                from.iter().enumerate().map(convert_gray).collect()
            }
            Conversion::Lab => lab_to_srgb(&from, self.samples.channels()),
            Conversion::Profile(ToSrgb::Inks(transform)) if self.samples.alpha == Alpha::None => {
                transform.convert(&from, to);
                return Ok(());
            }
            Conversion::Profile(ToSrgb::Inks(transform)) => {
                let (inks, alpha) = self.without_alpha(&from);
                transform.convert(&inks, to);
                with_alpha(to, &scaled(&alpha))
            }
            _ => scaled(&from),
        };
        self.flatten(&narrow, to);
        Ok(())
    }

    /// Separates the color samples from alpha.
    fn without_alpha<T: Copy>(&self, from: &[T]) -> (Vec<T>, Vec<T>) {
        let (channels, colors) = (self.samples.channels(), self.samples.color_channels());
        let inks = from.chunks_exact(channels).flat_map(|pixel| pixel[..colors].iter().copied()).collect();
        let alpha = from.chunks_exact(channels).flat_map(|pixel| pixel[colors..].iter().copied()).collect();
        (inks, alpha)
    }

    /// Blends 8-bit pixels with the background. The colors have already been converted, and alpha is straight if
    /// present.
    fn flatten(&self, from: &[u8], to: &mut [u8]) {
        if self.samples.alpha == Alpha::None {
            to.copy_from_slice(from);
            return;
        }
        let colors = self.format.channels();
        let background = self.background.channels_in(self.format);
        for (from, to) in from.chunks_exact(colors + 1).zip(to.chunks_exact_mut(colors)) {
            // Blend gamma-encoded values rather than linear light, because that's what browsers do.
            let alpha = u16::from(from[colors]);
            for ((to, from), behind) in to.iter_mut().zip(from).zip(background) {
                *to = divided_by_255(u16::from(*from) * alpha + u16::from(behind) * (255 - alpha));
            }
        }
    }

    /// Blends premultiplied pixels with the background. The colors have already been converted.
    fn flatten_premultiplied(&self, from: &[u8], to: &mut [u8]) {
        let colors = self.format.channels();
        let background = self.background.channels_in(self.format);
        for (from, to) in from.chunks_exact(colors + 1).zip(to.chunks_exact_mut(colors)) {
            let rest = u16::from(255 - from[colors]);
            for ((to, from), behind) in to.iter_mut().zip(from).zip(background) {
                *to = from.saturating_add(divided_by_255(u16::from(behind) * rest));
            }
        }
    }
}

fn conversion(samples: Samples, profile: Option<&[u8]>, profiles: Profiles) -> (Conversion, ConversionSummary) {
    let without = |warning: Option<Warning>| {
        let (conversion, words) = match samples.color {
            ColorModel::Gray | ColorModel::Rgb => (Conversion::None, "taken as sRGB"),
            ColorModel::Cmyk => (Conversion::default_cmyk(samples), "CMYK taken as SWOP"),
            ColorModel::Lab => (Conversion::Lab, "Lab converted to sRGB"),
        };
        (conversion, ConversionSummary { profile: None, conversion: words.to_owned(), warning, is_kept: false })
    };
    let unusable = |why: &str| {
        let text = format!("its ICC profile cannot be used ({why})");
        without(Some(Warning::new(WarningCode::ProfileUnusable, text)))
    };
    let Some(bytes) = profile else { return without(None) };
    let is_wanted = should_keep(samples, profiles);
    let is_kept = is_wanted && bytes.len() <= MAX_EMBEDDED_BYTES;
    let read = Profile::read(bytes, samples).and_then(|profile| {
        let to_srgb = profile.to_srgb(samples)?;
        Ok((profile.name, to_srgb))
    });
    match read {
        Ok((name, _)) if is_kept => {
            let conversion = format!("kept as `{name}`");
            (Conversion::None, ConversionSummary { profile: Some(name), conversion, warning: None, is_kept })
        }
        Ok((name, to_srgb)) => {
            let why =
                format!("its ICC profile is larger than the {MAX_EMBEDDED_BYTES} bytes that every image can embed");
            let warning = is_wanted.then(|| Warning::new(WarningCode::ProfileTooLarge, why));
            let conversion = "converted to sRGB".to_owned();
            (Conversion::Profile(to_srgb), ConversionSummary { profile: Some(name), conversion, warning, is_kept })
        }
        Err(Unusable::WrongColors) => unusable("it is made for other colors"),
        Err(Unusable::Damaged(why)) => unusable(&why),
    }
}

/// Returns `true` if the profile should be kept. That only works if the published image has the same channels.
fn should_keep(samples: Samples, profiles: Profiles) -> bool {
    match (samples.color, profiles) {
        (ColorModel::Cmyk | ColorModel::Lab, _) | (_, Profiles::Convert) | (ColorModel::Gray, Profiles::KeepOfRgb) => {
            false
        }
        (ColorModel::Rgb, _) | (ColorModel::Gray, Profiles::Keep) => true,
    }
}

/// Divides premultiplied colors by alpha. Fully transparent pixels are left unchanged.
fn unpremultiply<T: Copy + Into<u32> + TryFrom<u32>>(from: &[T], channels: usize, max: u32) -> Vec<T> {
    let mut straight = from.to_vec();
    for pixel in straight.chunks_exact_mut(channels) {
        let (alpha, colors) = pixel.split_last_mut().expect("a pixel has its alpha");
        let alpha: u32 = (*alpha).into();
        for color in colors.iter_mut().filter(|_| alpha > 0) {
            let value: u32 = (*color).into();
            // Both factors are at most 65535, so this can't overflow.
            let divided = ((value * max + alpha / 2) / alpha).min(max);
            *color = T::try_from(divided).unwrap_or(*color);
        }
    }
    straight
}

/// Adds an alpha channel to RGB pixels.
fn with_alpha(rgb: &[u8], alpha: &[u8]) -> Vec<u8> {
    let (pixels, _) = rgb.as_chunks::<3>();
    pixels.iter().zip(alpha).flat_map(|([r, g, b], alpha)| [*r, *g, *b, *alpha]).collect()
}

fn scaled(samples: &[u16]) -> Vec<u8> {
    samples.iter().map(|sample| scaled_to_8_bits(*sample)).collect()
}

fn divided_by_255(product: u16) -> u8 {
    u8::try_from((u32::from(product) + 127) / 255).expect("at most 255 * 255")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workers::Workers;
    use std::num::NonZeroUsize;

    fn converted(samples: Samples, from: &[u8]) -> Vec<u8> {
        let (converter, _) = Converter::new(samples, None, Profiles::Convert, Background::WHITE);
        let mut pixels = vec![0; from.len() / samples.pixel_bytes() * converter.format().channels()];
        converter.convert(from, &mut pixels).expect("converted");
        pixels
    }

    #[test]
    fn sixteen_bits_are_rounded_to_the_nearest() {
        for sample in 0..=u16::MAX {
            let exact = (f64::from(sample) / 257.0).round();
            assert!((f64::from(scaled_to_8_bits(sample)) - exact).abs() < f64::EPSILON, "{sample}");
        }
    }

    #[test]
    fn transparency_is_flattened_on_white() {
        let straight = Samples { alpha: Alpha::Straight, ..Samples::RGB_8 };
        let pixels = converted(straight, &[10, 20, 30, 255, 10, 20, 30, 0, 0, 100, 200, 128]);
        assert_eq!(pixels, [10, 20, 30, 255, 255, 255, 127, 177, 227]);
        let premultiplied = Samples { alpha: Alpha::Premultiplied, ..Samples::GRAY_8 };
        assert_eq!(converted(premultiplied, &[0, 0, 64, 128]), [255, 191]);
    }

    #[test]
    fn transparency_is_flattened_on_any_color() {
        let samples = Samples { alpha: Alpha::Straight, ..Samples::RGB_8 };
        let (converter, _) = Converter::new(samples, None, Profiles::Convert, Background::new(0, 128, 255));
        let mut pixels = [9; 6];
        converter.convert(&[10, 20, 30, 0, 200, 200, 200, 255], &mut pixels).expect("converted");
        assert_eq!(pixels, [0, 128, 255, 200, 200, 200]);
    }

    #[test]
    fn cmyk_without_a_profile_is_offset_printing_in_any_depth() {
        let cmyk = Samples { color: ColorModel::Cmyk, alpha: Alpha::None, depth: Depth::Eight };
        let inks = [0, 0, 0, 0, 255, 0, 0, 0, 0, 0, 0, 255, 255, 255, 255, 255];
        let pixels = converted(cmyk, &inks);
        // SWOP paper white, cyan, black and all inks combined, with a small tolerance.
        for (real, expected) in pixels.iter().zip([255, 255, 255, 0, 174, 239, 35, 31, 32, 0, 0, 0]) {
            assert!(real.abs_diff(expected) <= 3, "{pixels:?}");
        }
        let wide: Vec<u8> = inks.iter().flat_map(|ink| (u16::from(*ink) * 257).to_ne_bytes()).collect();
        let of_wide = converted(Samples { depth: Depth::Sixteen, ..cmyk }, &wide);
        assert!(of_wide.iter().zip(&pixels).all(|(one, other)| one.abs_diff(*other) <= 2), "{of_wide:?} {pixels:?}");
        let transparent = Samples { alpha: Alpha::Straight, ..cmyk };
        assert_eq!(converted(transparent, &[255, 255, 255, 255, 0]), [255, 255, 255]);
    }

    #[test]
    fn large_and_small_batches_are_converted_alike() {
        let samples = Samples { depth: Depth::Sixteen, ..Samples::RGB_8 };
        let values = (0..=u16::MAX).cycle().map(|value| value.wrapping_mul(7919)).take(3 * 5 * PIXELS_PER_SHARE);
        let wide: Vec<u8> = values.flat_map(u16::to_ne_bytes).collect();
        let few: Vec<u8> = wide.chunks(6 * 1000).flat_map(|pixels| converted(samples, pixels)).collect();
        let workers = Workers::new(NonZeroUsize::new(3).expect("not 0"));
        let shared = workers.run_blocking(|| converted(samples, &wide)).expect("threads");
        assert!(shared == few && converted(samples, &wide) == few);
    }
}
