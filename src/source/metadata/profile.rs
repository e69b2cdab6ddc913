//! ICC profiles: assembles them from pieces and repairs problems that the library is too strict about.

/// Size of an ICC profile header in bytes (ICC.1:2022, 7.2).
const HEADER_BYTES: usize = 128;

/// Nonstandard tag type signatures written by some 1990s software, with their standard equivalents. `LittleCMS` accepts
/// the same two.
const NONSTANDARD_TYPES: [([u8; 4], &[u8; 4]); 2] =
    [(0x17a5_05b8_u32.to_be_bytes(), b"XYZ "), (0x9478_ee00_u32.to_be_bytes(), b"curv")];

/// Pieces of an ICC profile in a JPEG file, in file order.
#[derive(Default)]
pub(in super::super) struct ProfilePieces {
    pieces: Vec<Piece>,
    bytes: u64,
}

struct Piece {
    number: u8,
    count: u8,
    content: Vec<u8>,
}

impl ProfilePieces {
    /// Adds a piece. Pieces are numbered from 1 to `count` (ICC.1:2022, B.4).
    pub(in super::super) fn add(&mut self, number: u8, count: u8, content: Vec<u8>) {
        self.bytes += content.len() as u64;
        // Once we're over the limit, we only need the total size.
        if self.bytes <= super::MAX_PROFILE_BYTES {
            self.pieces.push(Piece { number, count, content });
        }
    }

    /// Adds the assembled profile to the metadata.
    pub(in super::super) fn finish(self, metadata: &mut super::Metadata) {
        if self.bytes > super::MAX_PROFILE_BYTES {
            metadata.add_too_large("ICC profile", self.bytes);
        } else if !self.pieces.is_empty() {
            match self.assemble() {
                Some(profile) => metadata.add_profile(profile),
                None => metadata.add_unusable_profile("some of its pieces are missing"),
            }
        }
    }

    /// Puts the pieces together.
    ///
    /// Some writers number every piece as 1 of 1, start counting at 0, get the count wrong, or repeat numbers. Profiles
    /// include their own length, so any order that adds up to that length is considered complete.
    fn assemble(mut self) -> Option<Vec<u8>> {
        if let Some(whole) = self.pieces.iter().find(|piece| is_complete(&piece.content)) {
            return Some(whole.content.clone());
        }
        // Try the more trustworthy order first: by number with duplicates removed, then in file order. If neither has
        // the right length, the profile is damaged. We still pass it on if the numbering follows the standard, because
        // the library may accept it anyway.
        let in_file_order = join(&self.pieces);
        self.pieces.sort_by_key(|piece| piece.number);
        self.pieces.dedup_by_key(|piece| piece.number);
        let in_order = join(&self.pieces);
        if is_complete(&in_order) {
            Some(in_order)
        } else if is_complete(&in_file_order) {
            Some(in_file_order)
        } else {
            self.has_valid_numbers().then_some(in_order)
        }
    }

    fn has_valid_numbers(&self) -> bool {
        (1..)
            .zip(&self.pieces)
            .all(|(number, piece)| number == usize::from(piece.number) && usize::from(piece.count) == self.pieces.len())
    }
}

fn join(pieces: &[Piece]) -> Vec<u8> {
    pieces.iter().flat_map(|piece| &piece.content).copied().collect()
}

/// Returns `true` if the bytes are an ICC profile and match the length in its header.
fn is_complete(profile: &[u8]) -> bool {
    let length = profile.first_chunk().map(|length| u32::from_be_bytes(*length));
    let is_profile = profile.len() >= HEADER_BYTES && profile.get(36..40) == Some(b"acsp");
    is_profile && length.and_then(|length| usize::try_from(length).ok()) == Some(profile.len())
}

/// Replaces nonstandard tag type signatures with the standard equivalents.
pub(super) fn repair(profile: &mut [u8]) {
    const ENTRY_BYTES: usize = 12;
    let count = profile.get(HEADER_BYTES..).and_then(<[u8]>::first_chunk).map_or(0, |count| u32::from_be_bytes(*count));
    let entries = profile.get(HEADER_BYTES + 4..).unwrap_or_default().as_chunks::<ENTRY_BYTES>().0;
    let offset = |[_, _, _, _, o0, o1, o2, o3, ..]: &[u8; ENTRY_BYTES]| u32::from_be_bytes([*o0, *o1, *o2, *o3]);
    let offsets: Vec<u32> = entries.iter().take(usize::try_from(count).unwrap_or(0)).map(offset).collect();
    for at in offsets.into_iter().filter_map(|at| usize::try_from(at).ok()).filter(|at| *at >= HEADER_BYTES) {
        let Some(signature) = profile.get_mut(at..).and_then(<[u8]>::first_chunk_mut) else { continue };
        if let Some((_, standard)) = NONSTANDARD_TYPES.iter().find(|(odd, _)| odd == signature) {
            *signature = **standard;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Creates just enough of a profile to check if it's complete.
    fn profile(bytes: u32) -> Vec<u8> {
        let mut profile: Vec<u8> = (0..bytes).map(|at| at.to_le_bytes()[0] ^ at.to_le_bytes()[1]).collect();
        profile[..4].copy_from_slice(&bytes.to_be_bytes());
        profile[36..40].copy_from_slice(b"acsp");
        profile
    }

    fn assemble(pieces: &[(u8, u8, &[u8])]) -> Option<Vec<u8>> {
        let mut all = ProfilePieces::default();
        for (number, count, content) in pieces {
            all.add(*number, *count, content.to_vec());
        }
        all.assemble()
    }

    #[test]
    fn a_complete_profile_is_used_whatever_its_pieces_are_numbered() {
        let whole = profile(700);
        let (first, rest) = whole.split_at(300);
        let (second, third) = rest.split_at(300);
        for pieces in [
            &[(1, 1, &whole[..])][..],
            &[(1, 1, &whole), (1, 1, &whole)],
            &[(1, 1, &whole), (2, 2, &whole)],
            &[(1, 3, &whole)],
            &[(0, 0, &whole)],
            &[(1, 3, first), (2, 3, second), (3, 3, third)],
            &[(3, 3, third), (1, 3, first), (2, 3, second)],
            &[(0, 3, first), (1, 3, second), (2, 3, third)],
            &[(1, 9, first), (2, 9, second), (3, 9, third)],
            &[(1, 3, first), (1, 3, first), (2, 3, second), (3, 3, third)],
            &[(1, 1, first), (1, 1, second), (1, 1, third)],
        ] {
            assert_eq!(
                assemble(pieces).as_deref(),
                Some(&whole[..]),
                "{:?}",
                pieces.iter().map(|it| (it.0, it.1)).collect::<Vec<_>>()
            );
        }
        assert_eq!(assemble(&[(1, 3, first), (3, 3, third)]), None);
        assert_eq!(assemble(&[(2, 2, second)]), None);
        assert_eq!(
            assemble(&[(1, 2, b"no "), (2, 2, b"profile")]).as_deref(),
            Some(&b"no profile"[..]),
            "numbered well"
        );
    }

    #[test]
    fn pieces_beyond_the_limit_are_dropped() {
        let mut pieces = ProfilePieces::default();
        (0..200).for_each(|_| pieces.add(1, 1, vec![0; 65_000]));
        assert!(pieces.pieces.len() < 150);
        let mut metadata = super::super::Metadata::default();
        pieces.finish(&mut metadata);
        assert_eq!(metadata.finish().warnings[0].code, crate::source::WarningCode::MetadataTooLarge);
    }

    #[test]
    fn nonstandard_tag_types_are_replaced() {
        let entry = |at: u32| [b"rXYZ", &at.to_be_bytes()[..], &20_u32.to_be_bytes()].concat();
        let mut bytes = [vec![0; 128], 3_u32.to_be_bytes().to_vec(), entry(168), entry(172), entry(u32::MAX)].concat();
        bytes.extend(0x17a5_05b8_u32.to_be_bytes());
        bytes.extend(b"curv");
        repair(&mut bytes);
        assert_eq!(&bytes[168..], b"XYZ curv");
        for length in 0..bytes.len() {
            repair(&mut bytes[..length].to_vec());
        }
    }
}
