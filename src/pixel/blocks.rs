//! JPEG blocks that are copied from the file to tiles. They are never decoded to pixels, so nothing is lost.

use super::StripBuffer;
use crate::iiif::{Cell, ScaleFactor, Size};
use std::sync::Arc;

/// Block width and height, in samples.
const SIDE: u32 = 8;

/// A block of a JPEG component, stored as the quantized coefficients for 8 x 8 samples.
///
/// Coefficients are in row order instead of zigzag order. The alignment is required by libjpeg's SIMD code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C, align(32))]
pub struct Block(pub [i16; 64]);

impl Default for Block {
    fn default() -> Self {
        Self([0; 64])
    }
}

/// A JPEG component, either luma or a color difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Component {
    /// Horizontal sampling factor (blocks side by side in an MCU).
    pub h_samp: u32,
    /// Vertical sampling factor (blocks stacked in an MCU).
    pub v_samp: u32,
    /// Quantization table, in the same order as [`Block`].
    pub quant_table: [u16; 64],
}

/// Color interpretation of a JPEG's components.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlockColors {
    /// A single component.
    Gray,
    /// Luma and two color differences.
    YCbCr,
    /// Red, green and blue, as written by slide scanners.
    Rgb,
}

/// Arrangement of blocks in a JPEG (ITU-T T.81, A.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockLayout {
    /// Image size in pixels.
    pub size: Size,
    /// Color interpretation of the components.
    pub colors: BlockColors,
    /// Components. Grayscale images have one, and all others have three.
    pub components: Vec<Component>,
}

impl BlockLayout {
    fn most(&self, factor: impl Fn(&Component) -> u32) -> u32 {
        self.components.iter().map(factor).max().unwrap_or(1)
    }

    /// Returns the MCU width and height, in pixels.
    #[must_use]
    pub fn mcu(&self) -> (u32, u32) {
        (SIDE * self.most(|it| it.h_samp), SIDE * self.most(|it| it.v_samp))
    }

    /// Returns the number of blocks in a row of a component, including padding in the last MCU.
    #[must_use]
    pub fn row_blocks(&self, component: usize) -> usize {
        let mcus = self.size.width().div_ceil(self.mcu().0);
        mcus as usize * self.components[component].h_samp as usize
    }

    /// Returns the total number of blocks in one row of MCUs, across all components.
    #[must_use]
    pub fn mcu_row_blocks(&self) -> usize {
        self.components.iter().enumerate().map(|(index, it)| self.row_blocks(index) * it.v_samp as usize).sum()
    }

    /// Returns the index of a component's first block within a row of MCUs.
    ///
    /// Blocks in a row of MCUs are grouped by component, then by row.
    #[must_use]
    pub fn first_block(&self, component: usize) -> usize {
        (0..component).map(|index| self.row_blocks(index) * self.components[index].v_samp as usize).sum()
    }

    /// Returns the index of the first block in a component's row of blocks. Rows are counted from the top of the strip.
    ///
    /// Each MCU row stores its components one after another, with `v_samp` rows of blocks per component.
    #[must_use]
    pub fn row_start(&self, component: usize, row: u32) -> usize {
        let v_samp = self.components[component].v_samp;
        let above = (row / v_samp) as usize * self.mcu_row_blocks();
        above + self.first_block(component) + (row % v_samp) as usize * self.row_blocks(component)
    }

    /// Returns `true` if decoding at half size would mix pixels past the edges into visible pixels.
    #[must_use]
    pub fn mixes_hidden_pixels(&self) -> bool {
        let (across, down) = self.mcu();
        let is_whole = |it: &Component| {
            // At half size, a component with half the resolution in both directions is decoded as it is at full size.
            // For other components, each block of 8 x 8 samples becomes 4 x 4.
            let is_unscaled = (16 * it.h_samp, 16 * it.v_samp) == (across, down);
            let ends_with_block =
                |side: u32, samples: u32, mcu: u32| (u64::from(side) * u64::from(samples)).is_multiple_of(mcu.into());
            is_unscaled
                || ends_with_block(self.size.width(), it.h_samp, across)
                    && ends_with_block(self.size.height(), it.v_samp, down)
        };
        !self.components.iter().all(is_whole)
    }

    /// Returns the number of blocks in a strip. `rows` is in pixels and gets rounded up to whole MCUs.
    #[must_use]
    pub fn strip_blocks(&self, rows: u32) -> usize {
        rows.div_ceil(self.mcu().1) as usize * self.mcu_row_blocks()
    }

    /// Returns the number of block columns and rows that cover `size` pixels in a component.
    #[must_use]
    pub fn blocks_of(&self, component: usize, size: Size) -> (u32, u32) {
        let ((across, down), it) = (self.mcu(), &self.components[component]);
        ((size.width() * it.h_samp).div_ceil(across), (size.height() * it.v_samp).div_ceil(down))
    }
}

/// Blocks for one row of full-size tiles.
#[derive(Debug)]
pub struct BlockStrip {
    /// Index of the tile row, counted from 0.
    pub row: u32,
    /// Strip size in pixels. The width matches the image.
    pub size: Size,
    /// Arrangement of the blocks.
    pub layout: Arc<BlockLayout>,
    blocks: StripBuffer<Block>,
}

impl BlockStrip {
    /// Creates a strip from the blocks at the start of `blocks`, ordered by row of MCUs.
    #[must_use]
    pub fn new(row: u32, size: Size, layout: Arc<BlockLayout>, blocks: StripBuffer<Block>) -> Self {
        Self { row, size, layout, blocks }
    }

    /// Returns a row of a component's blocks, including padding in the last MCU. Rows are counted from the top of the
    /// strip.
    #[must_use]
    pub fn blocks(&self, component: usize, row: u32) -> &[Block] {
        &self.blocks.items()[self.layout.row_start(component, row)..][..self.layout.row_blocks(component)]
    }
}

/// A tile, stored as a view into its strip of blocks.
#[derive(Clone, Debug)]
pub struct BlockTile {
    /// Tile position.
    pub cell: Cell,
    /// Tile size in pixels.
    pub size: Size,
    strip: Arc<BlockStrip>,
    x: u32,
}

impl BlockTile {
    /// Returns the tile at `column`, or `None` past the strip's right edge.
    ///
    /// `tile_size` is the tile width in pixels. It must be a whole number of MCUs.
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

    /// Returns the block layout of the whole image.
    #[must_use]
    pub fn layout(&self) -> &BlockLayout {
        &self.strip.layout
    }

    /// Returns one row of a component's blocks. Rows are counted from the top of the tile.
    #[must_use]
    pub fn row(&self, component: usize, row: u32) -> &[Block] {
        let layout = self.layout();
        let (it, count) = (&layout.components[component], layout.blocks_of(component, self.size).0);
        let first = layout.row_start(component, row) + (self.x / layout.mcu().0 * it.h_samp) as usize;
        &self.strip.blocks.items()[first..first + count as usize]
    }
}
