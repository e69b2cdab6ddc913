//! The `iiif-publish plan` command.

use super::Verb;
use super::arguments::{ImageArguments, NameArguments, named_files};
use super::context::Context;
use super::error::Fatal;
use super::exit::Exit;
use super::output::{eprint_line, print, print_json};
use bytesize::ByteSize;
use clap::Args;
use iiif_publish::destination::{Identifier, PublicUrl};
use iiif_publish::iiif::{Plan, Size};
use iiif_publish::publish::{Options, Outline, VersionOutline};
use iiif_publish::source::Header;
use iiif_publish::store::S3Store;
use indicatif::{BinaryBytes, DecimalBytes, HumanCount};
use serde_json::{Value, json};
use std::path::PathBuf;

/// Price of 1,000 PUT requests to S3 Standard in us-east-1 (2026), in dollars.
pub(super) const DOLLARS_PER_THOUSAND_PUTS: f64 = 0.005;

#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("subject").required(true).args(["image", "size"]))]
pub(super) struct Arguments {
    /// Image to plan; only its header is read
    #[arg(value_name = "IMAGE")]
    image: Option<PathBuf>,
    /// Plan an image of this size, without a file
    #[arg(long, value_name = "WIDTHxHEIGHT", value_parser = parse_size, conflicts_with = "pages")]
    size: Option<Size>,
    /// Print every key in publishing order
    ///
    /// Keys are relative to the image.
    #[arg(long, conflicts_with = "json")]
    keys: bool,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
    /// Set the price of 1,000 PUT requests, in dollars
    #[arg(long, value_name = "DOLLARS", default_value_t = DOLLARS_PER_THOUSAND_PUTS, value_parser = parse_price)]
    price: f64,
    #[command(flatten)]
    names: NameArguments,
    #[command(flatten)]
    image_options: ImageArguments,
    /// Assume up to N parallel uploads [default: 512, as for a bucket]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..), help_heading = "Performance")]
    concurrency: Option<u16>,
}

fn parse_size(text: &str) -> Result<Size, String> {
    let sides = text
        .split_once(['x', 'X', '×'])
        .and_then(|(width, height)| Some((width.trim().parse().ok()?, height.trim().parse().ok()?)));
    let (width, height) = sides.ok_or("expected a size like 20000x15000")?;
    Size::new(width, height).map_err(|error| error.to_string())
}

fn parse_price(text: &str) -> Result<f64, String> {
    let price = text.parse().ok().filter(|price: &f64| price.is_finite() && *price >= 0.0);
    price.ok_or_else(|| "expected a number of dollars".to_owned())
}

impl Verb for Arguments {
    const EXAMPLES: &'static str = "\
Examples:
  iiif-publish plan scan.tif
      Show an image's objects, bytes, cost and memory.
  iiif-publish plan --size 20000x15000 --tile-size 1024
      Plan an image of this size, without a file.
  iiif-publish plan scan.tif --keys
      Print every key that publishing would write.";

    async fn run(self, _: &Context) -> Result<Exit, Fatal> {
        plan(&self)
    }
}

fn plan(arguments: &Arguments) -> Result<Exit, Fatal> {
    arguments.image_options.check_one_page()?;
    let options = arguments.options()?;
    let (header, identifier) = arguments.subject(&options)?;
    let outline = Outline::new(&header, &identifier, &options, arguments.concurrency())?;
    for refusal in refusals(&outline, &options) {
        eprint_line(&format!("warning: publishing would refuse this image: {refusal}"));
    }
    if arguments.json {
        return Ok(print_json(&document(&outline, arguments.price), true));
    }
    if arguments.keys {
        return Ok(print(&outline.keys().map(|key| key + "\n").collect::<String>()));
    }
    let image = format!("{identifier}: {}, {} pixels", header.description, header.size);
    Ok(print(&arguments.summary(&image, &outline, &options)))
}

impl Arguments {
    fn options(&self) -> Result<Options, Fatal> {
        let destination = &self.names.destination;
        let example = || {
            let example: PublicUrl = "https://example.org".parse().expect("the constant is a URL");
            example.below(&destination.prefix)
        };
        let public_url = destination.public_url.clone().unwrap_or_else(example);
        let options = self.image_options.options(self.image_options.shape()?, public_url).build();
        Ok(options.expect("no number is 0, and the program writes all formats"))
    }

    fn concurrency(&self) -> usize {
        self.concurrency.map_or(S3Store::DEFAULT_CONCURRENCY, usize::from)
    }

    /// Returns the header and identifier to plan, from a file or for a generic RGB image of the given size.
    fn subject(&self, options: &Options) -> Result<(Header, Identifier), Fatal> {
        let id = self.names.id.as_ref();
        if let Some(path) = &self.image {
            let images = named_files(vec![path.clone()], id)?;
            let identifier = images.into_iter().map(|image| image.identifier).next().expect("one path gives one image");
            return Ok((Header::read(path, options.read)?, identifier));
        }
        let size = self.size.expect("the group requires one of the two");
        let any = || "image".parse().expect("the constant is an identifier");
        Ok((Header::any_rgb(size), id.cloned().unwrap_or_else(any)))
    }

    fn summary(&self, image: &str, outline: &Outline, options: &Options) -> String {
        let factors: Vec<String> = outline.pyramid.scale_factors().iter().map(ToString::to_string).collect();
        let urls =
            outline.versions.iter().map(|version| format!("info.json      {}/{}\n", version.base_uri, Plan::INFO_JSON));
        format!(
            "image          {image}\n\
             scale factors  {}\n\
             objects        {}\n\
             bytes          about {}, within a factor of two\n\
             cost           ${:.4} for PUT requests (${} per 1,000)\n\
             memory         up to {} with `--jobs {} --concurrency {}`\n\
             {}",
            factors.join(" "),
            HumanCount(outline.objects()),
            DecimalBytes(outline.bytes()),
            dollars(outline.objects(), self.price),
            self.price,
            BinaryBytes(outline.memory_bytes),
            options.jobs,
            self.concurrency(),
            urls.collect::<String>(),
        )
    }
}

/// Describes the limits that the image exceeds.
fn refusals(outline: &Outline, options: &Options) -> impl Iterator<Item = String> {
    let (objects, memory) = (outline.objects(), outline.memory_bytes);
    let beyond = |value: u64, limit: Option<u64>| limit.filter(|limit| value > *limit);
    let refusals = [
        beyond(objects, options.max_objects)
            .map(|limit| format!("it needs {objects} objects, but the limit is {limit} (`--max-objects`)")),
        beyond(memory, options.max_memory_bytes).map(|limit| {
            format!("it needs {} of memory, but the limit is {} (`--max-memory`)", ByteSize(memory), ByteSize(limit))
        }),
    ];
    refusals.into_iter().flatten()
}

fn document(outline: &Outline, price: f64) -> Value {
    let pyramid = &outline.pyramid;
    let of_version = |version: &VersionOutline| {
        let objects = version.plan.object_count();
        json!({
            "width": pyramid.size().width(),
            "height": pyramid.size().height(),
            "scaleFactors": pyramid.scale_factors().iter().map(|scale| scale.value()).collect::<Vec<_>>(),
            "objects": objects,
            "keys": version.plan.paths().map(|path| format!("{}{path}", version.folder)).collect::<Vec<_>>(),
            "info": version.information,
            "bytes": version.bytes,
            "cost": dollars(objects, price),
            "memory": outline.memory_bytes,
        })
    };
    match &outline.versions[..] {
        [only] => of_version(only),
        several => several.iter().map(of_version).collect(),
    }
}

#[expect(clippy::cast_precision_loss, reason = "no pyramid has 2^52 objects")]
pub(super) fn dollars(objects: u64, price: f64) -> f64 {
    objects as f64 / 1000.0 * price
}
