//! Tests for identifiers, skipped files and missing files.

use super::*;

#[test]
fn identifiers_come_from_paths_and_never_leave_the_prefix() {
    let called = |path: &str| identifier(Path::new(path)).ok().map(|identifier| identifier.to_string());
    assert_eq!(called("maps/atlas.1.tif").as_deref(), Some("maps/atlas.1"));
    assert_eq!(called("./maps/atlas.tif").as_deref(), Some("maps/atlas"));
    assert_eq!(called("/archive/maps/atlas.tif").as_deref(), Some("atlas"));
    assert_eq!(called("../maps/atlas.tif").as_deref(), Some("atlas"));
    assert_eq!(called(".."), None);
}

#[test]
fn folders_are_read_in_order_and_by_patterns() -> Result<(), InputError> {
    let folder = tempfile::TempDir::new().expect("a folder");
    for name in ["b/2.TIF", "b/10.tif", "a.jpg", "notes.txt", ".hidden/x.jpg", "b/.y.jpg"] {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        std::fs::write(path, "").expect("written");
    }
    let names = |include: &[&str], exclude: &[&str]| {
        let owned = |patterns: &[&str]| patterns.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>();
        let mut input = Input::new(Patterns::new(&owned(include), &owned(exclude))?);
        input.add_path(folder.path())?;
        Ok::<_, InputError>(input.into_pages()?.0.iter().map(|page| page.identifier.to_string()).collect::<Vec<_>>())
    };
    assert_eq!(names(&[], &[])?, ["a", "b/10", "b/2"]);
    assert_eq!(names(&["**/*.tif"], &[])?, ["b/10"]);
    assert_eq!(names(&[], &["b/*"])?, ["a"]);
    assert!(matches!(names(&["["], &[]), Err(InputError::Pattern(_))));
    Ok(())
}

#[test]
fn folders_without_any_file_are_named_with_the_images_that_may_be_missing() -> Result<(), InputError> {
    let root = tempfile::TempDir::new().expect("a folder");
    for folder in ["disk", "outer/inner/innermost", "half/empty", "half/full", "only-hidden", "texts"] {
        std::fs::create_dir_all(root.path().join(folder)).expect("made");
    }
    for file in ["a.tif", "half/full/b.tif", "only-hidden/.DS_Store", "texts/notes.txt"] {
        std::fs::write(root.path().join(file), "").expect("written");
    }
    let mut input = Input::new(Patterns::new(&[], &[])?);
    input.add_path(root.path())?;
    let folders = input.empty_folders();
    let names: Vec<&str> = folders.iter().map(|folder| folder.identifiers.as_str()).collect();
    assert_eq!(names, ["disk", "half/empty", "only-hidden", "outer"]);
    let may_name = |identifier: &str| folders[0].may_name(&identifier.parse().expect("an identifier"));
    assert!(may_name("disk/1") && may_name("disk/a/1") && !may_name("disk") && !may_name("disks/1"));
    assert!(input.into_pages()?.1.is_empty(), "publishing continues");
    Ok(())
}

#[test]
fn an_empty_list_or_table_is_reported() -> Result<(), InputError> {
    let mut input = Input::new(Patterns::new(&[], &[])?);
    input.add_list("\n".as_bytes(), "list")?;
    let table = Table::new("table.csv", Path::new(""));
    input.add_table("source,id\n".as_bytes(), table)?;
    let unread: Vec<String> = input.into_pages()?.1.iter().map(ToString::to_string).collect();
    assert_eq!(unread, ["there are no images in `list`", "there are no images in `table.csv`"]);
    Ok(())
}

#[test]
fn remote_images_are_named_by_their_last_segment_or_their_path_below_a_prefix() -> Result<(), InputError> {
    let patterns = || Patterns::new(&[], &["drafts/*".to_owned()]);
    let called = |input: Input| -> Result<Vec<String>, InputError> {
        Ok(input.into_pages()?.0.iter().map(|page| page.identifier.to_string()).collect())
    };
    let mut input = Input::new(patterns()?);
    input.add_list("s3://b/maps/1.a.tif\nhttps://host/x/y%20z.jpg?id=3\n".as_bytes(), "list")?;
    input.add_list("{\"source\": \"s3://b/2.tif\"}".as_bytes(), "list")?;
    assert_eq!(called(input)?, ["1.a", "y z", "2"]);
    let object = |key: &str| S3Object { bucket: "b".to_owned(), key: key.to_owned(), listed: None };
    let mut input = Input::new(patterns()?);
    let keys = ["m/a/1.TIF", "m/a/2.txt", "m/.b/3.tif", "m/drafts/4.tif", "m/5.jpg"];
    input.add_objects(&object("m/"), keys.into_iter().map(object).collect())?;
    assert_eq!(called(input)?, ["a/1", "5"]);
    let mut input = Input::new(patterns()?);
    for line in ["s3://", "https://"] {
        assert!(input.add_list(line.as_bytes(), "list").is_err(), "{line}");
    }
    input.add_list("s3://b/maps/\nhttps://host/\ns3://b/v0123456789ab.tif\ns3://b/1.tif".as_bytes(), "list")?;
    let (pages, unread) = input.into_pages()?;
    assert_eq!((pages.len(), unread.len()), (1, 3), "skipped because of their names");
    Ok(())
}

#[test]
fn a_list_has_one_file_per_line_and_no_duplicate_identifiers() -> Result<(), InputError> {
    let patterns = || Patterns::new(&[], &[]);
    let mut input = Input::new(patterns()?);
    input.add_list("maps/1.tif\r\n\nmaps/2.tif\n".as_bytes(), "list")?;
    input.add_path(Path::new("elsewhere/maps/1.jpg"))?;
    input.add_list("1.png".as_bytes(), "list")?;
    let error = input.into_pages().expect_err("twice").to_string();
    assert_eq!(error, "`elsewhere/maps/1.jpg` and `1.png` have the same identifier `1`");
    let mut input = Input::new(patterns()?);
    input.add_list("maps/1.tif\r\n\nmaps/2.tif\n".as_bytes(), "list")?;
    let (pages, unread) = input.into_pages()?;
    assert_eq!((pages.len(), unread.len()), (2, 0));
    Ok(())
}
