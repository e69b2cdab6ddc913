//! Reads `iiif-publish.toml` and the environment, for options that would otherwise be repeated on every command line.

mod environment;
mod layer;
mod similar;
mod trust;

use super::short_form;
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command};
use layer::{Layer, Source};
use std::collections::HashSet;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use trust::Origin;

/// Default configuration file, looked up in the current folder.
pub(super) const FILE_NAME: &str = "iiif-publish.toml";

/// Input arguments. If the command line sets any of these, the file's input arguments are ignored.
const INPUTS: [&str; 3] = ["inputs", "from_file", "table"];

/// Options for the table. If the command line specifies other input, the file's table options are ignored along with
/// its table.
const TABLE_OPTIONS: [&str; 5] = ["sheet", "column", "preset", "metadata_columns", "no_metadata_columns"];

const VARIABLE_HINT: &str = "change the variable, or unset it";

/// Commands that don't read the file.
const WITHOUT_FILE: [&str; 3] = ["init", "completions", "man"];

/// Error returned when a configuration file can't be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConfigurationError {
    #[error("could not read `{}`", .0.display())]
    Read(PathBuf, #[source] io::Error),
    #[error("`{}` is not valid TOML: line {line}: {message}", .path.display())]
    Syntax { path: PathBuf, line: usize, message: String },
    #[error("`{}`: unknown option `{key}`{}{}", .path.display(), for_verb(.verb.as_deref()), did_you_mean(.similar.as_deref()))]
    Unknown { path: PathBuf, key: String, verb: Option<String>, similar: Option<String> },
    #[error("{name} must be {expected}")]
    Kind { name: String, expected: &'static str },
    #[error("{origin} has {} wrong options", .errors.len())]
    Several { origin: String, errors: Vec<Self> },
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

    /// Combines the errors of one file or of the environment, which is named in the message if there are several.
    fn combined(origin: String, mut errors: Vec<Self>) -> Result<(), Self> {
        match errors.len() {
            0 => Ok(()),
            1 => Err(errors.remove(0)),
            _ => Err(Self::Several { origin, errors }),
        }
    }

    /// Returns a line for each of several errors.
    pub(super) fn details(&self) -> Vec<String> {
        let Self::Several { origin, errors } = self else { return Vec::new() };
        let line = |error: &Self| {
            let text = error.to_string();
            text.strip_prefix(&format!("{origin}: ")).map(str::to_owned).unwrap_or(text)
        };
        errors.iter().map(line).collect()
    }

    /// Returns a hint for fixing the error.
    pub(super) fn hint(&self) -> &'static str {
        match self {
            Self::Owner { .. } => {
                "pass it with `--config` if you trust it; otherwise run in a different folder, or delete the file"
            }
            Self::Several { errors, .. } if errors.iter().any(|error| error.hint() == VARIABLE_HINT) => VARIABLE_HINT,
            Self::Kind { name, .. } if name.starts_with(environment::QUOTED_PREFIX) => VARIABLE_HINT,
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

fn did_you_mean(similar: Option<&str>) -> String {
    similar.map(|similar| format!("; did you mean `{similar}`?")).unwrap_or_default()
}

/// Command line merged with the options from the environment and a configuration file.
pub(super) struct CommandLine {
    pub(super) words: Vec<OsString>,
    /// Configuration file and variables that supplied some of the words.
    pub(super) from: Vec<String>,
    /// Note about a file found in the current folder, unless the command line is quiet.
    pub(super) note: Option<String>,
    /// Warnings about options in the file that have no effect.
    pub(super) warnings: Vec<String>,
}

impl CommandLine {
    fn without_file(words: Vec<OsString>) -> Self {
        Self { words, from: Vec::new(), note: None, warnings: Vec::new() }
    }
}

impl CommandLine {
    /// Adds the options of a layer.
    fn add(
        &mut self,
        layer: &Layer<'_>,
        verb: &str,
        (command, matches): (&Command, &ArgMatches),
        disabled: &HashSet<String>,
    ) -> Result<(), ConfigurationError> {
        let (added, warnings) = layer.words(verb, command, matches, disabled)?;
        self.from.extend(layer.source.names(&added));
        self.warnings.extend(warnings);
        // Words after `--` aren't options.
        let end = self.words.iter().position(|word| word == "--").unwrap_or(self.words.len());
        self.words.splice(end..end, added);
        Ok(())
    }
}

/// Adds options from the environment and a configuration file, unless the command line sets or contradicts them. The
/// environment takes precedence over the file.
pub(super) fn complete(mut command: Command, mut words: Vec<OsString>) -> Result<CommandLine, ConfigurationError> {
    let file = file_to_read(&mut words);
    short_form::insert(&command, &mut words);
    let all_words = words.clone();
    let disabled = disabled_flags(&command, &mut words);
    // Options become words on the command line, which is then parsed again, so values, conflicts and defaults follow
    // the same rules. A lenient first pass finds the options that the command line doesn't set. It ignores errors
    // because options might supply missing arguments. The final parse reports mistakes and requests for help, which clap
    // also treats as errors.
    let lenient = command.clone().ignore_errors(true);
    command.build();
    let parse = |words: &[OsString]| lenient.clone().try_get_matches_from(words).ok();
    let Some(matches) = parse(&words) else { return Ok(CommandLine::without_file(words)) };
    let (subcommand, _) = innermost(&command, &matches);
    if disabled.iter().any(|key| argument(subcommand, key).is_none_or(|argument| !is_flag(argument))) {
        // The flag belongs to a different command, which clap reports.
        return Ok(CommandLine::without_file(all_words));
    }
    let verb = matches.subcommand_name().filter(|verb| !WITHOUT_FILE.contains(verb));
    let Some(verb) = verb else { return Ok(CommandLine::without_file(words)) };
    let environment = Layer { source: Source::Environment, table: environment::table(subcommand)? };
    let layer = file.as_ref().map(|(path, origin)| Layer::read(path, *origin, &command)).transpose()?;
    let mut line = CommandLine::without_file(words);
    line.warnings = environment::misspelled(&command);
    for layer in [Some(environment), layer].into_iter().flatten() {
        // Options that the environment has set count as set by the command line.
        let Some(matches) = parse(&line.words) else { break };
        line.add(&layer, verb, innermost(&command, &matches), &disabled)?;
    }
    let is_quiet = |matches: &ArgMatches| {
        innermost(&command, matches).1.try_get_one::<bool>("quiet").is_ok_and(|quiet| quiet == Some(&true))
    };
    let is_quiet = parse(&line.words).as_ref().is_some_and(is_quiet);
    let found = file.filter(|(_, origin)| *origin == Origin::Found && !is_quiet);
    line.note = found.map(|(path, _)| format!("using `{}`", path.display()));
    Ok(line)
}

/// Returns the configuration file to read, if any: the one that the command line or the environment names, or the one in
/// the current folder.
fn file_to_read(words: &mut Vec<OsString>) -> Option<(PathBuf, Origin)> {
    let mut named = named_file(words);
    if words.len() == 1 && named.is_some() {
        // The file has all that is needed.
        words.push(short_form::DEFAULT.into());
    }
    named = named.or_else(|| std::env::var_os(environment::CONFIG).filter(|path| !path.is_empty()).map(PathBuf::from));
    let found = || Path::new(FILE_NAME).is_file().then(|| (PathBuf::from(FILE_NAME), Origin::Found));
    named.map(|path| (path, Origin::Named)).or_else(found)
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
    let is_of_other_table = TABLE_OPTIONS.contains(&argument.get_id().as_str()) && {
        let mut inputs = command.get_arguments().filter(|other| INPUTS.contains(&other.get_id().as_str()));
        inputs.any(|other| is_set(other.get_id()) && other.get_id() != "table")
    };
    is_of_other_inputs
        || is_of_other_table
        || is_set(argument.get_id())
        || command.get_arguments().filter(|other| is_set(other.get_id())).any(|other| {
            contradicts(argument, other)
                || contradicts(other, argument)
                || share_group(argument, other)
                || are_inputs(argument, other)
        })
}

/// Returns `true` if a command or any of its subcommands has a matching argument for this key.
fn has_somewhere(command: &Command, key: &str, is_meant: &dyn Fn(&Arg) -> bool) -> bool {
    argument(command, key).is_some_and(is_meant)
        || command.get_subcommands().any(|inner| has_somewhere(inner, key, is_meant))
}
