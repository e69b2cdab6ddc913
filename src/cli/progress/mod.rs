//! Reports messages and progress on stderr as bars, plain lines or JSON lines.

mod estimate;
mod lines;
mod state;

use super::escape;
use super::exit::Exit;
use super::messages::{MessageFormat, Messages, Verbosity};
use super::output::{
    INDENT, Level, columns, eprint_hint, eprint_json, eprint_line, eprint_wrapped, is_terminal, print, rows,
};
use iiif_publish::collection::Page;
use iiif_publish::destination::Identifier;
use iiif_publish::location::Location;
use iiif_publish::publish::{Event, Image, Published, Stage};
use iiif_publish::source::Warning;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use lines::{joined_warnings, published_json, published_line, shortened, started_json, started_line, updated_line};
use serde_json::{Value, json};
use state::{State, stage_name};
use std::fs;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Minimum time between progress lines.
const PLAIN_INTERVAL: Duration = Duration::from_secs(10);
/// Minimum time between an image's JSON progress events.
const JSON_INTERVAL: Duration = Duration::from_secs(1);
/// Minimum time between updates of the totals on a terminal.
const TOTALS_INTERVAL: Duration = Duration::from_millis(200);

/// Fraction of the terminal width used for an identifier, as numerator and denominator.
const NAME_SHARE: (u16, u16) = (3, 10);

/// Maximum identifier width in columns.
const MAX_NAME_COLUMNS: u16 = 40;

/// Reporter for messages and events on stderr.
#[derive(Debug)]
pub(super) struct Progress {
    messages: Messages,
    bars: OnceLock<Bars>,
    state: Arc<Mutex<State>>,
}

/// Lines of the terminal that image bars leave free: the totals, and messages above the bars.
const FREE_ROWS: usize = 4;

/// Maximum number of image bars. More of them are hard to read.
const MAX_BARS: usize = 16;

/// A bar for each image as long as there is room, plus a line with totals for all images.
#[derive(Debug)]
struct Bars {
    all: MultiProgress,
    total: ProgressBar,
}

impl Progress {
    /// Creates a reporter without bars.
    pub(super) fn new(messages: Messages) -> Self {
        Self { messages, bars: OnceLock::new(), state: Arc::default() }
    }

    /// Begins a run with these images. Shows progress bars if the format and the terminal support them.
    pub(super) fn begin(&self, images: &[Image]) {
        let mut state = self.state();
        state.all = images.len();
        for Image { location, identifier, .. } in images {
            let kind = location.file_name().and_then(|name| Some(name.extension()?.to_str()?.to_lowercase()));
            state.estimate.add(identifier, kind.unwrap_or_default());
        }
        drop(state);
        if self.shows(Verbosity::Normal) {
            self.weigh(images);
            if self.messages.format == MessageFormat::Auto && is_terminal() {
                self.bars.get_or_init(bars);
                self.show_totals(&mut self.state());
            }
        }
    }

    /// Replaces a file by its pages.
    pub(super) fn add_pages(&self, file: &Identifier, pages: &[Page]) {
        let mut state = self.state();
        state.all = (state.all + pages.len()).saturating_sub(1);
        state.estimate.end(file);
        for page in pages {
            state.estimate.add(&page.identifier, "page".to_owned());
        }
    }

    /// Finds the sizes of the images in bytes, in the background, because a network file system may be slow.
    fn weigh(&self, images: &[Image]) {
        let (state, images) = (Arc::clone(&self.state), images.to_vec());
        let weigh = move || {
            for Image { location, identifier, .. } in images {
                let bytes = match location {
                    Location::File(path) => fs::metadata(path).ok().map(|file| file.len()),
                    Location::Object(object) => object.listed.map(|listed| listed.bytes),
                    _ => None,
                };
                let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(bytes) = bytes {
                    state.estimate.set_bytes(&identifier, bytes);
                }
            }
        };
        // Without the sizes, the estimate is less exact.
        drop(thread::Builder::new().name("sizes".to_owned()).spawn(weigh));
    }

    /// Returns `true` if messages are printed as JSON lines.
    pub(super) fn is_json(&self) -> bool {
        self.messages.format == MessageFormat::Json
    }

    /// Returns `true` if messages of this verbosity are printed.
    fn shows(&self, verbosity: Verbosity) -> bool {
        self.messages.verbosity >= verbosity
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // After a panic in another thread, the state contains at most one stale image.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Handles an event. Can be called from multiple threads.
    pub(super) fn event(&self, event: &Event) {
        let mut state = self.state();
        match event {
            Event::Started { identifier, objects, .. } => {
                self.line(Verbosity::Normal, || started_line(event), || started_json(event));
                let bar = self.image_bar(identifier, *objects, state.bars());
                state.start(event, bar);
            }
            Event::Stage { identifier, stage } => state.enter(identifier, *stage),
            Event::Stored { identifier, bytes } => self.object_stored(&mut state, identifier, *bytes),
            Event::Published(published) => {
                let printed = image_done(&mut state, &published.identifier);
                let line = || published_line(published, printed);
                self.line(Verbosity::Normal, line, || published_json("published", published));
                self.warn_beside_bars(&published.identifier, &published.warnings);
            }
            Event::Updated(published) => {
                self.done(&mut state, Verbosity::Normal, published, "updated", || updated_line(published));
            }
            Event::KeptNewer(published) => {
                let outcome = || "kept, published by a newer version of iiif-publish".to_owned();
                self.done(&mut state, Verbosity::Normal, published, "kept-newer", outcome);
            }
            Event::Unchanged(published) => {
                let outcome = || format!("unchanged{}", joined_warnings(&published.warnings));
                self.done(&mut state, Verbosity::Verbose, published, "unchanged", outcome);
            }
            Event::Kept(published) => {
                let outcome = || "skipped, already exists (--no-clobber)".to_owned();
                self.done(&mut state, Verbosity::Normal, published, "kept", outcome);
            }
            Event::ComparedBySize => self.note("the store does not list ETags; comparing images by object size"),
            Event::Failed { identifier } => {
                image_done(&mut state, identifier);
            }
            _ => {}
        }
        self.show_totals(&mut state);
    }

    /// Reports an image that has no new pictures.
    fn done(
        &self,
        state: &mut State,
        verbosity: Verbosity,
        published: &Published,
        event: &str,
        outcome: impl FnOnce() -> String,
    ) {
        image_done(state, &published.identifier);
        let line = || format!("{}: {}", published.identifier, outcome());
        self.line(verbosity, line, || published_json(event, published));
    }

    /// Counts a stored object and reports its image's progress.
    fn object_stored(&self, state: &mut State, identifier: &Identifier, bytes: u64) {
        state.bytes += bytes;
        state.estimate.store(identifier);
        let Some(image) = state.images.get_mut(identifier) else { return };
        image.objects += 1;
        image.bytes += bytes;
        image.bar.iter().for_each(|bar| bar.inc(1));
        if !self.is_json() || image.reported.elapsed() < JSON_INTERVAL {
            return;
        }
        image.reported = Instant::now();
        self.line(Verbosity::Normal, String::new, || state.progress_json(identifier));
    }

    /// Prints an image's warnings if its regular line isn't printed.
    fn warn_beside_bars(&self, identifier: &Identifier, warnings: &[Warning]) {
        if !self.prints_images() && self.shows(Verbosity::Summary) {
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
                let line = json!({"event": event, "id": id.map(Identifier::as_str), "error": error, "advice": hint});
                return eprint_json(Level::Error, &line);
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
        let is_shown = self.shows(Verbosity::Summary);
        if self.is_json() {
            if is_shown {
                eprint_json(Level::Info, json);
            }
            return;
        }
        let lines = lines.iter().map(String::as_str).filter(|line| is_shown && !line.is_empty()).chain(outcome);
        lines.for_each(|line| eprint_wrapped(line, ""));
    }

    /// Prints an important note, even in quiet mode.
    pub(super) fn say(&self, text: &str) {
        let level = if text.contains("warning: ") { Level::Warn } else { Level::Info };
        self.beside_bars(|| match self.messages.format {
            MessageFormat::Json => eprint_json(level, &json!({"event": "note", "text": text})),
            _ => eprint_wrapped(text, ""),
        });
    }

    /// Prints a note, except in quiet mode.
    pub(super) fn note(&self, text: &str) {
        if self.shows(Verbosity::Summary) {
            self.say(text);
        }
    }

    /// Prints a result of the run as a line, or as a JSON event with the same counts.
    pub(super) fn outcome(&self, text: &str, json: &Value) {
        if self.is_json() && self.shows(Verbosity::Summary) {
            eprint_json(Level::Info, json);
        } else {
            self.note(text);
        }
    }

    /// Returns `true` if each published image gets a line.
    pub(super) fn prints_images(&self) -> bool {
        let least = if self.bars.get().is_some() { Verbosity::Verbose } else { Verbosity::Normal };
        self.shows(least)
    }

    /// Clears the progress bars.
    pub(super) fn finish(&self) {
        if let Some(Bars { all, total }) = self.bars.get() {
            total.finish_and_clear();
            let _ = all.clear();
        }
    }

    /// Updates the line with totals, or prints one if the last one is old enough.
    fn show_totals(&self, state: &mut State) {
        state.estimate.measure(Instant::now());
        let bars = self.bars.get();
        let interval = if bars.is_some() { TOTALS_INTERVAL } else { PLAIN_INTERVAL };
        let is_due = state.reported.elapsed() >= interval || state.done == 0 && state.images.is_empty();
        match bars {
            _ if !is_due || self.is_json() => return,
            Some(Bars { total, .. }) => {
                total.set_message(state.totals(Instant::now()));
            }
            None if state.reported.elapsed() < interval || state.done == state.all => return,
            None => {
                let line = || state.totals(Instant::now()) + &state.in_flight();
                self.line(Verbosity::Normal, line, || Value::Null);
            }
        }
        state.reported = Instant::now();
    }

    /// Adds a bar for an image if bars are shown and there is room next to the `others`.
    fn image_bar(&self, identifier: &Identifier, objects: u64, others: usize) -> Option<ProgressBar> {
        let Bars { all, total } = self.bars.get()?;
        // Far from a store, many images are in flight. If their bars filled the terminal, the totals wouldn't be drawn.
        if others >= max_bars(rows()) {
            return None;
        }
        let name_columns = (columns() * NAME_SHARE.0 / NAME_SHARE.1).min(MAX_NAME_COLUMNS);
        let template = format!("{{prefix:{name_columns}}} {{wide_bar}} {{human_pos:>7}}/{{human_len:<7}} {{msg:11}}");
        let style = ProgressStyle::with_template(&template).expect("the template is valid").progress_chars("━╸ ");
        let bar = all.insert_before(total, ProgressBar::new(objects).with_style(style));
        bar.set_message(stage_name(Stage::Reading));
        bar.set_prefix(shortened(&escape::line(identifier.as_str()), name_columns.into()));
        Some(bar)
    }

    /// Prints a line as text or JSON, unless bars replace it.
    fn line(&self, verbosity: Verbosity, plain: impl FnOnce() -> String, json: impl FnOnce() -> Value) {
        let level = if verbosity == Verbosity::Verbose { Level::Debug } else { Level::Info };
        match self.bars.get() {
            _ if !self.shows(verbosity) => {}
            _ if self.is_json() => eprint_json(level, &json()),
            None => eprint_line(&plain()),
            Some(bars) if self.shows(Verbosity::Verbose) => bars.all.suspend(|| eprint_line(&plain())),
            Some(_) => {}
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

/// Returns the maximum number of image bars on a terminal with this many rows.
fn max_bars(rows: u16) -> usize {
    usize::from(rows).saturating_sub(FREE_ROWS).min(MAX_BARS)
}

/// Creates the line with totals.
fn bars() -> Bars {
    let all = MultiProgress::new();
    let style = ProgressStyle::with_template("{msg}").expect("the template is valid");
    let total = all.add(ProgressBar::new(0).with_style(style));
    total.enable_steady_tick(TOTALS_INTERVAL);
    Bars { all, total }
}

/// Counts a finished image and removes its bar. Returns the number of warnings already printed.
fn image_done(state: &mut State, identifier: &Identifier) -> usize {
    state.done += 1;
    state.estimate.end(identifier);
    let Some(image) = state.images.remove(identifier) else { return 0 };
    image.bar.iter().for_each(ProgressBar::finish_and_clear);
    image.warnings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn image_bars_leave_room_for_the_totals() {
        assert_eq!([0, 4, 10, 24, 100].map(max_bars), [0, 0, 6, 16, 16]);
    }
}
