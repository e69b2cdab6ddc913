//! A single image within a file: everything needed to decode its strips or tiles, validated up front.

use super::chunks::Chunks;
use super::codec::Codec;
use super::input::{BitOrder, TiffInput};
use super::late_warnings::LateWarnings;
use super::mapping::{Photometric, SampleMapping};
use super::old_jpeg;
use super::predictor::{Predictor, PredictorDecoder};
use super::range::{FloatScale, SampleStats};
use super::sample_format::SampleFormat;
use super::tags::{self, Tag, Tags};
use super::unpack::{Role, Scaling, Unpacker};
use super::ycbcr::{self, Subsampling};
use crate::iiif::Size;
use crate::libjpeg::Components;
use crate::source::metadata::Metadata;
use crate::source::samples::Depth;
use crate::source::{DecodeError, FloatRange, Refusal, Warning, WarningCode};
use std::sync::{Arc, OnceLock};

/// Maximum number of samples per pixel. Files with more contain measurements rather than pictures.
const MAX_SAMPLES: u16 = 64;

/// Everything needed to decode an image.
pub(super) struct Image {
    pub(super) input: Arc<TiffInput>,
    pub(super) chunks: Chunks,
    pub(super) codec: Codec,
    pub(super) bit_order: BitOrder,
    /// Indexes of the planes to read if each sample is stored in its own plane. Contains a single index for
    /// interleaved samples.
    pub(super) planes: Vec<usize>,
    pub(super) subsampling: Subsampling,
    pub(super) predictor_decoder: PredictorDecoder,
    unpacker: Unpacker,
    pub(super) mapping: SampleMapping,
    /// Role of each sample in an unpacked pixel. For planar images, there is one role per plane.
    roles: Vec<Role>,
    /// Scale for floating-point and signed samples, set once it has been determined.
    scale: OnceLock<FloatScale>,
    pub(super) late_warnings: LateWarnings,
}

impl Image {
    /// Reads and validates everything in a directory except the pixels.
    pub(super) fn read(tags: Tags<'_>, range: FloatRange, metadata: &mut Metadata) -> Result<Self, Refusal> {
        let size = size(tags)?;
        let layout = Layout::read(tags, metadata)?;
        let unpacker = layout.unpacker()?;
        let samples = (layout.samples, layout.bits);
        let mapping = SampleMapping::new(tags, layout.photometric.clone(), samples, unpacker.depth(), metadata)?;
        // Planes that aren't displayed aren't even read. This requires two mappings: one to find out which samples are
        // needed, and another for pixels that only contain those samples.
        let planes = if layout.is_planar { mapping.kept().to_owned() } else { vec![0] };
        let mapping = if layout.is_planar { mapping.only_kept() } else { mapping };
        if layout.format == SampleFormat::Signed && range == FloatRange::Standard {
            let text = "its samples are signed: the lowest value of the type was taken as black, the highest as white";
            metadata.warn(WarningCode::SamplesSigned, text);
        }
        let scale = unpacker.scaled().and_then(|(format, bits)| FloatScale::new(range, format, bits));
        let mut image = Self {
            input: Arc::clone(&tags.structure.input),
            chunks: Chunks::read(tags, size)?,
            bit_order: layout.bit_order(tags)?,
            subsampling: layout.subsampling(tags)?,
            predictor_decoder: layout.predictor_decoder(tags)?,
            codec: layout.codec,
            planes,
            roles: mapping.roles(),
            unpacker,
            mapping,
            scale: scale.map_or_else(OnceLock::new, OnceLock::from),
            late_warnings: LateWarnings::default(),
        };
        image.locate_chunks(tags, if layout.is_planar { layout.samples } else { 1 })?;
        Ok(image)
    }

    /// Returns `true` if the sample range has to be measured before reading the first row.
    pub(super) fn has_unknown_range(&self) -> bool {
        self.unpacker.scaled().is_some() && self.scale.get().is_none()
    }

    /// Sets the measured sample range.
    pub(super) fn set_range(&self, stats: SampleStats) {
        // If another thread got here first, it measured the same scale.
        _ = self.scale.set(stats.measured());
    }

    /// Adds a row's color samples to `stats`, ignoring samples past the image's right edge.
    pub(super) fn measure(&self, row: &[u8], plane: usize, columns: u32, stats: &mut SampleStats) {
        let roles = self.roles_in_plane(plane);
        let any = FloatScale::standard(SampleFormat::Float, 0);
        self.unpacker.each_value(row, |index, value| {
            if index / roles.len() < columns as usize && roles[index % roles.len()] == Role::Color {
                stats.add_sample(value, any);
            }
        });
    }

    /// Unpacks a row's samples to 8 or 16 bits. For planar images, the row belongs to a single plane.
    pub(super) fn unpack(&self, row: &[u8], plane: usize, samples: &mut [u8]) {
        match (self.unpacker.scaled(), self.scale.get()) {
            (Some((format, bits)), scale) => {
                let scale = scale.copied().unwrap_or_else(|| FloatScale::standard(format, bits));
                let scaling = Scaling { scale, roles: self.roles_in_plane(plane) };
                self.late_warnings.add_floats(self.unpacker.scale(row, samples, &scaling));
            }
            (None, _) => self.unpacker.unpack(row, samples),
        }
    }

    /// Returns the depth of unpacked samples.
    pub(super) fn depth(&self) -> Depth {
        self.unpacker.depth()
    }

    /// Returns the warnings found while reading pixels.
    pub(super) fn warnings(&self) -> Vec<Warning> {
        self.late_warnings.warnings(self.scale.get().copied())
    }

    fn roles_in_plane(&self, plane: usize) -> &[Role] {
        if self.planes.len() > 1 { &self.roles[plane..=plane] } else { &self.roles }
    }

    fn locate_chunks(&mut self, tags: Tags<'_>, planes: u16) -> Result<(), Refusal> {
        if let Some((offset, bytes)) = old_jpeg::stream(tags)? {
            self.chunks = Chunks::whole(self.chunks.size, offset, bytes);
            return Ok(());
        }
        let Self { chunks, codec, subsampling, predictor_decoder, .. } = self;
        let row_bytes = packed_row_bytes(chunks.width, *subsampling, predictor_decoder);
        let rows_at_once = subsampling.vertical;
        let packed = |rows: u32| row_bytes.saturating_mul(rows.div_ceil(rows_at_once).into());
        Ok(chunks.locate(tags, planes, codec, packed)?)
    }

    /// Returns the number of bytes in one decompressed row of a strip or tile, per plane. With chroma subsampling,
    /// this is a row of units, which spans several rows of pixels.
    pub(super) fn packed_row_bytes(&self) -> u64 {
        packed_row_bytes(self.chunks.width, self.subsampling, &self.predictor_decoder)
    }

    /// Returns the memory needed to decompress a strip or tile in bytes, across all planes.
    pub(super) fn window_bytes(&self) -> u64 {
        let bytes = self.packed_row_bytes().saturating_mul(self.chunks.height.into());
        self.codec.window_bytes(bytes).saturating_mul(self.planes.len() as u64)
    }

    /// Returns `true` if decoded rows don't need unpacking or mapping.
    pub(super) fn is_direct(&self) -> bool {
        let is_subsampled = self.subsampling != Subsampling::NONE;
        self.planes.len() == 1 && self.unpacker.is_direct() && self.mapping.is_plain() && !is_subsampled
    }
}

fn packed_row_bytes(width: u32, subsampling: Subsampling, predictor_decoder: &PredictorDecoder) -> u64 {
    match subsampling {
        // At most 2^30 pixels with 64 samples of 64 bits each.
        Subsampling::NONE => {
            (u64::from(width) * predictor_decoder.channels as u64 * u64::from(predictor_decoder.bits)).div_ceil(8)
        }
        subsampling => subsampling.band_bytes(width),
    }
}

fn size(tags: Tags<'_>) -> Result<Size, Refusal> {
    let side = |tag: Tag| -> Result<u32, DecodeError> {
        let side = tags.number(tag)?.ok_or_else(|| format!("its `{}` is missing", tag.name))?;
        u32::try_from(side).map_err(|_| format!("its `{}` is {side}", tag.name).into())
    };
    Ok(Size::new(side(tags::IMAGE_WIDTH)?, side(tags::IMAGE_LENGTH)?)?)
}

/// Storage layout of an image's samples.
struct Layout {
    codec: Codec,
    photometric: Photometric,
    /// Samples per pixel.
    samples: u16,
    bits: u16,
    format: SampleFormat,
    /// Each sample is stored in its own plane (`PlanarConfiguration` 2).
    is_planar: bool,
}

impl Layout {
    fn read(tags: Tags<'_>, metadata: &mut Metadata) -> Result<Self, Refusal> {
        let samples = samples_per_pixel(tags)?;
        let bits = bits_per_sample(tags, samples)?;
        let photometric = Photometric::read(tags, samples, bits, metadata)?;
        // Like libtiff, treat old-style JPEG as YCbCr even if the tag specifies RGB.
        let is_old_color = old_jpeg::is_used(tags) && samples == 3;
        let is_ycbcr = photometric == Photometric::YCbCr || is_old_color;
        let codec = Codec::read(tags, if is_ycbcr { Components::YCbCr } else { Components::AsTheyAre })?;
        let is_jpeg = matches!(codec, Codec::Jpeg(_));
        // libjpeg converts YCbCr to RGB itself, with smooth upsampling.
        let photometric = if is_jpeg && is_ycbcr { Photometric::Rgb } else { photometric };
        let is_planar = samples > 1 && tags.choice(tags::PLANAR_CONFIGURATION, 1)? == 2;
        if bits != 8 && (is_jpeg || is_ycbcr) {
            return Err(unsupported(format!("{bits}-bit {}", if is_jpeg { "JPEG" } else { "YCbCr pixels" })));
        }
        if codec.is_bilevel() && (bits, samples) != (1, 1) {
            return Err(Refusal::Decode("its compression supports only black-and-white pixels".into()));
        }
        if codec.is_rgb() && (bits != 8 || is_planar || photometric != Photometric::Rgb || !matches!(samples, 3 | 4)) {
            return Err(Refusal::Decode("its compression supports only 8-bit RGB".into()));
        }
        if is_ycbcr && (is_planar || samples != 3) {
            return Err(unsupported("YCbCr pixels in planes, or with more samples"));
        }
        let format = sample_format(tags, &photometric, samples)?;
        Ok(Self { codec, photometric, samples, bits, format, is_planar })
    }

    fn unpacker(&self) -> Result<Unpacker, Refusal> {
        Unpacker::new(self.format, self.bits).ok_or_else(|| {
            let kind = if self.format == SampleFormat::Float { "floating-point samples" } else { "samples" };
            unsupported(format!("{kind} with {} bits", self.bits))
        })
    }

    fn bit_order(&self, tags: Tags<'_>) -> Result<BitOrder, DecodeError> {
        let is_reversed = tags.choice(tags::FILL_ORDER, 1)? == 2 && !matches!(self.codec, Codec::Jpeg(_));
        Ok(if is_reversed { BitOrder::LowFirst } else { BitOrder::HighFirst })
    }

    fn subsampling(&self, tags: Tags<'_>) -> Result<Subsampling, Refusal> {
        if self.photometric != Photometric::YCbCr {
            return Ok(Subsampling::NONE);
        }
        ycbcr::check(tags)?;
        Subsampling::read(tags)
    }

    fn predictor_decoder(&self, tags: Tags<'_>) -> Result<PredictorDecoder, Refusal> {
        let predictor = match tags.choice(tags::PREDICTOR, 1)? {
            _ if !self.codec.has_predictor() => Predictor::None,
            1 => Predictor::None,
            2 if matches!(self.bits, 8 | 16 | 32 | 64) && self.photometric != Photometric::YCbCr => {
                Predictor::Horizontal
            }
            3 if self.format == SampleFormat::Float => Predictor::FloatingPoint,
            other => return Err(unsupported(format!("the predictor {other} for samples of {} bits", self.bits))),
        };
        let channels = if self.is_planar { 1 } else { self.samples.into() };
        Ok(PredictorDecoder { predictor, order: tags.structure.order, bits: self.bits, channels })
    }
}

fn samples_per_pixel(tags: Tags<'_>) -> Result<u16, Refusal> {
    // Some files with old-style JPEG compression only imply this with the number of bit depths.
    let depths =
        if old_jpeg::is_used(tags) { tags.numbers(tags::BITS_PER_SAMPLE, 4)?.map_or(1, |all| all.len()) } else { 1 };
    match tags.choice(tags::SAMPLES_PER_PIXEL, u16::try_from(depths).unwrap_or(1))? {
        0 => Err(Refusal::Decode("its `SamplesPerPixel` is 0".into())),
        samples if samples > MAX_SAMPLES => Err(unsupported(format!("{samples} samples for each pixel"))),
        samples => Ok(samples),
    }
}

/// Reads `BitsPerSample`. Some writers list more values than there are samples.
fn bits_per_sample(tags: Tags<'_>, samples: u16) -> Result<u16, Refusal> {
    let mut all = tags.numbers(tags::BITS_PER_SAMPLE, u16::MAX.into())?.unwrap_or_default();
    all.truncate(samples.into());
    let bits = all.first().copied().unwrap_or(1);
    match u16::try_from(bits) {
        _ if all.iter().any(|other| *other != bits) => Err(unsupported("samples of different depths")),
        Ok(bits @ 1..) => Ok(bits),
        _ => Err(Refusal::Decode(format!("its `BitsPerSample` is {bits}").into())),
    }
}

/// Reads `SampleFormat`.
fn sample_format(tags: Tags<'_>, photometric: &Photometric, samples: u16) -> Result<SampleFormat, Refusal> {
    let mut all = tags.numbers(tags::SAMPLE_FORMAT, u16::MAX.into())?.unwrap_or_default();
    all.truncate(samples.into());
    let format = all.first().copied().unwrap_or(1);
    match format {
        _ if all.iter().any(|other| *other != format) => Err(unsupported("samples of different kinds")),
        // Unsigned, or undefined, which readers treat as unsigned.
        1 | 4 if matches!(photometric, Photometric::Palette(_)) => Ok(SampleFormat::Index),
        1 | 4 => Ok(SampleFormat::Unsigned),
        3 if photometric.may_be_float() => Ok(SampleFormat::Float),
        2 if photometric.has_sign() => Ok(SampleFormat::Unsigned),
        2 if photometric.may_be_signed() => Ok(SampleFormat::Signed),
        2 => Err(unsupported("signed samples")),
        5 | 6 => Err(unsupported("complex numbers for samples")),
        _ => Err(unsupported(format!("samples of format {format} for its colors"))),
    }
}

fn unsupported(what: impl std::fmt::Display) -> Refusal {
    Refusal::Unsupported(format!("a TIFF with {what}"))
}
