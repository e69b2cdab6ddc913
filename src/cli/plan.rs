//! `iiif-publish plan`

use super::Verb;
use super::arguments::{ImageArguments, NameArguments, named_files};
use super::context::Context;
use super::error::Fatal;
use super::exit::Exit;
use super::output::{eprint_line, print, print_json};
use bytesize::ByteSize;
use clap::Args;
use iiif_publish::destination::{Destination, Identifier, PublicUrl};
use iiif_publish::iiif::{ApiVersion, ImageInformation, Plan, Pyramid, Size};
use iiif_publish::pixel::PixelFormat;
use iiif_publish::publish::{InFlight, peak_memory_bytes};
use iiif_publish::source::{Found, Header, Source, SourceKind};
use iiif_publish::store::S3Store;
use indicatif::{BinaryBytes, DecimalBytes, HumanCount};
use serde_json::{Value, json};
use std::fmt::Write;
use std::path::PathBuf;

/// The price of 1,000 PUT requests of S3 Standard in us-east-1 (2026), in dollars.
pub(super) const DOLLARS_PER_THOUSAND_PUTS: f64 = 0.005;

#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("subject").required(true).args(["image", "size"]))]
pub(super) struct Arguments {
    /// Image to plan; only its header is read
    #[arg(value_name = "IMAGE")]
    image: Option<PathBuf>,
    /// Plan an image of this size instead of a file
    #[arg(long, value_name = "WIDTHxHEIGHT", value_parser = parse_size, conflicts_with = "page")]
    size: Option<Size>,
    /// Print every key in publishing order, relative to the image
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
    /// Assume up to N parallel uploads [default: 256, as into a bucket]
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

/// The plan of one version of the Image API.
struct Planned {
    plan: Plan,
    /// `3/` or `2/` if both versions are planned.
    folder: String,
    info_url: String,
    information: ImageInformation,
    bytes: u64,
}

impl Verb for Arguments {
    const EXAMPLES: &'static str = "\
Examples:
  iiif-publish plan scan.tif
      Show the objects, bytes, cost and memory of an image.
  iiif-publish plan --size 20000x15000 --tile-size 1024
      Plan an image of this size, without a file.
  iiif-publish plan scan.tif --keys
      Print every key that publishing would write.";

    async fn run(self, _: &Context) -> Result<Exit, Fatal> {
        plan(&self)
    }
}

fn plan(arguments: &Arguments) -> Result<Exit, Fatal> {
    let shape = arguments.image_options.shape()?;
    let (header, identifier) = subject(arguments)?;
    let pyramid = Pyramid::new(header.size, shape);
    pyramid.check_formats()?;
    let planned = planned(arguments, &pyramid, &identifier);
    let memory = peak_memory_bytes(&header, &pyramid, arguments.image_options.jpeg(), arguments.in_flight());
    let refusals = arguments.refusals(&planned, memory);
    for refusal in &refusals {
        eprint_line(&format!("warning: publishing would refuse this image: {refusal}"));
    }
    if arguments.json {
        return Ok(print_json(&document(arguments, &planned, memory), true));
    }
    let text = if arguments.keys { keys(&planned) } else { summary(arguments, &header, &identifier, &planned, memory) };
    Ok(print(&text))
}

impl Arguments {
    /// Returns the parallelism of publishing with these arguments, which decides about memory.
    fn in_flight(&self) -> InFlight {
        InFlight::new(
            self.image_options.jobs().get(),
            self.concurrency.map_or(S3Store::DEFAULT_CONCURRENCY, usize::from),
        )
    }

    /// Returns the limits that the image exceeds.
    fn refusals(&self, planned: &[Planned], memory: u64) -> Vec<String> {
        let limits = self.image_options.limits();
        let objects: u64 = planned.iter().map(|planned| planned.plan.object_count()).sum();
        let beyond = |value: u64, limit: Option<u64>| limit.filter(|limit| value > *limit);
        let refusals = [
            beyond(objects, limits.max_objects)
                .map(|limit| format!("{objects} objects exceed the limit of {limit} (`--max-objects`)")),
            beyond(memory, limits.max_memory_bytes()).map(|limit| {
                format!("{} of memory exceed the limit of {} (`--max-memory`)", ByteSize(memory), ByteSize(limit))
            }),
        ];
        refusals.into_iter().flatten().collect()
    }
}

/// Returns the header and identifier to plan: those of a file, or of any RGB image of a size.
fn subject(arguments: &Arguments) -> Result<(Header, Identifier), Fatal> {
    let id = arguments.names.id.as_ref();
    if let Some(path) = &arguments.image {
        let images = named_files(vec![path.clone()], id)?;
        let identifier = images.into_iter().map(|image| image.identifier).next().expect("one path gives one image");
        return Ok((Source::open(path, arguments.image_options.read())?.header().clone(), identifier));
    }
    let size = arguments.size.expect("the group requires one of the two");
    let any = || "image".parse().expect("the constant is an identifier");
    let description = "any RGB image".to_owned();
    let header = Header {
        size,
        format: PixelFormat::Rgb8,
        description,
        kind: SourceKind::PLAIN_RGB,
        found: Found::default(),
        decoder_bytes: 0,
        blocks: None,
        kept_profile: None,
    };
    Ok((header, id.cloned().unwrap_or_else(any)))
}

fn planned(arguments: &Arguments, pyramid: &Pyramid, identifier: &Identifier) -> Vec<Planned> {
    let public_url = arguments.names.place.public_url.clone().unwrap_or_else(|| {
        let example: PublicUrl = "https://example.org".parse().expect("the constant is a URL");
        example.below(&arguments.names.place.prefix)
    });
    let versions = arguments.image_options.versions();
    let destination = Destination::new(arguments.names.place.prefix.clone(), public_url, versions);
    let one = |((version, folder), image): ((ApiVersion, Option<u8>), (String, String))| {
        let plan = Plan::new(pyramid.clone(), version);
        let (base_uri, info_url) = image;
        let information = ImageInformation::new(pyramid, version, base_uri, None);
        let bytes = plan.estimated_bytes() + information.to_json().len() as u64;
        let folder = folder.map(|number| format!("{number}/")).unwrap_or_default();
        Planned { plan, folder, info_url, information, bytes }
    };
    let images = destination.base_uris(identifier).into_iter().zip(destination.info_urls(identifier));
    versions.folders().into_iter().zip(images).map(one).collect()
}

/// Returns every key in publishing order: the URLs of each tile in all versions, then each `info.json`.
fn keys(planned: &[Planned]) -> String {
    let mut keys = String::new();
    let Some(first) = planned.first() else { return keys };
    let mut line = |folder: &str, path: &dyn std::fmt::Display| {
        writeln!(keys, "{folder}{path}").expect("writing to a string does not fail");
    };
    for rendering in first.plan.pyramid().renderings() {
        for Planned { plan, folder, .. } in planned {
            for request in plan.requests(rendering) {
                line(folder, &request);
            }
        }
    }
    for Planned { folder, .. } in planned {
        line(folder, &Plan::INFO_JSON);
    }
    keys
}

fn document(arguments: &Arguments, planned: &[Planned], memory: u64) -> Value {
    let one = |planned: &Planned| {
        let pyramid = planned.plan.pyramid();
        let objects = planned.plan.object_count();
        json!({
            "width": pyramid.size().width(),
            "height": pyramid.size().height(),
            "scaleFactors": pyramid.scale_factors().iter().map(|scale| scale.value()).collect::<Vec<_>>(),
            "objects": objects,
            "keys": planned.plan.paths().map(|path| format!("{}{path}", planned.folder)).collect::<Vec<_>>(),
            "info": planned.information,
            "bytes": planned.bytes,
            "cost": dollars(objects, arguments.price),
            "memory": memory,
        })
    };
    match planned {
        [only] => one(only),
        several => several.iter().map(one).collect(),
    }
}

fn summary(
    arguments: &Arguments,
    header: &Header,
    identifier: &Identifier,
    planned: &[Planned],
    memory: u64,
) -> String {
    let pyramid = planned[0].plan.pyramid();
    let factors: Vec<String> = pyramid.scale_factors().iter().map(ToString::to_string).collect();
    let objects: u64 = planned.iter().map(|planned| planned.plan.object_count()).sum();
    let bytes: u64 = planned.iter().map(|planned| planned.bytes).sum();
    let price = arguments.price;
    let InFlight { encoders, pictures, .. } = arguments.in_flight();
    let in_flight = pictures - encoders;
    let mut text = format!(
        "image          {identifier}: {}, {} pixels\n\
         scale factors  {}\n\
         objects        {}\n\
         bytes          about {}, within a factor of two\n\
         cost           ${:.4} for PUT requests (${price} per 1,000)\n\
         memory         up to {} with `--jobs {encoders} --concurrency {in_flight}`\n",
        header.description,
        header.size,
        factors.join(" "),
        HumanCount(objects),
        DecimalBytes(bytes),
        dollars(objects, price),
        BinaryBytes(memory),
    );
    for Planned { info_url, .. } in planned {
        writeln!(text, "info.json      {info_url}").expect("writing to a string does not fail");
    }
    text
}

#[expect(clippy::cast_precision_loss, reason = "no pyramid has 2^52 objects")]
pub(super) fn dollars(objects: u64, price: f64) -> f64 {
    objects as f64 / 1000.0 * price
}
