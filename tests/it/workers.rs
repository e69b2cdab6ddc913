//! The number of threads: `--jobs`, not the number of cores, decides it.

#![cfg(target_os = "linux")]

use crate::support::pictures::{encoded, file, waves};
use crate::support::program::{Run, program};
use crate::support::tiff::{Layout, Packing, Pieces};
use image::{DynamicImage, ImageFormat};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// The cores that the program is shown.
const CORES: usize = 64;

/// Threads that only wait for files, of 32 images at once: measured 86, on any number of cores.
const FILE_THREADS: usize = 112;

/// Replaces the C function that the standard library counts cores with.
const SHIM: &str = "
#define _GNU_SOURCE
#include <sched.h>
int sched_getaffinity(pid_t pid, size_t bytes, cpu_set_t *set) {
    CPU_ZERO_S(bytes, set);
    for (int core = 0; core < 64; core++) CPU_SET_S(core, bytes, set);
    return 0;
}
";

/// Builds a library that shows 64 cores to a program.
fn shim(folder: &Path) -> PathBuf {
    let (source, library) = (file(folder, "cores.c", SHIM.as_bytes()), folder.join("cores.so"));
    let status = Command::new("cc").args(["-shared", "-fPIC", "-o"]).args([&library, &source]).status();
    assert!(status.expect("a C compiler, as for the codecs").success());
    library
}

/// Writes 40 images whose decoders and conversions can use several threads: tiles and strips of TIFF and JPEG 2000, 16-bit samples.
fn mixed_images(folder: &Path) -> PathBuf {
    let images = folder.join("images");
    fs::create_dir(&images).expect("a folder");
    let photograph = DynamicImage::from(waves(1500, 1100));
    let jpeg = encoded(photograph.clone(), ImageFormat::Jpeg);
    let deep = encoded(photograph.to_rgb16(), ImageFormat::Png);
    let webp = encoded(waves(700, 500), ImageFormat::WebP);
    let layout = Layout { packing: Packing::Deflate, pieces: Pieces::Tiles(128, 128), ..Layout::rgb(1200, 900) };
    let tiles = layout.file(|x, y, channel| u64::from((x ^ y) + u32::from(channel)) & 255);
    let jp2 = fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/jp2/tiled.jp2")).expect("a fixture");
    let kinds = [("jpg", jpeg), ("png", deep), ("webp", webp), ("tif", tiles), ("jp2", jp2)];
    for (number, (extension, bytes)) in kinds.iter().cycle().take(40).enumerate() {
        file(&images, &format!("{number}.{extension}"), bytes);
    }
    images
}

/// Returns the cores that a program counts with the shim: a CPU quota of a container still applies.
fn expected_cores() -> usize {
    let status = fs::read_to_string("/proc/self/status").expect("Linux");
    let mask = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed:")).expect("a mask of cores");
    let allowed: u32 = mask.chars().filter_map(|digit| digit.to_digit(16)).map(u32::count_ones).sum();
    let counted = std::thread::available_parallelism().map_or(1, usize::from);
    if counted < allowed as usize { counted } else { CORES }
}

/// Threads of a program at one moment.
#[derive(Clone, Copy, Debug, Default)]
struct Threads {
    workers: usize,
    all: usize,
}

/// Returns the threads of a process; 0 if it has ended.
fn threads(child: &Child) -> Threads {
    let tasks = fs::read_dir(format!("/proc/{}/task", child.id())).into_iter().flatten().flatten();
    let names: Vec<String> = tasks.filter_map(|task| fs::read_to_string(task.path().join("comm")).ok()).collect();
    Threads { workers: names.iter().filter(|name| name.starts_with("worker-")).count(), all: names.len() }
}

/// Runs the program on 64 cores until it ends. Returns the highest numbers of threads that were seen.
fn most_threads(shim: &Path, arguments: &[&str]) -> (Threads, Run) {
    let mut command = program();
    command.env("LD_PRELOAD", shim).args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("built");
    let mut most = Threads::default();
    while child.try_wait().expect("a child").is_none() {
        let now = threads(&child);
        most = Threads { workers: most.workers.max(now.workers), all: most.all.max(now.all) };
        std::thread::sleep(std::time::Duration::from_micros(500));
    }
    (most, child.wait_with_output().expect("an end").into())
}

#[test]
fn jobs_decide_the_number_of_threads_whatever_the_number_of_cores() {
    let folder = TempDir::new().expect("a folder");
    let (shim, images) = (shim(folder.path()), mixed_images(folder.path()));
    let images = images.to_str().expect("UTF-8");
    for jobs in [1, 2, 8] {
        let output = folder.path().join(format!("tiles-{jobs}"));
        let (jobs_argument, output) = (format!("--jobs={jobs}"), output.to_str().expect("UTF-8"));
        let arguments = ["ingest", images, "--output", output, "--public-url=https://example.org", &jobs_argument];
        let (most, run) = most_threads(&shim, &arguments);
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        assert_eq!(most.workers, jobs, "{most:?}");
        // The workers, their readers and the runtime.
        assert!(most.all <= 3 * jobs + FILE_THREADS, "{most:?}");
    }
}

#[test]
fn without_jobs_there_is_a_worker_for_each_core() {
    let folder = TempDir::new().expect("a folder");
    let shim = shim(folder.path());
    let image = file(folder.path(), "image.png", &encoded(waves(3000, 2500), ImageFormat::Png));
    let output = folder.path().join("tiles");
    let arguments = [
        image.to_str().expect("UTF-8"),
        "--output",
        output.to_str().expect("UTF-8"),
        "--public-url=https://example.org",
    ];
    let (most, run) = most_threads(&shim, &arguments);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert_eq!(most.workers, expected_cores(), "the program counts the cores that it is shown");
}
