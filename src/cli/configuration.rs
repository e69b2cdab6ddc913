//! Reads `iiif-publish.toml`, the configuration file for options that would otherwise be repeated on every command
//! line.

mod trust;

use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command};
use std::collections::HashSet;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use toml::{Table, Value};
use trust::Origin;

/// Default configuration file, looked up in the current folder.
pub(super) const FILE_NAME: &str = "iiif-publish.toml";

/// Table for command lines without a subcommand.
pub(super) const PUBLISH: &str = "publish";

/// Input arguments. If the command line sets any of these, the file's input arguments are ignored.
const INPUTS: [&str; 3] = ["inputs", "from_file", "table"];

/// Commands that don't read the file.
const WITHOUT_FILE: [&str; 3] = ["init", "completions", "man"];

/// Options that confirm deletions and changes. Only the command line can set them.
const CONSENT: [&str; 2] = ["all", "yes"];

/// Error returned when a configuration file can't be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConfigurationError {
    #[error("could not read `{}`", .0.display())]
    Read(PathBuf, #[source] io::Error),
    #[error("`{}` is not valid TOML: line {line}: {message}", .path.display())]
    Syntax { path: PathBuf, line: usize, message: String },
    #[error("`{}`: unknown option `{key}`{}", .path.display(), for_verb(.verb.as_deref()))]
    Unknown { path: PathBuf, key: String, verb: Option<String> },
    #[error("`{}`: `{key}` must be {expected}", .path.display())]
    Kind { path: PathBuf, key: String, expected: &'static str },
    #[error("`{}` is larger than {max_bytes} bytes", .path.display())]
    TooLarge { path: PathBuf, max_bytes: u64 },
    #[error("refusing to use `{}` because it belongs to another user (uid {owner})", .path.display())]
    Owner { path: PathBuf, owner: u32 },
    #[error("refusing to use `{}` because other users can write to it", .0.display())]
    Writable(PathBuf),
}

impl ConfigurationError {
    fn syntax(path: &Path, text: &str, error: &toml::de::Error) -> Self {
        let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        Self::Syntax { path: path.to_owned(), line, message: error.message().to_owned() }
    }

    /// Returns a hint for fixing the error.
    pub(super) fn hint(&self) -> &'static str {
        match self {
            Self::Owner { .. } => {
                "pass it with `--config` if you trust it; otherwise run in a different folder, or delete the file"
            }
            Self::Writable(_) => "if you trust it, run `chmod go-w` on it or pass it with `--config`",
            _ => {
                "fix the file, or pass a different file with `--config`; `iiif-publish init` writes one with all options"
            }
        }
    }
}

fn for_verb(verb: Option<&str>) -> String {
    verb.map(|verb| format!(" for `{verb}`")).unwrap_or_default()
}

/// Command line merged with the options from a configuration file.
pub(super) struct CommandLine {
    pub(super) words: Vec<OsString>,
    /// Configuration file that supplied some of the words.
    pub(super) from: Option<PathBuf>,
    /// Note about a file found in the current folder, unless the command line is quiet.
    pub(super) note: Option<String>,
    /// Warnings about options in the file that have no effect.
    pub(super) warnings: Vec<String>,
}

impl CommandLine {
    fn without_file(words: Vec<OsString>) -> Self {
        Self { words, from: None, note: None, warnings: Vec::new() }
    }
}

/// Adds options from a configuration file, unless the command line sets or contradicts them.
pub(super) fn with_file(mut command: Command, mut words: Vec<OsString>) -> Result<CommandLine, ConfigurationError> {
    let named = named_file(&mut words);
    let all_words = words.clone();
    let disabled = disabled_flags(&command, &mut words);
    // The file's options become words on the command line, which is then parsed again, so values, conflicts and
    // defaults follow the same rules. A lenient first pass finds the options that the command line doesn't set. It
    // ignores errors because the file might supply missing arguments. The final parse reports mistakes and requests for
    // help, which clap also treats as errors.
    let lenient = command.clone().ignore_errors(true);
    command.build();
    let Ok(matches) = lenient.try_get_matches_from(&words) else { return Ok(CommandLine::without_file(words)) };
    let (subcommand, _) = innermost(&command, &matches);
    if disabled.iter().any(|key| argument(subcommand, key).is_none_or(|argument| !is_flag(argument))) {
        // The flag belongs to a different command, which clap reports.
        return Ok(CommandLine::without_file(all_words));
    }
    let verb = matches.subcommand_name().unwrap_or(PUBLISH);
    let origin = if named.is_some() { Origin::Named } else { Origin::Found };
    let path = named.or_else(|| Path::new(FILE_NAME).is_file().then(|| PathBuf::from(FILE_NAME)));
    let Some(path) = path.filter(|_| !WITHOUT_FILE.contains(&verb)) else {
        return Ok(CommandLine::without_file(words));
    };
    let text = trust::read(&path, origin)?;
    let table: Table = text.parse().map_err(|error| ConfigurationError::syntax(&path, &text, &error))?;
    let file = File { path: &path, table };
    file.check(&command)?;
    let (subcommand, matches) = innermost(&command, &matches);
    let (added, warnings) = file.words(verb, subcommand, matches, &disabled)?;
    // Words after `--` aren't options.
    let end = words.iter().position(|word| word == "--").unwrap_or(words.len());
    words.splice(end..end, added);
    let is_quiet = matches.try_get_one::<bool>("quiet").is_ok_and(|quiet| quiet == Some(&true));
    let note = (origin == Origin::Found && !is_quiet).then(|| format!("using `{}`", path.display()));
    Ok(CommandLine { words, from: Some(path), note, warnings })
}

/// Removes `--config FILE` from a command line and returns the file, because clap wouldn't accept the option before a
/// subcommand.
fn named_file(words: &mut Vec<OsString>) -> Option<PathBuf> {
    const NAME: &str = "--config";
    let end = words.iter().position(|word| word == "--").unwrap_or(words.len());
    let of_word =
        |word: &OsString| word.to_str().and_then(|word| Some(word.strip_prefix(NAME)?.strip_prefix('=')?.into()));
    if let Some(index) = words[..end].iter().position(|word| of_word(word).is_some()) {
        return of_word(&words.remove(index));
    }
    let index = words[..end].iter().position(|word| word == NAME).filter(|index| index + 1 < end)?;
    words.remove(index);
    Some(words.remove(index).into())
}

/// Removes every `--flag=false` from a command line and returns the names of these flags, which override the file.
fn disabled_flags(command: &Command, words: &mut Vec<OsString>) -> HashSet<String> {
    let key_of =
        |word: &str| word.strip_prefix("--").map(|word| word.strip_suffix("=false").unwrap_or(word).to_owned());
    let (mut keys, mut kept) = (HashSet::new(), Vec::new());
    let end = words.iter().position(|word| word == "--").unwrap_or(words.len());
    let rest = words.split_off(end);
    for word in words.drain(..) {
        let key = word.to_str().and_then(key_of).filter(|key| has_somewhere(command, key, &is_flag));
        match key {
            Some(key) if word.to_str().is_some_and(|word| word.ends_with("=false")) => {
                // The last occurrence wins.
                kept.retain(|kept: &OsString| kept.to_str() != Some(&format!("--{key}")));
                keys.insert(key);
            }
            Some(key) => {
                keys.remove(&key);
                kept.push(word);
            }
            None => kept.push(word),
        }
    }
    *words = kept;
    words.extend(rest);
    keys
}

/// Returns `true` for arguments that don't require a value.
fn is_flag(argument: &Arg) -> bool {
    matches!(argument.get_action(), ArgAction::SetTrue)
        || argument.get_num_args().is_some_and(|args| args.min_values() == 0)
}

/// Returns the innermost subcommand, such as `check` in `bucket check`.
fn innermost<'a>(mut command: &'a Command, mut matches: &'a ArgMatches) -> (&'a Command, &'a ArgMatches) {
    while let Some((name, inner)) = matches.subcommand()
        && let Some(subcommand) = command.find_subcommand(name)
    {
        (command, matches) = (subcommand, inner);
    }
    (command, matches)
}

/// Returns the option or positional argument for a key.
fn argument<'a>(command: &'a Command, key: &str) -> Option<&'a Arg> {
    let is_key =
        |argument: &&Arg| argument.get_long() == Some(key) || argument.is_positional() && argument.get_id() == key;
    command.get_arguments().filter(|argument| is_option(argument)).find(is_key)
}

/// Returns `true` for arguments that a configuration file can set.
pub(super) fn is_option(argument: &Arg) -> bool {
    let name = argument.get_id().as_str();
    !matches!(name, "config" | "help" | "version")
}

/// Returns `true` if the command line sets this argument or an argument that conflicts with it.
fn is_decided(command: &Command, matches: &ArgMatches, argument: &Arg) -> bool {
    let is_set = |id: &clap::Id| {
        matches.try_contains_id(id.as_str()).is_ok_and(|it| it)
            && matches.value_source(id.as_str()) == Some(ValueSource::CommandLine)
    };
    let contradicts = |one: &Arg, other: &Arg| {
        command.get_arg_conflicts_with(one).iter().any(|conflict| conflict.get_id() == other.get_id())
    };
    let are_inputs = |one: &Arg, other: &Arg| [one, other].iter().all(|it| INPUTS.contains(&it.get_id().as_str()));
    let share_group = |one: &Arg, other: &Arg| {
        let has = |group: &clap::ArgGroup, it: &Arg| group.get_args().any(|id| id == it.get_id());
        command.get_groups().any(|group| !group.clone().is_multiple() && has(group, one) && has(group, other))
    };
    // `prune` in the file applies only to the file's complete input, not to inputs from the command line.
    let is_of_other_inputs = argument.get_id() == "prune"
        && command.get_arguments().any(|other| INPUTS.contains(&other.get_id().as_str()) && is_set(other.get_id()));
    is_of_other_inputs
        || is_set(argument.get_id())
        || command.get_arguments().filter(|other| is_set(other.get_id())).any(|other| {
            contradicts(argument, other)
                || contradicts(other, argument)
                || share_group(argument, other)
                || are_inputs(argument, other)
        })
}

/// A parsed configuration file.
struct File<'a> {
    path: &'a Path,
    table: Table,
}

impl File<'_> {
    /// Checks that every key is an option of some command, and every key in a table is an option of that command.
    fn check(&self, command: &Command) -> Result<(), ConfigurationError> {
        for (key, value) in &self.table {
            match value {
                Value::Table(table) => self.check_table(command, key, table)?,
                _ if has_somewhere(command, key, &|_| true) => {}
                _ => return Err(self.unknown(key, None)),
            }
        }
        Ok(())
    }

    fn check_table(&self, command: &Command, name: &str, table: &Table) -> Result<(), ConfigurationError> {
        // A TOML file can't contain both a table `[bucket]` for the command and an option `bucket` for all commands.
        // The option takes precedence because most files need it, and the command has few options of its own.
        if has_somewhere(command, name, &|_| true) {
            return Err(self.wrong_kind(name, "a string or a number"));
        }
        let verb = command.find_subcommand(name).filter(|_| !WITHOUT_FILE.contains(&name));
        for key in table.keys() {
            let is_known = match verb {
                Some(verb) => has_somewhere(verb, key, &|_| true),
                None if name == PUBLISH => argument(command, key).is_some(),
                None => return Err(self.unknown(name, None)),
            };
            if !is_known {
                return Err(self.unknown(key, Some(name)));
            }
        }
        Ok(())
    }

    fn unknown(&self, key: &str, verb: Option<&str>) -> ConfigurationError {
        ConfigurationError::Unknown { path: self.path.to_owned(), key: key.to_owned(), verb: verb.map(str::to_owned) }
    }

    fn wrong_kind(&self, key: &str, expected: &'static str) -> ConfigurationError {
        ConfigurationError::Kind { path: self.path.to_owned(), key: key.to_owned(), expected }
    }

    /// Returns a command's options as words, except options that the command line already decides, plus warnings about
    /// ignored keys.
    fn words(
        &self,
        verb: &str,
        command: &Command,
        matches: &ArgMatches,
        disabled: &HashSet<String>,
    ) -> Result<(Vec<OsString>, Vec<String>), ConfigurationError> {
        let (mut words, mut warnings) = (Vec::new(), Vec::new());
        for (key, value) in self.options_for(verb) {
            let Some(argument) = argument(command, key) else { continue };
            if CONSENT.contains(&key.as_str()) {
                let path = self.path.display();
                warnings.push(format!("ignoring `{key}` in `{path}`: pass `--{key}` on the command line"));
            } else if !disabled.contains(key) && !is_decided(command, matches, argument) {
                self.add(key, value, argument, &mut words)?;
            }
        }
        Ok((words, warnings))
    }

    /// Returns a command's options: top-level options that its table doesn't override, followed by its table's options.
    fn options_for<'a>(&'a self, verb: &str) -> impl Iterator<Item = (&'a String, &'a Value)> {
        let own = self.table.get(verb).and_then(Value::as_table);
        let of_all = self
            .table
            .iter()
            .filter(move |(key, value)| !value.is_table() && own.is_none_or(|own| !own.contains_key(key.as_str())));
        of_all.chain(own.into_iter().flatten())
    }

    /// Appends a key and its values as command-line words.
    fn add(
        &self,
        key: &str,
        value: &Value,
        argument: &Arg,
        words: &mut Vec<OsString>,
    ) -> Result<(), ConfigurationError> {
        if is_flag(argument) {
            match (value.as_bool(), argument.get_action()) {
                (Some(is_set), _) => {
                    words.extend(is_set.then(|| format!("--{key}").into()));
                    return Ok(());
                }
                (None, ArgAction::SetTrue) => return Err(self.wrong_kind(key, "true or false")),
                // The flag has an optional value.
                (None, _) => {}
            }
        }
        let (values, may_be_many) = match value {
            Value::Array(values) => (values.as_slice(), true),
            value => (std::slice::from_ref(value), false),
        };
        if may_be_many && !matches!(argument.get_action(), ArgAction::Append) {
            return Err(self.wrong_kind(key, "one value"));
        }
        for value in values {
            let text = self.text(key, value)?;
            words.push(if argument.is_positional() {
                // Keep a path that looks like an option from being parsed as an option.
                if text.starts_with('-') { format!("./{text}") } else { text }.into()
            } else {
                format!("--{key}={text}").into()
            });
        }
        Ok(())
    }

    fn text(&self, key: &str, value: &Value) -> Result<String, ConfigurationError> {
        match value {
            Value::String(text) => Ok(text.clone()),
            Value::Integer(number) => Ok(number.to_string()),
            Value::Float(number) => Ok(number.to_string()),
            _ => Err(self.wrong_kind(key, "a string or a number")),
        }
    }
}

/// Returns `true` if a command or any of its subcommands has a matching argument for this key.
fn has_somewhere(command: &Command, key: &str, is_meant: &dyn Fn(&Arg) -> bool) -> bool {
    argument(command, key).is_some_and(is_meant)
        || command.get_subcommands().any(|inner| has_somewhere(inner, key, is_meant))
}
