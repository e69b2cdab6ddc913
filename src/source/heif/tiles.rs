//! Splits an image into its grid of coded images. Large images are stored this way. A single coded image is treated as
//! a 1 x 1 grid.

use super::boxes::Numbers;
use super::codec::{Codec, DecodeResult};
use super::codecs::codec_of_items;
use super::items::{Item, Items};
use super::properties::{CodecConfiguration, ColorNumbers, Property, SampleFormat};
use super::{DecodeError, Input, Refusal};
use std::ops::Range;

/// Maximum size of a grid description, in bytes.
const MAX_GRID_BYTES: u64 = 12;

/// A grid of coded images that share the same size and format.
pub(super) struct Tiles {
    pub(super) columns: u32,
    pub(super) rows: u32,
    /// Width and height of each coded image in pixels.
    pub(super) tile: (u32, u32),
    /// Width and height of the image in pixels. Tiles on the right and bottom can extend past it.
    pub(super) size: (u32, u32),
    pub(super) codec: &'static Codec,
    configuration: CodecConfiguration,
    /// Extents of each coded image, from left to right and top to bottom.
    extents: Vec<Vec<Range<u64>>>,
}

impl Tiles {
    /// Finds an item's coded images.
    pub(super) fn of(items: &Items, id: u32, file: &Input) -> Result<Self, Refusal> {
        let item = items.item(id)?;
        if &item.kind == b"grid" {
            return Self::grid(items, id, file);
        }
        let codec = codec_of_items(item.kind, items.container)?;
        let (size, configuration) = coded(items, item)?;
        check(file, &item.extents)?;
        let (configuration, extents) = (configuration.clone(), vec![item.extents.clone()]);
        Ok(Self { columns: 1, rows: 1, tile: size, size, codec, configuration, extents })
    }

    fn grid(items: &Items, id: u32, file: &Input) -> Result<Self, Refusal> {
        let description = read(file, &items.item(id)?.extents, MAX_GRID_BYTES)?;
        let mut numbers = Numbers(&description);
        numbers.byte()?;
        let is_large = numbers.byte()? & 1 == 1;
        let (rows, columns) = (u32::from(numbers.byte()?) + 1, u32::from(numbers.byte()?) + 1);
        let mut next = || if is_large { numbers.long() } else { numbers.short().map(u32::from) };
        let size = (next()?, next()?);
        let tiles = items.references(*b"dimg", id);
        if tiles.len() != (rows * columns) as usize {
            return Err(Refusal::Decode("its grid does not have as many images as cells".into()));
        }
        let first = items.item(tiles[0])?;
        let codec = codec_of_items(first.kind, items.container)?;
        let (tile, configuration) = coded(items, first)?;
        let mut extents = Vec::new();
        for id in tiles {
            let item = items.item(*id)?;
            if item.kind != first.kind || coded(items, item)? != (tile, configuration) {
                return Err(Refusal::Decode(
                    "the images of its grid do not have the same size and codec configuration".into(),
                ));
            }
            check(file, &item.extents)?;
            extents.push(item.extents.clone());
        }
        let covers = |cells: u32, tile: u32, side: u32| u64::from(cells) * u64::from(tile) >= u64::from(side);
        let is_needed = |cells: u32, tile: u32, side: u32| u64::from(cells - 1) * u64::from(tile) < u64::from(side);
        for (cells, tile, side) in [(columns, tile.0, size.0), (rows, tile.1, size.1)] {
            if !covers(cells, tile, side) || !is_needed(cells, tile, side) {
                return Err(Refusal::Decode("its grid does not have the size of its images".into()));
            }
        }
        Ok(Self { columns, rows, tile, size, codec, configuration: configuration.clone(), extents })
    }

    /// Returns the color numbers in the codec configuration.
    pub(super) fn color(&self) -> Option<ColorNumbers> {
        (self.codec.color)(&self.configuration)
    }

    /// Returns the sample format of the coded images.
    pub(super) fn format(&self) -> SampleFormat {
        self.configuration.format
    }

    /// Returns the length of the longest coded image in bytes.
    pub(super) fn max_coded_bytes(&self) -> u64 {
        self.extents.iter().map(|extents| length(extents)).max().unwrap_or(0)
    }

    /// Reads and decodes a coded image.
    pub(super) fn decode(&self, file: &Input, (column, row): (u32, u32)) -> DecodeResult {
        let extents = self.extents.get((row * self.columns + column) as usize).ok_or("its grid has no such row")?;
        (self.codec.decode)(read(file, extents, file.length())?, self.tile, &self.configuration)
    }
}

/// Returns a coded image's size and codec configuration.
fn coded<'a>(items: &'a Items, item: &Item) -> Result<((u32, u32), &'a CodecConfiguration), Refusal> {
    let (mut size, mut configuration) = (None, None);
    for property in items.properties(item)? {
        match property {
            Property::Size(width, height) => size = Some((*width, *height)),
            Property::Codec(Ok(one)) => configuration = Some(one),
            Property::Codec(Err(cause)) => return Err(Refusal::Decode(cause.as_str().into())),
            _ => {}
        }
    }
    size.zip(configuration).filter(|((width, height), _)| *width > 0 && *height > 0).ok_or_else(|| {
        Refusal::Decode("one of its images has no size (`ispe`) or no codec configuration (`av1C`, `hvcC`)".into())
    })
}

fn length(extents: &[Range<u64>]) -> u64 {
    extents.iter().map(|extent| extent.end.saturating_sub(extent.start)).fold(0, u64::saturating_add)
}

/// Fails if any extent is outside the file.
fn check(file: &Input, extents: &[Range<u64>]) -> Result<(), DecodeError> {
    let is_beyond = extents.iter().any(|extent| extent.end > file.length() || extent.start > extent.end);
    if is_beyond || length(extents) > file.length() {
        return Err("one of its items reaches beyond the end of the file".into());
    }
    Ok(())
}

/// Reads all of an item's extents, which must not exceed `limit` bytes in total.
fn read(file: &Input, extents: &[Range<u64>], limit: u64) -> Result<Vec<u8>, DecodeError> {
    check(file, extents)?;
    let bytes = length(extents);
    if bytes > limit {
        return Err("one of its items is longer than it should be".into());
    }
    let mut content = vec![0; usize::try_from(bytes)?];
    let mut rest = &mut content[..];
    for extent in extents {
        let (now, later) = rest.split_at_mut(usize::try_from(extent.end.saturating_sub(extent.start))?);
        file.read_exact_at(extent.start, now)?;
        rest = later;
    }
    Ok(content)
}
