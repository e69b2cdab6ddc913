//! Image collections, including their input, sharding, manifests and collection documents.

mod folder;
pub mod ingest;
mod input;
mod lines;
mod naming;
mod nesting;
mod page;
mod page_selection;
mod presentation;
mod row_links;
mod row_metadata;
mod row_place;
mod shard;
mod stale;
mod table;

pub use folder::EmptyFolder;
pub use input::{ImageType, ImageTypeError, Input, InputError, Patterns};
pub(crate) use nesting::CollectionPath;
pub use nesting::{Nesting, NestingError};
pub use page::{Page, objects};
pub use page_selection::{PageRange, PageSelection, PageSelectionError};
pub(crate) use presentation::{ManifestPage, Presentation, StoredPage};
pub use row_place::{RowPlace, RowUnit};
pub use shard::{Shard, ShardError};
pub use stale::StaleError;
pub(crate) use stale::{StaleImages, stale_images, stale_pages};
#[cfg(feature = "web")]
pub use table::google_sheet_as_csv;
pub use table::{
    ColumnMapping, ColumnMappingError, MetadataColumns, Preset, PresetError, RowError, Table, TableColumns,
};
