//! Options from the environment: `--public-url` is `IIIF_PUBLISH_PUBLIC_URL`.

use super::{ConfigurationError, is_flag, is_option};
use clap::{Arg, ArgAction, Command};
use toml::{Table, Value};

/// Variable with the path of the configuration file.
pub(super) const CONFIG: &str = "IIIF_PUBLISH_CONFIG";

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
