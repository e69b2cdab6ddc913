//! Thread pool for decoding, color conversion and encoding. All images share its `--jobs` threads.
//!
//! Decoders and encoders compete for the same cores, so they share one pool. If each library started its own threads,
//! it would start one per core, and `--jobs` would limit only some of them.
//!
//! A worker must never block on other work. If it waited for an encoder, it would hold the very thread the encoder
//! needs. Anything that might block, such as receiving a strip or uploading a tile, happens on a separate thread before
//! the work is submitted to the pool. The one exception is reading from a remote file, because decoders request bytes
//! in the middle of their work. [`wait`] puts that time to use.

use rayon::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuilder, Yield};
use std::any::Any;
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::task::JoinError;

/// Interval at which an idle worker polls for the bytes it is waiting for.
const POLL_INTERVAL: Duration = Duration::from_micros(500);

/// A fixed-size thread pool. Threads start on first use, and clones share the same pool.
#[derive(Clone)]
pub(crate) struct Workers {
    threads: NonZeroUsize,
    pool: Arc<OnceLock<Result<ThreadPool, String>>>,
}

/// Error returned when work fails to produce a result.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum WorkError {
    #[error("could not start the worker threads: {0}")]
    NotStarted(String),
    #[error("{0}")]
    Panicked(String),
}

impl Workers {
    pub(crate) fn new(threads: NonZeroUsize) -> Self {
        Self { threads, pool: Arc::default() }
    }

    /// Runs `work` on the next free thread. Submitted work runs to completion even if this future is dropped.
    ///
    /// # Errors
    /// Returns an error if the work panics or the threads can't be started.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, WorkError> {
        let (sender, result) = oneshot::channel();
        self.pool()?.spawn(move || {
            // Return the panic instead of aborting the process. `work` has been consumed, so nothing can observe a
            // broken state.
            let done = catch_unwind(AssertUnwindSafe(work)).map_err(|panic| WorkError::Panicked(message(&*panic)));
            // Sending fails only if the caller no longer wants the result.
            let _ = sender.send(done);
        });
        result.await.unwrap_or_else(|_| Err(WorkError::Panicked("the work was dropped".to_owned())))
    }

    /// Runs `work` on a pool thread and blocks the calling thread until it finishes. Panics propagate to the caller.
    ///
    /// # Errors
    /// Returns an error if the threads can't be started.
    pub(crate) fn run_blocking<T: Send>(&self, work: impl FnOnce() -> T + Send) -> Result<T, WorkError> {
        Ok(self.pool()?.install(work))
    }

    fn pool(&self) -> Result<&ThreadPool, WorkError> {
        let start = || {
            let pool = ThreadPoolBuilder::new().num_threads(self.threads.get());
            pool.thread_name(|number| format!("worker-{number}")).build().map_err(|error| error.to_string())
        };
        self.pool.get_or_init(start).as_ref().map_err(|error| WorkError::NotStarted(error.clone()))
    }
}

impl From<JoinError> for WorkError {
    fn from(error: JoinError) -> Self {
        let panicked = |panic: Box<dyn Any + Send>| message(&*panic);
        Self::Panicked(error.try_into_panic().map_or_else(|error| error.to_string(), panicked))
    }
}

/// Extracts the message from a panic payload.
fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("it gave no message").to_owned()
}

/// Returns the number of threads the caller can share work with, which is 1 outside the pool.
pub(crate) fn sharing_threads() -> usize {
    if rayon::current_thread_index().is_some() { rayon::current_num_threads() } else { 1 }
}

/// Runs `work` on each item, in parallel if the caller is a worker and sequentially if it isn't.
///
/// # Errors
/// Returns an error from one of the items. Items not yet started at that point are skipped.
pub(crate) fn share<I, E>(items: Vec<I>, work: impl Fn(I) -> Result<(), E> + Send + Sync) -> Result<(), E>
where
    I: Send,
    E: Send,
{
    if sharing_threads() > 1 {
        items.into_par_iter().with_max_len(1).try_for_each(work)
    } else {
        // Outside our pool, rayon would spin up its global pool with one thread per core.
        items.into_iter().try_for_each(work)
    }
}

/// Blocks until `poll` returns a value. If the caller is a worker, it runs other work from the pool in the meantime.
///
/// Callers must not hold a lock that other work might need, because that would deadlock.
pub(crate) fn wait<T>(mut poll: impl FnMut() -> Option<T>) -> T {
    loop {
        if let Some(value) = poll() {
            return value;
        }
        if rayon::yield_now() != Some(Yield::Executed) {
            thread::sleep(POLL_INTERVAL);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{Barrier, Mutex};

    fn two() -> Workers {
        Workers::new(NonZeroUsize::new(2).expect("not 0"))
    }

    #[tokio::test]
    async fn work_runs_on_as_many_threads_as_there_are_jobs() {
        let (workers, names) = (two(), Arc::new(Mutex::new(HashSet::new())));
        let work = |_| {
            let names = Arc::clone(&names);
            workers.run(move || {
                names.lock().expect("whole").insert(thread::current().name().map(str::to_owned));
                thread::sleep(Duration::from_millis(1));
            })
        };
        let done = futures::future::join_all((0..50).map(work)).await;
        assert!(done.iter().all(Result::is_ok));
        let names = names.lock().expect("whole");
        let expected = ["worker-0", "worker-1"].map(|name| Some(name.to_owned()));
        assert_eq!(*names, HashSet::from(expected));
    }

    #[tokio::test]
    async fn a_panic_is_returned_with_its_message() {
        let result = two().run(|| panic!("no {}", "pixels")).await;
        assert_eq!(result, Err::<(), _>(WorkError::Panicked("no pixels".to_owned())));
    }

    #[test]
    fn a_worker_shares_its_items_with_the_others_and_another_thread_shares_none() {
        // Each of the two items waits for the other.
        let meeting = Barrier::new(2);
        let meet = |_| {
            meeting.wait();
            Ok::<_, ()>(())
        };
        let shared = two().run_blocking(|| share(vec![0, 1], meet));
        assert_eq!(shared, Ok(Ok(())));
        let this = thread::current().id();
        let is_here = |_| if thread::current().id() == this { Ok(()) } else { Err("elsewhere") };
        assert_eq!((share(vec![0; 9], is_here), sharing_threads()), (Ok(()), 1));
    }

    #[test]
    fn an_error_ends_the_rest() {
        let workers = two();
        let fail = |item: usize| if item == 7 { Err(item) } else { Ok(()) };
        assert_eq!(workers.run_blocking(|| share((0..100).collect(), fail)), Ok(Err(7)));
        assert_eq!(share((0..100).collect(), fail), Err(7));
    }

    #[test]
    fn a_worker_that_waits_does_other_work() {
        let one = Workers::new(NonZeroUsize::MIN);
        let arrived = Arc::new(AtomicUsize::new(0));
        let waited = one.run_blocking(|| {
            let arriving = Arc::clone(&arrived);
            // This closure occupies the only worker.
            rayon::spawn(move || arriving.store(7, Ordering::Release));
            wait(|| Some(arrived.load(Ordering::Acquire)).filter(|value| *value != 0))
        });
        assert_eq!(waited, Ok(7));
    }
}
