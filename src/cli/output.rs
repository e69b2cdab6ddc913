//! Terminal output. Results go to stdout and everything else goes to stderr.

use super::escape;
use super::exit::Exit;
use aws_sdk_s3::primitives::{DateTime, DateTimeFormat};
use clap::builder::styling::{AnsiColor, Style};
use console::Term;
use indicatif::HumanCount;
use serde_json::{Value, json};
use std::io::{self, IsTerminal, Write};
use std::time::{SystemTime, UNIX_EPOCH};
use textwrap::{Options, WordSplitter};

/// Formats a count with its noun, adding an `s` for the plural.
pub(super) fn counted(count: u64, singular: &str) -> String {
    format!("{} {singular}{}", HumanCount(count), if count == 1 { "" } else { "s" })
}

/// Prints result text to stdout, escaped for the terminal.
pub(super) fn print(text: &str) -> Exit {
    print_raw(&escape::lines(text))
}

/// Prints a result to stdout as a single line of JSON, or indented if `is_pretty` is set.
pub(super) fn print_json(value: &Value, is_pretty: bool) -> Exit {
    print_raw(&(escape::json(value, is_pretty) + "\n"))
}

/// Writes trusted text to stdout without escaping it. A closed pipe (`| head`) isn't an error.
pub(super) fn print_raw(text: &str) -> Exit {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            eprint_line(&format!("error: could not write to standard output: {error}"));
            eprint_hint("redirect it to a disk with free space, then run the same command again");
            Exit::Failed
        }
        _ => Exit::Done,
    }
}

/// Minimum terminal width for wrapping lines, in columns.
const MIN_COLUMNS: u16 = 40;

/// Returns `true` if stderr is a terminal with cursor control. On Unix, this also requires a suitable `TERM`.
pub(super) fn is_terminal() -> bool {
    let is_named = || std::env::var_os("TERM").is_some_and(|name| !name.is_empty() && name != "dumb");
    io::stderr().is_terminal() && (cfg!(windows) || is_named())
}

/// Returns the terminal width in columns, as reported for stderr.
pub(super) fn columns() -> u16 {
    Term::stderr().size().1
}

/// Returns the height of the terminal on stderr, or a default value if stderr isn't a terminal.
pub(super) fn rows() -> u16 {
    Term::stderr().size().0
}

/// Severity of a JSON event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Level {
    /// Printed with `--verbose` only.
    Debug,
    Info,
    Warn,
    Error,
}

impl Level {
    fn name(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }
}

/// Prints an event to stderr as a single line of JSON that starts with the time and the level.
pub(super) fn eprint_json(level: Level, event: &Value) {
    let mut line = json!({"time": rfc3339(SystemTime::now()), "level": level.name()});
    if let (Some(line), Some(event)) = (line.as_object_mut(), event.as_object()) {
        line.extend(event.clone());
    }
    eprint_raw(&escape::json(&line, false));
}

/// Formats a time in milliseconds as RFC 3339.
pub(super) fn rfc3339(time: SystemTime) -> String {
    let millis = time.duration_since(UNIX_EPOCH).map_or(0, |time| time.as_millis());
    let time = DateTime::from_millis(millis.try_into().unwrap_or(i64::MAX));
    time.fmt(DateTimeFormat::DateTime).unwrap_or_default()
}

/// Prints text to stderr, wrapped to the terminal width with a hanging indent. If stderr isn't a terminal, the text
/// stays on a single line, which is easier to `grep`.
pub(super) fn eprint_wrapped(text: &str, indent: &str) {
    if !io::stderr().is_terminal() || columns() < MIN_COLUMNS {
        return eprint_line(text);
    }
    // Don't split options and paths, so they can be copied.
    let lines = Options::new(columns().into()).subsequent_indent(indent);
    let lines = lines.break_words(false).word_splitter(WordSplitter::NoHyphenation);
    eprint_styled(&textwrap::fill(&escape::line(text), lines));
}

/// Words that are colored at the start of a message, in the colors of clap.
const STYLED: [(&str, Style); 3] = [
    ("error:", AnsiColor::Red.on_default().bold()),
    ("warning:", AnsiColor::Yellow.on_default().bold()),
    ("hint:", AnsiColor::Green.on_default()),
];

/// Writes escaped text to stderr. Its first word is colored, if stderr is a terminal and `NO_COLOR` isn't set.
fn eprint_styled(text: &str) {
    let colored = STYLED.iter().find_map(|(word, style)| Some((word, style, text.strip_prefix(word)?)));
    match colored {
        Some((word, style, rest)) if has_color() => eprint_raw(&format!("{style}{word}{style:#}{rest}")),
        _ => eprint_raw(text),
    }
}

fn has_color() -> bool {
    is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Indentation for the continuation lines of an error.
pub(super) const INDENT: &str = "       ";

/// Prints a hint below an error about how to fix it.
pub(super) fn eprint_hint(hint: &str) {
    eprint_wrapped(&format!("hint: {hint}"), INDENT);
}

/// Prints a line to stderr, escaped for the terminal.
pub(super) fn eprint_line(line: &str) {
    eprint_styled(&escape::line(line));
}

/// Writes a line to stderr without escaping it. Ignores errors.
pub(super) fn eprint_raw(line: &str) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}
