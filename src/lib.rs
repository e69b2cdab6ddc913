//! Publish deep-zoom [IIIF](https://iiif.io/api/image/3.0/) images as static tiles, straight to an S3 bucket or a
//! folder.
//!
//! Publishing an image uploads every tile and size a viewer can request, followed by its `info.json`. Images are read
//! row by row, so memory use depends on an image's width rather than its height, and it is known before the first pixel
//! is read.
//!
//! A [`Publisher`](publish::Publisher) takes a [`Store`](store::Store), some [`Options`](publish::Options) and a
//! closure that receives events. It must run inside a Tokio runtime:
//!
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
//! // Or use a `FolderStore`, an `S3Store`, or your own implementation of the trait.
//! let store = Arc::new(MemoryStore::default());
//! let options = Options::builder("https://example.org/iiif".parse()?).jobs(4).build()?;
//! let publisher = Publisher::new(Arc::clone(&store) as Arc<dyn Store>, options, |event| match event {
//!     Event::Started { identifier, size, objects, .. } => println!("{identifier}: {size}, {objects} objects"),
//!     Event::Stored { bytes, .. } => println!("one more, {bytes} bytes"),
//!     _ => {}
//! });
//! let image = Image::new(path, "maps/rome".parse()?);
//! let published = publisher.publish(&image).await?;
//!
//! assert_eq!(published.info_urls, ["https://example.org/iiif/maps/rome/info.json"]);
//! let last = store.puts().pop().expect("objects were put");
//! assert_eq!(last.key.as_str(), "maps/rome/info.json", "the promise comes last");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | to | use |
//! |---|---|
//! | publish many images, and stop early | [`Publisher::publish_all`](publish::Publisher::publish_all), [`Publisher::stop`](publish::Publisher::stop) |
//! | store objects somewhere else | your own [`Store`](store::Store) |
//! | preview the result for an image | [`Header::read`](source::Header::read) and [`Plan`](iiif::Plan) |
//! | publish a folder, list or table, with manifests | [`collection::ingest`] |
//! | check published images the way a viewer would | [`verify`] |
//! | delete images | [`delete`] |
//! | check and set up a bucket | [`bucket`] |
//! | show images in a browser | [`html`], [`serve`] |
//! | show a collection as a website | [`site`] |
//!
//! # Features
//!
//! | feature | adds |
//! |---|---|
//! | (none) | JPEG, PNG, TIFF, GIF, BMP and PNM sources; folder, in-memory and custom stores; collections |
//! | `avif` | AVIF sources |
//! | `jp2` | JPEG 2000 sources |
//! | `jxl` | JPEG XL sources |
//! | `pdf` | PDF sources |
//! | `psd` | Photoshop sources |
//! | `s3` | buckets as stores and sources |
//! | `serve` | [`serve`] |
//! | `spreadsheets` | `.xlsx` and `.ods` tables for collections |
//! | `web` | sources on web servers, and [`verify`]; with `s3`, also [`bucket`] |
//! | `webp` | WebP sources and tiles |
//! | `cli` (default) | everything above, plus the command-line program's dependencies |
//! | `heic` | HEIC sources; not part of `cli`, because HEVC is patented |
//! | `openjpeg` | High-Throughput JPEG 2000 sources, and large JPEG 2000 sources without tiles in less memory; needs C, and isn't part of `cli` |
//!
//! If an operation needs a disabled feature, it fails with an error that names the feature. When using this crate as a
//! library, set `default-features = false` to avoid building the command line.
//!
//! # Stability
//!
//! The public API only exposes types from this crate, `std`, `bytes`, `futures` and `url`. Options, events, results and
//! most enums may gain fields and variants in minor versions. The published image format is versioned separately from
//! the crate.
//!
//! # For contributors
//!
//! ```text
//! Source -> rows -> Strip -> Tile -> Object -> Receipt -> Ledger        then, when every receipt is in, info.json
//!    |                  ^
//! Header ---> Plan -----+      the header decides every object before the first pixel is read
//! ```
//!
//! | room | purpose | may import |
//! |---|---|---|
//! | [`iiif`] | the specification as pure code | `std`, `serde` |
//! | `pixel` | data passed between the blocking stages | `iiif` |
//! | [`location`] | image locations: a file, an object in a bucket, or a web address | none of the others |
//! | `libjpeg`, `libwebp`, `openjpeg` | safe wrappers for C libraries; the only `unsafe` code in the library | `iiif`, `pixel` |
//! | [`error`] | error formatting | none of the others |
//! | `http` | the only HTTP client and the only retry policy | none of the others |
//! | `limiter` | permits that limit both a number of items and their total size | none of the others |
//! | `workers` | the threads that decode, convert colors and encode | none of the others |
//! | [`source`] | turns local and remote files into rows | `iiif`, `pixel`, `libjpeg`, `libwebp`, `openjpeg`, `workers` |
//! | `pyramid` | turns rows into strips for every level | `iiif`, `pixel` |
//! | `encode` | turns pixels into bytes | `iiif`, `pixel`, `libjpeg`, `libwebp` |
//! | [`store`] | object storage; deals with keys and bytes, never images | `limiter` |
//! | [`destination`] | the keys and public URLs of published images | `iiif`, `store` |
//! | [`remote`] | finds remote sources and fetches their bytes | `http`, `location`, `source`, `store` |
//! | [`publish`] | the pipeline that connects the other rooms | `destination`, `iiif`, `pixel`, `limiter`, `location`, `source`, `remote`, `pyramid`, `encode`, `store`, `workers` |
//! | [`collection`] | publishes many images, including input parsing, shards, manifests and collections | `delete`, `destination`, `error`, `iiif`, `location`, `publish`, `site`, `source`, `store` |
//! | [`html`] | the web page stored next to the images to show them in a browser | `destination`, `iiif`, `publish`, `store` |
//! | [`site`] | the website for a collection, stored next to its images | `destination`, `html`, `iiif`, `publish`, `store` |
//! | [`delete`] | deletes images, starting with their `info.json` | `destination`, `iiif`, `publish`, `site`, `store` |
//! | [`bucket`] | checks that a bucket is suitable for publishing, and sets it up | `destination`, `http`, `store` |
//! | [`verify`] | requests the same resources over the web as a viewer | `http`, `iiif`, `libjpeg` |
//! | [`serve`] | a web server for previewing a folder | none of the others |
//!
//! The command line (`src/cli`) is part of the binary and only uses the public API. CPU-bound work runs in `workers`,
//! and `publish` waits for files in `spawn_blocking` jobs. `verify` also decodes in such jobs, and the folder store
//! uses them for writing because each write takes several system calls. Every module has its own error type; there
//! isn't a shared one.

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
/// Internals exposed for this package's tests and benchmarks. Unstable: they may change in any release.
#[doc(hidden)]
pub mod internals {
    pub use crate::encode::{Encoding, TileScan, encode_block_tile, encode_tile};
    pub use crate::pixel::{BlockStrip, BlockTile, PixelFormat, RowScale, Strip, Tile};
    pub use crate::pyramid::Cascade;
    pub use crate::source::Source;
}
pub mod location;
#[cfg(feature = "openjpeg")]
mod openjpeg;
mod pixel;
pub mod publish;
mod pyramid;
pub mod remote;
#[cfg(feature = "serve")]
pub mod serve;
pub mod site;
pub mod source;
pub mod store;
#[cfg(feature = "web")]
pub mod verify;
mod workers;
