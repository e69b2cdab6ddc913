//! Values that visitors can filter by.

use serde_json::{Value, json};
use std::collections::HashMap;
use std::ops::Range;

/// Maximum number of values per facet. The rarest values beyond this limit can't be used as filters, because browsers
/// load all values at once.
const MAX_VALUES: usize = 500;

/// Collects every object's values.
pub(super) struct Facets {
    names: Vec<String>,
    columns: Vec<Column>,
}

#[derive(Default)]
struct Column {
    numbers: HashMap<String, usize>,
    /// Values with their counts, indexed by value number.
    values: Vec<(String, usize)>,
    /// Each document's value numbers.
    documents: Vec<Vec<usize>>,
}

/// Values in their final order.
pub(super) struct FinishedFacets(Vec<FinishedFacet>);

struct FinishedFacet {
    name: String,
    values: Vec<(String, usize)>,
    documents: Vec<Vec<usize>>,
}

impl Facets {
    pub(super) fn new(names: &[String]) -> Self {
        Self { names: names.to_vec(), columns: names.iter().map(|_| Column::default()).collect() }
    }

    /// Adds the next document's values for each facet.
    pub(super) fn add(&mut self, values: Vec<Vec<String>>) {
        for (column, values) in self.columns.iter_mut().zip(values) {
            column.add(values);
        }
    }

    /// Sorts values by frequency.
    pub(super) fn finish(self) -> FinishedFacets {
        FinishedFacets(self.names.into_iter().zip(self.columns).map(|(name, column)| column.finish(name)).collect())
    }
}

impl Column {
    fn add(&mut self, values: Vec<String>) {
        let mut document = Vec::new();
        for value in values {
            let number = *self.numbers.entry(value.clone()).or_insert_with(|| {
                self.values.push((value, 0));
                self.values.len() - 1
            });
            if !document.contains(&number) {
                document.push(number);
                self.values[number].1 += 1;
            }
        }
        self.documents.push(document);
    }

    fn finish(self, name: String) -> FinishedFacet {
        let mut order: Vec<usize> = (0..self.values.len()).collect();
        let key = |number: &usize| {
            let (value, count) = &self.values[*number];
            (std::cmp::Reverse(*count), value.clone())
        };
        order.sort_by_cached_key(key);
        order.truncate(MAX_VALUES);
        let places: HashMap<usize, usize> = order.iter().enumerate().map(|(place, number)| (*number, place)).collect();
        let place = |numbers: Vec<usize>| numbers.iter().filter_map(|number| places.get(number).copied()).collect();
        let documents = self.documents.into_iter().map(place).collect();
        FinishedFacet { name, values: order.iter().map(|number| self.values[*number].clone()).collect(), documents }
    }
}

impl FinishedFacets {
    /// Returns facet names and their values with counts.
    pub(super) fn names_and_values(&self) -> Value {
        self.0.iter().map(|facet| json!({"name": facet.name, "values": facet.values})).collect()
    }

    /// Returns the values of a range of documents, as indices into each facet's values.
    pub(super) fn columns(&self, documents: Range<usize>) -> Value {
        let column = |facet: &FinishedFacet| -> Value {
            let values = |places: &Vec<usize>| match places[..] {
                [] => json!(-1),
                [one] => json!(one),
                _ => json!(places),
            };
            facet.documents.get(documents.clone()).unwrap_or_default().iter().map(values).collect()
        };
        self.0.iter().map(column).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_sorted_by_count_and_documents_have_their_places() {
        let mut facets = Facets::new(&["Type".to_owned(), "Place".to_owned()]);
        for (kind, places) in [("map", vec!["Rome", "Ostia"]), ("coin", vec![]), ("map", vec!["Ostia", "Ostia"])] {
            let places = places.into_iter().map(str::to_owned).collect();
            facets.add(vec![vec![kind.to_owned()], places]);
        }
        let facets = facets.finish();
        let expected = json!([
            {"name": "Type", "values": [["map", 2], ["coin", 1]]},
            {"name": "Place", "values": [["Ostia", 2], ["Rome", 1]]},
        ]);
        assert_eq!(facets.names_and_values(), expected);
        assert_eq!(facets.columns(0..3), json!([[0, 1, 0], [[1, 0], -1, 0]]));
        assert_eq!(facets.columns(2..3), json!([[0], [0]]));
    }
}
