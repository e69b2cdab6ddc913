//! Versions of an image that are not the newest any more: how many stay.

use super::event::Orphans;
use super::existing::{StoredInformation, is_picture};
use super::fingerprint::Fingerprint;
use super::job::{Folder, Job};
use super::options::Layout;
use super::{PublishError, Publisher};
use crate::iiif::Plan;
use crate::store::{ImageFolder, Key, Listed, StoreError, VersionName};
use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

/// A version without `info.json` may be one that somebody else is publishing just now. After so long it is not.
const UNFINISHED_FOR: Duration = Duration::from_hours(24);

/// A version that is complete may be one that somebody else is about to move to, or that viewers of the one after it still show.
/// After so long it is not.
const FRESH_FOR: Duration = Duration::from_hours(1);

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

    fn has_rested(&self, now: SystemTime) -> bool {
        let enough = if self.information.is_some() { FRESH_FOR } else { UNFINISHED_FOR };
        let age = self.newest.and_then(|newest| now.duration_since(newest).ok());
        age.is_some_and(|age| age > enough)
    }
}

/// What an object in the folder around all versions is, if it is part of one: the name of the version, and whether it is its
/// promise. What was published there before there were versions has no name, and its promise is taken back already.
fn of_version(around: &ImageFolder, object: &Listed) -> Option<(Option<VersionName>, bool)> {
    let path = around.path_of(object.key.as_str())?;
    let (first, rest) = path.split_once('/').unwrap_or((path, ""));
    match (first.parse::<VersionName>(), rest) {
        // The redirect of its bare base URI.
        (Ok(name), "") => (object.bytes == 0).then_some((Some(name), false)),
        (Ok(name), Plan::INFO_JSON) => Some((Some(name), true)),
        (Ok(name), rest) => is_picture(rest).then_some((Some(name), false)),
        (Err(_), _) => is_picture(path).then_some((None, false)),
    }
}

/// Whether the promise in this place is so new that viewers may not know of it.
fn is_fresh(listed: &[Listed], place: &ImageFolder, now: SystemTime) -> bool {
    let information = place.key(&Plan::INFO_JSON);
    let modified = listed.iter().find(|object| object.key == information).and_then(|object| object.modified);
    modified.and_then(|modified| now.duration_since(modified).ok()).is_none_or(|age| age < FRESH_FOR)
}

/// The versions in the folder around them, but for the current one.
fn versions(
    listed: Vec<Listed>,
    around: &ImageFolder,
    current: &VersionName,
) -> BTreeMap<Option<VersionName>, Version> {
    let mut versions: BTreeMap<_, Version> = BTreeMap::new();
    for object in listed {
        let Some((name, is_information)) = of_version(around, &object) else { continue };
        if name.as_ref() != Some(current) {
            versions.entry(name).or_default().add(object, is_information);
        }
    }
    versions
}

/// What goes when only so many old versions stay.
#[derive(Debug, Default)]
struct Doomed {
    /// What promises the pictures, and goes first.
    promises: Vec<Key>,
    pictures: Vec<Key>,
    names: Vec<VersionName>,
    /// Whether there is more that will go, but not yet: somebody may be at work on it.
    is_more: bool,
}

impl Doomed {
    /// Of finished versions nothing goes while the newest one is fresh: viewers may still hold what leads to those before it.
    fn of(versions: BTreeMap<Option<VersionName>, Version>, keep: usize, now: SystemTime, is_fresh: bool) -> Self {
        // Nothing shows any more what was published without versions.
        let (unnamed, named): (Vec<_>, Vec<_>) = versions.into_iter().partition(|(name, _)| name.is_none());
        let (mut finished, unfinished): (Vec<_>, Vec<_>) =
            named.into_iter().partition(|(_, version)| version.information.is_some());
        finished.sort_by_key(|(_, version)| std::cmp::Reverse(version.information.as_ref().map(|(_, time)| *time)));
        let mut doomed = Self::default();
        for (name, version) in finished.into_iter().skip(keep).chain(unfinished) {
            if version.has_rested(now) && !(is_fresh && version.information.is_some()) {
                doomed.add(version);
                doomed.names.extend(name);
            } else {
                doomed.is_more = true;
            }
        }
        for (_, version) in unnamed {
            doomed.add(version);
        }
        doomed
    }

    fn add(&mut self, version: Version) {
        self.promises.extend(version.information.map(|(key, _)| key));
        self.pictures.extend(version.pictures);
    }

    fn is_empty(&self) -> bool {
        self.promises.is_empty() && self.pictures.is_empty()
    }
}

impl Publisher {
    /// Makes the version that is complete now the one that the image is seen as, with one put for each version of the API.
    pub(super) async fn move_to_version(
        &self,
        job: &Job,
        fingerprint: &Fingerprint,
        keep: Option<usize>,
    ) -> Result<Orphans, PublishError> {
        for folder in &job.folders {
            self.store.redirect(folder.home(), folder.home_uri(), job.redirects.of_home(folder)).await?;
        }
        self.put_information(job, Folder::home, &fingerprint.to_string()).await?;
        match keep {
            Some(keep) => {
                self.keep_old_versions(job, fingerprint, keep).await.map_err(|cause| job.not_cleaned_up(cause))
            }
            None => Ok(Orphans::default()),
        }
    }

    /// For an image that is current already: whether fewer old versions are to be kept than there are, its own `info.json`
    /// tells.
    pub(super) async fn keep_fewer_versions(
        &self,
        job: &Job,
        stored: &StoredInformation,
        fingerprint: &Fingerprint,
    ) -> Result<Orphans, PublishError> {
        match self.options.layout {
            Layout::Versioned { keep: Some(keep) } if !stored.has_at_most(keep) => {
                self.keep_old_versions(job, fingerprint, keep).await.map_err(|cause| job.not_cleaned_up(cause))
            }
            _ => Ok(Orphans::default()),
        }
    }

    /// Deletes the versions that are older than the newest and `keep` more, and then notes with the newest one that this is done:
    /// should this run end in between, the next one does it.
    async fn keep_old_versions(
        &self,
        job: &Job,
        fingerprint: &Fingerprint,
        keep: usize,
    ) -> Result<Orphans, StoreError> {
        let current = &fingerprint.version_name();
        let (mut orphans, mut is_more) = (Orphans::default(), false);
        for folder in &job.folders {
            let Some(around) = &folder.around else { continue };
            let listed = self.listed(around, |object| of_version(around, object).is_some()).await?;
            // Where it may not be listed, nothing is known.
            is_more |= listed.is_empty();
            let now = SystemTime::now();
            let is_fresh = is_fresh(&listed, &folder.place, now);
            let doomed = Doomed::of(versions(listed, around, current), keep, now, is_fresh);
            is_more |= doomed.is_more;
            // Somebody else may have moved on meanwhile, and decides what is old now.
            if !doomed.is_empty() && self.information_at_home(job).await?.is_current(fingerprint) {
                orphans = orphans + self.delete_versions(folder, around, doomed).await?;
            }
        }
        if !is_more && orphans.left == 0 && self.information_at_home(job).await?.is_current(fingerprint) {
            self.put_information(job, Folder::home, &fingerprint.with_old_versions(keep)).await?;
        }
        Ok(orphans)
    }

    async fn delete_versions(
        &self,
        folder: &Folder,
        around: &ImageFolder,
        doomed: Doomed,
    ) -> Result<Orphans, StoreError> {
        let orphans = self.delete(doomed.promises).await?;
        if orphans.left > 0 {
            return Ok(orphans);
        }
        for name in &doomed.names {
            let place = around.version(name).expect("it has been found there");
            self.store.redirect(&place, &format!("{}/{name}", folder.home_uri()), Vec::new()).await?;
        }
        Ok(orphans + self.delete(doomed.pictures).await?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::KeyError;

    const TWO_HOURS: u64 = 7200;

    fn listed(around: &ImageFolder, path: &str, seconds: u64) -> Listed {
        let modified = Some(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
        Listed { key: around.key(&path), bytes: 1, etag: None, modified }
    }

    #[test]
    fn the_oldest_versions_go_and_their_promises_first() -> Result<(), KeyError> {
        let around = ImageFolder::new(&"p".parse()?, None, &"a".parse()?)?;
        let name = |digit: char| format!("v{}", digit.to_string().repeat(12));
        let object = |digit, path: &str, seconds| listed(&around, &format!("{}/{path}", name(digit)), seconds);
        let redirect = |digit, seconds| Listed { bytes: 0, ..listed(&around, &name(digit), seconds) };
        let objects = || {
            vec![
                object('1', "full/max/0/default.jpg", 10),
                object('1', "info.json", 11),
                redirect('1', 9),
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
            let Doomed { promises, pictures, is_more, .. } =
                Doomed::of(versions(objects(), &around, &current), keep, now, now < SystemTime::UNIX_EPOCH + FRESH_FOR);
            let text = |keys: Vec<Key>| keys.iter().map(|key| key.as_str()[4..].to_owned()).collect::<Vec<_>>();
            (text(promises), text(pictures), is_more)
        };
        let (promises, pictures, is_more) = gone(1, TWO_HOURS);
        assert_eq!(promises, ["v111111111111/info.json"]);
        assert_eq!(pictures, ["v111111111111/full/max/0/default.jpg", "v111111111111", "full/9,/0/default.jpg"]);
        assert!(is_more, "what is not finished may be of somebody else");
        let (promises, _, _) = gone(0, TWO_HOURS);
        assert_eq!(promises, ["v222222222222/info.json", "v111111111111/info.json"]);
        let (promises, pictures, is_more) = gone(2, 1_000_000);
        assert_eq!((promises.len(), pictures.len(), is_more), (0, 2, false), "what nobody finished in a day goes");
        let (promises, pictures, is_more) = gone(0, 60);
        assert_eq!((promises.len(), pictures.len(), is_more), (0, 1, true), "somebody may be about to move to it");
        Ok(())
    }
}
