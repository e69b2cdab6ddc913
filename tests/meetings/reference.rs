//! The published objects of each picture in an undisturbed run.

use super::place::{Objects, Place};
use super::program::{Aim, public_url, run_well};
use super::sources::{Picture, Sources};
use std::collections::BTreeMap;
use std::fs;

/// Minimum number of objects of a picture.
const MIN_OBJECTS: usize = 57;

/// Placeholder for the base URI of an image.
const BASE_URI: &str = "BASE-URI";

/// Bodies by their paths in the image folder.
pub type Bodies = BTreeMap<String, Vec<u8>>;

pub struct References(BTreeMap<Picture, Reference>);

pub struct Reference {
    pub bodies: Bodies,
    /// The hash of source and options in the mark.
    pub pixels: String,
}

impl References {
    pub fn new(place: &Place, sources: &Sources) -> Self {
        let all = || Picture::MEETING.into_iter().chain([Picture::Neighbor]);
        let lines = all().map(|picture| format!("{}.ppm,{}\n", picture.name(), picture.name()));
        let table = sources.folder().join(format!("{}-reference.csv", place.name()));
        fs::write(&table, "source,id\n".to_owned() + &lines.collect::<String>()).expect("written");
        let aim = Aim { place, endpoint: None, prefix: "reference", max_rps: None };
        run_well(aim.table(&table, &table.with_extension("jsonl")));
        let references = Self(all().map(|picture| (picture, reference(place, picture))).collect());
        let fewest = Picture::MEETING.map(|picture| references.of(picture).bodies.len()).into_iter().min();
        assert!(fewest >= Some(MIN_OBJECTS), "{fewest:?} objects");
        references
    }

    pub fn of(&self, picture: Picture) -> &Reference {
        &self.0[&picture]
    }
}

fn reference(place: &Place, picture: Picture) -> Reference {
    let folder = format!("reference/{}", picture.name());
    let objects = place.objects(&format!("{folder}/"));
    let mark = objects[&format!("{folder}/info.json")].mark.clone().expect("a mark");
    Reference { bodies: bodies(&objects, &folder), pixels: field(&mark, "pixels").expect("pixels").to_owned() }
}

/// Returns the objects in an image folder, with the base URI replaced by the placeholder.
pub fn bodies(objects: &Objects, folder: &str) -> Bodies {
    let within = format!("{folder}/");
    let objects = objects.iter().filter_map(|(key, object)| Some((key.strip_prefix(&within)?, object)));
    let neutral = |body: &[u8]| {
        let text = String::from_utf8(body.to_vec()).expect("UTF-8");
        text.replace(&public_url(folder), BASE_URI).into_bytes()
    };
    let body = |path: &str, body: &[u8]| if path == "info.json" { neutral(body) } else { body.to_vec() };
    objects.map(|(path, object)| (path.to_owned(), body(path, &object.body))).collect()
}

/// Returns a field of a mark.
pub fn field<'a>(mark: &'a str, name: &str) -> Option<&'a str> {
    mark.split(';').find_map(|field| field.strip_prefix(name)?.strip_prefix('='))
}
