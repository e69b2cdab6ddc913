//! A search index made of static files.
//!
//! Objects are indexed in shards of at most [`SHARD_OBJECTS`]. A shard's words are sorted and split into blocks, so a
//! query only loads the blocks that contain its words, and the records of the objects it shows. The names of blocks and
//! records change with their content. `site.json` lists them:
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

/// Maximum number of objects in a shard.
const SHARD_OBJECTS: usize = 10_000;

/// Number of objects in a record file.
const RECORD_OBJECTS: usize = 32;

/// An object's words and values.
pub(super) struct Entry {
    pub(super) title: String,
    /// Other searchable text: titles in other languages, the summary and metadata.
    pub(super) texts: Vec<String>,
    /// Values for each facet.
    pub(super) facets: Vec<Vec<String>>,
    /// Data that the script needs to show the object.
    pub(super) record: Value,
}

/// Collects objects and stores the index.
pub(super) struct SearchIndex {
    postings: Postings,
    records: Vec<Value>,
    facets: Facets,
    /// Sort keys for all titles.
    titles: Vec<String>,
    shards: Vec<Shard>,
    current: Shard,
}

/// Names of a shard's files.
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

    /// Adds an object. Objects are numbered in the order they are added.
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

    /// Stores the files that depend on all objects, and returns the content of `site.json`.
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

/// Returns each title's position in sorted order.
fn places(titles: &[String]) -> Vec<usize> {
    let mut sorted: Vec<usize> = (0..titles.len()).collect();
    sorted.sort_by(|a, b| titles[*a].cmp(&titles[*b]).then(a.cmp(b)));
    let mut places = vec![0; titles.len()];
    for (place, document) in sorted.into_iter().enumerate() {
        places[document] = place;
    }
    places
}

/// Stores an index file and returns its name.
async fn write(json: &str, writer: &mut SiteWriter<'_>) -> Result<String, SiteError> {
    // The wrapper marks the file as part of a site, even if it isn't compressed.
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
