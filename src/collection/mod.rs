//! Image collections, including their input, sharding, manifests and collection documents.

mod folder;
pub mod ingest;
mod input;
mod lines;
mod naming;
mod page;
mod presentation;
mod row_metadata;
mod shard;
mod stale;
mod table;

pub use folder::EmptyFolder;
pub use input::{Input, InputError, Patterns};
pub use page::{Page, objects};
pub(crate) use presentation::{ManifestPage, Presentation};
pub use shard::{Shard, ShardError};
pub use stale::StaleError;
pub(crate) use stale::{StaleImages, stale_images};
pub use table::{RowError, RowUnit, Table};
