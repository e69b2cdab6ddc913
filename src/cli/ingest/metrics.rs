//! The figures of a run for Prometheus, through the textfile collector of the node exporter.

use super::run::Counts;
use crate::cli::exit::Exit;
use iiif_publish::store::Traffic;
use std::fmt::Write as _;
use std::fs;
use std::io::{self, Read as _, Write as _};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// When a run last went well: kept from run to run.
const SUCCESS: &str = "iiif_publish_last_success_timestamp_seconds";

/// What a run came to: nothing, where it ended before its work began.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Figures {
    pub(super) counts: Counts,
    pub(super) traffic: Traffic,
}

/// Writes them in one move, so that nobody reads half of them.
pub(super) fn write(path: &Path, figures: Figures, duration: Duration, exit: Exit) -> io::Result<()> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs();
    let before = read_before(path).ok().and_then(|text| last_success(&text));
    let success = if exit == Exit::Done { Some(now) } else { before };
    let text = text(figures, duration, exit, now, success);
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new().prefix(".iiif-publish").tempfile_in(folder)?;
    file.write_all(text.as_bytes())?;
    readable_by_all(file.as_file())?;
    file.persist(path).map(drop).map_err(|error| error.error)
}

/// Reads the file of an earlier run, which has some kilobytes.
fn read_before(path: &Path) -> io::Result<String> {
    const MAX_BYTES: u64 = 1 << 20;
    io::read_to_string(fs::File::open(path)?.take(MAX_BYTES))
}

/// The exporter is another user.
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

fn text(figures: Figures, duration: Duration, exit: Exit, now: u64, success: Option<u64>) -> String {
    let mut text = String::new();
    let mut gauge = |name: &str, help: &str, values: &[(&str, f64)]| {
        writeln!(text, "# HELP {name} {help}\n# TYPE {name} gauge").expect("writing to a string does not fail");
        for (labels, value) in values {
            writeln!(text, "{name}{labels} {value}").expect("writing to a string does not fail");
        }
    };
    let Figures { counts, traffic } = figures;
    let images = [
        ("{status=\"published\"}", counts.published),
        ("{status=\"unchanged\"}", counts.unchanged),
        ("{status=\"failed\"}", counts.failed),
        ("{status=\"left\"}", counts.left),
        ("{status=\"deleted\"}", counts.deleted),
    ];
    gauge(
        "iiif_publish_images",
        "Images of the last run, by status.",
        &images.map(|(status, count)| (status, exact(count))),
    );
    gauge("iiif_publish_objects", "Objects of the images published by the last run.", &[("", exact(counts.objects))]);
    gauge("iiif_publish_bytes", "Bytes of these objects.", &[("", exact(counts.bytes))]);
    gauge(
        "iiif_publish_requests",
        "Requests to the store in the last run, including retries.",
        &[("", exact(traffic.requests))],
    );
    gauge("iiif_publish_retries", "Requests that were retried.", &[("", exact(traffic.retries))]);
    gauge(
        "iiif_publish_throttles",
        "Responses of the store that asked for fewer requests.",
        &[("", exact(traffic.throttles))],
    );
    gauge("iiif_publish_duration_seconds", "Duration of the last run.", &[("", duration.as_secs_f64())]);
    gauge("iiif_publish_exit_code", "Exit code of the last run (0: success).", &[("", code(exit))]);
    gauge("iiif_publish_end_timestamp_seconds", "End time of the last run.", &[("", exact(now))]);
    if let Some(success) = success {
        gauge(SUCCESS, "End time of the last successful run.", &[("", exact(success))]);
    }
    text
}

fn code(exit: Exit) -> f64 {
    exit.code().into()
}

#[expect(clippy::cast_precision_loss, reason = "no run comes to 2^53 of anything")]
fn exact(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_success_is_found_again() {
        let text = format!("# HELP {SUCCESS} When.\n# TYPE {SUCCESS} gauge\n{SUCCESS} 1795381200\n");
        assert_eq!(last_success(&text), Some(1_795_381_200));
        assert_eq!(last_success("iiif_publish_exit_code 0\n"), None);
    }
}
