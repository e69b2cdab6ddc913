//! Prometheus metrics, in the format used by the node exporter's textfile collector.

use super::Counts;
use crate::store::Traffic;
use std::fmt::Write as _;
use std::fs;
use std::io::{self, Read as _, Write as _};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Metric holding the time of the last successful run. Preserved when later runs fail.
const SUCCESS: &str = "iiif_publish_last_success_timestamp_seconds";

/// Metrics for a run. All counts are zero if the run ended before doing any work.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Metrics {
    /// Counts of images, objects and bytes.
    pub counts: Counts,
    /// Number of images in the input, in all parts.
    pub collection_images: u64,
    /// Number of objects in the input, each of which has a manifest.
    pub collection_objects: u64,
    /// Requests sent to the store.
    pub traffic: Traffic,
    /// Duration of the run.
    pub duration: Duration,
    /// The process's exit code. Zero means success, and so does [`KNOWN_FAILURES`](Self::KNOWN_FAILURES).
    pub exit_code: u8,
}

impl Metrics {
    /// Exit code of a run in which only images failed that had failed before.
    pub const KNOWN_FAILURES: u8 = 5;

    /// Writes the metrics to a file. Atomically replaces an existing file, but preserves the time of the last
    /// successful run.
    ///
    /// # Errors
    /// Returns an error if the file can't be written.
    pub fn write(&self, path: &Path) -> io::Result<()> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs();
        let before = read_before(path).ok().and_then(|text| last_success(&text));
        // The file itself is the only record of earlier runs. Alerts fire based on the age of this timestamp, so it
        // must not change if a run fails.
        let success = if matches!(self.exit_code, 0 | Self::KNOWN_FAILURES) { Some(now) } else { before };
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let mut file = tempfile::Builder::new().prefix(".iiif-publish").tempfile_in(folder)?;
        file.write_all(self.text(now, success).as_bytes())?;
        readable_by_all(file.as_file())?;
        file.persist(path).map(drop).map_err(|error| error.error)
    }

    fn text(&self, now: u64, success: Option<u64>) -> String {
        let Self { counts, traffic, .. } = self;
        let mut text = Text::default();
        text.build_info();
        text.images(counts);
        let images = "Images in the collection.";
        text.gauge("iiif_publish_collection_images", images, exact(self.collection_images));
        let objects = "Objects in the collection.";
        text.gauge("iiif_publish_collection_objects", objects, exact(self.collection_objects));
        let last = "Objects of the images published by the last run.";
        text.gauge("iiif_publish_objects", last, exact(counts.objects));
        text.gauge("iiif_publish_bytes", "Bytes of these objects.", exact(counts.bytes));
        let requests = "Requests to the store in the last run, including retries.";
        text.gauge("iiif_publish_requests", requests, exact(traffic.requests));
        text.gauge("iiif_publish_retries", "Requests that were retried.", exact(traffic.retries));
        let throttles = "Responses of the store that asked for fewer requests.";
        text.gauge("iiif_publish_throttles", throttles, exact(traffic.throttles));
        let seconds = self.duration.as_secs_f64();
        text.gauge("iiif_publish_duration_seconds", "Duration of the last run.", seconds);
        let exit_code = "Exit code of the last run (0: success).";
        text.gauge("iiif_publish_exit_code", exit_code, self.exit_code.into());
        text.gauge("iiif_publish_end_timestamp_seconds", "End time of the last run.", exact(now));
        if let Some(success) = success {
            text.gauge(SUCCESS, "End time of the last successful run.", exact(success));
        }
        text.0
    }
}

/// Text in the Prometheus exposition format.
#[derive(Default)]
struct Text(String);

impl Text {
    fn gauge(&mut self, name: &str, help: &str, value: f64) {
        self.header(name, help);
        self.value(name, value);
    }

    fn build_info(&mut self) {
        let name = "iiif_publish_build_info";
        self.header(name, "Version of the program.");
        self.value(&format!("{name}{{version=\"{}\"}}", env!("CARGO_PKG_VERSION")), 1.0);
    }

    fn images(&mut self, counts: &Counts) {
        let name = "iiif_publish_images";
        self.header(name, "Images of the last run, by status.");
        for (status, count) in [
            ("published", counts.published),
            ("unchanged", counts.unchanged),
            ("failed", counts.failed),
            ("left", counts.left),
            ("deleted", counts.deleted),
        ] {
            self.value(&format!("{name}{{status=\"{status}\"}}"), exact(count));
        }
    }

    fn header(&mut self, name: &str, help: &str) {
        writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} gauge").expect("writing to a string does not fail");
    }

    fn value(&mut self, name: &str, value: f64) {
        writeln!(self.0, "{name} {value}").expect("writing to a string does not fail");
    }
}

/// Reads the metrics file of an earlier run, which is normally a few kilobytes.
fn read_before(path: &Path) -> io::Result<String> {
    const MAX_BYTES: u64 = 1 << 20;
    io::read_to_string(fs::File::open(path)?.take(MAX_BYTES))
}

/// Makes a file readable by all users, because the exporter runs as a different user.
#[cfg(unix)]
fn readable_by_all(file: &fs::File) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.set_permissions(fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn readable_by_all(_: &fs::File) -> io::Result<()> {
    Ok(())
}

fn last_success(text: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(SUCCESS)?.trim().parse().ok())
}

#[expect(clippy::cast_precision_loss, reason = "no run comes to 2^53 of anything")]
fn exact(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_has_every_metric() {
        let counts = Counts { published: 2, left: 1, objects: 30, bytes: 4000, ..Counts::default() };
        let duration = Duration::from_millis(1500);
        let (collection_images, collection_objects) = (3, 2);
        let metrics = Metrics { counts, collection_images, collection_objects, duration, ..Metrics::default() };
        let text = Metrics { exit_code: 4, ..metrics }.text(1_795_381_200, None);
        let values: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
        let build_info = format!("iiif_publish_build_info{{version=\"{}\"}} 1", env!("CARGO_PKG_VERSION"));
        let expected = [
            build_info.as_str(),
            "iiif_publish_images{status=\"published\"} 2",
            "iiif_publish_images{status=\"unchanged\"} 0",
            "iiif_publish_images{status=\"failed\"} 0",
            "iiif_publish_images{status=\"left\"} 1",
            "iiif_publish_images{status=\"deleted\"} 0",
            "iiif_publish_collection_images 3",
            "iiif_publish_collection_objects 2",
            "iiif_publish_objects 30",
            "iiif_publish_bytes 4000",
            "iiif_publish_requests 0",
            "iiif_publish_retries 0",
            "iiif_publish_throttles 0",
            "iiif_publish_duration_seconds 1.5",
            "iiif_publish_exit_code 4",
            "iiif_publish_end_timestamp_seconds 1795381200",
        ];
        assert_eq!(values, expected);
        assert_eq!(text.matches("# TYPE ").count(), 12, "{text}");
    }

    #[test]
    fn the_last_success_is_found_again() {
        let text = format!("# HELP {SUCCESS} When.\n# TYPE {SUCCESS} gauge\n{SUCCESS} 1795381200\n");
        assert_eq!(last_success(&text), Some(1_795_381_200));
        assert_eq!(last_success("iiif_publish_exit_code 0\n"), None);
    }
}
