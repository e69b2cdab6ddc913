//! Recognizes the folders of a site among those of images.

use super::Destination;
use crate::store::{Prefix, Store, StoreError};

/// Removes the folders of a site from the names of folders directly below `prefix`. Otherwise, a search for images would
/// look into the folder of every object. Costs a request if the names are those of a site.
pub(crate) async fn without_site(
    store: &dyn Store,
    prefix: &Prefix,
    names: Vec<String>,
) -> Result<Vec<String>, StoreError> {
    let is_of_site = |name: &String| [Destination::OBJECTS, Destination::SITE].contains(&name.as_str());
    if names.iter().filter(|name| is_of_site(name)).count() < 2 {
        return Ok(names);
    }
    // Images may have these names as well.
    let has_site = store.get(&prefix.short_key(&Destination::SITE_DIRECTORY)).await?.is_some();
    Ok(names.into_iter().filter(|name| !has_site || !is_of_site(name)).collect())
}
