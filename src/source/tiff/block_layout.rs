//! Finds out whether all strips or tiles of a JPEG-compressed image are parts of one arrangement of blocks.

use super::codec::Codec;
use super::decompressor::Jpeg;
use super::image::Image;
use super::jpeg;
use super::{MAX_HELD_ROWS, input::BitOrder};
use crate::pixel::BlockLayout;
use std::io::Read;

/// Number of bytes at the start of a JPEG stream in which its scan must begin. Tables take up about 600 bytes.
const HEAD_BYTES: usize = 2048;

/// Markers of the segments that decide about the blocks (T.81, table B.1).
const START_OF_IMAGE: u8 = 0xd8;
const BASELINE: u8 = 0xc0;
const EXTENDED: u8 = 0xc1;
const START_OF_SCAN: u8 = 0xda;
const QUANT_TABLES: u8 = 0xdb;
/// Frames other than [`BASELINE`] and [`EXTENDED`]. Huffman tables, extensions and arithmetic conditioning are between
/// their markers.
const OTHER_FRAMES: [u8; 11] = [0xc2, 0xc3, 0xc5, 0xc6, 0xc7, 0xc9, 0xca, 0xcb, 0xcd, 0xce, 0xcf];

/// Returns the arrangement of the image's blocks, or `None` if tiles can't be cut from them.
///
/// All strips or tiles must consist of whole MCUs and have the same quantization tables and sampling factors. Compares
/// the headers of all of them, unless the file is remote and they have no tables of their own.
pub(super) fn block_layout(image: &Image) -> Option<BlockLayout> {
    let Codec::Jpeg(jpeg) = &image.codec else { return None };
    let chunks = &image.chunks;
    // Tall strips are decoded row by row, which only works with blocks if a single stream has all of them.
    let is_held = !chunks.is_strips() || chunks.height <= MAX_HELD_ROWS || chunks.chunks_down() == 1;
    if !image.is_direct() || !is_held {
        return None;
    }
    let first = jpeg::open_stream(jpeg, image.jpeg_extent(0), chunks.width, 1..=chunks.height).ok()?;
    let layout = BlockLayout { size: chunks.size, ..first.block_layout()? };
    let (across, down) = layout.mcu();
    let is_whole = (chunks.chunks_across() == 1 || chunks.width.is_multiple_of(across))
        && (chunks.chunks_down() == 1 || chunks.height.is_multiple_of(down));
    (is_whole && layout.components.len() == image.predictor_decoder.channels && have_same_tables(image, jpeg))
        .then_some(layout)
}

/// Returns `true` if all strips or tiles have the tables and sampling factors of the first one.
fn have_same_tables(image: &Image, jpeg: &Jpeg) -> bool {
    let shared =
        jpeg.tables.as_deref().map_or_else(|| Some(StreamHead::default()), |tables| StreamHead::default().read(tables));
    let Some(shared) = shared else { return false };
    let head = |index: usize| {
        let mut bytes = Vec::with_capacity(HEAD_BYTES);
        image.jpeg_extent(index).take(HEAD_BYTES as u64).read_to_end(&mut bytes).ok()?;
        shared.clone().read(&bytes).filter(StreamHead::is_sequential)
    };
    let Some(first) = head(0) else { return false };
    if image.input.is_remote() {
        // Looking at each header would fetch the whole file. Streams without tables all have the shared ones; if one
        // of them has others, decoding fails.
        return !first.has_own_tables;
    }
    (1..image.chunks.count()).all(|index| head(index).is_some_and(|head| head.has_same_blocks(&first)))
}

/// Segments of a JPEG stream that decide about its blocks.
#[derive(Clone, Default)]
struct StreamHead {
    /// Quantization tables as stored, by number.
    tables: [Option<Vec<u8>>; 4],
    has_own_tables: bool,
    /// Marker of the frame.
    frame: u8,
    /// Sampling factors and number of the quantization table of each component.
    components: Vec<(u8, usize)>,
    /// Number of components in the first scan.
    scan_components: usize,
}

impl StreamHead {
    /// Adds the segments up to the first scan. Returns `None` if they are damaged.
    fn read(mut self, stream: &[u8]) -> Option<Self> {
        self.has_own_tables = false;
        let mut rest = stream.strip_prefix(&[0xff, START_OF_IMAGE])?;
        while let [0xff, marker, high, low, after @ ..] = rest {
            let length = usize::from(u16::from_be_bytes([*high, *low])).checked_sub(2)?;
            let (content, after) = after.split_at_checked(length)?;
            match *marker {
                QUANT_TABLES => self.read_tables(content)?,
                frame @ (BASELINE | EXTENDED) => self.read_frame(frame, content)?,
                frame if OTHER_FRAMES.contains(&frame) => return None,
                START_OF_SCAN => {
                    self.scan_components = usize::from(*content.first()?);
                    break;
                }
                _ => {}
            }
            rest = after;
        }
        Some(self)
    }

    fn read_tables(&mut self, mut content: &[u8]) -> Option<()> {
        self.has_own_tables = true;
        while let [kind, rest @ ..] = content {
            // The high half is the precision: one or two bytes per step.
            let (table, rest) = rest.split_at_checked(if kind >> 4 == 0 { 64 } else { 128 })?;
            *self.tables.get_mut(usize::from(kind & 0xf))? = Some(table.to_owned());
            content = rest;
        }
        Some(())
    }

    fn read_frame(&mut self, frame: u8, content: &[u8]) -> Option<()> {
        self.frame = frame;
        // Precision, height, width and number of components are followed by three bytes for each component.
        let components = content.get(6..)?.as_chunks::<3>().0;
        self.components = components.iter().map(|[_, factors, table]| (*factors, usize::from(*table))).collect();
        Some(())
    }

    /// Returns `true` if a sequential frame has all of its components in one scan.
    fn is_sequential(&self) -> bool {
        self.frame != 0 && self.scan_components == self.components.len()
    }

    fn has_same_blocks(&self, other: &Self) -> bool {
        let blocks = |head: &Self| -> Vec<_> {
            let table = |number: usize| head.tables.get(number).cloned().flatten();
            head.components.iter().map(|(factors, number)| (*factors, table(*number))).collect()
        };
        blocks(self) == blocks(other)
    }
}

impl Image {
    /// Returns a reader for the JPEG stream of a strip or tile.
    pub(super) fn jpeg_extent(&self, index: usize) -> super::input::Extent {
        self.chunks.extent(&self.input, index, 0, BitOrder::HighFirst)
    }
}
