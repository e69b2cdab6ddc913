//! Turns events into a bar, plain lines or JSON lines, on stderr.

use super::arguments::ProgressArgument;
use super::escape;
use super::exit::Exit;
use super::output::{columns, is_terminal, print, tell, tell_json, tell_wrapped};
use super::report::tell_error;
use iiif_publish::publish::{Event, Orphans, Published};
use iiif_publish::source::Warning;
use iiif_publish::store::Identifier;
use indicatif::{HumanBytes, HumanCount, MultiProgress, ProgressBar, ProgressStyle};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Between two lines that tell of one image that it is still being worked on.
const PLAIN_INTERVAL: Duration = Duration::from_secs(10);
const JSON_INTERVAL: Duration = Duration::from_secs(1);

/// Columns of an identifier, as its part of a line: 24 of 80.
const NAME_PARTS: (u16, u16) = (3, 10);
const MOST_NAME_COLUMNS: u16 = 40;

/// Tells what happens.
#[derive(Debug)]
pub(super) struct Progress {
    how: ProgressArgument,
    is_verbose: bool,
    style: Style,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Images that are done, well or not.
    done: usize,
    /// Bytes of all objects that were stored.
    bytes: u64,
    images: HashMap<Identifier, InFlight>,
}

#[derive(Debug)]
enum Style {
    /// The bars of the images, and one line for all of them, which counts objects.
    Bars {
        all: MultiProgress,
        total: ProgressBar,
    },
    Plain,
    Json,
    None,
}

/// An image that is being worked on.
#[derive(Debug)]
struct InFlight {
    promised: u64,
    objects: u64,
    bytes: u64,
    told: Instant,
    bar: Option<ProgressBar>,
    /// Warnings that its first line has told.
    warnings: usize,
}

impl Progress {
    pub(super) fn new(how: ProgressArgument, images: usize) -> Self {
        let style = match how {
            ProgressArgument::Json => Style::Json,
            ProgressArgument::None => Style::None,
            ProgressArgument::Auto if is_terminal() => bars(images),
            ProgressArgument::Auto | ProgressArgument::Plain => Style::Plain,
        };
        Self { how, is_verbose: false, style, state: Mutex::default() }
    }

    /// The same, saying what bars alone do not.
    pub(super) fn verbose(self, is_verbose: bool) -> Self {
        Self { is_verbose, ..self }
    }

    /// Called from many threads.
    pub(super) fn event(&self, event: &Event) {
        // What a panic elsewhere left behind is at worst an image too many in a list.
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let State { done, bytes: all_bytes, images } = &mut *state;
        match event {
            Event::Started { identifier, size, description, found, objects } => {
                self.line(
                    || format!("{identifier}: {description}, {found}, {size}, {} objects", HumanCount(*objects)),
                    || {
                        json!({"event": "started", "id": identifier.to_string(), "width": size.width(),
                               "height": size.height(), "source": description, "colours": found.colors, "bits": found.bits,
                               "profile": found.profile, "orientation": found.orientation.describe(),
                               "conversion": found.conversion, "warnings": warnings_json(&found.warnings),
                               "objects": objects})
                    },
                );
                let bar = self.image_bar(identifier, *objects);
                let in_flight = InFlight {
                    promised: *objects,
                    objects: 0,
                    bytes: 0,
                    told: Instant::now(),
                    bar,
                    warnings: found.warnings.len(),
                };
                images.insert(identifier.clone(), in_flight);
            }
            Event::Stored { identifier, bytes } => {
                *all_bytes += bytes;
                if let Some(image) = images.get_mut(identifier) {
                    image.objects += 1;
                    image.bytes += bytes;
                    self.stored(identifier, image, *all_bytes);
                }
            }
            Event::Published(published) => {
                let image = images.remove(&published.identifier);
                let told = image.as_ref().map_or(0, |image| image.warnings);
                self.image_done(image, done);
                self.line(|| published_line(published, told), || published_json("published", published));
                self.warn_beside_bars(&published.identifier, &published.warnings);
            }
            Event::Updated(published) => {
                self.image_done(None, done);
                let line = || format!("{}: updated {} objects", published.identifier, HumanCount(published.objects));
                self.line(line, || published_json("updated", published));
            }
            Event::KeptNewer(published) => {
                self.image_done(None, done);
                let line =
                    || format!("{}: kept, because a newer version of iiif-publish published it", published.identifier);
                self.line(line, || published_json("kept-newer", published));
            }
            Event::Unchanged(published) => {
                self.image_done(None, done);
                let warnings = if self.is_verbose { told_warnings(&published.warnings) } else { String::new() };
                let line = || format!("{}: unchanged{warnings}", published.identifier);
                self.line(line, || published_json("unchanged", published));
            }
            Event::Kept(published) => {
                self.image_done(None, done);
                let line = || format!("{}: there already, and left as it is (--no-clobber)", published.identifier);
                self.line(line, || published_json("kept", published));
            }
            Event::ComparedBySize => {
                self.note("the store lists no entity tags: images are compared by the sizes of their objects");
            }
            Event::Failed { identifier } => self.image_done(images.remove(identifier), done),
            _ => {}
        }
    }

    /// Prints warnings that no line tells, because there are bars.
    fn warn_beside_bars(&self, identifier: &Identifier, warnings: &[Warning]) {
        if !self.tells_images() {
            for warning in warnings {
                self.say(&format!("{identifier}: warning: {}", warning.text));
            }
        }
    }

    /// The error of an image, which goes to stderr however progress is told.
    pub(super) fn failed(&self, identifier: &Identifier, error: &str, advice: &str) {
        self.beside_bars(|| tell_error(self.how, Some(&identifier.to_string()), error, advice));
    }

    /// An error of the whole run, which goes to stderr however progress is told.
    pub(super) fn error(&self, error: &str, advice: &str) {
        self.beside_bars(|| tell_error(self.how, None, error, advice));
    }

    /// What became of the run: what is not there, however progress is told, and before that the lines of `told` that are not empty.
    pub(super) fn summary(&self, outcome: Option<&str>, told: &[String], json: &Value) {
        match self.how {
            ProgressArgument::Json => tell_json(json),
            ProgressArgument::None => outcome.iter().for_each(|line| tell_wrapped(line, "")),
            _ => {
                let lines = told.iter().map(String::as_str).filter(|line| !line.is_empty()).chain(outcome);
                lines.for_each(|line| tell_wrapped(line, ""));
            }
        }
    }

    /// Says a thing that must be known, however progress is told.
    pub(super) fn say(&self, text: &str) {
        self.beside_bars(|| match self.how {
            ProgressArgument::Json => tell_json(&json!({"event": "note", "text": text})),
            _ => tell_wrapped(text, ""),
        });
    }

    /// Says a thing that is neither progress nor an error.
    pub(super) fn note(&self, text: &str) {
        if self.how != ProgressArgument::None {
            self.say(text);
        }
    }

    /// Whether it says of each image how it ended.
    pub(super) fn tells_images(&self) -> bool {
        self.is_verbose || !matches!(self.style, Style::Bars { .. })
    }

    /// Puts the bars away.
    pub(super) fn finish(&self) {
        if let Style::Bars { all, total } = &self.style {
            total.finish_and_clear();
            let _ = all.clear();
        }
    }

    fn stored(&self, identifier: &Identifier, image: &mut InFlight, all_bytes: u64) {
        if let Style::Bars { total, .. } = &self.style {
            total.inc(1);
            total.set_message(rate(all_bytes, total.elapsed()));
        }
        if let Some(bar) = &image.bar {
            bar.inc(1);
            bar.set_message(HumanBytes(image.bytes).to_string());
        }
        let interval = if let Style::Json = self.style { JSON_INTERVAL } else { PLAIN_INTERVAL };
        if image.bar.is_some() || image.told.elapsed() < interval {
            return;
        }
        image.told = Instant::now();
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

    fn image_bar(&self, identifier: &Identifier, objects: u64) -> Option<ProgressBar> {
        let Style::Bars { all, total } = &self.style else { return None };
        let name_columns = (columns() * NAME_PARTS.0 / NAME_PARTS.1).min(MOST_NAME_COLUMNS);
        let template =
            format!("{{prefix:{name_columns}}} {{wide_bar}} {{human_pos:>7}}/{{human_len:<7}} {{msg:>10}} {{eta:>4}}");
        let style = ProgressStyle::with_template(&template).expect("the template is valid").progress_chars("━╸ ");
        total.inc_length(objects);
        let bar = all.insert_before(total, ProgressBar::new(objects).with_style(style));
        bar.set_prefix(shortened(&escape::line(identifier.as_str()), name_columns.into()));
        Some(bar)
    }

    fn image_done(&self, image: Option<InFlight>, done: &mut usize) {
        if let Some(bar) = image.and_then(|image| image.bar) {
            bar.finish_and_clear();
        }
        *done += 1;
        if let Style::Bars { total, .. } = &self.style {
            total.set_prefix(done.to_string());
        }
    }

    fn line(&self, plain: impl FnOnce() -> String, json: impl FnOnce() -> Value) {
        match &self.style {
            Style::Bars { all, .. } if self.is_verbose => all.suspend(|| tell(&plain())),
            Style::Bars { .. } | Style::None => {}
            Style::Plain => tell(&plain()),
            Style::Json => tell_json(&json()),
        }
    }

    /// A result, on stdout.
    pub(super) fn result(&self, line: &str) -> Exit {
        self.beside_bars(|| print(&format!("{line}\n")))
    }

    /// Prints a line where it stays above the bars.
    fn beside_bars<T>(&self, print: impl FnOnce() -> T) -> T {
        match &self.style {
            Style::Bars { all, .. } => all.suspend(print),
            _ => print(),
        }
    }
}

/// Bytes, and bytes a second.
#[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "for people")]
fn rate(bytes: u64, elapsed: Duration) -> String {
    let per_second = bytes as f64 / elapsed.as_secs_f64().max(0.001);
    format!("{}, {}/s", HumanBytes(bytes), HumanBytes(per_second as u64))
}

/// One line for all images: how many are done, what was stored, how fast, and how long what has begun will take.
fn bars(images: usize) -> Style {
    let all = MultiProgress::new();
    let template =
        format!("{{prefix}} of {images} images, {{human_pos}} of {{human_len}} objects, {{msg}}, {{eta}} left");
    let style = ProgressStyle::with_template(&template).expect("the template has no braces but its own");
    let total = all.add(ProgressBar::new(0).with_style(style).with_prefix("0").with_message("0 B"));
    total.enable_steady_tick(Duration::from_millis(200));
    Style::Bars { all, total }
}

fn published_line(published: &Published, told: usize) -> String {
    let Published { identifier, objects, bytes, orphans, warnings, duration, .. } = published;
    let seconds = duration.as_secs_f64();
    let orphans = match orphans {
        Orphans { deleted: 0, left: 0 } => String::new(),
        Orphans { deleted, left: 0 } => format!("; deleted {deleted} objects of its earlier version"),
        Orphans { left, .. } => format!("; {left} objects of its earlier version are left: deleting is not allowed"),
    };
    let (objects, bytes) = (HumanCount(*objects), HumanBytes(*bytes));
    // The line of its beginning has told the others.
    let warnings = told_warnings(&warnings[told.min(warnings.len())..]);
    format!("{identifier}: published {objects} objects, {bytes} in {seconds:.1} s{orphans}{warnings}")
}

/// Joins warnings to the end of a line.
fn told_warnings(warnings: &[Warning]) -> String {
    let texts: Vec<_> = warnings.iter().map(|warning| format!("; warning: {}", warning.text)).collect();
    texts.concat()
}

/// Warnings with their codes, as events have them.
fn warnings_json(warnings: &[Warning]) -> Value {
    warnings.iter().map(|warning| json!({"code": warning.code.code(), "text": warning.text})).collect()
}

fn published_json(event: &str, published: &Published) -> Value {
    json!({"event": event, "id": published.identifier.to_string(), "info": published.info_urls,
           "objects": published.objects, "bytes": published.bytes, "orphansDeleted": published.orphans.deleted,
           "orphansLeft": published.orphans.left, "warnings": warnings_json(&published.warnings), "seconds": published.duration.as_secs_f64()})
}

/// A long name keeps its end, where names of one collection differ.
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
