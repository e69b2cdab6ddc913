//! The `iiif-publish bucket` command.

mod check;
mod create;
mod setup;

use super::arguments::S3Arguments;
use super::context::Context;
use super::error::Fatal;
use super::exit::Exit;
use clap::{Args, Subcommand};
use iiif_publish::store::{Prefix, S3Settings};
use std::time::Duration;

/// Retry period for requests. It's short because the user is waiting.
const RETRY_FOR: Duration = Duration::from_secs(20);

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Create a bucket, which stays private
    Create(create::Arguments),
    /// Upload a test file, read it back as a viewer would, and delete it
    Check(check::Arguments),
    /// Add a CORS rule and a public-read policy for viewers (asks first)
    #[command(override_usage = "iiif-publish bucket setup --bucket <BUCKET> [--cors] [--public-read]")]
    Setup(setup::Arguments),
}

/// Options that select a bucket.
#[derive(Debug, Args)]
struct BucketArguments {
    /// Use this bucket
    #[arg(long, value_name = "BUCKET")]
    bucket: String,
    /// Use this prefix inside the bucket
    #[arg(long, value_name = "PREFIX", default_value_t)]
    prefix: Prefix,
    #[command(flatten)]
    s3: S3Arguments,
}

impl BucketArguments {
    fn settings(&self) -> S3Settings {
        let mut settings = self.s3.settings(self.bucket.clone());
        settings.retry_for = Some(RETRY_FOR);
        settings
    }
}

impl super::Verb for Arguments {
    const EXAMPLES: &'static str = "\
Examples:
  iiif-publish bucket create --bucket art-tiles --aws-region eu-central-1
      Create a bucket.
  iiif-publish bucket check --bucket art-tiles
      Find problems with publishing and viewing, and how to fix them.
  iiif-publish bucket setup --bucket art-tiles --cors --public-read
      Let everyone read and all websites load the images (asks first).";

    async fn run(self, context: &Context) -> Result<Exit, Fatal> {
        match self.action {
            Action::Create(arguments) => create::run(&arguments, context).await,
            Action::Check(arguments) => check::run(&arguments, context).await,
            Action::Setup(arguments) => setup::run(&arguments, context).await,
        }
    }
}

/// Indents every line of a document.
fn indented(text: &str) -> String {
    format!("       {}\n", text.replace('\n', "\n       "))
}
