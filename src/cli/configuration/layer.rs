//! Options from one source: a configuration file or the environment.

use super::similar::most_similar;
use super::trust::{self, Origin};
use super::{ConfigurationError, WITHOUT_FILE, argument, environment, has_somewhere, is_decided, is_flag, is_option};
use clap::{Arg, ArgAction, ArgMatches, Command};
use std::collections::HashSet;
use std::ffi::OsString;
use std::path::Path;
use toml::{Table, Value};

/// Options that confirm deletions and changes. Only the command line can set them.
const CONSENT: [&str; 2] = ["all", "yes"];

/// Name of the table for options that begin with `site-`, and of the option that the table turns on.
pub(super) const SITE: &str = "site";

/// Minimum similarity of a key that is suggested for an unknown one, from 0 to 1.
const MIN_SIMILARITY: f64 = 0.8;

/// Source of options beside the command line.
#[derive(Clone, Copy, Debug)]
pub(super) enum Source<'a> {
    File(&'a Path),
    Environment,
}

impl Source<'_> {
    /// Returns the option's name in messages.
    pub(super) fn name(self, key: &str) -> String {
        match self {
            Self::File(path) => format!("`{}`: `{key}`", path.display()),
            Self::Environment => format!("`{}`", environment::name(key)),
        }
    }

    /// Returns the names of the file or the variables that words come from.
    pub(super) fn names(self, words: &[OsString]) -> Vec<String> {
        let key = |word: &OsString| Some(word.to_str()?.strip_prefix("--")?.split('=').next()?.to_owned());
        match self {
            _ if words.is_empty() => Vec::new(),
            Self::File(path) => vec![format!("`{}`", path.display())],
            Self::Environment => words.iter().filter_map(key).map(|key| self.name(&key)).collect(),
        }
    }
}

/// Options from a configuration file or the environment.
pub(super) struct Layer<'a> {
    pub(super) source: Source<'a>,
    pub(super) table: Table,
}

impl<'a> Layer<'a> {
    /// Reads a configuration file and checks its keys.
    pub(super) fn read(path: &'a Path, origin: Origin, command: &Command) -> Result<Self, ConfigurationError> {
        let text = trust::read(path, origin)?;
        let table: Table = text.parse().map_err(|error| ConfigurationError::syntax(path, &text, &error))?;
        let mut file = Self { source: Source::File(path), table };
        let mut errors = file.flatten_site(command);
        errors.extend(file.errors(command));
        file.combined(errors)?;
        Ok(file)
    }

    /// Returns the error for all of these errors, if there are any.
    fn combined(&self, errors: Vec<ConfigurationError>) -> Result<(), ConfigurationError> {
        let origin = match self.source {
            Source::File(path) => format!("`{}`", path.display()),
            Source::Environment => "the environment".to_owned(),
        };
        ConfigurationError::combined(origin, errors)
    }

    /// Replaces the `[site]` table with its options, prefixed with `site-`, such as `site-name` for `name`. Also turns
    /// on `site`. Returns an error for each unknown key.
    fn flatten_site(&mut self, command: &Command) -> Vec<ConfigurationError> {
        let Some(Value::Table(site)) = self.table.get(SITE).cloned() else { return Vec::new() };
        self.table.insert(SITE.to_owned(), Value::Boolean(true));
        let mut errors = Vec::new();
        for (key, value) in site {
            let option = format!("{SITE}-{key}");
            if has_somewhere(command, &option, &|_| true) {
                self.table.insert(option, value);
            } else {
                errors.push(self.unknown(command, &key, Some(SITE)));
            }
        }
        errors
    }

    /// Returns an error for each key that isn't an option of some command, and for each key in a table that isn't an
    /// option of that command.
    fn errors(&self, command: &Command) -> Vec<ConfigurationError> {
        let mut errors = Vec::new();
        for (key, value) in &self.table {
            match value {
                Value::Table(table) => errors.extend(self.table_errors(command, key, table)),
                _ if has_somewhere(command, key, &|_| true) => {}
                _ => errors.push(self.unknown(command, key, None)),
            }
        }
        errors
    }

    fn table_errors(&self, command: &Command, name: &str, table: &Table) -> Vec<ConfigurationError> {
        // A TOML file can't contain both a table `[bucket]` for the command and an option `bucket` for all commands.
        // The option takes precedence because most files need it, and the command has few options of its own.
        if has_somewhere(command, name, &|_| true) {
            return vec![self.wrong_kind(name, "a string or a number")];
        }
        let Some(verb) = command.find_subcommand(name).filter(|_| !WITHOUT_FILE.contains(&name)) else {
            return vec![self.unknown(command, name, None)];
        };
        let unknown = table.keys().filter(|key| !has_somewhere(verb, key, &|_| true));
        unknown.map(|key| self.unknown(verb, key, Some(name))).collect()
    }

    /// Returns the error for a key that isn't an option of a command, with a similar one.
    fn unknown(&self, command: &Command, key: &str, verb: Option<&str>) -> ConfigurationError {
        let Source::File(path) = self.source else { unreachable!("only names of options are looked up") };
        let of_site = |name: String| name.strip_prefix("site-").map(str::to_owned);
        let is_site = verb == Some(SITE);
        let names = keys(command).into_iter();
        let names: Vec<String> = if is_site { names.filter_map(of_site).collect() } else { names.collect() };
        let similar = most_similar(names, key, MIN_SIMILARITY);
        let (path, key, verb) = (path.to_owned(), key.to_owned(), verb.map(str::to_owned));
        ConfigurationError::Unknown { path, key, verb, similar }
    }

    fn wrong_kind(&self, key: &str, expected: &'static str) -> ConfigurationError {
        ConfigurationError::Kind { name: self.source.name(key), expected }
    }

    /// Returns a command's options as words, except options that the command line already decides, plus warnings about
    /// ignored keys.
    pub(super) fn words(
        &self,
        verb: &str,
        command: &Command,
        matches: &ArgMatches,
        disabled: &HashSet<String>,
    ) -> Result<(Vec<OsString>, Vec<String>), ConfigurationError> {
        let (mut words, mut warnings, mut errors) = (Vec::new(), Vec::new(), Vec::new());
        // `--site=false` disables the whole table.
        let is_of_disabled_site = |key: &str| disabled.contains(SITE) && key.starts_with("site-");
        for (key, value) in self.options_for(verb).filter(|(key, _)| !is_of_disabled_site(key)) {
            let Some(argument) = argument(command, key) else { continue };
            if CONSENT.contains(&key.as_str()) {
                let name = match self.source {
                    Source::File(path) => format!("`{key}` in `{}`", path.display()),
                    Source::Environment => self.source.name(key),
                };
                warnings.push(format!("ignoring {name}: pass `--{key}` on the command line"));
            } else if !disabled.contains(key) && !is_decided(command, matches, argument) {
                errors.extend(self.add(key, value, argument, &mut words).err());
            }
        }
        self.combined(errors)?;
        Ok((words, warnings))
    }

    /// Returns a command's options: top-level options that its table doesn't override, followed by its table's options.
    fn options_for(&self, verb: &str) -> impl Iterator<Item = (&String, &Value)> {
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

/// Returns the keys of a command and its subcommands, and the names of their tables.
fn keys(command: &Command) -> Vec<String> {
    let own = command.get_arguments().filter(|argument| is_option(argument));
    let own = own.map(|argument| argument.get_long().unwrap_or(argument.get_id().as_str()).to_owned());
    let inner = command.get_subcommands().flat_map(|inner| {
        let name = Some(inner.get_name().to_owned()).filter(|name| !WITHOUT_FILE.contains(&name.as_str()));
        name.into_iter().chain(keys(inner))
    });
    own.chain(inner).collect()
}
