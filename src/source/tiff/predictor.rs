//! From differences to samples: `Predictor` 2 (TIFF 6.0, section 14) and 3 (TIFF Technical Note 3); and from the byte
//! order of the file to that of this machine.

use super::structure::ByteOrder;

/// What stands in the rows instead of samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Predictor {
    /// The samples themselves.
    None,
    /// What each differs from the one to its left.
    Horizontal,
    /// The bytes of floating-point samples, all of the highest before all of the next, and of these the differences.
    Floats,
}

/// How the samples of a row are restored.
#[derive(Clone, Copy, Debug)]
pub(super) struct Restorer {
    pub(super) predictor: Predictor,
    pub(super) order: ByteOrder,
    /// Bits of a sample.
    pub(super) bits: u16,
    /// Samples that stand side by side.
    pub(super) channels: usize,
}

impl Restorer {
    /// Makes a row what it means, in the byte order of this machine. `spare` is memory that is used again and again.
    pub(super) fn restore(&self, row: &mut [u8], spare: &mut Vec<u8>) {
        match (self.predictor, self.bits) {
            (Predictor::None, _) => self.turn_samples(row),
            (Predictor::Horizontal, 8) => sum_bytes(row, self.channels),
            (Predictor::Horizontal, 16) => self.sum::<2>(row),
            (Predictor::Horizontal, 32) => self.sum::<4>(row),
            (Predictor::Horizontal, _) => self.sum::<8>(row),
            (Predictor::Floats, 16) => self.gather::<2>(row, spare),
            (Predictor::Floats, 24) => self.gather::<3>(row, spare),
            (Predictor::Floats, 32) => self.gather::<4>(row, spare),
            (Predictor::Floats, _) => self.gather::<8>(row, spare),
        }
    }

    fn turn_samples(&self, row: &mut [u8]) {
        match self.bits {
            16 => self.turn::<2>(row),
            24 => self.turn::<3>(row),
            32 => self.turn::<4>(row),
            64 => self.turn::<8>(row),
            _ => {}
        }
    }

    fn turn<const BYTES: usize>(&self, row: &mut [u8]) {
        let is_native = (self.order == ByteOrder::Little) == cfg!(target_endian = "little");
        if !is_native {
            row.as_chunks_mut::<BYTES>().0.iter_mut().for_each(|sample| sample.reverse());
        }
    }

    fn sum<const BYTES: usize>(&self, row: &mut [u8]) {
        let mut sums = vec![0_u64; self.channels];
        for pixel in row.chunks_exact_mut(BYTES * self.channels) {
            for (sum, sample) in sums.iter_mut().zip(pixel.as_chunks_mut::<BYTES>().0) {
                *sum = sum.wrapping_add(self.order.number(*sample));
                *sample = native(*sum);
            }
        }
    }

    fn gather<const BYTES: usize>(&self, row: &mut [u8], spare: &mut Vec<u8>) {
        sum_bytes(row, self.channels);
        spare.clear();
        spare.extend_from_slice(row);
        let samples = row.len() / BYTES;
        for (index, sample) in row.as_chunks_mut::<BYTES>().0.iter_mut().enumerate() {
            let bytes = std::array::from_fn::<u8, BYTES, _>(|byte| spare[byte * samples + index]);
            *sample = native(ByteOrder::Big.number(bytes));
        }
    }
}

/// The lowest bytes of a number, in the order of this machine.
#[inline]
fn native<const BYTES: usize>(number: u64) -> [u8; BYTES] {
    let bytes = number.to_le_bytes();
    let mut sample = std::array::from_fn(|index| bytes[index]);
    if cfg!(target_endian = "big") {
        sample.reverse();
    }
    sample
}

fn sum_bytes(row: &mut [u8], channels: usize) {
    match channels {
        1 => sum_pixels::<1>(row),
        3 => sum_pixels::<3>(row),
        4 => sum_pixels::<4>(row),
        channels => (channels..row.len()).for_each(|at| row[at] = row[at].wrapping_add(row[at - channels])),
    }
}

/// The same with a number of channels that the compiler knows, which makes it three times as fast.
fn sum_pixels<const CHANNELS: usize>(row: &mut [u8]) {
    let mut sums = [0_u8; CHANNELS];
    let (pixels, rest) = row.as_chunks_mut::<CHANNELS>();
    for (sum, sample) in pixels.iter_mut().flat_map(|pixel| (0..CHANNELS).zip(pixel)) {
        sums[sum] = sums[sum].wrapping_add(*sample);
        *sample = sums[sum];
    }
    // Of the bytes of floating-point samples, the last pixel may be a part of one.
    for (sum, sample) in sums.iter().zip(rest) {
        *sample = sample.wrapping_add(*sum);
    }
}
