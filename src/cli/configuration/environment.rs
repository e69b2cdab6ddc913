//! Options from the environment: `--public-url` is `IIIF_PUBLISH_PUBLIC_URL`.

use super::similar::most_similar;
use super::{ConfigurationError, is_flag, is_option};
use clap::{Arg, ArgAction, Command};
use std::collections::BTreeSet;
use std::ffi::OsString;
use toml::{Table, Value};

/// Variable with the path of the configuration file.
pub(super) const CONFIG: &str = "IIIF_PUBLISH_CONFIG";

/// Minimum similarity of an option that is suggested for an unknown variable, from 0 to 1. Clusters and scripts have
/// variables of their own with this prefix.
const MIN_SIMILARITY: f64 = 0.92;

/// Start of each variable's name, as quoted in errors.
pub(super) const QUOTED_PREFIX: &str = "`IIIF_PUBLISH_";

/// Returns the name of an option's variable.
pub(super) fn name(key: &str) -> String {
    format!("IIIF_PUBLISH_{}", key.to_uppercase().replace('-', "_"))
}

/// Returns the options of a command that the environment sets. An empty variable sets nothing.
pub(super) fn table(command: &Command) -> Result<Table, ConfigurationError> {
    let mut table = Table::new();
    for argument in command.get_arguments().filter(|argument| is_option(argument)) {
        let Some(key) = argument.get_long() else { continue };
        let Some(text) = std::env::var_os(name(key)).filter(|text| !text.is_empty()) else { continue };
        let wrong = |expected| ConfigurationError::Kind { name: format!("`{}`", name(key)), expected };
        let text = text.into_string().map_err(|_| wrong("valid UTF-8"))?;
        table.insert(key.to_owned(), value(argument, &text).ok_or_else(|| wrong("true or false"))?);
    }
    Ok(table)
}

/// Returns warnings for variables that don't set an option of any command, but look like misspelled ones. `root` has all
/// commands.
pub(super) fn misspelled(root: &Command) -> Vec<String> {
    let keys = all_keys(root);
    let unknown = |variable: OsString| {
        let variable = variable.into_string().ok()?;
        let key = variable.strip_prefix("IIIF_PUBLISH_")?.to_lowercase().replace('_', "-");
        let similar = most_similar(keys.iter().cloned(), &key, MIN_SIMILARITY)?;
        let is_known = similar == key || variable == CONFIG;
        let similar = name(&similar);
        (!is_known).then(|| format!("`{variable}` is not an option; did you mean `{similar}`?"))
    };
    let mut warnings: Vec<String> = std::env::vars_os().filter_map(|(variable, _)| unknown(variable)).collect();
    warnings.sort();
    warnings
}

/// Returns the options of a command and of the commands in it.
fn all_keys(command: &Command) -> BTreeSet<String> {
    let own = command.get_arguments().filter(|argument| is_option(argument)).filter_map(Arg::get_long);
    own.map(str::to_owned).chain(command.get_subcommands().flat_map(all_keys)).collect()
}

/// Parses a variable. An option that can be repeated has one value per line.
fn value(argument: &Arg, text: &str) -> Option<Value> {
    let flag = match text.to_lowercase().as_str() {
        "true" | "1" | "yes" => Some(true),
        "false" | "0" | "no" => Some(false),
        _ => None,
    };
    match argument.get_action() {
        ArgAction::SetTrue => flag.map(Value::Boolean),
        ArgAction::Append => Some(Value::Array(text.lines().map(|line| Value::String(line.to_owned())).collect())),
        _ if is_flag(argument) && flag.is_some() => flag.map(Value::Boolean),
        _ => Some(Value::String(text.to_owned())),
    }
}
