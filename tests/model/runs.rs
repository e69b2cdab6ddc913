//! The concurrent runs and the initial states of the image.

use super::schedule::{RunStore, Scheduler};
use super::{GRACE, explore::Oracle};
use iiif_publish::delete::{DeleteError, Subject, delete};
use iiif_publish::iiif::{PyramidShape, RoundedSizes};
use iiif_publish::publish::{Image, Options, PublishError, Publisher};
use iiif_publish::store::{MemoryStore, Prefix, Store};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::{Arc, LazyLock};
use std::time::Duration;
use tempfile::TempDir;

/// A run of the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Run {
    /// Publishes or confirms one of the sources.
    Publish(char),
    /// Deletes the image.
    Delete,
}

/// The initial state of the image. An existing image is of source `a`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Before {
    Absent,
    /// A first run was killed while it wrote image files.
    Unfinished,
    /// Just published.
    Young,
    /// Published longer ago than the grace period.
    Settling,
    /// Confirmed long ago.
    Current,
    /// A replacing run was killed while it wrote image files.
    Replacing,
}

/// A set of concurrent runs.
#[derive(Clone, Debug)]
pub struct Scenario {
    pub before: Before,
    pub runs: Vec<Run>,
    pub settle_after: Option<Duration>,
}

/// The sources. They have different sizes, and their image files share some keys.
static SOURCES: LazyLock<TempDir> = LazyLock::new(|| {
    let folder = TempDir::new().expect("a folder");
    for (name, width, height, gray) in [("a", 17, 3, 10), ("b", 17, 9, 200)] {
        let mut bytes = format!("P5 {width} {height} 255\n").into_bytes();
        bytes.resize(bytes.len() + width * height, gray);
        std::fs::write(folder.path().join(name), bytes).expect("written");
    }
    folder
});

fn source(name: char) -> PathBuf {
    SOURCES.path().join(name.to_string())
}

pub fn options(settle_after: Option<Duration>) -> Options {
    let mut options = Options::new("https://example.org".parse().expect("a URL"));
    options.shape = PyramidShape::new(16, Some(16), RoundedSizes::LeftOut).expect("a shape");
    options.jobs = NonZeroUsize::MIN;
    options.concurrency = Some(NonZeroUsize::MIN);
    options.settle_after = settle_after;
    options
}

pub async fn publish(store: Arc<dyn Store>, settle_after: Option<Duration>, name: char) -> Result<(), PublishError> {
    let image = Image::new(source(name), "image".parse().expect("an identifier"));
    Publisher::new(store, options(settle_after), |_| ()).publish(&image).await.map(drop)
}

async fn delete_image(store: Arc<dyn Store>, settle_after: Option<Duration>) -> Result<(), DeleteError> {
    let subject = Subject::find(&*store, &Prefix::default(), "image".parse().expect("an identifier")).await?;
    match delete(&*store, &subject, settle_after.unwrap_or_default(), |_| ()).await {
        Ok(_) | Err(DeleteError::Nothing { .. } | DeleteError::StillPublished { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}

impl Run {
    /// Executes the run. Errors that another run can cause are permitted.
    pub async fn go(self, store: RunStore, settle_after: Option<Duration>) {
        let store = Arc::new(store);
        match self {
            Self::Publish(name) => match publish(store, settle_after, name).await {
                Ok(()) | Err(PublishError::CleanUp { .. } | PublishError::Overtaken { .. }) => {}
                Err(error) => panic!("a run ended with {error:?}"),
            },
            Self::Delete => delete_image(store, settle_after).await.expect("deleted"),
        }
    }
}

impl Scenario {
    /// Returns a store with the initial state.
    pub async fn store(&self) -> Arc<MemoryStore> {
        let store = Arc::new(MemoryStore::default());
        let publish = async |name| publish(Arc::clone(&store) as _, self.settle_after, name).await.expect("published");
        match self.before {
            Before::Absent => {}
            Before::Unfinished => self.publish_until_killed(&store, 'a').await,
            Before::Young => publish('a').await,
            Before::Settling => {
                publish('a').await;
                store.advance(2 * GRACE);
            }
            Before::Current => {
                publish('a').await;
                store.advance(2 * GRACE);
                publish('a').await;
                store.advance(2 * GRACE);
            }
            Before::Replacing => {
                publish('a').await;
                store.advance(2 * GRACE);
                self.publish_until_killed(&store, 'b').await;
            }
        }
        store
    }

    /// Publishes until the run is killed before its fourth image file.
    async fn publish_until_killed(&self, store: &Arc<MemoryStore>, name: char) {
        let scheduler = Scheduler::new(1);
        let run_store = RunStore { run: 0, scheduler: Arc::clone(&scheduler), inner: Arc::clone(store) };
        let task = tokio::spawn(Run::Publish(name).go(run_store, self.settle_after));
        let mut pictures = 0;
        loop {
            scheduler.quiet().await;
            let next = scheduler.next();
            pictures += usize::from(next[0].1.ends_with(".jpg"));
            if pictures == 4 {
                break;
            }
            scheduler.grant(0, store);
        }
        task.abort();
        let _ = task.await;
    }

    /// Returns the expected objects of each source.
    pub async fn oracle() -> Oracle {
        let mut oracle = Oracle::default();
        for name in ['a', 'b'] {
            let store = Arc::new(MemoryStore::default());
            publish(Arc::clone(&store) as _, Some(GRACE), name).await.expect("published");
            oracle.learn(name, &store);
        }
        oracle
    }
}
