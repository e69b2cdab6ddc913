//! The store that a command works on. This is the only place that lists the stores.

use crate::cli::context::Context;
use crate::cli::error::Fatal;
use clap::Args;
use iiif_publish::destination::PublicUrl;
use iiif_publish::location::{Location, S3Object};
use iiif_publish::store::{FolderStore, Prefix, S3Settings, S3Store, Store};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Options that select a store. Exactly one is required.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("target").required(true).args(["bucket", "output"]))]
pub(crate) struct TargetArguments {
    /// Use this bucket: a name, `s3://…/PREFIX` or ARN
    ///
    /// The ARN can refer to a bucket or an access point.
    #[arg(long, value_name = "BUCKET")]
    bucket: Option<String>,
    /// Use this folder instead of a bucket
    #[arg(long, value_name = "DIR")]
    output: Option<PathBuf>,
}

/// A selected store. To add a store, add a variant, and the compiler lists every place to change.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Target<'a> {
    Bucket(&'a str),
    Folder(&'a Path),
}

/// An open store and its own public URL, if it has one.
pub(crate) type ConnectedTarget = (Arc<dyn Store>, Option<PublicUrl>);

impl TargetArguments {
    /// Returns the selected store.
    pub(crate) fn target(&self) -> Target<'_> {
        match &self.output {
            Some(folder) => Target::Folder(folder),
            // Clap accepts a command line only if it has one of the two.
            None => Target::Bucket(self.bucket.as_deref().unwrap_or_default()),
        }
    }
}

impl<'a> Target<'a> {
    /// Returns the bucket name, or an empty string for a store that isn't a bucket.
    pub(crate) fn bucket(&self) -> String {
        match self {
            Self::Bucket(bucket) => (*bucket).to_owned(),
            Self::Folder(_) => String::new(),
        }
    }

    /// Returns the local folder that files are written to, if there is one.
    pub(crate) fn folder(&self) -> Option<&'a Path> {
        match self {
            Self::Bucket(_) => None,
            Self::Folder(folder) => Some(folder),
        }
    }

    /// Returns the name to use in messages.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Bucket(bucket) => (*bucket).to_owned(),
            Self::Folder(folder) => folder.display().to_string(),
        }
    }

    /// Returns the source location that would list the objects under a prefix.
    pub(crate) fn location(&self, prefix: &Prefix) -> Location {
        match self {
            Self::Bucket(bucket) => {
                let key = if prefix.is_empty() { String::new() } else { format!("{prefix}/") };
                Location::Object(S3Object { bucket: (*bucket).to_owned(), key, listed: None })
            }
            Self::Folder(folder) => Location::File(folder.join(prefix.to_string())),
        }
    }

    /// Opens the store without checking it. `settings` only apply to a bucket.
    pub(crate) async fn open(&self, settings: S3Settings, prefix: &Prefix) -> Result<ConnectedTarget, Fatal> {
        Ok(match self {
            Self::Bucket(_) => {
                let store = S3Store::connect(settings).await?;
                let public_url = store.url(prefix).into();
                (Arc::new(store), Some(public_url))
            }
            Self::Folder(folder) => (Arc::new(FolderStore::new(folder.to_path_buf())), None),
        })
    }

    /// Opens the store. `settings` only apply to a bucket, which is also checked.
    pub(crate) async fn connect(
        &self,
        settings: S3Settings,
        prefix: &Prefix,
        context: &Context,
    ) -> Result<ConnectedTarget, Fatal> {
        Ok(match self {
            Self::Bucket(_) => {
                let store = context.connect(settings).await?;
                let public_url = store.url(prefix).into();
                (Arc::new(store), Some(public_url))
            }
            Self::Folder(folder) => (Arc::new(FolderStore::new(folder.to_path_buf())), None),
        })
    }
}
