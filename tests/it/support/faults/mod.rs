//! An in-process S3 server that simulates the faults of real servers on command and logs every request.
//!
//! The server supports path-style S3 over HTTP/1: `PutObject`, `GetObject`, `HeadObject`, `DeleteObject`,
//! `ListObjectsV2` and `DeleteObjects`. Every bucket exists unless [`FaultServer::without_bucket`] was called.
//! Signatures are not checked, but a body must match the SHA-256 in its request.
//!
//! ```text
//! let server = FaultServer::start();
//! server.fail(Fault::Answer(Refusal::SlowDown), Scope::lasting(Duration::from_secs(2)).of(&Method::PUT));
//! server.fail(Fault::NeverAnswer, Scope::one_in(500));
//! ```

mod answer;
mod call;
mod fault;
mod listen;
mod objects;
mod respond;
mod rules;
mod settings;

pub use call::Request;
pub use fault::{Fault, Refusal, Scope};
pub use objects::{Bodies, StoredObject};

use bytes::Bytes;
use hyper::Method;
use listen::{Lines, Order};
use objects::Objects;
use rules::Rules;
use settings::KeptSettings;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{mpsc, watch};

/// Name of the threads of the server.
const THREADS: &str = "fault-server";

/// A running server, which stops when it is dropped.
pub struct FaultServer {
    shared: Arc<Shared>,
    address: SocketAddr,
    runtime: Option<Runtime>,
}

/// The state that all connections of a server share.
struct Shared {
    objects: Mutex<Objects>,
    rules: Mutex<Rules>,
    log: Mutex<Vec<Request>>,
    in_flight: AtomicUsize,
    missing_buckets: Mutex<HashSet<String>>,
    /// The documents of bucket settings, by the name of the setting in the query.
    settings: Mutex<HashMap<String, String>>,
    /// Used only with [`Fault::KeepSettings`].
    kept_settings: KeptSettings,
    lines: Lines,
    orders: mpsc::UnboundedSender<Order>,
    idle_limit: watch::Sender<Option<Duration>>,
    /// Offset of the server clock from the local clock.
    ahead: Mutex<Duration>,
}

/// Locks shared state. Every change under these locks is complete, so a panic in another thread leaves it valid.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl FaultServer {
    /// Starts a server that keeps all objects.
    pub fn start() -> Self {
        Self::keeping(Bodies::Kept)
    }

    /// Starts a server that keeps only the MD5 and the size of bodies, for loads that exceed the memory.
    pub fn sink() -> Self {
        Self::keeping(Bodies::Dropped)
    }

    fn keeping(bodies: Bodies) -> Self {
        let runtime = Builder::new_multi_thread().worker_threads(2).thread_name(THREADS).enable_all().build();
        let runtime = runtime.expect("threads");
        let (orders, obeyed) = mpsc::unbounded_channel();
        let (idle_limit, idle_limits) = watch::channel(None);
        let shared = Arc::new(Shared {
            objects: Mutex::new(Objects::new(bodies)),
            rules: Mutex::default(),
            log: Mutex::default(),
            in_flight: AtomicUsize::default(),
            missing_buckets: Mutex::default(),
            settings: Mutex::default(),
            kept_settings: KeptSettings::default(),
            lines: Lines::default(),
            orders,
            idle_limit,
            ahead: Mutex::default(),
        });
        let listener = listen::bind_anywhere().expect("a free port");
        let address = listener.local_addr().expect("bound");
        runtime.spawn(listen::listen(Arc::clone(&shared), listener, obeyed));
        runtime.spawn(listen::close_idle(Arc::clone(&shared), idle_limits));
        Self { shared, address, runtime: Some(runtime) }
    }

    /// Returns the endpoint, such as `http://127.0.0.1:21000`.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Returns the socket address.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Adds a fault. Earlier faults take precedence.
    pub fn fail(&self, fault: Fault, scope: Scope) {
        locked(&self.shared.rules).add(fault, scope);
    }

    /// Removes all faults.
    pub fn heal(&self) {
        locked(&self.shared.rules).clear();
        self.close_idle_after(None);
    }

    /// Resets all connections and closes the port for a time. The port is closed when this returns.
    pub fn go_down(&self, time: Duration) {
        let (order, done) = Order::down(time);
        // Fails only if the listening task has ended, which also closes the port.
        let _ = self.shared.orders.send(order);
        let _ = done.recv();
    }

    /// Closes connections that are idle for `limit` from now on. `None` disables the limit.
    pub fn close_idle_after(&self, limit: Option<Duration>) {
        self.shared.idle_limit.send_replace(limit);
    }

    /// Moves the clock of the server forward.
    pub fn advance(&self, time: Duration) {
        *locked(&self.shared.ahead) += time;
    }

    /// Makes a bucket nonexistent.
    pub fn without_bucket(&self, bucket: &str) {
        locked(&self.shared.missing_buckets).insert(bucket.to_owned());
    }

    /// Sets the document that is returned for a setting of all buckets, such as `versioning`.
    pub fn set(&self, setting: &str, document: &str) {
        locked(&self.shared.settings).insert(setting.to_owned(), document.to_owned());
    }

    /// Returns all requests so far, in order.
    pub fn requests(&self) -> Vec<Request> {
        locked(&self.shared.log).clone()
    }

    /// Returns all puts so far.
    pub fn puts(&self) -> Vec<Request> {
        locked(&self.shared.log).iter().filter(|request| request.method == Method::PUT).cloned().collect()
    }

    /// Returns the number of requests so far.
    pub fn request_count(&self) -> usize {
        locked(&self.shared.log).len()
    }

    /// Returns the number of connections that were opened so far.
    pub fn connection_count(&self) -> usize {
        self.shared.lines.opened()
    }

    /// Clears the log of requests.
    pub fn forget_requests(&self) {
        locked(&self.shared.log).clear();
    }

    /// Returns the object under a key.
    pub fn object(&self, bucket: &str, key: &str) -> Option<StoredObject> {
        locked(&self.shared.objects).get(bucket, key).cloned()
    }

    /// Returns the keys of a bucket.
    pub fn keys(&self, bucket: &str) -> BTreeSet<String> {
        locked(&self.shared.objects).keys(bucket)
    }

    /// Removes an object without a request.
    pub fn remove(&self, bucket: &str, key: &str) {
        locked(&self.shared.objects).delete(bucket, key);
    }

    /// Stores an object without a request.
    pub fn store(&self, bucket: &str, key: &str, body: &[u8]) {
        let object = StoredObject::new(Bytes::copy_from_slice(body), self.shared.now());
        locked(&self.shared.objects).put(bucket, key, object);
    }
}

impl Drop for FaultServer {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // Does not block, because a test may drop its server in an async context.
            runtime.shutdown_background();
        }
    }
}

/// A request in flight.
struct InFlight<'a>(&'a AtomicUsize);

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Shared {
    /// Counts a request as in flight until the guard is dropped.
    fn begin(&self) -> InFlight<'_> {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        InFlight(&self.in_flight)
    }

    /// Returns the current time by the clock of the server.
    fn now(&self) -> SystemTime {
        SystemTime::now() + *locked(&self.ahead)
    }

    /// Logs a request and selects its faults. Also returns its index in the log.
    fn admit(&self, request: Request) -> (usize, Vec<Fault>) {
        let faults = locked(&self.rules).befalling(&request, Instant::now());
        let mut log = locked(&self.log);
        let in_flight = self.in_flight.load(Ordering::Relaxed);
        log.push(Request { faults: faults.clone(), in_flight, ..request });
        (log.len() - 1, faults)
    }

    /// Logs the keys of a batch deletion.
    fn asked_to_delete(&self, number: usize, keys: Vec<String>) {
        if let Some(request) = locked(&self.log).get_mut(number).filter(|_| !keys.is_empty()) {
            request.deletes = keys;
        }
    }

    /// Logs the status of the response.
    fn answered(&self, number: usize, status: u16) {
        // The log may have been cleared in the meantime.
        if let Some(request) = locked(&self.log).get_mut(number) {
            request.status = Some(status);
        }
    }
}
