//! Documents other than version 3 manifests, including collection thumbnails, version 2 documents and activity streams.

use crate::support::faults::FaultServer;
use crate::support::pictures::{file, png_file};
use crate::support::program::{Run, program};
use hyper::Method;
use serde_json::{Value, json};
use std::path::Path;
use std::time::Duration;
use tempfile::TempDir;

const BUCKET: &str = "tiles";
const PUBLIC_URL: &str = "https://example.org/iiif";

fn ingest(server: &FaultServer, arguments: &[&str], inputs: &[&Path]) -> Run {
    server.forget_requests();
    let mut command = program();
    command.args(["ingest", "--bucket", BUCKET, "--endpoint-url", &server.endpoint(), "--public-url", PUBLIC_URL]);
    let run: Run = command.args(arguments).args(inputs).output().expect("built").into();
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    run
}

fn puts(server: &FaultServer) -> Vec<String> {
    let requests = server.requests();
    let puts = requests.iter().filter(|request| request.method == Method::PUT);
    let key = |path: &str| path.strip_prefix(&format!("/{BUCKET}/")).map(str::to_owned);
    let mut keys: Vec<String> =
        puts.filter_map(|request| key(&request.path)).filter(|key| key.ends_with(".json")).collect();
    keys.sort();
    keys
}

fn document(server: &FaultServer, key: &str) -> Value {
    serde_json::from_slice(&server.object(BUCKET, key).unwrap_or_else(|| panic!("{key} is there")).body).expect("JSON")
}

fn masters() -> TempDir {
    let folder = TempDir::new().expect("a folder");
    for (name, width) in [("a.png", 700), ("b.png", 600)] {
        png_file(folder.path(), name, width, 400);
    }
    folder
}

#[test]
fn collections_show_thumbnails_and_old_ones_are_left_alone_until_they_change() {
    let (server, masters) = (FaultServer::start(), masters());
    ingest(&server, &[], &[masters.path()]);
    let collection = document(&server, "collection.json");
    let thumbnail = &collection["items"][0]["thumbnail"][0];
    assert_eq!(thumbnail["id"], format!("{PUBLIC_URL}/a/full/350,200/0/default.jpg"));
    assert_eq!((&thumbnail["width"], thumbnail.get("service")), (&json!(350), None));
    // As written by an earlier version of the program, without thumbnails.
    let mut old = collection.clone();
    for item in old["items"].as_array_mut().expect("items") {
        item.as_object_mut().expect("an item").remove("thumbnail");
    }
    let old = serde_json::to_string_pretty(&old).expect("JSON") + "\n";
    server.store(BUCKET, "collection.json", old.as_bytes());
    ingest(&server, &[], &[masters.path()]);
    assert_eq!(puts(&server), Vec::<String>::new(), "nothing that is published is put again");
    ingest(&server, &["--finish", "--label=Maps"], &[masters.path()]);
    let finished = document(&server, "collection.json");
    assert_eq!(finished["items"], collection["items"], "the manifests have the thumbnails");
    server.store(BUCKET, "collection.json", old.as_bytes());
    ingest(&server, &["--manifests-only"], &[masters.path()]);
    assert_eq!(document(&server, "collection.json"), collection);
}

#[test]
fn version_2_is_beside_version_3_and_follows_it() {
    let (server, masters) = (FaultServer::start(), masters());
    ingest(&server, &["--label=Maps"], &[masters.path()]);
    let newest = document(&server, "manifests/a.json");
    let run = ingest(&server, &["--presentation=3,2"], &[masters.path()]);
    let written =
        ["presentation/2/collection.json", "presentation/2/manifests/a.json", "presentation/2/manifests/b.json"];
    assert_eq!(puts(&server), written, "version 3 stays as it is");
    let urls = [format!("{PUBLIC_URL}/collection.json"), format!("{PUBLIC_URL}/presentation/2/collection.json")];
    assert_eq!(run.stdout.lines().collect::<Vec<_>>(), urls);
    assert_eq!(document(&server, "manifests/a.json"), newest);
    let collection = document(&server, "presentation/2/collection.json");
    assert_eq!((&collection["@type"], &collection["label"]), (&json!("sc:Collection"), &json!("Maps")));
    let id = format!("{PUBLIC_URL}/presentation/2/manifests/a.json");
    assert_eq!(collection["manifests"][0]["@id"], id);
    assert_eq!(document(&server, "presentation/2/manifests/a.json")["@id"], id);
    ingest(&server, &["--presentation=3,2"], &[masters.path()]);
    assert_eq!(puts(&server), Vec::<String>::new());
    let dry = ingest(&server, &["--presentation=3,2", "--label=New", "--dry-run"], &[masters.path()]);
    assert!(dry.stdout.contains("write    presentation/2/collection.json"), "{}", dry.stdout);
    // Deleting an object also deletes its version 2 documents, even in a run that doesn't write them.
    std::fs::remove_file(masters.path().join("b.png")).expect("deleted");
    ingest(&server, &["--prune", "--max-delete=1"], &[masters.path()]);
    let keys = server.keys(BUCKET);
    let has = |key: &str| keys.iter().any(|known| known == key);
    assert!(!has("presentation/2/manifests/b.json") && has("presentation/2/manifests/a.json"), "{keys:?}");
}

#[test]
fn names_of_further_documents_are_reserved_only_if_they_are_written() {
    let (server, folder) = (FaultServer::start(), TempDir::new().expect("a folder"));
    for name in ["presentation/a.png", "activity/b.png"] {
        std::fs::create_dir_all(folder.path().join(name).parent().expect("a folder")).expect("made");
        png_file(folder.path(), name, 60, 40);
    }
    ingest(&server, &[], &[folder.path()]);
    for (argument, name) in [("--presentation=3,2", "presentation"), ("--activity", "activity")] {
        let mut command = program();
        command.args(["ingest", "--bucket", BUCKET, "--endpoint-url", &server.endpoint(), "--public-url", PUBLIC_URL]);
        let run: Run = command.arg(argument).arg(folder.path()).output().expect("built").into();
        let message = format!("`{name}` is reserved");
        assert!(run.code == Some(2) && run.stderr.replace('\n', " ").contains(&message), "{}", run.stderr);
    }
}

/// Creates images in a tree of folders.
fn tree() -> TempDir {
    let folder = TempDir::new().expect("a folder");
    for name in ["top.png", "books/c.png", "maps/a.png", "maps/europe/b.png"] {
        std::fs::create_dir_all(folder.path().join(name).parent().expect("a folder")).expect("made");
        png_file(folder.path(), name, 60, 40);
    }
    folder
}

/// Formats a stored collection with all collections within it, like `Maps[a Europe[b]]`.
fn shown(server: &FaultServer, url: &str) -> String {
    let key = |url: &str| url.strip_prefix(&format!("{PUBLIC_URL}/")).expect("below the public URL").to_owned();
    let collection = document(server, &key(url));
    assert_eq!(collection["id"].as_str().or(collection["@id"].as_str()), Some(url));
    let members = ["items", "collections", "manifests"].iter().filter_map(|name| collection[*name].as_array());
    let item = |item: &Value| {
        let id = item["id"].as_str().or(item["@id"].as_str()).expect("an ID");
        match item["type"].as_str().or(item["@type"].as_str()) {
            Some("Collection" | "sc:Collection") => shown(server, id),
            _ => document(server, &key(id)).get("label").map(label).expect("a label"),
        }
    };
    let items: Vec<String> = members.flatten().map(item).collect();
    format!("{}[{}]", label(&collection["label"]), items.join(" "))
}

/// Returns the first value of a label in any version.
fn label(label: &Value) -> String {
    let first = label.as_object().and_then(|map| map.values().next()).map_or(label, |texts| &texts[0]);
    first.as_str().expect("text").to_owned()
}

/// Returns the URLs of the collection in both versions.
fn tops() -> [String; 2] {
    ["", "presentation/2/"].map(|folder| format!("{PUBLIC_URL}/{folder}collection.json"))
}

#[test]
fn folders_are_collections_within_the_collection_in_both_versions() {
    let (server, folder) = (FaultServer::start(), tree());
    ingest(&server, &["--label=All", "--presentation=3,2"], &[folder.path()]);
    assert!(!server.keys(BUCKET).iter().any(|key| key.contains("collections/")), "off by default");
    let nest = ["--presentation=3,2", "--nest=folder", "--activity"];
    let dry = ingest(&server, &[&nest[..], &["--dry-run"]].concat(), &[folder.path()]);
    ingest(&server, &nest, &[folder.path()]);
    let written: Vec<String> = puts(&server).into_iter().filter(|key| !key.starts_with("activity/")).collect();
    assert_eq!(written.len(), 8, "manifests stay as they are: {written:?}");
    assert!(written.iter().all(|key| dry.stdout.contains(&format!("write    {key}"))), "{}", dry.stdout);
    let [newest, version2] = tops();
    assert_eq!(shown(&server, &newest), "All[books[books/c] maps[maps/a europe[maps/europe/b]] top]");
    assert_eq!(shown(&server, &version2), "All[books[books/c] maps[europe[maps/europe/b] maps/a] top]");
    let books = written.iter().find(|key| key.starts_with("collections/books-")).expect("the collection of a folder");
    let thumbnail = &document(&server, books)["items"][0]["thumbnail"][0]["id"];
    assert_eq!(thumbnail, &json!(format!("{PUBLIC_URL}/books/c/full/max/0/default.jpg")));
    ingest(&server, &nest, &[folder.path()]);
    assert_eq!(puts(&server), Vec::<String>::new(), "an unchanged night writes nothing");

    // A new object changes its collection only.
    png_file(folder.path(), "books/d.png", 60, 40);
    ingest(&server, &nest, &[folder.path()]);
    let changed: Vec<String> = puts(&server).into_iter().filter(|key| key.contains("collection")).collect();
    assert_eq!(changed, [books.clone(), format!("presentation/2/{books}")]);
}

#[test]
fn a_collection_within_the_collection_goes_away_with_its_last_object() {
    let (server, folder) = (FaultServer::start(), tree());
    let nest = ["--presentation=3,2", "--nest=folder", "--label=All"];
    ingest(&server, &nest, &[folder.path()]);
    std::fs::remove_dir_all(folder.path().join("maps/europe")).expect("deleted");
    let expected = "All[books[books/c] maps[maps/a] top]";
    // Without `--prune`, the image stays online, but no collection has it.
    ingest(&server, &nest, &[folder.path()]);
    let europe =
        |server: &FaultServer| server.keys(BUCKET).iter().filter(|key| key.contains("collections/europe-")).count();
    assert!(tops().iter().all(|top| shown(&server, top) == expected) && europe(&server) == 2);
    let run = ingest(&server, &[&nest[..], &["--prune", "--max-delete=1"]].concat(), &[folder.path()]);
    assert_eq!(europe(&server), 0, "{}", run.stderr);
    assert!(tops().iter().all(|top| shown(&server, top) == expected));
    // Without the option, the collection lists all objects, and the others are no longer wanted.
    ingest(&server, &["--presentation=3,2", "--prune"], &[folder.path()]);
    assert!(tops().iter().all(|top| shown(&server, top) == "All[books/c maps/a top]"));
    assert!(!server.keys(BUCKET).iter().any(|key| key.contains("collections/")));
}

#[test]
fn parts_of_an_input_have_the_same_collections_as_the_whole() {
    let folder = tree();
    let collections = |server: &FaultServer| -> Vec<(String, Value)> {
        let keys = server.keys(BUCKET).into_iter().filter(|key| key.starts_with("collection"));
        keys.map(|key| (key.clone(), document(server, &key))).collect()
    };
    let (whole, parts) = (FaultServer::start(), FaultServer::start());
    ingest(&whole, &["--nest=folder"], &[folder.path()]);
    for part in ["--shard=0/2", "--shard=1/2"] {
        ingest(&parts, &["--nest=folder", part], &[folder.path()]);
    }
    assert_eq!(collections(&parts), []);
    ingest(&parts, &["--nest=folder", "--finish"], &[folder.path()]);
    assert_eq!(collections(&whole).len(), 4);
    assert_eq!(collections(&parts), collections(&whole));
}

#[test]
fn a_column_names_collections_and_must_have_values() {
    let (server, folder) = (FaultServer::start(), tree());
    let table = "source,id,label,Series@en,Series@de\n\
                 top.png,a,A,Maps > Europe,Karten > Europa\n\
                 books/c.png,b,B,,\n\
                 maps/a.png,c,C,\"\u{1b}[31m ../\",\n";
    let table = file(folder.path(), "table.csv", table.as_bytes());
    let table = format!("--table={}", table.display());
    ingest(&server, &["--label=All", "--nest=column=series", &table], &[]);
    let [top, _] = tops();
    assert_eq!(shown(&server, &top), "All[Maps[Europe[A]] B \u{1b}[31m ../[C]]");
    let maps = document(&server, "collection.json")["items"][0].clone();
    assert_eq!(maps["label"], json!({"en": ["Maps"], "de": ["Karten"]}));
    assert!(
        server.keys(BUCKET).iter().all(|key| key.chars().all(|it| it.is_ascii_alphanumeric() || "/.,-_".contains(it)))
    );
    let mut command = program();
    command.args(["ingest", "--bucket", BUCKET, "--endpoint-url", &server.endpoint(), "--public-url", PUBLIC_URL]);
    let run: Run = command.args(["--nest=column=Serien", &table]).output().expect("built").into();
    let message = "no image has a value in the metadata column `Serien`";
    assert!(run.code == Some(2) && run.stderr.contains(message), "{}", run.stderr);
}

/// Returns a page's activities, each with its type and manifest name.
fn activities(server: &FaultServer, number: u32) -> Vec<String> {
    let page = document(server, &format!("activity/page-{number}.json"));
    let activity = |activity: &Value| {
        let name = activity["object"]["id"].as_str().expect("an id").rsplit('/').next().expect("a name");
        format!("{} {name}", activity["type"].as_str().expect("a type"))
    };
    page["orderedItems"].as_array().expect("items").iter().map(activity).collect()
}

#[test]
fn an_activity_stream_has_what_changed_and_repairs_itself() {
    let (server, masters) = (FaultServer::start(), masters());
    let table = |labels: [&str; 2]| {
        let rows = ["a", "b"].iter().zip(labels).filter(|(_, label)| !label.is_empty());
        let rows = rows.map(|(name, label)| format!("{name}.png,{label}\n")).collect::<Vec<_>>().concat();
        file(masters.path(), "table.csv", format!("source,label\n{rows}").as_bytes());
        format!("--table={}", masters.path().join("table.csv").display())
    };
    ingest(&server, &["--activity", &table(["A", "B"])], &[]);
    // Manifests are put at once, so either may be stored first.
    let mut created = activities(&server, 1);
    created.sort();
    assert_eq!(created, ["Create a.json", "Create b.json"]);
    let collection = document(&server, "activity/all-changes.json");
    assert_eq!((&collection["totalItems"], &collection["type"]), (&json!(2), &json!("OrderedCollection")));
    ingest(&server, &["--activity", &table(["A", "B"])], &[]);
    assert_eq!(puts(&server), Vec::<String>::new(), "nothing has changed");
    // Simulate a run that's killed before it writes the stream by leaving out the option.
    std::thread::sleep(Duration::from_millis(1100));
    ingest(&server, &[&table(["A", "New"])], &[]);
    ingest(&server, &["--activity", &table(["A", "New"])], &[]);
    assert_eq!(puts(&server), ["activity/all-changes.json", "activity/page-1.json"]);
    assert_eq!(activities(&server, 1)[2..], ["Update b.json"]);
    std::thread::sleep(Duration::from_millis(1100));
    ingest(&server, &["--activity", "--prune", "--max-delete=1", &table(["A", ""])], &[]);
    assert_eq!(activities(&server, 1)[3..], ["Delete b.json"]);
    assert_eq!(document(&server, "activity/all-changes.json")["totalItems"], 4);
    let page = document(&server, "activity/page-1.json");
    let times: Vec<&str> =
        page["orderedItems"].as_array().expect("items").iter().filter_map(|it| it["endTime"].as_str()).collect();
    assert!(times.len() == 4 && times.is_sorted(), "{times:?}");
}
