//! The `iiif-publish bucket create` command.

use super::RETRY_FOR;
use crate::cli::arguments::S3Arguments;
use crate::cli::context::Context;
use crate::cli::error::Fatal;
use crate::cli::exit::Exit;
use crate::cli::output::{eprint_line, print};
use clap::Args;
use iiif_publish::store::S3Store;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Create this bucket
    #[arg(long, value_name = "BUCKET")]
    bucket: String,
    #[command(flatten)]
    s3: S3Arguments,
}

pub(super) async fn run(arguments: &Arguments, _: &Context) -> Result<Exit, Fatal> {
    let mut settings = arguments.s3.settings(arguments.bucket.clone());
    settings.retry_for = Some(RETRY_FOR);
    let store = S3Store::connect(settings).await?;
    let is_new = store.create_bucket().await?;
    let (bucket, region) = (&arguments.bucket, store.aws_region());
    let exit = if is_new {
        print(&format!("created `{bucket}` in {region}\n"))
    } else {
        print(&format!("`{bucket}` already exists and is yours\n"))
    };
    eprint_line(&format!(
        "to let everyone read it, run `iiif-publish bucket setup --bucket {bucket} --cors --public-read`"
    ));
    Ok(exit)
}
