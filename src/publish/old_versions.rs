//! Deletes old versions of an image, except for the most recent ones.

use super::api_folder::ApiFolder;
use super::event::Orphans;
use super::mark::{Mark, MarkState};
use super::options::Layout;
use super::state::State;
use super::target::Target;
use super::{PublishError, Publisher};
use crate::destination::{ImageAddress, ImageFolder, VersionName};
use crate::iiif::{ImageRequest, Plan};
use crate::store::{Key, Listed, StoreError};
use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

/// Minimum age before a version without an `info.json` is considered abandoned. Another run may still be publishing a
/// newer one.
const UNFINISHED_FOR: Duration = Duration::from_hours(24);

/// Minimum age before a complete version may be deleted. Another run may be about to make a newer version current, or
/// viewers may still be showing it.
const FRESH_FOR: Duration = Duration::from_hours(1);

/// Objects that belong to one version.
#[derive(Debug, Default)]
struct Version {
    /// Key and modification time of its `info.json`.
    information: Option<(Key, SystemTime)>,
    pictures: Vec<Key>,
    /// Modification time of its newest object.
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

    fn is_past_grace_period(&self, now: SystemTime) -> bool {
        let enough = if self.information.is_some() { FRESH_FOR } else { UNFINISHED_FOR };
        let age = self.newest.and_then(|newest| now.duration_since(newest).ok());
        age.is_some_and(|age| age > enough)
    }
}

/// Returns the version an object in the parent folder belongs to, and `true` if the object is that version's
/// `info.json`. Objects published without versions don't have a name, and their `info.json` has already been replaced.
fn of_version(parent: &ImageFolder, object: &Listed) -> Option<(Option<VersionName>, bool)> {
    let path = parent.path_of(object.key.as_str())?;
    let (first, rest) = path.split_once('/').unwrap_or((path, ""));
    match (first.parse::<VersionName>(), rest) {
        // Redirect for the version's base URI.
        (Ok(name), "") => (object.bytes == 0).then_some((Some(name), false)),
        (Ok(name), Plan::INFO_JSON) => Some((Some(name), true)),
        (Ok(name), rest) => is_request(rest).then_some((Some(name), false)),
        (Err(_), _) => is_request(path).then_some((None, false)),
    }
}

/// Returns `true` if a path relative to the image's folder is a request.
fn is_request(path: &str) -> bool {
    path.parse::<ImageRequest>().is_ok()
}

/// Returns `true` if a version's `info.json` is so recent that some viewers may not have loaded it yet.
fn is_fresh(listed: &[Listed], place: &ImageFolder, now: SystemTime) -> bool {
    let information = place.key(&Plan::INFO_JSON);
    let modified = listed.iter().find(|object| object.key == information).and_then(|object| object.modified);
    modified.and_then(|modified| now.duration_since(modified).ok()).is_none_or(|age| age < FRESH_FOR)
}

/// Groups the objects in a parent folder by version, leaving out the current version.
fn versions(
    listed: Vec<Listed>,
    parent: &ImageFolder,
    current: &VersionName,
) -> BTreeMap<Option<VersionName>, Version> {
    let mut versions: BTreeMap<_, Version> = BTreeMap::new();
    for object in listed {
        let Some((name, is_information)) = of_version(parent, &object) else { continue };
        if name.as_ref() != Some(current) {
            versions.entry(name).or_default().add(object, is_information);
        }
    }
    versions
}

/// Objects to delete.
#[derive(Debug, Default)]
struct PrunePlan {
    /// The versions' `info.json` files, which are deleted first.
    promises: Vec<Key>,
    pictures: Vec<Key>,
    names: Vec<VersionName>,
    /// `true` if some versions must be deleted later because another run may be using them.
    is_more: bool,
}

impl PrunePlan {
    /// Selects the versions to delete. Complete versions are kept while the newest one is fresh, because viewers may
    /// have cached an `info.json` that points to an older version.
    fn new(versions: BTreeMap<Option<VersionName>, Version>, keep: usize, now: SystemTime, is_fresh: bool) -> Self {
        // Objects published without versions aren't referenced by any `info.json`.
        let (unnamed, named): (Vec<_>, Vec<_>) = versions.into_iter().partition(|(name, _)| name.is_none());
        // There are three cases. A version with an `info.json` is complete and counts toward `keep`. A version without
        // one is either the result of an interrupted run or still being published. It never counts, and is only deleted
        // once it is a day old. Objects without a version name were published without versions and are no longer
        // reachable.
        let (mut finished, unfinished): (Vec<_>, Vec<_>) =
            named.into_iter().partition(|(_, version)| version.information.is_some());
        finished.sort_by_key(|(_, version)| std::cmp::Reverse(version.information.as_ref().map(|(_, time)| *time)));
        let mut plan = Self::default();
        for (name, version) in finished.into_iter().skip(keep).chain(unfinished) {
            if version.is_past_grace_period(now) && !(is_fresh && version.information.is_some()) {
                plan.add(version);
                plan.names.extend(name);
            } else {
                plan.is_more = true;
            }
        }
        for (_, version) in unnamed {
            plan.add(version);
        }
        plan
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
    /// Deletes old versions of an image that is already current, if its mark shows that more than allowed may be left.
    pub(super) async fn prune_versions_again(&self, target: &Target, state: &State) -> Result<Orphans, PublishError> {
        let not_cleaned_up = |cause| PublishError::CleanUp { identifier: target.identifier.clone(), cause };
        match self.options.layout {
            Layout::Versioned { keep: Some(keep) } if !state.has_at_most(keep) => {
                self.prune_versions(target, keep).await.map_err(not_cleaned_up)
            }
            _ => Ok(Orphans::default()),
        }
    }

    /// Deletes all versions except for the current one and up to `keep` old ones, then records this in the mark. If the
    /// run is interrupted, the next run deletes the rest.
    pub(super) async fn prune_versions(&self, target: &Target, keep: usize) -> Result<Orphans, StoreError> {
        let (mut orphans, mut is_more) = (Orphans::default(), false);
        for folder in &target.folders {
            let Some(image) = folder.parent() else { continue };
            let parent = image.folder();
            let listed = self.listed(parent, |object| of_version(parent, object).is_some()).await?.unwrap_or_default();
            // Without permission to list, the versions are unknown.
            is_more |= listed.is_empty();
            let now = self.store.now().await?;
            // Viewers opened before the newest version was published may still be showing an older one and requesting
            // its tiles.
            let is_fresh = is_fresh(&listed, folder.dir(), now);
            let plan = PrunePlan::new(versions(listed, parent, &target.version), keep, now, is_fresh);
            is_more |= plan.is_more;
            // Another run may have made a different version current by now. If so, that run decides which versions are
            // old.
            let current = self.load_current_state(target).await?;
            if !plan.is_empty() && current_marks(target, &current).is_some() {
                orphans = orphans + self.delete_versions(image, plan).await?;
            }
        }
        let current = self.load_current_state(target).await?;
        if let Some(marks) = current_marks(target, &current).filter(|_| !is_more && orphans.left == 0) {
            // Only a comparison may set `current`. This request can't tell if the image has changed since the last
            // check.
            let state = |mark: &Mark| if self.timing().is_some() { MarkState::Settling } else { mark.state };
            let is_contested = self.is_contested(&current).await?;
            let note = |mark: Mark| Mark { old_versions: Some(keep), is_contested, ..mark.in_state(state(&mark)) };
            let marks: Vec<Mark> = marks.into_iter().map(note).collect();
            self.info_writer(target).put_current(&marks).await?;
        }
        Ok(orphans)
    }

    async fn load_current_state(&self, target: &Target) -> Result<State, StoreError> {
        State::load(&*self.store, target.folders.iter().map(ApiFolder::current_dir)).await
    }

    async fn delete_versions(&self, image: &ImageAddress, plan: PrunePlan) -> Result<Orphans, StoreError> {
        // Delete each version's `info.json` first. If deletion is interrupted, the rest is invisible and the next run
        // treats it as unfinished. In the opposite order, viewers could load an `info.json` without tiles.
        let orphans = self.delete(plan.promises).await?;
        if orphans.left > 0 {
            return Ok(orphans);
        }
        for name in &plan.names {
            let version = image.version(name).expect("a folder of this name was listed");
            self.put_redirects(&version, Vec::new()).await?;
        }
        Ok(orphans + self.delete(plan.pictures).await?)
    }
}

/// Returns the image's marks if the target version is the current one.
fn current_marks(target: &Target, state: &State) -> Option<Vec<Mark>> {
    let is_current = state.version().as_ref() == Some(&target.version);
    state.marks().filter(|_| is_current).map(|marks| marks.into_iter().cloned().collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::KeyError;

    const TWO_HOURS: u64 = 7200;

    fn listed(parent: &ImageFolder, path: &str, seconds: u64) -> Listed {
        let modified = Some(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
        Listed { key: parent.key(&path), bytes: 1, etag: None, modified }
    }

    #[test]
    fn the_oldest_versions_go_and_their_promises_first() -> Result<(), KeyError> {
        let parent = ImageFolder::new(&"p".parse()?, None, &"a".parse()?)?;
        let name = |digit: char| format!("v{}", digit.to_string().repeat(12));
        let object = |digit, path: &str, seconds| listed(&parent, &format!("{}/{path}", name(digit)), seconds);
        let redirect = |digit, seconds| Listed { bytes: 0, ..listed(&parent, &name(digit), seconds) };
        let objects = || {
            vec![
                object('1', "full/max/0/default.jpg", 10),
                object('1', "info.json", 11),
                redirect('1', 9),
                object('2', "full/max/0/default.jpg", 20),
                object('2', "info.json", 21),
                object('3', "info.json", 31),
                object('3', "full/max/0/default.jpg", 30),
                // In progress, published by another run.
                object('4', "full/max/0/default.jpg", 40),
                // The image's own `info.json`, and an unrelated file.
                listed(&parent, "info.json", 50),
                listed(&parent, "notes.txt", 1),
                listed(&parent, "full/9,/0/default.jpg", 1),
            ]
        };
        let current = name('3').parse().expect("a name");
        let gone = |keep, now| {
            let now = SystemTime::UNIX_EPOCH + Duration::from_secs(now);
            let PrunePlan { promises, pictures, is_more, .. } = PrunePlan::new(
                versions(objects(), &parent, &current),
                keep,
                now,
                now < SystemTime::UNIX_EPOCH + FRESH_FOR,
            );
            let text = |keys: Vec<Key>| keys.iter().map(|key| key.as_str()[4..].to_owned()).collect::<Vec<_>>();
            (text(promises), text(pictures), is_more)
        };
        let (promises, pictures, is_more) = gone(1, TWO_HOURS);
        assert_eq!(promises, ["v111111111111/info.json"]);
        assert_eq!(pictures, ["v111111111111/full/max/0/default.jpg", "v111111111111", "full/9,/0/default.jpg"]);
        assert!(is_more, "an unfinished version may belong to another run");
        let (promises, _, _) = gone(0, TWO_HOURS);
        assert_eq!(promises, ["v222222222222/info.json", "v111111111111/info.json"]);
        let (promises, pictures, is_more) = gone(2, 1_000_000);
        assert_eq!(
            (promises.len(), pictures.len(), is_more),
            (0, 2, false),
            "an abandoned version is deleted after a day"
        );
        let (promises, pictures, is_more) = gone(0, 60);
        assert_eq!(
            (promises.len(), pictures.len(), is_more),
            (0, 1, true),
            "another run may be about to make it current"
        );
        Ok(())
    }
}
