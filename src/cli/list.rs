//! The `iiif-publish list` command.

use super::arguments::{S3Arguments, TargetArguments};
use super::context::Context;
use super::error::Fatal;
use super::exit::Exit;
use super::output::{counted, eprint_line, print, print_json, rfc3339};
use super::{Verb, escape};
use clap::Args;
use iiif_publish::iiif::Size;
use iiif_publish::publish::{ListedImage, ListedState, list_images};
use iiif_publish::store::Prefix;
use indicatif::HumanCount;
use serde_json::json;
use std::collections::BTreeMap;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    target: TargetArguments,
    /// Use this prefix inside the bucket or output folder
    #[arg(long, value_name = "PREFIX", default_value_t, help_heading = "Names")]
    prefix: Prefix,
    /// Print one JSON line per image
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    s3: S3Arguments,
}

impl Verb for Arguments {
    const EXAMPLES: &'static str = "\
Examples:
  iiif-publish list --bucket art-tiles --prefix maps
      Show each image below a prefix: identifier, size, objects, time, state
      and URL. States are `current` (confirmed by a later run), `settling`
      (complete, to be confirmed), `replacing` (being replaced or deleted),
      `newer` (by a newer version) and `foreign` (by another program).
  iiif-publish list --output site --json";

    async fn run(self, context: &Context) -> Result<Exit, Fatal> {
        Box::pin(context.until_interrupted(list(&self, context))).await
    }
}

async fn list(arguments: &Arguments, context: &Context) -> Result<Exit, Fatal> {
    let target = arguments.target.target();
    let (store, _) = target.connect(arguments.s3.settings(target.bucket()), &arguments.prefix, context).await?;
    let (mut exit, mut states) = (Exit::Done, BTreeMap::new());
    let print_image = |image: ListedImage| {
        *states.entry(image.state.name()).or_insert(0) += 1;
        exit = exit.worse(if arguments.json { print_document(&image) } else { print_line(&image) });
    };
    list_images(&*store, &arguments.prefix, print_image).await?;
    if store.denied_lookups() > 0 {
        let error = format!("the store denied {}", counted(store.denied_lookups(), "lookup"));
        return Err(Fatal::new(Exit::Failed, error, "grant s3:GetObject below the prefix; the list is incomplete"));
    }
    eprint_line(&summary(&states));
    Ok(exit)
}

/// Counts the images, and those that aren't current.
fn summary(states: &BTreeMap<&str, u64>) -> String {
    let others = states.iter().filter(|(name, _)| **name != ListedState::Current.name());
    let others: Vec<String> = others.map(|(name, count)| format!("{} {name}", HumanCount(*count))).collect();
    let images = counted(states.values().sum(), "image");
    if others.is_empty() { images } else { format!("{images} ({})", others.join(", ")) }
}

fn print_line(image: &ListedImage) -> Exit {
    let or_unknown = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    let objects = or_unknown(image.objects.map(|objects| objects.to_string()));
    let (size, time) = (or_unknown(image.size.map(|size| size.to_string())), or_unknown(image.modified.map(rfc3339)));
    let (id, state, url) = (&image.identifier, image.state.name(), image.info_url());
    print(&(escape::line(&format!("{id}  {size}  {objects}  {time}  {state}  {url}")).into_owned() + "\n"))
}

fn print_document(image: &ListedImage) -> Exit {
    let document = json!({
        "id": image.identifier.to_string(),
        "width": image.size.map(Size::width),
        "height": image.size.map(Size::height),
        "objects": image.objects,
        "modified": image.modified.map(rfc3339),
        "state": image.state.name(),
        "info": image.info_url(),
    });
    print_json(&document, false)
}
