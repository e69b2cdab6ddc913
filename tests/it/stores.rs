//! The contract of stores: one table of checks that runs on every store.
//!
//! Stores differ. [`Abilities`] lists the abilities of each store, and each check asserts exactly these abilities.

use crate::support::child::in_child;
use crate::support::pictures::png_file;
use crate::support::program::program;
use crate::support::s3::{MISSING_BUCKET, Server, servers};
use bytes::Bytes;
use futures::future::{BoxFuture, join_all};
use futures::{FutureExt, StreamExt, TryStreamExt, stream};
use iiif_publish::store::{
    Body, ETag, FolderStore, HeaderUpdate, Key, Listed, MemoryStore, Object, Prefix, Receipt, Redirect, Redirects,
    S3Settings, S3Store, Store, StoreErrorKind, Stored,
};
use std::collections::BTreeSet;
use std::io::Write;
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tempfile::TempDir;

/// More objects than fit on a page of any store.
const MANY: usize = 1_005;

/// Number of parallel puts in checks with many objects.
const IN_FLIGHT: usize = 32;

/// Time after which persistent server errors are returned.
const RETRY_FOR: Duration = Duration::from_secs(10);

/// Clocks of stores have a resolution of a second, and times in some listings have a lower one.
const CLOCK_PRECISION: Duration = Duration::from_secs(2);

/// A pause after which two puts have different times in any store.
const NEXT_TIME: Duration = Duration::from_millis(1_100);

/// The relation of a listed entity tag to the tag that the put returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ListedTags {
    Same,
    None,
}

/// The result of [`Store::update_headers`] for an object that was replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Condition {
    /// The store rejects the update.
    Kept,
    /// The store ignores the condition, but the tag of the copy reveals it if tags are digests.
    Detected,
    /// The store ignores the condition, and its tags do not reveal it.
    Ignored,
}

/// The abilities of a store.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "a table of independent abilities")]
struct Abilities {
    tags: ListedTags,
    /// Long listings have more than one page.
    pages: bool,
    /// [`Store::put_new`] never replaces an object.
    refuses: bool,
    /// [`Store::update_headers`] works.
    updates: bool,
    condition: Condition,
    /// An object `a` is reported as missing if there is an object `a/b`.
    tells_folders: bool,
    /// The mark of an object always belongs to the writer of its content.
    keeps_marks: bool,
    /// A put into a missing bucket is an error.
    needs_buckets: bool,
    /// If a writer disconnects during a put, the object stays readable.
    survives: bool,
}

const ALL: Abilities = Abilities {
    tags: ListedTags::Same,
    pages: true,
    refuses: true,
    updates: true,
    condition: Condition::Kept,
    tells_folders: true,
    keeps_marks: true,
    needs_buckets: true,
    survives: true,
};

/// Returns the abilities of the store with this name. Each store must be listed.
fn abilities(name: &str) -> Abilities {
    match name {
        "memory" => Abilities { pages: false, ..ALL },
        "folder" => Abilities { updates: false, ..ALL },
        // Concurrent writers can leave the content of one writer with the headers of another.
        "s3s-fs" => {
            Abilities { tags: ListedTags::None, tells_folders: false, keeps_marks: false, needs_buckets: false, ..ALL }
        }
        "odd" => Abilities { refuses: false, condition: Condition::Ignored, ..ALL },
        // Ceph 16 ignores the condition of a copy.
        "ceph" => Abilities { condition: Condition::Detected, ..ALL },
        "localstack" => Abilities { survives: false, ..ALL },
        "seaweedfs" | "minio" => ALL,
        other => panic!("`{other}` is not in the table of abilities"),
    }
}

/// A store under test.
struct Subject {
    name: String,
    abilities: Abilities,
    store: Arc<dyn Store>,
    /// The same kind of store with a missing bucket or folder.
    missing: Option<Arc<dyn Store>>,
    cache_control: Box<dyn Fn(Key) -> BoxFuture<'static, Option<String>> + Send + Sync>,
    /// The folder, which is deleted after the checks.
    _folder: Option<TempDir>,
}

impl Subject {
    fn memory() -> Self {
        let store = Arc::new(MemoryStore::default());
        let objects = Arc::clone(&store);
        let cache_control = move |key| {
            let found = objects.objects().into_iter().find(|object| object.key == key);
            std::future::ready(found.map(|object| object.cache_control.to_string())).boxed()
        };
        Self::new("memory", store, None, cache_control, None)
    }

    fn folder() -> Self {
        let folder = TempDir::new().expect("a folder");
        std::fs::write(folder.path().join("file"), "").expect("written");
        let missing = FolderStore::new(folder.path().join("file/below"));
        let store = FolderStore::new(folder.path().join("out"));
        let none = |_| std::future::ready(None).boxed();
        Self::new("folder", Arc::new(store), Some(Arc::new(missing)), none, Some(folder))
    }

    async fn server(server: Server, bucket: String) -> Self {
        let settings = |bucket: &str| {
            let mut settings = S3Settings::new(bucket);
            settings.endpoint_url = Some(server.endpoint.clone());
            settings.retry_for = Some(RETRY_FOR);
            settings
        };
        let store = S3Store::connect(settings(&bucket)).await.expect("credentials");
        let missing = S3Store::connect(settings(MISSING_BUCKET)).await.expect("credentials");
        let client = server.client();
        let cache_control = move |key: Key| {
            let head = client.head_object().bucket(&bucket).key(key.as_str()).send();
            async move { head.await.expect("an object").cache_control }.boxed()
        };
        Self::new(&server.name, Arc::new(store), Some(Arc::new(missing)), cache_control, None)
    }

    fn new(
        name: &str,
        store: Arc<dyn Store>,
        missing: Option<Arc<dyn Store>>,
        cache_control: impl Fn(Key) -> BoxFuture<'static, Option<String>> + Send + Sync + 'static,
        folder: Option<TempDir>,
    ) -> Self {
        let (name, abilities) = (name.to_owned(), abilities(name));
        Self { name, abilities, store, missing, cache_control: Box::new(cache_control), _folder: folder }
    }

    async fn put(&self, object: Object) -> Receipt {
        self.store.put(object).await.expect("stored")
    }

    async fn get(&self, key: &Key) -> Option<Stored> {
        self.store.get(key).await.expect("readable")
    }

    async fn pages(&self, below: &str) -> Vec<Vec<Listed>> {
        let below: Prefix = below.parse().expect("a prefix");
        self.store.pages(&below).try_collect().await.expect("listed")
    }

    async fn listed(&self, below: &str) -> BTreeSet<String> {
        self.pages(below).await.concat().into_iter().map(|listed| listed.key.to_string()).collect()
    }

    async fn find(&self, key: &Key) -> Listed {
        let folder = key.as_str().rsplit_once('/').map_or("", |(folder, _)| folder);
        let listed = self.pages(folder).await.concat();
        listed.into_iter().find(|listed| listed.key == *key).expect("listed")
    }

    /// Asserts that the listed tag has the expected relation to the tag of the put.
    fn assert_tag(&self, receipt: &Receipt, listed: &Listed) {
        assert_eq!((&listed.key, listed.bytes), (&receipt.key, receipt.bytes));
        assert!(receipt.etag.is_some(), "every put returns an entity tag");
        let found = match &listed.etag {
            None => ListedTags::None,
            Some(_) => ListedTags::Same,
        };
        assert_eq!(found, self.abilities.tags);
        assert!(listed.etag.is_none() || listed.etag == receipt.etag, "{receipt:?} was put, {listed:?} is listed");
    }
}

fn key(key: &str) -> Key {
    Prefix::default().found(key).expect("not empty")
}

fn object(name: &str, body: impl Into<Body>, mark: &str) -> Object {
    Object {
        key: key(name),
        body: body.into(),
        content_encoding: None,
        content_type: "application/json",
        cache_control: "max-age=1".into(),
        mark: Some(mark.into()),
    }
}

fn keys(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

async fn a_put_object_is_read_with_its_mark_and_tag(store: Arc<Subject>) {
    let receipt = store.put(object("round/info.json", "{}", "a mark")).await;
    let stored = store.get(&receipt.key).await.expect("stored");
    assert_eq!((&stored.body[..], stored.mark.as_deref()), (&b"{}"[..], Some("a mark")));
    assert_eq!(stored.etag, receipt.etag);
    assert_eq!(receipt.bytes, 2);
    assert_eq!(store.get(&key("round/other.json")).await, None);
    let folder = store.store.get(&key("round")).await;
    assert_eq!(folder.is_ok_and(|folder| folder.is_none()), store.abilities.tells_folders, "a folder is not an object");
}

async fn the_tag_of_a_put_is_the_tag_in_the_listing(store: Arc<Subject>) {
    for (name, body) in [("tags/a.json", "{}"), ("tags/b.json", "[]"), ("tags/c.jpg", "picture")] {
        let receipt = store.put(object(name, body, "mark")).await;
        store.assert_tag(&receipt, &store.find(&receipt.key).await);
    }
}

async fn a_put_replaces(store: Arc<Subject>) {
    let first = store.put(object("replace/info.json", "{}", "one")).await;
    let second = store.put(object("replace/info.json", "[]", "two")).await;
    let stored = store.get(&first.key).await.expect("stored");
    assert_eq!((&stored.body[..], stored.mark.as_deref()), (&b"[]"[..], Some("two")));
    store.assert_tag(&second, &store.find(&second.key).await);
    assert_eq!(store.listed("replace").await.len(), 1);
}

async fn a_new_object_never_replaces_a_different_one(store: Arc<Subject>) {
    let first = store.store.put_new(object("new/info.json", "{}", "one")).await.expect("new");
    let again = store.store.put_new(object("new/info.json", "{}", "one")).await.expect("the same");
    assert_eq!(first.etag, again.etag);
    let other = store.store.put_new(object("new/info.json", "[]", "two")).await;
    let stored = store.get(&first.key).await.expect("stored");
    if store.abilities.refuses {
        assert_eq!(other.expect_err("another one").kind(), StoreErrorKind::Exists);
        assert_eq!((&stored.body[..], stored.mark.as_deref()), (&b"{}"[..], Some("one")));
    } else {
        assert!(other.is_ok() && stored.body == "[]", "the store ignores conditions");
    }
}

async fn many_objects_are_listed_in_pages_and_deleted_at_once(store: Arc<Subject>) {
    let objects = (0..MANY).map(|number| object(&format!("many/{number}.jpg"), number.to_string(), "mark"));
    stream::iter(objects).map(|object| store.put(object)).buffer_unordered(IN_FLIGHT).count().await;
    let pages = store.pages("many").await;
    assert_eq!(pages.len() > 1, store.abilities.pages, "{} pages", pages.len());
    let listed: Vec<Key> = pages.concat().into_iter().map(|listed| listed.key).collect();
    let expected: BTreeSet<Key> = (0..MANY).map(|number| key(&format!("many/{number}.jpg"))).collect();
    assert_eq!(listed.len(), MANY, "nothing is listed twice");
    assert_eq!(listed.iter().cloned().collect::<BTreeSet<_>>(), expected);
    store.store.delete(listed).await.expect("deleted");
    assert!(store.listed("many").await.is_empty());
}

async fn prefixes_end_at_slashes(store: Arc<Subject>) {
    for name in ["bounds/maps/a/info.json", "bounds/maps-of-rome/info.json", "bounds/maps.json"] {
        store.put(object(name, "{}", "mark")).await;
    }
    assert_eq!(store.listed("bounds/maps").await, keys(&["bounds/maps/a/info.json"]));
    assert_eq!(store.listed("bounds").await.len(), 3);
    assert!(store.listed("").await.is_superset(&store.listed("bounds").await), "an empty prefix is that of everything");
    assert!(store.listed("bounds/map").await.is_empty());
    assert!(store.listed("bounds/nothing").await.is_empty());
}

async fn folders_are_listed_without_their_content(store: Arc<Subject>) {
    for name in ["folders/a/1.json", "folders/a/2.json", "folders/b/c/3.json", "folders/4.json"] {
        store.put(object(name, "{}", "mark")).await;
    }
    let folders = async |below: &str| {
        let below: Prefix = below.parse().expect("a prefix");
        store.store.folders(&below).await.expect("listed").into_iter().collect::<BTreeSet<_>>()
    };
    assert_eq!(folders("folders").await, keys(&["a", "b"]));
    assert_eq!(folders("folders/b").await, keys(&["c"]));
    assert!(folders("folders/a").await.is_empty() && folders("folders/nothing").await.is_empty());
    assert!(folders("").await.contains("folders"));
}

async fn a_delete_may_be_repeated(store: Arc<Subject>) {
    for name in ["delete/a.json", "delete/b/c.json"] {
        store.put(object(name, "{}", "mark")).await;
    }
    let gone = vec![key("delete/b/c.json"), key("delete/never/was.json")];
    for _ in 0..2 {
        store.store.delete(gone.clone()).await.expect("deleted");
        assert_eq!(store.get(&gone[0]).await, None);
        assert_eq!(store.listed("delete").await, keys(&["delete/a.json"]));
    }
    store.store.delete(Vec::new()).await.expect("nothing to do");
    store.put(object("delete/b/c.json", "[]", "again")).await;
    assert_eq!(store.get(&gone[0]).await.and_then(|stored| stored.mark).as_deref(), Some("again"));
}

async fn keys_may_contain_any_character(store: Arc<Subject>) {
    for name in ["odd/Plän 50%/a+b (1)/info.json", "odd/x&y=z;'!,@$~/info.json", "odd/日本語/info.json"] {
        let receipt = store.put(object(name, name.to_owned(), "mark")).await;
        assert_eq!(store.get(&receipt.key).await.expect("stored").body, name);
        store.assert_tag(&receipt, &store.find(&receipt.key).await);
        if store.abilities.updates {
            store.store.update_headers(update(&receipt, "two")).await.expect("updated");
            assert_eq!(store.get(&receipt.key).await.expect("stored").body, name);
        }
        store.store.delete(vec![receipt.key.clone()]).await.expect("deleted");
        assert_eq!(store.get(&receipt.key).await, None);
    }
}

fn update(receipt: &Receipt, mark: &str) -> HeaderUpdate {
    HeaderUpdate {
        key: receipt.key.clone(),
        bytes: receipt.bytes,
        etag: receipt.etag.clone().expect("a tag"),
        content_type: "application/json",
        cache_control: "max-age=2".into(),
        mark: Some(mark.into()),
    }
}

async fn headers_are_updated_without_the_content(store: Arc<Subject>) {
    let receipt = store.put(object("headers/info.json", "{}", "one")).await;
    let updated = store.store.update_headers(update(&receipt, "two")).await;
    if !store.abilities.updates {
        assert_eq!(updated.expect_err("not supported").kind(), StoreErrorKind::Unsupported);
        assert_eq!(store.get(&receipt.key).await.expect("stored").mark.as_deref(), Some("one"));
        return;
    }
    let updated = updated.expect("updated");
    let stored = store.get(&receipt.key).await.expect("stored");
    assert_eq!((&stored.body[..], stored.mark.as_deref()), (&b"{}"[..], Some("two")));
    assert_eq!((store.cache_control)(receipt.key.clone()).await.as_deref(), Some("max-age=2"));
    assert_eq!((&updated.key, updated.bytes), (&receipt.key, 2));
    assert!(updated.etag.is_some());
    store.assert_tag(&Receipt { etag: stored.etag, ..updated }, &store.find(&receipt.key).await);
}

async fn headers_of_a_replaced_object_are_not_updated(store: Arc<Subject>) {
    let first = store.put(object("compare/info.json", "{}", "one")).await;
    store.put(object("compare/info.json", "[]", "two")).await;
    if !store.abilities.updates {
        let error = store.store.update_headers(update(&first, "three")).await.expect_err("not supported");
        assert_eq!(error.kind(), StoreErrorKind::Unsupported);
        assert_eq!(store.get(&first.key).await.and_then(|stored| stored.mark).as_deref(), Some("two"));
        return;
    }
    let stale =
        HeaderUpdate { etag: ETag::new("99914b932bd37a50b983c5e7c90ae93b").expect("a tag"), ..update(&first, "three") };
    let updated = store.store.update_headers(stale).await;
    let stored = store.get(&first.key).await.expect("stored");
    assert_eq!(stored.body, "[]");
    let condition = store.abilities.condition;
    let error = updated.err().map(|error| error.kind());
    assert_eq!(error, (condition != Condition::Ignored).then_some(StoreErrorKind::Exists));
    assert_eq!(stored.mark.as_deref(), Some(if condition == Condition::Kept { "two" } else { "three" }));
    let gone = store.put(object("compare/gone.json", "{}", "one")).await;
    store.store.delete(vec![gone.key.clone()]).await.expect("deleted");
    store.store.update_headers(update(&gone, "two")).await.expect_err("there is nothing");
    assert_eq!(store.get(&gone.key).await, None);
}

async fn all_times_come_from_one_clock(store: Arc<Subject>) {
    let modified = async |name: &str| {
        let receipt = store.put(object(name, "{}", "mark")).await;
        let stored = store.get(&receipt.key).await.and_then(|stored| stored.modified).expect("a time");
        let listed = store.find(&receipt.key).await.modified.expect("a time");
        assert!(difference(stored, listed) <= CLOCK_PRECISION, "{stored:?} is read, {listed:?} is listed");
        stored
    };
    let first = modified("times/1.json").await;
    tokio::time::sleep(NEXT_TIME).await;
    let second = modified("times/2.json").await;
    assert!(first < second, "{first:?} came before {second:?}");
    let now = store.store.now().await.expect("a time");
    assert!(now + CLOCK_PRECISION >= second, "it is {now:?}, and the object is of {second:?}");
    assert!(difference(now, second) < Duration::from_mins(2), "it is {now:?}, and the object is of {second:?}");
}

fn difference(one: SystemTime, other: SystemTime) -> Duration {
    one.duration_since(other).unwrap_or_else(|error| error.duration())
}

/// Returns the body of one of several writers.
fn of_writer(number: u8) -> Bytes {
    vec![number; 200_000 + usize::from(number)].into()
}

fn is_of_one_writer(body: &Bytes) -> bool {
    body.first().is_some_and(|first| *body == of_writer(*first))
}

async fn one_of_several_writers_wins_completely(store: Arc<Subject>) {
    for _ in 0..5 {
        let put = async |number: u8| store.put(object("race/info.json", of_writer(number), &number.to_string())).await;
        join_all((0..8).map(put)).await;
        let stored = store.get(&key("race/info.json")).await.expect("stored");
        assert!(is_of_one_writer(&stored.body), "{} bytes", stored.body.len());
        let mark = stored.mark.map_or(stored.body[0].to_string(), |mark| mark);
        let is_kept = mark == stored.body[0].to_string() || !store.abilities.keeps_marks;
        assert!(is_kept, "a mark may be lost, but never that of another writer");
        assert_eq!(store.find(&key("race/info.json")).await.bytes, stored.body.len() as u64);
    }
    assert_eq!(store.listed("race").await.len(), 1, "and nothing is left of the others");
}

async fn a_canceled_put_leaves_the_old_or_the_new_object_complete(store: Arc<Subject>) {
    if !store.abilities.survives {
        let _ = writeln!(std::io::stderr(), "SKIPPED on {}: canceled puts, which damage its objects", store.name);
        return;
    }
    store.put(object("given-up/info.json", of_writer(0), "0")).await;
    for number in 1..20 {
        let put = store.store.put(object("given-up/info.json", of_writer(number), &number.to_string()));
        let _ = tokio::time::timeout(Duration::from_micros(200) * u32::from(number), put).await;
        let stored = store.get(&key("given-up/info.json")).await.expect("stored");
        assert!(is_of_one_writer(&stored.body), "{} bytes", stored.body.len());
    }
}

async fn a_missing_bucket_or_folder_is_an_error(store: Arc<Subject>) {
    let Some(missing) = &store.missing else { return };
    assert_eq!(missing.check().await.expect_err("missing").kind(), StoreErrorKind::Missing);
    let put = missing.put(object("a.json", "{}", "mark")).await;
    let is_refused = put.is_err_and(|error| error.kind() == StoreErrorKind::Missing);
    assert_eq!(is_refused, store.abilities.needs_buckets);
    store.store.check().await.expect("there");
}

async fn redirects_replace_no_other_object(store: Arc<Subject>) {
    store.put(object("redirects/a2.json", "{}", "mark")).await;
    let redirects = store.store.redirect_store().expect("every store of ours has redirects");
    let base_url = "https://example.org/redirects/a".to_owned();
    let one = |from: &str| Redirect { from: key(from), url: base_url.clone(), to: format!("{base_url}/info.json") };
    for list in [vec![one("redirects/a")], vec![one("redirects/a")], Vec::new()] {
        let set = Redirects { base: key("redirects/a"), base_url: base_url.clone(), depth: 4, redirects: list };
        redirects.set_redirects(set).await.expect("set");
        let stored = store.get(&key("redirects/a2.json")).await.expect("not redirected");
        assert_eq!((stored.body.as_ref(), stored.mark.as_deref()), (&b"{}"[..], Some("mark")));
    }
}

async fn a_flush_completes(store: Arc<Subject>) {
    store.put(object("flush/info.json", "{}", "mark")).await;
    store.store.flush().await.expect("flushed");
}

type Check = fn(Arc<Subject>) -> BoxFuture<'static, ()>;

macro_rules! checks {
    ($($check:ident),* $(,)?) => {
        [$((stringify!($check), (|store| $check(store).boxed()) as Check)),*]
    };
}

fn all_checks() -> Vec<(&'static str, Check)> {
    checks![
        a_put_object_is_read_with_its_mark_and_tag,
        the_tag_of_a_put_is_the_tag_in_the_listing,
        a_put_replaces,
        a_new_object_never_replaces_a_different_one,
        many_objects_are_listed_in_pages_and_deleted_at_once,
        prefixes_end_at_slashes,
        folders_are_listed_without_their_content,
        a_delete_may_be_repeated,
        keys_may_contain_any_character,
        headers_are_updated_without_the_content,
        headers_of_a_replaced_object_are_not_updated,
        all_times_come_from_one_clock,
        one_of_several_writers_wins_completely,
        a_canceled_put_leaves_the_old_or_the_new_object_complete,
        a_missing_bucket_or_folder_is_an_error,
        redirects_replace_no_other_object,
        a_flush_completes,
    ]
    .into()
}

/// Runs all checks on one store and returns the failed ones.
async fn failures(subject: Subject) -> Vec<String> {
    let subject = Arc::new(subject);
    let mut failures = Vec::new();
    for (name, check) in all_checks() {
        let began = std::time::Instant::now();
        let outcome = tokio::spawn(check(Arc::clone(&subject))).await;
        let word = if outcome.is_ok() { "ok" } else { "FAILED" };
        eprintln!("{}: {name}: {word} in {:.1} s", subject.name, began.elapsed().as_secs_f64());
        failures.extend(outcome.err().map(|_| format!("{}: {name}", subject.name)));
    }
    failures
}

#[test]
fn every_store_fulfills_the_contract() {
    in_child(|| {
        // Created outside of the runtime of the checks.
        let places: Vec<(Server, String)> =
            servers().into_iter().map(|it| (it.clone(), it.bucket("contract"))).collect();
        async {
            let mut failed = [failures(Subject::memory()).await, failures(Subject::folder()).await].concat();
            for (server, bucket) in places {
                failed.extend(failures(Subject::server(server, bucket).await).await);
            }
            assert!(failed.is_empty(), "{failed:#?}");
        }
    });
}

#[test]
fn two_programs_publish_into_one_folder_at_once() {
    let folder = TempDir::new().expect("a folder");
    let image = png_file(folder.path(), "scan.png", 700, 500);
    for round in 0..5 {
        let output = folder.path().join(format!("out-{round}"));
        let start = || {
            let mut command = program();
            command.args(["--public-url=https://example.org", "--output"]).arg(&output).arg(&image);
            command.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().expect("the program was built")
        };
        let both = [start(), start()].map(|child| child.wait_with_output().expect("it ends"));
        for one in both {
            assert!(one.status.success(), "{}", String::from_utf8_lossy(&one.stderr));
        }
        let entries = walkdir::WalkDir::new(&output).into_iter().flatten().filter(|entry| entry.file_type().is_file());
        let empty = entries.filter(|entry| entry.metadata().is_ok_and(|metadata| metadata.len() == 0)).count();
        assert_eq!(empty, 0, "files without content");
    }
}
