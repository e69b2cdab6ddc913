//! Names of files, buckets, endpoints and profiles, as people and systems write them.

use crate::support::faults::FaultServer;
use crate::support::pictures::{file, png_file};
use crate::support::program::{Run, program};
use std::fmt::Write;
use std::fs;
use std::path::Path;
use tempfile::TempDir;

const BUCKET: &str = "tiles";

fn ingest(server: &FaultServer, arguments: &[&str], inputs: &[&Path]) -> Run {
    let mut command = program();
    command.args(["ingest", "--bucket", BUCKET, "--endpoint-url", &server.endpoint()]);
    command.args(arguments).args(inputs).output().expect("built").into()
}

fn publish(arguments: &[&str], image: &Path, variables: &[(&str, &str)]) -> Run {
    program().args(arguments).arg(image).envs(variables.iter().copied()).output().expect("built").into()
}

#[cfg(unix)]
#[test]
fn files_with_invalid_names_are_skipped_and_reported_and_nothing_is_pruned() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let folder = TempDir::new().expect("a folder");
    let masters = folder.path().join("masters");
    fs::create_dir_all(&masters).expect("made");
    let picture = fs::read(png_file(&masters, "a.png", 60, 40)).expect("readable");
    png_file(&masters, "gone.png", 60, 40);
    let server = FaultServer::start();
    assert_eq!(ingest(&server, &[], &[&masters]).code, Some(0));
    fs::remove_file(masters.join("gone.png")).expect("removed");
    for name in [&b"back\\slash.png"[..], b"v0123456789ab.png", b"line\nfeed.png", b"caf\xe9.png", b"bell\x1b[31m.png"]
    {
        fs::write(masters.join(OsStr::from_bytes(name)), &picture).expect("written");
    }
    png_file(&masters, "b.png", 60, 40);
    let run = ingest(&server, &["--prune", "--max-delete=100%"], &[&masters]);
    assert_eq!(run.code, Some(1), "{}", run.stderr);
    for words in
        ["back\\slash.png", "v0123456789ab.png", "line\\nfeed.png", "caf\\xe9.png", "bell\\u{1b}[31m.png", "skipped"]
    {
        assert!(run.stderr.contains(words), "{words}: {}", run.stderr);
    }
    assert!(!run.stderr.contains('\u{1b}'), "no control sequences");
    assert!(run.stderr.contains("refusing to delete images"), "{}", run.stderr);
    let keys = server.keys(BUCKET);
    for id in ["a", "b", "gone"] {
        assert!(keys.contains(&format!("{id}/info.json")), "{id}");
    }
    assert!(keys.contains("manifests/b.json"));
    let table = file(&masters, "table.csv", b"source,id\nback\\slash.png,back-slash\n");
    let run = ingest(&server, &[&format!("--table={}", table.display())], &[]);
    assert_eq!(run.code, Some(0), "an identifier for it: {}", run.stderr);
}

#[cfg(not(feature = "heic"))]
#[test]
fn files_of_a_format_that_the_build_lacks_fail_if_they_are_asked_for() {
    let folder = TempDir::new().expect("a folder");
    png_file(folder.path(), "a.png", 60, 40);
    file(folder.path(), "IMG_1.HEIC", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic");
    let server = FaultServer::start();
    for types in ["--types=heic", "--types=all"] {
        let run = ingest(&server, &[types], &[folder.path()]);
        assert_eq!(run.code, Some(1), "{types}: {}", run.stderr);
        assert!(run.stderr.contains("HEIC") && run.stderr.contains("heif-dec"), "{types}: {}", run.stderr);
    }
}

#[test]
fn files_in_unsupported_formats_are_counted_when_a_folder_leaves_them_out() {
    let folder = TempDir::new().expect("a folder");
    png_file(folder.path(), "a.png", 60, 40);
    for name in ["IMG_1.HEIC", "IMG_2.heic", "plan.svg", "notes.txt", "a.xml"] {
        file(folder.path(), name, b"not read");
    }
    let server = FaultServer::start();
    let run = ingest(&server, &[], &[folder.path()]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let note = run.stderr.replace('\n', " ");
    assert!(note.contains("left out files in formats that are not supported: 2 `.heic`, 1 `.svg`;"), "{note}");
    for chosen in ["--include=*.png", "--exclude=*.{HEIC,heic,svg}"] {
        let run = ingest(&server, &[chosen], &[folder.path()]);
        assert!(run.code == Some(0) && !run.stderr.contains("not supported"), "{chosen}: {}", run.stderr);
    }
}

#[test]
fn files_of_newer_formats_are_published_on_request() {
    let folder = TempDir::new().expect("a folder");
    png_file(folder.path(), "a.png", 60, 40);
    let photoshop = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/psd/rgb-packbits.psb");
    fs::copy(photoshop, folder.path().join("b.PSB")).expect("copied");
    let server = FaultServer::start();
    let run = ingest(&server, &[], &[folder.path()]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let note = run.stderr.replace('\n', " ");
    assert!(note.contains("published on request: 1 `.psb`; add `--types psd`"), "{note}");
    assert!(!server.keys(BUCKET).contains("b/info.json"));
    for types in ["--types=psd", "--types=all"] {
        let run = ingest(&server, &[types], &[folder.path()]);
        assert!(run.code == Some(0) && !run.stderr.contains("on request"), "{types}: {}", run.stderr);
        assert!(server.keys(BUCKET).contains("b/info.json"), "{types}");
    }
    let run = ingest(&server, &["--types=doc"], &[folder.path()]);
    assert!(run.code == Some(2) && run.stderr.contains("expected `all` or one of"), "{}", run.stderr);
    file(folder.path(), "a.psd", b"8BPS");
    let run = ingest(&server, &["--types=psd"], &[folder.path()]);
    assert!(run.code != Some(0) && run.stderr.contains("a.psd"), "two sources of one identifier: {}", run.stderr);
}

#[test]
fn system_files_in_folders_are_skipped() {
    let folder = TempDir::new().expect("a folder");
    for name in
        ["a.png", "@eaDir/a.png/thumb.png", "$RECYCLE.BIN/b.png", "lost+found/c.png", "disk/Thumbs.db", "._a.png"]
    {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        png_file(
            path.parent().expect("a folder"),
            path.file_name().and_then(|name| name.to_str()).expect("a name"),
            60,
            40,
        );
    }
    let server = FaultServer::start();
    let run = ingest(&server, &[], &[folder.path()]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert_eq!(server.keys(BUCKET).iter().filter(|key| key.ends_with("info.json")).count(), 1);
    assert_eq!(run.stderr.matches("skipped system files and folders").count(), 1, "{}", run.stderr);
    assert!(run.stderr.contains("`@eaDir`") && run.stderr.contains("`Thumbs.db`"), "{}", run.stderr);
    // An unmounted disk leaves a folder that contains only system files.
    png_file(&folder.path().join("disk"), "d.png", 60, 40);
    assert_eq!(ingest(&server, &[], &[folder.path()]).code, Some(0));
    fs::remove_file(folder.path().join("disk/d.png")).expect("removed");
    let run = ingest(&server, &["--prune", "--max-delete=100%"], &[folder.path()]);
    assert_eq!(run.code, Some(1), "{}", run.stderr);
    assert!(server.keys(BUCKET).contains("disk/d/info.json"));
}

#[test]
fn a_name_is_found_in_another_unicode_normalization() {
    let folder = TempDir::new().expect("a folder");
    png_file(folder.path(), "Ka\u{308}se.png", 60, 40);
    let table = file(folder.path(), "table.csv", "source,id\nK\u{e4}se.png,kaese\n".as_bytes());
    let server = FaultServer::start();
    let run = ingest(&server, &[&format!("--table={}", table.display())], &[]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
}

#[test]
fn a_list_or_table_with_missing_files_prunes_nothing() {
    let folder = TempDir::new().expect("a folder");
    let mut rows = "source,id\n".to_owned();
    for number in 1..=4 {
        png_file(folder.path(), &format!("{number}.png"), 60, 40);
        writeln!(rows, "{number}.png,{number}").expect("a string");
    }
    let server = FaultServer::start();
    let table = format!("--table={}", file(folder.path(), "table.csv", rows.as_bytes()).display());
    assert_eq!(ingest(&server, &[&table], &[]).code, Some(0));
    // Truncated within the third row.
    let cut = rows.find("3.png,3").expect("there") + 4;
    file(folder.path(), "table.csv", format!("{},3", &rows[..cut]).as_bytes());
    let run = ingest(&server, &[&table, "--prune", "--max-delete=100%"], &[]);
    assert_eq!(run.code, Some(1), "{}", run.stderr);
    assert!(run.stderr.contains("refusing to delete images: 1 file"), "{}", run.stderr);
    let error = format!("error: line 4 of `{}` (`3`): could not open `", folder.path().join("table.csv").display());
    assert!(run.stderr.contains(&error), "{}", run.stderr);
    let dry = ingest(&server, &[&table, "--dry-run"], &[]);
    assert!(dry.stdout.contains("fail     3: line 4 of `"), "{}", dry.stdout);
    let list = format!("--from-file={}", file(folder.path(), "list.txt", b"\nnowhere.png\n").display());
    let listed = ingest(&server, &[&list], &[]);
    assert!(listed.stderr.contains("list.txt` (`nowhere`): could not open `nowhere.png`"), "{}", listed.stderr);
    assert!(listed.stderr.contains("error: line 2 of `"), "{}", listed.stderr);
    assert!(server.keys(BUCKET).contains("4/info.json"));
}

#[test]
fn folders_warn_about_names_that_other_systems_cannot_store() {
    let folder = TempDir::new().expect("a folder");
    png_file(folder.path(), "a.png", 60, 40);
    let table = file(folder.path(), "table.csv", b"source,id\na.png,Map\na.png,map\n");
    let output = folder.path().join("out");
    let mut command = program();
    command.arg("ingest").arg("--table").arg(table).arg("--output").arg(&output);
    let run: Run = command.args(["--public-url", "https://example.org"]).output().expect("built").into();
    if cfg!(any(windows, target_os = "macos")) {
        assert_eq!(run.code, Some(2), "{}", run.stderr);
        assert!(!output.exists(), "nothing is written");
    } else {
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        assert!(run.stderr.contains("warning: `map` is the same folder as `Map`"), "{}", run.stderr);
    }
}

#[test]
fn a_bucket_may_have_a_prefix_and_an_invalid_bucket_is_reported_before_any_request() {
    let folder = TempDir::new().expect("a folder");
    let image = png_file(folder.path(), "a.png", 60, 40);
    let server = FaultServer::start();
    let endpoint = server.endpoint();
    for address in ["tiles/maps", "s3://tiles/maps/", "arn:aws:s3:::tiles/maps"] {
        let run = publish(&["--bucket", address, "--endpoint-url", &endpoint], &image, &[]);
        assert_eq!((run.code, run.stdout), (Some(0), format!("{endpoint}/tiles/maps/a/info.json\n")), "{}", run.stderr);
    }
    server.forget_requests();
    for (address, word) in [
        ("https://tiles.example.org", "is a URL"),
        ("/srv/tiles", "--output"),
        ("my tiles", "not a valid bucket name"),
        ("arn:aws:sqs:eu-west-1:1:queue", "another service"),
    ] {
        let run = publish(&["--bucket", address, "--endpoint-url", &endpoint], &image, &[]);
        assert_eq!(run.code, Some(2), "{}", run.stderr);
        assert!(run.stderr.contains(word), "{word}: {}", run.stderr);
    }
    let run = publish(&["--bucket=tiles/a", "--prefix=b", "--endpoint-url", &endpoint], &image, &[]);
    assert!(run.code == Some(2) && run.stderr.contains("omit one of them"), "{}", run.stderr);
    assert_eq!(server.request_count(), 0);
}

#[test]
fn a_wrong_endpoint_profile_or_certificate_file_is_reported_with_the_correction() {
    let folder = TempDir::new().expect("a folder");
    let image = png_file(folder.path(), "a.png", 60, 40);
    let server = FaultServer::start();
    let endpoint = server.endpoint();
    let host = endpoint.strip_prefix("http://").expect("plain");
    let config = file(folder.path(), "config", b"[profile museum]\nregion = eu-west-1\n");
    let config = config.to_str().expect("UTF-8");
    for (url, variables, words) in [
        (host.to_owned(), vec![], format!("write it with its scheme: `http://{host}`")),
        (format!("{endpoint}/tiles"), vec![], format!("remove the bucket: `--endpoint-url {endpoint}`")),
        (format!("https://{host}"), vec![], "does not use HTTPS: write the endpoint with `http://`".to_owned()),
        (
            endpoint.clone(),
            vec![("AWS_PROFILE", "musem"), ("AWS_CONFIG_FILE", config)],
            "there is no profile `musem` (AWS_PROFILE): the AWS configuration files have `museum`".to_owned(),
        ),
        (endpoint.clone(), vec![("AWS_CA_BUNDLE", "/no/such.pem")], "`/no/such.pem` (AWS_CA_BUNDLE)".to_owned()),
        (endpoint.clone(), vec![("AWS_CA_BUNDLE", config)], "the file contains no certificates".to_owned()),
    ] {
        let run = publish(&["--bucket", BUCKET, "--endpoint-url", &url], &image, &variables);
        assert_eq!(run.code, Some(3), "{url}: {}", run.stderr);
        assert!(run.stderr.contains(&words), "{words}: {}", run.stderr);
    }
    assert!(server.keys(BUCKET).is_empty());
}

#[test]
fn an_output_that_is_a_file_and_local_ids_are_reported() {
    let folder = TempDir::new().expect("a folder");
    let image = png_file(folder.path(), "a.png", 60, 40);
    let output = file(folder.path(), "out", b"a file");
    let arguments = ["--output", output.to_str().expect("UTF-8")];
    let run = publish(&arguments, &image, &[]);
    assert_eq!(run.code, Some(3), "{}", run.stderr);
    assert!(run.stderr.contains("a file is in the way"), "{}", run.stderr);
    fs::remove_file(&output).expect("removed");
    let run = publish(&arguments, &image, &[]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let warning =
        "warning: no `--public-url`, so all URLs begin with http://localhost:3000 and work with `iiif-publish serve`";
    assert!(run.stderr.replace('\n', " ").contains(warning), "{}", run.stderr);
}
