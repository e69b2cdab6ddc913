//! The short form without a command: `iiif-publish --bucket b photo.jpg` publishes.

use clap::Command;
use std::ffi::OsString;
use std::path::Path;

/// Command that the short form stands for.
pub(super) const DEFAULT: &str = "publish";

/// Flags that the program itself has.
const OWN_FLAGS: [&str; 4] = ["-h", "--help", "-V", "--version"];

/// Inserts the default command, unless the words name a command, ask for help or seem to name a command that doesn't
/// exist, which clap reports along with similar commands.
pub(super) fn insert(program: &Command, words: &mut Vec<OsString>) {
    if words.get(1).is_some_and(|first| is_argument(program, first)) {
        words.insert(1, DEFAULT.into());
    }
}

/// Returns `true` for options of the default command and for images.
fn is_argument(program: &Command, first: &OsString) -> bool {
    let Some(text) = first.to_str() else { return true };
    if text == "help" || OWN_FLAGS.contains(&text) || program.find_subcommand(text).is_some() {
        return false;
    }
    text.starts_with('-') || text.contains(['.', '/', '\\', ':', '*']) || Path::new(first).exists()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::program;

    #[test]
    fn images_and_options_publish_and_other_words_are_commands() {
        for (line, is_short) in [
            ("p --bucket b a.jpg", true),
            ("p a.jpg --bucket b", true),
            ("p s3://b/a", true),
            ("p src", true),
            ("p -- plan", true),
            ("p -v", true),
            ("p", false),
            ("p -h", false),
            ("p help", false),
            ("p publish --bucket b a.jpg", false),
            ("p plan a.jpg", false),
            ("p pulbish", false),
        ] {
            let mut words: Vec<OsString> = line.split(' ').map(OsString::from).collect();
            let count = words.len();
            insert(&program(), &mut words);
            assert_eq!(words.len() > count, is_short, "{line}");
        }
    }
}
