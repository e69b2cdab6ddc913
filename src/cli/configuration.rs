//! `iiif-publish.toml`: what would otherwise be said on the command line, again and again.

mod trust;

use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command};
use std::collections::HashSet;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use toml::{Table, Value};
use trust::Origin;

/// The file that is read where none is named.
pub(super) const FILE_NAME: &str = "iiif-publish.toml";

/// The verb of a command line without one, as its table is called.
pub(super) const PUBLISH: &str = "publish";

/// Arguments of which some on the command line replace all of the file: what is to be published.
const INPUTS: [&str; 3] = ["inputs", "from_file", "table"];

/// Verbs that no file says anything of.
const WITHOUT_FILE: [&str; 3] = ["init", "completions", "man"];

/// Consent to delete and to change, which only the command line can give.
const CONSENT: [&str; 2] = ["all", "yes"];

/// Why a configuration file cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConfigurationError {
    #[error("could not read `{}`", .0.display())]
    Read(PathBuf, #[source] io::Error),
    #[error("`{}` is not valid TOML: line {line}: {message}", .path.display())]
    Syntax { path: PathBuf, line: usize, message: String },
    #[error("`{}`: unknown option `{key}`{}", .path.display(), of(.verb.as_deref()))]
    Unknown { path: PathBuf, key: String, verb: Option<String> },
    #[error("`{}`: `{key}` must be {expected}", .path.display())]
    Kind { path: PathBuf, key: String, expected: &'static str },
    #[error("`{}` is larger than {max_bytes} bytes", .path.display())]
    TooLarge { path: PathBuf, max_bytes: u64 },
    #[error("refusing to use `{}`, because it belongs to another user (uid {owner})", .path.display())]
    Owner { path: PathBuf, owner: u32 },
    #[error("refusing to use `{}`, because other users can write to it", .0.display())]
    Writable(PathBuf),
}

impl ConfigurationError {
    fn syntax(path: &Path, text: &str, error: &toml::de::Error) -> Self {
        let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        Self::Syntax { path: path.to_owned(), line, message: error.message().to_owned() }
    }

    /// Returns what to do about it.
    pub(super) fn advice(&self) -> &'static str {
        match self {
            Self::Owner { .. } => {
                "pass it with `--config` if you trust it; otherwise run in another folder, or delete the file"
            }
            Self::Writable(_) => "run `chmod go-w` on it, or pass it with `--config`, if you trust it",
            _ => "fix the file or pass another one with `--config`; `iiif-publish init` writes one with all options",
        }
    }
}

fn of(verb: Option<&str>) -> String {
    verb.map(|verb| format!(" for `{verb}`")).unwrap_or_default()
}

/// A command line, as it is with what a file adds to it.
pub(super) struct CommandLine {
    pub(super) words: Vec<OsString>,
    /// The file that some of them come from.
    pub(super) from: Option<PathBuf>,
    /// Says that a file was found and used, unless the command line is quiet.
    pub(super) note: Option<String>,
    /// Options of the file that have no effect.
    pub(super) warnings: Vec<String>,
}

impl CommandLine {
    fn without_file(words: Vec<OsString>) -> Self {
        Self { words, from: None, note: None, warnings: Vec::new() }
    }
}

/// Adds what the file says, and what is neither said on the command line nor contradicts that.
pub(super) fn with_file(mut command: Command, mut words: Vec<OsString>) -> Result<CommandLine, ConfigurationError> {
    let named = named_file(&mut words);
    let all_words = words.clone();
    let taken_back = taken_back(&command, &mut words);
    // Whatever is wrong with it is told when it is parsed for good. Help comes as an error too.
    let lenient = command.clone().ignore_errors(true);
    command.build();
    let Ok(matches) = lenient.try_get_matches_from(&words) else { return Ok(CommandLine::without_file(words)) };
    let (said, _) = innermost(&command, &matches);
    if taken_back.iter().any(|key| argument(said, key).is_none_or(|argument| !is_flag(argument))) {
        // Of another verb: clap says so.
        return Ok(CommandLine::without_file(all_words));
    }
    let verb = matches.subcommand_name().unwrap_or(PUBLISH).to_owned();
    let origin = if named.is_some() { Origin::Named } else { Origin::Found };
    let path = named.or_else(|| Path::new(FILE_NAME).is_file().then(|| PathBuf::from(FILE_NAME)));
    let Some(path) = path.filter(|_| !WITHOUT_FILE.contains(&verb.as_str())) else {
        return Ok(CommandLine::without_file(words));
    };
    let text = trust::read(&path, origin)?;
    let table: Table = text.parse().map_err(|error| ConfigurationError::syntax(&path, &text, &error))?;
    let file = File { path: &path, table };
    file.check(&command)?;
    let (said, matches) = innermost(&command, &matches);
    let (mut added, mut warnings) = (Vec::new(), Vec::new());
    for (key, value) in file.of_verb(&verb) {
        let Some(argument) = argument(said, key) else { continue };
        if CONSENT.contains(&key.as_str()) {
            warnings.push(format!("ignoring `{key}` in `{}`: pass `--{key}` on the command line", path.display()));
        } else if !taken_back.contains(key) && !is_decided(said, matches, argument) {
            file.add(key, value, argument, &mut added)?;
        }
    }
    // What follows two dashes is no option.
    let end = words.iter().position(|word| word == "--").unwrap_or(words.len());
    words.splice(end..end, added);
    let is_quiet = matches.try_get_one::<bool>("quiet").is_ok_and(|quiet| quiet == Some(&true));
    let note = (origin == Origin::Found && !is_quiet).then(|| format!("using `{}`", path.display()));
    Ok(CommandLine { words, from: Some(path), note, warnings })
}

/// Takes `--config FILE` out of a command line, wherever it stands: before a verb, it would not be taken for an option of that.
fn named_file(words: &mut Vec<OsString>) -> Option<PathBuf> {
    const NAME: &str = "--config";
    let end = words.iter().position(|word| word == "--").unwrap_or(words.len());
    let of_word =
        |word: &OsString| word.to_str().and_then(|word| Some(word.strip_prefix(NAME)?.strip_prefix('=')?.into()));
    if let Some(place) = words[..end].iter().position(|word| of_word(word).is_some()) {
        return of_word(&words.remove(place));
    }
    let place = words[..end].iter().position(|word| word == NAME).filter(|place| place + 1 < end)?;
    words.remove(place);
    Some(words.remove(place).into())
}

/// Takes `--flag=false` out of a command line, for every flag that takes no value: it takes back what a file says.
fn taken_back(command: &Command, words: &mut Vec<OsString>) -> HashSet<String> {
    let key_of =
        |word: &str| word.strip_prefix("--").map(|word| word.strip_suffix("=false").unwrap_or(word).to_owned());
    let (mut keys, mut kept) = (HashSet::new(), Vec::new());
    let end = words.iter().position(|word| word == "--").unwrap_or(words.len());
    let rest = words.split_off(end);
    for word in words.drain(..) {
        let key = word.to_str().and_then(key_of).filter(|key| has_somewhere(command, key, &is_flag));
        match key {
            Some(key) if word.to_str().is_some_and(|word| word.ends_with("=false")) => {
                // The last word counts.
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

/// One that can be said without a value.
fn is_flag(argument: &Arg) -> bool {
    matches!(argument.get_action(), ArgAction::SetTrue)
        || argument.get_num_args().is_some_and(|args| args.min_values() == 0)
}

/// The verb of a verb, such as that of `bucket`.
fn innermost<'a>(mut command: &'a Command, mut matches: &'a ArgMatches) -> (&'a Command, &'a ArgMatches) {
    while let Some((name, inner)) = matches.subcommand()
        && let Some(subcommand) = command.find_subcommand(name)
    {
        (command, matches) = (subcommand, inner);
    }
    (command, matches)
}

/// The argument that a key stands for: `--key`, or what is said without a name.
fn argument<'a>(command: &'a Command, key: &str) -> Option<&'a Arg> {
    let is_key =
        |argument: &&Arg| argument.get_long() == Some(key) || argument.is_positional() && argument.get_id() == key;
    command.get_arguments().filter(|argument| is_option(argument)).find(is_key)
}

/// Whether it says something of the work.
pub(super) fn is_option(argument: &Arg) -> bool {
    let name = argument.get_id().as_str();
    !matches!(name, "config" | "help" | "version")
}

/// Whether the command line has said it, or something that it cannot stand beside.
fn is_decided(command: &Command, matches: &ArgMatches, argument: &Arg) -> bool {
    let is_said = |id: &clap::Id| {
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
    // What is pruned is what the whole input does not name: not part of it, named for once.
    let is_of_other_inputs = argument.get_id() == "prune"
        && command.get_arguments().any(|other| INPUTS.contains(&other.get_id().as_str()) && is_said(other.get_id()));
    is_of_other_inputs
        || is_said(argument.get_id())
        || command.get_arguments().filter(|other| is_said(other.get_id())).any(|other| {
            contradicts(argument, other)
                || contradicts(other, argument)
                || share_group(argument, other)
                || are_inputs(argument, other)
        })
}

/// A file that was read.
struct File<'a> {
    path: &'a Path,
    table: Table,
}

impl File<'_> {
    /// That every key is an option of some verb, and every key in the table of a verb one of that.
    fn check(&self, command: &Command) -> Result<(), ConfigurationError> {
        let unknown = |key: &str, verb: Option<&str>| ConfigurationError::Unknown {
            path: self.path.to_owned(),
            key: key.to_owned(),
            verb: verb.map(str::to_owned),
        };
        for (key, value) in &self.table {
            let Value::Table(table) = value else {
                if !has_somewhere(command, key, &|_| true) {
                    return Err(unknown(key, None));
                }
                continue;
            };
            if has_somewhere(command, key, &|_| true) {
                // `bucket` is a verb too; an option is more.
                return Err(ConfigurationError::Kind {
                    path: self.path.to_owned(),
                    key: key.clone(),
                    expected: "a string or a number",
                });
            }
            let verb = command.find_subcommand(key).filter(|_| !WITHOUT_FILE.contains(&key.as_str()));
            for own in table.keys() {
                let is_known = match verb {
                    Some(verb) => has_somewhere(verb, own, &|_| true),
                    None if key == PUBLISH => argument(command, own).is_some(),
                    None => return Err(unknown(key, None)),
                };
                if !is_known {
                    return Err(unknown(own, Some(key)));
                }
            }
        }
        Ok(())
    }

    /// What is said of a verb: in its own table, and where that says nothing, of all verbs.
    fn of_verb<'a>(&'a self, verb: &str) -> impl Iterator<Item = (&'a String, &'a Value)> {
        let own = self.table.get(verb).and_then(Value::as_table);
        let of_all = self
            .table
            .iter()
            .filter(move |(key, value)| !value.is_table() && own.is_none_or(|own| !own.contains_key(key.as_str())));
        of_all.chain(own.into_iter().flatten())
    }

    /// A key as words of a command line.
    fn add(
        &self,
        key: &str,
        value: &Value,
        argument: &Arg,
        words: &mut Vec<OsString>,
    ) -> Result<(), ConfigurationError> {
        let kind = |expected| ConfigurationError::Kind { path: self.path.to_owned(), key: key.to_owned(), expected };
        if is_flag(argument) {
            match (value.as_bool(), argument.get_action()) {
                (Some(true), _) => {
                    words.push(format!("--{key}").into());
                    return Ok(());
                }
                (Some(false), _) => return Ok(()),
                (None, ArgAction::SetTrue) => return Err(kind("true or false")),
                // One that takes a value too.
                (None, _) => {}
            }
        }
        let (values, may_be_many) = match value {
            Value::Array(values) => (values.as_slice(), true),
            value => (std::slice::from_ref(value), false),
        };
        if may_be_many && !matches!(argument.get_action(), ArgAction::Append) {
            return Err(kind("one value"));
        }
        for value in values {
            let text = match value {
                Value::String(text) => text.clone(),
                Value::Integer(number) => number.to_string(),
                Value::Float(number) => number.to_string(),
                _ => return Err(kind("a string or a number")),
            };
            if argument.is_positional() {
                // A path that looks like an option is still a path.
                words.push(if text.starts_with('-') { format!("./{text}") } else { text }.into());
            } else {
                words.push(format!("--{key}={text}").into());
            }
        }
        Ok(())
    }
}

fn has_somewhere(command: &Command, key: &str, is_meant: &dyn Fn(&Arg) -> bool) -> bool {
    argument(command, key).is_some_and(is_meant)
        || command.get_subcommands().any(|inner| has_somewhere(inner, key, is_meant))
}
