//! The tags of one image, by their names.

use super::structure::{Directory, Structure};
use crate::source::DecodeError;

/// A tag.
#[derive(Clone, Copy)]
pub(super) struct Tag {
    number: u16,
    /// As the specification calls it.
    pub(super) name: &'static str,
}

macro_rules! tags {
    ($($constant:ident = $number:literal $name:literal,)*) => {
        $(pub(super) const $constant: Tag = Tag { number: $number, name: $name };)*
    };
}

tags! {
    NEW_SUBFILE_TYPE = 254 "NewSubfileType",
    SUBFILE_TYPE = 255 "SubfileType",
    IMAGE_WIDTH = 256 "ImageWidth",
    IMAGE_LENGTH = 257 "ImageLength",
    BITS_PER_SAMPLE = 258 "BitsPerSample",
    COMPRESSION = 259 "Compression",
    PHOTOMETRIC = 262 "PhotometricInterpretation",
    FILL_ORDER = 266 "FillOrder",
    STRIP_OFFSETS = 273 "StripOffsets",
    ORIENTATION = 274 "Orientation",
    SAMPLES_PER_PIXEL = 277 "SamplesPerPixel",
    ROWS_PER_STRIP = 278 "RowsPerStrip",
    STRIP_BYTE_COUNTS = 279 "StripByteCounts",
    PLANAR_CONFIGURATION = 284 "PlanarConfiguration",
    T4_OPTIONS = 292 "T4Options",
    T6_OPTIONS = 293 "T6Options",
    PREDICTOR = 317 "Predictor",
    COLOR_MAP = 320 "ColorMap",
    TILE_WIDTH = 322 "TileWidth",
    TILE_LENGTH = 323 "TileLength",
    TILE_OFFSETS = 324 "TileOffsets",
    TILE_BYTE_COUNTS = 325 "TileByteCounts",
    SUB_IFDS = 330 "SubIFDs",
    INK_SET = 332 "InkSet",
    EXTRA_SAMPLES = 338 "ExtraSamples",
    SAMPLE_FORMAT = 339 "SampleFormat",
    JPEG_TABLES = 347 "JPEGTables",
    YCBCR_COEFFICIENTS = 529 "YCbCrCoefficients",
    YCBCR_SUBSAMPLING = 530 "YCbCrSubSampling",
    REFERENCE_BLACK_WHITE = 532 "ReferenceBlackWhite",
    XMP = 700 "XMP",
    ICC_PROFILE = 34675 "InterColorProfile",
}

/// The tags of one directory.
#[derive(Clone, Copy)]
pub(super) struct Tags<'a> {
    pub(super) structure: &'a Structure,
    pub(super) directory: &'a Directory,
}

impl Tags<'_> {
    /// The first value of a tag.
    pub(super) fn number(self, tag: Tag) -> Result<Option<u64>, DecodeError> {
        // More than one are seen where samples have one each, which is not for whom asks for one.
        Ok(self.numbers(tag, u16::MAX.into())?.and_then(|numbers| numbers.first().copied()))
    }

    /// The first value of a tag that fits 16 bits, as those do that stand for a choice; or what stands for none.
    pub(super) fn choice(self, tag: Tag, default: u16) -> Result<u16, DecodeError> {
        let number = self.number(tag)?.unwrap_or(default.into());
        u16::try_from(number).map_err(|_| format!("its `{}` is {number}", tag.name).into())
    }

    /// All values of a tag, whose entry may have `most`.
    pub(super) fn numbers(self, tag: Tag, most: u64) -> Result<Option<Vec<u64>>, DecodeError> {
        let Some(entry) = self.directory.entry(tag.number) else { return Ok(None) };
        let numbers = self.structure.numbers(entry, most).map_err(|cause| unreadable(tag, cause))?;
        let wrong = || format!("its `{}` is not a list of up to {most} numbers", tag.name).into();
        numbers.ok_or_else(wrong).map(Some)
    }

    /// Returns `true` if the directory has a tag.
    pub(super) fn has(self, tag: Tag) -> bool {
        self.directory.entry(tag.number).is_some()
    }

    /// Returns the first values of a tag, at most `count`. Some writers have more strips than rows need.
    pub(super) fn first_numbers(self, tag: Tag, count: u64) -> Result<Option<Vec<u64>>, DecodeError> {
        let Some(entry) = self.directory.entry(tag.number) else { return Ok(None) };
        let numbers = self.structure.first_numbers(entry, count).map_err(|cause| unreadable(tag, cause))?;
        numbers.ok_or_else(|| format!("its `{}` is not a list of numbers", tag.name).into()).map(Some)
    }

    /// All values of a tag that has fractions; `None` also where it has others.
    pub(super) fn fractions(self, tag: Tag, most: u64) -> Result<Option<Vec<f64>>, DecodeError> {
        let Some(entry) = self.directory.entry(tag.number) else { return Ok(None) };
        self.structure.fractions(entry, most).map_err(|cause| unreadable(tag, cause))
    }

    /// The size of a tag's values in bytes.
    pub(super) fn size(self, tag: Tag) -> Option<u64> {
        self.directory.entry(tag.number).and_then(Structure::size)
    }

    /// The bytes of a tag, which may be `most`.
    pub(super) fn bytes(self, tag: Tag, most: u64) -> Result<Option<Vec<u8>>, DecodeError> {
        let Some(entry) = self.directory.entry(tag.number) else { return Ok(None) };
        let bytes = self.structure.content(entry, most).map_err(|cause| unreadable(tag, cause))?;
        let wrong = || format!("its `{}` is longer than {most} bytes", tag.name).into();
        bytes.ok_or_else(wrong).map(Some)
    }
}

/// A tag whose values stand where the file has none.
#[derive(Debug, thiserror::Error)]
#[error("could not read its `{tag}`")]
struct Unreadable {
    tag: &'static str,
    #[source]
    cause: DecodeError,
}

fn unreadable(tag: Tag, cause: DecodeError) -> DecodeError {
    Unreadable { tag: tag.name, cause }.into()
}
