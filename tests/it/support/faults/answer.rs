//! Responses: statuses, headers and the XML of S3.

use super::fault::Refusal;
use super::objects::StoredObject;
use aws_sdk_s3::primitives::{DateTime, DateTimeFormat as Format};
use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, LAST_MODIFIED, LOCATION};
use hyper::{Response, StatusCode};
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::time::SystemTime;

pub(super) type Answer = Response<Full<Bytes>>;

/// Formats a time for a header or for XML.
pub(super) fn time(time: SystemTime, format: Format) -> String {
    DateTime::from(time).fmt(format).expect("a time of our days")
}

pub(super) fn empty(status: u16) -> Answer {
    let mut answer = Response::new(Full::default());
    *answer.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    answer
}

fn text(status: u16, content_type: &'static str, text: String) -> Answer {
    let mut answer = empty(status);
    *answer.body_mut() = Full::from(text);
    header(&mut answer, CONTENT_TYPE.as_str(), content_type);
    answer
}

/// Sets a header, unless the value is invalid.
pub(super) fn header(answer: &mut Answer, name: &'static str, value: &str) {
    if let Ok(value) = value.parse() {
        answer.headers_mut().insert(name, value);
    }
}

fn xml(status: u16, root: &str) -> Answer {
    text(status, "application/xml", format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{root}"))
}

/// Returns an error response in the format of S3.
pub(super) fn error(status: u16, code: &str, message: &str) -> Answer {
    let root = format!(
        "<Error><Code>{}</Code><Message>{}</Message><RequestId>FAULTSERVER</RequestId></Error>",
        escaped(code),
        escaped(message)
    );
    let mut answer = xml(status, &root);
    header(&mut answer, "x-amz-request-id", "FAULTSERVER");
    answer
}

pub(super) fn refusal(refusal: Refusal) -> Answer {
    let (status, code, message) = refusal.parts();
    match refusal {
        Refusal::BadGateway => text(
            status,
            "text/html",
            format!("<html><head><title>{message}</title></head><body>{message}</body></html>"),
        ),
        Refusal::PermanentRedirect(aws_region) => {
            let mut answer = error(status, code, message);
            header(&mut answer, "x-amz-bucket-region", aws_region);
            answer
        }
        Refusal::TemporaryRedirect(url) => {
            let mut answer = error(status, code, message);
            header(&mut answer, LOCATION.as_str(), url);
            answer
        }
        _ => error(status, code, message),
    }
}

/// Returns the response to a put.
pub(super) fn stored(etag: &str) -> Answer {
    let mut answer = empty(200);
    header(&mut answer, ETAG.as_str(), &format!("\"{etag}\""));
    header(&mut answer, "x-amz-request-id", "FAULTSERVER");
    answer
}

/// Returns the response to a copy.
pub(super) fn copied(object: &StoredObject) -> Answer {
    let (modified, etag) = (time(object.modified, Format::DateTime), &object.etag);
    xml(
        200,
        &format!(
            "<CopyObjectResult><LastModified>{modified}</LastModified><ETag>&quot;{etag}&quot;</ETag></CopyObjectResult>"
        ),
    )
}

/// Returns the response with an object. For `HEAD`, hyper sends only the headers.
pub(super) fn object(object: &StoredObject) -> Answer {
    let mut answer = empty(200);
    *answer.body_mut() = Full::new(object.body.clone());
    answer.headers_mut().extend(object.headers.iter().cloned());
    header(&mut answer, CONTENT_LENGTH.as_str(), &object.body.len().to_string());
    header(&mut answer, ETAG.as_str(), &format!("\"{}\"", object.etag));
    header(&mut answer, LAST_MODIFIED.as_str(), &time(object.modified, Format::HttpDate));
    answer
}

/// Returns the response to a range request, such as `bytes=0-99`.
pub(super) fn part_of_object(whole: &StoredObject, range: &str) -> Answer {
    let total = whole.body.len();
    let limits = range.strip_prefix("bytes=").and_then(|range| range.split_once('-'));
    let limits = limits.and_then(|(first, last)| Some((first.parse().ok()?, last.parse::<usize>().ok()?)));
    let Some((first, last)) = limits.filter(|(first, last)| first <= last && *first < total) else {
        let mut answer = error(416, "InvalidRange", "The requested range is not satisfiable");
        header(&mut answer, CONTENT_RANGE.as_str(), &format!("bytes */{total}"));
        return answer;
    };
    let end = total.min(last + 1);
    let mut answer = object(&StoredObject { body: whole.body.slice(first..end), ..whole.clone() });
    *answer.status_mut() = StatusCode::PARTIAL_CONTENT;
    header(&mut answer, CONTENT_RANGE.as_str(), &format!("bytes {first}-{}/{total}", end - 1));
    answer
}

/// Returns a setting of a bucket, in XML or JSON.
pub(super) fn setting(document: String) -> Answer {
    text(200, "application/octet-stream", document)
}

/// A page of a listing.
pub(super) struct Page<'a> {
    pub(super) bucket: &'a str,
    pub(super) prefix: &'a str,
    pub(super) max_keys: usize,
    pub(super) objects: Vec<(&'a String, &'a StoredObject)>,
    pub(super) is_truncated: bool,
    pub(super) next: Option<String>,
}

pub(super) fn listing(page: &Page) -> Answer {
    let contents: String = page.objects.iter().map(|(key, object)| contents(key, object)).collect();
    let next = page.next.as_ref().map(|token| format!("<NextContinuationToken>{token}</NextContinuationToken>"));
    let root = format!(
        "<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Name>{}</Name><Prefix>{}</Prefix>\
         <MaxKeys>{}</MaxKeys><KeyCount>{}</KeyCount><IsTruncated>{}</IsTruncated>{}{contents}</ListBucketResult>",
        escaped(page.bucket),
        escaped(page.prefix),
        page.max_keys,
        page.objects.len(),
        page.is_truncated,
        next.unwrap_or_default(),
    );
    xml(200, &root)
}

/// Returns a listing with a delimiter, on one page and without objects.
pub(super) fn folders(bucket: &str, prefix: &str, folders: &BTreeSet<String>) -> Answer {
    let common = |folder: &String| format!("<CommonPrefixes><Prefix>{}</Prefix></CommonPrefixes>", escaped(folder));
    let common: String = folders.iter().map(common).collect();
    let root = format!(
        "<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Name>{}</Name><Prefix>{}</Prefix>\
         <Delimiter>/</Delimiter><MaxKeys>1000</MaxKeys><KeyCount>{}</KeyCount><IsTruncated>false</IsTruncated>{common}</ListBucketResult>",
        escaped(bucket),
        escaped(prefix),
        folders.len(),
    );
    xml(200, &root)
}

fn contents(key: &str, object: &StoredObject) -> String {
    format!(
        "<Contents><Key>{}</Key><LastModified>{}</LastModified><ETag>&quot;{}&quot;</ETag>\
         <Size>{}</Size><StorageClass>STANDARD</StorageClass></Contents>",
        escaped(key),
        time(object.modified, Format::DateTime),
        object.etag,
        object.bytes
    )
}

pub(super) fn deleted(keys: &[String]) -> Answer {
    let entry = |key: &String| format!("<Deleted><Key>{}</Key></Deleted>", escaped(key));
    let entries = keys.iter().map(entry).collect::<Vec<_>>().concat();
    xml(200, &format!("<DeleteResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">{entries}</DeleteResult>"))
}

const ENTITIES: [(&str, &str); 6] =
    [("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("\"", "&quot;"), ("'", "&apos;"), ("\r", "&#13;")];

fn escaped(text: &str) -> Cow<'_, str> {
    let mut escaped = Cow::Borrowed(text);
    for (plain, entity) in ENTITIES {
        if escaped.contains(plain) {
            escaped = Cow::Owned(escaped.replace(plain, entity));
        }
    }
    escaped
}

fn unescaped(text: &str) -> String {
    // `&amp;` comes last, so that its result is not unescaped again.
    ENTITIES.iter().rev().fold(text.to_owned(), |text, (plain, entity)| text.replace(entity, plain))
}

/// Returns the keys in the body of a `DeleteObjects` request.
pub(super) fn keys_to_delete(body: &[u8]) -> Vec<String> {
    let body = String::from_utf8_lossy(body);
    let keys = body.split("<Key>").skip(1).filter_map(|rest| rest.split_once("</Key>"));
    keys.map(|(key, _)| unescaped(key)).collect()
}
