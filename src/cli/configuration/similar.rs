//! Suggestions for misspelled names.

/// Returns the name that is most similar to a key, unless its similarity is too low.
pub(super) fn most_similar(names: impl IntoIterator<Item = String>, key: &str, min: f64) -> Option<String> {
    let similarity = |name: &String| strsim::jaro_winkler(name, key);
    let similar = names.into_iter().max_by(|a, b| similarity(a).total_cmp(&similarity(b)));
    similar.filter(|name| similarity(name) >= min)
}
