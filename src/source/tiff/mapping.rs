//! Maps a file's samples to the sample layouts used by the rest of the program.

use super::palette::{Indexes, Palette};
use super::tags::{self, Tags};
use super::unpack::Role;
use super::{lab, ycbcr};
use crate::source::metadata::Metadata;
use crate::source::samples::{Alpha, ColorModel, Depth, Samples};
use crate::source::{Refusal, WarningCode, foreign};

/// `PhotometricInterpretation` values.
const WHITE_IS_ZERO: u16 = 0;
const BLACK_IS_ZERO: u16 = 1;
const RGB: u16 = 2;
const PALETTE: u16 = 3;
const SEPARATED: u16 = 5;
const YCBCR: u16 = 6;
const CIE_LAB: u16 = 8;
const ICC_LAB: u16 = 9;
/// Raw camera data (TIFF/EP, DNG).
const CFA: u16 = 32803;
const LINEAR_RAW: u16 = 34892;

/// `Compression` values used for fax.
const CCITT: std::ops::RangeInclusive<u16> = 2..=4;

/// `ExtraSamples` values for premultiplied and straight alpha.
const ASSOCIATED: u64 = 1;
const UNASSOCIATED: u64 = 2;

/// A file's color encoding (`PhotometricInterpretation`).
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Photometric {
    WhiteIsZero,
    Gray,
    Rgb,
    /// A palette with one color for each possible sample value.
    Palette(Palette),
    Cmyk,
    YCbCr,
    CieLab,
    IccLab,
}

impl Photometric {
    pub(super) fn read(tags: Tags<'_>, samples: u16, bits: u16, metadata: &mut Metadata) -> Result<Self, Refusal> {
        let photometric = match tags.number(tags::PHOTOMETRIC)? {
            Some(_) => tags.choice(tags::PHOTOMETRIC, BLACK_IS_ZERO)?,
            None => guessed(tags, samples, metadata)?,
        };
        Ok(match photometric {
            WHITE_IS_ZERO => Self::WhiteIsZero,
            BLACK_IS_ZERO => Self::Gray,
            RGB => Self::Rgb,
            PALETTE => Self::Palette(Palette::read(tags, bits)?),
            SEPARATED if tags.choice(tags::INK_SET, 1)? == 1 => Self::Cmyk,
            YCBCR => Self::YCbCr,
            CIE_LAB if matches!(bits, 8 | 16) => Self::CieLab,
            ICC_LAB if matches!(bits, 8 | 16) => Self::IccLab,
            other @ (CFA | LINEAR_RAW) => {
                return Err(Refusal::unsupported(format!("a TIFF with {}", name_of(other, bits)), foreign::DEVELOP));
            }
            other => return Err(Refusal::Unsupported(format!("a TIFF with {}", name_of(other, bits)))),
        })
    }

    /// Returns the number of color samples per pixel in the file.
    pub(super) fn channels(&self) -> usize {
        match self {
            Self::WhiteIsZero | Self::Gray | Self::Palette(_) => 1,
            Self::Rgb | Self::YCbCr | Self::CieLab | Self::IccLab => 3,
            Self::Cmyk => 4,
        }
    }

    /// Returns `true` if samples may be floating-point numbers between 0 and 1.
    pub(super) fn may_be_float(&self) -> bool {
        matches!(self, Self::WhiteIsZero | Self::Gray | Self::Rgb | Self::Cmyk)
    }

    /// Returns `true` if signed samples are accepted even though TIFF doesn't define them.
    pub(super) fn may_be_signed(&self) -> bool {
        matches!(self, Self::WhiteIsZero | Self::Gray | Self::Rgb)
    }

    /// Returns `true` if two of the samples are signed by definition. Some writers then declare every sample as
    /// signed.
    pub(super) fn has_sign(&self) -> bool {
        matches!(self, Self::CieLab)
    }

    fn color(&self) -> ColorModel {
        match self {
            Self::WhiteIsZero | Self::Gray => ColorModel::Gray,
            Self::Rgb | Self::Palette(_) | Self::YCbCr => ColorModel::Rgb,
            Self::Cmyk => ColorModel::Cmyk,
            Self::CieLab | Self::IccLab => ColorModel::Lab,
        }
    }
}

/// Guesses `PhotometricInterpretation` the way libtiff does, based on the number of samples excluding extra samples.
fn guessed(tags: Tags<'_>, samples: u16, metadata: &mut Metadata) -> Result<u16, Refusal> {
    let extra = tags.numbers(tags::EXTRA_SAMPLES, u16::MAX.into())?.map_or(0, |extra| extra.len());
    // The tag is mandatory, but files without it exist because libtiff accepts them. Make the same assumptions as
    // libtiff.
    let (photometric, name) = match usize::from(samples).saturating_sub(extra) {
        1 if CCITT.contains(&tags.choice(tags::COMPRESSION, 1)?) => (WHITE_IS_ZERO, "black on white"),
        1 => (BLACK_IS_ZERO, "gray"),
        3 => (RGB, "RGB"),
        _ => {
            let what =
                format!("a TIFF whose `PhotometricInterpretation` is missing, with {samples} samples for each pixel");
            return Err(Refusal::Unsupported(what));
        }
    };
    let text = format!("its `PhotometricInterpretation` is missing, and its pixels were taken as {name}");
    metadata.warn(WarningCode::ColorsGuessed, text);
    Ok(photometric)
}

fn name_of(photometric: u16, bits: u16) -> String {
    match photometric {
        4 => "a transparency mask".to_owned(),
        SEPARATED => "inks other than CMYK".to_owned(),
        CIE_LAB | ICC_LAB => format!("{bits}-bit Lab pixels"),
        10 => "ITU Lab pixels".to_owned(),
        CFA | LINEAR_RAW => "the raw data of a camera".to_owned(),
        32844 | 32845 => "LogLuv pixels".to_owned(),
        other => format!("the unknown color space {other}"),
    }
}

/// Selects and converts a pixel's samples.
pub(super) struct SampleMapping {
    photometric: Photometric,
    /// Sample layout of a converted pixel.
    pub(super) samples: Samples,
    /// Number of samples in an input pixel.
    input_samples: usize,
    /// Input sample depth.
    depth: Depth,
    /// Bits per sample in the file.
    bits: u16,
    /// Indexes of the input samples to keep.
    kept: Vec<usize>,
}

impl SampleMapping {
    /// Creates the mapping for pixels with `count` samples. Samples after the colors are either alpha or ignored.
    pub(super) fn new(
        tags: Tags<'_>,
        photometric: Photometric,
        (count, bits): (u16, u16),
        depth: Depth,
        metadata: &mut Metadata,
    ) -> Result<Self, Refusal> {
        let count = usize::from(count);
        if count < photometric.channels() {
            return Err(Refusal::Decode(
                format!("its pixels have {count} samples, fewer than its color space needs").into(),
            ));
        }
        let (alpha, at) = match photometric {
            Photometric::Cmyk => (Alpha::None, None),
            _ => alpha(tags.numbers(tags::EXTRA_SAMPLES, u16::MAX.into())?.as_deref(), count - photometric.channels()),
        };
        let kept: Vec<usize> = (0..photometric.channels()).chain(at.map(|at| photometric.channels() + at)).collect();
        if kept.len() < count {
            let text = format!("its pixels have {count} samples, of which {} are shown", kept.len());
            metadata.warn(WarningCode::SamplesIgnored, text);
        }
        let shown = match &photometric {
            Photometric::Palette(palette) => palette.depth,
            Photometric::CieLab | Photometric::IccLab => Depth::Sixteen,
            _ => depth,
        };
        let samples = Samples { color: photometric.color(), alpha, depth: shown };
        Ok(Self { photometric, samples, input_samples: count, depth, bits, kept })
    }

    /// Returns the indexes of the input samples to keep.
    pub(super) fn kept(&self) -> &[usize] {
        &self.kept
    }

    /// Returns the role of each input sample.
    pub(super) fn roles(&self) -> Vec<Role> {
        let role = |sample: usize| match self.kept.iter().position(|kept| *kept == sample) {
            None => Role::Ignored,
            Some(at) if at < self.photometric.channels() => Role::Color,
            Some(_) => Role::Alpha,
        };
        (0..self.input_samples).map(role).collect()
    }

    /// Returns the mapping to use if pixels contain only the kept samples.
    pub(super) fn only_kept(self) -> Self {
        Self { input_samples: self.kept.len(), kept: (0..self.kept.len()).collect(), ..self }
    }

    /// Returns the size of an input pixel in bytes.
    pub(super) fn input_pixel_bytes(&self) -> usize {
        self.input_samples * self.depth.bytes()
    }

    /// Returns `true` if input pixels can be used without conversion.
    pub(super) fn is_plain(&self) -> bool {
        matches!(self.photometric, Photometric::Gray | Photometric::Rgb | Photometric::Cmyk)
            && self.kept.len() == self.input_samples
    }

    /// Converts whole pixels.
    pub(super) fn convert(&self, from: &[u8], to: &mut [u8]) {
        match &self.photometric {
            Photometric::Palette(palette) => palette.convert(from, &self.indexes(), to),
            Photometric::CieLab | Photometric::IccLab => self.convert_lab(from, to),
            _ if self.is_plain() => to.copy_from_slice(&from[..to.len()]),
            photometric => {
                self.pick(from, to);
                let pixels = to.chunks_exact_mut(self.samples.pixel_bytes());
                match photometric {
                    Photometric::WhiteIsZero => pixels.for_each(|pixel| invert(&mut pixel[..self.depth.bytes()])),
                    Photometric::YCbCr => pixels.for_each(ycbcr::to_rgb),
                    _ => {}
                }
            }
        }
    }

    fn indexes(&self) -> Indexes {
        Indexes { samples: self.input_samples, depth: self.depth, bits: self.bits, alpha: self.kept.get(1).copied() }
    }

    fn pick(&self, from: &[u8], to: &mut [u8]) {
        match self.depth {
            Depth::Eight => pick::<1>(from, self.input_samples, &self.kept, to),
            Depth::Sixteen => pick::<2>(from, self.input_samples, &self.kept, to),
        }
    }

    fn convert_lab(&self, from: &[u8], to: &mut [u8]) {
        let encoding = if self.photometric == Photometric::CieLab { lab::Encoding::Cie } else { lab::Encoding::Icc };
        let pixels = from.chunks_exact(self.input_pixel_bytes()).zip(to.chunks_exact_mut(self.samples.pixel_bytes()));
        for (from, to) in pixels {
            for ((channel, at), to) in self.kept.iter().enumerate().zip(to.as_chunks_mut::<2>().0) {
                let value = match self.depth {
                    Depth::Eight => encoding.expand_8_bits(channel, from[*at]),
                    Depth::Sixteen => {
                        encoding.expand_16_bits(channel, u16::from_ne_bytes([from[2 * at], from[2 * at + 1]]))
                    }
                };
                *to = value.to_ne_bytes();
            }
        }
    }
}

/// Returns the type of alpha and its index among the extra samples.
fn alpha(extra: Option<&[u64]>, count: usize) -> (Alpha, Option<usize>) {
    let Some(extra) = extra else {
        // Some writers omit `ExtraSamples`, and all readers then treat the fourth sample as alpha.
        return if count == 1 { (Alpha::Straight, Some(0)) } else { (Alpha::None, None) };
    };
    let mut kinds = extra.iter().take(count).enumerate();
    match kinds.find(|(_, kind)| matches!(**kind, ASSOCIATED | UNASSOCIATED)) {
        None => (Alpha::None, None),
        Some((at, &ASSOCIATED)) => (Alpha::Premultiplied, Some(at)),
        Some((at, _)) => (Alpha::Straight, Some(at)),
    }
}

fn pick<const BYTES: usize>(from: &[u8], input_samples: usize, kept: &[usize], to: &mut [u8]) {
    let pixels = from.as_chunks::<BYTES>().0.chunks_exact(input_samples);
    let samples = pixels.flat_map(|pixel| kept.iter().map(|at| pixel[*at]));
    to.as_chunks_mut::<BYTES>().0.iter_mut().zip(samples).for_each(|(to, from)| *to = from);
}

fn invert(bytes: &mut [u8]) {
    for byte in bytes {
        *byte = !*byte;
    }
}
