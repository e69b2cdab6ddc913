//! [IIIF Change Discovery 1.0](https://iiif.io/api/discovery/1.0/) activity streams. They tell aggregators which
//! manifests were created, updated or deleted.

use serde::{Deserialize, Serialize};
use std::time::{SystemTime, UNIX_EPOCH};

const CONTEXT: &str = "http://iiif.io/api/discovery/1/context.json";

/// Media type of activity streams.
pub(crate) const CONTENT_TYPE: &str = "application/ld+json;profile=\"http://iiif.io/api/discovery/1/context.json\"";

/// Kind of activity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum ActivityKind {
    Create,
    Update,
    Delete,
}

/// A UTC timestamp with millisecond precision. Its text sorts chronologically.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Timestamp(String);

impl From<SystemTime> for Timestamp {
    fn from(time: SystemTime) -> Self {
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        let (seconds, millis) = (since.as_secs(), since.subsec_millis());
        let (days, second) = (seconds / 86_400, seconds % 86_400);
        let (year, month, day) = date(days);
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        Self(format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z"))
    }
}

/// Returns the year, month and day for a number of days since January 1, 1970.
fn date(mut days: u64) -> (u64, u64, u64) {
    let is_leap = |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let mut year = 1970;
    loop {
        let in_year = if is_leap(year) { 366 } else { 365 };
        if days < in_year {
            break;
        }
        days -= in_year;
        year += 1;
    }
    let february = if is_leap(year) { 29 } else { 28 };
    let mut month = 1;
    for in_month in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30] {
        if days < in_month {
            break;
        }
        days -= in_month;
        month += 1;
    }
    (year, month, days + 1)
}

/// A change to a manifest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Activity {
    #[serde(rename = "type")]
    pub(crate) kind: ActivityKind,
    object: Reference,
    #[serde(rename = "endTime")]
    pub(crate) end_time: Timestamp,
}

impl Activity {
    /// Creates an activity for a manifest.
    pub(crate) fn new(kind: ActivityKind, manifest: String, end_time: Timestamp) -> Self {
        Self { kind, object: Reference::new(manifest, "Manifest"), end_time }
    }

    /// Returns the manifest's URI.
    pub(crate) fn manifest(&self) -> &str {
        &self.object.id
    }
}

/// Reference to a resource.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Reference {
    id: String,
    r#type: String,
}

impl Reference {
    fn new(id: String, kind: &str) -> Self {
        Self { id, r#type: kind.to_owned() }
    }
}

/// A page of activities, oldest first.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ActivityPage {
    #[serde(rename = "@context")]
    context: String,
    id: String,
    r#type: String,
    part_of: Reference,
    start_index: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    prev: Option<Reference>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<Reference>,
    ordered_items: Vec<Activity>,
}

/// A collection of pages.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ActivityCollection {
    #[serde(rename = "@context")]
    context: &'static str,
    id: String,
    r#type: &'static str,
    total_items: usize,
    first: Reference,
    last: Reference,
}

const COLLECTION: &str = "OrderedCollection";
const PAGE: &str = "OrderedCollectionPage";

/// Returns a page's activities, or `None` if the document isn't a page of activities.
pub(crate) fn activities(body: &[u8]) -> Option<Vec<Activity>> {
    let page: ActivityPage = serde_json::from_slice(body).ok()?;
    (page.r#type == PAGE).then_some(page.ordered_items)
}

/// Returns serialized pages with up to `page_size` activities each. `url` returns a page's URI, counting from 1.
pub(crate) fn pages_json(
    activities: &[Activity],
    page_size: usize,
    collection: &str,
    url: impl Fn(usize) -> String,
) -> Vec<String> {
    let count = activities.len().div_ceil(page_size);
    let reference = |number: usize| Reference::new(url(number), PAGE);
    let page = |(activities, number): (&[Activity], usize)| ActivityPage {
        context: CONTEXT.to_owned(),
        id: url(number),
        r#type: PAGE.to_owned(),
        part_of: Reference::new(collection.to_owned(), COLLECTION),
        start_index: (number - 1) * page_size,
        prev: (number > 1).then(|| reference(number - 1)),
        next: (number < count).then(|| reference(number + 1)),
        ordered_items: activities.to_vec(),
    };
    activities.chunks(page_size).zip(1..).map(|chunk| to_json(&page(chunk))).collect()
}

/// Returns the serialized collection for `pages` pages with `total` activities.
pub(crate) fn collection_json(total: usize, pages: usize, collection: &str, url: impl Fn(usize) -> String) -> String {
    to_json(&ActivityCollection {
        context: CONTEXT,
        id: collection.to_owned(),
        r#type: COLLECTION,
        total_items: total,
        first: Reference::new(url(1), PAGE),
        last: Reference::new(url(pages.max(1)), PAGE),
    })
}

fn to_json(document: &impl Serialize) -> String {
    let mut json = serde_json::to_string_pretty(document).expect("strings and numbers always serialize");
    json.push('\n');
    json
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn timestamps_are_dates_in_utc() {
        for (millis, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_826_507_089, "2000-02-29T12:15:07.089Z"),
            (1_735_689_599_999, "2024-12-31T23:59:59.999Z"),
            (1_767_225_600_000, "2026-01-01T00:00:00.000Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
        ] {
            assert_eq!(Timestamp::from(UNIX_EPOCH + Duration::from_millis(millis)).0, text);
        }
    }

    #[test]
    fn pages_link_to_each_other_and_are_read_again() {
        let activity = |number: u64| {
            let time = Timestamp::from(UNIX_EPOCH + Duration::from_secs(number));
            Activity::new(ActivityKind::Create, format!("https://example.org/manifests/{number}.json"), time)
        };
        let all: Vec<Activity> = (0..5).map(activity).collect();
        let url = |number: usize| format!("https://example.org/activity/page-{number}.json");
        let pages = pages_json(&all, 2, "https://example.org/activity/all-changes.json", url);
        let read: Vec<Activity> = pages.iter().flat_map(|page| activities(page.as_bytes()).expect("a page")).collect();
        assert_eq!((pages.len(), read), (3, all));
        let page: serde_json::Value = serde_json::from_str(&pages[1]).expect("JSON");
        let id = |member: &str| page[member]["id"].as_str().unwrap_or_default().to_owned();
        assert_eq!((id("prev"), id("next"), page["startIndex"].as_u64()), (url(1), url(3), Some(2)));
        assert_eq!(activities(b"{}"), None);
    }
}
