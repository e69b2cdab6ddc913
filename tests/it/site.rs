//! `--site`, which publishes a website for a collection, updates it and deletes it along with the collection.

use crate::support::faults::FaultServer;
use crate::support::pictures::{file, png_file};
use crate::support::program::{Run, program};
use crate::support::s3::{Server, for_each_server};
use crate::support::some::some;
use flate2::read::GzDecoder;
use hyper::Method;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

const BUCKET: &str = "tiles";
const PUBLIC_URL: &str = "https://example.org/iiif";

/// Cell text that tries to inject elements, attributes or scripts.
const HOSTILE: &str = "\"'><script>alert(1)</script><img src=x onerror=alert(2)>";

/// Creates an image unless it exists, because a new file counts as a change.
fn picture(folder: &TempDir, name: &str, width: u32, height: u32) {
    if !folder.path().join(name).exists() {
        png_file(folder.path(), name, width, height);
    }
}

/// Creates a table with single images, a two-page book that reads from right to left, and a malicious row.
fn table(folder: &TempDir, titles: &[&str]) -> PathBuf {
    let quoted = |cell: &str| format!("\"{}\"", cell.replace('"', "\"\""));
    let header = "source,id,object,sequence,label@en,label@ar,summary,attribution,rights,viewingDirection,language,Maker,Type,Link@,homepage,seeAlso,rendering,provider,range,alt";
    // A language in a column name can be any text.
    let header = header.replace("Link@", &quoted(&format!("Link@{HOSTILE}")));
    // Only the malicious row has links, a provider, a table of contents and an alternative text.
    let without_links = ["\"\""; 6].join(",");
    let mut rows = vec![header];
    for (number, title) in titles.iter().enumerate() {
        let name = format!("{number}.png");
        picture(folder, &name, 300 + 10 * u32::try_from(number).expect("few"), 200);
        let cells = [&name, &format!("single {number}"), "", "", title, "", "", "", "", "", "", "Anna", "Map", ""];
        rows.push([cells.map(quoted).join(","), without_links.clone()].join(","));
    }
    for page in ["1", "2"] {
        picture(folder, &format!("page-{page}.png"), 200, 300);
        let right_to_left = "right-to-left";
        let cells = [
            &format!("page-{page}.png"),
            &format!("books/rihla/{page}"),
            "books/rihla",
            page,
            "Journey",
            "رحلة",
            "",
            "",
            "",
            right_to_left,
            "",
            "",
            "Book",
            "",
        ];
        rows.push([cells.map(quoted).join(","), without_links.clone()].join(","));
    }
    picture(folder, "hostile.png", 300, 200);
    let rights = "http://example.org/\"onclick=\"alert(1)";
    let summary = format!("<p onclick=\"x()\">Text {HOSTILE} <a href=\"javascript:alert(1)\">bad</a></p>");
    let link = format!("{HOSTILE} https://example.org/\"><script>alert(1)</script>");
    let provider = format!("{HOSTILE} https://example.org/'onclick='x https://logos.example/\"onerror=\"x.png");
    let cells = [
        "hostile.png",
        "hostile",
        "",
        "",
        HOSTILE,
        HOSTILE,
        &summary,
        HOSTILE,
        rights,
        "",
        "none",
        HOSTILE,
        HOSTILE,
        "javascript:alert(1)",
        &link,
        &link,
        &link,
        &provider,
        HOSTILE,
        HOSTILE,
    ];
    rows.push(cells.map(quoted).join(","));
    file(folder.path(), "table.csv", rows.join("\n").as_bytes())
}

const OPTIONS: [&str; 5] =
    ["--site", "--label=City archive", "--site-facet=Type", "--site-caption=Maker", "--site-footer=<b>Archive</b>"];

fn ingest(server: &FaultServer, table: &Path, arguments: &[&str]) -> Run {
    let mut command = program();
    command.args(["ingest", "--bucket", BUCKET, "--endpoint-url", &server.endpoint(), "--prefix", "iiif"]);
    command.args(["--public-url", PUBLIC_URL, "--table"]).arg(table).args(OPTIONS).args(arguments);
    command.output().expect("built").into()
}

fn text(server: &FaultServer, key: &str) -> String {
    let object = server.object(BUCKET, &format!("iiif/{key}")).unwrap_or_else(|| panic!("{key} is there"));
    String::from_utf8(object.body.to_vec()).expect("UTF-8")
}

/// Returns the keys of all site files.
fn site_files(server: &FaultServer) -> BTreeSet<String> {
    let is_of_site = |key: &String| {
        ["iiif/objects/", "iiif/site/", "iiif/index.html", "iiif/sitemap"].iter().any(|start| key.starts_with(start))
    };
    server.keys(BUCKET).into_iter().filter(is_of_site).collect()
}

fn put_keys(server: &FaultServer) -> Vec<String> {
    server.puts().iter().map(|put| put.path.trim_start_matches("/tiles/iiif/").to_owned()).collect()
}

#[test]
fn a_site_has_a_list_a_page_for_each_object_and_search() {
    let folder = TempDir::new().expect("a folder");
    let table = table(&folder, &["Map of Rome", "A plan"]);
    let server = FaultServer::start();
    let rights = "--rights=https://creativecommons.org/publicdomain/mark/1.0/";
    let run = ingest(&server, &table, &[rights, "--site-facet=Tpye"]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert_eq!(run.stderr.matches("warning: no object has metadata named `").count(), 1, "{}", run.stderr);
    assert!(run.stderr.contains("named `Tpye`, so the site has no such filter"), "{}", run.stderr);
    assert!(run.stdout.ends_with("https://example.org/iiif/index.html\n"), "{}", run.stdout);

    let index = text(&server, "index.html");
    for part in [
        "<h1>City archive</h1>",
        "4 objects",
        "href=\"objects/single%200/index.html\"",
        "Map of Rome",
        "<b>Archive</b>",
    ] {
        assert!(index.contains(part), "{part}\n{index}");
    }
    let page = text(&server, "objects/books/rihla/index.html");
    for part in [
        "<title>Journey – City archive</title>",
        "data-direction=\"right-to-left\" data-paged",
        "<p class=\"other\" lang=\"ar\" dir=\"rtl\">رحلة</p>",
        "href=\"../../../manifests/books/rihla.json\"",
        "rel=\"prev\" href=\"../../../objects/single%201/index.html\"",
        "rel=\"next\" href=\"../../../objects/hostile/index.html\"",
        "data-base=\"../../../books/rihla/2\"",
        "href=\"https://example.org/iiif/objects/books/rihla/index.html\"",
    ] {
        assert!(page.contains(part), "{part}\n{page}");
    }
    let sitemap = text(&server, "sitemap.xml");
    assert!(sitemap.contains("<loc>https://example.org/iiif/objects/single%200/index.html</loc>"), "{sitemap}");

    let script = site_files(&server).into_iter().find(|key| key.ends_with(".js")).expect("a script");
    let script = server.object(BUCKET, &script).expect("there");
    assert_eq!(script.header("content-encoding"), Some("gzip"));
    assert!(script.header("cache-control").is_some_and(|header| header.contains("immutable")));
    let mut code = String::new();
    GzDecoder::new(&*script.body).read_to_string(&mut code).expect("gzip");
    assert!(code.contains("OpenSeadragon"));

    let directory: Value = serde_json::from_str(&text(&server, "site/site.json")).expect("JSON");
    assert_eq!(
        (&directory["count"], &directory["facets"][0]["values"][0]),
        (&4.into(), &serde_json::json!(["Map", 2]))
    );
    let block = directory["shards"][0]["blocks"][0][1].as_str().expect("a name");
    let block = server.object(BUCKET, &format!("iiif/site/search/{block}.json")).expect("there").body;
    let block: Value = serde_json::from_reader(GzDecoder::new(&*block)).expect("JSON");
    assert_eq!(block["data"]["rome"], serde_json::json!([1]), "the title of the first object");
}

#[test]
fn no_cell_of_a_table_becomes_code() {
    let folder = TempDir::new().expect("a folder");
    let table = table(&folder, &[HOSTILE]);
    let server = FaultServer::start();
    let more = ["--site-name", HOSTILE, "--site-description", HOSTILE, "--site-caption=Link", "--site-facet=Maker"];
    let run = ingest(&server, &table, &more);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let pages: Vec<String> = site_files(&server).into_iter().filter(|key| key.ends_with(".html")).collect();
    for key in some(&pages) {
        let html = text(&server, key.trim_start_matches("iiif/"));
        assert!(html.contains("script-src &#39;self&#39;;") && !html.contains("unsafe-"), "{key}");
        // The site's own script, and a data block that isn't executed.
        let scripts: Vec<&str> = html.match_indices("<script").map(|(at, _)| &html[at..at + 40]).collect();
        let is_own = |script: &&str| script.contains(" src=\"") || script.contains("application/ld+json");
        assert!(scripts.len() == 2 && scripts.iter().all(is_own), "{key}: {scripts:?}");
        assert_eq!(elements_with_handlers(&html), Vec::<&str>::new(), "{key}");
        assert!(!html.contains("href=\"javascript:") && !html.contains("src=\"x\""), "{key}");
        let (_, data) = html.split_once("application/ld+json\">").expect("data");
        let data = data.split_once("</script>").expect("its end").0;
        assert!(serde_json::from_str::<Value>(data).is_ok_and(|data| data["name"].is_string()), "{key}: {data}");
    }
}

/// Returns the tags that have event handler attributes.
fn elements_with_handlers(html: &str) -> Vec<&str> {
    let tags = html.split('<').skip(1).filter_map(|tag| tag.split_once('>')).map(|(tag, _)| tag);
    // Ignore quoted attribute values.
    let unquoted = |tag: &str| tag.split('"').step_by(2).collect::<String>();
    tags.filter(|tag| unquoted(tag).contains(" on")).collect()
}

#[test]
fn an_object_page_shows_its_date_unless_the_table_has_one_to_show() {
    let folder = TempDir::new().expect("a folder");
    for name in ["exact", "own", "none"] {
        picture(&folder, &format!("{name}.png"), 200, 300);
    }
    let table = "source,id,navDate,Date\nexact.png,exact,1595-03,\nown.png,own,1595,um 1595\nnone.png,none,,\n";
    let table = file(folder.path(), "table.csv", table.as_bytes());
    let server = FaultServer::start();
    let run = ingest(&server, &table, &["--site-language=de"]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let page = |object: &str| text(&server, &format!("objects/{object}/index.html"));
    let exact = page("exact");
    assert!(exact.contains("<dt>Datum</dt><dd><time datetime=\"1595-03\">März 1595</time></dd>"), "{exact}");
    assert!(exact.contains("\"temporalCoverage\":\"1595-03\""), "{exact}");
    let own = page("own");
    assert!(own.contains("um 1595") && !own.contains("<time"), "{own}");
    assert!(!page("none").contains("Datum"));
}

#[test]
fn an_object_page_has_links_files_its_provider_and_a_table_of_contents() {
    let folder = TempDir::new().expect("a folder");
    for page in 1..=3 {
        picture(&folder, &format!("{page}.png"), 200, 300);
    }
    let table = "source,id,object,sequence,label,homepage@en,seeAlso,rendering,provider,navPlace,range,start,alt\n\
                 1.png,a/1,a,1,Cover,In the catalog https://example.org/1,https://example.org/1.xml,https://example.org/1.pdf,City Library https://library.example https://logos.example/x.png,\"48.2, 16.4\",,a/2,\n\
                 2.png,a/2,a,2,p. 1,,,,,,Part 1 > Chapter 1,,A map of the coast\n\
                 3.png,a/3,a,3,p. 2,,,,,,Part 2,,\n";
    let table = file(folder.path(), "table.csv", table.as_bytes());
    let server = FaultServer::start();
    let run = ingest(&server, &table, &[]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let html = text(&server, "objects/a/index.html");
    for part in [
        "<a href=\"https://example.org/1\" lang=\"en\" dir=\"ltr\">In the catalog</a>",
        "<a href=\"https://example.org/1.xml\" dir=\"ltr\">1.xml</a>",
        "<a href=\"https://example.org/1.pdf\" dir=\"ltr\">1.pdf</a>",
        "<a href=\"https://library.example\" dir=\"ltr\">City Library</a>",
        "<img src=\"https://logos.example/x.png\" alt=\"\"",
        "img-src &#39;self&#39; data: https://example.org https://logos.example; ",
        "#map=10/48.2/16.4\">48.2, 16.4</a>",
        "data-page=\"2\"><span dir=\"ltr\">Part 1</span> <span dir=\"ltr\">p. 1</span></a>\n<ol>\n<li><a href=\"../../a/2/",
        "data-page=\"3\"><span dir=\"ltr\">Part 2</span>",
        "data-direction=\"left-to-right\" data-start=\"2\"",
        "alt=\"A map of the coast\" fetchpriority=\"high\"",
    ] {
        assert!(html.contains(part), "{part}\n{html}");
    }
    let (_, data) = html.split_once("application/ld+json\">").expect("data");
    let data: Value = serde_json::from_str(data.split_once("</script>").expect("its end").0).expect("JSON");
    assert_eq!(data["provider"][0]["name"], "City Library");
    assert_eq!(data["sameAs"], serde_json::json!(["https://example.org/1"]));
    assert_eq!(data["spatialCoverage"]["geo"]["latitude"], 48.2);
    assert!(!text(&server, "index.html").contains("logos.example"), "the list loads nothing from elsewhere");
}

#[test]
fn elements_may_be_anywhere_in_the_footer() {
    let folder = TempDir::new().expect("a folder");
    let server = FaultServer::start();
    let footer = "--site-footer=Archive · <a href=\"https://example.org/imprint\" onclick=\"x()\">Imprint</a>";
    let description = "--site-description=Maps <script>alert(1)</script><i>and plans</i>";
    let mut command = program();
    command.args(["ingest", "--bucket", BUCKET, "--endpoint-url", &server.endpoint(), "--prefix", "iiif", "--site"]);
    command.args(["--public-url", PUBLIC_URL, footer, description, "--table"]).arg(table(&folder, &["One"]));
    let run: Run = command.output().expect("built").into();
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let html = text(&server, "index.html");
    for part in [
        "<div>Archive · <a href=\"https://example.org/imprint\">Imprint</a></div>",
        "<div class=\"lead\">Maps <i>and plans</i></div>",
        "<meta name=\"description\" content=\"Maps and plans\">",
    ] {
        assert!(html.contains(part), "{part}\n{html}");
    }
}

#[test]
fn an_unchanged_night_puts_nothing_and_a_new_title_only_what_has_it() {
    let folder = TempDir::new().expect("a folder");
    let server = FaultServer::start();
    assert_eq!(ingest(&server, &table(&folder, &["One", "Two", "Three"]), &[]).code, Some(0));
    let before = site_files(&server);
    server.forget_requests();
    let again = ingest(&server, &table(&folder, &["One", "Two", "Three"]), &[]);
    assert_eq!((again.code, put_keys(&server)), (Some(0), Vec::new()), "{}", again.stderr);
    let gets = server
        .requests()
        .iter()
        .filter(|request| request.method == Method::GET && request.path.contains("/objects/"))
        .count();
    assert_eq!(gets, 0, "pages are compared with the listing");
    assert_eq!(site_files(&server), before);

    let dry = ingest(&server, &table(&folder, &["One", "Second", "Three"]), &["--dry-run"]);
    assert!(
        dry.stdout.contains("iiif/objects/single 1/index.html") && !dry.stdout.contains("single 0"),
        "{}",
        dry.stdout
    );
    assert_eq!(put_keys(&server), Vec::<String>::new(), "a dry run");
    let changed = ingest(&server, &table(&folder, &["One", "Second", "Three"]), &[]);
    assert_eq!(changed.code, Some(0), "{}", changed.stderr);
    let mut put = put_keys(&server);
    put.retain(|path| !path.starts_with("site/search/"));
    put.sort();
    let expected =
        ["collection.json", "index.html", "manifests/single 1.json", "objects/single 1/index.html", "site/site.json"];
    assert_eq!(put, expected);
    // Browsers may still use the previous day's directory, so its files are deleted one night later.
    let search = |files: &BTreeSet<String>| files.iter().filter(|key| key.contains("/search/")).count();
    assert!(search(&site_files(&server)) > search(&before));
    assert_eq!(ingest(&server, &table(&folder, &["One", "Second", "Three"]), &[]).code, Some(0));
    assert_eq!(search(&site_files(&server)), search(&before));
}

#[test]
fn pages_leave_with_their_objects_and_all_of_them_with_the_collection() {
    let folder = TempDir::new().expect("a folder");
    let server = FaultServer::start();
    assert_eq!(ingest(&server, &table(&folder, &["One", "Two", "Three"]), &[]).code, Some(0));
    server.store(BUCKET, "iiif/objects/notes/index.html", b"<html>of another program");
    let dry = ingest(&server, &table(&folder, &["One", "Two"]), &["--prune", "--max-delete=1", "--dry-run"]);
    assert!(dry.stdout.contains("delete   iiif/objects/single 2/index.html\n"), "{}", dry.stdout);
    assert!(!dry.stdout.contains("objects/notes"), "{}", dry.stdout);
    let refused = ingest(&server, &table(&folder, &["One", "Two"]), &["--prune", "--max-delete=0", "--dry-run"]);
    assert!(refused.code == Some(1) && !refused.stdout.contains("index.html"), "{}", refused.stdout);
    let pruned = ingest(&server, &table(&folder, &["One", "Two"]), &["--prune", "--max-delete=1"]);
    assert_eq!(pruned.code, Some(0), "{}", pruned.stderr);
    let pages: Vec<String> = site_files(&server).into_iter().filter(|key| key.starts_with("iiif/objects/")).collect();
    let pages: Vec<&str> =
        pages.iter().map(|key| key.trim_start_matches("iiif/objects/").trim_end_matches("/index.html")).collect();
    assert_eq!(pages, ["books/rihla", "hostile", "notes", "single 0", "single 1"]);
    server.forget_requests();
    let list: Run = program()
        .args(["list", "--bucket", BUCKET, "--endpoint-url", &server.endpoint(), "--prefix", "iiif"])
        .output()
        .expect("built")
        .into();
    assert!(list.stdout.contains("single 0"), "{}", list.stdout);
    assert!(!server.requests().iter().any(|request| request.path.contains("/objects/")), "pages aren't images");

    let delete: Run = program()
        .args([
            "delete",
            "--bucket",
            BUCKET,
            "--endpoint-url",
            &server.endpoint(),
            "--prefix",
            "iiif",
            "--all",
            "--yes",
        ])
        .output()
        .expect("built")
        .into();
    assert_eq!(delete.code, Some(0), "{}", delete.stderr);
    assert_eq!(site_files(&server), BTreeSet::from(["iiif/objects/notes/index.html".to_owned()]));
}

/// Returns a site's decompressed files by path.
fn readable(objects: BTreeMap<String, Vec<u8>>) -> BTreeMap<String, Vec<u8>> {
    let plain = |body: Vec<u8>| {
        let mut content = Vec::new();
        if body.starts_with(&[0x1f, 0x8b]) && GzDecoder::new(&*body).read_to_end(&mut content).is_ok() {
            content
        } else {
            body
        }
    };
    objects.into_iter().map(|(key, body)| (key, plain(body))).collect()
}

#[test]
fn every_server_and_a_folder_have_the_same_site() {
    let folder = TempDir::new().expect("a folder");
    let table = table(&folder, &["One", "Two"]);
    let public_url = "--public-url=https://example.org";
    let output = folder.path().join("out");
    let run = |target: &[&str]| -> Run {
        let mut command = program();
        command.args(["ingest", public_url, "--table"]).arg(&table).args(OPTIONS).args(target);
        command.output().expect("built").into()
    };
    let to_folder = ["--output", output.to_str().expect("UTF-8")];
    assert_eq!(run(&to_folder).code, Some(0));
    let again = run(&to_folder);
    assert!(again.stderr.contains("site: 0 files updated"), "{}", again.stderr);
    let is_of_site =
        |key: &str| ["objects/", "site/", "index.html", "sitemap.xml"].iter().any(|start| key.starts_with(start));
    let mut expected = BTreeMap::new();
    let mut folders = vec![output.clone()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(&next).expect("a folder") {
            let path = entry.expect("an entry").path();
            let key = path.strip_prefix(&output).expect("below").to_str().expect("UTF-8").replace('\\', "/");
            if path.is_dir() {
                folders.push(path);
            } else if is_of_site(&key) {
                expected.insert(key, fs::read(path).expect("readable"));
            }
        }
    }
    assert!(expected.contains_key("objects/single 0/index.html"), "{:?}", expected.keys());
    for_each_server("site", |server: &Server, bucket| {
        let target = ["--bucket", bucket, "--endpoint-url", &server.endpoint];
        let first = run(&target);
        assert_eq!(first.code, Some(0), "{}: {}", server.name, first.stderr);
        let again = run(&target);
        assert!(again.stderr.contains("site: 0 files updated"), "{}: {}", server.name, again.stderr);
        let objects = server.objects(bucket).into_iter().filter(|(key, _)| is_of_site(key));
        let objects = readable(objects.map(|(key, object)| (key, object.body)).collect());
        assert_eq!(objects.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>(), "{}", server.name);
        let different: Vec<&String> =
            objects.iter().filter(|(key, body)| expected[*key] != **body).map(|(key, _)| key).collect();
        assert_eq!(different, Vec::<&String>::new(), "{}", server.name);
    });
}

#[test]
fn identifiers_do_not_collide_with_the_site() {
    let folder = TempDir::new().expect("a folder");
    png_file(folder.path(), "a.png", 300, 200);
    for id in ["objects/a", "site", "index.html", "sitemap.xml", "a/index.html/b"] {
        let list = file(folder.path(), "table.csv", format!("source,id\na.png,{id}\n").as_bytes());
        let run = |more: &[&str]| -> Run {
            let output = TempDir::new().expect("a folder");
            let mut command = program();
            command.args(["ingest", "--public-url=https://example.org", "--dry-run", "--output"]).arg(output.path());
            command.arg("--table").arg(&list).args(more).output().expect("built").into()
        };
        let refused = run(&["--site"]);
        assert_eq!(refused.code, Some(2), "{id}: {}", refused.stderr);
        assert!(refused.stderr.contains("is reserved for the site"), "{id}: {}", refused.stderr);
        assert_eq!(run(&[]).code, Some(0), "{id} without a site");
    }
}

#[test]
fn the_table_of_the_configuration_file_turns_the_site_on() {
    let folder = TempDir::new().expect("a folder");
    png_file(folder.path(), "a.png", 300, 200);
    file(folder.path(), "logo.svg", b"<svg xmlns=\"http://www.w3.org/2000/svg\"/>");
    let configuration = "output = \"out\"\npublic-url = \"https://example.org\"\n\n[ingest]\ninputs = [\"a.png\"]\n\n\
                         [site]\nname = \"Archiv\"\nlanguage = \"de\"\nlogo = \"logo.svg\"\ncolor = \"#8a1538\"\nfacet = [\"Ort\"]\n";
    file(folder.path(), "iiif-publish.toml", configuration.as_bytes());
    let run = |arguments: &[&str]| -> Run {
        program().current_dir(folder.path()).arg("ingest").args(arguments).output().expect("built").into()
    };
    let off = run(&["--site=false"]);
    assert_eq!(off.code, Some(0), "{}", off.stderr);
    assert!(!folder.path().join("out/index.html").exists());
    let on = run(&["--site-name=Stadtarchiv"]);
    assert_eq!(on.code, Some(0), "{}", on.stderr);
    let index = fs::read_to_string(folder.path().join("out/index.html")).expect("a page");
    for part in ["lang=\"de\"", "<h1>Stadtarchiv</h1>", "1 Objekt", "site/site-logo-"] {
        assert!(index.contains(part), "{part}\n{index}");
    }
    file(folder.path(), "iiif-publish.toml", configuration.replace("name =", "nane =").as_bytes());
    let wrong = run(&[]);
    assert!(wrong.code == Some(2) && wrong.stderr.contains("did you mean `name`?"), "{}", wrong.stderr);
}
