//! Turns events into a bar, plain lines or JSON lines, on stderr.

use super::arguments::ProgressArgument;
use super::completions::print;
use iiif_publish::publish::{Event, Published};
use iiif_publish::store::Identifier;
use indicatif::{HumanBytes, HumanCount, MultiProgress, ProgressBar, ProgressStyle};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::io::IsTerminal;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Between two lines that tell of one image that it is still being worked on.
const PLAIN_INTERVAL: Duration = Duration::from_secs(10);
const JSON_INTERVAL: Duration = Duration::from_secs(1);

/// Characters of an identifier that a line of 80 columns has room for.
const NAME_COLUMNS: usize = 24;

/// Tells what happens.
#[derive(Debug)]
pub(super) struct Progress {
    style: Style,
    images: Mutex<HashMap<Identifier, InFlight>>,
}

#[derive(Debug)]
enum Style {
    Bars { all: MultiProgress, total: ProgressBar },
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
}

impl Progress {
    pub(super) fn new(how: ProgressArgument, images: usize) -> Self {
        let style = match how {
            ProgressArgument::Json => Style::Json,
            ProgressArgument::None => Style::None,
            ProgressArgument::Auto if std::io::stderr().is_terminal() => bars(images),
            ProgressArgument::Auto | ProgressArgument::Plain => Style::Plain,
        };
        Self { style, images: Mutex::default() }
    }

    /// Called from many threads.
    pub(super) fn event(&self, event: &Event) {
        // What a panic elsewhere left behind is at worst an image too many in a list.
        let mut images = self.images.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::Started { identifier, size, description, objects } => {
                self.line(
                    || format!("{identifier}: {description}, {size}, {} objects", HumanCount(*objects)),
                    || {
                        json!({"event": "started", "id": identifier.to_string(), "width": size.width(),
                               "height": size.height(), "source": description, "objects": objects})
                    },
                );
                let bar = self.image_bar(identifier, *objects);
                let in_flight = InFlight { promised: *objects, objects: 0, bytes: 0, told: Instant::now(), bar };
                images.insert(identifier.clone(), in_flight);
            }
            Event::Stored { identifier, bytes } => {
                if let Some(image) = images.get_mut(identifier) {
                    image.objects += 1;
                    image.bytes += bytes;
                    self.stored(identifier, image, *bytes);
                }
            }
            Event::Published(published) => {
                self.image_done(images.remove(&published.identifier));
                self.line(|| published_line(published), || published_json("published", published));
            }
            Event::Unchanged(published) => {
                self.image_done(None);
                let line = || format!("{}: unchanged", published.identifier);
                self.line(line, || published_json("unchanged", published));
            }
            Event::Failed { identifier } => self.image_done(images.remove(identifier)),
            _ => {}
        }
    }

    /// The error of an image, which goes to stderr however progress is told.
    pub(super) fn failed(&self, identifier: &Identifier, error: &str, advice: Option<&str>) {
        if let Style::Json = self.style {
            eprintln!("{}", json!({"event": "failed", "id": identifier.to_string(), "error": error, "advice": advice}));
            return;
        }
        self.print(&format!("error: {error}"));
        if let Some(advice) = advice {
            self.print(&format!("       {advice}"));
        }
    }

    /// Says a thing that is neither progress nor an error.
    pub(super) fn note(&self, text: &str) {
        self.line(|| text.to_owned(), || json!({"event": "note", "text": text}));
    }

    /// Puts the bars away.
    pub(super) fn finish(&self) {
        if let Style::Bars { all, total } = &self.style {
            total.finish_and_clear();
            let _ = all.clear();
        }
    }

    fn stored(&self, identifier: &Identifier, image: &mut InFlight, bytes: u64) {
        if let Style::Bars { total, .. } = &self.style {
            total.inc(bytes);
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
        let template = "{prefix:24} {bar:20} {human_pos:>7}/{human_len:<7} {msg:>10} {eta:>4}";
        let style = ProgressStyle::with_template(template).expect("the template is a constant").progress_chars("━╸ ");
        let bar = all.insert_before(total, ProgressBar::new(objects).with_style(style));
        bar.set_prefix(shortened(&identifier.to_string(), NAME_COLUMNS));
        Some(bar)
    }

    fn image_done(&self, image: Option<InFlight>) {
        if let Some(bar) = image.and_then(|image| image.bar) {
            bar.finish_and_clear();
        }
        if let Style::Bars { total, .. } = &self.style {
            let done: u64 = total.prefix().parse().unwrap_or(0);
            total.set_prefix((done + 1).to_string());
        }
    }

    fn line(&self, plain: impl FnOnce() -> String, json: impl FnOnce() -> Value) {
        match &self.style {
            Style::Bars { .. } | Style::None => {}
            Style::Plain => eprintln!("{}", plain()),
            Style::Json => eprintln!("{}", json()),
        }
    }

    /// A result, on stdout.
    pub(super) fn result(&self, line: &str) {
        self.beside_bars(|| print(format!("{line}\n").as_bytes()));
    }

    fn print(&self, line: &str) {
        self.beside_bars(|| eprintln!("{line}"));
    }

    /// Prints a line where it stays above the bars.
    fn beside_bars<T>(&self, print: impl FnOnce() -> T) -> T {
        match &self.style {
            Style::Bars { all, .. } => all.suspend(print),
            _ => print(),
        }
    }
}

/// One line for all images: how many are done, what was stored, how fast, for how long.
fn bars(images: usize) -> Style {
    let all = MultiProgress::new();
    let template = format!("{{prefix}} of {images} images, {{bytes}} stored, {{bytes_per_sec}}, {{elapsed}}");
    let style = ProgressStyle::with_template(&template).expect("the template has no braces but its own");
    let total = all.add(ProgressBar::no_length().with_style(style).with_prefix("0"));
    total.enable_steady_tick(Duration::from_millis(200));
    Style::Bars { all, total }
}

fn published_line(published: &Published) -> String {
    let Published { identifier, objects, bytes, duration, .. } = published;
    let seconds = duration.as_secs_f64();
    format!("{identifier}: published {} objects, {} in {seconds:.1} s", HumanCount(*objects), HumanBytes(*bytes))
}

fn published_json(event: &str, published: &Published) -> Value {
    json!({"event": event, "id": published.identifier.to_string(), "info": published.info_urls,
           "objects": published.objects, "bytes": published.bytes, "seconds": published.duration.as_secs_f64()})
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
