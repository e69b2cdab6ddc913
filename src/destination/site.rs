//! Tells a site's folders apart from image folders.

use super::Destination;
use crate::store::{Prefix, Store, StoreError};

/// Removes site folders from a list of folder names directly below `prefix`. Without this, a search for images would
/// visit every object's folder. Sends one request if any of the names could belong to a site.
pub(crate) async fn without_site(
    store: &dyn Store,
    prefix: &Prefix,
    names: Vec<String>,
) -> Result<Vec<String>, StoreError> {
    let is_of_site = |name: &String| [Destination::OBJECTS, Destination::SITE].contains(&name.as_str());
    if names.iter().filter(|name| is_of_site(name)).count() < 2 {
        return Ok(names);
    }
    // Images may use these names too.
    let has_site = store.get(&prefix.short_key(&Destination::SITE_DIRECTORY)).await?.is_some();
    Ok(names.into_iter().filter(|name| !has_site || !is_of_site(name)).collect())
}
