//! Suggestions for words that other programs use.

use clap::Error;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use std::ffi::OsString;

/// Words that aren't commands, with the commands that do this.
const WORDS: [(&[&str], &[&str]); 9] = [
    (&["upload", "push", "put", "cp", "copy", "deploy", "tile", "add"], &["publish"]),
    (&["sync", "import", "update", "rsync"], &["ingest"]),
    (&["ls", "dir", "images"], &["list"]),
    (&["rm", "remove", "del", "unpublish"], &["delete"]),
    (&["prune", "clean"], &["ingest --prune", "delete"]),
    (&["check", "test", "validate"], &["verify", "bucket check"]),
    (&["view", "show", "open"], &["preview"]),
    (&["dry-run", "estimate", "cost", "info", "inspect"], &["plan", "ingest --dry-run"]),
    (&["config", "configure"], &["init"]),
];

/// Options that `publish` doesn't have, with a suggestion.
const OPTIONS: [(&str, &str); 3] = [
    ("--dry-run", "to see what an image would store and cost, use 'iiif-publish plan IMAGE'"),
    ("--prune", "to keep a bucket in step with a folder, use 'iiif-publish ingest FOLDER --prune'"),
    ("--table", "to publish the images of a table, use 'iiif-publish ingest --table FILE'"),
];

/// Replaces suggestions by similarity with what the user probably means. `words` are the command line.
pub(super) fn improve(mut error: Error, words: &[OsString]) -> Error {
    match error.kind() {
        ErrorKind::InvalidSubcommand => {
            // Commands such as `bucket` have commands of their own.
            let word = text(&error, ContextKind::InvalidSubcommand);
            let first = word.filter(|word| words.get(1).is_some_and(|first| first.as_os_str() == *word));
            if let Some(commands) = first.and_then(commands_for) {
                let commands = commands.iter().map(|command| (*command).to_owned()).collect();
                error.insert(ContextKind::SuggestedSubcommand, ContextValue::Strings(commands));
            }
        }
        ErrorKind::UnknownArgument if words.get(1).is_some_and(|verb| verb == "publish") => {
            let option = text(&error, ContextKind::InvalidArg);
            let tip = OPTIONS.iter().find(|(name, _)| option == Some(*name)).map(|(_, tip)| *tip);
            if let Some(tip) = tip {
                error.remove(ContextKind::SuggestedArg);
                error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![tip.into()]));
            }
        }
        _ => {}
    }
    error
}

fn text(error: &Error, kind: ContextKind) -> Option<&str> {
    match error.get(kind)? {
        ContextValue::String(text) => Some(text),
        _ => None,
    }
}

fn commands_for(word: &str) -> Option<&'static [&'static str]> {
    WORDS.iter().find(|(words, _)| words.contains(&word)).map(|(_, commands)| *commands)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::program;

    #[test]
    fn words_are_no_commands_and_suggest_existing_ones() {
        let program = program();
        for (words, commands) in WORDS {
            assert!(words.iter().all(|word| program.find_subcommand(word).is_none()), "{words:?}");
            for command in commands {
                let mut found = &program;
                for part in command.split(' ') {
                    match part.strip_prefix("--") {
                        Some(option) => {
                            assert!(found.get_arguments().any(|it| it.get_long() == Some(option)), "{command}");
                        }
                        None => found = found.find_subcommand(part).expect(command),
                    }
                }
            }
        }
        let publish = program.find_subcommand("publish").expect("a command");
        for (option, _) in OPTIONS {
            let is_its = |it: &clap::Arg| it.get_long().is_some_and(|long| option == format!("--{long}"));
            assert!(!publish.get_arguments().any(is_its), "{option}");
        }
    }
}
