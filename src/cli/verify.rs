//! The `iiif-publish verify` command.

use super::arguments::{NameArguments, S3Arguments, VersionArguments};
use super::context::Context;
use super::error::Fatal;
use super::exit::Exit;
use super::output::{counted, eprint_line, print, print_json};
use super::{Verb, escape};
use clap::Args;
use iiif_publish::destination::{Destination, Identifier, ImageFolder, Versions};
use iiif_publish::error::chain;
use iiif_publish::iiif::{ApiVersion, RoundedSizes};
use iiif_publish::publish::list_images;
use iiif_publish::store::S3Store;
use iiif_publish::verify::{Documents, Finding, InfoUrl, Options, Rule, Verified, Verifier, VerifyError};
use indicatif::HumanCount;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::num::{NonZeroU64, NonZeroUsize};

#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("subject").required(true).args(["urls", "bucket"]))]
#[command(group = clap::ArgGroup::new("images").args(["id", "all"]))]
pub(super) struct Arguments {
    /// URLs of info.json files, manifests or collections
    ///
    /// They may be from any publisher. All images of a manifest, and all manifests of a collection, are verified.
    #[arg(
        value_name = "URL",
        conflicts_with_all = ["prefix", "id", "all", "public_url", "iiif_version", "endpoint_url", "aws_region", "profile"]
    )]
    urls: Vec<String>,
    /// Verify images in this bucket by their public URLs
    #[arg(long, value_name = "BUCKET", requires = "images")]
    bucket: Option<String>,
    /// Verify all images below the prefix
    #[arg(long)]
    all: bool,
    /// Check only N evenly spaced files per image
    ///
    /// The info.json, full/max and the corner tiles are always checked.
    #[arg(long, value_name = "N")]
    sample: Option<NonZeroU64>,
    /// Limit parallel requests
    #[arg(long, value_name = "N", default_value_t = Options::CONCURRENCY)]
    concurrency: NonZeroUsize,
    /// Expect images published with this flag
    #[arg(long)]
    no_rounded_sizes: bool,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    names: NameArguments,
    #[command(flatten)]
    version: VersionArguments,
    #[command(flatten)]
    s3: S3Arguments,
}

/// An image to verify.
struct Target {
    url: InfoUrl,
    /// Image folder in the bucket. Without it, the report identifies objects by URL.
    folder: Option<ImageFolder>,
}

impl Target {
    /// Returns the key of a finding's object, or its URL if the image isn't in a bucket. `url` points to the image or
    /// its newest version.
    fn key(&self, url: &InfoUrl, finding: &Finding) -> String {
        let url = object_url(url, finding.path.as_deref().unwrap_or_default());
        let key = match (&self.folder, url.strip_prefix(self.url.base_uri())) {
            (Some(folder), Some(path)) => folder.key(&path.trim_start_matches('/')).to_string(),
            _ => url,
        };
        key.trim_end_matches('/').to_owned()
    }
}

fn object_url(url: &InfoUrl, path: &str) -> String {
    match (path.strip_prefix("../"), url.base_uri().rsplit_once('/')) {
        (Some(path), Some((above, _))) => format!("{above}/{path}"),
        _ => format!("{}/{path}", url.base_uri()),
    }
}

impl Verb for Arguments {
    const EXAMPLES: &'static str = "\
Examples:
  iiif-publish verify https://cdn.example.org/maps/atlas/info.json
      Verify any image on the web, from any publisher.
  iiif-publish verify https://cdn.example.org/maps/collection.json --sample 9
      Verify a few files of each image of a collection.
  iiif-publish verify --bucket art-tiles --prefix maps --all --sample 20
  iiif-publish verify --bucket art-tiles --prefix maps --id atlas --sample 500
      Verify 500 files of an image in a bucket, as the public sees them.";

    async fn run(self, context: &Context) -> Result<Exit, Fatal> {
        Box::pin(context.until_interrupted(verify(&self, context))).await
    }
}

async fn verify(arguments: &Arguments, context: &Context) -> Result<Exit, Fatal> {
    let verifier = Verifier::new(options(arguments))?;
    let mut report = VerifyReport { json: arguments.json, documents: Vec::new(), exits: Vec::new(), can_repair: false };
    let targets = match &arguments.bucket {
        Some(bucket) => in_bucket(arguments, bucket, context).await?,
        None => on_the_web(&arguments.urls, &verifier, &mut report).await?,
    };
    for target in &targets {
        match verifier.verify(&target.url).await {
            Ok(image) => report.image(target, &image),
            Err(error) => report.unreachable(target, error, context),
        }
    }
    Ok(report.end())
}

/// Report that is printed line by line as images are verified, or as a single JSON document at the end.
struct VerifyReport {
    json: bool,
    documents: Vec<Value>,
    exits: Vec<Exit>,
    /// Set if an image that this program published has problems.
    can_repair: bool,
}

impl VerifyReport {
    fn image(&mut self, target: &Target, image: &Verified) {
        if self.json {
            self.documents.push(document(target, image));
        } else {
            print(&lines(target, image));
        }
        eprint_line(&summary(image));
        let is_own = image.described.is_some_and(|described| described.rule == Rule::Plan);
        self.can_repair |= is_own && !image.passed();
        self.exits.push(if image.passed() { Exit::Done } else { Exit::Failed });
    }

    /// Reports the manifests and collections that were read.
    fn documents(&mut self, url: &str, found: &Documents) {
        for (url, problem) in &found.problems {
            if self.json {
                let detail = problem.to_string();
                self.documents.push(json!({"document": url, "problem": problem.kind(), "detail": detail}));
            } else {
                print(&(escape::line(&format!("{url}: {problem}")).into_owned() + "\n"));
            }
            self.exits.push(Exit::Failed);
        }
        let (read, images) = (counted(found.read, "document"), counted(found.images.len() as u64, "image"));
        eprint_line(&format!("{url}: read {read} with {images}"));
    }

    fn unreachable(&mut self, target: &Target, error: VerifyError, context: &Context) {
        self.documents.push(json!({"info": target.url.to_string(), "error": chain(&error)}));
        self.exits.push(context.exit(Err(error.into())));
    }

    /// Prints the JSON document, if requested, and returns the most severe exit code.
    fn end(self) -> Exit {
        if self.json {
            print_json(&json!({"images": self.documents}), true);
        }
        if self.can_repair {
            eprint_line("hint: to replace missing or wrong files, publish the images again with `--overwrite`");
        }
        let worst = [Exit::Environment, Exit::Failed].into_iter().find(|exit| self.exits.contains(exit));
        worst.unwrap_or(Exit::Done)
    }
}

fn options(arguments: &Arguments) -> Options {
    let mut options = Options::default();
    options.concurrency = arguments.concurrency;
    options.sample = arguments.sample.map(NonZeroU64::get);
    options.rounded_sizes = if arguments.no_rounded_sizes { RoundedSizes::LeftOut } else { RoundedSizes::Stored };
    options
}

/// Returns the images that these URLs name, directly or by a manifest or a collection.
async fn on_the_web(urls: &[String], verifier: &Verifier, report: &mut VerifyReport) -> Result<Vec<Target>, Fatal> {
    let mut targets = Vec::new();
    for text in urls {
        let url = text.parse::<InfoUrl>()?;
        let found = if text.ends_with("/info.json") { None } else { verifier.documents(text).await? };
        match found {
            None => targets.push(Target { url, folder: None }),
            Some(found) => {
                report.documents(text, &found);
                targets.extend(found.images.into_iter().map(|url| Target { url, folder: None }));
            }
        }
    }
    Ok(targets)
}

async fn in_bucket(arguments: &Arguments, bucket: &str, context: &Context) -> Result<Vec<Target>, Fatal> {
    let settings = arguments.s3.settings(bucket.to_owned());
    let prefix = &arguments.names.destination.prefix;
    let own_url = arguments.names.destination.public_url.clone();
    let Some(identifier) = &arguments.names.id else {
        let store = context.connect(settings).await?;
        let public_url = own_url.unwrap_or_else(|| store.url(prefix).into());
        // Identifiers of the list include the folder of their version of the Image API.
        let destination = Destination::new(prefix.clone(), public_url, Versions::V3);
        let mut identifiers = Vec::new();
        list_images(&store, prefix, |image| identifiers.push(image.identifier)).await?;
        eprint_line(&counted(identifiers.len() as u64, "image"));
        return targets(&destination, &identifiers);
    };
    // Credentials are needed only to look up the region.
    let public_url = match own_url {
        Some(public_url) => public_url,
        None => S3Store::connect(settings).await?.url(prefix).into(),
    };
    let destination = Destination::new(prefix.clone(), public_url, arguments.version.versions());
    targets(&destination, std::slice::from_ref(identifier))
}

fn targets(destination: &Destination, identifiers: &[Identifier]) -> Result<Vec<Target>, Fatal> {
    let mut targets = Vec::new();
    for identifier in identifiers {
        for (_, image) in destination.images(identifier)? {
            targets.push(Target { url: image.base_uri().parse()?, folder: Some(image.folder().clone()) });
        }
    }
    Ok(targets)
}

fn lines(target: &Target, verified: &Verified) -> String {
    let line = |finding: &Finding| {
        let line = format!("{}: {}", target.key(&verified.url, finding), finding.problem);
        escape::line(&line).into_owned() + "\n"
    };
    verified.findings.iter().map(line).collect()
}

fn summary(verified: &Verified) -> String {
    let Some(described) = verified.described else {
        return format!("{}: not usable; nothing else was checked", verified.url);
    };
    let checked = HumanCount(verified.checked);
    let objects = match verified.objects - verified.checked {
        0 => format!("all {checked} objects"),
        _ => format!("{checked} of {} objects", HumanCount(verified.objects)),
    };
    let rule = match (described.rule, described.level) {
        (Rule::Plan, _) => "that iiif-publish writes for this image".to_owned(),
        (Rule::Listed, Some(0)) => "listed in its info.json".to_owned(),
        (Rule::Listed, level) => {
            let level = level.map_or("unknown level".to_owned(), |level| format!("level {level}"));
            format!("listed in its info.json ({level} server: images generated on demand are not checked)")
        }
    };
    format!("{}: checked {objects} {rule}: {}", verified.url, outcome(verified))
}

fn outcome(verified: &Verified) -> String {
    if verified.passed() {
        return "no problems".to_owned();
    }
    let mut kinds: BTreeMap<&str, u64> = BTreeMap::new();
    for finding in &verified.findings {
        *kinds.entry(finding.problem.kind()).or_default() += 1;
    }
    let kinds: Vec<String> = kinds.iter().map(|(kind, count)| format!("{} {kind}", HumanCount(*count))).collect();
    let unlisted = match verified.unlisted {
        0 => String::new(),
        unlisted => format!(", and {} more", HumanCount(unlisted)),
    };
    format!("problems: {}{unlisted}", kinds.join(", "))
}

fn document(target: &Target, verified: &Verified) -> Value {
    let problem = |finding: &Finding| {
        json!({
            "key": target.key(&verified.url, finding),
            "url": finding.path.as_ref().map(|path| object_url(&verified.url, path)),
            "problem": finding.problem.kind(),
            "detail": finding.problem.to_string(),
        })
    };
    let described = verified.described.as_ref();
    json!({
        "info": verified.url.to_string(),
        "version": described.map(|described| described.version).map(ApiVersion::number),
        "level": described.and_then(|described| described.level),
        "width": described.map(|described| described.size.width()),
        "height": described.map(|described| described.size.height()),
        "rule": described.map(|described| match described.rule {
            Rule::Plan => "plan",
            Rule::Listed => "listed",
        }),
        "objects": verified.objects,
        "checked": verified.checked,
        "well": verified.passed(),
        "problems": verified.findings.iter().map(problem).collect::<Vec<_>>(),
        "unlisted": verified.unlisted,
    })
}
