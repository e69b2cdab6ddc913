//! JPEG blocks on their way from the file to tiles. No pixel is decoded, so nothing is lost.

use super::StripBuffer;
use crate::iiif::{Cell, ScaleFactor, Size};
use std::sync::Arc;

/// The side of a block, in samples.
const SIDE: u32 = 8;

/// One block of a JPEG component: the quantized coefficients of 8 x 8 samples.
///
/// The coefficients are in row order, not in zigzag order. The alignment is the one that libjpeg's SIMD code requires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C, align(32))]
pub struct Block(pub [i16; 64]);

impl Default for Block {
    fn default() -> Self {
        Self([0; 64])
    }
}

/// One component of a JPEG: luma or a color difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Component {
    /// The horizontal sampling factor: blocks per MCU side by side.
    pub h_samp: u32,
    /// The vertical sampling factor: blocks per MCU on top of each other.
    pub v_samp: u32,
    /// The quantization table, in the order of [`Block`].
    pub quant_table: [u16; 64],
}

/// The arrangement of the blocks of a JPEG (ITU-T T.81, A.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockLayout {
    /// The size of the image, in pixels.
    pub size: Size,
    /// The components: one for grayscale, otherwise three.
    pub components: Vec<Component>,
}

impl BlockLayout {
    fn most(&self, factor: impl Fn(&Component) -> u32) -> u32 {
        self.components.iter().map(factor).max().unwrap_or(1)
    }

    /// Returns the width and height of an MCU, in pixels.
    #[must_use]
    pub fn mcu(&self) -> (u32, u32) {
        (SIDE * self.most(|it| it.h_samp), SIDE * self.most(|it| it.v_samp))
    }

    /// Returns the number of blocks in a row of a component, including the padding of the last MCU.
    #[must_use]
    pub fn row_blocks(&self, component: usize) -> usize {
        let mcus = self.size.width().div_ceil(self.mcu().0);
        mcus as usize * self.components[component].h_samp as usize
    }

    /// Returns the number of blocks of all components in one row of MCUs.
    #[must_use]
    pub fn mcu_row_blocks(&self) -> usize {
        self.components.iter().enumerate().map(|(index, it)| self.row_blocks(index) * it.v_samp as usize).sum()
    }

    /// Returns the index of a component's first block within a row of MCUs.
    ///
    /// A row of MCUs stores its blocks component by component, and each component row by row.
    #[must_use]
    pub fn first_block(&self, component: usize) -> usize {
        (0..component).map(|index| self.row_blocks(index) * self.components[index].v_samp as usize).sum()
    }

    /// Returns the number of blocks of a strip. `rows` is in pixels and is rounded up to whole MCUs.
    #[must_use]
    pub fn strip_blocks(&self, rows: u32) -> usize {
        rows.div_ceil(self.mcu().1) as usize * self.mcu_row_blocks()
    }

    /// Returns the number of block columns and block rows of a component that cover `size` pixels.
    #[must_use]
    pub fn blocks_of(&self, component: usize, size: Size) -> (u32, u32) {
        let ((across, down), it) = (self.mcu(), &self.components[component]);
        ((size.width() * it.h_samp).div_ceil(across), (size.height() * it.v_samp).div_ceil(down))
    }
}

/// The blocks of one row of tiles at full size.
#[derive(Debug)]
pub struct BlockStrip {
    /// The row of tiles, counted from 0.
    pub row: u32,
    /// The size in pixels. The width is that of the image.
    pub size: Size,
    /// The arrangement of the blocks.
    pub layout: Arc<BlockLayout>,
    blocks: StripBuffer<Block>,
}

impl BlockStrip {
    /// Creates a strip. Its blocks fill the beginning of `blocks`, one row of MCUs after the other.
    #[must_use]
    pub fn new(row: u32, size: Size, layout: Arc<BlockLayout>, blocks: StripBuffer<Block>) -> Self {
        Self { row, size, layout, blocks }
    }
}

/// One tile: a view of the strip that holds its blocks.
#[derive(Clone, Debug)]
pub struct BlockTile {
    /// The position of the tile.
    pub cell: Cell,
    /// The size in pixels.
    pub size: Size,
    strip: Arc<BlockStrip>,
    x: u32,
}

impl BlockTile {
    /// Returns the tile in `column` of a strip, or `None` beyond the right edge.
    ///
    /// `tile_size` is the tile width in pixels and must be a whole number of MCUs.
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

    /// Returns the arrangement of the blocks of the whole image.
    #[must_use]
    pub fn layout(&self) -> &BlockLayout {
        &self.strip.layout
    }

    /// Returns a row of blocks of a component, counted from the top of the tile.
    #[must_use]
    pub fn row(&self, component: usize, row: u32) -> &[Block] {
        let layout = self.layout();
        let (it, count) = (&layout.components[component], layout.blocks_of(component, self.size).0);
        // The inverse of the arrangement in `libjpeg::coefficients`: rows of MCUs, in each of them the components one
        // after the other, and in each component `v_samp` rows of blocks.
        let above = (row / it.v_samp) as usize * layout.mcu_row_blocks();
        let above = above + layout.first_block(component) + (row % it.v_samp) as usize * layout.row_blocks(component);
        let first = above + (self.x / layout.mcu().0 * it.h_samp) as usize;
        &self.strip.blocks.items()[first..first + count as usize]
    }
}
