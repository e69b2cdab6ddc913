//! Publish deep-zoom [IIIF](https://iiif.io/api/image/3.0/) images as static tiles, straight into an S3 bucket or a folder.
//!
//! Publishing an image stores every tile and size that viewers request, and then its `info.json`. Images are read row by
//! row: memory grows with the width of an image, not with its height, and is known before the first pixel is read.
//!
//! A [`Publisher`](publish::Publisher) joins a [`Store`](store::Store), [`Options`](publish::Options) and a closure that
//! receives events. It needs a Tokio runtime:
//! ```
//! use iiif_publish::publish::{Event, Image, Options, Publisher};
//! use iiif_publish::store::{MemoryStore, Store};
//! use std::sync::Arc;
//! # let runtime = tokio::runtime::Runtime::new()?;
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("photo.pgm");
//! # std::fs::write(&path, [&b"P5 1000 700 255\n"[..], &vec![127; 1000 * 700]].concat())?;
//!
//! # runtime.block_on(async {
//! // Or a `FolderStore`, an `S3Store`, or your own implementation of the trait.
//! let store = Arc::new(MemoryStore::default());
//! let options = Options::builder("https://example.org/iiif".parse()?).jobs(4).build()?;
//! let publisher = Publisher::new(Arc::clone(&store) as Arc<dyn Store>, options, |event| match event {
//!     Event::Started { identifier, size, objects, .. } => println!("{identifier}: {size}, {objects} objects"),
//!     Event::Stored { bytes, .. } => println!("one more, {bytes} bytes"),
//!     _ => {}
//! });
//! let image = Image { location: path.into(), identifier: "maps/rome".parse()? };
//! let published = publisher.publish(&image).await?;
//!
//! assert_eq!(published.info_urls, ["https://example.org/iiif/maps/rome/info.json"]);
//! let last = store.puts().pop().expect("objects were put");
//! assert_eq!(last.key.as_str(), "maps/rome/info.json", "the promise comes last");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//! | to | use |
//! |---|---|
//! | publish many images, and stop | [`Publisher::publish_all`](publish::Publisher::publish_all), [`Publisher::stop`](publish::Publisher::stop) |
//! | store objects elsewhere | your own [`Store`](store::Store) |
//! | know what an image will become | [`Header::read`](source::Header::read) and [`Plan`](iiif::Plan) |
//! | publish a folder, list or table, with manifests | [`collection::ingest`] |
//! | check published images as a viewer does | [`verify`] |
//! | delete images | [`delete`] |
//! | check and set up a bucket | [`bucket`] |
//! | show images in a browser | [`html`], [`serve`] |
//!
//! # Features
//! | feature | adds |
//! |---|---|
//! | (none) | JPEG, PNG, TIFF, GIF, BMP and PNM as sources; folders, memory and your own stores; collections |
//! | `jp2` | JPEG 2000 as a source |
//! | `s3` | buckets as stores and as sources |
//! | `serve` | [`serve`] |
//! | `spreadsheets` | `.xlsx` and `.ods` as tables of a collection |
//! | `web` | sources on web servers, and [`verify`]; with `s3`, [`bucket`] |
//! | `webp` | WebP as a source and as a format of tiles |
//! | `cli` (default) | all of the above, and what only the program needs |
//!
//! An operation that needs a disabled feature fails with an error that names the feature. Depend on the library with
//! `default-features = false`, so that you do not build the command line.
//!
//! # Stability
//! Signatures name types of this crate, `std`, `bytes`, `futures` and `url` only. Options, events, results and most enums can
//! grow in minor versions. Versions of the format of published images are independent of the version of the crate.
//!
//! # For contributors
//! ```text
//! place -> Source -> Strip -> Tile -> Object -> Receipt -> Ledger      and, when every receipt is in, info.json
//!            |                 ^
//!          Header --> Plan ----+        Plan is pure: the header decides every object before the first pixel is read
//! ```
//!
//! | room | what it is | may import |
//! |---|---|---|
//! | [`iiif`] | the specification as pure code | `std`, `serde` |
//! | `pixel` | what moves between the blocking stages | `iiif` |
//! | [`location`] | where an image is: a file, an object of a bucket, an address of the web | none of the others |
//! | `libjpeg`, `libwebp` | safe faces for C libraries; the only `unsafe` code of the library | `iiif`, `pixel` |
//! | [`error`] | errors as text | none of the others |
//! | `http` | HTTP requests: the only client, and the only retry policy | none of the others |
//! | `limiter` | permits for a number of things and for their bytes together | none of the others |
//! | `workers` | the threads that decode, convert colors and encode | none of the others |
//! | [`source`] | files, here or elsewhere, to rows | `iiif`, `pixel`, `libjpeg`, `workers` |
//! | `pyramid` | rows to strips of every level | `iiif`, `pixel` |
//! | `encode` | pixels to bytes | `iiif`, `pixel`, `libjpeg`, `libwebp` |
//! | [`store`] | where objects go; knows keys and bytes, never images | `limiter` |
//! | [`destination`] | where published images are: keys in a store, and URLs on the web | `iiif`, `store` |
//! | [`remote`] | sources that are elsewhere: finds them, and fetches their bytes | `http`, `location`, `source`, `store` |
//! | [`publish`] | the pipeline: the only place that joins the rooms | `destination`, `iiif`, `pixel`, `limiter`, `location`, `source`, `remote`, `pyramid`, `encode`, `store`, `workers` |
//! | [`collection`] | many images: the input, its shards, manifests and collections, and the runs that publish them | `delete`, `destination`, `error`, `iiif`, `location`, `publish`, `source`, `store` |
//! | [`html`] | the page beside the images that shows them in a browser | `destination`, `iiif`, `publish`, `store` |
//! | [`delete`] | deletes images, their `info.json` first | `destination`, `iiif`, `publish`, `store` |
//! | [`bucket`] | whether a bucket is fit for publishing, and what it takes | `destination`, `http`, `store` |
//! | [`verify`] | asks over the web for what a viewer would ask for | `http`, `iiif`, `libjpeg` |
//! | [`serve`] | a web server for a folder, for previews | none of the others |
//!
//! The command line (`src/cli`) belongs to the binary and uses the public API only. `workers` does the work for the CPU, and
//! `publish` waits for files in `spawn_blocking` jobs; `verify` decodes in such jobs, and the folder store writes in them, because that
//! takes several calls. Each module has its own error type; there is no common one.

#[cfg(all(feature = "s3", feature = "web"))]
pub mod bucket;
pub mod collection;
pub mod delete;
pub mod destination;
mod encode;
pub mod error;
pub mod html;
#[cfg(feature = "web")]
mod http;
pub mod iiif;
mod libjpeg;
#[cfg(feature = "webp")]
mod libwebp;
mod limiter;
/// Parts that the tests and benches of this package measure one by one. Unstable: they may change in every release.
#[doc(hidden)]
pub mod internals {
    pub use crate::encode::{Encoding, encode_block_tile, encode_tile};
    pub use crate::pixel::{BlockStrip, BlockTile, PixelFormat, RowScale, Strip, Tile};
    pub use crate::pyramid::Cascade;
    pub use crate::source::Source;
}
pub mod location;
mod pixel;
pub mod publish;
mod pyramid;
pub mod remote;
#[cfg(feature = "serve")]
pub mod serve;
pub mod source;
pub mod store;
#[cfg(feature = "web")]
pub mod verify;
mod workers;
