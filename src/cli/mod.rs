//! The command line. It sees the library as any stranger would, and nothing past it knows of flags.

mod arguments;
mod ask;
mod bucket;
mod completions;
mod configuration;
mod delete;
mod exit;
mod gallery;
mod ingest;
mod init;
mod limits;
mod output;
mod plan;
mod preview;
mod progress;
mod publish;
mod report;
mod reports;
mod sources;
mod storage;
mod summary;
mod verify;
mod viewer;

use arguments::ProgressArgument;
use clap::{CommandFactory, Parser, Subcommand};
use exit::Exit;
use report::Fatal;
use std::ffi::OsString;
use std::sync::LazyLock;
use std::time::Duration;

/// How long blocking work may go on after the result is known; it holds nothing that is still needed.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_millis(200);

const EXAMPLES: &str = "\
Examples:
  iiif-publish preview photo.jpg
      See it in a browser, without any bucket.
  iiif-publish --bucket art-tiles photo.jpg scan.tif
      Publish two images; the URL of each info.json is printed.
  iiif-publish --bucket tiles --prefix maps \\
      --public-url https://cdn.example.org/maps atlas.tif
      The same behind a CDN that shows the prefix as /maps.
  iiif-publish --bucket test --endpoint-url http://localhost:9000 photo.jpg
      Into MinIO, or any other store that speaks S3.
  iiif-publish --output out --public-url https://example.org/iiif photo.jpg
      Into a folder, for any static web server.
  iiif-publish ingest masters --bucket tiles
      A folder of images, with manifests and a collection; again and again.
  iiif-publish init
      A file for what need not be said every time: iiif-publish.toml.
  iiif-publish ingest s3://masters/maps/ --bucket tiles
      The images of another bucket, read in parts and not copied.
  iiif-publish plan scan.tif
      What publishing would store and cost.
  iiif-publish verify https://cdn.example.org/maps/atlas/info.json
      Whether everything is there that viewers ask for.
  iiif-publish delete --bucket tiles --prefix maps --id atlas
      Take an image away again; asks first.
  iiif-publish bucket check --bucket tiles --prefix maps
      Whether images can be published there, and seen by everyone.

Exit codes:
  0    done
  1    some or all images failed (verify, bucket check: something is wrong);
       another run may help
  2    wrong usage
  3    credentials, bucket, region, endpoint or host: another run cannot help
  4    stopped by a limit
  130  interrupted by Ctrl-C (143: by SIGTERM)";

/// Publish deep-zoom IIIF images as static tiles, straight into an S3 bucket or a folder.
///
/// Each image becomes tiles and an info.json (IIIF Image API, Level 0) that every IIIF viewer can zoom without an image
/// server. The info.json is written last, when everything it promises is stored.
#[derive(Debug, Parser)]
#[command(
    name = "iiif-publish",
    version = version(),
    after_help = EXAMPLES,
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true
)]
struct Cli {
    /// File with options [default: `iiif-publish.toml`, where there is one]; `init` writes one
    #[arg(long, global = true, value_name = "FILE", help_heading = "Configuration")]
    config: Option<std::path::PathBuf>,
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    publish: publish::Arguments,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Publish whole collections, again and again: folders, lists and tables; with manifests
    Ingest(Box<ingest::Arguments>),
    /// Say what became of an ingest, from the reports of all its parts; print what is failed or missing
    Report(reports::Arguments),
    /// Write a configuration file, with all options and what they mean
    Init(init::Arguments),
    /// Show images in a browser on this machine: no bucket needed
    Preview(preview::Arguments),
    /// Say what publishing an image would store and cost; reads no pixel
    Plan(plan::Arguments),
    /// Ask over the web for every object that a viewer would ask for, and look at each
    Verify(verify::Arguments),
    /// Delete images again, their info.json first
    Delete(delete::Arguments),
    /// Check whether a bucket is fit for publishing and viewing, or set it up
    Bucket(bucket::Arguments),
    /// Print a completion script for a shell
    Completions(completions::Arguments),
    /// Print the manual page, in roff
    Man,
}

/// The version, and whether the codec is the fast one.
fn version() -> &'static str {
    static VERSION: LazyLock<String> = LazyLock::new(|| {
        let simd = if iiif_publish::encode::has_simd() { "with SIMD" } else { "WITHOUT SIMD: build again with nasm" };
        format!("{} (mozjpeg {simd})", env!("CARGO_PKG_VERSION"))
    });
    &VERSION
}

/// Parses the command line, does what it says, and tells how it went.
pub(crate) fn run() -> Exit {
    let words: Vec<OsString> = std::env::args_os().collect();
    let how = arguments::reports_of(&words);
    let words = match configuration::with_file(Cli::command(), words) {
        Ok(words) => words,
        Err(error) => {
            let advice =
                "mend the file, or name another one with `--config`; `iiif-publish init` writes one with all options";
            return Fatal::new(Exit::Usage, report::chain(&error), advice).tell(how);
        }
    };
    let cli = match Cli::try_parse_from(&words.words) {
        Ok(cli) => cli,
        Err(error) => return tell_usage(&error, &words),
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            output::tell(&format!("error: could not start the runtime: {error}"));
            return Exit::Failed;
        }
    };
    let exit = runtime.block_on(async {
        match cli.command {
            None => Box::pin(publish::run(cli.publish)).await,
            Some(Command::Ingest(arguments)) => Box::pin(ingest::run(*arguments)).await,
            Some(Command::Report(arguments)) => reports::run(&arguments),
            Some(Command::Init(arguments)) => init::run(&arguments, &mut Cli::command()),
            Some(Command::Preview(arguments)) => preview::run(arguments).await,
            Some(Command::Plan(arguments)) => plan::run(&arguments),
            Some(Command::Verify(arguments)) => verify::run(&arguments).await,
            Some(Command::Delete(arguments)) => delete::run(&arguments).await,
            Some(Command::Bucket(arguments)) => bucket::run(&arguments).await,
            Some(Command::Completions(arguments)) => completions::completions(&arguments, &mut Cli::command()),
            Some(Command::Man) => completions::man(Cli::command()),
        }
    });
    runtime.shutdown_timeout(SHUTDOWN_TIMEOUT);
    exit
}

/// Tells help, which goes to stdout, or what is wrong with a command line.
fn tell_usage(error: &clap::Error, words: &configuration::Words) -> Exit {
    if !error.use_stderr() {
        // A closed pipe is nobody's fault.
        let _ = error.print();
        return Exit::Done;
    }
    let from = words.from.as_ref().map(|path| format!("some of these options are those of `{}`", path.display()));
    if arguments::reports_of(&words.words) == ProgressArgument::Json {
        let text = error.to_string();
        let text = text.strip_prefix("error: ").unwrap_or(&text).trim_end();
        report::tell_error(ProgressArgument::Json, None, text, from.as_deref().unwrap_or("see `iiif-publish --help`"));
    } else {
        let _ = error.print();
        if let Some(line) = from {
            output::tell(&line);
        }
    }
    Exit::Usage
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arguments_do_not_contradict_each_other() {
        Cli::command().debug_assert();
    }
}
