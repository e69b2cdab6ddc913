//! Says what a run would do, and does nothing.

use super::manifests::{self, ShownObject, shown};
use super::{Arguments, Gathered, image, prune};
use crate::cli::arguments::ProgressArgument;
use crate::cli::escape;
use crate::cli::exit::Exit;
use crate::cli::output::{counted, print, print_json, tell, tell_json};
use crate::cli::plan::{DOLLARS_PER_THOUSAND_PUTS, dollars, estimated_bytes};
use crate::cli::progress::Progress;
use crate::cli::report::{Fatal, chain};
use futures::{StreamExt, pin_mut, stream};
use iiif_publish::collection::{MANIFESTS, Page, Presentation};
use iiif_publish::iiif::Size;
use iiif_publish::publish::{Change, Prospect, PublishError, Publisher};
use iiif_publish::store::{Identifier, Key};
use indicatif::{DecimalBytes, HumanCount};
use serde_json::json;
use std::collections::HashMap;

/// Images that are looked at at the same time, as when they are published.
const IMAGES_IN_FLIGHT: usize = 32;

/// What all of it would come to.
#[derive(Default)]
struct Total {
    publish: u64,
    update: u64,
    unchanged: u64,
    failed: u64,
    delete: u64,
    objects: u64,
    bytes: u64,
}

/// Prints a line for each image that would change, and for each manifest.
pub(super) async fn dry_run(
    publisher: &Publisher,
    arguments: &Arguments,
    presentation: Option<&Presentation>,
    gathered: &Gathered,
    pages: &[&Page],
    progress: &Progress,
) -> Result<Exit, Fatal> {
    let (mut total, mut there, mut exit) = (Total::default(), HashMap::new(), Exit::Done);
    let teller = Teller { is_json: arguments.how.reports.how() == ProgressArgument::Json };
    let looks = stream::iter(pages).map(async |page| (page.identifier.clone(), publisher.examine(&image(page)).await));
    let looks = looks.buffered(IMAGES_IN_FLIGHT);
    pin_mut!(looks);
    while let Some((identifier, look)) = looks.next().await {
        exit = exit.worse(teller.image(&identifier, &look, &mut total));
        match look {
            Ok(prospect) => drop(there.insert(identifier, place(&prospect))),
            Err(error) if error.is_environment() => return Err(Fatal::of_image(&error)),
            Err(_) => {}
        }
    }
    if let Some(presentation) = presentation {
        let shown: Vec<ShownObject> = shown(pages, &there);
        let mut documents = manifests::changed(publisher, presentation, &shown).await?;
        if !shown.is_empty() && gathered.pages.len() == pages.len() {
            let mut there = manifests::keys(presentation, &shown)?;
            there.extend(manifests::listed(publisher, presentation, MANIFESTS).await?.unwrap_or_default().into_keys());
            let is_there = |key: &Key| there.contains(key);
            let label = &arguments.label;
            let collection =
                manifests::changed_collection(publisher, presentation, label, &gathered.pages, is_there).await?;
            documents.extend(collection.into_iter().map(|(key, body)| (key, body.len() as u64)));
        }
        for (key, bytes) in documents {
            total.objects += 1;
            total.bytes += bytes;
            exit = exit.worse(teller.line("write", &key, "", None));
        }
    }
    if arguments.prune.prune {
        let stale = prune::stale(publisher, presentation, gathered, arguments.prune.max_delete, progress).await?;
        for key in &stale.documents {
            exit = exit.worse(teller.line("delete", key, "", None));
        }
        for identifier in &stale.images {
            total.delete += 1;
            exit = exit.worse(teller.line("delete", identifier, "", None));
        }
        if let Some(refusal) = stale.refusal {
            teller.total(&total);
            return Err(refusal);
        }
    }
    teller.total(&total);
    Ok(exit)
}

/// Where the image will be, and how large.
fn place(prospect: &Prospect) -> (String, Size) {
    let url = prospect.published.info_urls.first().and_then(|url| url.strip_suffix("/info.json"));
    (url.unwrap_or_default().to_owned(), prospect.published.size)
}

struct Teller {
    is_json: bool,
}

impl Teller {
    fn image(&self, identifier: &Identifier, look: &Result<Prospect, PublishError>, total: &mut Total) -> Exit {
        let prospect = match look {
            Ok(prospect) => prospect,
            Err(error) => {
                total.failed += 1;
                return self.line("fail", identifier, &chain(error), None).worse(Exit::Failed);
            }
        };
        let verb = match prospect.change {
            Change::Unchanged | Change::Kept => {
                total.unchanged += 1;
                return Exit::Done;
            }
            Change::Replaced => "replace",
            Change::Headers => "copy",
            Change::Documents => "update",
            _ => "publish",
        };
        if prospect.change == Change::Documents {
            let objects = prospect.plans.len() as u64;
            total.update += 1;
            total.objects += objects;
            return self.line(verb, identifier, "info.json only", Some((objects, 0)));
        }
        let objects: u64 = prospect.plans.iter().map(iiif_publish::iiif::Plan::object_count).sum();
        let of_plan =
            |plan| prospect.plans[0].pyramid().formats().all().map(move |format| estimated_bytes(plan, format));
        let bytes: u64 = prospect.plans.iter().flat_map(of_plan).sum();
        total.objects += objects;
        // A copy is priced like a put, but sends no bytes.
        let (words, bytes) = if prospect.change == Change::Headers {
            total.update += 1;
            (format!("{} objects, new headers only", HumanCount(objects)), 0)
        } else {
            total.publish += 1;
            (format!("{} objects, about {}", HumanCount(objects), DecimalBytes(bytes)), bytes)
        };
        total.bytes += bytes;
        self.line(verb, identifier, &words, Some((objects, bytes)))
    }

    fn line(&self, verb: &str, what: &dyn std::fmt::Display, words: &str, cost: Option<(u64, u64)>) -> Exit {
        if self.is_json {
            let (objects, bytes) = cost.unzip();
            let reason = (verb == "fail").then_some(words);
            let line =
                json!({"would": verb, "id": what.to_string(), "objects": objects, "bytes": bytes, "reason": reason});
            return print_json(&line, false);
        }
        let colon = if words.is_empty() { "" } else { ": " };
        print(&(escape::line(&format!("{verb:8} {what}{colon}{words}")).into_owned() + "\n"))
    }

    fn total(&self, total: &Total) {
        let Total { publish, update, unchanged, failed, delete, objects, bytes } = total;
        let cost = dollars(*objects, DOLLARS_PER_THOUSAND_PUTS);
        if self.is_json {
            let line = json!({"event": "total", "publish": publish, "update": update, "unchanged": unchanged, "failed": failed, "delete": delete,
                              "objects": objects, "bytes": bytes, "dollars": cost});
            return tell_json(&line);
        }
        let publish = counted(*publish, "image");
        let [update, unchanged, failed, delete] = [update, unchanged, failed, delete].map(|count| HumanCount(*count));
        let update = if total.update > 0 { format!("update {update}, ") } else { String::new() };
        tell(&format!(
            "would publish {publish}, {update}delete {delete}, leave {unchanged} unchanged; {failed} would fail"
        ));
        let (objects, bytes) = (HumanCount(*objects), DecimalBytes(*bytes));
        let price = DOLLARS_PER_THOUSAND_PUTS;
        tell(&format!("{objects} uploads, about {bytes}: ${cost:.2} (${price} per 1,000)"));
    }
}
