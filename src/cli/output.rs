//! Terminal output. Results go to stdout and everything else goes to stderr.

use super::escape;
use super::exit::Exit;
use console::Term;
use indicatif::HumanCount;
use serde_json::Value;
use std::io::{self, IsTerminal, Write};
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

/// Prints an event to stderr as a single line of JSON.
pub(super) fn eprint_json(value: &Value) {
    eprint_raw(&escape::json(value, false));
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
    eprint_raw(&textwrap::fill(&escape::line(text), lines));
}

/// Indentation for the continuation lines of an error.
pub(super) const INDENT: &str = "       ";

/// Prints a hint below an error about how to fix it.
pub(super) fn eprint_hint(hint: &str) {
    eprint_wrapped(&format!("hint: {hint}"), INDENT);
}

/// Prints a line to stderr, escaped for the terminal.
pub(super) fn eprint_line(line: &str) {
    eprint_raw(&escape::line(line));
}

/// Writes a line to stderr without escaping it. Ignores errors.
pub(super) fn eprint_raw(line: &str) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}
