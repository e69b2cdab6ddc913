//! Versions of an image that are not the newest any more: how many stay.

use super::event::Orphans;
use super::existing::is_picture;
use super::fingerprint::Fingerprint;
use super::job::Job;
use super::{PublishError, Publisher};
use crate::iiif::Plan;
use crate::store::{ImageFolder, Key, Listed, VersionName};
use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

/// A version without `info.json` may be one that somebody else is publishing just now. After so long it is not.
const UNFINISHED_FOR: Duration = Duration::from_hours(24);

/// What is there of one version.
#[derive(Debug, Default)]
struct Version {
    /// Its promise, with the time when it was made.
    information: Option<(Key, SystemTime)>,
    pictures: Vec<Key>,
    /// When the last of its objects was stored.
    newest: Option<SystemTime>,
}

impl Version {
    fn add(&mut self, object: Listed, is_information: bool) {
        self.newest = self.newest.max(object.modified);
        if is_information {
            self.information = Some((object.key, object.modified.unwrap_or(SystemTime::UNIX_EPOCH)));
        } else {
            self.pictures.push(object.key);
        }
    }

    fn is_abandoned(&self, now: SystemTime) -> bool {
        let age = self.newest.and_then(|newest| now.duration_since(newest).ok());
        age.is_some_and(|age| age > UNFINISHED_FOR)
    }
}

/// The versions in the folder around them, but for the current one. What was published there before there were versions
/// has no name, and its promise is taken back already.
fn versions(
    listed: Vec<Listed>,
    around: &ImageFolder,
    current: &VersionName,
) -> BTreeMap<Option<VersionName>, Version> {
    let mut versions: BTreeMap<_, Version> = BTreeMap::new();
    for object in listed {
        let Some(path) = around.path_of(object.key.as_str()) else { continue };
        let (name, path) = match path.split_once('/').map(|(first, rest)| (first.parse::<VersionName>(), rest)) {
            Some((Ok(name), rest)) => (Some(name), rest),
            _ => (None, path),
        };
        let is_information = path == Plan::INFO_JSON;
        let is_of_version = is_picture(path) || (is_information && name.is_some());
        if is_of_version && name.as_ref() != Some(current) {
            versions.entry(name).or_default().add(object, is_information);
        }
    }
    versions
}

/// What goes when so many old versions stay: first the promises, then what they promised.
fn doomed(versions: BTreeMap<Option<VersionName>, Version>, keep: usize, now: SystemTime) -> (Vec<Key>, Vec<Key>) {
    let (unnamed, named): (Vec<_>, Vec<_>) = versions.into_iter().partition(|(name, _)| name.is_none());
    let named = named.into_iter().map(|(_, version)| version);
    let (mut finished, unfinished): (Vec<_>, Vec<_>) = named.partition(|version| version.information.is_some());
    finished.sort_by_key(|version| std::cmp::Reverse(version.information.as_ref().map(|(_, time)| *time)));
    let abandoned = unfinished.into_iter().filter(|version| version.is_abandoned(now));
    // Nothing shows any more what was published without versions.
    let unnamed = unnamed.into_iter().map(|(_, version)| version);
    let (mut promises, mut pictures) = (Vec::new(), Vec::new());
    for version in finished.into_iter().skip(keep).chain(abandoned).chain(unnamed) {
        promises.extend(version.information.map(|(key, _)| key));
        pictures.extend(version.pictures);
    }
    (promises, pictures)
}

impl Publisher {
    /// Deletes the versions that are older than the newest and `keep` more.
    pub(super) async fn delete_old_versions(
        &self,
        job: &Job,
        fingerprint: &Fingerprint,
        keep: usize,
    ) -> Result<Orphans, PublishError> {
        let current = &fingerprint.version_name();
        let mut orphans = Orphans::default();
        if !self.information_at_home(job).await?.is_current(fingerprint) {
            // Somebody else has moved on meanwhile, and decides what is old now.
            return Ok(orphans);
        }
        for around in job.folders.iter().filter_map(|folder| folder.around.as_ref()) {
            let listed = self.store.list(around).await?.unwrap_or_default();
            let (promises, pictures) = doomed(versions(listed, around, current), keep, SystemTime::now());
            orphans = orphans + self.delete(promises).await?;
            if orphans.left == 0 {
                orphans = orphans + self.delete(pictures).await?;
            }
        }
        Ok(orphans)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::KeyError;

    fn listed(around: &ImageFolder, path: &str, seconds: u64) -> Listed {
        let modified = Some(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
        Listed { key: around.key(&path), bytes: 1, digest: None, modified }
    }

    #[test]
    fn the_oldest_versions_go_and_their_promises_first() -> Result<(), KeyError> {
        let around = ImageFolder::new(&"p".parse()?, None, &"a".parse()?)?;
        let name = |digit: char| format!("v{}", digit.to_string().repeat(12));
        let object = |digit, path: &str, seconds| listed(&around, &format!("{}/{path}", name(digit)), seconds);
        let objects = || {
            vec![
                object('1', "full/max/0/default.jpg", 10),
                object('1', "info.json", 11),
                object('2', "full/max/0/default.jpg", 20),
                object('2', "info.json", 21),
                object('3', "info.json", 31),
                object('3', "full/max/0/default.jpg", 30),
                // Being published by somebody else.
                object('4', "full/max/0/default.jpg", 40),
                // Of the image itself, and of nobody.
                listed(&around, "info.json", 50),
                listed(&around, "notes.txt", 1),
                listed(&around, "full/9,/0/default.jpg", 1),
            ]
        };
        let current = name('3').parse().expect("a name");
        let gone = |keep, now| {
            let now = SystemTime::UNIX_EPOCH + Duration::from_secs(now);
            let (promises, pictures) = doomed(versions(objects(), &around, &current), keep, now);
            let text = |keys: Vec<Key>| keys.iter().map(|key| key.as_str()[4..].to_owned()).collect::<Vec<_>>();
            (text(promises), text(pictures))
        };
        let (promises, pictures) = gone(1, 60);
        assert_eq!(promises, ["v111111111111/info.json"]);
        assert_eq!(pictures, ["v111111111111/full/max/0/default.jpg", "full/9,/0/default.jpg"]);
        let (promises, _) = gone(0, 60);
        assert_eq!(promises, ["v222222222222/info.json", "v111111111111/info.json"]);
        let (promises, pictures) = gone(2, 1_000_000);
        assert_eq!((promises.len(), pictures.len()), (0, 2), "what nobody finished in a day goes");
        Ok(())
    }
}
