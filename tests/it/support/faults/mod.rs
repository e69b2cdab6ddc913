//! An S3 server in this process that does on command what real ones do at their worst, and writes down every request.
//!
//! It speaks path-style S3 over HTTP/1: `PutObject`, `GetObject`, `HeadObject`, `DeleteObject`, `ListObjectsV2` and
//! `DeleteObjects`. Every bucket exists until [`FaultServer::without_bucket`] says otherwise. Signatures are not checked,
//! but a body must have the SHA-256 that its request names.
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

pub use call::Request;
pub use fault::{Fault, Refusal, Scope};
pub use objects::{Bodies, StoredObject};

use bytes::Bytes;
use hyper::Method;
use listen::{Lines, Order};
use objects::Objects;
use rules::Rules;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{mpsc, watch};

/// What the threads of the server are called, so that their share of the processor can be told from that of a client.
pub const THREADS: &str = "fault-server";

/// A running server. It stops when it is dropped.
pub struct FaultServer {
    shared: Arc<Shared>,
    address: SocketAddr,
    runtime: Option<Runtime>,
}

/// What the connections of a server share.
struct Shared {
    objects: Mutex<Objects>,
    rules: Mutex<Rules>,
    log: Mutex<Vec<Request>>,
    missing_buckets: Mutex<HashSet<String>>,
    /// What is answered of buckets, by the name of the setting in the query.
    settings: Mutex<HashMap<String, String>>,
    lines: Lines,
    orders: mpsc::UnboundedSender<Order>,
    idle_limit: watch::Sender<Option<Duration>>,
    /// What the clock of the server is ahead of that of the machine.
    ahead: Mutex<Duration>,
}

/// Locks what the server shares. Every change under these locks is whole, so that a panic elsewhere spoils nothing.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl FaultServer {
    /// A server that keeps all that is put.
    pub fn start() -> Self {
        Self::keeping(Bodies::Kept)
    }

    /// A server that keeps the MD5 and the size of what is put, but not the body: for more than memory has room for.
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
            missing_buckets: Mutex::default(),
            settings: Mutex::default(),
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

    /// Where it listens: `http://127.0.0.1:21000`.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The same as a socket address.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Adds a fault to those that may befall a request. Those that came first are looked at first.
    pub fn fail(&self, fault: Fault, scope: Scope) {
        locked(&self.shared.rules).add(fault, scope);
    }

    /// Ends all faults.
    pub fn heal(&self) {
        locked(&self.shared.rules).clear();
        self.close_idle_after(None);
    }

    /// Resets every connection and closes the port, so that nobody can connect for so long. It is closed when this
    /// returns.
    pub fn go_down(&self, time: Duration) {
        let (order, done) = Order::down(time);
        // Fails only where the listening task is gone, and with it the port.
        let _ = self.shared.orders.send(order);
        let _ = done.recv();
    }

    /// Closes connections on which nothing has happened for so long, from now on; `None` keeps them all.
    pub fn close_idle_after(&self, limit: Option<Duration>) {
        self.shared.idle_limit.send_replace(limit);
    }

    /// Moves the clock of the server forward.
    pub fn advance(&self, time: Duration) {
        *locked(&self.shared.ahead) += time;
    }

    /// Makes a bucket one that does not exist.
    pub fn without_bucket(&self, bucket: &str) {
        locked(&self.shared.missing_buckets).insert(bucket.to_owned());
    }

    /// Gives all buckets a setting, such as `versioning`, with the document that is answered.
    pub fn set(&self, setting: &str, document: &str) {
        locked(&self.shared.settings).insert(setting.to_owned(), document.to_owned());
    }

    /// Every request so far, in the order in which they came.
    pub fn requests(&self) -> Vec<Request> {
        locked(&self.shared.log).clone()
    }

    /// Every put so far.
    pub fn puts(&self) -> Vec<Request> {
        locked(&self.shared.log).iter().filter(|request| request.method == Method::PUT).cloned().collect()
    }

    /// How many requests came so far.
    pub fn request_count(&self) -> usize {
        locked(&self.shared.log).len()
    }

    /// Forgets the requests so far.
    pub fn forget_requests(&self) {
        locked(&self.shared.log).clear();
    }

    /// What is stored under a key.
    pub fn object(&self, bucket: &str, key: &str) -> Option<StoredObject> {
        locked(&self.shared.objects).get(bucket, key).cloned()
    }

    /// The keys of a bucket.
    pub fn keys(&self, bucket: &str) -> BTreeSet<String> {
        locked(&self.shared.objects).keys(bucket)
    }

    /// Removes an object, without a request.
    pub fn remove(&self, bucket: &str, key: &str) {
        locked(&self.shared.objects).delete(bucket, key);
    }

    /// Stores an object, without a request.
    pub fn store(&self, bucket: &str, key: &str, body: &[u8]) {
        let object = StoredObject::new(Bytes::copy_from_slice(body), self.shared.now());
        locked(&self.shared.objects).put(bucket, key, object);
    }
}

impl Drop for FaultServer {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // Does not wait: a test may drop its server where waiting is not allowed.
            runtime.shutdown_background();
        }
    }
}

impl Shared {
    /// Returns the time by the clock of the server.
    fn now(&self) -> SystemTime {
        SystemTime::now() + *locked(&self.ahead)
    }

    /// Writes down a request and decides what befalls it; with its number in the log.
    fn admit(&self, request: Request) -> (usize, Vec<Fault>) {
        let faults = locked(&self.rules).befalling(&request, Instant::now());
        let mut log = locked(&self.log);
        log.push(Request { faults: faults.clone(), ..request });
        (log.len() - 1, faults)
    }

    /// Writes down what a request asks to delete.
    fn asked_to_delete(&self, number: usize, keys: Vec<String>) {
        if let Some(request) = locked(&self.log).get_mut(number).filter(|_| !keys.is_empty()) {
            request.deletes = keys;
        }
    }

    /// Writes down how a request was answered.
    fn answered(&self, number: usize, status: u16) {
        // The log may have been forgotten meanwhile.
        if let Some(request) = locked(&self.log).get_mut(number) {
            request.status = Some(status);
        }
    }
}
