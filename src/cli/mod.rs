//! The command line. It uses the public API of the library only, and the library does not know about flags.

mod address;
mod arguments;
mod ask;
mod bucket;
mod completions;
mod configuration;
mod delete;
mod escape;
mod examples;
mod exit;
mod html;
mod ingest;
mod init;
mod limits;
mod lines;
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

use arguments::ProgressArgument;
use clap::{CommandFactory, Parser, Subcommand};
use exit::Exit;
use iiif_publish::store::redacted_url;
use report::Fatal;
use std::ffi::OsString;
use std::sync::LazyLock;
use std::time::Duration;

/// The time that blocking work may take after the result is known. It holds nothing that is still needed.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_millis(200);

/// Publish deep-zoom IIIF images as static tiles in an S3 bucket or a folder.
///
/// Each image becomes tiles and an info.json (IIIF Image API, Level 0) that every IIIF viewer can zoom without an image
/// server. The info.json is written last, after all files that it refers to.
#[derive(Debug, Parser)]
#[command(
    name = "iiif-publish",
    version = version(),
    after_help = examples::PROGRAM,
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true
)]
struct Cli {
    /// Read options from FILE [default: `iiif-publish.toml`, if it exists]
    ///
    /// `iiif-publish init` writes such a file.
    #[arg(long, global = true, value_name = "FILE", help_heading = "Configuration")]
    config: Option<std::path::PathBuf>,
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    publish: publish::Arguments,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Publish a folder, list or spreadsheet as a collection; re-run to update
    #[command(after_help = examples::INGEST)]
    Ingest(Box<ingest::Arguments>),
    /// Summarize ingest reports; list failed and missing images
    #[command(after_help = examples::REPORT)]
    Report(reports::Arguments),
    /// Write a configuration file with all options and their help
    #[command(after_help = examples::INIT)]
    Init(init::Arguments),
    /// Show images in a browser on this machine, without a bucket
    #[command(after_help = examples::PREVIEW)]
    Preview(preview::Arguments),
    /// Show what publishing an image would store and cost, from its header
    #[command(after_help = examples::PLAN)]
    Plan(plan::Arguments),
    /// Check online that every file a viewer needs is there and correct
    #[command(after_help = examples::VERIFY)]
    Verify(verify::Arguments),
    /// Delete images, each info.json first
    #[command(after_help = examples::DELETE)]
    Delete(delete::Arguments),
    /// Check or set up a bucket for publishing and viewing
    #[command(after_help = examples::BUCKET)]
    Bucket(bucket::Arguments),
    /// Print a completion script for a shell
    #[command(after_help = examples::COMPLETIONS)]
    Completions(completions::Arguments),
    /// Print the manual page in roff format
    Man,
}

/// Returns the version and the SIMD support of the codec.
fn version() -> &'static str {
    static VERSION: LazyLock<String> = LazyLock::new(|| {
        let simd =
            if iiif_publish::encode::has_simd() { "with SIMD" } else { "WITHOUT SIMD: install nasm and rebuild" };
        format!("{} (mozjpeg {simd})", env!("CARGO_PKG_VERSION"))
    });
    &VERSION
}

/// Parses and runs the command line, and returns its exit code.
pub(crate) fn run() -> Exit {
    let words: Vec<OsString> = std::env::args_os().collect();
    let format = arguments::reports_of(&words);
    let mut words = match configuration::with_file(Cli::command(), words) {
        Ok(words) => words,
        Err(error) => return Fatal::new(Exit::Usage, report::chain(&error), error.advice()).tell(format),
    };
    if let Some(note) = &words.note {
        report::tell_note(format, note);
    }
    for warning in &words.warnings {
        report::tell_note(format, &format!("warning: {warning}"));
    }
    if let Err(fatal) = address::divide_bucket(&mut words.words) {
        return fatal.tell(format);
    }
    let cli = match Cli::try_parse_from(&words.words) {
        Ok(cli) => cli,
        Err(error) => return tell_usage(&error_in_one_line(error, &words.words), &words),
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            output::tell(&format!("error: could not start the runtime: {error}"));
            return Exit::Failed;
        }
    };
    let exit = runtime.block_on(run_command(cli));
    runtime.shutdown_timeout(SHUTDOWN_TIMEOUT);
    exit
}

async fn run_command(cli: Cli) -> Exit {
    match cli.command {
        None => Box::pin(publish::run(cli.publish)).await,
        Some(Command::Ingest(arguments)) => Box::pin(ingest::run(*arguments)).await,
        Some(Command::Report(arguments)) => reports::run(&arguments),
        Some(Command::Init(arguments)) => init::run(&arguments, &mut Cli::command()),
        Some(Command::Preview(arguments)) => Box::pin(preview::run(arguments)).await,
        Some(Command::Plan(arguments)) => plan::run(&arguments),
        Some(Command::Verify(arguments)) => verify::run(&arguments).await,
        Some(Command::Delete(arguments)) => delete::run(&arguments).await,
        Some(Command::Bucket(arguments)) => bucket::run(&arguments).await,
        Some(Command::Completions(arguments)) => completions::completions(&arguments, &mut Cli::command()),
        Some(Command::Man) => completions::man(Cli::command()),
    }
}

/// Prints help to stdout, or the error of a command line to stderr.
fn tell_usage(error: &clap::Error, words: &configuration::CommandLine) -> Exit {
    if !error.use_stderr() {
        // A closed pipe is not an error.
        let _ = error.print();
        return Exit::Done;
    }
    let text = without_secrets(error.to_string(), &words.words);
    let from = words.from.as_ref().map(|path| format!("some of these options come from `{}`", path.display()));
    if arguments::reports_of(&words.words) == ProgressArgument::Json {
        let text = text.strip_prefix("error: ").unwrap_or(&text).trim_end();
        report::tell_error(ProgressArgument::Json, None, text, from.as_deref().unwrap_or("see `iiif-publish --help`"));
    } else {
        // In color, unless a word of the command line or the file must be escaped.
        let escaped = escape::lines(&text);
        if *escaped == error.to_string() {
            // A closed pipe is not an error.
            let _ = error.print();
        } else {
            output::tell_raw(escaped.trim_end());
        }
        if let Some(line) = from {
            output::tell(&line);
        }
    }
    Exit::Usage
}

/// Returns the error with escaped words: clap repeats wrong values, and a line feed in a value would start a new line.
fn error_in_one_line(error: clap::Error, words: &[OsString]) -> clap::Error {
    let escaped = words.iter().map(|word| escape::line(&word.to_string_lossy()).into_owned());
    let is_safe = words.iter().all(|word| word.to_str().is_none_or(|word| escape::line(word) == word));
    if is_safe { error } else { Cli::try_parse_from(escaped).err().unwrap_or(error) }
}

/// Returns the text without user names, passwords and queries of URLs, because clap repeats wrong values.
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

    /// Returns the examples of a command and its subcommands.
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
