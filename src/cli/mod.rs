//! Command-line interface. It uses only the library's public API, and the library knows nothing about flags.

mod address;
mod arguments;
mod bucket;
mod completions;
mod configuration;
mod context;
mod delete;
mod error;
mod escape;
mod exit;
mod help;
mod hints;
mod html;
mod ingest;
mod init;
mod list;
mod man;
mod messages;
mod output;
mod plan;
mod preview;
mod progress;
mod publish;
mod publish_pages;
mod report;
mod serve;
mod short_form;
mod shown;
mod signal;
mod suggestions;
mod summary;
mod titles;
mod verify;

use clap::error::ErrorKind;
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use context::Context;
use error::Fatal;
use exit::Exit;
use iiif_publish::store::redacted_url;
use messages::{MessageFormat, Messages};
use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::sync::LazyLock;
use std::time::Duration;

/// Grace period for blocking tasks on shutdown. The result is final by then, so abandoning them is safe.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_millis(200);

/// Examples of all commands, and the exit codes.
const OVERVIEW: &str = "\
Examples:
  iiif-publish preview photo.jpg
      Show an image in your browser, without a bucket.
  iiif-publish --bucket art-tiles photo.jpg scan.tif
      Publish two images and print the URL of each info.json.
  iiif-publish ingest masters --bucket tiles
      Publish a folder with manifests and a collection; re-run to update.
  iiif-publish --bucket art-tiles --html photo.jpg scan.tif
      Also write an HTML page that shows both images.
  iiif-publish --bucket tiles --prefix maps \\
      --public-url https://cdn.example.org/maps atlas.tif
      Publish behind a CDN that serves the prefix as /maps.
  iiif-publish --bucket test --endpoint-url http://localhost:9000 photo.jpg
      Publish to MinIO or any other S3-compatible store.
  iiif-publish --output out --public-url https://example.org/iiif photo.jpg
      Publish to a folder, for any static web server.
  iiif-publish init
      Save your options in a config file: iiif-publish.toml.
  iiif-publish ingest s3://masters/maps/ --bucket tiles
      Publish images from another bucket without copying them.
  iiif-publish plan scan.tif
      Show what publishing would store and cost.
  iiif-publish verify https://cdn.example.org/maps/atlas/info.json
      Check that every file a viewer needs exists.
  iiif-publish list --bucket tiles --prefix maps
      Show what is published below a prefix.
  iiif-publish delete --bucket tiles --prefix maps --id atlas
      Delete an image (asks first).
  iiif-publish bucket check --bucket tiles --prefix maps
      Check that you can publish to the bucket and everyone can view it.

Options can also be set by variables, such as IIIF_PUBLISH_PUBLIC_URL for
--public-url, and in a configuration file. The command line takes precedence
over variables, and variables over the file.

Exit codes:
  0    success
  1    some or all images failed (verify, bucket check: problems found);
       retrying may help
  2    invalid usage
  3    wrong credentials, bucket, region, endpoint or host: fix them first
  4    stopped by a limit; run again to continue
  5    only images failed that had failed before, unchanged (ingest --report)
  130  interrupted by Ctrl-C (143: by SIGTERM)";

/// A command such as `ingest`. To add one, create a module for it and list it in [`Command`].
trait Verb: Sized {
    /// Examples shown at the end of the help text. A test checks that they all parse.
    const EXAMPLES: &'static str = "";

    /// Returns the settings for messages on stderr.
    fn messages(&self) -> Messages {
        Messages::PLAIN
    }

    /// Returns the number of worker threads, which handle requests and checksums.
    fn threads(&self) -> NonZeroUsize {
        std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)
    }

    /// Runs the command to completion or until a signal arrives.
    async fn run(self, context: &Context) -> Result<Exit, Fatal>;
}

/// Publish deep-zoom IIIF images as static tiles in an S3 bucket or a folder.
///
/// Each image becomes a set of tiles and an info.json (IIIF Image API, Level 0), so any IIIF viewer can zoom into it
/// without an image server. The info.json is written last, after every file it refers to.
#[derive(Debug, Parser)]
#[command(
    name = "iiif-publish",
    version = version(),
    after_long_help = OVERVIEW,
    override_usage = "iiif-publish <COMMAND> [OPTIONS]\n       iiif-publish [OPTIONS] <IMAGE>...   (same as `publish`)",
    subcommand_required = true,
    arg_required_else_help = true
)]
struct Cli {
    /// Read options from FILE
    ///
    /// The default is `iiif-publish.toml`, if it exists. Create one with `iiif-publish init`.
    #[arg(long, global = true, value_name = "FILE", help_heading = "Configuration")]
    config: Option<std::path::PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Publish images; the default command
    #[command(
        after_long_help = publish::Arguments::EXAMPLES,
        override_usage = "iiif-publish [publish] [OPTIONS] <--bucket NAME|--output DIR> <IMAGE>..."
    )]
    Publish(Box<publish::Arguments>),
    /// Publish a folder, list or table as a collection; rerun to update
    #[command(
        after_long_help = ingest::Arguments::EXAMPLES,
        override_usage = "iiif-publish ingest [OPTIONS] <--bucket NAME|--output DIR> <PATH>..."
    )]
    Ingest(Box<ingest::Arguments>),
    /// Preview images in a local browser, without a bucket
    #[command(after_long_help = preview::Arguments::EXAMPLES)]
    Preview(Box<preview::Arguments>),
    /// Serve a folder of published images to local browsers
    #[command(after_long_help = serve::Arguments::EXAMPLES)]
    Serve(serve::Arguments),
    /// List the images published in a bucket or folder
    #[command(
        after_long_help = list::Arguments::EXAMPLES,
        override_usage = "iiif-publish list [OPTIONS] <--bucket NAME|--output DIR>"
    )]
    List(list::Arguments),
    /// Verify online that every file a viewer needs exists and is correct
    #[command(after_long_help = verify::Arguments::EXAMPLES)]
    Verify(verify::Arguments),
    /// Show what publishing an image would store and cost
    ///
    /// Only the header of the image is read.
    #[command(after_long_help = plan::Arguments::EXAMPLES)]
    Plan(Box<plan::Arguments>),
    /// Summarize ingest reports; list failed and missing images
    #[command(after_long_help = report::Arguments::EXAMPLES)]
    Report(report::Arguments),
    /// Delete images, starting with each info.json
    #[command(
        after_long_help = delete::Arguments::EXAMPLES,
        override_usage = "iiif-publish delete <--bucket NAME|--output DIR> <--id|--object|--all>"
    )]
    Delete(delete::Arguments),
    /// Create, check or set up a bucket for publishing and viewing
    #[command(after_long_help = bucket::Arguments::EXAMPLES, arg_required_else_help = true)]
    Bucket(bucket::Arguments),
    /// Write a configuration file that documents every option
    #[command(after_long_help = init::Arguments::EXAMPLES)]
    Init(init::Arguments),
    /// Print a shell completion script
    #[command(after_long_help = completions::Arguments::EXAMPLES)]
    Completions(completions::Arguments),
    /// Print the manual page of the program or of a command in roff format
    Man(man::Arguments),
}

/// Returns the version and the JPEG codec's SIMD status.
fn version() -> &'static str {
    static VERSION: LazyLock<String> = LazyLock::new(|| {
        let simd =
            if iiif_publish::publish::has_simd() { "with SIMD" } else { "WITHOUT SIMD: install nasm and rebuild" };
        format!("{} (mozjpeg {simd})", env!("CARGO_PKG_VERSION"))
    });
    &VERSION
}

/// Returns the complete `clap` command, including subcommands, with its long help.
fn program() -> clap::Command {
    Cli::command()
}

/// Returns `true` for the name of a command.
fn is_command(name: &str) -> bool {
    program().find_subcommand(name).is_some()
}

/// Parses words that name a command.
fn parse_words(words: &[OsString]) -> Result<Cli, clap::Error> {
    let command = if help::is_long(words) { program() } else { help::shortened(program()) };
    let matches = command.try_get_matches_from(words).map_err(|error| suggestions::improve(error, words))?;
    Cli::from_arg_matches(&matches)
}

/// Parses the command line, runs it and returns the exit code.
pub(crate) fn run() -> Exit {
    let words: Vec<OsString> = wild::args_os().collect();
    let context = Context::new(Messages::of_words(&words));
    let cli = match parse(words, &context) {
        Ok(cli) => cli,
        Err(exit) => return exit,
    };
    match cli.command {
        Command::Publish(verb) => run_verb(*verb),
        Command::Ingest(verb) => run_verb(*verb),
        Command::Preview(verb) => run_verb(*verb),
        Command::Serve(verb) => run_verb(verb),
        Command::List(verb) => run_verb(verb),
        Command::Verify(verb) => run_verb(verb),
        Command::Plan(verb) => run_verb(*verb),
        Command::Report(verb) => run_verb(verb),
        Command::Delete(verb) => run_verb(verb),
        Command::Bucket(verb) => run_verb(verb),
        Command::Init(verb) => run_verb(verb),
        Command::Completions(verb) => run_verb(verb),
        Command::Man(verb) => run_verb(verb),
    }
}

fn run_verb(verb: impl Verb) -> Exit {
    let context = Context::new(verb.messages());
    // More threads than cores would only wait, and thousands of them could not be started.
    let cores = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    let threads = verb.threads().min(cores);
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(threads.get()).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            output::eprint_line(&format!("error: could not start the runtime: {error}"));
            return Exit::Failed;
        }
    };
    let exit = context.exit(runtime.block_on(Box::pin(verb.run(&context))));
    runtime.shutdown_timeout(SHUTDOWN_TIMEOUT);
    exit
}

/// Parses the command line together with its configuration file. Prints help and usage errors.
fn parse(words: Vec<OsString>, context: &Context) -> Result<Cli, Exit> {
    let mut words = configuration::complete(program(), words).map_err(|error| {
        context.exit(Err(Fatal::of(Exit::Usage, &error, error.hint()).with_details(error.details())))
    })?;
    if let Some(note) = &words.note {
        context.note(note);
    }
    for warning in &words.warnings {
        context.note(&format!("warning: {warning}"));
    }
    address::divide_bucket(&mut words.words).map_err(|error| context.exit(Err(error)))?;
    parse_words(&words.words)
        .map_err(|error| print_usage_error(&error_in_one_line(error, &words.words), &words, context))
}

/// Prints help to stdout or a usage error to stderr.
fn print_usage_error(error: &clap::Error, words: &configuration::CommandLine, context: &Context) -> Exit {
    if !error.use_stderr() {
        // A closed pipe isn't an error.
        let _ = error.print();
        return Exit::Done;
    }
    if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        let _ = error.print();
        return Exit::Usage;
    }
    let text = without_secrets(error.to_string(), &words.words);
    let from = (!words.from.is_empty()).then(|| format!("some of these options come from {}", words.from.join(", ")));
    if Messages::of_words(&words.words).format == MessageFormat::Json {
        let text = text.strip_prefix("error: ").unwrap_or(&text).trim_end();
        context.progress().error(text, from.as_deref().unwrap_or("see `iiif-publish --help`"));
    } else {
        // Let clap print in color unless something had to be escaped or redacted.
        let escaped = escape::lines(&text);
        if *escaped == error.to_string() {
            // A closed pipe isn't an error.
            let _ = error.print();
        } else {
            output::eprint_raw(escaped.trim_end());
        }
        if let Some(line) = from {
            output::eprint_line(&line);
        }
    }
    Exit::Usage
}

/// Returns the error for the escaped arguments, because clap echoes invalid values and a line feed would start a new
/// line.
fn error_in_one_line(error: clap::Error, words: &[OsString]) -> clap::Error {
    let escaped: Vec<OsString> =
        words.iter().map(|word| escape::line(&word.to_string_lossy()).into_owned().into()).collect();
    let is_safe = words.iter().all(|word| word.to_str().is_none_or(|word| escape::line(word) == word));
    if is_safe { error } else { parse_words(&escaped).err().unwrap_or(error) }
}

/// Removes user names, passwords and queries from URLs in the text, because clap echoes invalid values.
fn without_secrets(text: String, words: &[OsString]) -> String {
    let values = words.iter().filter_map(|word| word.to_str());
    let values =
        values.map(|word| word.split_once('=').filter(|(name, _)| name.starts_with("--")).map_or(word, |it| it.1));
    let urls = values.filter(|value| value.contains("://") || value.contains('@') && value.contains(':'));
    urls.fold(text, |text, url| text.replace(url, &redacted_url(url)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_do_not_conflict() {
        Cli::command().debug_assert();
    }

    /// Returns the examples from a command and its subcommands.
    fn helps(command: &clap::Command) -> Vec<String> {
        let own = command.get_after_long_help().map(ToString::to_string);
        own.into_iter().chain(command.get_subcommands().flat_map(helps)).collect()
    }

    #[test]
    fn every_example_in_the_help_parses() {
        let texts = helps(&Cli::command());
        let joined = texts.join("\n").replace("\\\n", "");
        let examples: Vec<&str> = joined.lines().filter_map(|line| line.strip_prefix("  iiif-publish ")).collect();
        assert!(examples.len() > 25, "{examples:?}");
        for example in examples {
            let command = example.split(" >").next().expect("a command").replace("'Our maps'", "Our_maps");
            let words = std::iter::once("iiif-publish").chain(command.split_whitespace());
            let mut words: Vec<OsString> = words.map(OsString::from).collect();
            short_form::insert(&program(), &mut words);
            let parsed = parse_words(&words);
            assert!(parsed.is_ok(), "{example}: {}", parsed.expect_err("wrong"));
        }
        assert!(
            texts.iter().flat_map(|text| text.lines()).all(|line| line.chars().count() <= 80),
            "they fit a terminal"
        );
    }
}
