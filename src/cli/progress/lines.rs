//! Lines and JSON events about images.

use super::super::output::counted;
use iiif_publish::publish::{Event, Orphans, Published};
use iiif_publish::source::Warning;
use indicatif::{HumanBytes, HumanCount};
use serde_json::{Value, json};

pub(super) fn started_line(event: &Event) -> String {
    let Event::Started { identifier, size, description, properties, objects } = event else { return String::new() };
    format!("{identifier}: {description}, {properties}, {size}, {} objects", HumanCount(*objects))
}

pub(super) fn started_json(event: &Event) -> Value {
    let Event::Started { identifier, size, description, properties, objects } = event else { return Value::Null };
    json!({"event": "started", "id": identifier.to_string(), "width": size.width(),
           "height": size.height(), "source": description, "colors": properties.colors, "bits": properties.bits,
           "profile": properties.profile, "orientation": properties.orientation.describe(),
           "conversion": properties.conversion, "warnings": warnings_json(&properties.warnings), "objects": objects})
}

/// Formats an image's outcome. Skips the first `printed` warnings, which were printed when the image started.
pub(super) fn published_line(published: &Published, printed: usize) -> String {
    let Published { identifier, objects, bytes, orphans, warnings, duration, .. } = published;
    let seconds = duration.as_secs_f64();
    let orphans = match orphans {
        Orphans { deleted: 0, left: 0, .. } => String::new(),
        Orphans { deleted, left: 0, .. } => format!("; deleted {deleted} objects of the previous version"),
        Orphans { left, .. } => {
            format!("; could not delete {left} objects of the previous version (permission denied)")
        }
    };
    let (objects, bytes) = (HumanCount(*objects), HumanBytes(*bytes));
    let warnings = joined_warnings(&warnings[printed.min(warnings.len())..]);
    format!("{identifier}: published {objects} objects, {bytes} in {seconds:.1} s{orphans}{warnings}")
}

/// Formats the outcome of an image whose pictures were all in place.
pub(super) fn updated_line(published: &Published) -> String {
    format!("updated {}; no image file was uploaded", counted(published.objects, "object"))
}

/// Formats warnings to append to a line.
pub(super) fn joined_warnings(warnings: &[Warning]) -> String {
    let texts: Vec<_> = warnings.iter().map(|warning| format!("; warning: {}", warning.text)).collect();
    texts.concat()
}

/// Formats warnings with their codes for JSON events.
fn warnings_json(warnings: &[Warning]) -> Value {
    warnings.iter().map(|warning| json!({"code": warning.code.code(), "text": warning.text})).collect()
}

pub(super) fn published_json(event: &str, published: &Published) -> Value {
    json!({"event": event, "id": published.identifier.to_string(), "info": published.info_urls,
           "objects": published.objects, "bytes": published.bytes, "orphansDeleted": published.orphans.deleted,
           "orphansLeft": published.orphans.left, "warnings": warnings_json(&published.warnings), "seconds": published.duration.as_secs_f64()})
}

/// Truncates the start of a long name, because names in a collection differ at the end.
pub(super) fn shortened(name: &str, columns: usize) -> String {
    let count = name.chars().count();
    if count <= columns {
        return name.to_owned();
    }
    std::iter::once('…').chain(name.chars().skip(count - columns + 1)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_names_keep_their_end() {
        assert_eq!(shortened("ms-1", 10), "ms-1");
        assert_eq!(shortened("manuscripts/ms-1/folio-2r", 10), "…/folio-2r");
    }
}
