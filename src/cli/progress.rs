//! Reports messages and progress on stderr as bars, plain lines or JSON lines.

use super::escape;
use super::exit::Exit;
use super::messages::{MessageFormat, Messages};
use super::output::{INDENT, columns, eprint_hint, eprint_json, eprint_line, eprint_wrapped, is_terminal, print};
use iiif_publish::destination::Identifier;
use iiif_publish::publish::{Event, Orphans, Published};
use iiif_publish::source::Warning;
use indicatif::{HumanBytes, HumanCount, MultiProgress, ProgressBar, ProgressStyle};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

/// Minimum time between an image's progress lines.
const PLAIN_INTERVAL: Duration = Duration::from_secs(10);
/// Minimum time between an image's JSON progress events.
const JSON_INTERVAL: Duration = Duration::from_secs(1);

/// Fraction of the terminal width used for an identifier, as numerator and denominator.
const NAME_SHARE: (u16, u16) = (3, 10);

/// Maximum identifier width in columns.
const MAX_NAME_COLUMNS: u16 = 40;

/// Reporter for messages and events on stderr.
#[derive(Debug)]
pub(super) struct Progress {
    messages: Messages,
    bars: OnceLock<Bars>,
    state: Mutex<State>,
}

/// One bar per image, plus a line with totals for all images.
#[derive(Debug)]
struct Bars {
    all: MultiProgress,
    total: ProgressBar,
}

#[derive(Debug, Default)]
struct State {
    /// Number of images that have finished, successfully or not.
    done: usize,
    /// Number of images to publish, as far as known.
    images_total: usize,
    /// Total bytes of all stored objects.
    bytes: u64,
    images: HashMap<Identifier, InFlight>,
}

/// Progress of an image that is being published.
#[derive(Debug)]
struct InFlight {
    promised: u64,
    objects: u64,
    bytes: u64,
    /// Time of the last progress line.
    reported: Instant,
    bar: Option<ProgressBar>,
    /// Number of warnings already printed when the image started.
    warnings: usize,
}

impl InFlight {
    fn new(promised: u64, warnings: usize, bar: Option<ProgressBar>) -> Self {
        Self { promised, objects: 0, bytes: 0, reported: Instant::now(), bar, warnings }
    }
}

impl Progress {
    /// Creates a reporter without bars.
    pub(super) fn new(messages: Messages) -> Self {
        Self { messages, bars: OnceLock::new(), state: Mutex::default() }
    }

    /// Shows progress bars if the format and the terminal support them.
    pub(super) fn begin(&self, images: usize) {
        if self.messages.format == MessageFormat::Auto && is_terminal() {
            self.bars.get_or_init(|| bars(images));
            self.add_images(images);
        }
    }

    /// Adds images to the total, such as the pages of a file.
    pub(super) fn add_images(&self, images: usize) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.images_total += images;
        if let Some(Bars { total, .. }) = self.bars.get() {
            total.set_style(total_style(state.images_total));
        }
    }

    /// Returns `true` if messages are printed as JSON lines.
    pub(super) fn is_json(&self) -> bool {
        self.messages.format == MessageFormat::Json
    }

    /// Handles an event. Can be called from multiple threads.
    pub(super) fn event(&self, event: &Event) {
        // After a panic in another thread, the state contains at most one stale image.
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::Started { identifier, objects, properties, .. } => {
                self.line(|| started_line(event), || started_json(event));
                let image = InFlight::new(*objects, properties.warnings.len(), self.image_bar(identifier, *objects));
                state.images.insert(identifier.clone(), image);
            }
            Event::Stored { identifier, bytes } => self.object_stored(&mut state, identifier, *bytes),
            Event::Published(published) => {
                let image = state.images.remove(&published.identifier);
                let printed = image.as_ref().map_or(0, |image| image.warnings);
                self.image_done(&mut state, image);
                self.line(|| published_line(published, printed), || published_json("published", published));
                self.warn_beside_bars(&published.identifier, &published.warnings);
            }
            Event::Updated(published) => {
                let objects = HumanCount(published.objects);
                self.skipped(&mut state, published, "updated", &format!("updated {objects} objects"));
            }
            Event::KeptNewer(published) => {
                self.skipped(&mut state, published, "kept-newer", "kept, published by a newer version of iiif-publish");
            }
            Event::Unchanged(published) => {
                let warnings =
                    if self.messages.is_verbose { joined_warnings(&published.warnings) } else { String::new() };
                self.skipped(&mut state, published, "unchanged", &format!("unchanged{warnings}"));
            }
            Event::Kept(published) => {
                self.skipped(&mut state, published, "kept", "skipped, already exists (--no-clobber)");
            }
            Event::ComparedBySize => self.note("the store does not list ETags; comparing images by object size"),
            Event::Failed { identifier } => {
                let image = state.images.remove(identifier);
                self.image_done(&mut state, image);
            }
            _ => {}
        }
    }

    /// Reports an image that was skipped without opening its source.
    fn skipped(&self, state: &mut State, published: &Published, event: &str, outcome: &str) {
        self.image_done(state, None);
        self.line(|| format!("{}: {outcome}", published.identifier), || published_json(event, published));
    }

    /// Counts a stored object and reports its image's progress.
    fn object_stored(&self, state: &mut State, identifier: &Identifier, bytes: u64) {
        state.bytes += bytes;
        if let Some(image) = state.images.get_mut(identifier) {
            image.objects += 1;
            image.bytes += bytes;
            self.report_image(identifier, image, state.bytes);
        }
    }

    /// Prints an image's warnings if bars replace its regular lines.
    fn warn_beside_bars(&self, identifier: &Identifier, warnings: &[Warning]) {
        if !self.prints_images() {
            for warning in warnings {
                self.say(&format!("{identifier}: warning: {}", warning.text));
            }
        }
    }

    /// Prints an image's error, even in quiet mode.
    pub(super) fn failed(&self, identifier: &Identifier, error: &str, hint: &str) {
        self.print_error(Some(identifier), error, &[], hint);
    }

    /// Prints an error that affects the entire run, even in quiet mode.
    pub(super) fn error(&self, error: &str, hint: &str) {
        self.print_error(None, error, &[], hint);
    }

    /// Prints an error with its detail lines and a hint.
    pub(super) fn print_error(&self, id: Option<&Identifier>, error: &str, details: &[String], hint: &str) {
        self.beside_bars(|| {
            if self.is_json() {
                let error =
                    std::iter::once(error).chain(details.iter().map(String::as_str)).collect::<Vec<_>>().join("\n");
                let event = if id.is_some() { "failed" } else { "error" };
                return eprint_json(
                    &json!({"event": event, "id": id.map(Identifier::as_str), "error": error, "advice": hint}),
                );
            }
            eprint_wrapped(&format!("error: {error}"), INDENT);
            for line in details {
                eprint_wrapped(&format!("{INDENT}{line}"), INDENT);
            }
            eprint_hint(hint);
        });
    }

    /// Prints the run's summary: the non-empty `lines`, except in quiet mode, followed by `outcome`.
    pub(super) fn summary(&self, outcome: Option<&str>, lines: &[String], json: &Value) {
        match self.messages.format {
            MessageFormat::Json => eprint_json(json),
            MessageFormat::None => outcome.iter().for_each(|line| eprint_wrapped(line, "")),
            _ => {
                let lines = lines.iter().map(String::as_str).filter(|line| !line.is_empty()).chain(outcome);
                lines.for_each(|line| eprint_wrapped(line, ""));
            }
        }
    }

    /// Prints an important note, even in quiet mode.
    pub(super) fn say(&self, text: &str) {
        self.beside_bars(|| match self.messages.format {
            MessageFormat::Json => eprint_json(&json!({"event": "note", "text": text})),
            _ => eprint_wrapped(text, ""),
        });
    }

    /// Prints a note, except in quiet mode.
    pub(super) fn note(&self, text: &str) {
        if self.messages.format != MessageFormat::None {
            self.say(text);
        }
    }

    /// Returns `true` if each image's outcome gets a line.
    pub(super) fn prints_images(&self) -> bool {
        self.messages.is_verbose || self.bars.get().is_none()
    }

    /// Clears the progress bars.
    pub(super) fn finish(&self) {
        if let Some(Bars { all, total }) = self.bars.get() {
            total.finish_and_clear();
            let _ = all.clear();
        }
    }

    /// Updates the bars, or prints a progress line if the image's last one is old enough.
    fn report_image(&self, identifier: &Identifier, image: &mut InFlight, all_bytes: u64) {
        if let Some(Bars { total, .. }) = self.bars.get() {
            total.inc(1);
            total.set_message(rate(all_bytes, total.elapsed()));
        }
        if let Some(bar) = &image.bar {
            bar.inc(1);
            bar.set_message(HumanBytes(image.bytes).to_string());
        }
        let interval = if self.is_json() { JSON_INTERVAL } else { PLAIN_INTERVAL };
        if image.bar.is_some() || image.reported.elapsed() < interval {
            return;
        }
        image.reported = Instant::now();
        let (objects, promised, bytes) = (image.objects, image.promised, image.bytes);
        self.line(
            || {
                let (objects, promised) = (HumanCount(objects), HumanCount(promised));
                format!("{identifier}: {objects} of {promised} objects, {}", HumanBytes(bytes))
            },
            || {
                json!({"event": "progress", "id": identifier.to_string(), "stored": objects, "objects": promised,
                       "bytes": bytes})
            },
        );
    }

    /// Adds a bar for an image if bars are shown.
    fn image_bar(&self, identifier: &Identifier, objects: u64) -> Option<ProgressBar> {
        let Bars { all, total } = self.bars.get()?;
        let name_columns = (columns() * NAME_SHARE.0 / NAME_SHARE.1).min(MAX_NAME_COLUMNS);
        let template =
            format!("{{prefix:{name_columns}}} {{wide_bar}} {{human_pos:>7}}/{{human_len:<7}} {{msg:>10}} {{eta:>4}}");
        let style = ProgressStyle::with_template(&template).expect("the template is valid").progress_chars("━╸ ");
        total.inc_length(objects);
        let bar = all.insert_before(total, ProgressBar::new(objects).with_style(style));
        bar.set_prefix(shortened(&escape::line(identifier.as_str()), name_columns.into()));
        Some(bar)
    }

    /// Counts a finished image and removes its bar.
    fn image_done(&self, state: &mut State, image: Option<InFlight>) {
        if let Some(bar) = image.and_then(|image| image.bar) {
            bar.finish_and_clear();
        }
        state.done += 1;
        if let Some(Bars { total, .. }) = self.bars.get() {
            total.set_prefix(state.done.to_string());
        }
    }

    /// Prints a line as text or JSON, unless bars replace it.
    fn line(&self, plain: impl FnOnce() -> String, json: impl FnOnce() -> Value) {
        match (self.messages.format, self.bars.get()) {
            (MessageFormat::Json, _) => eprint_json(&json()),
            (MessageFormat::None, _) => {}
            (_, None) => eprint_line(&plain()),
            (_, Some(bars)) if self.messages.is_verbose => bars.all.suspend(|| eprint_line(&plain())),
            (_, Some(_)) => {}
        }
    }

    /// Prints a result to stdout.
    pub(super) fn result(&self, line: &str) -> Exit {
        self.beside_bars(|| print(&format!("{line}\n")))
    }

    /// Calls `print` with the bars hidden, so its output appears above them.
    fn beside_bars<T>(&self, print: impl FnOnce() -> T) -> T {
        match self.bars.get() {
            Some(bars) => bars.all.suspend(print),
            None => print(),
        }
    }
}

/// Formats the byte count and rate.
#[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "for people")]
fn rate(bytes: u64, elapsed: Duration) -> String {
    let per_second = bytes as f64 / elapsed.as_secs_f64().max(0.001);
    format!("{}, {}/s", HumanBytes(bytes), HumanBytes(per_second as u64))
}

/// Creates the totals line with images, objects, bytes, rate, and the time left for started images.
fn bars(images: usize) -> Bars {
    let all = MultiProgress::new();
    let total = all.add(ProgressBar::new(0).with_style(total_style(images)).with_prefix("0").with_message("0 B"));
    total.enable_steady_tick(Duration::from_millis(200));
    Bars { all, total }
}

fn total_style(images: usize) -> ProgressStyle {
    let template =
        format!("{{prefix}} of {images} images, {{human_pos}} of {{human_len}} objects, {{msg}}, {{eta}} left");
    ProgressStyle::with_template(&template).expect("the template has no braces but its own")
}

fn started_line(event: &Event) -> String {
    let Event::Started { identifier, size, description, properties, objects } = event else { return String::new() };
    format!("{identifier}: {description}, {properties}, {size}, {} objects", HumanCount(*objects))
}

fn started_json(event: &Event) -> Value {
    let Event::Started { identifier, size, description, properties, objects } = event else { return Value::Null };
    json!({"event": "started", "id": identifier.to_string(), "width": size.width(),
           "height": size.height(), "source": description, "colors": properties.colors, "bits": properties.bits,
           "profile": properties.profile, "orientation": properties.orientation.describe(),
           "conversion": properties.conversion, "warnings": warnings_json(&properties.warnings), "objects": objects})
}

/// Formats an image's outcome. Skips the first `printed` warnings, which were printed when the image started.
fn published_line(published: &Published, printed: usize) -> String {
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

/// Formats warnings to append to a line.
fn joined_warnings(warnings: &[Warning]) -> String {
    let texts: Vec<_> = warnings.iter().map(|warning| format!("; warning: {}", warning.text)).collect();
    texts.concat()
}

/// Formats warnings with their codes for JSON events.
fn warnings_json(warnings: &[Warning]) -> Value {
    warnings.iter().map(|warning| json!({"code": warning.code.code(), "text": warning.text})).collect()
}

fn published_json(event: &str, published: &Published) -> Value {
    json!({"event": event, "id": published.identifier.to_string(), "info": published.info_urls,
           "objects": published.objects, "bytes": published.bytes, "orphansDeleted": published.orphans.deleted,
           "orphansLeft": published.orphans.left, "warnings": warnings_json(&published.warnings), "seconds": published.duration.as_secs_f64()})
}

/// Truncates the start of a long name, because names in a collection differ at the end.
fn shortened(name: &str, columns: usize) -> String {
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
