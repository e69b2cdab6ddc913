//! Time, memory and disk space have limits for all input: servers, sources, lists and reports.

use crate::support::faults::{Fault, FaultServer, Scope};
use crate::support::pictures::{encoded, file, png_file, waves};
use crate::support::program::{Run, end_within, program, run, run_within};
use iiif_publish::store::{FolderStore, Prefix, Redirect, RedirectStore, Redirects};
use image::ImageFormat;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;
use tempfile::TempDir;

/// Time after which a run does not end by itself any time soon.
const HANGING: Duration = Duration::from_mins(1);

/// Starts a server that answers each request with a function of its head, on a separate thread, and returns its URL.
fn serve(answer: impl Fn(&str, &mut TcpStream) -> std::io::Result<()> + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound");
    let answer = Arc::new(answer);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { continue };
            let answer = Arc::clone(&answer);
            thread::spawn(move || {
                let mut head = vec![0; 4096];
                let length = stream.read(&mut head).unwrap_or(0);
                // Some tests disconnect on purpose.
                let _ = answer(&String::from_utf8_lossy(&head[..length]), &mut stream);
            });
        }
    });
    format!("http://{address}")
}

/// Starts a server that sends an endless body piece by piece, and returns its URL.
fn endless(piece: &'static [u8], pause: Duration) -> String {
    serve(move |head, stream| {
        if head.starts_with("HEAD") {
            return write!(stream, "HTTP/1.1 405 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        }
        write!(stream, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")?;
        loop {
            stream.write_all(piece)?;
            thread::sleep(pause);
        }
    })
}

fn publishing_into(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = program();
    command.arg("--output").arg(folder.join("out")).arg("--public-url=https://example.org").args(arguments);
    command
}

fn publish_into(folder: &Path, arguments: &[&str]) -> Run {
    run_within(HANGING, &mut publishing_into(folder, arguments))
}

#[test]
fn a_requested_pause_ends_with_the_retry_time() {
    let pauses = ["18446744073709551615", "99999999", "Fri, 31 Dec 9999 23:59:59 GMT"];
    let check = |pause: &'static str| {
        let (folder, requests) = (TempDir::new().expect("a folder"), Arc::new(AtomicUsize::new(0)));
        let counted = Arc::clone(&requests);
        let url = serve(move |_, stream| {
            // Only later, when part of the retry time is over.
            let name = if counted.fetch_add(1, Ordering::Relaxed) < 2 { "X-Not-Yet" } else { "Retry-After" };
            write!(stream, "HTTP/1.1 503 Busy\r\n{name}: {pause}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        });
        let run = publish_into(folder.path(), &["--retry-for=3", &format!("{url}/a.png")]);
        assert!(run.code == Some(1) && run.stderr.contains("503"), "{pause}: {}", run.stderr);
        assert!(requests.load(Ordering::Relaxed) > 2, "{pause}: a pause was requested");
    };
    thread::scope(|scope| {
        pauses.map(|pause| scope.spawn(move || check(pause))).map(|run| run.join().expect("see above"))
    });
}

#[test]
fn a_bucket_that_failed_once_is_tried_again() {
    let (server, folder) = (FaultServer::start(), TempDir::new().expect("a folder"));
    for name in ["a.png", "b.png"] {
        server.store("masters", name, &encoded(waves(300, 200), ImageFormat::Png));
    }
    server.fail(Fault::Down(Duration::from_secs(6)), Scope::next(1));
    // The first image fails at once. The second one starts when the server is back, after two slow requests of another image.
    let slow = serve(|_, stream| {
        thread::sleep(Duration::from_secs(6));
        write!(stream, "HTTP/1.1 404 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
    });
    let urls: Vec<String> = (0..32).map(|number| format!("{slow}/{number}.png")).collect();
    let mut arguments = vec!["--source-endpoint-url", &*server.endpoint().leak(), "s3://masters/a.png"];
    arguments.extend(urls.iter().map(String::as_str));
    arguments.push("s3://masters/b.png");
    let run = publish_into(folder.path(), &arguments);
    assert_eq!(run.code, Some(3), "{}", run.stderr);
    assert!(run.stderr.contains("b: published"), "{}", run.stderr);
    assert!(!folder.path().join("out/a/info.json").exists(), "{}", run.stderr);
}

#[test]
fn rates_out_of_range_are_refused() {
    let folder = TempDir::new().expect("a folder");
    let image = png_file(folder.path(), "a.png", 30, 20).display().to_string();
    for rate in ["1e-20", "0", "-1", "NaN", "inf", "1e300", "1e-320"] {
        let run = publish_into(folder.path(), &[&format!("--max-rps={rate}"), &image]);
        assert!(run.code == Some(2) && run.stderr.contains("from 0.001 to 1000000"), "{rate}: {}", run.stderr);
    }
    assert_eq!(publish_into(folder.path(), &["--max-rps=0.5", &image]).code, Some(0));
}

#[cfg(unix)]
#[test]
fn endless_files_are_refused() {
    let folder = TempDir::new().expect("a folder");
    let output = format!("--output={}", folder.path().display());
    let cases: [&[&str]; 3] = [
        &["report", "/dev/zero"],
        &["ingest", &output, "--from-file=/dev/zero"],
        &["ingest", &output, "--config=/dev/zero", "--table=x.csv"],
    ];
    for arguments in cases {
        let run = run(arguments);
        assert!(run.code == Some(2) && run.stderr.contains("1048576"), "{arguments:?}: {}", run.stderr);
    }
}

#[test]
fn the_number_of_columns_of_a_table_is_limited() {
    let folder = TempDir::new().expect("a folder");
    let names: Vec<String> = (0..100_000).map(|number| format!("c{number}")).collect();
    let table = file(folder.path(), "wide.csv", format!("source,{}\n", names.join(",")).as_bytes());
    let run = run_within(HANGING, program().args(["ingest", "--output=/nonexistent", "--table"]).arg(table));
    assert!(run.code == Some(2) && run.stderr.contains("100001 columns"), "{}", run.stderr);
}

/// Starts a run that does not end by itself.
fn endless_publish(folder: &Path, arguments: &[&str]) -> Child {
    let mut command = program();
    command.args(["ingest", "--presentation=none", "--public-url=https://example.org", "--output"]).arg(folder);
    command.args(arguments).stderr(Stdio::null()).stdout(Stdio::null()).spawn().expect("built")
}

#[cfg(unix)]
#[test]
fn signals_and_limits_stop_an_endless_source() {
    let folder = TempDir::new().expect("a folder");
    let (fast, drip) = (endless(&[0; 16_000], Duration::from_millis(1)), endless(b"x", Duration::from_millis(500)));
    // Larger than any disk can read during the test.
    let sparse = folder.path().join("sparse.png");
    std::fs::File::create(&sparse).and_then(|file| file.set_len(1 << 42)).expect("a sparse file");
    let sparse = sparse.display().to_string();
    let (fast, drip) = (format!("{fast}/a.png"), format!("{drip}/a.png"));
    let sources: [&[&str]; 3] = [&[&fast], &[&drip], &["--check=content", &sparse]];
    let signal = |source: &[&str], signal: &str, code: i32| {
        let folder = TempDir::new().expect("a folder");
        let mut child = endless_publish(folder.path(), source);
        thread::sleep(Duration::from_millis(1500));
        let pid = child.id().to_string();
        Command::new("kill").args([signal, &pid]).status().expect("kill");
        assert_eq!(end_within(HANGING, &mut child).code(), Some(code), "{signal} {source:?}");
    };
    thread::scope(|scope| {
        for source in sources {
            for (name, code) in [("-TERM", 143), ("-INT", 130), ("-HUP", 143)] {
                scope.spawn(move || signal(source, name, code));
            }
            scope.spawn(move || {
                let folder = TempDir::new().expect("a folder");
                let mut child = endless_publish(folder.path(), &[&["--max-duration=1"], source].concat());
                assert_eq!(end_within(HANGING, &mut child).code(), Some(4), "{source:?}");
            });
        }
    });
}

#[cfg(target_os = "linux")]
#[test]
fn nohup_still_works() {
    let folder = TempDir::new().expect("a folder");
    let drip = endless(b"x", Duration::from_millis(500));
    let mut command = Command::new("nohup");
    let program = program();
    command.arg(program.get_program()).args(["--output"]).arg(folder.path()).arg(format!("{drip}/a.png"));
    command.envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("nohup");
    thread::sleep(Duration::from_millis(1500));
    let pid = child.id().to_string();
    Command::new("kill").args(["-HUP", &pid]).status().expect("kill");
    thread::sleep(Duration::from_secs(1));
    assert!(child.try_wait().expect("a child").is_none(), "it continues");
    child.kill().expect("a child");
    child.wait().expect("a child");
}

#[test]
fn a_source_that_is_too_slow_fails() {
    let folder = TempDir::new().expect("a folder");
    let url = endless(b"x", Duration::from_millis(300));
    let run = publish_into(folder.path(), &["--retry-for=2", &format!("{url}/a.png")]);
    assert!(run.code == Some(1) && run.stderr.contains("too slowly"), "{}", run.stderr);
}

#[test]
fn an_endless_source_does_not_fill_the_disk() {
    let folder = TempDir::new().expect("a folder");
    let url = endless(&[0; 16_000], Duration::ZERO);
    let run = publish_into(folder.path(), &["--max-spool-size=4MiB", &format!("{url}/a.png")]);
    assert!(run.code == Some(1) && run.stderr.contains("larger than 4194304 bytes"), "{}", run.stderr);
}

/// Returns a gray progressive JPEG of 16 x 16 pixels with this number of scans.
fn progressive(scans: usize) -> Vec<u8> {
    let mut bytes = vec![0xff, 0xd8, 0xff, 0xdb, 0, 67, 0];
    bytes.extend([1; 64]);
    bytes.extend([0xff, 0xc2, 0, 11, 8, 0, 16, 0, 16, 1, 1, 0x11, 0]);
    // One code of one bit, for a difference of zero.
    bytes.extend([0xff, 0xc4, 0, 20, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    let scan = |approximation: u8| [0xff, 0xda, 0, 8, 1, 1, 0, 0, 0, approximation, 0x0f];
    bytes.extend(scan(0x01));
    (1..scans).for_each(|_| bytes.extend(scan(0x10)));
    bytes.extend([0xff, 0xd9]);
    bytes
}

#[test]
fn the_number_of_scans_of_a_jpeg_is_limited() {
    let folder = TempDir::new().expect("a folder");
    let image = |scans| file(folder.path(), &format!("{scans}.jpg"), &progressive(scans)).display().to_string();
    let run = publish_into(folder.path(), &[&image(500)]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let run = publish_into(folder.path(), &[&image(501)]);
    assert!(run.code == Some(1) && run.stderr.contains("more scans than any real image"), "{}", run.stderr);
}

#[test]
fn an_image_with_too_many_objects_is_refused_before_anything_is_stored() {
    let folder = TempDir::new().expect("a folder");
    let image = png_file(folder.path(), "a.png", 2000, 1500).display().to_string();
    let planned = crate::support::program::planned_keys([&image]).len();
    let limit = |objects: usize| format!("--max-objects={objects}");
    let told = format!("needs {planned} objects, but the limit is {}", planned - 1);
    for verb in [&[][..], &["ingest"]] {
        let mut command = program();
        command.args(verb).arg("--output").arg(folder.path().join("out")).args([&limit(planned - 1), &image]);
        let run: Run = command.output().expect("built").into();
        assert!(run.code == Some(1) && run.stderr.contains(&told), "{}", run.stderr);
        assert!(!folder.path().join("out/a").exists(), "nothing is stored");
    }
    let run = run(["plan", &limit(planned - 1), &image]);
    assert!(run.code == Some(0) && run.stderr.contains("publishing would refuse this image"), "{}", run.stderr);
    let run = publish_into(folder.path(), &[&limit(planned), &image]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
}

#[test]
fn the_planned_memory_is_that_of_publishing() {
    let folder = TempDir::new().expect("a folder");
    let image = png_file(folder.path(), "a.png", 2000, 1500).display().to_string();
    let planned = |arguments: &[&str]| {
        let run = run([&["plan", "--json", &image], arguments].concat());
        let plan: serde_json::Value = serde_json::from_str(&run.stdout).expect("JSON");
        plan["memory"].as_u64().expect("a number")
    };
    for options in [&["--jobs=2"][..], &["--jobs=3", "--optimize"], &["--jobs=2", "--concurrency=200", "--format=webp"]]
    {
        let needed = planned(options);
        // Into a bucket, because the plan includes its uploads in flight.
        let server = FaultServer::start();
        let publish = |bytes: u64| {
            let mut command = program();
            command.args(["--bucket=tiles", "--endpoint-url", &server.endpoint(), &format!("--max-memory={bytes}B")]);
            Run::from(command.args(options).args(["--overwrite", &image]).output().expect("built"))
        };
        assert_eq!(publish(needed).code, Some(0), "{options:?}");
        let run = publish(needed - 1);
        assert!(run.code == Some(1) && run.stderr.contains("of memory"), "{options:?}: {}", run.stderr);
    }
}

#[cfg(unix)]
#[tokio::test]
async fn redirects_of_a_new_image_are_appended_and_old_ones_are_replaced() {
    use std::os::unix::fs::MetadataExt;
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("_redirects");
    let redirect = async |store: &FolderStore, name: &str, to: &str| {
        let base = Prefix::default().join_key(name).expect("short");
        let base_url = format!("https://example.org/{name}");
        let redirects = vec![Redirect { from: base.clone(), url: base_url.clone(), to: format!("{base_url}/{to}") }];
        store.set_redirects(Redirects { base, base_url, depth: 4, redirects }).await.expect("written");
    };
    let inode = || std::fs::metadata(&path).expect("there").ino();
    let text = || std::fs::read_to_string(&path).expect("there");
    let (one, other) = (FolderStore::new(folder.path().to_owned()), FolderStore::new(folder.path().to_owned()));
    redirect(&one, "a", "info.json").await;
    let first = inode();
    for name in ["b", "b/c", "d"] {
        redirect(&one, name, "info.json").await;
    }
    // Another process sees the appended lines.
    redirect(&other, "e", "info.json").await;
    redirect(&one, "f", "info.json").await;
    assert_eq!(inode(), first, "the file was never replaced");
    let line = |name: &str, to: &str| format!("/{name} /{name}/{to} 302\n");
    let expected: String = ["a", "b", "b/c", "d", "e", "f"].iter().map(|name| line(name, "info.json")).collect();
    assert_eq!(text(), expected);
    redirect(&other, "b", "elsewhere.json").await;
    redirect(&one, "b", "elsewhere.json").await;
    assert_eq!(text(), expected.replace(&line("b", "info.json"), "") + &line("b", "elsewhere.json"));
    // The last line of a killed run.
    std::fs::write(&path, "/x /y 302\n/half").expect("written");
    redirect(&one, "g", "info.json").await;
    assert_eq!(text(), format!("/x /y 302\n/half\n{}", line("g", "info.json")));
}
