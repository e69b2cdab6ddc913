//! Peak memory: bounded by the width of an image, and by what `plan` says.
#![cfg(target_os = "linux")]

use crate::support::faults::FaultServer;
use crate::support::program::{program, run_well};
use serde_json::Value;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tempfile::TempDir;

/// An uncompressed RGB TIFF with strips of one row, written as it is made up.
fn tiff(folder: &Path, width: u32, height: u32) -> PathBuf {
    let path = folder.join(format!("{width}x{height}.tif"));
    let mut file = BufWriter::new(File::create(&path).expect("a file"));
    let row_bytes = width * 3;
    // 8 bytes of header, 9 entries of 12 bytes with their count and an end, then three depths, the offsets, the lengths.
    let (depths, offsets) = (8 + 2 + 9 * 12 + 4, 8 + 2 + 9 * 12 + 4 + 8);
    let lengths = offsets + 4 * height;
    let pixels = lengths + 4 * height;
    let mut head = b"II*\0\x08\0\0\0\x09\0".to_vec();
    let entries: [(u16, u16, u32, u32); 9] = [
        (256, 4, 1, width),
        (257, 4, 1, height),
        (258, 3, 3, depths),
        (259, 3, 1, 1),
        (262, 3, 1, 2),
        (273, 4, height, offsets),
        (277, 3, 1, 3),
        (278, 4, 1, 1),
        (279, 4, height, lengths),
    ];
    for (tag, kind, count, value) in entries {
        head.extend(tag.to_le_bytes());
        head.extend(kind.to_le_bytes());
        head.extend(count.to_le_bytes());
        head.extend(value.to_le_bytes());
    }
    head.extend([0; 4]);
    head.extend([8, 0, 8, 0, 8, 0, 0, 0]);
    (0..height).for_each(|row| head.extend((pixels + row * row_bytes).to_le_bytes()));
    (0..height).for_each(|_| head.extend(row_bytes.to_le_bytes()));
    file.write_all(&head).expect("written");
    let row: Vec<u8> = (0..row_bytes).map(|byte| (byte / 7) as u8).collect();
    (0..height).for_each(|_| file.write_all(&row).expect("written"));
    path
}

/// The peak resident memory of a run, in bytes.
fn peak_bytes<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> u64 {
    let mut child = program().args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("built");
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    while child.try_wait().expect("a child").is_none() {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kilobytes = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
        peak = peak.max(kilobytes.unwrap_or(0) * 1024);
        std::thread::sleep(Duration::from_millis(2));
    }
    assert!(child.wait().is_ok_and(|status| status.success()));
    assert!(peak > 0, "the peak was read");
    peak
}

#[test]
fn peak_memory_stays_below_the_plan_and_does_not_grow_with_the_height() {
    let folder = TempDir::new().expect("a folder");
    let peak_of = |height, extra: &[&str]| {
        let image = tiff(folder.path(), 4000, height);
        let output = folder.path().join("out");
        let arguments = |verb: &[&'static str]| -> Vec<std::ffi::OsString> {
            let words = verb.iter().chain(extra).map(Into::into);
            words.chain([image.clone().into()]).collect()
        };
        let plan: Value = serde_json::from_str(&run_well(arguments(&["plan", "--json"]))).expect("JSON");
        let planned = plan["memory"].as_u64().expect("a number");
        let mut publish = arguments(&["--progress=none", "--output"]);
        publish.insert(2, output.clone().into());
        let peak = peak_bytes(publish);
        std::fs::remove_file(image).expect("there");
        std::fs::remove_dir_all(output).expect("there");
        assert!(peak < planned, "{peak} of {planned} planned bytes at {height} rows");
        peak
    };
    let peak = |height| peak_of(height, &[]);
    let (low, high) = (peak(2_000), peak(12_000));
    // Six times the rows: what differs is chance, and the list of connections and folders.
    assert!(high < low + (24 << 20), "{low} bytes at 2,000 rows, {high} at 12,000");
    // Of WebP whole levels are held.
    peak_of(6_000, &["--format=webp,png"]);
}

/// The blocks that are held of it are part of the plan; the file is three times as large.
#[test]
fn peak_memory_of_an_image_in_a_bucket_stays_well_below_its_size() {
    let folder = TempDir::new().expect("a folder");
    let image = tiff(folder.path(), 8000, 10_000);
    let plan: Value =
        serde_json::from_str(&run_well(["plan".as_ref(), "--json".as_ref(), image.as_os_str()])).expect("JSON");
    let planned = plan["memory"].as_u64().expect("a number");
    let server = FaultServer::start();
    let bytes = std::fs::read(image).expect("readable");
    let size = bytes.len() as u64;
    server.store("masters", "large.tif", &bytes);
    drop(bytes);
    let endpoint = format!("--source-endpoint-url={}", server.endpoint());
    let output = format!("--output={}", folder.path().join("out").display());
    let peak = peak_bytes(["--progress=none", &output, &endpoint, "s3://masters/large.tif"]);
    let blocks = (std::thread::available_parallelism().map_or(1, usize::from) as u64 + 6) * (4 << 20);
    eprintln!("{peak} bytes of an image of {size}, {planned} planned for a file and {blocks} of blocks");
    assert!(peak < planned + blocks, "{peak} of {planned} planned bytes and {blocks} of blocks");
    assert!(peak < size * 2 / 3, "{peak} of {size} bytes");
}
