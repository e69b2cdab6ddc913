//! Publishing one image with the library.

use iiif_publish::publish::{Image, Options, PublishError, Published, Publisher};
use iiif_publish::store::{MemoryStore, Store};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

/// An image with the identifier `image`.
pub fn image(path: PathBuf) -> Image {
    Image::new(path, "image".parse().expect("an identifier"))
}

/// Publishes it.
pub async fn publish(store: Arc<dyn Store>, options: Options, path: PathBuf) -> Result<Published, PublishError> {
    Publisher::new(store, options, |_| ()).publish(&image(path)).await
}

/// The bodies of all JPEGs that it is published as, by their requests.
pub async fn published(path: PathBuf, options: Options) -> BTreeMap<String, Vec<u8>> {
    let store = Arc::new(MemoryStore::default());
    publish(Arc::clone(&store) as _, options, path).await.expect("published");
    let pictures = store.puts().into_iter().filter(|object| object.key.as_str().ends_with(".jpg"));
    pictures.map(|it| (it.key.as_str().trim_start_matches("image/").to_owned(), it.body.to_vec())).collect()
}
