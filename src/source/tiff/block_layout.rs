//! Checks whether all strips or tiles of a JPEG-compressed image can be combined into a single block layout.

use super::codec::Codec;
use super::decompressor::Jpeg;
use super::image::Image;
use super::jpeg;
use super::{MAX_HELD_ROWS, input::BitOrder};
use crate::pixel::BlockLayout;
use std::io::Read;

/// Number of bytes to search for the start of the scan in a JPEG stream. Tables take up about 600 bytes.
const HEAD_BYTES: usize = 2048;

/// Markers of segments that affect the blocks (T.81, table B.1).
const START_OF_IMAGE: u8 = 0xd8;
const BASELINE: u8 = 0xc0;
const EXTENDED: u8 = 0xc1;
const START_OF_SCAN: u8 = 0xda;
const QUANT_TABLES: u8 = 0xdb;
/// Frame markers other than [`BASELINE`] and [`EXTENDED`]. The gaps are markers for Huffman tables, extensions and
/// arithmetic conditioning.
const OTHER_FRAMES: [u8; 11] = [0xc2, 0xc3, 0xc5, 0xc6, 0xc7, 0xc9, 0xca, 0xcb, 0xcd, 0xce, 0xcf];

/// Returns the image's block layout, or `None` if tiles can't be cut from its blocks.
///
/// All strips or tiles must consist of whole MCUs and have the same quantization tables and sampling factors. Compares
/// all of their headers, unless the file is remote and they use the shared tables.
pub(super) fn block_layout(image: &Image) -> Option<BlockLayout> {
    let Codec::Jpeg(jpeg) = &image.codec else { return None };
    let chunks = &image.chunks;
    // Tall strips are decoded row by row. Their blocks are only available if the image is a single strip.
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

/// Returns `true` if all strips or tiles have the same tables and sampling factors as the first.
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
        // Checking every header would fetch the whole file. Streams without tables use the shared tables. If a later
        // stream has its own tables anyway, decoding fails.
        return !first.has_own_tables;
    }
    (1..image.chunks.count()).all(|index| head(index).is_some_and(|head| head.has_same_blocks(&first)))
}

/// Segments of a JPEG stream that affect its blocks.
#[derive(Clone, Default)]
struct StreamHead {
    /// Quantization tables as stored, indexed by table number.
    tables: [Option<Vec<u8>>; 4],
    has_own_tables: bool,
    /// Frame marker.
    frame: u8,
    /// Sampling factors and quantization table number of each component.
    components: Vec<(u8, usize)>,
    /// Number of components in the first scan.
    scan_components: usize,
}

impl StreamHead {
    /// Adds the segments up to the first scan. Returns `None` if they're damaged.
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
            // The upper four bits specify the precision, which is one or two bytes per step.
            let (table, rest) = rest.split_at_checked(if kind >> 4 == 0 { 64 } else { 128 })?;
            *self.tables.get_mut(usize::from(kind & 0xf))? = Some(table.to_owned());
            content = rest;
        }
        Some(())
    }

    fn read_frame(&mut self, frame: u8, content: &[u8]) -> Option<()> {
        self.frame = frame;
        // The precision, height, width and number of components come first, followed by three bytes per component.
        let components = content.get(6..)?.as_chunks::<3>().0;
        self.components = components.iter().map(|[_, factors, table]| (*factors, usize::from(*table))).collect();
        Some(())
    }

    /// Returns `true` if the frame is sequential and has all of its components in a single scan.
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
    /// Returns a reader for a strip's or tile's JPEG stream.
    pub(super) fn jpeg_extent(&self, index: usize) -> super::input::Extent {
        self.chunks.extent(&self.input, index, 0, BitOrder::HighFirst)
    }
}
