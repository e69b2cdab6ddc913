//! Publishes one image into a folder, and shows the progress.
//!
//! ```sh
//! cargo run --no-default-features --example publish_one -- photo.jpg site http://localhost:8000
//! ```

use iiif_publish::publish::{Event, Image, Options, Publisher};
use iiif_publish::store::FolderStore;
use std::env;
use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let [path, folder, url] =
        env::args().skip(1).collect::<Vec<_>>().try_into().map_err(|_| "pass IMAGE FOLDER URL")?;
    let options = Options::builder(url.parse()?).jobs(2).build()?;
    let store = Arc::new(FolderStore::new(folder.into()));

    // Events come from several threads.
    let (stored, objects) = (AtomicU64::new(0), AtomicU64::new(0));
    let publisher = Publisher::new(store, options, move |event| match event {
        Event::Started { size, objects: planned, .. } => {
            objects.store(planned, Ordering::Relaxed);
            println!("{size} pixels, {planned} objects");
        }
        Event::Stored { .. } => {
            let (stored, objects) = (1 + stored.fetch_add(1, Ordering::Relaxed), objects.load(Ordering::Relaxed));
            if stored % 10 == 0 {
                println!("{stored} of {objects}");
            }
        }
        _ => {}
    });

    let path = PathBuf::from(path);
    let identifier = path.file_stem().and_then(|stem| stem.to_str()).ok_or("the image has no name")?.parse()?;
    let image = publisher.publish(&Image::new(path, identifier)).await?;
    println!("stored {} objects\n{}", image.objects, image.info_urls.join("\n"));
    Ok(())
}
