//! COD and COC marker segments (A.6.1, A.6.2): how samples are divided for coding, and how much memory that requires.

use super::Refusal;
use super::bytes::short;
use super::markers::CODING_DEFAULT;

/// Maximum number of bytes per code block for its entry, its nodes in two tag trees, and spare capacity.
const BLOCK_BYTES: u64 = 400;

/// Maximum number of bytes per code block layer for its data ranges.
const LAYER_BYTES: u64 = 112;

/// Maximum number of bytes for a code block's 94 coding passes if passes are terminated.
const PASSES_BYTES: u64 = 64 * 94;

/// Maximum number of bytes per sub-band precinct for its entry and two tag trees.
const PRECINCT_BYTES: u64 = 450;

/// Number of bytes per packet that a progression order change may list.
const CHANGE_BYTES: u64 = 64;

/// `Scod` flag indicating that precinct sizes are present.
const HAS_PRECINCTS: u8 = 1;
/// Code block style flags for bypass and for terminating each pass.
const ENDS_PASSES: u8 = 0x01 | 0x04;
/// Code block style flag for part 15.
const HIGH_THROUGHPUT: u8 = 0x40;
/// Code block style flag for blocks of both parts in the same image.
const MIXED: u8 = 0x80;
/// Transformation value for the 5/3 wavelet.
const REVERSIBLE: u8 = 1;
/// Maximum number of wavelet levels in the standard.
const MAX_LEVELS: u8 = 32;

/// A component's coding style.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Coding {
    levels: u8,
    /// Base-2 logarithms of a code block's width and height.
    block: (u8, u8),
    /// Base-2 logarithms of the precinct width and height at each resolution, if specified.
    precincts: Vec<(u8, u8)>,
    ends_passes: bool,
    is_reversible: bool,
    block_coder: BlockCoder,
}

/// Coder of the code blocks (Part 15, A.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum BlockCoder {
    Arithmetic,
    HighThroughput,
    /// Each code block has one of the two.
    Mixed,
}

impl Coding {
    /// Parses COD, excluding its length field. Also returns the number of layers.
    fn from_default(segment: &[u8]) -> Option<(Self, u16)> {
        Some((Self::read(*segment.first()?, segment.get(5..)?)?, short(segment, 2)?))
    }

    /// Parses COC for an image with fewer than 257 components.
    fn from_component(segment: &[u8]) -> Option<Self> {
        Self::read(*segment.get(1)?, segment.get(2..)?)
    }

    fn read(style: u8, parameters: &[u8]) -> Option<Self> {
        let [levels, horizontal, vertical, block_style, transformation, precincts @ ..] = parameters else {
            return None;
        };
        if *levels > MAX_LEVELS || *horizontal > 8 || *vertical > 8 {
            return None;
        }
        let count = if style & HAS_PRECINCTS == 0 { 0 } else { usize::from(*levels) + 1 };
        Some(Self {
            levels: *levels,
            block: (horizontal + 2, vertical + 2),
            precincts: precincts.get(..count)?.iter().map(|sides| (sides & 15, sides >> 4)).collect(),
            ends_passes: block_style & ENDS_PASSES != 0,
            is_reversible: *transformation == REVERSIBLE,
            block_coder: match (block_style & HIGH_THROUGHPUT, block_style & MIXED) {
                (0, 0) => BlockCoder::Arithmetic,
                (_, 0) => BlockCoder::HighThroughput,
                _ => BlockCoder::Mixed,
            },
        })
    }

    /// Returns the maximum number of bytes the decoder holds for one component of a tile, in addition to its samples.
    pub(super) fn structure_bytes(&self, (width, height): (u32, u32), layers: u16, changes: u32) -> u64 {
        let packets = u64::from(layers).saturating_mul(CHANGE_BYTES).saturating_mul(changes.into());
        let passes = if self.ends_passes { PASSES_BYTES } else { 0 };
        // A 4 x 4 code block needs 400 bytes of bookkeeping, and a precinct with a single sample needs 450. A file of
        // a few kilobytes can declare millions of them, multiplied by layers and progression changes. Limiting the
        // number of pixels doesn't catch that, so limit the size of these structures instead.
        let of_block = BLOCK_BYTES + LAYER_BYTES * u64::from(layers) + passes;
        let resolution = |number: u8| {
            let (bands, precincts, blocks) = self.counts(number, width, height);
            let of_precincts = precincts.saturating_mul((bands * PRECINCT_BYTES).saturating_add(packets));
            let of_blocks = blocks.saturating_mul(bands * of_block);
            of_precincts.saturating_add(of_blocks)
        };
        (0..=self.levels).map(resolution).fold(0, u64::saturating_add)
    }

    /// Returns an upper bound for the number of packets per layer, of one component with this many samples. OpenJPEG
    /// counts as many precincts at each resolution as there are at the one with the most.
    #[cfg(feature = "openjpeg")]
    pub(super) fn packets(&self, (width, height): (u32, u32)) -> u64 {
        let precincts = (0..=self.levels).map(|resolution| self.counts(resolution, width, height).1);
        precincts.max().unwrap_or(0).saturating_mul(u64::from(self.levels) + 1)
    }

    /// Returns upper bounds for a resolution: its sub-bands, its precincts, and the code blocks in each sub-band (B.5
    /// to B.7).
    fn counts(&self, resolution: u8, width: u32, height: u32) -> (u64, u64, u64) {
        let (bands, halved) = if resolution == 0 { (1, 0) } else { (3, 1) };
        let precinct = self.precincts.get(usize::from(resolution)).copied().unwrap_or((15, 15));
        // Add one on each side, because precincts and code blocks aren't aligned with tiles.
        let along = |length: u32, precinct: u8, block: u8| {
            // An upper bound is good enough here. The exact counts depend on each tile's position on the grid (B.5,
            // equation B-14) and would have to be computed for every tile.
            let length = (u64::from(length) >> (self.levels - resolution)) + 1;
            let of_band = precinct.saturating_sub(halved);
            ((length >> precinct) + 2, ((length >> halved) >> block.min(of_band)) + 2)
        };
        let horizontal = along(width, precinct.0, self.block.0);
        let vertical = along(height, precinct.1, self.block.1);
        (bands, horizontal.0.saturating_mul(vertical.0), horizontal.1.saturating_mul(vertical.1))
    }
}

/// Maximum number of coding styles per file: one for each component, plus overrides in individual tiles.
const MAX_CODINGS: usize = 64;

/// All coding styles used by a file's tiles.
#[derive(Default)]
pub(super) struct Codings {
    pub(super) all: Vec<Coding>,
    /// Maximum number of layers in any tile.
    pub(super) layers: u16,
}

impl Codings {
    /// Adds the coding style from a COD or COC segment.
    pub(super) fn add(&mut self, marker: u16, segment: &[u8]) -> Result<(), Refusal> {
        let read = match marker {
            CODING_DEFAULT => Coding::from_default(segment),
            _ => Coding::from_component(segment).map(|coding| (coding, self.layers)),
        };
        let (coding, layers) = read.ok_or_else(|| Refusal::Decode("its coding style is damaged".into()))?;
        match coding.block_coder {
            BlockCoder::Arithmetic => {}
            BlockCoder::HighThroughput => check_high_throughput()?,
            BlockCoder::Mixed => {
                let description = "a JPEG 2000 image with code blocks of both part 1 and part 15";
                return Err(Refusal::Unsupported(description.to_owned()));
            }
        }
        self.layers = self.layers.max(layers);
        if !self.all.contains(&coding) {
            self.all.push(coding);
        }
        if self.all.len() > MAX_CODINGS {
            return Err(Refusal::Unsupported("a JPEG 2000 image with too many coding styles".to_owned()));
        }
        Ok(())
    }

    /// Returns `true` if any component is coded as High-Throughput JPEG 2000.
    #[cfg(feature = "openjpeg")]
    pub(super) fn are_high_throughput(&self) -> bool {
        self.all.iter().any(|coding| coding.block_coder == BlockCoder::HighThroughput)
    }

    /// Returns the maximum height of a code block in samples.
    #[cfg(feature = "openjpeg")]
    pub(super) fn max_block_height(&self) -> u32 {
        self.all.iter().map(|coding| 1 << coding.block.1).max().unwrap_or(0)
    }

    /// Returns the maximum number of wavelet levels.
    #[cfg(feature = "openjpeg")]
    pub(super) fn max_levels(&self) -> u8 {
        self.all.iter().map(|coding| coding.levels).max().unwrap_or(0)
    }

    /// Returns `true` if every wavelet is reversible. The image may still be lossy if layers were dropped.
    pub(super) fn are_reversible(&self) -> bool {
        self.all.iter().all(|coding| coding.is_reversible)
    }
}

/// Fails if this build can't decode High-Throughput JPEG 2000.
pub(super) fn check_high_throughput() -> Result<(), Refusal> {
    let what = "High-Throughput JPEG 2000 images (Part 15)";
    if cfg!(feature = "openjpeg") { Ok(()) } else { Err(Refusal::Disabled { what, feature: "openjpeg" }) }
}

/// Returns the number of POC entries in an image with fewer than 257 components (A.6.6).
pub(super) fn progression_changes(segment: &[u8]) -> u16 {
    u16::try_from(segment.len() / 7).expect("a segment is shorter than 65,536 bytes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usual_code_blocks_take_little_and_tiny_ones_are_counted() {
        let (usual, layers) = Coding::from_default(&[0, 0, 0, 1, 1, 5, 4, 4, 0, 1]).expect("read");
        assert!(usual.is_reversible && usual.block_coder == BlockCoder::Arithmetic);
        let bytes = usual.structure_bytes((6000, 4000), layers, 0);
        assert!(bytes < 6000 * 4000 / 3, "{bytes}");
        // Blocks of 4x4 and 32 layers use 16 times as much memory as the samples.
        let (tiny, layers) = Coding::from_default(&[0, 0, 0, 32, 1, 5, 0, 0, 0, 1]).expect("read");
        assert!(tiny.structure_bytes((6000, 4000), layers, 0) > 6000 * 4000 * 200);
        // Precincts with a single sample.
        let (tiny, layers) = Coding::from_default(&[1, 0, 0, 1, 1, 1, 4, 4, 0, 1, 0, 0]).expect("read");
        assert!(tiny.structure_bytes((6000, 4000), layers, 0) > 6000 * 4000 * 450);
    }

    #[test]
    fn short_or_out_of_range_segments_are_rejected() {
        let whole = [1, 0, 0, 1, 1, 1, 4, 4, 0, 1, 0, 0];
        assert!((0..whole.len()).all(|length| Coding::from_default(&whole[..length]).is_none()));
        assert!(Coding::from_default(&[0, 0, 0, 1, 1, 33, 4, 4, 0, 1]).is_none());
        assert!(Coding::from_default(&[0, 0, 0, 1, 1, 5, 9, 4, 0, 1]).is_none());
    }
}
