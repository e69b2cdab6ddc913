//! Calls the decoder to read the header and to decode the whole image.

use super::{Alpha, ColorModel, DecodeError, Depth, Input, Samples};
use crate::source::hdr::{HdrToSrgb, HdrTransfer, Primaries};
use jxl::api::{
    Endianness, Event, JxlBasicInfo, JxlColorEncoding, JxlColorProfile, JxlColorType, JxlDataFormat, JxlDecoder,
    JxlDecoderOptions, JxlOutputBuffer, JxlParallelRunner, JxlParallelRunnerFun, JxlPixelFormat, JxlPrimaries,
    JxlTransferFunction, JxlWhitePoint, ProfileLevel,
};
use std::io::BufReader;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Size of the file read buffer, in bytes.
const BUFFER_BYTES: usize = 64 << 10;

/// Minimum sample limit for the decoder. The frames of a small image may refer to larger frames.
const MIN_SAMPLES: usize = 1 << 20;

/// Frames that make up the image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Frames {
    /// The first frame of an animation.
    First,
    /// All frames, composited on top of each other.
    All,
}

/// Sample format that the decoder writes, along with the number of extra channels in the file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layout {
    pub(super) samples: Samples,
    pub(super) extra_channels: usize,
}

impl Layout {
    fn pixel_format(&self) -> JxlPixelFormat {
        let color_type = match (self.samples.color, self.samples.alpha) {
            (ColorModel::Gray, Alpha::None) => JxlColorType::Grayscale,
            (ColorModel::Gray, _) => JxlColorType::GrayscaleAlpha,
            (ColorModel::Cmyk, _) => JxlColorType::Cmyk,
            (_, Alpha::None) => JxlColorType::Rgb,
            _ => JxlColorType::Rgba,
        };
        let format = match self.samples.depth {
            Depth::Eight => JxlDataFormat::U8 { bit_depth: 8 },
            Depth::Sixteen => JxlDataFormat::U16 { endianness: Endianness::native(), bit_depth: 16 },
        };
        JxlPixelFormat {
            color_type,
            color_data_format: Some(format),
            extra_channel_format: vec![None; self.extra_channels],
        }
    }
}

/// Calls the decoder and turns panics into errors, so a panic doesn't affect other images.
pub(super) fn guarded<T>(work: impl FnOnce() -> Result<T, DecodeError>) -> Result<T, DecodeError> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| Err("the decoder failed internally".into()))
}

fn decoder(sample_limit: Option<usize>) -> JxlDecoder {
    let mut options = JxlDecoderOptions::default();
    options.max_profile_level = ProfileLevel::Main10;
    options.sample_limit = sample_limit;
    JxlDecoder::new(options)
}

fn reader(file: &Input) -> BufReader<Input> {
    BufReader::with_capacity(BUFFER_BYTES, file.clone())
}

/// Reads the header and the color profile of the samples that the decoder will produce.
pub(super) fn read_header(file: &Input) -> Result<(JxlBasicInfo, JxlColorProfile), DecodeError> {
    let mut decoder = decoder(None);
    let event = decoder.process(&mut reader(file), None, None).map_err(plain)?;
    let (Event::BasicInfo, Some(info)) = (event, decoder.basic_info().cloned()) else {
        return Err("the file ends within its header".into());
    };
    // The decoder converts to sRGB if it can't use the file's profile. The decision depends on the sample type, but is
    // the same for integers of any size.
    let profile = decoder.embedded_color_profile().ok_or("it has no color encoding")?;
    let is_gray = profile.channels() == 1;
    let samples = if is_gray { Samples::GRAY_8 } else { Samples::RGB_8 };
    let layout = Layout { samples, extra_channels: info.extra_channels.len() };
    decoder.set_pixel_format(layout.pixel_format()).map_err(plain)?;
    let profile = decoder.output_color_profile().ok_or("it has no color encoding")?.clone();
    Ok((info, profile))
}

/// Decodes the whole image into `pixels`, which consists of `rows` rows of `row_bytes` each.
pub(super) fn decode(
    file: &Input,
    layout: &Layout,
    frames: Frames,
    pixels: &mut [u8],
    (rows, row_bytes): (usize, usize),
) -> Result<(), DecodeError> {
    let samples = pixels.len() / layout.samples.pixel_bytes() * (layout.extra_channels + 3);
    let mut decoder = decoder(Some(samples.max(MIN_SAMPLES)));
    let mut reader = reader(file);
    if decoder.process(&mut reader, None, None).map_err(plain)? != Event::BasicInfo {
        return Err("the file ends within its header".into());
    }
    decoder.set_pixel_format(layout.pixel_format()).map_err(plain)?;
    let mut pool = Pool;
    let mut is_drawn = false;
    loop {
        let mut buffers = [JxlOutputBuffer::new_with_stride(pixels, rows, row_bytes, row_bytes)];
        match decoder.process(&mut reader, Some(&mut buffers), Some(&mut pool)).map_err(plain)? {
            Event::FrameComplete { has_more_frames } if frames == Frames::First || !has_more_frames => return Ok(()),
            Event::FrameComplete { .. } => is_drawn = true,
            Event::Complete if is_drawn => return Ok(()),
            Event::Complete => return Err("it has no image".into()),
            Event::NeedMoreInput { .. } => return Err("the file ends before its pixels do".into()),
            Event::BasicInfo | Event::FrameHeader => {}
        }
    }
}

/// Converts a decoder error to plain text.
fn plain(error: jxl::error::Error) -> DecodeError {
    match error {
        jxl::error::Error::IOError(error) => error.into(),
        jxl::error::Error::OutOfBounds(_) => "the file ends before its pixels do".into(),
        error => format!("it is damaged, or of a variant that cannot be read ({error})").into(),
    }
}

/// Distributes an image's groups across the publisher's workers.
struct Pool;

impl JxlParallelRunner for Pool {
    fn run(&mut self, number: usize, work: &JxlParallelRunnerFun<'_>) -> jxl::error::Result<()> {
        crate::workers::share((0..number).collect(), work)
    }

    fn num_threads(&self) -> usize {
        crate::workers::sharing_threads()
    }
}

/// Returns `true` for sRGB samples, or gray samples with the sRGB transfer function.
pub(super) fn is_srgb(profile: &JxlColorProfile) -> bool {
    let JxlColorProfile::Simple(encoding) = profile else { return false };
    match encoding {
        JxlColorEncoding::RgbColorSpace { white_point, primaries, transfer_function, .. } => {
            matches!(white_point, JxlWhitePoint::D65)
                && matches!(primaries, JxlPrimaries::SRGB)
                && matches!(transfer_function, JxlTransferFunction::SRGB)
        }
        JxlColorEncoding::GrayscaleColorSpace { transfer_function, .. } => {
            matches!(transfer_function, JxlTransferFunction::SRGB)
        }
        JxlColorEncoding::XYB { .. } => false,
    }
}

/// Returns the conversion for an image with high dynamic range, or `None` if its dynamic range is standard.
pub(super) fn hdr(profile: &JxlColorProfile, peak: f32) -> Option<HdrToSrgb> {
    let transfer = match profile.transfer_function()? {
        JxlTransferFunction::PQ => HdrTransfer::Pq,
        JxlTransferFunction::HLG => HdrTransfer::Hlg,
        _ => return None,
    };
    let primaries = match profile {
        JxlColorProfile::Simple(JxlColorEncoding::RgbColorSpace { primaries, .. }) => match primaries {
            JxlPrimaries::P3 => Primaries::P3,
            JxlPrimaries::BT2100 => Primaries::Bt2020,
            _ => Primaries::Srgb,
        },
        _ => Primaries::Srgb,
    };
    Some(HdrToSrgb::new(transfer, primaries, peak))
}
