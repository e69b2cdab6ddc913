//! Bucket check: uploads a probe, reads it back the way publishing and viewers would, then deletes it.

use super::finding::{CheckFinding, Step, Verdict};
use super::remedy::{Permission, Remedies, Remedy};
use super::web::{Answer, Web};
use super::{BucketError, BucketScope, settings};
use crate::destination::{Destination, Identifier, ImageAddress};
use crate::http::{HttpError, VIEWER_ORIGIN};
use crate::store::{ConditionalPut, Key, KeyError, Object, Prefix, S3Store, Store, StoreError, StoreErrorKind};
use bytes::Bytes;
use futures::TryStreamExt;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

/// Media type of a version 3 `info.json`. Publishing sends two media types, and this is the more complex one.
const CONTENT_TYPE: &str = "application/ld+json;profile=\"http://iiif.io/api/image/3/context.json\"";

/// Kept short in case the probe gets left behind.
const CACHE_CONTROL: &str = "public, max-age=60";

/// Custom metadata for the probe, since publishing sends some with every object.
const MARK: &str = "probe";

/// Maximum time to spend deleting the probe after the check has been stopped.
const CLEANUP_TIMEOUT: Duration = Duration::from_secs(5);

/// Bucket check options.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Check {
    /// Destination to check.
    pub destination: Destination,
    /// Options needed to access the bucket, such as `--endpoint-url …` or `--profile …`. They're added to suggested
    /// commands.
    pub command_options: String,
}

impl Check {
    /// Checks `destination`, with no extra options in suggested commands.
    #[must_use]
    pub fn new(destination: Destination) -> Self {
        Self { destination, command_options: String::new() }
    }
}

/// Result of a bucket check.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Report<T> {
    /// Findings, in the order the steps ran.
    pub findings: Vec<CheckFinding>,
    /// Output of the `stop` future, if it ended the check early.
    pub stopped: Option<T>,
}

impl<T> Report<T> {
    /// Returns `true` if images can be published and viewed.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.stopped.is_none() && self.findings.iter().all(|finding| finding.verdict != Verdict::Failed)
    }
}

/// Runs every check on a bucket, or stops early when `stop` completes.
///
/// The probe is always deleted, even if a step fails or the check is stopped.
///
/// # Errors
/// Returns an error if the credentials, bucket name, region or endpoint are wrong.
pub async fn check<T>(store: &S3Store, check: &Check, stop: impl Future<Output = T>) -> Result<Report<T>, BucketError> {
    let scope = BucketScope::new(store.bucket(), check.destination.prefix(), &store.aws_region());
    let remedies = Remedies { scope: &scope, options: &check.command_options, is_aws: store.is_aws() };
    let web = Web::new().map_err(|error| BucketError::Client(error.into()))?;
    let probe = Probe::new(check)?;
    let mut checker =
        Checker { store, web, probe: &probe, remedies, findings: Vec::new(), put_outcome: PutOutcome::Unknown };
    let stopped = tokio::select! {
        done = checker.run() => done.map(|()| None)?,
        stopped = stop => Some(stopped),
    };
    // If the check was stopped, we don't know if the upload went through, so try to delete the probe. Skip that if the
    // upload was refused: a role without write access probably can't delete either, and we'd report the same problem
    // twice.
    if checker.put_outcome != PutOutcome::Refused {
        checker.delete().await;
    }
    Ok(Report { findings: checker.findings, stopped })
}

/// A small object that looks like an `info.json` and has a unique name.
struct Probe {
    image: ImageAddress,
    key: Key,
    url: String,
    body: Bytes,
}

impl Probe {
    fn new(check: &Check) -> Result<Self, KeyError> {
        let number = RandomState::new().build_hasher().finish();
        let identifier: Identifier = format!("iiif-publish-check-{number:016x}").parse()?;
        let image = check.destination.image(None, &identifier)?;
        let body = format!(
            "{{\"note\": \"A probe of `iiif-publish bucket check`. It may be deleted.\", \"number\": {number}}}\n"
        );
        Ok(Self { key: image.folder().info_key(), url: image.info_url(), image, body: body.into() })
    }

    fn object(&self) -> Object {
        Object {
            key: self.key.clone(),
            body: self.body.clone().into(),
            content_encoding: None,
            content_type: CONTENT_TYPE,
            cache_control: CACHE_CONTROL.into(),
            mark: Some(MARK.into()),
        }
    }
}

/// Result of uploading the probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PutOutcome {
    Stored,
    Refused,
    Unknown,
}

struct Checker<'a> {
    store: &'a S3Store,
    web: Web,
    probe: &'a Probe,
    remedies: Remedies<'a>,
    findings: Vec<CheckFinding>,
    put_outcome: PutOutcome,
}

impl Checker<'_> {
    async fn run(&mut self) -> Result<(), StoreError> {
        let region = self.region().await;
        self.findings.push(region);
        // Check the settings before uploading so we report a bucket that keeps every version even if the upload is
        // refused. The other checks need the probe, so they're skipped if it couldn't be uploaded.
        let settings = settings::findings(self.store, &self.remedies).await;
        self.findings.extend(settings);
        self.put().await?;
        if self.put_outcome == PutOutcome::Stored {
            let findings = [self.put_again().await, self.get().await, self.list().await];
            self.findings.extend(findings);
            self.read_as_viewer().await;
        }
        Ok(())
    }

    async fn region(&self) -> CheckFinding {
        let used = self.store.aws_region();
        match self.store.bucket_region().await.filter(|region| !region.is_empty()) {
            Some(region) if region == used => CheckFinding::ok(Step::Region, region),
            Some(region) => {
                let advice = format!("pass `--aws-region {region}`");
                CheckFinding::lacking(Step::Region, format!("{region}, not {used}"), Remedy::words(advice))
            }
            None => CheckFinding::ok(Step::Region, format!("using {used}; the store does not report its region")),
        }
    }

    async fn put(&mut self) -> Result<(), StoreError> {
        let finding = match self.store.put(self.probe.object()).await {
            Ok(receipt) => {
                self.put_outcome = PutOutcome::Stored;
                CheckFinding::ok(Step::Put, receipt.key.to_string())
            }
            Err(error) if error.kind() == StoreErrorKind::Denied => {
                self.put_outcome = PutOutcome::Refused;
                CheckFinding::lacking(Step::Put, chain(&error), self.remedies.permission(Permission::Put))
            }
            Err(error) if error.is_environment() => return Err(error),
            Err(error) => {
                CheckFinding::lacking(Step::Put, chain(&error), Remedy::words("read the error message of the store"))
            }
        };
        self.findings.push(finding);
        Ok(())
    }

    async fn put_again(&self) -> CheckFinding {
        match self.store.put_if_absent(&self.probe.object()).await {
            Ok(ConditionalPut::Refused) => {
                CheckFinding::ok(Step::ConditionalPut, "`If-None-Match: *` keeps existing objects (412)")
            }
            Ok(ConditionalPut::Replaced) => CheckFinding::note(
                Step::ConditionalPut,
                "the store ignores `If-None-Match: *`; publishing works without it",
            ),
            Err(error) => {
                CheckFinding::note(Step::ConditionalPut, format!("{}; publishing works without it", chain(&error)))
            }
        }
    }

    async fn get(&self) -> CheckFinding {
        match self.store.read(&self.probe.key).await {
            Ok(body) if body == self.probe.body => CheckFinding::ok(Step::Get, self.probe.key.to_string()),
            Ok(_) => CheckFinding::note(Step::Get, format!("`{}` differs from the uploaded object", self.probe.key)),
            Err(error) => self.optional(Step::Get, Permission::Get, &error),
        }
    }

    async fn list(&self) -> CheckFinding {
        let below = Prefix::from(self.probe.image.folder().clone());
        let prefix = below.with_slash();
        let listed: Result<Vec<_>, _> = self.store.pages(&below).try_concat().await;
        match listed {
            Ok(listed) if listed.iter().any(|object| object.key == self.probe.key) => {
                CheckFinding::ok(Step::List, prefix)
            }
            Ok(_) => CheckFinding::note(Step::List, format!("`{prefix}` does not list the uploaded object")),
            Err(error) => self.optional(Step::List, Permission::List, &error),
        }
    }

    fn optional(&self, step: Step, permission: Permission, error: &StoreError) -> CheckFinding {
        let remedy = match error.kind() {
            StoreErrorKind::Denied => self.remedies.permission(permission),
            _ => Remedy::words("read the error message of the store"),
        };
        CheckFinding::lacking(step, chain(error), remedy)
    }

    /// Reads the probe like a viewer would.
    async fn read_as_viewer(&mut self) {
        let url = &self.probe.url;
        let answer = match self.web.get(url).await {
            Ok(answer) => answer,
            Err(reason) => {
                let remedy = Remedy::words("check `--public-url` and the network: viewers must be able to reach it");
                self.findings.push(CheckFinding::lacking(Step::AnonymousRead, format!("{url}: {reason}"), remedy));
                return;
            }
        };
        let is_refused = matches!(answer.status, 401 | 403);
        let block = if is_refused { self.store.public_access_block().await.ok() } else { None };
        let remedy = self.remedies.public_read(block);
        self.findings.extend(evaluate_read(&answer, self.probe, remedy, self.remedies.cors()));
        let asked = self.web.preflight(url).await;
        self.findings.push(preflight(asked));
    }

    async fn delete(&mut self) {
        let key = &self.probe.key;
        let deleted = tokio::time::timeout(CLEANUP_TIMEOUT, self.store.delete(vec![key.clone()])).await;
        let finding = match deleted {
            Ok(Ok(())) => CheckFinding::ok(Step::Delete, key.to_string()),
            Ok(Err(error)) if error.kind() == StoreErrorKind::Denied => {
                CheckFinding::lacking(Step::Delete, chain(&error), self.remedies.left_behind(key))
            }
            Ok(Err(error)) => CheckFinding::lacking(Step::Delete, chain(&error), Remedy::words(left_behind(key))),
            Err(_) => {
                CheckFinding::lacking(Step::Delete, "the store does not respond", Remedy::words(left_behind(key)))
            }
        };
        // If the probe was never stored, it doesn't matter that we can't delete it.
        if self.put_outcome == PutOutcome::Stored {
            self.findings.push(finding);
        }
    }
}

fn left_behind(key: &Key) -> String {
    format!("`{key}` was left behind: delete it manually")
}

/// Evaluates the response to an anonymous read.
fn evaluate_read(answer: &Answer, probe: &Probe, public_read: Remedy, cors: Remedy) -> Vec<CheckFinding> {
    let url = &probe.url;
    let status = answer.to_string();
    let other = |detail: String, advice: &str| {
        CheckFinding::lacking(Step::AnonymousRead, format!("{url}: {detail}"), Remedy::words(advice))
    };
    let read = match answer.status {
        200 if answer.body == probe.body => {
            return vec![
                CheckFinding::ok(Step::AnonymousRead, url.clone()),
                media_type(answer.content_type.as_deref()),
                cache_control(answer.cache_control.as_deref()),
                cors_header(answer, cors),
            ];
        }
        200 => other(
            "differs from the uploaded object".to_owned(),
            "the public URL does not lead to the prefix: check `--public-url` and `--prefix`",
        ),
        401 | 403 => CheckFinding::lacking(Step::AnonymousRead, format!("{url}: {status}"), public_read),
        404 | 410 => other(status, "the public URL does not lead to the prefix: check `--public-url` and `--prefix`"),
        _ => other(status, "check the logs of the host"),
    };
    let unknown = "unknown until objects can be read";
    vec![
        read,
        if answer.allows_any_page() { cors_header(answer, cors) } else { CheckFinding::note(Step::Cors, unknown) },
    ]
}

fn media_type(served: Option<&str>) -> CheckFinding {
    let essence = served.unwrap_or_default().split(';').next().unwrap_or_default().trim();
    match served {
        Some(CONTENT_TYPE) => CheckFinding::ok(Step::MediaType, CONTENT_TYPE),
        Some(served) if matches!(essence, "application/ld+json" | "application/json") => {
            CheckFinding::ok(Step::MediaType, format!("{served} (uploaded as {CONTENT_TYPE})"))
        }
        served => {
            let detail = format!("{} instead of {CONTENT_TYPE}", served.unwrap_or("none"));
            let advice = "configure the host to send the `Content-Type` of the stored object";
            CheckFinding::lacking(Step::MediaType, detail, Remedy::words(advice))
        }
    }
}

fn cache_control(served: Option<&str>) -> CheckFinding {
    match served {
        Some(CACHE_CONTROL) => CheckFinding::ok(Step::CacheControl, CACHE_CONTROL),
        Some(served) => CheckFinding::note(Step::CacheControl, format!("{served} instead of {CACHE_CONTROL}")),
        None => CheckFinding::note(
            Step::CacheControl,
            format!(
                "none instead of {CACHE_CONTROL}; without it, viewers may show outdated images or reload too often"
            ),
        ),
    }
}

fn cors_header(answer: &Answer, remedy: Remedy) -> CheckFinding {
    match &answer.allow_origin {
        Some(origin) if answer.allows_any_page() => CheckFinding::ok(
            Step::Cors,
            format!("`Access-Control-Allow-Origin: {origin}` for a page on {VIEWER_ORIGIN}"),
        ),
        Some(origin) => CheckFinding::lacking(Step::Cors, format!("only pages on {origin} can read images"), remedy),
        None => CheckFinding::lacking(
            Step::Cors,
            "other websites cannot load these images: no `Access-Control-Allow-Origin`",
            remedy,
        ),
    }
}

/// Evaluates the preflight response. Most viewers don't send custom headers, so they don't trigger a preflight request.
fn preflight(asked: Result<Answer, HttpError>) -> CheckFinding {
    const NOT_NEEDED: &str = "most viewers do not need it";
    match asked {
        Ok(answer) if answer.status < 300 && answer.allows_any_page() => CheckFinding::ok(
            Step::Preflight,
            format!("OPTIONS allows {}", answer.allow_methods.as_deref().unwrap_or("GET")),
        ),
        Ok(answer) => CheckFinding::note(Step::Preflight, format!("OPTIONS: {answer}; {NOT_NEEDED}")),
        Err(reason) => CheckFinding::note(Step::Preflight, format!("OPTIONS: {reason}; {NOT_NEEDED}")),
    }
}

/// Returns the error message followed by its cause.
fn chain(error: &StoreError) -> String {
    let cause = std::error::Error::source(error).map(|cause| format!(": {cause}"));
    format!("{error}{}", cause.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::destination::Versions;

    fn probe() -> Probe {
        let check = Check {
            destination: Destination::new(
                "maps".parse().expect("a prefix"),
                "https://cdn.example.org/maps".parse().expect("a URL"),
                Versions::V3,
            ),
            command_options: String::new(),
        };
        Probe::new(&check).expect("short enough")
    }

    fn good(probe: &Probe) -> Answer {
        Answer {
            status: 200,
            content_type: Some(CONTENT_TYPE.to_owned()),
            cache_control: Some(CACHE_CONTROL.to_owned()),
            allow_origin: Some("*".to_owned()),
            allow_methods: None,
            body: probe.body.clone(),
        }
    }

    fn verdicts(answer: &Answer, probe: &Probe) -> Vec<(Step, Verdict)> {
        let findings = evaluate_read(answer, probe, Remedy::words("read"), Remedy::words("cors"));
        findings.iter().map(|finding| (finding.step, finding.verdict)).collect()
    }

    #[test]
    fn a_response_that_viewers_can_use_passes() {
        let probe = probe();
        assert!(probe.key.as_str().starts_with("maps/iiif-publish-check-"));
        assert!(probe.url.starts_with("https://cdn.example.org/maps/iiif-publish-check-"));
        for origin in ["*", VIEWER_ORIGIN] {
            let answer = Answer { allow_origin: Some(origin.to_owned()), ..good(&probe) };
            assert!(verdicts(&answer, &probe).iter().all(|(_, verdict)| *verdict == Verdict::Ok));
        }
        let plain = Answer { content_type: Some("application/json; charset=utf-8".to_owned()), ..good(&probe) };
        assert!(verdicts(&plain, &probe).contains(&(Step::MediaType, Verdict::Ok)));
    }

    #[test]
    fn a_response_that_viewers_cannot_use_fails() {
        let probe = probe();
        let no_cors = Answer { allow_origin: None, ..good(&probe) };
        assert!(verdicts(&no_cors, &probe).contains(&(Step::Cors, Verdict::Failed)));
        let one_site = Answer { allow_origin: Some("https://museum.example".to_owned()), ..good(&probe) };
        assert!(verdicts(&one_site, &probe).contains(&(Step::Cors, Verdict::Failed)));
        let text = Answer { content_type: Some("text/plain".to_owned()), ..good(&probe) };
        assert!(verdicts(&text, &probe).contains(&(Step::MediaType, Verdict::Failed)));
        let uncached = Answer { cache_control: None, ..good(&probe) };
        assert!(verdicts(&uncached, &probe).contains(&(Step::CacheControl, Verdict::Note)));
    }

    #[test]
    fn another_page_under_the_url_fails() {
        let probe = probe();
        let answer = Answer { body: "<html>".into(), ..good(&probe) };
        assert_eq!(verdicts(&answer, &probe)[0], (Step::AnonymousRead, Verdict::Failed));
        for status in [301, 403, 404, 500] {
            let answer = Answer { status, allow_origin: None, ..good(&probe) };
            let verdicts = verdicts(&answer, &probe);
            assert_eq!(verdicts, [(Step::AnonymousRead, Verdict::Failed), (Step::Cors, Verdict::Note)], "{status}");
        }
    }

    #[test]
    fn a_response_shows_the_error_code_if_it_has_one() {
        let shown = |body: &'static str| Answer { status: 403, body: body.into(), ..Answer::default() }.to_string();
        assert_eq!(shown("<Error><Code>AccessDenied</Code></Error>"), "403 AccessDenied");
        assert_eq!(shown("<Code>\u{1b}[31m</Code>"), "403");
        assert_eq!(shown("no"), "403");
    }
}
