//! Looks up tags in a directory by name.

use super::structure::{Directory, Structure};
use crate::source::DecodeError;

/// A tag's number and name.
#[derive(Clone, Copy)]
pub(super) struct Tag {
    number: u16,
    /// Name used in the specification.
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
    IMAGE_DESCRIPTION = 270 "ImageDescription",
    STRIP_OFFSETS = 273 "StripOffsets",
    ORIENTATION = 274 "Orientation",
    SAMPLES_PER_PIXEL = 277 "SamplesPerPixel",
    ROWS_PER_STRIP = 278 "RowsPerStrip",
    STRIP_BYTE_COUNTS = 279 "StripByteCounts",
    X_RESOLUTION = 282 "XResolution",
    Y_RESOLUTION = 283 "YResolution",
    PLANAR_CONFIGURATION = 284 "PlanarConfiguration",
    PAGE_NAME = 285 "PageName",
    T4_OPTIONS = 292 "T4Options",
    T6_OPTIONS = 293 "T6Options",
    RESOLUTION_UNIT = 296 "ResolutionUnit",
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
    JPEG_INTERCHANGE_FORMAT = 513 "JPEGInterchangeFormat",
    YCBCR_COEFFICIENTS = 529 "YCbCrCoefficients",
    YCBCR_SUBSAMPLING = 530 "YCbCrSubSampling",
    REFERENCE_BLACK_WHITE = 532 "ReferenceBlackWhite",
    XMP = 700 "XMP",
    ICC_PROFILE = 34675 "InterColorProfile",
}

/// A directory's tags.
#[derive(Clone, Copy)]
pub(super) struct Tags<'a> {
    pub(super) structure: &'a Structure,
    pub(super) directory: &'a Directory,
}

impl Tags<'_> {
    /// Returns a tag's first value.
    pub(super) fn number(self, tag: Tag) -> Result<Option<u64>, DecodeError> {
        // Some writers store one value per sample even for tags with a single value.
        Ok(self.numbers(tag, u16::MAX.into())?.and_then(|numbers| numbers.first().copied()))
    }

    /// Returns a 16-bit enumeration tag's first value, or `default` if the tag is missing.
    pub(super) fn choice(self, tag: Tag, default: u16) -> Result<u16, DecodeError> {
        let number = self.number(tag)?.unwrap_or(default.into());
        u16::try_from(number).map_err(|_| format!("its `{}` is {number}", tag.name).into())
    }

    /// Returns all of a tag's values. Fails if there are more than `max`.
    pub(super) fn numbers(self, tag: Tag, max: u64) -> Result<Option<Vec<u64>>, DecodeError> {
        let Some(entry) = self.directory.entry(tag.number) else { return Ok(None) };
        let numbers = self.structure.numbers(entry, max).map_err(|cause| unreadable(tag, cause))?;
        // Callers pass the maximum because they know how many values are plausible. The count in the file can't be
        // trusted for allocations: four bytes can claim gigabytes.
        let wrong = || format!("its `{}` is not a list of up to {max} numbers", tag.name).into();
        numbers.ok_or_else(wrong).map(Some)
    }

    /// Returns `true` if the directory contains the tag.
    pub(super) fn has(self, tag: Tag) -> bool {
        self.directory.entry(tag.number).is_some()
    }

    /// Returns up to `count` of a tag's values, starting with the first. Some writers list more strips than the image
    /// has.
    pub(super) fn first_numbers(self, tag: Tag, count: u64) -> Result<Option<Vec<u64>>, DecodeError> {
        let Some(entry) = self.directory.entry(tag.number) else { return Ok(None) };
        let numbers = self.structure.first_numbers(entry, count).map_err(|cause| unreadable(tag, cause))?;
        numbers.ok_or_else(|| format!("its `{}` is not a list of numbers", tag.name).into()).map(Some)
    }

    /// Returns all of a tag's values, or `None` if they aren't fractions.
    pub(super) fn fractions(self, tag: Tag, max: u64) -> Result<Option<Vec<f64>>, DecodeError> {
        let Some(entry) = self.directory.entry(tag.number) else { return Ok(None) };
        self.structure.fractions(entry, max).map_err(|cause| unreadable(tag, cause))
    }

    /// Returns the total size of a tag's values in bytes.
    pub(super) fn size(self, tag: Tag) -> Option<u64> {
        self.directory.entry(tag.number).and_then(Structure::size)
    }

    /// Returns a tag's raw bytes. Fails if there are more than `max`.
    pub(super) fn bytes(self, tag: Tag, max: u64) -> Result<Option<Vec<u8>>, DecodeError> {
        let Some(entry) = self.directory.entry(tag.number) else { return Ok(None) };
        let bytes = self.structure.content(entry, max).map_err(|cause| unreadable(tag, cause))?;
        let wrong = || format!("its `{}` is longer than {max} bytes", tag.name).into();
        bytes.ok_or_else(wrong).map(Some)
    }
}

/// Returned when a tag's values lie outside the file.
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
