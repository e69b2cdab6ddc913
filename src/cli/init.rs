//! `iiif-publish init` writes a configuration file that documents every option.

use super::configuration::{FILE_NAME, is_option};
use super::context::Context;
use super::error::Fatal;
use super::exit::Exit;
use super::output::eprint_line;
use super::{Verb, program};
use clap::{Arg, ArgAction, Args, Command};
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use textwrap::{Options, WordSplitter};

/// Width of comment lines in the file, in columns.
const COLUMNS: usize = 100;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// File to create; an existing file is never replaced
    #[arg(value_name = "FILE", default_value = FILE_NAME)]
    file: PathBuf,
}

impl Verb for Arguments {
    const EXAMPLES: &'static str = "\
Examples:
  iiif-publish init
      Write iiif-publish.toml with every option commented out.";

    async fn run(self, _: &Context) -> Result<Exit, Fatal> {
        let mut program = program();
        program.build();
        write(&self.file, &text(&program))?;
        let file = self.file.display();
        eprint_line(&format!("wrote `{file}`; uncomment the lines you need, then run `iiif-publish ingest`"));
        Ok(Exit::Done)
    }
}

fn write(path: &Path, text: &str) -> Result<(), Fatal> {
    let written = create(path).and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|error| {
        let hint = match error.kind() {
            ErrorKind::AlreadyExists => "choose a different file name, or move the existing file",
            _ => "choose a file in a writable folder",
        };
        Fatal::new(Exit::Usage, format!("could not write `{}`: {error}", path.display()), hint)
    })
}

/// Creates the file. Only its owner can write to it, regardless of the umask, because files that others can write to
/// are refused.
#[cfg(unix)]
fn create(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    File::options().write(true).create_new(true).mode(0o644).open(path)
}

#[cfg(not(unix))]
fn create(path: &Path) -> io::Result<File> {
    File::create_new(path)
}

/// Returns the file's content: common options first, then publishing options, then `ingest` options.
fn text(command: &Command) -> String {
    let mut text = String::from(
        "# iiif-publish options. Every command-line option can be set here; the command line and variables\n\
         # (IIIF_PUBLISH_PUBLIC_URL for public-url) take precedence.\n\
         # Options above the first table apply to all commands. Options in a table apply to one command: [publish],\n\
         # [ingest], [plan], [delete] and so on. Paths are relative to the current folder. Do not put credentials here;\n\
         # they come from the environment, as for all AWS tools (AWS_ACCESS_KEY_ID, AWS_PROFILE, roles).\n",
    );
    let is_site = |argument: &&Arg| argument.get_long().is_some_and(|name| name.starts_with("site-"));
    let ingest = command.find_subcommand("ingest").expect("`ingest` is a subcommand");
    let publish = command.find_subcommand("publish").expect("`publish` is a subcommand");
    let is_common = |argument: &&Arg| publish.get_arguments().any(|other| other.get_id() == argument.get_id());
    let (common, own): (Vec<&Arg>, Vec<&Arg>) =
        ingest.get_arguments().filter(|argument| is_option(argument)).partition(is_common);
    let is_of_publish = |argument: &&Arg| {
        let is_of_ingest = ingest.get_arguments().any(|other| other.get_id() == argument.get_id());
        is_option(argument) && !argument.is_positional() && !is_of_ingest
    };
    let of_publish: Vec<&Arg> = publish.get_arguments().filter(is_of_publish).collect();
    add_all(&mut text, &common);
    text.push_str("\n[publish]\n");
    add_all(&mut text, &of_publish);
    text.push_str("\n[ingest]\n");
    let (of_site, own): (Vec<&Arg>, Vec<&Arg>) = own.into_iter().partition(is_site);
    add_all(&mut text, &own);
    text.push_str("\n# The website of the collection. This line turns it on.\n# [site]\n");
    for argument in of_site {
        add(&mut text, argument);
    }
    text
}

fn add_all(text: &mut String, arguments: &[&Arg]) {
    let mut heading = None;
    let (without, with): (Vec<&Arg>, Vec<&Arg>) = arguments.iter().partition(|it| it.get_help_heading().is_none());
    for argument in without.into_iter().chain(with) {
        let own = argument.get_help_heading();
        if own.is_some() && own != heading {
            write!(text, "\n# --- {} ---\n", own.unwrap_or_default()).expect("writing to a string does not fail");
        }
        heading = own;
        add(text, argument);
    }
}

/// Appends an option, commented out.
fn add(text: &mut String, argument: &Arg) {
    let name = argument.get_long().unwrap_or(argument.get_id().as_str());
    let help = argument.get_long_help().or(argument.get_help()).map(ToString::to_string).unwrap_or_default();
    let possible: Vec<String> =
        argument.get_possible_values().iter().map(|value| format!("`{}`", value.get_name())).collect();
    let is_flag = matches!(argument.get_action(), ArgAction::SetTrue);
    let possible = if possible.is_empty() || is_flag { String::new() } else { format!(" ({})", possible.join(", ")) };
    text.push('\n');
    for line in
        textwrap::wrap(&format!("{help}{possible}"), Options::new(COLUMNS).word_splitter(WordSplitter::NoHyphenation))
    {
        writeln!(text, "{}", format!("# {line}").trim_end()).expect("writing to a string does not fail");
    }
    // Site options have their own table.
    let name = name.strip_prefix("site-").unwrap_or(name);
    writeln!(text, "# {name} = {}", example(argument)).expect("writing to a string does not fail");
}

/// Returns an option's default value, or a placeholder.
fn example(argument: &Arg) -> String {
    if let ArgAction::SetTrue = argument.get_action() {
        return "false".to_owned();
    }
    let default = argument.get_default_values().first().and_then(|value| value.to_str());
    let named = argument.get_value_names().and_then(|names| names.first()).map_or("VALUE", |name| name.as_str());
    let value = match default {
        Some(default) if default.parse::<i64>().is_ok() => default.to_owned(),
        Some(default) => format!("\"{default}\""),
        None => format!("\"{named}\""),
    };
    if let ArgAction::Append = argument.get_action() { format!("[{value}]") } else { value }
}
