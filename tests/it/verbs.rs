//! Commands and options beside publishing: `list`, `serve`, `bucket create`, `verify` of documents, `--embed`, `--slug`,
//! the environment.

use crate::support::faults::{Fault, FaultServer, Refusal, Scope};
use crate::support::host::Host;
use crate::support::pictures::{file, png_file};
use crate::support::program::{Run, program, run, run_well};
use crate::support::s3::in_process;
use hyper::Method;
use serde_json::Value;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};
use tempfile::TempDir;

fn run_in(folder: &Path, arguments: &[&str]) -> Run {
    program().current_dir(folder).args(arguments).output().expect("built").into()
}

/// A folder with the images `masters/a.png` and `masters/maps/b.png`.
fn masters() -> TempDir {
    let folder = TempDir::new().expect("a folder");
    fs::create_dir_all(folder.path().join("masters/maps")).expect("made");
    png_file(folder.path(), "masters/a.png", 300, 200);
    png_file(folder.path(), "masters/maps/b.png", 310, 210);
    folder
}

#[test]
fn published_images_are_listed_by_identifier_with_size_objects_state_and_url() {
    let (folder, server) = (masters(), FaultServer::start());
    let endpoint = format!("--endpoint-url={}", server.endpoint());
    let ingest = ["ingest", "masters", "--bucket=tiles", "--prefix=p", "--public-url=https://x.org/p", &endpoint];
    assert_eq!(run_in(folder.path(), &ingest).code, Some(0));
    server.store(
        "tiles",
        "p/vips/info.json",
        br#"{"@id": "https://y.org/vips", "protocol": "http://iiif.io/api/image"}"#,
    );
    server.store("tiles", "p/notes/info.json", b"{}");
    let list = ["list", "--bucket=tiles", "--prefix=p", &endpoint];
    let run = run_in(folder.path(), &list);
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), "3 images (1 foreign, 2 settling)\n"));
    let lines: Vec<Vec<&str>> = run.stdout.lines().map(|line| line.split("  ").collect()).collect();
    let [a, b, vips] = &lines[..] else { panic!("{}", run.stdout) };
    assert_eq!((a[0], a[1], a[4], a[5]), ("a", "300x200", "settling", "https://x.org/p/a/info.json"));
    assert_eq!((vips[0], vips[1], vips[2], vips[4]), ("vips", "-", "-", "foreign"));
    let objects = server.keys("tiles").iter().filter(|key| key.starts_with("p/maps/b/")).count();
    assert_eq!((b[0], b[2]), ("maps/b", objects.to_string().as_str()));
    let json = run_in(folder.path(), &[&list[..], &["--json"]].concat()).stdout;
    let first: Value = serde_json::from_str(json.lines().next().expect("a line")).expect("JSON");
    assert_eq!((&first["id"], &first["width"], &first["state"]), (&"a".into(), &300.into(), &"settling".into()));
    let nothing = run_in(folder.path(), &["list", "--output=nowhere"]);
    assert_eq!((nothing.code, nothing.stderr.as_str()), (Some(0), "0 images\n"));
}

/// Responses of `iiif-publish serve out`.
struct Served {
    /// Host and port.
    address: String,
    answers: Vec<String>,
    stderr: String,
}

impl Served {
    fn by(folder: &Path, paths: &[&str]) -> Self {
        let mut command = program();
        command.current_dir(folder).args(["serve", "out", "--port=0"]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("built");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("piped")).read_line(&mut line).expect("an address");
        let address = line.trim().trim_start_matches("http://").trim_end_matches('/').to_owned();
        let get = |path: &&str| {
            let mut stream = TcpStream::connect(&address).expect("it listens");
            write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").expect("sent");
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer).expect("answered");
            String::from_utf8_lossy(&answer).into_owned()
        };
        let answers = paths.iter().map(get).collect();
        child.kill().expect("running");
        let output = child.wait_with_output().expect("ended");
        Self { answers, stderr: String::from_utf8_lossy(&output.stderr).into_owned(), address }
    }
}

#[test]
fn the_site_of_a_folder_is_its_first_page() {
    let folder = masters();
    let ingest = [
        "ingest",
        "masters",
        "--output=out",
        "--public-url=https://example.org/iiif",
        "--site",
        "--site-name=Old maps",
    ];
    assert_eq!(run_in(folder.path(), &ingest).code, Some(0));
    let Served { answers, .. } = Served::by(folder.path(), &["/", "/index.html"]);
    assert!(answers[0].contains("Old maps") && answers[0] == answers[1], "{}", answers[0]);
}

#[test]
fn a_folder_of_images_is_served_with_a_page() {
    let folder = masters();
    let ingest = ["ingest", "masters", "--output=out", "--public-url=https://example.org/iiif"];
    assert_eq!(run_in(folder.path(), &ingest).code, Some(0));
    let paths = ["/", "/maps/b/info.json", "/manifests/maps/b.json"];
    let Served { address, answers, stderr } = Served::by(folder.path(), &paths);
    let [page, info, manifest] = &answers[..] else { panic!("{answers:?}") };
    assert!(page.contains(&format!("http://{address}/a/info.json")) && page.contains("maps/b"), "it shows both images");
    let (head, info) = info.split_once("\r\n\r\n").expect("a head");
    let info: Value = serde_json::from_str(info).unwrap_or_else(|error| panic!("{head}: {error}"));
    assert_eq!((&info["id"], &info["width"]), (&format!("http://{address}/maps/b").into(), &310.into()));
    assert!(manifest.contains(&format!("http://{address}/maps/b/full/max/0/default.jpg")), "{manifest}");
    assert!(!page.contains("example.org") && !manifest.contains("example.org"), "all addresses are the server's");
    assert!(stderr.contains("2 images published for https://example.org/iiif"), "{stderr}");

    let run = run_in(folder.path(), &["serve", "masters/a.png"]);
    assert!(run.code == Some(2) && run.stderr.contains("is not a folder"), "{}", run.stderr);
}

#[test]
fn a_bucket_is_created_once() {
    let endpoint = format!("--endpoint-url={}", in_process().endpoint);
    let create = ["bucket", "create", "--bucket=created-by-a-test", &endpoint];
    assert!(run_well(create).starts_with("created `created-by-a-test` in "));
    let taken = run(create);
    assert!(taken.code == Some(1) && taken.stderr.contains("choose another name"), "{}", taken.stderr);

    let server = FaultServer::start();
    server.fail(Fault::Answer(Refusal::BucketAlreadyOwnedByYou), Scope::always().of(&Method::PUT));
    let endpoint = format!("--endpoint-url={}", server.endpoint());
    let own = run_well(["bucket", "create", "--bucket=mine", &endpoint]);
    assert_eq!(own, "`mine` already exists and is yours\n");
}

#[test]
fn all_images_of_a_collection_and_of_a_prefix_are_verified() {
    let (folder, host) = (masters(), Host::start());
    let public_url = format!("--public-url={}", host.url());
    assert_eq!(run_in(folder.path(), &["ingest", "masters", "--output=out", &public_url]).code, Some(0));
    host.show(&folder.path().join("out"));
    let collection = format!("{}/collection.json", host.url());
    let verified = run(["verify", &collection]);
    assert_eq!(verified.code, Some(0), "{}{}", verified.stdout, verified.stderr);
    assert!(verified.stderr.contains("read 3 documents with 2 images"), "{}", verified.stderr);
    assert_eq!(verified.stderr.matches("no problems").count(), 2, "{}", verified.stderr);
    let manifest = format!("{}/manifests/maps/b.json", host.url());
    let verified = run(["verify", &manifest, "--sample=1"]);
    assert!(verified.stderr.contains("read 1 document with 1 image"), "{}", verified.stderr);

    host.remove("/manifests/a.json");
    let broken = run(["verify", &collection]);
    assert_eq!(broken.code, Some(1), "{}", broken.stderr);
    assert!(broken.stdout.contains("manifests/a.json: missing (404)"), "{}", broken.stdout);

    let server = FaultServer::start();
    let endpoint = format!("--endpoint-url={}", server.endpoint());
    assert_eq!(run_in(folder.path(), &["ingest", "masters", "--bucket=tiles", &endpoint, &public_url]).code, Some(0));
    let all = run(["verify", "--bucket=tiles", "--all", "--json", &endpoint, &public_url]);
    assert_eq!(all.code, Some(0), "{}", all.stderr);
    let report: Value = serde_json::from_str(&all.stdout).expect("JSON");
    assert_eq!(report["images"].as_array().map(Vec::len), Some(2), "{report}");
    assert_eq!(run(["verify", "--bucket=tiles", &endpoint]).code, Some(2), "`--id` or `--all`");
}

#[test]
fn the_embed_code_names_sizes_that_exist() {
    let folder = TempDir::new().expect("a folder");
    png_file(folder.path(), "a map.png", 2600, 1000);
    for (version, size) in [("3", "325,125"), ("2", "325,")] {
        let version = format!("--iiif-version={version}");
        let arguments = ["a map.png", "--embed", "--html", "--output=out", "--public-url=https://x.org", &version];
        let run = run_in(folder.path(), &arguments);
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        assert!(
            run.stdout.starts_with("https://x.org/a%20map/info.json\n\n<!-- a map: zoomable -->\n"),
            "{}",
            run.stdout
        );
        assert!(run.stdout.contains("tileSources: \"https://x.org/a%20map/info.json\""), "{}", run.stdout);
        assert!(
            run.stdout.contains(&format!("https://x.org/a%20map/full/{size}/0/default.jpg 325w")),
            "{}",
            run.stdout
        );
        assert!(run.stdout.contains("https://x.org/a%20map/full/max/0/default.jpg 2600w\""), "{}", run.stdout);
        let urls = run.stdout.split(['"', ' ']).filter_map(|word| word.strip_prefix("https://x.org/a%20map/full/"));
        let urls: Vec<&str> = urls.collect();
        assert!(urls.len() > 2, "{}", run.stdout);
        for path in urls {
            assert!(folder.path().join("out/a map/full").join(path).is_file(), "{path}");
        }
        let page = fs::read_to_string(folder.path().join("out/viewer.html")).expect("a page");
        assert!(page.contains("\"embed\":\"\\u003c!-- a map: zoomable --"), "the page has the code, too");
    }
}

#[test]
fn a_folder_is_named_as_the_place_of_its_images() {
    let folder = masters();
    let url = "--public-url=https://x.org/iiif";
    let run = |arguments: &[&str]| {
        let run = run_in(folder.path(), arguments);
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        run.stderr
    };
    let images = ["--output=out", "--prefix=maps", url, "masters/a.png", "masters/maps/b.png"];
    assert!(run(&images).contains("published 2 images to `out/maps` ("), "{}", run(&images));
    assert!(run(&images).contains("2 images unchanged in `out/maps` ("));
    assert!(run(&["ingest", "masters", "--output=all", url]).contains("published 2 images to `all` ("));
}

#[test]
fn a_preview_of_a_missing_file_ends_before_anything_is_served() {
    let folder = masters();
    for arguments in [&["preview", "nowhere.png"][..], &["preview", "masters", "nowhere.png"]] {
        let run = run_in(folder.path(), arguments);
        assert_eq!((run.code, run.stdout.as_str()), (Some(2), ""), "{}", run.stderr);
        assert!(run.stderr.contains("error: `nowhere.png` does not exist\n"), "{}", run.stderr);
    }
}

#[test]
fn identifiers_are_composed_and_ascii_on_request() {
    let folder = TempDir::new().expect("a folder");
    fs::create_dir(folder.path().join("masters")).expect("made");
    // As macOS may store it: `u` and a combining diaeresis.
    png_file(folder.path(), "masters/Mu\u{308}nchen 1.png", 40, 30);
    let publish = |arguments: &[&str]| {
        let all = [&["--output=out", "--public-url=https://x.org"], arguments].concat();
        run_in(folder.path(), &all)
    };
    assert_eq!(publish(&["masters/Mu\u{308}nchen 1.png"]).stdout, "https://x.org/M%C3%BCnchen%201/info.json\n");
    assert_eq!(publish(&["masters/Mu\u{308}nchen 1.png", "--slug"]).stdout, "https://x.org/munchen-1/info.json\n");
    let mut ingest = program();
    ingest.current_dir(folder.path()).args(["ingest", "masters", "--output=all", "--public-url=https://x.org"]);
    let composed: Run = ingest.output().expect("built").into();
    assert!(
        composed.code == Some(0) && folder.path().join("all/M\u{fc}nchen 1/info.json").is_file(),
        "{}",
        composed.stderr
    );
    let slug: Run = ingest.arg("--slug").output().expect("built").into();
    assert!(slug.code == Some(0) && folder.path().join("all/manifests/munchen-1.json").is_file(), "{}", slug.stderr);
    png_file(folder.path(), "masters/munchen-1.png", 40, 30);
    let twice: Run = ingest.output().expect("built").into();
    assert!(twice.code == Some(2) && twice.stderr.contains("munchen-1"), "{}", twice.stderr);
}

#[test]
fn options_come_from_the_environment_between_command_line_and_file() {
    let folder = TempDir::new().expect("a folder");
    png_file(folder.path(), "a.png", 40, 30);
    file(folder.path(), "iiif-publish.toml", b"bucket = \"tiles\"\nprefix = \"file\"\nquality = 101\n");
    let run = |variables: &[(&str, &str)], arguments: &[&str]| -> Run {
        let mut command = program();
        let variables = variables.iter().map(|(name, value)| (format!("IIIF_PUBLISH_{name}"), value));
        command.current_dir(folder.path()).envs(variables).args(arguments).output().expect("built").into()
    };
    let usual = [("OUTPUT", "out"), ("PUBLIC_URL", "https://x.org"), ("PREFIX", "variable"), ("QUALITY", "80")];
    let done = run(&usual, &["a.png"]);
    assert_eq!((done.code, done.stdout.as_str()), (Some(0), "https://x.org/a/info.json\n"), "{}", done.stderr);
    assert!(folder.path().join("out/variable/a/info.json").is_file(), "`output` takes the place of the file's bucket");
    let done = run(&usual, &["a.png", "--prefix=argument"]);
    assert!(done.code == Some(0) && folder.path().join("out/argument/a/info.json").is_file(), "{}", done.stderr);
    let wrong = run(&[("OUTPUT", "out"), ("QUALITY", "0")], &["a.png"]);
    assert!(wrong.code == Some(2) && wrong.stderr.contains("`IIIF_PUBLISH_QUALITY`"), "{}", wrong.stderr);
    let flag = run(&[("OVERWRITE", "perhaps")], &["a.png"]);
    assert!(flag.stderr.contains("`IIIF_PUBLISH_OVERWRITE` must be true or false"), "{}", flag.stderr);
    let consent = run(&[("OUTPUT", "out"), ("PREFIX", "argument"), ("ID", "a"), ("YES", "true")], &["delete"]);
    assert!(consent.code == Some(2) && consent.stderr.contains("ignoring `IIIF_PUBLISH_YES`"), "{}", consent.stderr);
    assert!(folder.path().join("out/argument/a/info.json").is_file());
    let misspelled =
        run(&[("OUTPUT", "out"), ("PUBLICURL", "https://x.org"), ("SERVICE_HOST", "10.0.0.1")], &["plan", "a.png"]);
    let hint = "`IIIF_PUBLISH_PUBLICURL` is not an option; did you mean `IIIF_PUBLISH_PUBLIC_URL`?";
    assert!(misspelled.stderr.contains(hint) && !misspelled.stderr.contains("SERVICE_HOST"), "{}", misspelled.stderr);
    let elsewhere = run(&[("CONFIG", "nowhere.toml")], &["a.png"]);
    assert!(elsewhere.code == Some(2) && elsewhere.stderr.contains("nowhere.toml"), "{}", elsewhere.stderr);
}

#[test]
fn mistakes_on_the_command_line_name_the_likely_command() {
    let folder = masters();
    let stderr = |arguments: &[&str]| {
        let run = run_in(folder.path(), arguments);
        assert_eq!(run.code, Some(2), "{arguments:?}: {}", run.stderr);
        run.stderr
    };
    assert!(stderr(&["pulbish", "a.png"]).contains("a similar subcommand exists: 'publish'"));
    for (word, command) in [("upload", "'publish'"), ("sync", "'ingest'"), ("ls", "'list'"), ("rm", "'delete'")] {
        let tip = format!("tip: a similar subcommand exists: {command}\n");
        assert!(stderr(&[word, "--output=out"]).contains(&tip), "{word}");
    }
    assert!(stderr(&["check"]).contains("'verify', 'bucket check'"));
    assert!(stderr(&["bucket", "rm"]).contains("unrecognized subcommand 'rm'\n\nUsage"), "only for the first word");
    for dry_run in [&["publish", "--output=out", "--dry-run", "a.png"][..], &["a.png", "--dry-run"]] {
        assert!(stderr(dry_run).contains("tip: to see what an image would store and cost, use 'iiif-publish plan"));
    }
    assert!(stderr(&["--output=out", "masters"]).contains("use `iiif-publish ingest`"));
    fs::create_dir(folder.path().join("empty")).expect("made");
    assert!(stderr(&["preview", "empty"]).contains("there are no images to show"));
    assert!(stderr(&["--output=out", "ingest"]).contains("`ingest` is a command, and commands come first"));
    file(folder.path(), "iiif-publish.toml", b"[ingest]\nlabl = \"x\"\n");
    assert!(stderr(&["ingest", "masters"]).contains("unknown option `labl` for `ingest`; did you mean `label`?"));
    file(folder.path(), "iiif-publish.toml", b"buket = \"x\"\n");
    assert!(stderr(&["ingest", "masters"]).contains("did you mean `bucket`?"));
    let several = b"buket = \"x\"\nquality = 80\n[ingest]\nlabl = \"x\"\n[site]\nnam = \"x\"\n[pulbish]\nid = \"x\"\n";
    file(folder.path(), "iiif-publish.toml", several);
    let wrong = stderr(&["ingest", "masters"]);
    let expected = [
        "error: `iiif-publish.toml` has 4 wrong options",
        "       unknown option `nam` for `site`; did you mean `name`?",
        "       unknown option `buket`; did you mean `bucket`?",
        "       unknown option `labl` for `ingest`; did you mean `label`?",
        "       unknown option `pulbish`; did you mean `publish`?",
    ];
    assert_eq!(wrong.lines().take(5).collect::<Vec<_>>(), expected, "{wrong}");
    file(folder.path(), "iiif-publish.toml", b"quality = true\nverbose = 3\n");
    let wrong = stderr(&["ingest", "masters", "--output=out"]);
    assert!(wrong.contains("`quality` must be") && wrong.contains("`verbose` must be true or false"), "{wrong}");
    fs::remove_file(folder.path().join("iiif-publish.toml")).expect("removed");
    let bare = run_in(folder.path(), &[]);
    assert!(bare.code == Some(2) && bare.stderr.lines().count() <= 24, "{}", bare.stderr);
    assert!(bare.stderr.contains("Examples:\n  iiif-publish preview photo.jpg"), "{}", bare.stderr);
}

#[test]
fn a_damaged_image_that_is_known_exits_with_5() {
    let folder = masters();
    let damaged = file(folder.path(), "masters/damaged.png", b"nothing");
    let ingest = |arguments: &[&str]| {
        let mut command: Command = program();
        command.current_dir(folder.path()).args(["ingest", "masters", "--output=out", "--public-url=https://x.org"]);
        let run: Run = command.args(arguments).output().expect("built").into();
        (run.code, run.stderr)
    };
    let report = ["--report=report.jsonl", "--metrics-file=metrics.prom"];
    assert_eq!(ingest(&report).0, Some(1), "it is new");
    let (code, stderr) = ingest(&report);
    assert_eq!(code, Some(5), "{stderr}");
    assert!(stderr.contains("1 image had failed in the last report"), "{stderr}");
    let metrics = fs::read_to_string(folder.path().join("metrics.prom")).expect("written");
    for line in ["exit_code 5", "collection_images 3", "collection_objects 3"] {
        assert!(metrics.contains(&format!("\niiif_publish_{line}\n")), "{line}: {metrics}");
    }
    assert!(metrics.contains("iiif_publish_last_success_timestamp_seconds "), "it counts as success");
    assert_eq!(ingest(&[]).0, Some(1), "without a report, nothing is known");
    file(folder.path(), "masters/other.png", b"nothing");
    assert_eq!(ingest(&report).0, Some(1), "another one");
    fs::write(&damaged, b"something else").expect("written");
    assert_eq!(ingest(&report).0, Some(1), "the file has changed");
}

#[test]
fn delete_names_the_paths_for_a_cdn() {
    let folder = masters();
    assert_eq!(run_in(folder.path(), &["ingest", "masters", "--output=out", "--prefix=p"]).code, Some(0));
    let run = run_in(folder.path(), &["delete", "--output=out", "--prefix=p", "--id=maps/b", "--yes"]);
    assert!(run.code == Some(0) && run.stderr.contains("invalidate `/p/maps/b/*`"), "{}", run.stderr);
}
