//! The blocks of a JPEG on their way from the file to tiles: no pixel is computed, and nothing is lost.

use super::StripBuffer;
use crate::iiif::{Cell, ScaleFactor, Size};
use std::sync::Arc;

/// The side of a block, in samples.
const SIDE: u32 = 8;

/// 8 x 8 samples of one component as a JPEG has them: quantised coefficients, row by row (not in zigzag). Aligned as the vector
/// code of libjpeg wants it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C, align(32))]
pub struct Block(pub [i16; 64]);

impl Default for Block {
    fn default() -> Self {
        Self([0; 64])
    }
}

/// One component of a JPEG: luma, or one of the colour differences.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Component {
    /// Blocks of an MCU beside each other.
    pub across: u32,
    /// Blocks of an MCU above each other.
    pub down: u32,
    /// What coefficients are multiples of, as [`Block`] has them.
    pub steps: [u16; 64],
}

/// How the blocks of a JPEG make up its pixels (ITU-T T.81, A.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockLayout {
    /// The size of the image, in pixels.
    pub size: Size,
    /// One for grey, or three.
    pub components: Vec<Component>,
}

impl BlockLayout {
    fn most(&self, factor: impl Fn(&Component) -> u32) -> u32 {
        self.components.iter().map(factor).max().unwrap_or(1)
    }

    /// The pixels that an MCU covers, across and down.
    #[must_use]
    pub fn mcu(&self) -> (u32, u32) {
        (SIDE * self.most(|it| it.across), SIDE * self.most(|it| it.down))
    }

    /// Blocks beside each other in a row of a component, those included that only fill the last MCU.
    #[must_use]
    pub fn row_blocks(&self, component: usize) -> usize {
        let mcus = self.size.width().div_ceil(self.mcu().0);
        mcus as usize * self.components[component].across as usize
    }

    /// Blocks of all components in one row of MCUs.
    #[must_use]
    pub fn mcu_row_blocks(&self) -> usize {
        self.components.iter().enumerate().map(|(index, it)| self.row_blocks(index) * it.down as usize).sum()
    }

    /// Where the rows of a component begin among the blocks of a row of MCUs: component by component, row by row.
    #[must_use]
    pub fn first_block(&self, component: usize) -> usize {
        (0..component).map(|index| self.row_blocks(index) * self.components[index].down as usize).sum()
    }

    /// Blocks of a strip of so many rows of pixels, a whole number of MCUs.
    #[must_use]
    pub fn strip_blocks(&self, rows: u32) -> usize {
        rows.div_ceil(self.mcu().1) as usize * self.mcu_row_blocks()
    }

    /// Blocks that stand for so many pixels of a component, across and down.
    #[must_use]
    pub fn blocks_of(&self, component: usize, size: Size) -> (u32, u32) {
        let ((across, down), it) = (self.mcu(), &self.components[component]);
        ((size.width() * it.across).div_ceil(across), (size.height() * it.down).div_ceil(down))
    }
}

/// The blocks of one row of tiles of the full size.
#[derive(Debug)]
pub struct BlockStrip {
    /// Which row of tiles, from 0.
    pub row: u32,
    /// As wide as the image, in pixels.
    pub size: Size,
    /// How they lie.
    pub layout: Arc<BlockLayout>,
    blocks: StripBuffer<Block>,
}

impl BlockStrip {
    /// A strip whose blocks fill the beginning of `blocks`, one row of MCUs after the other.
    #[must_use]
    pub fn new(row: u32, size: Size, layout: Arc<BlockLayout>, blocks: StripBuffer<Block>) -> Self {
        Self { row, size, layout, blocks }
    }
}

/// One tile: a view of the strip that holds its blocks.
#[derive(Clone, Debug)]
pub struct BlockTile {
    /// Where it stands.
    pub cell: Cell,
    /// What it measures, in pixels.
    pub size: Size,
    strip: Arc<BlockStrip>,
    x: u32,
}

impl BlockTile {
    /// The tile in `column` of a strip whose tiles are `tile_size` pixels wide, a whole number of MCUs; `None` beyond the right
    /// edge.
    #[must_use]
    pub fn cut(strip: &Arc<BlockStrip>, column: u32, tile_size: u32) -> Option<Self> {
        let x = column.checked_mul(tile_size)?;
        let width = strip.size.width().checked_sub(x)?.min(tile_size);
        Some(Self {
            cell: Cell { scale: ScaleFactor::ONE, column, row: strip.row },
            size: Size::new(width, strip.size.height()).ok()?,
            strip: Arc::clone(strip),
            x,
        })
    }

    /// How the blocks of the whole image lie.
    #[must_use]
    pub fn layout(&self) -> &BlockLayout {
        &self.strip.layout
    }

    /// A row of blocks of a component, counted from the top of the tile.
    #[must_use]
    pub fn row(&self, component: usize, row: u32) -> &[Block] {
        let layout = self.layout();
        let (it, count) = (&layout.components[component], layout.blocks_of(component, self.size).0);
        let above = (row / it.down) as usize * layout.mcu_row_blocks();
        let above = above + layout.first_block(component) + (row % it.down) as usize * layout.row_blocks(component);
        let first = above + (self.x / layout.mcu().0 * it.across) as usize;
        &self.strip.blocks.items()[first..first + count as usize]
    }
}
