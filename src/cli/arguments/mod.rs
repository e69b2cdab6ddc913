//! Option groups shared by several commands.

mod consent;
mod encoding;
mod existing;
mod image;
mod limits;
mod names;
mod publishing;
mod s3;
mod shape;
mod site;
mod slug;
mod sources;
mod storage;
mod target;

pub(crate) use consent::ConsentArguments;
pub(crate) use image::ImageArguments;
pub(crate) use names::{DestinationArguments, NameArguments, NameError, named, named_files, renamed};
pub(crate) use publishing::PublishArguments;
pub(crate) use s3::S3Arguments;
pub(crate) use shape::{VersionArgument, VersionArguments};
pub(crate) use site::SiteArguments;
pub(crate) use storage::StorageArguments;
pub(crate) use target::TargetArguments;
