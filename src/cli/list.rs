//! The `iiif-publish list` command.

use super::arguments::{S3Arguments, TargetArguments};
use super::context::Context;
use super::error::Fatal;
use super::exit::Exit;
use super::output::{counted, eprint_line, print, print_json, rfc3339};
use super::{Verb, escape};
use clap::Args;
use console::measure_text_width;
use iiif_publish::iiif::Size;
use iiif_publish::publish::{ListedImage, ListedState, list_images};
use iiif_publish::store::Prefix;
use indicatif::HumanCount;
use serde_json::json;
use std::collections::BTreeMap;
use std::io::{self, IsTerminal};

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
      Show each image below a prefix, sorted by identifier: identifier, size,
      objects, time, state and URL. States are `current` (confirmed by a later
      run), `settling` (complete, to be confirmed), `replacing` (being replaced
      or deleted), `newer` (by a newer version) and `foreign` (by another
      program).
  iiif-publish list --output site --json";

    async fn run(self, context: &Context) -> Result<Exit, Fatal> {
        Box::pin(context.until_interrupted(list(&self, context))).await
    }
}

async fn list(arguments: &Arguments, context: &Context) -> Result<Exit, Fatal> {
    let target = arguments.target.target();
    let (store, _) = target.connect(arguments.s3.settings(target.bucket()), &arguments.prefix, context).await?;
    let (mut exit, mut states, mut images) = (Exit::Done, BTreeMap::new(), Vec::new());
    let on_image = |image: ListedImage| {
        *states.entry(image.state.name()).or_insert(0) += 1;
        if arguments.json {
            exit = exit.worse(print_document(&image));
        } else {
            images.push(image);
        }
    };
    list_images(&*store, &arguments.prefix, on_image).await?;
    images.sort_unstable_by(|a, b| a.identifier.cmp(&b.identifier));
    exit = exit.worse(print_lines(images.iter().map(cells).collect()));
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

/// Names of the columns.
const HEADER: [&str; 6] = ["IMAGE", "SIZE", "OBJECTS", "WRITTEN", "STATE", "URL"];

/// Space between two columns.
const GAP: &str = "  ";

/// Returns an image's values, one for each column.
fn cells(image: &ListedImage) -> [String; HEADER.len()] {
    let or_unknown = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    let cells = [
        image.identifier.to_string(),
        or_unknown(image.size.map(|size| size.to_string())),
        or_unknown(image.objects.map(|objects| objects.to_string())),
        or_unknown(image.modified.map(rfc3339)),
        image.state.name().to_owned(),
        image.info_url(),
    ];
    cells.map(|cell| escape::line(&cell).into_owned())
}

/// Prints a line per image. On a terminal, the columns are aligned below a header.
fn print_lines(mut rows: Vec<[String; HEADER.len()]>) -> Exit {
    if !rows.is_empty() && io::stdout().is_terminal() {
        rows.insert(0, HEADER.map(str::to_owned));
        align(&mut rows);
    }
    print(&rows.iter().map(|row| row.join(GAP) + "\n").collect::<String>())
}

/// Pads all cells to the widths of their columns, except in the last one.
fn align(rows: &mut [[String; HEADER.len()]]) {
    for column in 0..HEADER.len() - 1 {
        let widths: Vec<usize> = rows.iter().map(|row| measure_text_width(&row[column])).collect();
        let widest = widths.iter().copied().max().unwrap_or_default();
        for (row, width) in rows.iter_mut().zip(widths) {
            row[column].push_str(&" ".repeat(widest - width));
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_below_their_names() {
        let row = |cells: [&str; 6]| cells.map(str::to_owned);
        let mut rows =
            [HEADER.map(str::to_owned), row(["maps/日本", "60x40", "3", "-", "current", "u"]), row(["a"; 6])];
        align(&mut rows);
        let lines: Vec<String> = rows.iter().map(|row| row.join(GAP)).collect();
        assert_eq!(
            lines,
            [
                "IMAGE      SIZE   OBJECTS  WRITTEN  STATE    URL",
                "maps/日本  60x40  3        -        current  u",
                "a          a      a        a        a        a",
            ]
        );
    }
}
