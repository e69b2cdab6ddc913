//! `bucket check` and `bucket setup`.

use crate::support::faults::{Fault, FaultServer, Refusal, Scope};
use crate::support::host::{Host, Page};
use crate::support::http::Http;
use crate::support::program::{Run, program};
use crate::support::s3::{MISSING_BUCKET, Server, servers_and_aws_like};
use crate::support::some::some;
use aws_sdk_s3::types::CorsRule;
use hyper::Method;
use serde_json::{Value, json};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// A bucket of the fault server, which accepts any name.
const BUCKET: &str = "art-tiles";

/// The MD5 of `hello`.
const HELLO_ETAG: &str = "\"5d41402abc4b2a76b9719d911017c592\"";

fn bucket_verb(verb: &str, endpoint: &str, bucket: &str, arguments: &[&str]) -> Command {
    let mut command = program();
    command.args(["bucket", verb, "--bucket", bucket, "--endpoint-url", endpoint]).args(arguments);
    command.stdin(Stdio::null());
    command
}

fn check(endpoint: &str, bucket: &str, arguments: &[&str]) -> Run {
    bucket_verb("check", endpoint, bucket, arguments).output().expect("the program was built").into()
}

fn setup(endpoint: &str, bucket: &str, arguments: &[&str]) -> Run {
    bucket_verb("setup", endpoint, bucket, arguments).output().expect("the program was built").into()
}

/// Starts a fault server with anonymous access and CORS.
fn open_server() -> FaultServer {
    let server = FaultServer::start();
    server.fail(Fault::AllowAnyPage, Scope::always());
    server
}

/// Returns the first output line with this prefix.
fn line<'a>(run: &'a Run, start: &str) -> &'a str {
    run.stdout.lines().find(|line| line.starts_with(start)).unwrap_or_else(|| panic!("no `{start}`: {}", run.stdout))
}

fn has_no_failures(run: &Run) -> bool {
    !run.stdout.lines().any(|line| line.starts_with("FAIL"))
}

/// Runs a check on every server, including one that has all settings of AWS.
fn for_each_kind(test: &str, check: impl Fn(&Server, &str)) {
    for server in servers_and_aws_like() {
        eprintln!("{test} on {}", server.name);
        check(&server, &server.bucket(test));
    }
}

/// Asserts the results of a check of a new bucket.
fn assert_new(server: &Server, bucket: &str) {
    let run = check(&server.endpoint, bucket, &["--prefix=maps"]);
    assert_eq!(run.code, Some(1), "{}: {}{}", server.name, run.stdout, run.stderr);
    for step in ["ok   put: maps/iiif-publish-check-", "ok   get: maps/", "ok   list: maps/", "ok   delete: maps/"] {
        line(&run, step);
    }
    line(&run, if server.can().conditions { "ok   conditional put" } else { "note conditional put" });
    if server.can().check_readers {
        let read = line(&run, "FAIL anonymous read: ");
        assert!(read.contains(&format!("{}/{bucket}/maps/iiif-publish-check-", server.endpoint)), "{read}");
        assert!(read.ends_with("403 AccessDenied"), "{read}");
        assert!(run.stdout.contains(&format!("\"arn:aws:s3:::{bucket}/maps/*\"")), "{}", run.stdout);
    } else {
        line(&run, "FAIL CORS: ");
        assert!(run.stdout.contains("\"AllowedOrigins\""), "{}", run.stdout);
    }
    assert!(server.objects(bucket).is_empty(), "the probe is gone from {}", server.name);
}

#[test]
fn setup_fixes_the_findings_of_a_new_bucket() {
    for_each_kind("doctor", |server, bucket| {
        assert_new(server, bucket);
        server.unblock(bucket);
        let arguments = ["--prefix=maps", "--cors", "--public-read", "--yes"];
        let done = setup(&server.endpoint, bucket, &arguments);
        if !server.can().policies {
            assert_eq!((done.code, done.stdout.as_str()), (Some(1), ""), "{}: {}", server.name, done.stderr);
            assert!(done.stderr.contains("CORS rules") && done.stderr.contains("NotImplemented"), "{}", done.stderr);
            assert_new(server, bucket);
            return;
        }
        assert_eq!(done.code, Some(0), "{}: {}", server.name, done.stderr);
        let after = check(&server.endpoint, bucket, &["--prefix=maps"]);
        assert_eq!(after.code, Some(0), "{}: {}{}", server.name, after.stdout, after.stderr);
        for step in ["ok   anonymous read", "ok   content type", "ok   cache control", "ok   CORS", "ok   preflight"] {
            line(&after, step);
        }
        let other = check(&server.endpoint, bucket, &["--prefix=plans"]).code;
        assert_eq!(other, Some(i32::from(server.can().check_readers)), "{}: another prefix stays closed", server.name);
        let again = setup(&server.endpoint, bucket, &arguments);
        assert_eq!((again.code, again.stdout.matches("nothing to do").count()), (Some(0), 2), "{}", again.stdout);
        assert!(server.objects(bucket).is_empty(), "{}", server.name);
    });
}

fn partner_rule() -> CorsRule {
    CorsRule::builder()
        .id("partner")
        .allowed_origins("https://example.org")
        .allowed_methods("GET")
        .allowed_methods("PUT")
        .allowed_headers("x-partner")
        .expose_headers("ETag")
        .max_age_seconds(7)
        .build()
        .expect("a rule")
}

fn partner_policy(bucket: &str) -> Value {
    json!({"Version": "2012-10-17", "Statement": [{
        "Sid": "Partner", "Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::123456789012:root"},
        "Action": "s3:GetObject", "Resource": format!("arn:aws:s3:::{bucket}/private/*"),
    }]})
}

/// Runs a check on every server with bucket policies and CORS rules, at least on the one in this process.
fn for_each_with_policies(test: &str, check: impl Fn(&Server, &str)) {
    for_each_kind(test, |server, bucket| {
        if server.can().policies {
            check(server, bucket);
        }
    });
}

fn with_partner(server: &Server, bucket: &str) {
    server.unblock(bucket);
    server.put_cors_rule(bucket, partner_rule());
    server.put_policy(bucket, &partner_policy(bucket));
}

#[test]
fn setup_keeps_existing_settings_and_adds_each_prefix_once() {
    for_each_with_policies("setup", |server, bucket| {
        with_partner(server, bucket);
        let (rules, policy) = (server.cors_rules(bucket), server.policy(bucket));
        for (prefix, statements) in [("--prefix=maps", 2), ("--prefix=plans", 3), ("--prefix=maps", 3)] {
            let run = setup(&server.endpoint, bucket, &[prefix, "--cors", "--public-read", "--yes"]);
            assert_eq!(run.code, Some(0), "{}: {}", server.name, run.stderr);
            let (rules_now, policy_now) = (server.cors_rules(bucket), server.policy(bucket));
            assert_eq!(rules_now.len(), 2, "{}", server.name);
            assert_eq!(rules_now[..1], rules, "{}", server.name);
            assert_eq!(policy_now["Statement"].as_array().map(Vec::len), Some(statements), "{}", server.name);
            assert_eq!(policy_now["Statement"][0], policy["Statement"][0], "{}", server.name);
            assert_eq!(policy_now["Version"], policy["Version"]);
        }
        let own = &server.policy(bucket)["Statement"][1];
        assert_eq!(own["Resource"], format!("arn:aws:s3:::{bucket}/maps/*"));
        assert!(own["Sid"].as_str().is_some_and(|sid| sid.starts_with("IiifPublishPublicRead")), "{own}");
    });
}

#[test]
fn a_dry_run_of_setup_shows_the_difference_and_changes_nothing() {
    for_each_with_policies("dry", |server, bucket| {
        with_partner(server, bucket);
        let (rules, policy) = (server.cors_rules(bucket), server.policy(bucket));
        let run = setup(&server.endpoint, bucket, &["--prefix=maps", "--cors", "--public-read", "--dry-run"]);
        assert_eq!(run.code, Some(0), "{}: {}", server.name, run.stderr);
        for part in [
            "  keep    `partner`: GET PUT from https://example.org, headers x-partner\n",
            "+ add     `iiif-publish`: GET HEAD from *, headers *\n",
            "  keep    `Partner`\n",
            "\"Principal\": \"*\"",
        ] {
            assert!(run.stdout.contains(part), "{part}: {}", run.stdout);
        }
        assert_eq!((server.cors_rules(bucket), server.policy(bucket)), (rules, policy), "{}", server.name);
    });
}

#[test]
fn block_public_access_is_reported_and_not_changed() {
    for_each_with_policies("block", |server, bucket| {
        let run = setup(&server.endpoint, bucket, &["--cors", "--public-read", "--yes"]);
        let is_blocked = server.can().block_public_access;
        assert_eq!(run.code, Some(i32::from(is_blocked)), "{}: {}{}", server.name, run.stdout, run.stderr);
        let command = format!("aws s3api put-public-access-block --bucket {bucket}");
        assert_eq!(run.stderr.contains("Block Public Access"), is_blocked, "{}: {}", server.name, run.stderr);
        assert_eq!(run.stderr.contains(&command), is_blocked, "{}: {}", server.name, run.stderr);
        assert_eq!(server.policy(bucket) == Value::Null, is_blocked, "{}", server.name);
        assert_eq!(server.cors_rules(bucket).len(), 1, "{}: the CORS rule is added nevertheless", server.name);
    });
}

#[test]
fn every_server_has_the_capabilities_of_the_table() {
    for_each_kind("capabilities", |server, bucket| {
        let (can, name) = (server.can(), &server.name);
        server.put(bucket, "a", b"hello");
        let get =
            Http::connect(server.address()).and_then(|mut http| http.ask("GET", &format!("/{bucket}/a"), &[], b""));
        assert_eq!(get.expect("an answer").status, if can.check_readers { 403 } else { 200 }, "{name}: anonymous");
        assert_eq!(server.rejects_wrong_secrets(bucket), can.check_secrets, "{name}: secrets");
        assert_eq!(server.rejects_missing_buckets(), can.create_buckets, "{name}: buckets");
        assert_eq!(server.lists_etag(bucket, HELLO_ETAG), can.list_digests, "{name}: digests");
        assert_eq!(server.rejects_existing(bucket, "a"), can.conditions, "{name}: conditions");
        assert_eq!(server.blocks(bucket), can.block_public_access, "{name}: Block Public Access");
        server.unblock(bucket);
        assert_eq!(server.try_policy(bucket, &partner_policy(bucket)), can.policies, "{name}: policies");
        assert_eq!(server.try_cors_rule(bucket, partner_rule()), can.policies, "{name}: CORS rules");
        assert_eq!(server.try_website(bucket), can.websites, "{name}: websites");
    });
}

#[test]
fn a_wrong_bucket_or_wrong_credentials_exit_with_3() {
    for_each_kind("surroundings", |server, bucket| {
        for verb in [&["check"][..], &["setup", "--cors", "--yes"]] {
            let run: Run = bucket_verb(verb[0], &server.endpoint, MISSING_BUCKET, &verb[1..])
                .output()
                .expect("the program was built")
                .into();
            assert_eq!((run.code, run.stdout.as_str()), (Some(3), ""), "{}: {}", server.name, run.stderr);
            assert!(run.stderr.contains("NoSuchBucket"), "{}", run.stderr);
        }
        if server.can().check_secrets {
            let mut command = bucket_verb("check", &server.endpoint, bucket, &[]);
            let run: Run = command.env("AWS_SECRET_ACCESS_KEY", "not-the-secret").output().expect("built").into();
            assert_eq!(run.code, Some(3), "{}", run.stderr);
            assert!(run.stderr.contains("SignatureDoesNotMatch"), "{}", run.stderr);
            assert!(!(run.stderr + &run.stdout).contains("not-the-secret"), "secrets are never shown");
        }
    });
}

#[test]
fn a_denied_upload_fails_and_names_the_missing_permission() {
    let server = open_server();
    server.fail(Fault::Answer(Refusal::AccessDenied), Scope::always().of(&Method::PUT));
    let run = check(&server.endpoint(), BUCKET, &["--prefix=maps"]);
    assert_eq!(run.code, Some(1), "{}", run.stderr);
    assert!(line(&run, "FAIL put: ").contains("403 AccessDenied"), "{}", run.stdout);
    for part in ["\"Action\": \"s3:PutObject\"", "\"Resource\": \"arn:aws:s3:::art-tiles/maps/*\""] {
        assert!(run.stdout.contains(part), "{}", run.stdout);
    }
    assert!(some(server.requests()).all(|request| request.deletes.is_empty()), "there is nothing to delete");
}

#[test]
fn missing_optional_permissions_are_only_notes() {
    let server = open_server();
    server.fail(Fault::Answer(Refusal::AccessDenied), Scope::always().of(&Method::GET).of_signed());
    server.fail(Fault::Answer(Refusal::AccessDenied), Scope::always().of(&Method::POST));
    let run = check(&server.endpoint(), BUCKET, &[]);
    assert_eq!(run.code, Some(0), "{}{}", run.stdout, run.stderr);
    assert!(has_no_failures(&run), "{}", run.stdout);
    for (note, action) in [
        ("note get: ", "\"s3:GetObject\""),
        ("note list: ", "\"s3:ListBucket\""),
        ("note delete: ", "\"s3:DeleteObject\""),
    ] {
        line(&run, note);
        assert!(run.stdout.contains(action), "{action}: {}", run.stdout);
    }
    let left = server.keys(BUCKET).into_iter().next().expect("the probe");
    assert!(run.stdout.contains(&format!("`{left}` was left behind")), "{}", run.stdout);
}

#[test]
fn the_probe_has_the_same_attributes_as_published_objects() {
    let server = open_server();
    server.fail(Fault::Answer(Refusal::AccessDenied), Scope::always().of(&Method::POST));
    let attributes = ["--sse=AES256", "--storage-class=STANDARD_IA", "--tagging=project=maps", "--metadata=owner=lib"];
    let run = check(&server.endpoint(), BUCKET, &[&attributes[..], &["--acl=public-read"]].concat());
    assert_eq!(run.code, Some(0), "{}{}", run.stdout, run.stderr);
    assert!(run.stderr.contains("warning: the storage class STANDARD_IA"), "{}", run.stderr);
    let probe = server.keys(BUCKET).into_iter().next().expect("left behind");
    let probe = server.object(BUCKET, &probe).expect("there");
    for (header, value) in [
        ("x-amz-server-side-encryption", "AES256"),
        ("x-amz-storage-class", "STANDARD_IA"),
        ("x-amz-tagging", "project=maps"),
        ("x-amz-acl", "public-read"),
        ("x-amz-meta-owner", "lib"),
    ] {
        assert_eq!(probe.header(header), Some(value));
    }
    let run = check(&server.endpoint(), BUCKET, &["--sse-kms-key-id=key"]);
    assert_eq!(run.code, Some(2), "{}", run.stderr);
}

#[test]
fn a_policy_that_requires_encryption_is_satisfied() {
    let server = open_server();
    server.fail(Fault::RequireHeader("x-amz-server-side-encryption"), Scope::always().of(&Method::PUT));
    let without = check(&server.endpoint(), BUCKET, &[]);
    assert_eq!(without.code, Some(1), "{}", without.stderr);
    assert!(line(&without, "FAIL put: ").contains("403 AccessDenied"), "{}", without.stdout);
    let with = check(&server.endpoint(), BUCKET, &["--sse=AES256"]);
    assert_eq!(with.code, Some(0), "{}{}", with.stdout, with.stderr);
    line(&with, "ok   conditional put");
}

#[test]
fn settings_that_affect_publishing_later_are_noted() {
    let server = open_server();
    server.set("versioning", "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>");
    let expiring = |prefix: &str| {
        format!(
            "<LifecycleConfiguration><Rule><ID>old</ID><Status>Enabled</Status><Filter><Prefix>{prefix}</Prefix></Filter>\
             <NoncurrentVersionExpiration><NoncurrentDays>7</NoncurrentDays></NoncurrentVersionExpiration></Rule>\
             </LifecycleConfiguration>"
        )
    };
    server.set("lifecycle", &expiring("plans/"));
    server.set(
        "object-lock",
        "<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled><Rule><DefaultRetention>\
         <Mode>GOVERNANCE</Mode><Days>30</Days></DefaultRetention></Rule></ObjectLockConfiguration>",
    );
    let policy = json!({"Version": "2012-10-17", "Statement": [{
        "Sid": "WriteOnce", "Effect": "Deny", "Principal": "*", "Action": "s3:PutObject",
        "Resource": format!("arn:aws:s3:::{BUCKET}/*"), "Condition": {"Null": {"s3:if-none-match": "true"}},
    }]});
    server.set("policy", &policy.to_string());
    let run = check(&server.endpoint(), BUCKET, &["--prefix=maps"]);
    assert_eq!(run.code, Some(0), "{}{}", run.stdout, run.stderr);
    assert!(line(&run, "note versioning: ").contains("no lifecycle rule"), "{}", run.stdout);
    assert!(run.stdout.contains("\"NoncurrentDays\": 30"), "{}", run.stdout);
    assert!(line(&run, "note object lock: ").contains("30 days (GOVERNANCE)"), "{}", run.stdout);
    assert!(line(&run, "note bucket policy: ").contains("`WriteOnce`"), "{}", run.stdout);

    server.set("lifecycle", &expiring("maps/"));
    server.set("object-lock", "<ObjectLockConfiguration/>");
    server.set("policy", &partner_policy(BUCKET).to_string());
    let run = check(&server.endpoint(), BUCKET, &["--prefix=maps"]);
    for step in ["versioning", "object lock", "bucket policy"] {
        assert!(!run.stdout.contains(&format!("note {step}")), "{}", run.stdout);
    }
}

#[test]
fn a_store_that_ignores_conditions_is_noted() {
    let server = open_server();
    server.fail(Fault::IgnoreConditions, Scope::always());
    let run = check(&server.endpoint(), BUCKET, &[]);
    assert_eq!(run.code, Some(0), "{}{}", run.stdout, run.stderr);
    assert!(line(&run, "note conditional put: ").contains("ignores"), "{}", run.stdout);
    assert!(server.keys(BUCKET).is_empty());
}

#[test]
fn the_region_that_the_store_reports_is_used() {
    let server = open_server();
    server.fail(Fault::OnlyRegion("eu-west-1"), Scope::always().of_signed());
    let run = check(&server.endpoint(), BUCKET, &[]);
    assert_eq!(run.code, Some(0), "{}{}", run.stdout, run.stderr);
    assert!(run.stderr.contains("is in eu-west-1"), "{}", run.stderr);
    assert!(line(&run, "ok   region: ").contains("eu-west-1"), "{}", run.stdout);
}

#[test]
fn a_public_url_of_another_host_is_detected() {
    let (server, host) = (open_server(), Host::start());
    let elsewhere = check(&server.endpoint(), BUCKET, &["--public-url", &format!("{}/iiif", host.url())]);
    assert_eq!(elsewhere.code, Some(1));
    assert!(line(&elsewhere, "FAIL anonymous read: ").ends_with("404"), "{}", elsewhere.stdout);
    assert!(some(host.requests()).all(|path| path.starts_with("/iiif/iiif-publish-check-")), "{:?}", host.requests());

    // No program listens on port 1 of this machine.
    let closed = check(&server.endpoint(), BUCKET, &["--public-url=http://127.0.0.1:1"]);
    assert_eq!(closed.code, Some(1));
    assert!(line(&closed, "FAIL anonymous read: ").contains("Connection refused"), "{}", closed.stdout);
    assert!(server.keys(BUCKET).is_empty(), "the probes are gone");
}

#[test]
fn a_host_that_answers_every_path_is_not_mistaken_for_the_bucket() {
    let server = open_server();
    let host = Host::start();
    host.show_everywhere(Page::new("text/html", "<html>"));
    let run = check(&server.endpoint(), BUCKET, &["--public-url", host.url()]);
    assert_eq!(run.code, Some(1));
    assert!(line(&run, "FAIL anonymous read: ").ends_with("differs from the uploaded object"), "{}", run.stdout);
}

#[test]
fn the_json_report_is_a_single_document() {
    let server = FaultServer::start();
    let run = check(&server.endpoint(), BUCKET, &["--prefix=maps", "--json"]);
    assert_eq!(run.code, Some(1), "{}", run.stderr);
    let report: Value = serde_json::from_str(&run.stdout).expect("JSON");
    assert_eq!((&report["bucket"], &report["prefix"]), (&BUCKET.into(), &"maps".into()));
    assert_eq!(report["publicUrl"], format!("{}/{BUCKET}/maps", server.endpoint()));
    assert_eq!((&report["well"], &report["finished"]), (&false.into(), &true.into()));
    let findings = report["findings"].as_array().expect("an array");
    let failed: Vec<&Value> = findings.iter().filter(|finding| finding["verdict"] == "failed").collect();
    assert_eq!(failed.iter().map(|finding| &finding["check"]).collect::<Vec<_>>(), ["CORS"]);
    assert_eq!(failed[0]["remedy"]["document"]["CORSRules"][0]["AllowedMethods"], json!(["GET", "HEAD"]));
    assert!(failed[0]["remedy"]["command"].as_str().is_some_and(|c| c.contains("--endpoint-url")), "{report:#}");
}

#[cfg(unix)]
#[test]
fn an_interrupted_check_deletes_its_probe() {
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        let server = open_server();
        server.fail(Fault::NeverAnswer, Scope::always().of(&Method::GET).of_keys_with("iiif-publish-check"));
        let mut command = bucket_verb("check", &server.endpoint(), BUCKET, &[]);
        let mut child = command.stdout(Stdio::piped()).spawn().expect("built");
        let began = Instant::now();
        while !server.requests().iter().any(|request| request.faults.contains(&Fault::NeverAnswer)) {
            assert!(began.elapsed() < Duration::from_secs(30), "{:?}", server.requests());
            std::thread::sleep(Duration::from_millis(5));
        }
        assert!(!server.keys(BUCKET).is_empty());
        let kill = Command::new("kill").arg(format!("-{signal}")).arg(child.id().to_string()).status();
        assert!(kill.is_ok_and(|status| status.success()));
        assert_eq!(child.wait().expect("ended").code(), Some(code));
        assert!(server.keys(BUCKET).is_empty(), "the probe is gone");
    }
}

#[test]
fn invalid_usage_exits_with_2_and_changes_nothing() {
    let server = open_server();
    for arguments in [
        &["setup", "--yes"][..],
        &["setup", "--cors"],
        &["setup", "--cors", "--yes", "--dry-run"],
        &["setup", "--cors", "--yes", "--prefix=a/../b"],
        &["check", "--public-url=example.org"],
        &["check", "--cors"],
    ] {
        let mut command = bucket_verb(arguments[0], &server.endpoint(), BUCKET, &arguments[1..]);
        let run: Run = command.output().expect("the program was built").into();
        assert_eq!((run.code, run.stdout.as_str()), (Some(2), ""), "{arguments:?}: {}", run.stderr);
        assert!(run.stderr.starts_with("error: "), "{arguments:?}: {}", run.stderr);
    }
    assert_eq!(server.request_count(), 0);
}
