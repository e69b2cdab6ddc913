//! Decodes `Predictor` 2 (TIFF 6.0, section 14) and 3 (TIFF Technical Note 3), and converts samples from the file's
//! byte order to native byte order.

use super::structure::ByteOrder;

/// Encoding of a row's samples (`Predictor`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Predictor {
    /// Plain samples.
    None,
    /// Each sample is stored as the difference from its left neighbor.
    Horizontal,
    /// Byte-wise differences of floating-point samples, with the high byte of every sample first, then the next byte,
    /// and so on.
    FloatingPoint,
}

/// Undoes a row's predictor.
#[derive(Clone, Copy, Debug)]
pub(super) struct PredictorDecoder {
    pub(super) predictor: Predictor,
    pub(super) order: ByteOrder,
    /// Bits per sample.
    pub(super) bits: u16,
    /// Number of interleaved samples per pixel.
    pub(super) channels: usize,
}

impl PredictorDecoder {
    /// Decodes a row in place and converts it to native byte order. `scratch` is a reusable buffer.
    pub(super) fn decode_row(&self, row: &mut [u8], scratch: &mut Vec<u8>) {
        match (self.predictor, self.bits) {
            // Every arm produces samples in native byte order, so later stages don't need to know the file's byte
            // order. Predictor 3 ignores the file's byte order, because it always stores a sample's high byte first.
            (Predictor::None, _) => self.turn_samples(row),
            (Predictor::Horizontal, 8) => sum_bytes(row, self.channels),
            (Predictor::Horizontal, 16) => self.sum::<2>(row),
            (Predictor::Horizontal, 32) => self.sum::<4>(row),
            (Predictor::Horizontal, _) => self.sum::<8>(row),
            (Predictor::FloatingPoint, 16) => self.gather::<2>(row, scratch),
            (Predictor::FloatingPoint, 24) => self.gather::<3>(row, scratch),
            (Predictor::FloatingPoint, 32) => self.gather::<4>(row, scratch),
            (Predictor::FloatingPoint, _) => self.gather::<8>(row, scratch),
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
                // Differences wrap at 2^bits. The sum has 64 bits, but `native` keeps only the low bytes, which are
                // the same as if the sum had been computed at the right width.
                *sum = sum.wrapping_add(self.order.number(*sample));
                *sample = native(*sum);
            }
        }
    }

    fn gather<const BYTES: usize>(&self, row: &mut [u8], scratch: &mut Vec<u8>) {
        sum_bytes(row, self.channels);
        scratch.clear();
        scratch.extend_from_slice(row);
        let samples = row.len() / BYTES;
        for (index, sample) in row.as_chunks_mut::<BYTES>().0.iter_mut().enumerate() {
            let bytes = std::array::from_fn::<u8, BYTES, _>(|byte| scratch[byte * samples + index]);
            *sample = native(ByteOrder::Big.number(bytes));
        }
    }
}

/// Returns a number's low bytes in native byte order.
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

/// Sums bytes for a channel count known at compile time, which is three times as fast.
fn sum_pixels<const CHANNELS: usize>(row: &mut [u8]) {
    let mut sums = [0_u8; CHANNELS];
    let (pixels, rest) = row.as_chunks_mut::<CHANNELS>();
    for (sum, sample) in pixels.iter_mut().flat_map(|pixel| (0..CHANNELS).zip(pixel)) {
        sums[sum] = sums[sum].wrapping_add(*sample);
        *sample = sums[sum];
    }
    // In rows of floating-point bytes, the last pixel may be incomplete.
    for (sum, sample) in sums.iter().zip(rest) {
        *sample = sample.wrapping_add(*sum);
    }
}
