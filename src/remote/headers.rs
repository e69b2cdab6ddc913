//! Response headers that describe a file on a web server.

use crate::http::header::{CONTENT_LENGTH, CONTENT_RANGE, ETAG, HeaderMap, HeaderName, LAST_MODIFIED};
use crate::location::Revision;
use std::ops::Range;

fn text(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
}

pub(super) fn number(headers: &HeaderMap, name: &HeaderName) -> Option<u64> {
    text(headers, name)?.parse().ok()
}

/// Parses a header such as `bytes 0-99/1234` into its range and the total size, if known.
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

/// Returns the revision from a `HEAD` response. Some servers send no size, or a size of 0 for every file, so those
/// responses are ignored.
pub(super) fn revision_of_whole(headers: &HeaderMap) -> Option<Revision> {
    number(headers, &CONTENT_LENGTH).filter(|bytes| *bytes > 0).map(|bytes| revision(bytes, headers))
}

/// Returns `true` if a response belongs to the known revision. Headers missing from the response aren't compared.
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
