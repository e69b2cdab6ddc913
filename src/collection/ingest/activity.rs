//! Activity streams that tell aggregators which manifests changed since their last visit.
//!
//! The stream is derived from the store alone. Each run compares the listing of manifests with the stream and appends
//! the differences. Stopping a run loses nothing, because the next run finds the same differences. A run that finds
//! none writes nothing.

use super::{Ingest, IngestError, IngestEvent};
use crate::destination::{Destination, DocumentAddress};
use crate::iiif::{Activity, ActivityKind, Timestamp, discovery};
use crate::store::{Key, Listed, Object, StoreError};
use futures::{StreamExt, TryStreamExt, stream};
use std::collections::{BTreeMap, HashMap};
use std::time::SystemTime;

/// Maximum number of activities per page. It must never change, because then every page would change.
const PAGE_SIZE: usize = 1000;

/// Maximum number of pages to read concurrently.
const GETS_IN_FLIGHT: usize = 16;

/// A stored page's number, body and activities.
type StoredPage = (usize, Vec<u8>, Vec<Activity>);

/// A stored stream.
struct StoredStream {
    /// Page bodies by page number.
    pages: BTreeMap<usize, Vec<u8>>,
    activities: Vec<Activity>,
}

impl Ingest<'_> {
    /// Appends all manifest changes to the activity stream, if it's enabled and this run covers the whole collection.
    pub(super) async fn write_activities(&self) -> Result<(), IngestError> {
        let sees_all = self.documents.as_ref().is_some_and(|keys| keys.collection.is_some());
        if !(self.options.writes_activities && sees_all) {
            return Ok(());
        }
        let destination = self.publisher.options().destination();
        let StoredStream { pages: stored, mut activities } = self.stored_stream(&destination).await?;
        let manifests = self.listed_manifests(&destination).await?;
        let now = self.publisher.store().now().await?;
        let new = new_activities(&activities, manifests, &now.into());
        let added = new.len() as u64;
        activities.extend(new);
        if activities.is_empty() {
            return Ok(());
        }
        let DocumentAddress { key, url } = destination.activities()?;
        let page_url = |number: usize| destination.activity_page(number).map(|page| page.url).unwrap_or_default();
        let pages = discovery::pages_json(&activities, PAGE_SIZE, &url, page_url);
        // Write the last page first, so no page links to a page that doesn't exist yet.
        for (index, body) in pages.iter().enumerate().rev() {
            if stored.get(&(index + 1)).is_none_or(|stored| stored != body.as_bytes()) {
                self.put_activities(destination.activity_page(index + 1)?.key, body.clone()).await?;
            }
        }
        let collection = discovery::collection_json(activities.len(), pages.len(), &url, page_url);
        let is_there =
            self.publisher.store().get(&key).await?.is_some_and(|stored| stored.body == collection.as_bytes());
        if !is_there {
            self.put_activities(key, collection).await?;
        }
        (self.events)(IngestEvent::ActivitiesWritten { url: &url, added });
        Ok(())
    }

    /// Reads all of the stream's pages.
    async fn stored_stream(&self, destination: &Destination) -> Result<StoredStream, IngestError> {
        let store = self.publisher.store();
        let folder = destination.activity_folder()?;
        let listed: Vec<_> = store.pages(&folder).try_collect::<Vec<_>>().await?.concat();
        let numbers =
            listed.iter().filter_map(|object| Some((destination.activity_page_number(&object.key)?, &object.key)));
        let numbers: BTreeMap<usize, &Key> = numbers.collect();
        let read = async |(number, key): (usize, &Key)| -> Result<Option<StoredPage>, IngestError> {
            let Some(stored) = store.get(key).await? else { return Ok(None) };
            let activities = discovery::activities(&stored.body);
            let activities = activities.ok_or_else(|| IngestError::NotActivities { key: key.clone() })?;
            Ok(Some((number, stored.body.to_vec(), activities)))
        };
        let read = stream::iter(numbers).map(read).buffered(GETS_IN_FLIGHT).boxed();
        let read: Vec<_> = read.try_collect().await?;
        let mut found = StoredStream { pages: BTreeMap::new(), activities: Vec::new() };
        for (number, body, activities) in read.into_iter().flatten() {
            found.pages.insert(number, body);
            found.activities.extend(activities);
        }
        Ok(found)
    }

    /// Returns the URIs of all manifests with their modification times.
    async fn listed_manifests(&self, destination: &Destination) -> Result<Vec<(String, Timestamp)>, IngestError> {
        let folder = destination.manifests()?;
        let listed: Vec<_> = self.publisher.store().pages(&folder).try_collect::<Vec<_>>().await?.concat();
        let manifest = |object: Listed| {
            let url = destination.url_of(&object.key)?;
            Some((url, object.modified.unwrap_or(SystemTime::UNIX_EPOCH).into()))
        };
        Ok(listed.into_iter().filter_map(manifest).collect())
    }

    async fn put_activities(&self, key: Key, body: String) -> Result<(), StoreError> {
        let cache_control = self.publisher.options().info_cache_control.as_str().into();
        let content_type = discovery::CONTENT_TYPE;
        let object = Object { key, body: body.into(), content_encoding: None, content_type, cache_control, mark: None };
        self.publisher.store().put(object).await.map(drop)
    }
}

/// Returns the activities to append to a stream for the stored manifests, oldest first.
fn new_activities(known: &[Activity], manifests: Vec<(String, Timestamp)>, now: &Timestamp) -> Vec<Activity> {
    let mut last: HashMap<&str, &Activity> = known.iter().map(|activity| (activity.manifest(), activity)).collect();
    last.retain(|_, activity| activity.kind != ActivityKind::Delete);
    let mut new = Vec::new();
    for (url, modified) in manifests {
        match last.remove(url.as_str()) {
            None => new.push(Activity::new(ActivityKind::Create, url, modified)),
            Some(activity) if activity.end_time < modified => {
                new.push(Activity::new(ActivityKind::Update, url, modified));
            }
            Some(_) => {}
        }
    }
    let deleted = last.into_keys().map(|url| Activity::new(ActivityKind::Delete, url.to_owned(), now.clone()));
    new.extend(deleted);
    new.sort_by(|a, b| (&a.end_time, a.manifest()).cmp(&(&b.end_time, b.manifest())));
    // Harvesters read backwards until they reach a time they've already seen, so times must not decrease.
    let mut latest = known.last().map(|activity| activity.end_time.clone());
    for activity in &mut new {
        if let Some(latest) = latest.filter(|latest| *latest > activity.end_time) {
            activity.end_time = latest;
        }
        latest = Some(activity.end_time.clone());
    }
    new
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, UNIX_EPOCH};

    fn time(second: u64) -> Timestamp {
        (UNIX_EPOCH + Duration::from_secs(second)).into()
    }

    fn shown(activities: &[Activity]) -> Vec<(ActivityKind, &str, &Timestamp)> {
        activities.iter().map(|activity| (activity.kind, activity.manifest(), &activity.end_time)).collect()
    }

    #[test]
    fn a_stream_tells_exactly_what_has_changed() {
        use ActivityKind::{Create, Delete, Update};
        let listed = |manifests: &[(&str, u64)]| -> Vec<(String, Timestamp)> {
            manifests.iter().map(|(url, second)| ((*url).to_owned(), time(*second))).collect()
        };
        let mut stream = new_activities(&[], listed(&[("b", 10), ("a", 20)]), &time(30));
        assert_eq!(shown(&stream), [(Create, "b", &time(10)), (Create, "a", &time(20))]);
        assert!(new_activities(&stream, listed(&[("b", 10), ("a", 20)]), &time(40)).is_empty());
        let new = new_activities(&stream, listed(&[("a", 50), ("c", 15)]), &time(60));
        assert_eq!(shown(&new), [(Create, "c", &time(20)), (Update, "a", &time(50)), (Delete, "b", &time(60))]);
        stream.extend(new);
        let new = new_activities(&stream, listed(&[("a", 50), ("b", 70), ("c", 15)]), &time(80));
        assert_eq!(shown(&new), [(Create, "b", &time(70))], "it is there again");
    }
}
