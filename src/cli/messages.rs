//! Message format and verbosity.

use clap::{Args, ValueEnum};
use std::ffi::OsString;

/// Settings for messages on stderr.
#[derive(Clone, Copy, Debug)]
pub(super) struct Messages {
    pub(super) format: MessageFormat,
    pub(super) verbosity: Verbosity,
}

/// Amount of messages, from least to most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Verbosity {
    /// Errors.
    Quiet,
    /// Also warnings, notes and the summary.
    Summary,
    /// Also progress, and images that were published or updated.
    Normal,
    /// Also unchanged images, and a line per image beside progress bars.
    Verbose,
}

impl Messages {
    /// Plain lines, for commands without message options.
    pub(super) const PLAIN: Self = Self { format: MessageFormat::Plain, verbosity: Verbosity::Normal };

    /// Returns the settings to use when the command line might not parse.
    pub(super) fn of_words(words: &[OsString]) -> Self {
        let is_json = |name: &str| {
            let is_whole =
                words.iter().any(|word| word.to_str().and_then(|word| word.strip_prefix(name)) == Some("=json"));
            is_whole || words.windows(2).any(|pair| pair[0] == name && pair[1] == "json")
        };
        let is_json = is_json("--log-format") || is_json("--progress");
        Self { format: if is_json { MessageFormat::Json } else { MessageFormat::Plain }, ..Self::PLAIN }
    }
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub(super) struct MessageArguments {
    /// Choose how to show progress on stderr
    #[arg(long, value_name = "FORMAT", default_value = "auto")]
    progress: MessageFormat,
    /// Choose the format of all messages on stderr
    ///
    /// This includes errors. `json` is the same as `--progress json`.
    #[arg(long, value_name = "FORMAT", default_value = "text", conflicts_with = "progress")]
    log_format: LogFormatArgument,
    /// Print only errors (same as `--progress none`)
    #[arg(long, short, conflicts_with_all = ["progress", "log_format", "summary", "verbose"])]
    quiet: bool,
    /// Print only warnings, errors and the summary
    #[arg(long, conflicts_with = "verbose")]
    summary: bool,
    /// Print one line per image, even if it is unchanged
    #[arg(long, short)]
    verbose: bool,
}

impl MessageArguments {
    pub(super) fn messages(&self) -> Messages {
        let format = match self.log_format {
            LogFormatArgument::Text => self.progress,
            LogFormatArgument::Json => MessageFormat::Json,
        };
        let verbosity = match format {
            _ if self.quiet => Verbosity::Quiet,
            MessageFormat::None => Verbosity::Quiet,
            _ if self.summary => Verbosity::Summary,
            _ if self.verbose => Verbosity::Verbose,
            _ => Verbosity::Normal,
        };
        Messages { format, verbosity }
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum LogFormatArgument {
    /// Plain text
    Text,
    /// One JSON event per line
    Json,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum MessageFormat {
    /// Progress bars on a terminal, plain lines otherwise
    Auto,
    /// Plain lines
    Plain,
    /// One JSON event per line
    Json,
    /// Errors only
    None,
}
