//! `iiif-publish bucket`

mod check;
mod setup;

use super::arguments::{ProgressArgument, S3Arguments};
use super::exit::Exit;
use super::progress::Progress;
use super::publish;
use super::report::Fatal;
use clap::{Args, Subcommand};
use iiif_publish::store::{Prefix, S3Settings, S3Store};
use std::time::Duration;

/// The time to retry a request; short, because the user is waiting.
const RETRY_FOR: Duration = Duration::from_secs(20);

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Upload a test file, read it back as a viewer would, and delete it
    Check(check::Arguments),
    /// Add a CORS rule and a public-read policy for viewers (asks first)
    Setup(setup::Arguments),
}

/// Options that select a bucket.
#[derive(Debug, Args)]
struct BucketArguments {
    /// Use this bucket
    #[arg(long, value_name = "BUCKET")]
    bucket: String,
    /// Set the folder inside the bucket
    #[arg(long, value_name = "PREFIX", default_value_t)]
    prefix: Prefix,
    #[command(flatten)]
    s3: S3Arguments,
}

impl BucketArguments {
    /// Connects to the bucket, in any region.
    async fn connect(&self) -> Result<S3Store, Fatal> {
        self.connect_with(|settings| settings).await
    }

    /// Connects to the bucket with changed settings.
    async fn connect_with(&self, more: impl FnOnce(S3Settings) -> S3Settings) -> Result<S3Store, Fatal> {
        let settings = S3Settings { retry_for: Some(RETRY_FOR), ..self.s3.settings(self.bucket.clone()) };
        let settings = more(settings);
        Ok(publish::bucket(settings, &Progress::new(ProgressArgument::Plain, 0)).await?)
    }
}

pub(super) async fn run(arguments: &Arguments) -> Exit {
    let exit = match &arguments.verb {
        Verb::Check(arguments) => check::run(arguments).await,
        Verb::Setup(arguments) => setup::run(arguments).await,
    };
    exit.unwrap_or_else(|fatal| fatal.tell(ProgressArgument::Plain))
}

/// Indents a document.
fn indented(text: &str) -> String {
    format!("       {}\n", text.replace('\n', "\n       "))
}
