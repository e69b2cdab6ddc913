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
mod hints;
mod html;
mod ingest;
mod init;
mod man;
mod messages;
mod output;
mod plan;
mod preview;
mod progress;
mod publish;
mod publish_pages;
mod report;
mod signal;
mod summary;
mod verify;

use clap::{CommandFactory, Parser, Subcommand};
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
    after_help = publish::Arguments::EXAMPLES,
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true
)]
struct Cli {
    /// Read options from FILE [default: `iiif-publish.toml`, if it exists]
    ///
    /// Create one with `iiif-publish init`.
    #[arg(long, global = true, value_name = "FILE", help_heading = "Configuration")]
    config: Option<std::path::PathBuf>,
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    publish: publish::Arguments,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Publish a folder, list or spreadsheet as a collection; rerun to update
    #[command(after_help = ingest::Arguments::EXAMPLES)]
    Ingest(Box<ingest::Arguments>),
    /// Summarize ingest reports; list failed and missing images
    #[command(after_help = report::Arguments::EXAMPLES)]
    Report(report::Arguments),
    /// Write a configuration file that documents every option
    #[command(after_help = init::Arguments::EXAMPLES)]
    Init(init::Arguments),
    /// Preview images in a local browser, without a bucket
    #[command(after_help = preview::Arguments::EXAMPLES)]
    Preview(preview::Arguments),
    /// Show what publishing an image would store and cost, reading only its header
    #[command(after_help = plan::Arguments::EXAMPLES)]
    Plan(plan::Arguments),
    /// Verify online that every file a viewer needs exists and is correct
    #[command(after_help = verify::Arguments::EXAMPLES)]
    Verify(verify::Arguments),
    /// Delete images, starting with each info.json
    #[command(after_help = delete::Arguments::EXAMPLES)]
    Delete(delete::Arguments),
    /// Check or set up a bucket for publishing and viewing
    #[command(after_help = bucket::Arguments::EXAMPLES)]
    Bucket(bucket::Arguments),
    /// Print a shell completion script
    #[command(after_help = completions::Arguments::EXAMPLES)]
    Completions(completions::Arguments),
    /// Print the manual page in roff format
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

/// Returns the complete `clap` command, including subcommands.
fn program() -> clap::Command {
    Cli::command()
}

/// Parses the command line, runs it and returns the exit code.
pub(crate) fn run() -> Exit {
    let words: Vec<OsString> = std::env::args_os().collect();
    let context = Context::new(Messages::of_words(&words));
    let cli = match parse(words, &context) {
        Ok(cli) => cli,
        Err(exit) => return exit,
    };
    match cli.command {
        None => run_verb(cli.publish),
        Some(Command::Ingest(verb)) => run_verb(*verb),
        Some(Command::Report(verb)) => run_verb(verb),
        Some(Command::Init(verb)) => run_verb(verb),
        Some(Command::Preview(verb)) => run_verb(verb),
        Some(Command::Plan(verb)) => run_verb(verb),
        Some(Command::Verify(verb)) => run_verb(verb),
        Some(Command::Delete(verb)) => run_verb(verb),
        Some(Command::Bucket(verb)) => run_verb(verb),
        Some(Command::Completions(verb)) => run_verb(verb),
        Some(Command::Man(verb)) => run_verb(verb),
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
    let mut words = configuration::with_file(program(), words)
        .map_err(|error| context.exit(Err(Fatal::of(Exit::Usage, &error, error.hint()))))?;
    if let Some(note) = &words.note {
        context.note(note);
    }
    for warning in &words.warnings {
        context.note(&format!("warning: {warning}"));
    }
    address::divide_bucket(&mut words.words).map_err(|error| context.exit(Err(error)))?;
    Cli::try_parse_from(&words.words)
        .map_err(|error| print_usage_error(&error_in_one_line(error, &words.words), &words, context))
}

/// Prints help to stdout or a usage error to stderr.
fn print_usage_error(error: &clap::Error, words: &configuration::CommandLine, context: &Context) -> Exit {
    if !error.use_stderr() {
        // A closed pipe isn't an error.
        let _ = error.print();
        return Exit::Done;
    }
    let text = without_secrets(error.to_string(), &words.words);
    let from = words.from.as_ref().map(|path| format!("some of these options come from `{}`", path.display()));
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
    let escaped = words.iter().map(|word| escape::line(&word.to_string_lossy()).into_owned());
    let is_safe = words.iter().all(|word| word.to_str().is_none_or(|word| escape::line(word) == word));
    if is_safe { error } else { Cli::try_parse_from(escaped).err().unwrap_or(error) }
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
        let own = command.get_after_help().map(ToString::to_string);
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
            let parsed = Cli::try_parse_from(words);
            assert!(parsed.is_ok(), "{example}: {}", parsed.expect_err("wrong"));
        }
        assert!(
            texts.iter().flat_map(|text| text.lines()).all(|line| line.chars().count() <= 80),
            "they fit a terminal"
        );
    }
}
