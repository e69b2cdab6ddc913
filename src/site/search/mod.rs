//! A search index of static files.
//!
//! Objects are indexed in parts of at most [`SHARD_OBJECTS`]. The words of a part are sorted and cut into blocks, so a query
//! loads the blocks of its words, and the records of the objects that it shows. Names of blocks and records change with
//! their content, and `site.json` lists them:
//!
//! ```text
//! site/site.json           {"facets": […], "shards": [{"blocks": [["a", name], …], "columns": name, "records": [name, …]}]}
//! site/search/{name}.json  block: {word: [delta to the document before * 2 + 1 if the title has the word, …]}
//!                          columns: {"order": [place by title, …], "facets": [[place of the value, or places, or -1, …], …]}
//!                          records: [[id, title, language, direction, base URI, sizes, pages, caption], …]
//! ```

mod facets;
mod index;
mod words;

use super::GENERATOR;
use super::assets::hash;
use super::writer::{SiteError, SiteFile, SiteWriter};
use crate::destination::Destination;
use facets::Facets;
use index::{Block, Postings};
use serde_json::{Value, json};
use words::{sort_key, words};

/// Maximum number of objects in a part of the index.
const SHARD_OBJECTS: usize = 10_000;

/// Number of objects in a file of records.
const RECORD_OBJECTS: usize = 32;

/// Words and values of an object.
pub(super) struct Entry {
    pub(super) title: String,
    /// Further text: titles in other languages, summary and metadata.
    pub(super) texts: Vec<String>,
    /// Values of each facet.
    pub(super) facets: Vec<Vec<String>>,
    /// The object as the script shows it.
    pub(super) record: Value,
}

/// Collects objects and stores the index.
pub(super) struct SearchIndex {
    postings: Postings,
    records: Vec<Value>,
    facets: Facets,
    /// Sort keys of all titles.
    titles: Vec<String>,
    shards: Vec<Shard>,
    current: Shard,
}

/// Names of the files of a part.
#[derive(Default)]
struct Shard {
    count: usize,
    blocks: Vec<(String, String)>,
    records: Vec<String>,
}

impl SearchIndex {
    pub(super) fn new(facets: &[String]) -> Self {
        Self {
            postings: Postings::default(),
            records: Vec::new(),
            facets: Facets::new(facets),
            titles: Vec::new(),
            shards: Vec::new(),
            current: Shard::default(),
        }
    }

    /// Adds an object. Objects are numbered in this order.
    pub(super) async fn add(&mut self, entry: Entry, writer: &mut SiteWriter<'_>) -> Result<(), SiteError> {
        let title = words(&entry.title);
        let others = entry.texts.iter().flat_map(|text| words(text));
        self.postings.add(self.current.count, &title, others);
        self.titles.push(sort_key(&entry.title));
        self.facets.add(entry.facets);
        self.records.push(entry.record);
        self.current.count += 1;
        if self.records.len() == RECORD_OBJECTS {
            self.write_records(writer).await?;
        }
        if self.current.count == SHARD_OBJECTS {
            self.end_shard(writer).await?;
        }
        Ok(())
    }

    async fn write_records(&mut self, writer: &mut SiteWriter<'_>) -> Result<(), SiteError> {
        let records = Value::Array(std::mem::take(&mut self.records));
        let name = write(&records.to_string(), writer).await?;
        self.current.records.push(name);
        Ok(())
    }

    async fn end_shard(&mut self, writer: &mut SiteWriter<'_>) -> Result<(), SiteError> {
        if !self.records.is_empty() {
            self.write_records(writer).await?;
        }
        for Block { first, json } in std::mem::take(&mut self.postings).into_blocks() {
            let name = write(&json, writer).await?;
            self.current.blocks.push((first, name));
        }
        self.shards.push(std::mem::take(&mut self.current));
        Ok(())
    }

    /// Stores what depends on all objects, and returns the content of `site.json`.
    pub(super) async fn finish(mut self, writer: &mut SiteWriter<'_>) -> Result<Value, SiteError> {
        if self.current.count > 0 {
            self.end_shard(writer).await?;
        }
        let order = places(&self.titles);
        let facets = self.facets.finish();
        let (mut first, mut shards) = (0, Vec::new());
        for shard in &self.shards {
            let documents = first..first + shard.count;
            let columns = json!({"order": order[documents.clone()], "facets": facets.columns(documents)});
            let columns = write(&columns.to_string(), writer).await?;
            let Shard { count, blocks, records } = shard;
            shards.push(json!({"count": count, "blocks": blocks, "columns": columns, "records": records}));
            first += shard.count;
        }
        Ok(json!({
            "generator": GENERATOR, "count": self.titles.len(), "recordObjects": RECORD_OBJECTS,
            "facets": facets.names_and_values(), "shards": shards,
        }))
    }
}

/// Returns the place of each title in their order.
fn places(titles: &[String]) -> Vec<usize> {
    let mut sorted: Vec<usize> = (0..titles.len()).collect();
    sorted.sort_by(|a, b| titles[*a].cmp(&titles[*b]).then(a.cmp(b)));
    let mut places = vec![0; titles.len()];
    for (place, document) in sorted.into_iter().enumerate() {
        places[document] = place;
    }
    places
}

/// Stores a file of the index and returns its name.
async fn write(json: &str, writer: &mut SiteWriter<'_>) -> Result<String, SiteError> {
    // The wrapper identifies the file as one of a site, whether or not it's compressed.
    let json = format!("{{\"generator\":\"{GENERATOR}\",\"data\":{json}}}");
    let name = hash(json.as_bytes());
    let path = format!("{}search/{name}.json", Destination::SITE_FOLDER);
    let (body, content_type) = (json.into(), "application/json");
    writer.write(SiteFile { path, body, content_type, is_immutable: true, is_compressed: true }).await?;
    Ok(name)
}

#[cfg(test)]
mod tests {
    #[test]
    fn places_are_those_of_sorted_titles() {
        let titles = ["b", "a", "c", "a"].map(str::to_owned);
        assert_eq!(super::places(&titles), [2, 0, 3, 1]);
    }
}
