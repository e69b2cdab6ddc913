//! Output: results go to stdout, everything else to stderr.

use super::escape;
use super::exit::Exit;
use console::Term;
use indicatif::HumanCount;
use serde_json::Value;
use std::io::{self, IsTerminal, Write};
use textwrap::{Options, WordSplitter};

/// Formats a count with a noun in the singular or plural.
pub(super) fn counted(count: u64, singular: &str) -> String {
    format!("{} {singular}{}", HumanCount(count), if count == 1 { "" } else { "s" })
}

/// Prints lines of a result to stdout, escaped for a terminal.
pub(super) fn print(text: &str) -> Exit {
    print_raw(&escape::lines(text))
}

/// Prints a result to stdout as one line of JSON, or as an indented document.
pub(super) fn print_json(value: &Value, is_pretty: bool) -> Exit {
    print_raw(&(escape::json(value, is_pretty) + "\n"))
}

/// Writes text of the program itself to stdout. A closed pipe (`| head`) is not an error.
pub(super) fn print_raw(text: &str) -> Exit {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            eprint_line(&format!("error: could not write to standard output: {error}"));
            eprint_hint("redirect it to a disk with free space, and run the same command again");
            Exit::Failed
        }
        _ => Exit::Done,
    }
}

/// The minimum width for wrapping lines, in columns.
const MIN_COLUMNS: u16 = 40;

/// Returns `true` if stderr is a terminal that can move its cursor. On Unix, this depends on `TERM`.
pub(super) fn is_terminal() -> bool {
    let is_named = || std::env::var_os("TERM").is_some_and(|name| !name.is_empty() && name != "dumb");
    io::stderr().is_terminal() && (cfg!(windows) || is_named())
}

/// Returns the width of the terminal on stderr, in columns.
pub(super) fn columns() -> u16 {
    Term::stderr().size().1
}

/// Prints an event to stderr as one line of JSON.
pub(super) fn eprint_json(value: &Value) {
    eprint_raw(&escape::json(value, false));
}

/// Prints text to stderr, wrapped to the width of the terminal with an indent. If stderr is not a terminal, the text stays on
/// one line, for `grep`.
pub(super) fn eprint_wrapped(text: &str, indent: &str) {
    if !io::stderr().is_terminal() || columns() < MIN_COLUMNS {
        return eprint_line(text);
    }
    // Options and paths are not split, so that they can be copied.
    let lines = Options::new(columns().into()).subsequent_indent(indent);
    let lines = lines.break_words(false).word_splitter(WordSplitter::NoHyphenation);
    eprint_raw(&textwrap::fill(&escape::line(text), lines));
}

/// The indent of lines that belong to an error.
pub(super) const INDENT: &str = "       ";

/// Prints the line below an error that says how to fix it.
pub(super) fn eprint_hint(hint: &str) {
    eprint_wrapped(&format!("hint: {hint}"), INDENT);
}

/// Prints one line to stderr, escaped for a terminal.
pub(super) fn eprint_line(line: &str) {
    eprint_raw(&escape::line(line));
}

/// Writes to stderr, ignoring errors.
pub(super) fn eprint_raw(line: &str) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}
