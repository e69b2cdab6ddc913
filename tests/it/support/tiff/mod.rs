//! A TIFF writer for tests: any combination of features, including those that no program writes.

mod file;

pub use file::file;

use file::number;
use std::io::Write;
use weezl::BitOrder;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    Little,
    Big,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Variant {
    Classic,
    Big,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packing {
    None,
    Lzw,
    /// The variant before 1988: reversed bit order, and longer codes one code later.
    OldLzw,
    Deflate,
    PackBits,
    Zstandard,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pieces {
    /// Rows of each strip.
    Strips(u32),
    /// Width and height of each tile.
    Tiles(u32, u32),
}

/// The values of a tag.
#[derive(Clone, Debug)]
pub enum Values {
    Bytes(Vec<u8>),
    Shorts(Vec<u16>),
    /// Numbers with the size of an offset.
    Offsets(Vec<u64>),
    Fractions(Vec<(u32, u32)>),
}

/// Storage layout of an image.
#[derive(Clone, Debug)]
pub struct Layout {
    pub width: u32,
    pub height: u32,
    /// Samples of a pixel.
    pub samples: u16,
    pub bits: u16,
    pub photometric: u16,
    /// 1 unsigned, 2 signed, 3 floating point.
    pub sample_format: u16,
    /// 1 none, 2 differences, 3 differences of the bytes of floating-point numbers.
    pub predictor: u16,
    pub is_planar: bool,
    pub order: Order,
    pub variant: Variant,
    pub packing: Packing,
    pub pieces: Pieces,
    /// The highest bit of a byte comes last.
    pub is_reversed: bool,
    pub more: Vec<(u16, Values)>,
}

/// An image of a file.
#[derive(Clone, Debug)]
pub struct Page {
    pub tags: Vec<(u16, Values)>,
    pub is_tiled: bool,
    pub pieces: Vec<Vec<u8>>,
    pub children: Vec<Page>,
}

impl Layout {
    /// Creates the layout of 8-bit RGB in uncompressed strips of 16 rows.
    pub fn rgb(width: u32, height: u32) -> Self {
        Self {
            width,
            height,
            samples: 3,
            bits: 8,
            photometric: 2,
            sample_format: 1,
            predictor: 1,
            is_planar: false,
            order: Order::Little,
            variant: Variant::Classic,
            packing: Packing::None,
            pieces: Pieces::Strips(16),
            is_reversed: false,
            more: Vec::new(),
        }
    }

    /// Creates a file with this one image. `sample` returns the bits of a sample by column, row and channel.
    pub fn file(&self, sample: impl Fn(u32, u32, u16) -> u64) -> Vec<u8> {
        file(&[self.page(sample)], self.order, self.variant)
    }

    pub fn page(&self, sample: impl Fn(u32, u32, u16) -> u64) -> Page {
        let (width, height) = match self.pieces {
            Pieces::Strips(rows) => (self.width, rows),
            Pieces::Tiles(width, height) => (width, height),
        };
        let planes = if self.is_planar { self.samples } else { 1 };
        let mut pieces = Vec::new();
        for plane in 0..planes {
            for top in (0..self.height).step_by(height as usize) {
                for left in (0..self.width).step_by(width as usize) {
                    let rows = if self.is_tiled() { height } else { height.min(self.height - top) };
                    let rows = (top..top + rows).flat_map(|y| self.row(left..left + width, y, plane, &sample));
                    pieces.push(self.packed(&rows.collect::<Vec<_>>(), self.row_bytes(width)));
                }
            }
        }
        Page { tags: self.tags(width, height), is_tiled: self.is_tiled(), pieces, children: Vec::new() }
    }

    fn is_tiled(&self) -> bool {
        matches!(self.pieces, Pieces::Tiles(..))
    }

    fn tags(&self, width: u32, height: u32) -> Vec<(u16, Values)> {
        let number = |number: u32| Values::Offsets(vec![number.into()]);
        let short = |short: u16| Values::Shorts(vec![short]);
        let each = |value: u16| Values::Shorts(vec![value; self.samples.into()]);
        let compression = match self.packing {
            Packing::None => 1,
            Packing::Lzw | Packing::OldLzw => 5,
            Packing::Deflate => 8,
            Packing::PackBits => 32773,
            Packing::Zstandard => 50000,
        };
        let mut tags = vec![
            (256, number(self.width)),
            (257, number(self.height)),
            (258, each(self.bits)),
            (259, short(compression)),
            (262, short(self.photometric)),
            (266, short(if self.is_reversed { 2 } else { 1 })),
            (277, short(self.samples)),
            (284, short(if self.is_planar { 2 } else { 1 })),
            (317, short(self.predictor)),
            (339, each(self.sample_format)),
        ];
        if self.is_tiled() {
            tags.extend([(322, number(width)), (323, number(height))]);
        } else {
            tags.push((278, number(height)));
        }
        tags.extend(self.more.clone());
        tags
    }

    fn channels(&self) -> usize {
        if self.is_planar { 1 } else { self.samples.into() }
    }

    fn row_bytes(&self, width: u32) -> usize {
        (width as usize * self.channels() * usize::from(self.bits)).div_ceil(8)
    }

    fn row(
        &self,
        columns: std::ops::Range<u32>,
        y: u32,
        plane: u16,
        sample: &impl Fn(u32, u32, u16) -> u64,
    ) -> Vec<u8> {
        let channels = if self.is_planar { plane..plane + 1 } else { 0..self.samples };
        // Pixels beyond the edges are not part of the image.
        let inside = |x: u32, channel| {
            if x < self.width && y < self.height { sample(x, y, channel) } else { 0x5a5a_5a5a_5a5a_5a5a }
        };
        let row: Vec<u64> = columns
            .flat_map(|x| channels.clone().map(move |channel| (x, channel)))
            .map(|(x, c)| inside(x, c))
            .collect();
        match self.predictor {
            2 => self.written(&self.differences(&row)),
            3 => self.float_differences(&row),
            _ => self.written(&row),
        }
    }

    fn differences(&self, row: &[u64]) -> Vec<u64> {
        let channels = self.channels();
        let before = std::iter::repeat_n(&0, channels).chain(row);
        row.iter().zip(before).map(|(sample, before)| sample.wrapping_sub(*before)).collect()
    }

    /// Encodes the predictor of TIFF Technical Note 3.
    fn float_differences(&self, row: &[u64]) -> Vec<u8> {
        let bytes = usize::from(self.bits / 8);
        let planes: Vec<u8> = (0..bytes)
            .flat_map(|byte| row.iter().map(move |sample| (sample >> (8 * (bytes - 1 - byte))) as u8))
            .collect();
        let before = std::iter::repeat_n(&0, self.channels()).chain(&planes);
        planes.iter().zip(before).map(|(byte, before)| byte.wrapping_sub(*before)).collect()
    }

    fn written(&self, row: &[u64]) -> Vec<u8> {
        let bytes = usize::from(self.bits / 8);
        match self.bits {
            8 | 16 | 24 | 32 | 64 => row.iter().flat_map(|sample| number(*sample, bytes, self.order)).collect(),
            bits => packed_bits(row, bits),
        }
    }

    fn packed(&self, rows: &[u8], row_bytes: usize) -> Vec<u8> {
        let mut packed = match self.packing {
            Packing::None => rows.to_vec(),
            Packing::Lzw => {
                weezl::encode::Encoder::with_tiff_size_switch(BitOrder::Msb, 8).encode(rows).expect("in memory")
            }
            Packing::OldLzw => weezl::encode::Encoder::new(BitOrder::Lsb, 8).encode(rows).expect("in memory"),
            Packing::Deflate => {
                let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
                encoder.write_all(rows).expect("in memory");
                encoder.finish().expect("in memory")
            }
            Packing::PackBits => rows.chunks(row_bytes).flat_map(packed_bytes).collect(),
            Packing::Zstandard => zstd::encode_all(rows, 3).expect("in memory"),
        };
        if self.is_reversed {
            for byte in &mut packed {
                *byte = byte.reverse_bits();
            }
        }
        packed
    }
}

/// Packs samples of few bits, the first one in the highest bits of the first byte.
pub fn packed_bits(row: &[u64], bits: u16) -> Vec<u8> {
    let bit = |at: usize| {
        row.get(at / usize::from(bits))
            .map_or(0, |sample| sample >> (usize::from(bits) - 1 - at % usize::from(bits)) & 1)
    };
    let count = (row.len() * usize::from(bits)).div_ceil(8);
    (0..count).map(|byte| (0..8).fold(0, |all, at| all << 1 | bit(byte * 8 + at) as u8)).collect()
}

/// Encodes runs of three or more bytes as repeats, and all others as literals.
fn packed_bytes(row: &[u8]) -> Vec<u8> {
    let (mut packed, mut left) = (Vec::new(), row);
    while let Some(first) = left.first() {
        let run = left.iter().take_while(|byte| *byte == first).take(128).count();
        if run > 2 {
            packed.extend([(257 - run) as u8, *first]);
            left = &left[run..];
        } else {
            let single =
                left.windows(3).take(128).take_while(|three| three.iter().any(|byte| *byte != three[0])).count();
            let single = if single + 2 >= left.len() { left.len().min(128) } else { single };
            packed.push((single - 1) as u8);
            packed.extend(&left[..single]);
            left = &left[single..];
        }
    }
    packed
}
