//! Options for images that already exist.

use clap::{Args, ValueEnum};
use iiif_publish::publish::{Identity, Layout, Options};
use iiif_publish::store::OnExisting;
use std::time::Duration;

/// Options for images that already exist.
#[derive(Debug, Args)]
#[command(next_help_heading = "Existing images")]
pub(super) struct ExistingArguments {
    /// Republish images even if unchanged
    #[arg(long)]
    overwrite: bool,
    /// Choose how to detect unchanged files
    #[arg(long, value_name = "METHOD", default_value = "size-and-time")]
    check: CheckArgument,
    /// Never overwrite existing images, even if their source files changed
    #[arg(long, conflicts_with_all = ["overwrite", "output"])]
    no_clobber: bool,
    /// Store each version in its own folder, cacheable forever; info.json points to the newest
    #[arg(long)]
    versioned: bool,
    /// Recheck published images after SECONDS, in case two runs overlapped
    ///
    /// Use the same value for every run. The minimum is 4.
    #[arg(long, value_name = "SECONDS", default_value_t = Options::SETTLE_AFTER.as_secs(),
          value_parser = clap::value_parser!(u64).range(4..))]
    settle_after: u64,
    /// Keep N old versions of each image and delete the rest [default: keep all]
    #[arg(long, value_name = "N", requires = "versioned")]
    keep: Option<usize>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum CheckArgument {
    /// Compare size and modification time, or the `ETag`, without reading the file
    SizeAndTime,
    /// Read the entire file and compare its content
    Content,
}

impl ExistingArguments {
    pub(super) fn layout(&self) -> Layout {
        if self.versioned { Layout::Versioned { keep: self.keep } } else { Layout::InPlace }
    }

    pub(super) fn identity(&self) -> Identity {
        match self.check {
            CheckArgument::SizeAndTime => Identity::SizeAndTime,
            CheckArgument::Content => Identity::Content,
        }
    }

    pub(super) fn on_existing(&self) -> OnExisting {
        match (self.no_clobber, self.overwrite) {
            (true, _) => OnExisting::Keep,
            (_, true) => OnExisting::Overwrite,
            _ => OnExisting::Update,
        }
    }

    pub(super) fn settle_after(&self) -> Duration {
        Duration::from_secs(self.settle_after)
    }
}
