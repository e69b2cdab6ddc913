//! Where words go: results to stdout, everything else to stderr.

use super::escape;
use super::exit::Exit;
use console::Term;
use indicatif::HumanCount;
use serde_json::Value;
use std::io::{self, IsTerminal, Write};
use textwrap::{Options, WordSplitter};

/// So many of something, in the right number.
pub(super) fn counted(count: u64, singular: &str) -> String {
    format!("{} {singular}{}", HumanCount(count), if count == 1 { "" } else { "s" })
}

/// Prints lines of a result, escaped for a terminal.
pub(super) fn print(text: &str) -> Exit {
    print_raw(&escape::lines(text))
}

/// Prints a result as one line of JSON, or as an indented document.
pub(super) fn print_json(value: &Value, is_pretty: bool) -> Exit {
    print_raw(&(escape::json(value, is_pretty) + "\n"))
}

/// Writes text of the program itself to stdout. A closed pipe (`| head`) is not an error.
pub(super) fn print_raw(text: &str) -> Exit {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            tell(&format!("error: could not write to standard output: {error}"));
            tell_hint("redirect it to a disk with free space, and run the same command again");
            Exit::Failed
        }
        _ => Exit::Done,
    }
}

/// Columns below which lines are left as they are: shorter ones would be read with more trouble than broken ones.
const LEAST_COLUMNS: u16 = 40;

/// Whether stderr is a terminal that can move its cursor: on Unix, that is said by its name.
pub(super) fn is_terminal() -> bool {
    let is_named = || std::env::var_os("TERM").is_some_and(|name| !name.is_empty() && name != "dumb");
    io::stderr().is_terminal() && (cfg!(windows) || is_named())
}

/// Columns of the terminal that stderr is.
pub(super) fn columns() -> u16 {
    Term::stderr().size().1
}

/// Prints an event to stderr as one line of JSON.
pub(super) fn tell_json(value: &Value) {
    tell_raw(&escape::json(value, false));
}

/// Tells people something in lines that fit their terminal, those after the first behind an indent. Elsewhere it stays one line,
/// for `grep`.
pub(super) fn tell_wrapped(text: &str, indent: &str) {
    if !io::stderr().is_terminal() || columns() < LEAST_COLUMNS {
        return tell(text);
    }
    // Options and paths stay whole, to be copied.
    let lines = Options::new(columns().into()).subsequent_indent(indent);
    let lines = lines.break_words(false).word_splitter(WordSplitter::NoHyphenation);
    tell_raw(&textwrap::fill(&escape::line(text), lines));
}

/// The indent of lines that belong to an error.
pub(super) const INDENT: &str = "       ";

/// Prints the line below an error that says how to fix it.
pub(super) fn tell_hint(hint: &str) {
    tell_wrapped(&format!("hint: {hint}"), INDENT);
}

/// Prints one line to stderr, escaped for a terminal.
pub(super) fn tell(line: &str) {
    tell_raw(&escape::line(line));
}

/// Writes to stderr, ignoring errors.
pub(super) fn tell_raw(line: &str) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}
