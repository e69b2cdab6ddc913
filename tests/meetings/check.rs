//! Comparison of the objects after a meeting with the expected ones.

use super::place::{Objects, Place};
use super::program::{Aim, Task, run_well};
use super::reference::{Bodies, References, bodies, field};
use super::sources::{Picture, Sources};

/// Objects of other programs in the image folder and beside it, which runs must not change.
const BYSTANDERS: [(&str, &[u8]); 5] = [
    ("readme.txt", b"not an image"),
    ("image/notes.txt", b"notes about the image"),
    ("image/detail/full/max/0/default.jpg", b"a picture of another image"),
    ("image-2/info.json", br#"{"id": "https://iiif.example.org/elsewhere", "profile": "level2"}"#),
    ("image-2/full/max/0/default.jpg", b"a picture of a third image"),
];

/// Stores the bystanders of a meeting.
pub fn put_bystanders(place: &Place, prefix: &str) {
    for (path, body) in BYSTANDERS {
        place.put(&format!("{prefix}/{path}"), body);
    }
}

/// The mark of an image before the next run.
pub struct Seen {
    /// `true` if there is no `info.json`.
    pub is_gone: bool,
    pub mark: String,
}

impl Seen {
    pub fn new(place: &Place, prefix: &str) -> Self {
        let info = place.object(&format!("{prefix}/image/info.json"));
        Self { is_gone: info.is_none(), mark: info.and_then(|info| info.mark).unwrap_or_default() }
    }

    pub fn state(&self) -> Option<&str> {
        field(&self.mark, "state")
    }

    /// Returns the picture that the mark belongs to.
    pub fn picture(&self, references: &References) -> Option<Picture> {
        let pixels = field(&self.mark, "pixels")?;
        Picture::MEETING.into_iter().find(|picture| references.of(*picture).pixels == pixels)
    }
}

/// The expected state of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// The image is complete and confirmed.
    Whole(Picture),
    /// No object of the image exists.
    Gone,
    /// There is no `info.json`, but a killed run may have left image files.
    Unfinished,
}

/// Returns the violations below the prefix of a meeting.
pub fn check(
    expected: Expected,
    has_neighbor: bool,
    place: &Place,
    prefix: &str,
    references: &References,
) -> Vec<String> {
    let mut objects = place.objects(&format!("{prefix}/"));
    let mut wrong = check_bystanders(&mut objects, prefix);
    if has_neighbor {
        let neighbor = bodies(&objects, &format!("{prefix}/neighbor"));
        wrong.extend(differences("neighbor", &neighbor, &references.of(Picture::Neighbor).bodies));
    }
    objects.retain(|key, _| !key.starts_with(&format!("{prefix}/neighbor/")));
    let mark = objects.get(&format!("{prefix}/image/info.json")).and_then(|info| info.mark.clone());
    let image = bodies(&objects, &format!("{prefix}/image"));
    if objects.len() > image.len() {
        let others: Vec<_> = objects.keys().filter(|key| !key.contains("/image/")).collect();
        wrong.push(format!("there are other objects: {others:?}"));
    }
    match expected {
        Expected::Whole(picture) => {
            wrong.extend(differences("image", &image, &references.of(picture).bodies));
            let mark = mark.unwrap_or_default();
            if field(&mark, "state") != Some("current") || field(&mark, "orphans").is_some() {
                wrong.push(format!("the mark is `{mark}`"));
            }
        }
        Expected::Gone if !image.is_empty() => wrong.push(format!("left: {:?}", image.keys())),
        Expected::Unfinished if image.contains_key("info.json") => wrong.push("there is an info.json".to_owned()),
        Expected::Gone | Expected::Unfinished => {}
    }
    wrong
}

/// Removes the bystanders from the objects and returns violations of them.
fn check_bystanders(objects: &mut Objects, prefix: &str) -> Vec<String> {
    let is_wrong = |(path, body): &(&str, &[u8])| {
        let found = objects.remove(&format!("{prefix}/{path}"));
        found.is_none_or(|found| found.body != *body)
    };
    let wrong = BYSTANDERS.into_iter().filter(is_wrong);
    wrong.map(|(path, _)| format!("{path} was changed or deleted")).collect()
}

fn differences(name: &str, found: &Bodies, expected: &Bodies) -> Option<String> {
    let missing: Vec<_> = expected.keys().filter(|path| !found.contains_key(*path)).collect();
    let too_many: Vec<_> = found.keys().filter(|path| !expected.contains_key(*path)).collect();
    let is_other = |(path, body): &(&String, &Vec<u8>)| found.get(*path).is_some_and(|found| found != *body);
    let other: Vec<_> = expected.iter().filter(is_other).map(|(path, _)| path).collect();
    let is_same = missing.is_empty() && too_many.is_empty() && other.is_empty();
    (!is_same).then(|| format!("{name}: missing {missing:?}, too many {too_many:?}, other bytes {other:?}"))
}

#[test]
fn every_kind_of_damage_is_found() {
    let (place, sources) = (Place::folder(), Sources::new());
    let references = References::new(&place, &sources);
    let Place::Folder { folder } = &place else { panic!("it is a folder") };
    let aim = Aim { place: &place, endpoint: None, prefix: "m", max_rps: None };
    run_well(aim.command(Task::Publish(Picture::A), &sources));
    put_bystanders(&place, "m");
    let wrong = || check(Expected::Whole(Picture::A), false, &place, "m", &references);
    let is_good_but_for_the_mark = || wrong().len() == 1 && wrong()[0].starts_with("the mark is `1;state=settling;");
    assert!(is_good_but_for_the_mark(), "{:?}", wrong());
    for (key, complaint) in [
        ("m/image/0,0,64,64/64,64/0/default.jpg", "other bytes [\"0,0,64,64"),
        ("m/image/info.json", "other bytes [\"info.json"),
        ("m/image/full/1,/0/default.jpg", "too many [\"full/1,"),
        ("m/image/notes.txt", "image/notes.txt was changed"),
        ("m/image-2/info.json", "image-2/info.json was changed"),
        ("m/other/full/max/0/default.jpg", "there are other objects"),
    ] {
        let (path, before) = (folder.path().join(key), place.object(key));
        place.put(key, b"damage");
        assert!(wrong().join("; ").contains(complaint), "{key}: {:?}", wrong());
        std::fs::remove_file(&path).expect("removed");
        if let Some(before) = before {
            assert!(!is_good_but_for_the_mark(), "{key} is missing");
            std::fs::write(&path, before.body).expect("written");
        }
    }
    let check = |expected, has_neighbor| check(expected, has_neighbor, &place, "m", &references).len();
    assert_eq!(check(Expected::Gone, false), 1);
    assert_eq!(check(Expected::Unfinished, false), 1);
    assert_eq!(check(Expected::Whole(Picture::B), false), 2);
    assert_eq!(check(Expected::Whole(Picture::A), true), 2);
}
