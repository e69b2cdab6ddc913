//! Help on one screen. `-h` shows each command's everyday options and three examples, `--help` shows everything.

use clap::{Arg, Command};
use std::ffi::OsString;

/// Options that `-h` shows, in this order. It shows all options of a command that isn't listed.
const EVERYDAY: [(&str, &[&str]); 11] = [
    (
        "publish",
        &["bucket", "output", "prefix", "public-url", "endpoint-url", "id", "html", "embed", "quality", "verbose"],
    ),
    ("ingest", &["bucket", "output", "prefix", "public-url", "table", "label", "site", "prune", "dry-run", "report"]),
    ("preview", &["open", "port", "tile-size", "quality", "pages", "verbose"]),
    ("plan", &["size", "keys", "json", "tile-size", "max-size", "format", "pages", "price"]),
    ("list", &["bucket", "output", "prefix", "endpoint-url", "profile", "json"]),
    ("verify", &["bucket", "prefix", "id", "all", "public-url", "sample", "concurrency", "json"]),
    ("delete", &["bucket", "output", "prefix", "id", "object", "all", "endpoint-url", "profile", "dry-run", "yes"]),
    ("check", &["bucket", "prefix", "public-url", "endpoint-url", "profile", "json"]),
    ("create", &["bucket", "aws-region", "endpoint-url", "profile"]),
    ("setup", &["bucket", "prefix", "cors", "public-read", "endpoint-url", "profile", "dry-run", "yes"]),
    ("man", &[]),
];

/// Commands that `-h` leaves out of the list of commands.
const RARE: [&str; 2] = ["completions", "man"];

/// Layout of the short help for a list of commands.
const OVERVIEW: &str = "{about}\n\n{usage-heading} {usage}\n\nCommands:\n{subcommands}{after-help}";

/// Number of examples in the short help.
const EXAMPLES: usize = 3;

/// Returns `true` if the words ask for the long help.
pub(super) fn is_long(words: &[OsString]) -> bool {
    words.iter().any(|word| word == "--help") || words.get(1).is_some_and(|word| word == "help")
}

/// Returns a command with short help for itself and its subcommands.
pub(super) fn shortened(command: Command) -> Command {
    let everyday = EVERYDAY.iter().find(|(name, _)| *name == command.get_name()).map(|(_, options)| *options);
    let examples = command.get_after_long_help().map(|text| short_examples(&text.to_string())).unwrap_or_default();
    let command = command.mut_args(|argument| shortened_argument(argument, everyday)).after_help(examples);
    let command = command.mut_subcommands(shortened);
    if !command.has_subcommands() {
        return command;
    }
    let is_rare = |command: &Command| RARE.contains(&command.get_name());
    let command = command.mut_subcommands(|inner| if is_rare(&inner) { inner.hide(true) } else { inner });
    command.help_template(OVERVIEW).disable_help_subcommand(true)
}

/// Moves an argument out of its group, because each heading takes two lines, and hides it unless it is for every day.
fn shortened_argument(argument: Arg, everyday: Option<&[&str]>) -> Arg {
    let takes_values = argument.get_action().takes_values();
    let argument = argument.hide_possible_values(takes_values).hide_default_value(takes_values);
    if argument.is_positional() {
        return argument;
    }
    let rank = match everyday {
        Some(options) => options.iter().position(|name| argument.get_long() == Some(name)),
        None => (argument.get_id() != "config").then_some(0),
    };
    let argument = argument.help_heading(None::<&'static str>);
    argument.hide_short_help(rank.is_none()).display_order(rank.unwrap_or_default())
}

/// Returns the first examples that fit on one line, without their explanations.
fn short_examples(examples: &str) -> String {
    let is_whole = |line: &&str| line.starts_with("  iiif-publish ") && !line.ends_with('\\');
    let lines: Vec<&str> = examples.lines().filter(is_whole).take(EXAMPLES).collect();
    if lines.is_empty() { String::new() } else { format!("Examples:\n{}", lines.join("\n")) }
}

#[cfg(test)]
mod tests {
    use super::super::program;
    use super::*;

    /// Returns the names of a command's subcommands at all levels, such as `bucket check`.
    fn paths(command: &Command) -> Vec<Vec<String>> {
        let below = command.get_subcommands().flat_map(|inner| {
            let name = inner.get_name().to_owned();
            paths(inner).into_iter().map(move |path| [vec![name.clone()], path].concat())
        });
        std::iter::once(Vec::new()).chain(below).collect()
    }

    fn help(words: &[String], flag: &str) -> String {
        let words = ["iiif-publish"].into_iter().chain(words.iter().map(String::as_str)).chain([flag]);
        let words: Vec<OsString> = words.map(OsString::from).collect();
        let command = if is_long(&words) { program() } else { shortened(program()) };
        let shown = command.term_width(80).try_get_matches_from(words).expect_err("help");
        assert_eq!(shown.kind(), clap::error::ErrorKind::DisplayHelp, "{shown}");
        shown.to_string()
    }

    #[test]
    fn the_short_help_of_every_command_fits_24_lines_of_80_columns() {
        let paths = paths(&program());
        assert!(paths.len() > 10, "{paths:?}");
        let is_wrong = |text: &String| {
            // An explanation that continues on a second line is too long.
            let is_long = |line: &str| line.chars().count() > 80 || line.starts_with("          ");
            text.lines().count() > 24 || text.lines().any(is_long)
        };
        let wrong: Vec<String> = paths.iter().map(|path| help(path, "-h")).filter(is_wrong).collect();
        assert!(wrong.is_empty(), "{}", wrong.join("\n-----\n"));
    }

    #[test]
    fn the_long_help_has_every_option_and_the_short_help_the_everyday_ones() {
        for (name, options) in EVERYDAY {
            let path: Vec<String> = paths(&program())
                .into_iter()
                .find(|path| path.last().is_some_and(|last| last == name))
                .expect("a command");
            let (short, long) = (help(&path, "-h"), help(&path, "--help"));
            for option in options {
                assert!(short.contains(&format!("--{option}")), "{path:?}: {option}\n{short}");
            }
            let program = program();
            let command = path.iter().fold(&program, |command, name| command.find_subcommand(name).expect("a command"));
            for option in command.get_arguments().filter_map(Arg::get_long) {
                assert!(long.contains(&format!("--{option}")), "{path:?}: {option}");
            }
        }
    }
}
