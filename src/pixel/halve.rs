//! Halves a level by averaging 2 x 2 pixels.

/// Combines two rows of pixels into a single row of half the width. Each new pixel is the average of four pixels,
/// rounded half up.
///
/// An odd last column is averaged with itself. For an odd last row, pass the same row twice.
pub(crate) fn halve_rows(upper: &[u8], lower: &[u8], halved: &mut [u8], channels: usize) {
    match channels {
        1 => halve::<1>(upper, lower, halved),
        3 => halve::<3>(upper, lower, halved),
        _ => unreachable!("pixels have one or three channels"),
    }
}

fn halve<const CHANNELS: usize>(upper: &[u8], lower: &[u8], halved: &mut [u8]) {
    let (upper, upper_rest) = upper.as_chunks::<CHANNELS>();
    let (lower, lower_rest) = lower.as_chunks::<CHANNELS>();
    let (halved, halved_rest) = halved.as_chunks_mut::<CHANNELS>();
    debug_assert!(upper_rest.is_empty() && lower_rest.is_empty() && halved_rest.is_empty(), "rows of whole pixels");
    debug_assert!(upper.len() == lower.len() && halved.len() == upper.len().div_ceil(2), "rows of the two levels");
    let (upper_pairs, upper_last) = upper.as_chunks::<2>();
    let (lower_pairs, lower_last) = lower.as_chunks::<2>();
    for ((pixel, upper), lower) in halved.iter_mut().zip(upper_pairs).zip(lower_pairs) {
        for channel in 0..CHANNELS {
            pixel[channel] = average([upper[0][channel], upper[1][channel], lower[0][channel], lower[1][channel]]);
        }
    }
    if let ([upper], [lower], Some(pixel)) = (upper_last, lower_last, halved.last_mut()) {
        for channel in 0..CHANNELS {
            pixel[channel] = average([upper[channel], upper[channel], lower[channel], lower[channel]]);
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "at most (4 * 255 + 2) / 4 = 255")]
fn average(samples: [u8; 4]) -> u8 {
    let sum: u16 = samples.into_iter().map(u16::from).sum();
    ((sum + 2) >> 2) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_pixels_become_their_rounded_average() {
        let mut halved = [0; 2];
        halve_rows(&[0, 1, 10], &[1, 0, 11], &mut halved, 1);
        assert_eq!(halved, [1, 11], "(0+1+1+0)/4 = 0.5 and (10+10+11+11)/4 = 10.5 round up");
    }

    #[test]
    fn channels_are_averaged_separately() {
        let mut halved = [0; 3];
        halve_rows(&[0, 100, 200, 4, 104, 204], &[0, 100, 200, 4, 104, 204], &mut halved, 3);
        assert_eq!(halved, [2, 102, 202]);
    }
}
