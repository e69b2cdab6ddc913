//! Publishing one image with the library.

use iiif_publish::publish::{Image, Options, PublishError, Published, Publisher};
use iiif_publish::store::Store;
use std::path::PathBuf;
use std::sync::Arc;

/// An image with the identifier `image`.
pub fn image(path: PathBuf) -> Image {
    Image { location: path.into(), identifier: "image".parse().expect("an identifier") }
}

/// Publishes it.
pub async fn publish(store: Arc<dyn Store>, options: Options, path: PathBuf) -> Result<Published, PublishError> {
    Publisher::new(store, options, |_| ()).publish(&image(path)).await
}
