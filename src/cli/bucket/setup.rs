//! The `iiif-publish bucket setup` command.

use super::{BucketArguments, indented};
use crate::cli::arguments::ConsentArguments;
use crate::cli::context::Context;
use crate::cli::error::Fatal;
use crate::cli::escape;
use crate::cli::exit::Exit;
use crate::cli::output::{eprint_line, print};
use clap::Args;
use iiif_publish::bucket::{CorsChange, Part, PolicyChange, Setup};
use iiif_publish::store::CorsRule;
use std::fmt::Write;

#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("parts").required(true).multiple(true).args(["cors", "public_read"]))]
pub(super) struct Arguments {
    #[command(flatten)]
    target: BucketArguments,
    /// Add a CORS rule that allows all websites
    #[arg(long)]
    cors: bool,
    /// Add a policy that lets everyone read the prefix
    #[arg(long)]
    public_read: bool,
    #[command(flatten)]
    consent: ConsentArguments,
}

pub(super) async fn run(arguments: &Arguments, context: &Context) -> Result<Exit, Fatal> {
    arguments.consent.check_can_prompt()?;
    let target = &arguments.target;
    let store = context.connect(target.settings()).await?;
    let setup = Setup::plan(&store, &target.prefix, &parts(arguments), &target.s3.command_options()).await?;
    let exit = print(&difference(&setup, &target.bucket)).worse(blocked(&setup));
    if arguments.consent.dry_run || !setup.does_something() {
        return Ok(exit);
    }
    if !arguments.consent.confirm(&format!("apply these changes to `{}`?", target.bucket)) {
        eprint_line("nothing was changed");
        return Ok(exit);
    }
    setup.apply(&store).await?;
    Ok(print(&format!("changed `{}`\n", target.bucket)).worse(exit))
}

fn parts(arguments: &Arguments) -> Vec<Part> {
    let parts = [(arguments.cors, Part::Cors), (arguments.public_read, Part::PublicRead)];
    parts.into_iter().filter_map(|(is_asked, part)| is_asked.then_some(part)).collect()
}

/// Prints an error if Block Public Access overrides the policy. This program never changes that setting.
fn blocked(setup: &Setup) -> Exit {
    let Some(command) = &setup.unblock else { return Exit::Done };
    let verb = if matches!(setup.policy, Some(PolicyChange::None)) { "overrides" } else { "would override" };
    eprint_line(&format!(
        "error: the bucket's Block Public Access setting {verb} the public-read policy; neither was changed"
    ));
    eprint_line(&format!("hint: if the bucket may be public, run `{command}`, then run this command again"));
    Exit::Failed
}

/// Formats the changes, one line per rule or statement, with new policy statements in full.
fn difference(setup: &Setup, bucket: &str) -> String {
    let cors = setup.cors.as_ref().map(|change| cors_difference(change, bucket)).unwrap_or_default();
    let policy = setup.policy.as_ref().map(|change| policy_difference(change, bucket, setup)).unwrap_or_default();
    cors + &policy
}

fn cors_difference(change: &CorsChange, bucket: &str) -> String {
    let CorsChange::Add { added, kept, replaced } = change else {
        return format!("CORS rules of `{bucket}`: all websites can load the images; nothing to do\n");
    };
    let mut text = format!("CORS rules of `{bucket}`:\n");
    let rules = kept.iter().map(|rule| ("  keep  ", rule)).chain(replaced.iter().map(|rule| ("- remove", rule)));
    for (sign, rule) in rules.chain([("+ add   ", added)]) {
        writeln!(text, "{sign}  {}", cors_line(rule)).expect("writing to a string does not fail");
    }
    text
}

fn cors_line(rule: &CorsRule) -> String {
    let headers = rule.allowed_headers.iter().flatten().map(String::as_str).collect::<Vec<_>>();
    let headers = if headers.is_empty() { String::new() } else { format!(", headers {}", headers.join(" ")) };
    let name = rule.id.as_ref().map(|id| format!("`{id}`: ")).unwrap_or_default();
    let text = format!("{name}{} from {}{headers}", rule.allowed_methods.join(" "), rule.allowed_origins.join(" "));
    escape::line(&text).into_owned()
}

fn policy_difference(change: &PolicyChange, bucket: &str, setup: &Setup) -> String {
    let PolicyChange::Add { added, kept, denying, replaced, .. } = change else {
        return format!("policy of `{bucket}`: everyone can read `{}`; nothing to do\n", setup.objects_arn);
    };
    let mut text = format!("policy of `{bucket}`:\n");
    for name in kept {
        let note =
            if denying.contains(name) { " (denies access, which overrides statements that allow it)" } else { "" };
        writeln!(text, "  keep    {}{note}", escape::line(name)).expect("writing to a string does not fail");
    }
    let add = if setup.unblock.is_none() { "+ add" } else { "+ would add" };
    let statements = replaced.iter().map(|old| ("- remove", old)).chain([(add, added)]);
    for (sign, statement) in statements {
        write!(text, "{sign}\n{}", indented(&statement.to_string())).expect("writing to a string does not fail");
    }
    text
}
