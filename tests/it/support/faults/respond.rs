//! The processing of a request.

use super::answer::{self, Answer};
use super::call::{Request, parameter};
use super::fault::Fault;
use super::listen::{Line, Order};
use super::objects::{StoredObject, hexadecimal};
use super::{Refusal, Shared, locked};
use aws_sdk_s3::primitives::DateTimeFormat;
use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::header::{ACCESS_CONTROL_ALLOW_ORIGIN, DATE, ETAG, IF_MATCH, IF_NONE_MATCH};
use hyper::http::request::Parts;
use hyper::{HeaderMap, Method};
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use sha2::{Digest, Sha256};

/// The header that names the source of a copy.
const COPY_SOURCE: &str = "x-amz-copy-source";

/// Maximum number of keys on a page of a listing, as on AWS.
const MAX_KEYS: usize = 1000;

/// Responds to a request, unless a fault suppresses the response.
pub(super) async fn respond(shared: &Shared, line: &Line, request: hyper::Request<Incoming>) -> Answer {
    let (_busy, _in_flight) = (line.busy(), shared.begin());
    let (head, body) = request.into_parts();
    let request = Request::read(&head);
    let (number, faults) = shared.admit(request.clone());
    if faults.contains(&Fault::ResetBeforeBody) {
        return line.reset().await;
    }
    let Ok(body) = body.collect().await else { return answer::empty(400) };
    let body = body.to_bytes();
    if head.method == Method::POST {
        shared.asked_to_delete(number, answer::keys_to_delete(&body));
    }
    suffer(shared, line, &faults).await;
    let exchange = Exchange { shared, head, request, faults, body };
    let is_answered = !exchange.is(Fault::ResetAfterBody);
    let answer = exchange.answer();
    if !is_answered {
        return line.reset().await;
    }
    shared.answered(number, answer.status().as_u16());
    answer
}

/// Waits for the time of the faults, which may be infinite.
async fn suffer(shared: &Shared, line: &Line, faults: &[Fault]) {
    for fault in faults {
        match fault {
            Fault::Slow(time) => tokio::time::sleep(*time).await,
            Fault::NeverAnswer => std::future::pending().await,
            Fault::Down(time) => {
                // Fails only if the listening task has ended, which also closes the port.
                let _ = shared.orders.send(Order::down(*time).0);
                line.reset::<()>().await;
            }
            _ => (),
        }
    }
}

/// A request that was read completely.
struct Exchange<'a> {
    shared: &'a Shared,
    head: Parts,
    request: Request,
    faults: Vec<Fault>,
    body: Bytes,
}

impl Exchange<'_> {
    fn is(&self, fault: Fault) -> bool {
        self.faults.contains(&fault)
    }

    fn answer(mut self) -> Answer {
        if self.is(Fault::FlippedBit) || self.is(Fault::FlippedBitUnnoticed) {
            self.body = with_flipped_bit(&self.body);
        }
        let answer = self.refused().unwrap_or_else(|| self.obeyed());
        self.with_headers(answer)
    }

    /// Returns the error that is sent before any processing, if there is one.
    fn refused(&self) -> Option<Answer> {
        self.faults.iter().find_map(|fault| match fault {
            Fault::Answer(refusal) => Some(answer::refusal(*refusal)),
            Fault::ErrorInOk => Some(answer::error(200, "InternalError", "We encountered an internal error.")),
            Fault::RejectChecksums if has_checksums(&self.head.headers) => {
                Some(answer::error(400, "InvalidArgument", "A header you provided is not implemented."))
            }
            Fault::RequireHeader(name) if !self.head.headers.contains_key(*name) => {
                Some(answer::refusal(Refusal::AccessDenied))
            }
            Fault::OnlyRegion(aws_region) if self.request.aws_region.as_deref() != Some(aws_region) => {
                Some(answer::refusal(Refusal::PermanentRedirect(aws_region)))
            }
            _ => None,
        })
    }

    fn obeyed(&self) -> Answer {
        let (bucket, key) = self.request.place();
        let query = &self.request.query;
        if locked(&self.shared.missing_buckets).contains(bucket) {
            return answer::refusal(Refusal::NoSuchBucket);
        }
        if let Some(answer) = self.by_settings(bucket, key) {
            return answer;
        }
        match (&self.request.method, key.is_empty()) {
            (&Method::PUT, false) if self.head.headers.contains_key(COPY_SOURCE) => self.copy(bucket, key),
            (&Method::PUT, false) => self.put(bucket, key),
            (&Method::GET | &Method::HEAD, false) => self.get(bucket, key),
            (&Method::DELETE, false) => self.delete(bucket, &[key.to_owned()], answer::empty(204)),
            (&Method::POST, true) if parameter(query, "delete").is_some() => {
                let keys = answer::keys_to_delete(&self.body);
                self.delete(bucket, &keys, answer::deleted(&keys))
            }
            (&Method::GET, true) if parameter(query, "list-type").is_some() => self.list(bucket),
            (&Method::HEAD, true) => answer::empty(200),
            (&Method::GET, true) if let Some(document) = self.setting() => answer::setting(document),
            _ => answer::error(501, "NotImplemented", "This server knows objects, and nothing of buckets."),
        }
    }

    /// Responds to requests about settings that are kept, and to requests that the settings reject.
    fn by_settings(&self, bucket: &str, key: &str) -> Option<Answer> {
        let kept = self.is(Fault::KeepSettings).then_some(&self.shared.kept_settings)?;
        let Request { method, query, .. } = &self.request;
        let is_signed = self.request.aws_region.is_some();
        match key {
            "" => kept.answer(method, bucket, query, &self.body),
            _ if *method == Method::OPTIONS => Some(answer::empty(200)),
            _ if is_signed || kept.lets_anyone_read(bucket, key) => None,
            _ => Some(answer::refusal(Refusal::AccessDenied)),
        }
    }

    /// Returns the requested bucket setting.
    fn setting(&self) -> Option<String> {
        let settings = locked(&self.shared.settings);
        let is_asked = |setting: &&String| parameter(&self.request.query, setting).is_some();
        settings.keys().find(is_asked).and_then(|setting| settings.get(setting)).cloned()
    }

    fn put(&self, bucket: &str, key: &str) -> Answer {
        if !self.has_its_sha256() {
            let message = "The provided 'x-amz-content-sha256' header does not match what was computed.";
            return answer::error(400, "XAmzContentSHA256Mismatch", message);
        }
        let object = StoredObject::new(self.body.clone(), self.shared.now()).with_headers(&self.head.headers);
        let object = if self.is(Fault::OpaqueETag) { object.with_opaque_etag() } else { object };
        let mut objects = locked(&self.shared.objects);
        let must_be_new = self.head.headers.get(IF_NONE_MATCH).is_some_and(|value| value == "*");
        if must_be_new && !self.is(Fault::IgnoreConditions) && objects.get(bucket, key).is_some() {
            return answer::error(412, "PreconditionFailed", "At least one of the preconditions did not hold");
        }
        let answer = answer::stored(&object.etag);
        objects.put(bucket, key, object);
        answer
    }

    /// Copies an object onto itself with new headers.
    fn copy(&self, bucket: &str, key: &str) -> Answer {
        let named = |name: &str| self.head.headers.get(name).and_then(|value| value.to_str().ok());
        let source = named(COPY_SOURCE).map(|source| percent_decode_str(source).decode_utf8_lossy().into_owned());
        if source != Some(format!("{bucket}/{key}")) || named("x-amz-metadata-directive") != Some("REPLACE") {
            return answer::error(
                501,
                "NotImplemented",
                "This server copies objects onto themselves, with new headers.",
            );
        }
        let mut objects = locked(&self.shared.objects);
        let Some(object) = objects.get(bucket, key) else {
            return answer::error(404, "NoSuchKey", "The specified key does not exist.");
        };
        let is_another = |wanted: &str| wanted.trim_matches('"') != object.etag;
        if named("x-amz-copy-source-if-match").is_some_and(is_another) && !self.is(Fault::IgnoreConditions) {
            return answer::error(412, "PreconditionFailed", "At least one of the preconditions did not hold");
        }
        let copy = StoredObject { modified: self.shared.now(), ..object.clone() }.with_headers(&self.head.headers);
        let answer = answer::copied(&copy);
        objects.put(bucket, key, copy);
        answer
    }

    /// Returns `true` if the body matches the signed SHA-256, or if the request declares an unsigned body.
    fn has_its_sha256(&self) -> bool {
        let named = self.head.headers.get("x-amz-content-sha256").and_then(|value| value.to_str().ok());
        let is_digest = |text: &&str| text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        self.is(Fault::FlippedBitUnnoticed)
            || named.filter(is_digest).is_none_or(|named| hexadecimal(&Sha256::digest(&self.body)) == named)
    }

    fn get(&self, bucket: &str, key: &str) -> Answer {
        let objects = locked(&self.shared.objects);
        let Some(object) = objects.get(bucket, key) else {
            return answer::error(404, "NoSuchKey", "The specified key does not exist.");
        };
        let is_another = |wanted: &str| wanted.trim_matches('"') != object.etag;
        let wanted = self.head.headers.get(IF_MATCH).and_then(|value| value.to_str().ok());
        if wanted.is_some_and(is_another) && !self.is(Fault::IgnoreConditions) {
            return answer::error(412, "PreconditionFailed", "At least one of the preconditions did not hold");
        }
        match self.request.range.as_deref().filter(|_| !self.is(Fault::IgnoreRanges)) {
            Some(range) => answer::part_of_object(object, range),
            None => answer::object(object),
        }
    }

    fn delete(&self, bucket: &str, keys: &[String], answer: Answer) -> Answer {
        let mut objects = locked(&self.shared.objects);
        for key in keys {
            objects.delete(bucket, key);
        }
        answer
    }

    /// Lists objects. The continuation token is the last key of the previous page, encoded so that clients cannot use
    /// it as a key.
    fn list(&self, bucket: &str) -> Answer {
        let named = |name| parameter(&self.request.query, name);
        let prefix = named("prefix").filter(|_| !self.is(Fault::IgnorePrefix)).unwrap_or_default();
        // A bucket without any objects.
        let bucket = if self.is(Fault::OldListing) { "" } else { bucket };
        let after = named("continuation-token").map(|token| decoded_token(&token)).or_else(|| named("start-after"));
        let after = after.filter(|_| !self.is(Fault::RepeatPage)).unwrap_or_default();
        let max_keys = named("max-keys").and_then(|number| number.parse().ok()).unwrap_or(MAX_KEYS).min(MAX_KEYS);
        let objects = locked(&self.shared.objects);
        if let Some(delimiter) = named("delimiter") {
            let folders = objects.listed(bucket, &prefix, "").filter_map(|(key, _)| {
                let (folder, _) = key[prefix.len()..].split_once(&delimiter)?;
                Some(format!("{prefix}{folder}{delimiter}"))
            });
            return answer::folders(bucket, &prefix, &folders.collect());
        }
        let mut listed = objects.listed(bucket, &prefix, &after);
        let page: Vec<_> = listed.by_ref().take(max_keys).collect();
        let last = page.last().map(|(key, _)| *key);
        let next = last.filter(|_| listed.next().is_some()).map(|key| token(key));
        let next = match named("continuation-token") {
            _ if self.is(Fault::CutListing) => None,
            _ if self.is(Fault::RepeatToken) => Some("after:".to_owned()),
            earlier if self.is(Fault::RepeatPage) => Some(format!("{}again", earlier.unwrap_or_default())),
            _ => next,
        };
        let is_truncated = next.is_some() || self.is(Fault::CutListing);
        answer::listing(&answer::Page { bucket, prefix: &prefix, max_keys, objects: page, is_truncated, next })
    }

    fn with_headers(&self, mut answer: Answer) -> Answer {
        answer::header(&mut answer, DATE.as_str(), &answer::time(self.shared.now(), DateTimeFormat::HttpDate));
        if self.is(Fault::WrongETag) && answer.headers().contains_key(ETAG) {
            answer::header(&mut answer, ETAG.as_str(), "\"00000000000000000000000000000000\"");
        }
        if self.is(Fault::NoETag) {
            answer.headers_mut().remove(ETAG);
        }
        let bucket = self.request.place().0;
        let is_kept_open = self.is(Fault::KeepSettings) && self.shared.kept_settings.lets_any_page_read(bucket);
        if self.is(Fault::AllowAnyPage) || is_kept_open {
            answer::header(&mut answer, ACCESS_CONTROL_ALLOW_ORIGIN.as_str(), "*");
        }
        answer
    }
}

fn has_checksums(headers: &HeaderMap) -> bool {
    let is_checksum = |name: &str| name.starts_with("x-amz-checksum-") || name == "x-amz-sdk-checksum-algorithm";
    headers.keys().any(|name| is_checksum(name.as_str()))
}

fn with_flipped_bit(body: &Bytes) -> Bytes {
    let mut bytes = body.to_vec();
    let middle = bytes.len() / 2;
    if let Some(byte) = bytes.get_mut(middle) {
        *byte ^= 1;
    }
    bytes.into()
}

fn token(key: &str) -> String {
    let encoded = utf8_percent_encode(key, NON_ALPHANUMERIC).to_string();
    format!("after:{}", encoded.replace('%', "!"))
}

fn decoded_token(token: &str) -> String {
    let encoded = token.trim_start_matches("after:").replace('!', "%");
    percent_decode_str(&encoded).decode_utf8_lossy().into_owned()
}
