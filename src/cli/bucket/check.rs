//! The `iiif-publish bucket check` command.

use super::{BucketArguments, indented};
use crate::cli::arguments::StorageArguments;
use crate::cli::context::Context;
use crate::cli::error::Fatal;
use crate::cli::escape;
use crate::cli::exit::Exit;
use crate::cli::output::{print, print_json};
use clap::Args;
use iiif_publish::bucket::{Check, CheckFinding, Remedy, Report, Verdict, check};
use iiif_publish::destination::{Destination, PublicUrl, Versions};
use serde_json::{Value, json};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    target: BucketArguments,
    /// Set the prefix's public base URL, such as your CDN's
    ///
    /// The default is the bucket's URL with the prefix.
    #[arg(long, value_name = "URL")]
    public_url: Option<PublicUrl>,
    #[command(flatten)]
    storage: StorageArguments,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(arguments: &Arguments, context: &Context) -> Result<Exit, Fatal> {
    let target = &arguments.target;
    arguments.storage.warn(context);
    let store = context.connect(arguments.storage.apply_to(target.settings())).await?;
    let public_url = arguments.public_url.clone().unwrap_or_else(|| store.url(&target.prefix).into());
    let mut asked = Check::new(Destination::new(target.prefix.clone(), public_url, Versions::default()));
    asked.command_options = target.s3.command_options();
    let report = check(&store, &asked, context.interrupted()).await?;
    let printed = if arguments.json {
        print_json(&document(arguments, &asked, &report), true)
    } else {
        print(&report.findings.iter().map(lines).collect::<String>())
    };
    Ok(match report.stopped {
        Some(signal) => signal,
        None if report.passed() => printed,
        None => Exit::Failed,
    })
}

fn lines(finding: &CheckFinding) -> String {
    let verdict = match finding.verdict {
        Verdict::Ok => "ok  ",
        Verdict::Failed => "FAIL",
        Verdict::Note => "note",
    };
    let remedy = finding.remedy.as_ref().map(remedy).unwrap_or_default();
    format!("{verdict} {}: {}\n{remedy}", finding.step.name(), escape::line(&finding.detail))
}

fn remedy(remedy: &Remedy) -> String {
    let document = remedy.document.as_ref().map(|document| indented(&document.to_string())).unwrap_or_default();
    let command =
        remedy.command.as_ref().map(|command| format!("     $ {}\n", escape::line(command))).unwrap_or_default();
    format!("     {}\n{document}{command}", escape::line(&remedy.advice))
}

fn document(arguments: &Arguments, check: &Check, report: &Report<Exit>) -> Value {
    json!({
        "bucket": arguments.target.bucket,
        "prefix": check.destination.prefix().to_string(),
        "publicUrl": check.destination.public_url().to_string(),
        "well": report.passed(),
        "finished": report.stopped.is_none(),
        "findings": report.findings.iter().map(entry).collect::<Vec<_>>(),
    })
}

fn entry(finding: &CheckFinding) -> Value {
    let remedy =
        |remedy: &Remedy| json!({"advice": remedy.advice, "document": remedy.document, "command": remedy.command});
    json!({
        "check": finding.step.name(),
        "needed": finding.step.is_needed(),
        "verdict": match finding.verdict {
            Verdict::Ok => "ok",
            Verdict::Failed => "failed",
            Verdict::Note => "note",
        },
        "detail": finding.detail,
        "remedy": finding.remedy.as_ref().map(remedy),
    })
}
