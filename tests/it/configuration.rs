//! `iiif-publish.toml`: every option is a key, the command line takes precedence, and mistakes are reported by name.

use crate::support::faults::FaultServer;
use crate::support::pictures::{file, png_file};
use crate::support::program::{Run, program};
use crate::support::skip::skip;
use crate::support::some::some;
use std::fs;
use std::path::Path;
use tempfile::TempDir;

fn run_in(folder: &Path, arguments: &[&str]) -> Run {
    program().current_dir(folder).args(arguments).output().expect("built").into()
}

fn configuration(folder: &Path, text: &str) {
    file(folder, "iiif-publish.toml", text.as_bytes());
}

#[test]
fn a_scheduled_ingest_needs_no_options() {
    let folder = TempDir::new().expect("a folder");
    let server = FaultServer::start();
    for name in ["masters", "others"] {
        fs::create_dir(folder.path().join(name)).expect("made");
    }
    png_file(folder.path(), "masters/a.png", 300, 200);
    png_file(folder.path(), "others/b.png", 300, 200);
    let text = format!(
        "bucket = \"tiles\"\nendpoint-url = \"{}\"\nprefix = \"iiif\"\nquality = 90\nformat = [\"webp\"]\n\n\
         [publish]\nprefix = \"single\"\n\n[ingest]\ninputs = [\"masters\"]\nlabel = \"Maps\"\npresentation = 3\n",
        server.endpoint()
    );
    configuration(folder.path(), &text);
    let run = run_in(folder.path(), &["ingest"]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let keys = server.keys("tiles");
    assert!(keys.contains("iiif/a/info.json") && keys.contains("iiif/a/full/max/0/default.webp"), "{keys:?}");
    let collection = server.object("tiles", "iiif/collection.json").expect("there").body;
    assert!(String::from_utf8_lossy(&collection).contains("Maps"));

    let run = run_in(folder.path(), &["ingest", "others", "--prefix", "other"]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let keys = server.keys("tiles");
    assert!(
        keys.contains("other/b/info.json") && !keys.contains("other/a/info.json"),
        "the command line takes precedence"
    );

    let run = run_in(folder.path(), &["masters/a.png"]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert!(server.keys("tiles").contains("single/a/info.json"), "in its own table");

    let run = run_in(folder.path(), &["--output=out", "--public-url=https://example.org", "masters/a.png"]);
    assert_eq!(run.code, Some(0), "a folder takes the place of the bucket: {}", run.stderr);
    assert!(folder.path().join("out/single/a/info.json").is_file());

    fs::rename(folder.path().join("iiif-publish.toml"), folder.path().join("nightly.toml")).expect("moved");
    let run = run_in(folder.path(), &["ingest"]);
    assert_eq!(run.code, Some(2), "the file is gone");
    let run = run_in(folder.path(), &["ingest", "--config", "nightly.toml"]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    for arguments in [["--config", "nightly.toml", "ingest"], ["--config=nightly.toml", "bucket", "check"]] {
        let run = run_in(folder.path(), &arguments);
        assert!(run.code != Some(2) && !run.stderr.contains("could not open"), "{}", run.stderr);
    }
    let run = run_in(folder.path(), &["--config", "nowhere.toml", "ingest"]);
    assert!(run.code == Some(2) && run.stderr.contains("nowhere.toml"), "{}", run.stderr);
}

#[test]
fn the_command_line_disables_a_flag_of_the_file() {
    let folder = TempDir::new().expect("a folder");
    png_file(folder.path(), "a.png", 300, 200);
    configuration(folder.path(), "output = \"out\"\n\n[ingest]\ninputs = [\"a.png\"]\ndry-run = true\n");
    let info = folder.path().join("out/a/info.json");
    assert!(run_in(folder.path(), &["ingest"]).code == Some(0) && !info.exists(), "a dry run");
    let run = run_in(folder.path(), &["ingest", "--dry-run=false"]);
    assert!(run.code == Some(0) && info.exists(), "{}", run.stderr);
    let run = run_in(folder.path(), &["ingest", "--label=false", "--report=false", "--nothing=false"]);
    assert_eq!(run.code, Some(2), "only flags: {}", run.stderr);
    let run = run_in(folder.path(), &["a.png", "--prune=false"]);
    assert_eq!(run.code, Some(2), "a flag of another verb: {}", run.stderr);
    fs::remove_dir_all(folder.path().join("out")).expect("removed");
    let run = run_in(folder.path(), &["ingest", "--dry-run=false", "--dry-run"]);
    assert!(run.code == Some(0) && !info.exists(), "the last occurrence wins: {}", run.stderr);
    let run = run_in(folder.path(), &["ingest", "--dry-run", "--dry-run=false"]);
    assert!(run.code == Some(0) && info.exists(), "the last occurrence wins: {}", run.stderr);
}

#[test]
fn mistakes_are_reported_before_any_work() {
    let folder = TempDir::new().expect("a folder");
    for (text, told) in [
        ("buket = \"tiles\"\n", "unknown option `buket`"),
        ("[ingest]\nkeys = true\n", "unknown option `keys` for `ingest`"),
        ("[ingets]\nlabel = \"x\"\n", "unknown option `ingets`"),
        ("[ingest]\nfinish = \"yes\"\n", "`finish` must be true or false"),
        ("bucket = [\"a\", \"b\"]\n", "`bucket` must be one value"),
        ("bucket = { name = \"a\" }\n", "`bucket` must be a string or a number"),
        ("bucket = true\n", "`bucket` must be a string or a number"),
        ("bucket = tiles\n", "is not valid TOML: line 1"),
        ("quality = 101\nbucket = \"tiles\"\n", "some of these options come from `iiif-publish.toml`"),
    ] {
        configuration(folder.path(), text);
        let run = run_in(folder.path(), &["ingest", "masters"]);
        assert!(run.code == Some(2) && run.stderr.contains(told), "{text}: {}", run.stderr);
    }
}

#[test]
fn init_writes_every_option_and_its_file_is_valid() {
    let folder = TempDir::new().expect("a folder");
    let run = run_in(folder.path(), &["init"]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let path = folder.path().join("iiif-publish.toml");
    let text = fs::read_to_string(&path).expect("written");
    assert!(some(text.lines()).all(|line| line.chars().count() <= 120), "readable lines");
    let help = run_in(folder.path(), &["ingest", "--help"]).stdout;
    let is_option = |line: &&str| line.starts_with("--") || line.starts_with("-v, --");
    let options = help.lines().map(str::trim_start).filter(is_option);
    let names = options.filter_map(|line| line.split("--").nth(1)?.split([' ', ',']).next());
    let names: Vec<&str> = names.filter(|name| !["help", "version", "config"].contains(name)).collect();
    assert!(names.len() > 40, "{names:?}");
    for name in names {
        // Site options are in a separate table.
        let key = name.strip_prefix("site-").unwrap_or(name);
        assert!(text.contains(&format!("\n# {key} = ")), "{name}");
    }
    // Every example is a key with a value of the right type.
    let is_key =
        |line: &&str| *line == "# [site]" || line.starts_with("# ") && line.contains(" = ") && !line.contains(" --- ");
    let used: String = text
        .lines()
        .map(|line| if is_key(&line) { &line[2..] } else { line })
        .fold(String::new(), |text, line| text + line + "\n");
    fs::write(&path, used).expect("written");
    let run = run_in(folder.path(), &["ingest"]);
    assert!(!run.stderr.contains("unknown option") && !run.stderr.contains("not valid TOML"), "{}", run.stderr);
    assert!(!run.stderr.contains("must be"), "{}", run.stderr);

    let again = run_in(folder.path(), &["init"]);
    assert!(again.code == Some(2) && again.stderr.contains("could not write"), "{}", again.stderr);
}

#[test]
fn a_file_that_was_found_is_named_and_cannot_confirm_deletions() {
    let folder = TempDir::new().expect("a folder");
    png_file(folder.path(), "a.png", 300, 200);
    configuration(folder.path(), "output = \"out\"\n\n[delete]\nid = [\"a\"]\nyes = true\n");
    let run = run_in(folder.path(), &["a.png"]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert!(run.stderr.contains("using `iiif-publish.toml`"), "{}", run.stderr);
    let run = run_in(folder.path(), &["a.png", "--quiet", "--public-url=https://example.org"]);
    assert!(run.code == Some(0) && run.stderr.is_empty(), "{}", run.stderr);
    for arguments in [&["delete"][..], &["delete", "--config", "iiif-publish.toml"]] {
        let run = run_in(folder.path(), arguments);
        assert_eq!(run.code, Some(2), "no prompt is possible: {}", run.stderr);
        assert!(run.stderr.contains("ignoring `yes` in `iiif-publish.toml`"), "{}", run.stderr);
        assert!(folder.path().join("out/a/info.json").is_file());
    }
    configuration(folder.path(), "output = \"out\"\nprefix = \"x\"\n\n[delete]\nall = true\n");
    let run = run_in(folder.path(), &["delete", "--yes"]);
    assert!(run.code == Some(2) && run.stderr.contains("ignoring `all`"), "{}", run.stderr);
}

#[cfg(unix)]
#[test]
fn a_file_that_others_may_have_written_is_refused_unless_it_is_passed() {
    use std::os::unix::fs::{PermissionsExt, chown};
    let folder = TempDir::new().expect("a folder");
    png_file(folder.path(), "a.png", 300, 200);
    configuration(folder.path(), "output = \"out\"\n");
    let path = folder.path().join("iiif-publish.toml");
    let is_refused = |told: &str| {
        let run = run_in(folder.path(), &["a.png"]);
        assert!(run.code == Some(2) && run.stderr.contains(told), "{}", run.stderr);
        assert!(!folder.path().join("out").exists(), "nothing is written");
    };
    for mode in [0o666, 0o664, 0o646] {
        fs::set_permissions(&path, PermissionsExt::from_mode(mode)).expect("permissions");
        is_refused("other users can write to it");
    }
    fs::set_permissions(&path, PermissionsExt::from_mode(0o644)).expect("permissions");
    // Only root can change the owner of files.
    if chown(&path, Some(12345), None).is_ok() {
        is_refused("belongs to another user (uid 12345)");
        chown(&path, Some(0), None).expect("taken back");
        fs::rename(&path, folder.path().join("mine.toml")).expect("moved");
        std::os::unix::fs::symlink("mine.toml", &path).expect("a link");
        std::os::unix::fs::lchown(&path, Some(12345), None).expect("given away");
        is_refused("belongs to another user (uid 12345)");
        let run = run_in(folder.path(), &["a.png", "--config=iiif-publish.toml"]);
        assert_eq!(run.code, Some(0), "it was passed: {}", run.stderr);
    } else {
        skip("files of other users", "only root can change the owner of a file");
    }
}

#[test]
fn an_endless_file_is_refused() {
    let folder = TempDir::new().expect("a folder");
    let run = run_in(folder.path(), &["ingest", "--config=/dev/zero"]);
    assert!(run.code == Some(2) && run.stderr.contains("is larger than"), "{}", run.stderr);
}
