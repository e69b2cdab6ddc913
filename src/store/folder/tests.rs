//! Folder-specific tests that go beyond the general store contract and check the files as other programs see them.

use super::*;
use std::error::Error;
use std::time::{Duration, UNIX_EPOCH};
use tempfile::TempDir;

type Outcome = Result<(), Box<dyn Error>>;

fn store() -> Result<(TempDir, FolderStore), io::Error> {
    let directory = TempDir::new()?;
    let store = FolderStore::new(directory.path().join("out"));
    Ok((directory, store))
}

fn key(key: &str) -> Key {
    Prefix::default().found(key).expect("not empty")
}

fn object(name: &str, body: &str, mark: Option<&str>) -> Object {
    Object {
        key: key(name),
        body: body.to_owned().into(),
        content_encoding: None,
        content_type: "text/plain",
        cache_control: "no-cache".into(),
        mark: mark.map(Into::into),
    }
}

fn names(directory: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(directory)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

#[tokio::test]
async fn marks_are_kept_beside_documents_and_hidden_from_listings() -> Outcome {
    let (_directory, store) = store()?;
    store.put(object("a/info.json", "{}", Some("one"))).await?;
    store.put(object("a/full.jpg", "..", Some("one"))).await?;
    assert_eq!(store.get(&key("a/info.json")).await?.and_then(|stored| stored.mark).as_deref(), Some("one"));
    assert_eq!(store.get(&key("a/full.jpg")).await?.and_then(|stored| stored.mark), None);
    assert_eq!(names(&store.root().join("a")), [".info.json.mark", "full.jpg", "info.json"]);
    let listed: Vec<Vec<Listed>> = store.pages(&Prefix::default()).try_collect().await?;
    assert_eq!(listed.concat().len(), 2);
    store.delete(vec![key("a/info.json"), key("a/full.jpg")]).await?;
    assert!(names(store.root()).is_empty());
    Ok(())
}

#[tokio::test]
async fn a_mark_is_lost_if_another_program_writes_the_document() -> Outcome {
    let (_directory, store) = store()?;
    let path = store.root().join("a/info.json");
    let mark = async || store.get(&key("a/info.json")).await.map(|stored| stored.and_then(|stored| stored.mark));
    store.put(object("a/info.json", "{}", Some("one"))).await?;
    let modified = fs::metadata(&path)?.modified()?;
    fs::write(&path, "[]")?;
    assert_eq!(mark().await?, None, "other content of the same size");
    File::options().write(true).open(&path)?.set_modified(modified)?;
    assert_eq!(mark().await?, None, "other content of the same size and time");
    fs::write(&path, "{}")?;
    assert_eq!(mark().await?, None, "the same content, written by another program");
    File::options().write(true).open(&path)?.set_modified(modified)?;
    assert_eq!(mark().await?.as_deref(), Some("one"), "a copy that keeps the time keeps the mark");
    Ok(())
}

#[tokio::test]
async fn a_document_that_is_put_without_a_mark_has_none() -> Outcome {
    let (_directory, store) = store()?;
    store.put(object("info.json", "{}", Some("one"))).await?;
    store.put(object("info.json", "{}", None)).await?;
    assert_eq!(store.get(&key("info.json")).await?.and_then(|stored| stored.mark), None);
    assert_eq!(names(store.root()), ["info.json"]);
    Ok(())
}

#[tokio::test]
async fn files_of_one_size_that_are_written_at_once_have_different_tags() -> Outcome {
    let (_directory, store) = store()?;
    let mut tags = HashSet::new();
    for number in 0..200 {
        let receipt = store.put(object("a.jpg", &format!("{number:03}"), None)).await?;
        assert_eq!(store.get(&key("a.jpg")).await?.and_then(|stored| stored.etag), receipt.etag);
        tags.insert(receipt.etag);
    }
    assert_eq!(tags.len(), 200);
    Ok(())
}

#[tokio::test]
async fn stale_temporary_files_are_swept_and_fresh_ones_stay() -> Outcome {
    let (_directory, store) = store()?;
    store.put(object("a/1.jpg", "1", None)).await?;
    let directory = store.root().join("a");
    let plant = |name: &str, age: Duration| {
        let file = File::create(directory.join(name))?;
        file.set_modified(SystemTime::now() - age)
    };
    plant(".iiif-publish-fresh.tmp", Duration::from_hours(23))?;
    plant(".iiif-publish-stale.tmp", Duration::from_hours(25))?;
    plant(".other-stale.tmp", Duration::from_hours(25))?;
    let listed: Vec<Vec<Listed>> = store.pages(&Prefix::default()).try_collect().await?;
    assert_eq!(listed.concat().len(), 2, "the temporary file of another program counts as a file");
    assert_eq!(names(&directory), [".iiif-publish-fresh.tmp", ".other-stale.tmp", "1.jpg"]);
    plant(".iiif-publish-stale.tmp", Duration::from_hours(25))?;
    FolderStore::new(store.root().to_owned()).put(object("a/2.jpg", "2", None)).await?;
    assert_eq!(names(&directory), [".iiif-publish-fresh.tmp", ".other-stale.tmp", "1.jpg", "2.jpg"]);
    Ok(())
}

#[tokio::test]
async fn a_mark_without_a_document_keeps_no_directory() -> Outcome {
    let (_directory, store) = store()?;
    store.put(object("a/b/1.jpg", "1", None)).await?;
    fs::write(store.root().join("a/b/.info.json.mark"), "from a killed run")?;
    store.delete(vec![key("a/b/1.jpg")]).await?;
    assert!(names(store.root()).is_empty());
    Ok(())
}

#[cfg(unix)]
#[tokio::test]
async fn a_planted_link_is_replaced_and_not_followed() -> Outcome {
    let (directory, store) = store()?;
    let secret = directory.path().join("secret");
    fs::write(&secret, "mine")?;
    fs::create_dir(store.root())?;
    for name in ["info.json", "info.json.part", ".info.json.mark"] {
        std::os::unix::fs::symlink(&secret, store.root().join(name))?;
    }
    store.put(object("info.json", "{}", Some("one"))).await?;
    assert_eq!(fs::read_to_string(&secret)?, "mine");
    assert_eq!(store.get(&key("info.json")).await?.and_then(|stored| stored.mark).as_deref(), Some("one"));
    Ok(())
}

#[cfg(unix)]
#[tokio::test]
async fn files_have_the_permissions_of_any_new_file() -> Outcome {
    use std::os::unix::fs::PermissionsExt;
    let (_directory, store) = store()?;
    store.put(object("info.json", "{}", Some("one"))).await?;
    fs::write(store.root().join("plain"), "")?;
    let mode = |name: &str| fs::metadata(store.root().join(name)).map(|metadata| metadata.permissions().mode());
    assert_eq!(mode("info.json")?, mode("plain")?);
    Ok(())
}

#[tokio::test]
async fn only_one_of_many_writers_creates_a_new_file() -> Outcome {
    let (_directory, store) = store()?;
    let writers = (0..32).map(|number| store.put_new(object("info.json", &number.to_string(), Some("mark"))));
    let done = futures::future::join_all(writers).await;
    assert_eq!(done.iter().filter(|put| put.is_ok()).count(), 1);
    let refused = done.into_iter().filter_map(Result::err).map(|error| error.kind());
    assert!(refused.into_iter().all(|kind| kind == StoreErrorKind::Exists));
    assert_eq!(names(store.root()), [".info.json.mark", "info.json"]);
    Ok(())
}

#[tokio::test]
async fn the_clock_of_the_store_is_the_clock_of_its_files() -> Outcome {
    let (_directory, store) = store()?;
    store.put(object("a.jpg", "1", None)).await?;
    let modified = store.get(&key("a.jpg")).await?.and_then(|stored| stored.modified).unwrap_or(UNIX_EPOCH);
    let age = store.now().await?.duration_since(modified)?;
    assert!(age < Duration::from_mins(1), "{age:?}");
    assert_eq!(names(store.root()), ["a.jpg"]);
    Ok(())
}

#[tokio::test]
async fn a_flush_of_nothing_succeeds() -> Outcome {
    let (_directory, store) = store()?;
    store.flush().await?;
    store.put(object("a.jpg", "1", None)).await?;
    store.flush().await?;
    Ok(())
}
