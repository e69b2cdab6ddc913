//! Checks that all objects are stored that an `info.json` promises.

use super::place::Objects;
use serde_json::Value;

/// The objects after a run without kills.
pub struct Undisturbed {
    /// The image that is there before.
    pub old: Option<Objects>,
    /// The image that is published, where there was nothing before.
    pub new: Objects,
    /// The image that is published, where there was the old one.
    pub after: Objects,
}

impl Undisturbed {
    /// Asserts that every `info.json` that is there has every object that it promises. While the old one stands, pictures may be
    /// of either image.
    pub fn assert_kept(&self, found: &Objects, when: &str) {
        for (key, info) in found.iter().filter(|(key, _)| is_information(key)) {
            let promised = self.publication_of(key, info, when);
            for (key, body) in promised.iter().filter(|(other, _)| other.starts_with(folder_of(key))) {
                let is_kept =
                    found.get(key).is_some_and(|found| found == body || self.may_be_newer(key, found, promised));
                assert!(is_kept, "{when}: {key} is promised, but {}", state(found.get(key)));
            }
        }
    }

    /// The image whose `info.json` this is.
    fn publication_of(&self, key: &str, info: &[u8], when: &str) -> &Objects {
        let is_it = |publication: &&Objects| publication.get(key).is_some_and(|known| width(known) == width(info));
        let publication = [Some(&self.new), self.old.as_ref()].into_iter().flatten().find(is_it);
        let publication = publication.unwrap_or_else(|| panic!("{when}: {key} is of no image: {info:?}"));
        assert_eq!(publication[key], info, "{when}: {key}");
        publication
    }

    fn may_be_newer(&self, key: &str, found: &[u8], promised: &Objects) -> bool {
        let is_old = self.old.as_ref().is_some_and(|old| std::ptr::eq(old, promised));
        is_old && !is_information(key) && self.new.get(key).is_some_and(|new| new == found)
    }

    /// Pictures of the new image.
    pub fn pictures(&self) -> usize {
        self.new.keys().filter(|key| !is_information(key)).count()
    }

    /// Those of them that are there.
    pub fn finished_pictures(&self, found: &Objects) -> usize {
        let is_finished = |(key, body): &(&String, &Vec<u8>)| !is_information(key) && found.get(*key) == Some(body);
        self.new.iter().filter(is_finished).count()
    }

    /// Returns `true` if `info.json` is that of the new image.
    pub fn is_promised(&self, found: &Objects) -> bool {
        self.new.iter().filter(|(key, _)| is_information(key)).all(|(key, body)| found.get(key) == Some(body))
    }

    /// Asserts that everything is as after a run without kills.
    pub fn assert_complete(&self, found: &Objects, when: &str) {
        let missing: Vec<_> = self.after.keys().filter(|key| !found.contains_key(*key)).collect();
        let too_many: Vec<_> = found.keys().filter(|key| !self.after.contains_key(*key)).collect();
        assert!(missing.is_empty() && too_many.is_empty(), "{when}: {missing:?} missing, {too_many:?} too many");
        let wrong: Vec<_> = self.after.iter().filter(|(key, body)| found[*key] != **body).map(|(key, _)| key).collect();
        assert!(wrong.is_empty(), "{when}: {wrong:?} have other bytes");
    }
}

fn is_information(key: &str) -> bool {
    key.ends_with("info.json")
}

/// Everything that an `info.json` promises begins so.
fn folder_of(information: &str) -> &str {
    information.trim_end_matches("info.json")
}

fn width(info: &[u8]) -> Option<u64> {
    serde_json::from_slice::<Value>(info).ok()?["width"].as_u64()
}

fn state(object: Option<&Vec<u8>>) -> String {
    object.map_or("is missing".to_owned(), |body| format!("has {} other bytes", body.len()))
}
