//! Huffman tables (T.81, annex C).

use super::Refusal;

/// Maximum code length in bits.
const MAX_LENGTH: u32 = 16;

/// Table size in bytes.
pub(super) const BYTES: usize = 2 << MAX_LENGTH;

/// Code length and category, indexed by the next 16 bits. A length of 0 means that the bits aren't a valid code.
#[derive(Clone)]
pub(super) struct HuffmanTable(Vec<[u8; 2]>);

impl HuffmanTable {
    /// Returns the length and category of the code at the start of these bits.
    pub(super) fn find(&self, bits: u16) -> Option<(u32, u32)> {
        let [length, category] = self.0[usize::from(bits)];
        (length > 0).then(|| (length.into(), category.into()))
    }

    /// Builds a table from the number of codes of each length and their categories.
    fn new(counts: &[u8], categories: &[u8]) -> Option<Self> {
        let mut entries = vec![[0; 2]; 1 << MAX_LENGTH];
        let (mut next, mut categories) = (0, categories.iter());
        for (length, count) in (1..=MAX_LENGTH).zip(counts) {
            let length_byte = u8::try_from(length).ok()?;
            for _ in 0..*count {
                let category = *categories.next().filter(|category| u32::from(**category) <= MAX_LENGTH)?;
                let codes = 1_usize << (MAX_LENGTH - length);
                entries.get_mut(next..next + codes)?.fill([length_byte, category]);
                next += codes;
            }
        }
        Some(Self(entries))
    }
}

/// Reads the tables in a segment into the slots that it specifies.
pub(super) fn read_tables(mut content: &[u8], tables: &mut [Option<HuffmanTable>; 4]) -> Result<(), Refusal> {
    let damaged = || Refusal::Decode("one of its Huffman tables is damaged".into());
    while let Some((place, rest)) = content.split_first() {
        let (counts, rest) = rest.split_at_checked(MAX_LENGTH as usize).ok_or_else(damaged)?;
        let count = counts.iter().map(|count| usize::from(*count)).sum();
        let (categories, rest) = rest.split_at_checked(count).ok_or_else(damaged)?;
        let table = HuffmanTable::new(counts, categories).ok_or_else(damaged)?;
        // Lossless files only have tables for differences, which use class 0.
        if let Some(slot) = tables.get_mut(usize::from(*place)) {
            *slot = Some(table);
        }
        content = rest;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_found_by_their_first_bits() {
        let counts = [1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        let table = HuffmanTable::new(&counts, &[5, 0, 16]).expect("a table");
        assert_eq!(table.find(0x7fff), Some((1, 5)));
        assert_eq!(table.find(0x8000), Some((2, 0)));
        assert_eq!(table.find(0xdfff), Some((3, 16)));
        assert_eq!(table.find(0xffff), None);
        assert!(HuffmanTable::new(&[3; 16], &[0; 48]).is_none(), "more codes than bits");
        assert!(HuffmanTable::new(&counts, &[5, 0, 17]).is_none(), "a category that does not exist");
    }
}
