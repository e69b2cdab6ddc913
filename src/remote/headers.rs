//! Response headers of web servers that describe a file.

use crate::location::Revision;
use reqwest::header::{CONTENT_LENGTH, CONTENT_RANGE, ETAG, HeaderMap, HeaderName, LAST_MODIFIED, RETRY_AFTER};
use std::ops::Range;
use std::time::{Duration, SystemTime};

fn text(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
}

pub(super) fn number(headers: &HeaderMap, name: &HeaderName) -> Option<u64> {
    text(headers, name)?.parse().ok()
}

/// Returns the delay that a server requests, in seconds or as a date (RFC 9110, 10.2.3).
pub(super) fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = text(headers, &RETRY_AFTER)?;
    match text.trim().parse() {
        Ok(seconds) => Some(Duration::from_secs(seconds)),
        Err(_) => httpdate::parse_http_date(text.trim()).ok().map(|date| date.duration_since(now).unwrap_or_default()),
    }
}

/// Returns the range of a header such as `bytes 0-99/1234`, and the total size if it is known.
pub(super) fn content_range(headers: &HeaderMap) -> Option<(Option<Range<u64>>, Option<u64>)> {
    let text = text(headers, &CONTENT_RANGE)?;
    let (range, total) = text.strip_prefix("bytes ")?.split_once('/')?;
    let range = range
        .split_once('-')
        .and_then(|(first, last)| Some(first.parse().ok()?..last.parse::<u64>().ok()?.checked_add(1)?));
    Some((range, total.parse().ok()))
}

pub(super) fn total(headers: &HeaderMap) -> Option<u64> {
    content_range(headers).and_then(|(_, total)| total)
}

pub(super) fn revision(bytes: u64, headers: &HeaderMap) -> Revision {
    Revision { bytes, etag: text(headers, &ETAG), modified: text(headers, &LAST_MODIFIED) }
}

/// Returns the revision in a response to `HEAD`. Some servers send no size or a size of 0 for every file, so these are
/// ignored.
pub(super) fn revision_of_whole(headers: &HeaderMap) -> Option<Revision> {
    number(headers, &CONTENT_LENGTH).filter(|bytes| *bytes > 0).map(|bytes| revision(bytes, headers))
}

/// Returns `true` if a response belongs to the known revision. Headers that the response omits are not compared.
pub(super) fn is_still(known: &Revision, headers: &HeaderMap) -> bool {
    let found = revision(known.bytes, headers);
    match ((&known.etag, &found.etag), (&known.modified, &found.modified)) {
        ((Some(known), Some(found)), _) => known.trim_start_matches("W/") == found.trim_start_matches("W/"),
        (_, (Some(known), Some(found))) => known == found,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(named: &[(HeaderName, &str)]) -> HeaderMap {
        named.iter().map(|(name, value)| (name.clone(), value.parse().expect("a value"))).collect()
    }

    #[test]
    fn ranges_are_read_with_their_totals() {
        let read = |text: &str| content_range(&headers(&[(CONTENT_RANGE, text)]));
        assert_eq!(read("bytes 0-99/1234"), Some((Some(0..100), Some(1234))));
        assert_eq!(read("bytes 5-5/*"), Some((Some(5..6), None)));
        assert_eq!(read("bytes */0"), Some((None, Some(0))));
        assert_eq!(read("pages 1-2/3"), None);
        assert_eq!(read("bytes 0-18446744073709551615/1"), Some((None, Some(1))));
    }

    #[test]
    fn a_pause_is_a_number_of_seconds_or_a_date() {
        let now = httpdate::parse_http_date("Mon, 05 Jan 2026 00:00:00 GMT").expect("a date");
        let read = |text: &str| retry_after(&headers(&[(RETRY_AFTER, text)]), now);
        assert_eq!(read("120"), Some(Duration::from_mins(2)));
        assert_eq!(read("18446744073709551615"), Some(Duration::from_secs(u64::MAX)));
        assert_eq!(read("Mon, 05 Jan 2026 00:00:07 GMT"), Some(Duration::from_secs(7)));
        assert_eq!(read("Sun, 04 Jan 2026 00:00:00 GMT"), Some(Duration::ZERO), "a time in the past");
        for nonsense in ["", "soon", "-1", "1.5", "18446744073709551616"] {
            assert_eq!(read(nonsense), None, "{nonsense}");
        }
    }

    #[test]
    fn a_replaced_file_has_another_etag_or_time() {
        let monday = (LAST_MODIFIED, "Mon, 05 Jan 2026 00:00:00 GMT");
        let tuesday = (LAST_MODIFIED, "Tue, 06 Jan 2026 00:00:00 GMT");
        let known = revision(1, &headers(&[(ETAG, "\"a\""), monday.clone()]));
        assert!(is_still(&known, &headers(&[(ETAG, "W/\"a\""), tuesday.clone()])));
        assert!(!is_still(&known, &headers(&[(ETAG, "\"b\""), monday.clone()])));
        assert!(is_still(&known, &headers(&[monday])) && !is_still(&known, &headers(&[tuesday])));
        assert!(is_still(&known, &headers(&[])), "the response has no validators");
    }
}
