//! Inverted index from words to objects.

use std::collections::BTreeMap;

/// Size of a word block before compression, in bytes. Compression reduces it to about a third. A query on a slow phone
/// waits for a block per word.
const BLOCK_BYTES: usize = 24 << 10;

/// The words in one shard of the index.
#[derive(Debug, Default)]
pub(super) struct Postings(BTreeMap<String, Vec<Posting>>);

/// An object that contains a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Posting {
    document: usize,
    is_in_title: bool,
}

/// A file that holds a block of words.
pub(super) struct Block {
    /// First word in the block.
    pub(super) first: String,
    pub(super) json: String,
}

impl Postings {
    /// Adds a document's words. Documents must be added in order.
    pub(super) fn add(&mut self, document: usize, title: &[String], others: impl Iterator<Item = String>) {
        let in_title = title.iter().cloned().map(|word| (word, true));
        for (word, is_in_title) in in_title.chain(others.map(|word| (word, false))) {
            let postings = self.0.entry(word).or_default();
            // The title's words come first.
            if postings.last().is_none_or(|last| last.document != document) {
                postings.push(Posting { document, is_in_title });
            }
        }
    }

    /// Splits the words into blocks.
    pub(super) fn into_blocks(self) -> Vec<Block> {
        let mut blocks: Vec<Block> = Vec::new();
        for (word, postings) in self.0 {
            let entry = format!("{}:{}", serde_json::Value::from(word.as_str()), numbers(&postings));
            match blocks.last_mut().filter(|block| block.json.len() + entry.len() + ",{}".len() <= BLOCK_BYTES) {
                Some(block) => block.json = format!("{},{entry}", std::mem::take(&mut block.json)),
                None => blocks.push(Block { first: word, json: entry }),
            }
        }
        for block in &mut blocks {
            block.json = format!("{{{}}}", block.json);
        }
        blocks
    }
}

/// Returns postings as JSON. Each is twice the distance from the previous document, plus one if the word is in the
/// title.
fn numbers(postings: &[Posting]) -> String {
    let mut before = 0;
    let numbers: Vec<String> = postings
        .iter()
        .map(|posting| {
            let distance = posting.document - before;
            before = posting.document;
            (distance * 2 + usize::from(posting.is_in_title)).to_string()
        })
        .collect();
    format!("[{}]", numbers.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn postings_are_distances_and_blocks_are_bounded() {
        let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let mut postings = Postings::default();
        postings.add(0, &words("map rome"), words("paper map").into_iter());
        postings.add(3, &words("coin"), words("map map").into_iter());
        let blocks = postings.into_blocks();
        assert_eq!(blocks.len(), 1);
        assert_eq!(blocks[0].json, r#"{"coin":[7],"map":[1,6],"paper":[0],"rome":[1]}"#);
        let mut postings = Postings::default();
        for document in 0..20_000 {
            postings.add(document, &words(&format!("word{document} all")), std::iter::empty());
        }
        let blocks = postings.into_blocks();
        assert!(blocks.len() > 2 && blocks.iter().skip(1).all(|block| block.json.len() <= BLOCK_BYTES));
        assert!(blocks.is_sorted_by_key(|block| &block.first));
    }
}
