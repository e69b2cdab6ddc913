//! One image of a file: everything that decoding its strips or tiles needs, checked once.

use super::chunk::{Chunk, Place};
use super::chunks::Chunks;
use super::codec::Codec;
use super::input::{BitOrder, TiffInput};
use super::meaning::{Ink, Meaning};
use super::notes::Notes;
use super::predictor::{Predictor, Restorer};
use super::range::{Counts, FloatScale};
use super::tags::{self, Tag, Tags};
use super::unpack::{Numbers, Role, Scaling, Unpacker};
use super::ycbcr::{self, Subsampling};
use crate::iiif::Size;
use crate::libjpeg::Components;
use crate::source::metadata::Metadata;
use crate::source::samples::Depth;
use crate::source::{DecodeError, FloatRange, Refusal, Warning, WarningCode};
use std::sync::{Arc, OnceLock};

/// Samples that a pixel may have. More are measurements, of which no three are the picture.
const MOST_SAMPLES: u16 = 64;

/// What Zstandard may look back to, in bytes: more than it ever does at its default settings.
const MOST_WINDOW_BYTES: u64 = 128 << 20;

/// What it takes to decode an image.
pub(super) struct Image {
    pub(super) input: Arc<TiffInput>,
    pub(super) chunks: Chunks,
    pub(super) codec: Codec,
    pub(super) bit_order: BitOrder,
    /// The planes that are read, where each sample has one of its own; otherwise the only one.
    pub(super) planes: Vec<usize>,
    pub(super) subsampling: Subsampling,
    pub(super) restorer: Restorer,
    unpacker: Unpacker,
    pub(super) meaning: Meaning,
    /// The roles of the samples of a pixel as they are unpacked; those of planes one by one.
    roles: Vec<Role>,
    /// The range of samples that have one of their own, once it is known.
    scale: OnceLock<FloatScale>,
    pub(super) notes: Notes,
}

impl Image {
    /// Reads and checks everything of a directory but the pixels.
    pub(super) fn read(tags: Tags<'_>, range: FloatRange, metadata: &mut Metadata) -> Result<Self, Refusal> {
        let size = size(tags)?;
        let form = Form::read(tags, metadata)?;
        let unpacker = form.unpacker()?;
        let samples = (form.samples, form.bits);
        let meaning = Meaning::new(tags, form.ink.clone(), samples, unpacker.depth(), metadata)?;
        let planes = if form.is_planar { meaning.kept().to_owned() } else { vec![0] };
        let meaning = if form.is_planar { meaning.of_kept() } else { meaning };
        if form.numbers == Numbers::Signed && range == FloatRange::Standard {
            let text =
                "its samples have a sign: the lowest number of their type was taken as black, the highest as white";
            metadata.warn(WarningCode::SamplesSigned, text);
        }
        let scale = unpacker.scaled().and_then(|(numbers, bits)| FloatScale::new(range, numbers, bits));
        let mut image = Self {
            input: Arc::clone(&tags.structure.input),
            chunks: Chunks::read(tags, size)?,
            bit_order: form.bit_order(tags)?,
            subsampling: form.subsampling(tags)?,
            restorer: form.restorer(tags)?,
            codec: form.codec,
            planes,
            roles: meaning.roles(),
            unpacker,
            meaning,
            scale: scale.map_or_else(OnceLock::new, OnceLock::from),
            notes: Notes::default(),
        };
        image.locate_chunks(tags, if form.is_planar { form.samples } else { 1 })?;
        Ok(image)
    }

    /// Measures, before the first row, what cannot be known otherwise. Reads all strips or tiles.
    pub(super) fn prepare(&self) -> Result<(), DecodeError> {
        if self.unpacker.scaled().is_none() || self.scale.get().is_some() {
            return Ok(());
        }
        let mut counts = Counts::default();
        for row in 0..self.chunks.down() {
            for column in 0..self.chunks.across() {
                Chunk::open(self, Place { column, row }, 0)?.measure(self, &mut counts)?;
            }
        }
        // Another thread would have come to the same result.
        _ = self.scale.set(counts.measured());
        Ok(())
    }

    /// Adds the colors among the samples of a row, as far as they are in the image, to what is measured.
    pub(super) fn measure(&self, row: &[u8], plane: usize, columns: u32, counts: &mut Counts) {
        let roles = self.roles_of(plane);
        let any = FloatScale::standard(Numbers::Floats, 0);
        self.unpacker.each_value(row, |index, value| {
            if index / roles.len() < columns as usize && roles[index % roles.len()] == Role::Color {
                counts.add_sample(value, any);
            }
        });
    }

    /// Makes the samples of a row, which is that of one plane if there are several, 8 or 16 bits wide.
    pub(super) fn unpack(&self, row: &[u8], plane: usize, samples: &mut [u8]) {
        match (self.unpacker.scaled(), self.scale.get()) {
            (Some((numbers, bits)), scale) => {
                let scale = scale.copied().unwrap_or_else(|| FloatScale::standard(numbers, bits));
                let scaling = Scaling { scale, roles: self.roles_of(plane) };
                self.notes.add_floats(self.unpacker.scale(row, samples, &scaling));
            }
            (None, _) => self.unpacker.unpack(row, samples),
        }
    }

    /// The depth of samples as they are unpacked.
    pub(super) fn depth(&self) -> Depth {
        self.unpacker.depth()
    }

    /// Returns what showed only while the pixels were read.
    pub(super) fn warnings(&self) -> Vec<Warning> {
        self.notes.warnings(self.scale.get().copied())
    }

    fn roles_of(&self, plane: usize) -> &[Role] {
        if self.planes.len() > 1 { &self.roles[plane..=plane] } else { &self.roles }
    }

    fn locate_chunks(&mut self, tags: Tags<'_>, planes: u16) -> Result<(), DecodeError> {
        let Self { chunks, codec, subsampling, restorer, .. } = self;
        let row_bytes = packed_row_bytes(chunks.width, *subsampling, restorer);
        let rows_at_once = subsampling.down;
        chunks.locate(tags, planes, codec, |rows| row_bytes.saturating_mul(rows.div_ceil(rows_at_once).into()))
    }

    /// Bytes of one row of a strip or tile as it was before it was compressed, in one plane; where pixels share their
    /// colours, of as many rows as share them.
    pub(super) fn packed_row_bytes(&self) -> u64 {
        packed_row_bytes(self.chunks.width, self.subsampling, &self.restorer)
    }

    /// The memory of what decoding a strip or tile may look back to, in all planes.
    pub(super) fn window_bytes(&self) -> u64 {
        let bytes = self.packed_row_bytes().saturating_mul(self.chunks.height.into());
        if self.codec.has_window() { bytes.min(MOST_WINDOW_BYTES) * self.planes.len() as u64 } else { 0 }
    }

    /// Whether such rows are what is handed out, once their samples are restored.
    pub(super) fn is_direct(&self) -> bool {
        let is_subsampled = self.subsampling != Subsampling::NONE;
        self.planes.len() == 1 && self.unpacker.is_done() && self.meaning.is_plain() && !is_subsampled
    }
}

fn packed_row_bytes(width: u32, subsampling: Subsampling, restorer: &Restorer) -> u64 {
    match subsampling {
        // At most 2^30 pixels of 64 samples of 64 bits.
        Subsampling::NONE => (u64::from(width) * restorer.channels as u64 * u64::from(restorer.bits)).div_ceil(8),
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

/// How the samples of an image are written.
struct Form {
    codec: Codec,
    ink: Ink,
    /// Of each pixel.
    samples: u16,
    bits: u16,
    numbers: Numbers,
    /// Whether each sample of a pixel has a plane of its own.
    is_planar: bool,
}

impl Form {
    fn read(tags: Tags<'_>, metadata: &mut Metadata) -> Result<Self, Refusal> {
        let samples = samples(tags)?;
        let bits = bits(tags, samples)?;
        let ink = Ink::read(tags, samples, bits, metadata)?;
        let is_ycbcr = ink == Ink::YCbCr;
        let codec = Codec::read(tags, if is_ycbcr { Components::YCbCr } else { Components::AsTheyAre })?;
        let is_jpeg = matches!(codec, Codec::Jpeg(_));
        let ink = if is_jpeg && is_ycbcr { Ink::Rgb } else { ink };
        let is_planar = samples > 1 && tags.choice(tags::PLANAR_CONFIGURATION, 1)? == 2;
        if bits != 8 && (is_jpeg || is_ycbcr) {
            return Err(unsupported(format!("{} of {bits} bits", if is_jpeg { "JPEG" } else { "YCbCr pixels" })));
        }
        if codec.is_bilevel() && (bits, samples) != (1, 1) {
            return Err(Refusal::Decode("its compression is one of black and white, and its pixels are others".into()));
        }
        if is_ycbcr && (is_planar || samples != 3) {
            return Err(unsupported("YCbCr pixels in planes, or with more samples"));
        }
        let numbers = numbers(tags, &ink, samples)?;
        Ok(Self { codec, ink, samples, bits, numbers, is_planar })
    }

    fn unpacker(&self) -> Result<Unpacker, Refusal> {
        Unpacker::new(self.numbers, self.bits).ok_or_else(|| {
            let kind = if self.numbers == Numbers::Floats { "floating-point samples" } else { "samples" };
            unsupported(format!("{kind} of {} bits", self.bits))
        })
    }

    fn bit_order(&self, tags: Tags<'_>) -> Result<BitOrder, DecodeError> {
        let is_reversed = tags.choice(tags::FILL_ORDER, 1)? == 2 && !matches!(self.codec, Codec::Jpeg(_));
        Ok(if is_reversed { BitOrder::LowFirst } else { BitOrder::HighFirst })
    }

    fn subsampling(&self, tags: Tags<'_>) -> Result<Subsampling, Refusal> {
        if self.ink != Ink::YCbCr {
            return Ok(Subsampling::NONE);
        }
        ycbcr::check(tags)?;
        Subsampling::read(tags)
    }

    fn restorer(&self, tags: Tags<'_>) -> Result<Restorer, Refusal> {
        let predictor = match tags.choice(tags::PREDICTOR, 1)? {
            _ if !self.codec.has_predictor() => Predictor::None,
            1 => Predictor::None,
            2 if matches!(self.bits, 8 | 16 | 32 | 64) && self.ink != Ink::YCbCr => Predictor::Horizontal,
            3 if self.numbers == Numbers::Floats => Predictor::Floats,
            other => return Err(unsupported(format!("the predictor {other} for samples of {} bits", self.bits))),
        };
        let channels = if self.is_planar { 1 } else { self.samples.into() };
        Ok(Restorer { predictor, order: tags.structure.order, bits: self.bits, channels })
    }
}

fn samples(tags: Tags<'_>) -> Result<u16, Refusal> {
    match tags.choice(tags::SAMPLES_PER_PIXEL, 1)? {
        0 => Err(Refusal::Decode("its `SamplesPerPixel` is 0".into())),
        samples if samples > MOST_SAMPLES => Err(unsupported(format!("{samples} samples for each pixel"))),
        samples => Ok(samples),
    }
}

/// `BitsPerSample`, of which some writers have more values than samples.
fn bits(tags: Tags<'_>, samples: u16) -> Result<u16, Refusal> {
    let mut all = tags.numbers(tags::BITS_PER_SAMPLE, u16::MAX.into())?.unwrap_or_default();
    all.truncate(samples.into());
    let bits = all.first().copied().unwrap_or(1);
    match u16::try_from(bits) {
        _ if all.iter().any(|other| *other != bits) => Err(unsupported("samples of different depths")),
        Ok(bits @ 1..) => Ok(bits),
        _ => Err(Refusal::Decode(format!("its `BitsPerSample` is {bits}").into())),
    }
}

/// `SampleFormat`.
fn numbers(tags: Tags<'_>, ink: &Ink, samples: u16) -> Result<Numbers, Refusal> {
    let mut all = tags.numbers(tags::SAMPLE_FORMAT, u16::MAX.into())?.unwrap_or_default();
    all.truncate(samples.into());
    let format = all.first().copied().unwrap_or(1);
    match format {
        _ if all.iter().any(|other| *other != format) => Err(unsupported("samples of different kinds")),
        // Without a sign, or nobody knows.
        1 | 4 if matches!(ink, Ink::Palette(_)) => Ok(Numbers::Indexes),
        1 | 4 => Ok(Numbers::Whole),
        3 if ink.may_be_float() => Ok(Numbers::Floats),
        2 if ink.has_sign() => Ok(Numbers::Whole),
        2 if ink.may_be_signed() => Ok(Numbers::Signed),
        2 => Err(unsupported("samples that have a sign")),
        5 | 6 => Err(unsupported("complex numbers for samples")),
        _ => Err(unsupported(format!("samples of the format {format} for its colours"))),
    }
}

fn unsupported(what: impl std::fmt::Display) -> Refusal {
    Refusal::Unsupported(format!("a TIFF with {what}"))
}
